package operation

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/paceline/paceline/internal/app"
	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/engine"
	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/org"
	"github.com/paceline/paceline/internal/process"
	"github.com/paceline/paceline/internal/ticket"
)

// Plan is how the open tickets of one version of an app go to another. Elements with the same id and kind go
// to each other by themselves.
type Plan struct {
	App      string
	From, To int // numbers of versions; 0: the active one
	Mappings []Mapping
	Renew    []string // events of the new version that are armed again from its model
}

// Mapping says where an element or a sequence flow of the old version is in the new one.
type Mapping struct {
	Process string `json:"process,omitempty" maxLength:"250" doc:"that has the element; left out: every process that has one of the id"`
	From    string `json:"from" minLength:"1" maxLength:"250" doc:"id of an element or a sequence flow of the old version"`
	To      string `json:"to" maxLength:"250" doc:"its id in the new version; empty: what waits there is to stay"`
}

// Migration is what a run of a migration keeps: a plan worked out by process.
type Migration struct {
	Plan
	Plans map[string]engine.Plan
}

// PlanView is a plan worked out, to be looked at before it is used.
type PlanView struct {
	App       string        `json:"app"`
	From      int           `json:"from"`
	To        int           `json:"to"`
	Processes []ProcessPlan `json:"processes"`
	Problems  []string      `json:"problems" doc:"why the plan cannot be used as it stands"`
}

// ProcessPlan is what becomes of one process.
type ProcessPlan struct {
	Process  string `json:"process"`
	Problem  string `json:"problem,omitempty" doc:"why none of its tickets can follow"`
	Elements []Fit  `json:"elements"`
}

// Fit is what becomes of one element.
type Fit struct {
	From   string `json:"from"`
	Name   string `json:"name,omitempty"`
	Kind   string `json:"kind" doc:"BPMN tag" example:"userTask"`
	To     string `json:"to,omitempty" doc:"empty: what waits there cannot follow"`
	Why    string `json:"why,omitempty" doc:"why not"`
	Chosen bool   `json:"chosen" doc:"by a mapping of the plan"`
}

// moving is a plan with its two versions.
type moving struct {
	Migration
	from, to *app.Loaded
	view     PlanView
	defs     map[db.ID]moved // by the old definition
}

// moved is where the instances of one definition go.
type moved struct {
	event engine.Migrate
	why   error // they cannot
}

// Plan works a plan out.
func (s *Service) Plan(ctx context.Context, actor *org.Actor, p Plan) (view PlanView, err error) {
	defer errs.Wrap(&err, "operation.Plan")
	m, err := s.workOut(ctx, actor, p)
	if err != nil {
		return view, err
	}
	return m.view, nil
}

func (s *Service) workOut(ctx context.Context, actor *org.Actor, p Plan) (*moving, error) {
	if err := actor.Require(org.RepairTickets); err != nil {
		return nil, err
	}
	m := &moving{Migration: Migration{Plan: p, Plans: map[string]engine.Plan{}}, defs: map[db.ID]moved{}}
	for _, side := range []struct {
		number *int
		loaded **app.Loaded
	}{{&m.From, &m.from}, {&m.To, &m.to}} {
		v, err := s.deps.Apps.Find(ctx, actor, p.App, *side.number)
		if err != nil {
			return nil, err
		}
		*side.number = v.Number
		if *side.loaded, err = s.deps.Apps.Loaded(ctx, v.ID); err != nil {
			return nil, err
		}
	}
	if m.From == m.To {
		return nil, errs.New(errs.Invalid, "a migration goes from one version to another, not from %d to %d", m.From, m.To)
	}
	m.view = PlanView{App: p.App, From: m.From, To: m.To, Processes: []ProcessPlan{}, Problems: []string{}}
	used := make([]bool, len(p.Mappings))
	for _, name := range m.from.Processes() {
		if err := s.planProcess(ctx, m, name, used); err != nil {
			return nil, err
		}
	}
	for i, mapping := range p.Mappings {
		if !used[i] {
			m.view.Problems = append(m.view.Problems, mapping.From+": no process of the old version has such an element")
		}
	}
	return m, nil
}

// planProcess works out what becomes of one process.
func (s *Service) planProcess(ctx context.Context, m *moving, name string, used []bool) error {
	source, target := m.from.DefinitionID(name), m.to.DefinitionID(name)
	from, err := s.deps.Apps.Definition(ctx, source)
	if err != nil {
		return err
	}
	view := ProcessPlan{Process: name, Elements: []Fit{}}
	if target == 0 {
		view.Problem = "the new version has no process " + name
		m.view.Processes = append(m.view.Processes, view)
		m.defs[source] = moved{why: errs.New(errs.Conflict, "%s", view.Problem)}
		return nil
	}
	to, err := s.deps.Apps.Definition(ctx, target)
	if err != nil {
		return err
	}
	plan := engine.Plan{Map: map[string]string{}}
	for i, mapping := range m.Mappings {
		if (mapping.Process == "" || mapping.Process == name) && from.Has(mapping.From) {
			used[i] = true
			plan.Map[mapping.From] = mapping.To
		}
	}
	for _, event := range m.Renew {
		if to.Has(event) {
			plan.Renew = append(plan.Renew, event)
		}
	}
	m.view.Problems = append(m.view.Problems, plan.Check(from, to)...)
	for _, f := range plan.Fits(from, to) {
		view.Elements = append(view.Elements, Fit{From: f.From, Name: f.Name, Kind: f.Tag, To: f.To, Why: f.Why, Chosen: f.Chosen})
	}
	m.view.Processes = append(m.view.Processes, view)
	m.Plans[name] = plan
	m.defs[source] = moved{event: engine.Migrate{To: to, Source: engine.ID(source), Target: engine.ID(target), Plan: plan}}
	return nil
}

