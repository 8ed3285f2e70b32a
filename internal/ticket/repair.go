package ticket

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/engine"
	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/feel"
	"github.com/paceline/paceline/internal/org"
	"github.com/paceline/paceline/internal/process"
)

// Repair is what is done about an incident.
type Repair struct {
	Vars json.RawMessage // object: variables of the process to set before
	Note string
}

// Retried answers Retry and Skip.
type Retried struct {
	Ticket   db.ID `json:"ticket"`
	Incident db.ID `json:"incident"`
}

// Retry does again what an incident has stopped, with other variables where the repair has any.
func (s *Service) Retry(ctx context.Context, actor *org.Actor, incident db.ID, r Repair) (retried Retried, err error) {
	defer errs.Wrap(&err, "ticket.Retry")
	defer recall(ctx, s, &retried, &err)
	stuck, err := s.incident(ctx, actor, incident)
	if err != nil {
		return retried, err
	}
	vars, err := readValues("variables", r.Vars)
	if err != nil {
		return retried, err
	}
	return s.retry(ctx, actor, stuck, vars, r.Note)
}

// retry sets the variables and retries: two commands, of which the first is done once too when the second
// failed and the request is repeated under its key.
func (s *Service) retry(ctx context.Context, actor *org.Actor, stuck Incident, vars feel.Vars, note string) (Retried, error) {
	cmd := process.Command{Instance: stuck.Instance, Actor: actor.ID, By: actor.Name, Note: note}
	if len(vars) > 0 {
		cmd.Event = engine.VariablesSet{Vars: vars}
		if _, err := s.process.Submit(partOf(ctx, "v", stuck.ID), cmd); err != nil {
			return Retried{}, err
		}
	}
	cmd.Event = engine.Retry{Incident: engine.ID(stuck.ID)}
	return s.repair(ctx, cmd, stuck)
}

func (s *Service) repair(ctx context.Context, cmd process.Command, stuck Incident) (retried Retried, err error) {
	cmd.Answer = func(*process.Transition) any { return Retried{Ticket: stuck.Ticket, Incident: stuck.ID} }
	res, err := s.process.Submit(ctx, cmd)
	if err != nil {
		return retried, err
	}
	return answer[Retried](res)
}

// partOf gives one of several commands of a request a key of its own, made of the request's.
func partOf(ctx context.Context, part string, incident db.ID) context.Context {
	once, ok := db.OnceFrom(ctx)
	if !ok {
		return ctx
	}
	return db.WithOnce(ctx, db.Once{Key: once.Key + ":" + part + ":" + incident.String(), Hash: once.Hash})
}

// Skip goes on behind an element that has failed: at the element named, else where its only flow leads.
// What the element would have done or set is not done.
func (s *Service) Skip(ctx context.Context, actor *org.Actor, incident db.ID, to string, r Repair) (skipped Retried, err error) {
	defer errs.Wrap(&err, "ticket.Skip")
	defer recall(ctx, s, &skipped, &err)
	stuck, err := s.incident(ctx, actor, incident)
	if err != nil {
		return skipped, err
	}
	vars, err := readValues("variables", r.Vars)
	if err != nil {
		return skipped, err
	}
	return s.skip(ctx, actor, stuck, to, vars, r.Note)
}

func (s *Service) skip(ctx context.Context, actor *org.Actor, stuck Incident, to string, vars feel.Vars, note string) (skipped Retried, err error) {
	if to, err = s.behind(ctx, stuck, to); err != nil {
		return skipped, err
	}
	return s.repair(ctx, process.Command{
		Instance: stuck.Instance, Event: engine.Jump{From: stuck.Element, To: to, Vars: vars}, Actor: actor.ID, By: actor.Name, Note: note,
	}, stuck)
}

