package ticket

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/paceline/paceline/internal/app"
	"github.com/paceline/paceline/internal/bpmn"
	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/engine"
	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/feel"
	"github.com/paceline/paceline/internal/form"
	"github.com/paceline/paceline/internal/org"
	"github.com/paceline/paceline/internal/process"
)

// task is an open task that an actor sees.
type task struct {
	openTask
	candidate bool // the actor is one of its candidates
}

// findTask reads an open task that the actor may see. Who has it or may claim it sees
// its ticket; whether others do is asked.
func (s *Service) findTask(ctx context.Context, actor *org.Actor, id db.ID) (*task, error) {
	if err := actor.Require(org.ReadTasks); err != nil {
		return nil, err
	}
	found, known, err := s.openTasks.Find(ctx, id)
	if err != nil {
		return nil, err
	}
	if !known {
		return nil, errNoTask(id)
	}
	t := &task{openTask: found, candidate: slices.ContainsFunc(found.candidates, actor.Is)}
	if t.takesPart(actor) {
		return t, nil
	}
	err = s.mustSee(ctx, actor, t.Root)
	if errs.Is(err, errs.NotFound) {
		err = errNoTask(id)
	}
	return t, err
}

// takesPart says whether the actor sees the task because of what it has to do with it.
func (t *task) takesPart(actor *org.Actor) bool {
	return (t.candidate || t.Assignee == actor.ID) && actor.InApp(t.app)
}

func errNoTask(id db.ID) error {
	return errs.New(errs.NotFound, "there is no open task %s, or you may not see it", id).
		WithCure("it may be done already: look at the inbox or at the ticket again")
}

// readTasks reads open tasks and their candidates, of which there are few, with one statement. They are the
// most frequent question of all, so many callers share a read.
func (s *Service) readTasks(ctx context.Context, ids []db.ID) (map[db.ID]openTask, error) {
	rows, err := s.db.Query(ctx, "SELECT "+process.TaskColumns+", k.app, instance.version, COALESCE(c.principal, 0)"+
		" FROM task JOIN ticket k ON k.id = task.root JOIN instance ON instance.id = task.instance LEFT JOIN task_candidate c ON c.task = task.id"+
		" WHERE task.id IN (?)", db.In(ids))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	tasks := make(map[db.ID]openTask, len(ids))
	for rows.Next() {
		var t openTask
		var candidate db.ID
		if t.Task, err = process.ScanTask(rows, &t.app, &t.instance, &candidate); err != nil {
			return nil, err
		}
		if candidate != 0 {
			t.candidates = append(tasks[t.ID].candidates, candidate)
		}
		tasks[t.ID] = t
	}
	return tasks, rows.Err()
}

// TaskView is a task as its page shows it.
type TaskView struct {
	Item
	Outcomes []string `json:"outcomes" doc:"the ways to complete it; empty: just done"`
	// OutcomeNames are what people read for the outcomes.
	OutcomeNames map[string]string `json:"outcomeNames" doc:"of each outcome, in the asker's language"`
	Form         *FormView         `json:"form,omitempty"`
	May          []string          `json:"may" doc:"what the asker may do with it: claim, unclaim, complete, delegate, transfer, return, addSigner"`
	ReturnTo     []ReturnTarget    `json:"returnTo" doc:"the steps that it can be returned to"`
	Problem      string            `json:"problem,omitempty" doc:"why nobody could be found for it"`
	Signers      []Signer          `json:"signers,omitempty" doc:"of an approval: the members of the group and their votes"`
}

// FormView is a form with the data that the asker may see in it.
type FormView struct {
	Name   string                `json:"name"`
	Schema json.RawMessage       `json:"schema" doc:"form-js JSON, without what is hidden"`
	Rights map[string]form.Right `json:"rights" doc:"of each field that shows: read, edit or required"`
	Data   json.RawMessage       `json:"data"`
	// Choices of fields that take them from records.
	Choices map[string][]form.Choice `json:"choices,omitempty" doc:"by path of a field that takes its choices from records: the first of them; more are found by getChoices"`
}