// refuse is the error of a plan with problems.
func (m *moving) refuse() error {
	if len(m.view.Problems) == 0 {
		return nil
	}
	err := errs.New(errs.Invalid, "the plan cannot be used")
	for _, problem := range m.view.Problems {
		err = err.WithDetails(errs.Detail{Place: "mappings", Rule: "fits", Message: problem})
	}
	return err
}

// Survey is what a migration would do to tickets that are open now.
type Survey struct {
	Examined int     `json:"examined"`
	Follow   int     `json:"follow" doc:"tickets that can follow"`
	Causes   []Cause `json:"causes" doc:"why others cannot, the most frequent first"`
	Stay     []Stays `json:"stay" doc:"the tickets that cannot"`
	Next     string  `json:"next,omitempty" doc:"more tickets are open: ask again with it as after"`
}

// Stays is a ticket that cannot follow.
type Stays struct {
	Ticket  db.ID  `json:"ticket"`
	Number  string `json:"number"`
	Element string `json:"element,omitempty"`
	Reason  string `json:"reason"`
}

// MostExamined bounds the tickets of one look; the next look goes on.
const MostExamined = 5000

// DryRun tries a plan on the open tickets after one, at most limit of them, and changes nothing.
func (s *Service) DryRun(ctx context.Context, actor *org.Actor, p Plan, after db.ID, limit int) (found Survey, err error) {
	defer errs.Wrap(&err, "operation.DryRun")
	m, err := s.workOut(ctx, actor, p)
	if err != nil {
		return found, err
	}
	if err := m.refuse(); err != nil {
		return found, err
	}
	if limit <= 0 || limit > MostExamined {
		limit = MostExamined
	}
	found.Stay, found.Causes = []Stays{}, []Cause{}
	counts := map[Cause]int{}
	for found.Examined < limit {
		part, err := s.deps.Tickets.RunningOn(ctx, m.App, m.From, after, min(200, limit-found.Examined))
		if err != nil {
			return found, err
		}
		if len(part) == 0 {
			found.rank(counts)
			return found, nil
		}
		if err := s.examine(ctx, m, part, &found, counts); err != nil {
			return found, err
		}
		after = part[len(part)-1].ID
	}
	found.Next = after.String()
	found.rank(counts)
	return found, nil
}

func (s *Service) examine(ctx context.Context, m *moving, part []ticket.Running, found *Survey, counts map[Cause]int) error {
	ids := make([]db.ID, len(part))
	for i, t := range part {
		ids[i] = t.ID
	}
	answers, err := s.deps.Process.Try(ctx, ids, func(in process.Instance) (engine.Event, error) {
		to, known := m.defs[in.Definition]
		if !known {
			return nil, errs.New(errs.Conflict, "it runs no process of version %d", m.From)
		}
		return to.event, to.why
	})
	if err != nil {
		return err
	}
	for _, t := range part {
		found.Examined++
		why := answers[t.ID]
		if why == nil && t.Kind != "" && m.to.Kind(t.Kind) == nil {
			why = errs.New(errs.Conflict, "version %d has no tickets of the kind %s", m.To, t.Kind)
		}
		if why == nil {
			found.Follow++
			continue
		}
		stays := Stays{Ticket: t.ID, Number: t.Number, Reason: why.Error()}
		var refused *engine.Refused
		if errors.As(why, &refused) {
			stays.Element = refused.Element
		}
		found.Stay = append(found.Stay, stays)
		counts[Cause{Element: stays.Element, Reason: stays.Reason}]++
	}
	return nil
}

func (found *Survey) rank(counts map[Cause]int) {
	for c, n := range counts {
		c.Count = n
		found.Causes = append(found.Causes, c)
	}
	slices.SortFunc(found.Causes, func(a, b Cause) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Reason, b.Reason))
	})
}

// Migrate begins a migration of the open tickets of a version, of the oldest so many when limit is not 0. Those
// that cannot follow stay as they are and count as failed.
func (s *Service) Migrate(ctx context.Context, actor *org.Actor, p Plan, reason string, limit int) (run Run, err error) {
	defer errs.Wrap(&err, "operation.Migrate")
	m, err := s.workOut(ctx, actor, p)
	if err != nil {
		return run, err
	}
	if err := m.refuse(); err != nil {
		return run, err
	}
	if err := (ticket.Operation{Do: ticket.Migrate, Reason: reason, Version: m.To}).Check(); err != nil {
		return run, err
	}
	var ids []db.ID
	for after := db.ID(0); limit <= 0 || len(ids) < limit; {
		size := 1000
		if limit > 0 {
			size = min(size, limit-len(ids))
		}
		part, err := s.deps.Tickets.RunningOn(ctx, m.App, m.From, after, size)
		if err != nil {
			return run, err
		}
		for _, t := range part {
			ids, after = append(ids, t.ID), t.ID
		}
		if len(part) < size {
			break
		}
	}
	return s.begin(ctx, actor, Run{Do: ticket.Migrate, App: m.App, Reason: reason}, m.Migration, ids)
}