func (s *Service) behind(ctx context.Context, stuck Incident, to string) (string, error) {
	def, err := s.apps.Definition(ctx, stuck.Definition)
	if err != nil {
		return "", err
	}
	n := def.Node(stuck.Element)
	switch {
	case n == nil || n.Loop != nil:
		return "", errs.New(errs.Unsupported, "%s runs more than once; one run of it cannot be skipped", stuck.Element).
			WithCure("retry it with other variables")
	case to != "":
		return to, nil
	case len(n.Out) != 1:
		return "", wrongField("to", "required", "%s has %d flows out of it; name the element to go on at", stuck.Element, len(n.Out))
	}
	return n.Out[0].To.ID, nil
}

// BulkRepair names the incidents to repair together: those of one cause, or of a filter.
type BulkRepair struct {
	Cause  string
	Filter IncidentFilter
	Repair
	Skip  bool   // go on behind them, instead of retrying
	To    string // with Skip: at this element
	Limit int    // 1 to 500; 0: 100
}

// Repaired answers RepairAll.
type Repaired struct {
	Done   []Retried     `json:"done"`
	Failed []NotRepaired `json:"failed"`
	More   bool          `json:"more" doc:"there are more of them: ask again, under a new key"`
}

// NotRepaired is an incident that was left as it is.
type NotRepaired struct {
	Retried
	Reason string `json:"reason"`
}

// RepairAll retries or skips incidents together, oldest first. Each is a request of its own: what fails hurts no other, and
// a repeat under the same key goes on where the first has stopped.
func (s *Service) RepairAll(ctx context.Context, actor *org.Actor, r BulkRepair) (done Repaired, err error) {
	defer errs.Wrap(&err, "ticket.RepairAll")
	if r.Cause == "" && r.Filter == (IncidentFilter{}) {
		return done, wrongField("cause", "required", "say which incidents: a cause, or a filter")
	}
	vars, err := readValues("variables", r.Vars)
	if err != nil {
		return done, err
	}
	return remembered(ctx, s.db, func() (Repaired, error) { return s.repairAll(ctx, actor, r, vars) })
}

func (s *Service) repairAll(ctx context.Context, actor *org.Actor, r BulkRepair, vars feel.Vars) (Repaired, error) {
	done := Repaired{Done: []Retried{}, Failed: []NotRepaired{}}
	found, err := s.incidents(ctx, actor, r.Filter, 0, incidentsMost)
	if err != nil {
		return done, err
	}
	limit := min(r.Limit, 500)
	if limit <= 0 {
		limit = 100
	}
	for _, i := range found {
		if r.Cause != "" && i.cause() != r.Cause {
			continue
		}
		if len(done.Done)+len(done.Failed) == limit {
			done.More = true
			break
		}
		part := partOf(ctx, "r", i.ID)
		var retried Retried
		if r.Skip {
			retried, err = s.skip(part, actor, i, r.To, vars, r.Note)
		} else {
			retried, err = s.retry(part, actor, i, vars, r.Note)
		}
		switch {
		case errs.Is(err, errs.Unavailable):
			return done, err
		case err != nil:
			done.Failed = append(done.Failed, NotRepaired{Retried{i.Ticket, i.ID}, err.Error()})
		default:
			done.Done = append(done.Done, retried)
		}
	}
	return done, nil
}

// remembered keeps the answer of a request that takes many transactions under the request's key. Until it
// is kept, a repeat does the work again, so each part of it has a key too.
func remembered[T any](ctx context.Context, d *db.DB, work func() (T, error)) (T, error) {
	if _, ok := db.OnceFrom(ctx); !ok {
		return work()
	}
	first := errors.New("the first request under the key")
	kept, err := db.Do(ctx, d, func(context.Context, *db.Tx) (none T, _ error) { return none, first })
	if !errors.Is(err, first) {
		return kept, err
	}
	answer, err := work()
	if err != nil {
		return answer, err
	}
	return db.Do(ctx, d, func(context.Context, *db.Tx) (T, error) { return answer, nil })
}