// ReturnTarget is a passed step.
type ReturnTarget struct {
	Element string `json:"element"`
	Name    string `json:"name"`
	By      string `json:"by" doc:"who completed it last"`
}

// Task shows an open task.
func (s *Service) Task(ctx context.Context, actor *org.Actor, id db.ID) (v TaskView, err error) {
	defer errs.Wrap(&err, "ticket.Task")
	t, err := s.findTask(ctx, actor, id)
	if err != nil {
		return v, err
	}
	step, err := s.step(ctx, t)
	if err != nil {
		return v, err
	}
	item, err := s.item(ctx, actor, id)
	if err != nil {
		return v, err
	}
	w := wordsFor(actor, step.live)
	v = TaskView{Item: item, Outcomes: t.Outcomes, Problem: t.Problem, May: []string{}, ReturnTo: step.passed(w)}
	v.OutcomeNames = map[string]string{}
	for _, outcome := range t.Outcomes {
		v.OutcomeNames[outcome] = w.outcome(outcome)
	}
	access := s.access(actor)
	for _, do := range []act{claim, unclaim, complete, delegate, transfer, giveBack} {
		if access.may(do, t) == nil && (do != giveBack || len(v.ReturnTo) > 0) {
			v.May = append(v.May, string(do))
		}
	}
	if v.Signers = s.signers(step.state, t.ID); v.Signers != nil && access.may(transfer, t) == nil {
		v.May = append(v.May, addSigner)
	}
	if step.form != nil {
		if v.Form, err = viewOf(w, t.FormKey, step.rights, step.vars); err == nil {
			err = s.offer(ctx, actor, step.live, v.Form, step.rights)
		}
	}
	return v, err
}

// step is where a task stands: its node, its form and what its form may touch.
type step struct {
	node       *bpmn.Node
	state      *engine.State
	definition *engine.Definition
	live       *app.Loaded
	form       *form.Form
	rights     form.Rights
	vars       feel.Vars
}

func (s *Service) step(ctx context.Context, t *task) (*step, error) {
	def, err := s.apps.Definition(ctx, t.Definition)
	if err != nil {
		return nil, err
	}
	live, err := s.apps.ByDefinition(ctx, t.Definition)
	if err != nil {
		return nil, err
	}
	state, err := s.process.State(ctx, t.Instance, t.openTask.instance)
	if err != nil {
		return nil, err
	}
	vars, open := state.Visible(engine.ID(t.ID))
	if !open {
		return nil, errs.New(errs.Conflict, "task %s is done already", t.ID).WithCure("look at the inbox again")
	}
	st := &step{node: def.Node(t.Node), state: state, definition: def, live: live, vars: vars}
	st.form = live.Form(t.FormKey)
	if st.node.User != nil {
		st.rights = form.RightsOf(st.node.User.FormRights)
	}
	return st, nil
}

// passed lists the steps that work can be returned to, nearest first, each once.
func (st *step) passed(w words) []ReturnTarget {
	targets := []ReturnTarget{}
	for _, p := range slices.Backward(st.state.Passed()) {
		known := slices.ContainsFunc(targets, func(t ReturnTarget) bool { return t.Element == p.Element })
		if node := st.definition.Node(p.Element); !known && node != nil {
			targets = append(targets, ReturnTarget{Element: p.Element, Name: w.step(st.definition, p.Element, node.Name), By: p.By})
		}
	}
	return targets
}

// viewOf is the form of a key as its reader sees it.
func viewOf(w words, key string, rights form.Rights, vars feel.Vars) (*FormView, error) {
	name := w.live.FormName(key)
	v := w.live.Form(key).View(rights, vars, w.form(name))
	data, err := feel.ToJSON(feel.From(map[string]any(v.Data)))
	return &FormView{Name: name, Schema: v.Schema, Rights: v.Rights, Data: data}, err
}

// Acted answers everything that is done to a task.
type Acted struct {
	Ticket   db.ID   `json:"ticket"`
	Task     db.ID   `json:"task"`
	Version  int     `json:"version,omitempty" doc:"of the task, when it is still open"`
	Assignee *Person `json:"assignee,omitempty"`
	Status   Status  `json:"status" enum:"open,closed,cancelled,failed" doc:"of the ticket's process"`
}

// Completion is how a task is completed.
type Completion struct {
	Task    db.ID
	Version int // of the task, as it was shown; a stale one is a Conflict
	Outcome string
	Data    json.RawMessage // object: the form's values
	Note    string
}

// Complete does a task: the form's values are checked against the rights of the step
// and become variables. A delegated task goes back to who delegated it.
func (s *Service) Complete(ctx context.Context, actor *org.Actor, c Completion) (acted Acted, err error) {
	defer errs.Wrap(&err, "ticket.Complete")
	defer recall(ctx, s, &acted, &err)
	if actor == nil {
		return acted, actor.Require(org.WorkTasks)
	}
	if known, ok := s.recent.find(c.Task, c.Version); ok {
		t := &task{openTask: known, candidate: slices.ContainsFunc(known.candidates, actor.Is)}
		if t.takesPart(actor) {
			if acted, err = s.complete(ctx, actor, t, c); err == nil {
				return acted, nil
			}
		}
	}
	t, err := s.findTask(ctx, actor, c.Task)
	if err != nil {
		return acted, err
	}
	return s.complete(ctx, actor, t, c)
}

func (s *Service) complete(ctx context.Context, actor *org.Actor, t *task, c Completion) (acted Acted, err error) {
	if err := s.access(actor).may(complete, t); err != nil {
		return acted, err
	}
	step, err := s.step(ctx, t)
	if err != nil {
		return acted, err
	}
	if err := checkOutcome(t.Outcomes, c.Outcome); err != nil {
		return acted, err
	}
	vars, err := s.fill(ctx, actor, step, c.Data)
	if err != nil {
		return acted, err
	}
	return s.act(ctx, actor, t, c.Note, engine.TaskCompleted{
		Task: engine.ID(t.ID), Version: seenVersion(c.Version, t), Outcome: c.Outcome, Vars: vars, By: actor.Login, Note: c.Note,
	})
}

// fill checks what was sent with a task.
func (s *Service) fill(ctx context.Context, actor *org.Actor, st *step, data json.RawMessage) (feel.Vars, error) {
	sent, err := readValues("data", data)
	if err != nil {
		return nil, err
	}
	if st.form == nil {
		if len(sent) > 0 {
			return nil, wrongField("data", "unknown", "this task has no form; send no data")
		}
		return nil, nil
	}
	return s.apply(ctx, actor, st.live, st.form, form.Submission{Current: st.vars, Values: sent, Rights: st.rights})
}

func checkOutcome(outcomes []string, chosen string) error {
	switch {
	case len(outcomes) == 0 && chosen == "", slices.Contains(outcomes, chosen):
		return nil
	case len(outcomes) == 0:
		return wrongField("outcome", "unknown", "this task has no outcomes to choose from")
	case chosen == "":
		return wrongField("outcome", "required", "choose one of %q", outcomes)
	}
	return wrongField("outcome", "enum", "%q is not one of %q", chosen, outcomes)
}

// Claim takes a free task.
func (s *Service) Claim(ctx context.Context, actor *org.Actor, id db.ID, seen int) (Acted, error) {
	return s.assign(ctx, actor, claim, id, seen, actor.Login, "")
}

// Unclaim puts a task back for its candidates.
func (s *Service) Unclaim(ctx context.Context, actor *org.Actor, id db.ID, seen int) (Acted, error) {
	return s.assign(ctx, actor, unclaim, id, seen, "", "")
}

// Transfer gives a task to somebody else for good.
func (s *Service) Transfer(ctx context.Context, actor *org.Actor, id db.ID, seen int, to, note string) (Acted, error) {
	return s.assign(ctx, actor, transfer, id, seen, to, note)
}

// Delegate gives a task to somebody who does it for the assignee; then it comes back.
func (s *Service) Delegate(ctx context.Context, actor *org.Actor, id db.ID, seen int, to, note string) (Acted, error) {
	return s.assign(ctx, actor, delegate, id, seen, to, note)
}

func (s *Service) assign(ctx context.Context, actor *org.Actor, do act, id db.ID, seen int, to, note string) (acted Acted, err error) {
	defer errs.Wrap(&err, "ticket."+string(do))
	defer recall(ctx, s, &acted, &err)
	t, err := s.findTask(ctx, actor, id)
	if err != nil {
		return acted, err
	}
	if err := s.access(actor).may(do, t); err != nil {
		return acted, err
	}
	if do == transfer || do == delegate {
		u := s.org.Directory().UserByLogin(to)
		switch {
		case u == nil || u.Disabled:
			return acted, wrongField("to", "exists", "there is no user %q who can take it", to)
		case u.ID == t.Assignee:
			return acted, wrongField("to", "other", "%s has the task already", to)
		}
	}
	return s.act(ctx, actor, t, note, engine.TaskAssigned{
		Task: engine.ID(t.ID), Version: seenVersion(seen, t), To: to, Delegate: do == delegate, By: actor.Login,
	})
}

// Return sends the work back to a step that was passed. With straight it comes back
// here when that step is done, without walking through what lies between.
func (s *Service) Return(ctx context.Context, actor *org.Actor, id db.ID, seen int, to string, straight bool, note string) (acted Acted, err error) {
	defer errs.Wrap(&err, "ticket.Return")
	defer recall(ctx, s, &acted, &err)
	t, err := s.findTask(ctx, actor, id)
	if err != nil {
		return acted, err
	}
	if err := s.access(actor).may(giveBack, t); err != nil {
		return acted, err
	}
	if seen != 0 && seen != t.Version {
		return acted, errs.New(errs.Conflict, "the task has changed since it was shown").WithCure("look at it again")
	}
	step, err := s.step(ctx, t)
	if err != nil {
		return acted, err
	}
	targets := step.passed(wordsFor(actor, step.live))
	if to == "" && len(targets) > 0 {
		to = targets[0].Element
	}
	if !slices.ContainsFunc(targets, func(r ReturnTarget) bool { return r.Element == to }) {
		return acted, wrongField("to", "passed", "%q is not a step that this ticket has passed", to)
	}
	return s.act(ctx, actor, t, note, engine.Jump{From: t.Node, To: to, Return: straight})
}

// act submits an event about a task.
func (s *Service) act(ctx context.Context, actor *org.Actor, t *task, note string, event engine.Event) (Acted, error) {
	res, err := s.process.Submit(ctx, process.Command{
		Instance: t.Instance, Event: event, Actor: actor.ID, By: actor.Name, Note: note,
		Answer: func(tr *process.Transition) any {
			done := Acted{Ticket: t.Root, Task: t.ID, Status: statusOf(tr.After)}
			if open, ok := tr.After.OpenTask(engine.ID(t.ID)); ok {
				done.Version = open.Version
				if u := s.org.Directory().UserByLogin(open.Assignee); u != nil {
					done.Assignee = &Person{ID: u.ID, Name: u.Name}
				}
			}
			return done
		},
	})
	if err != nil {
		return Acted{}, err
	}
	return answer[Acted](res)
}

// seenVersion is the version of the task that the caller saw; who names none acts on the
// task as it is now, and a change in between is still a Conflict.
func seenVersion(seen int, t *task) int {
	if seen != 0 {
		return seen
	}
	return t.Version
}
