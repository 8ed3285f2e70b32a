package process

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/paceline/paceline/internal/bpmn"
	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/engine"
)

// Transition is one event applied to one instance: what Project, Command.With and
// Command.Answer see of it. It is committed only after they have returned.
type Transition struct {
	Instance   db.ID
	Root       db.ID // the ticket
	Parent     db.ID // calling instance, 0 for none
	Definition db.ID
	Process    *engine.Definition
	Seq        int64 // of its history row
	Version    int64 // the instance's, once committed

	Now     time.Time
	Actor   db.ID
	By      string
	Note    string
	Event   engine.Event
	Before  *engine.State // nil for a Start
	After   *engine.State
	Effects []engine.Effect
	Opened  []OpenedTask // the tasks among the effects, with who may take them

	formed    []engine.GroupFormed // answers to the groups among the effects
	handed    []Command            // answers to the late tasks among them
	consulted consulted
}

// OpenedTask is a task with the answer of Deps.Assign.
type OpenedTask struct {
	engine.OpenTask
	Assigned
}

// Row is the task as its row has it.
func (o *OpenedTask) Row(t *Transition) Task {
	user := o.Node.User
	if user == nil {
		user = &bpmn.User{}
	}
	return Task{
		ID: db.ID(o.OpenTask.Task), Instance: t.Instance, Root: t.Root, Definition: t.Definition,
		Node: o.Node.ID, Name: cut(o.Node.Name, 500), Kind: o.Node.Kind, FormKey: user.FormKey, Outcomes: append([]string{}, user.Outcomes...),
		Assignee: o.Assigned.Assignee, AssigneeName: cut(o.AssigneeName, 250),
		Due: o.Due, FollowUp: o.FollowUp, Priority: o.Priority, Turn: o.Loop, Version: 1, Created: t.Now, Problem: cut(o.Problem, 1000),
	}
}

// Ended says how the instance ended in this transition; false when it goes on.
func (t *Transition) Ended() (engine.How, bool) { return t.After.Ended() }

// rows turns the effects of one transition into rows and jobs.
type rows struct {
	r      *Runtime
	t      *Transition
	change *db.Change
	held   []*job            // to be run by this node, once committed
	rings  map[ring]struct{} // once committed
}

type ring struct{ topic, key string }

func (w *rows) ring(topic string, id db.ID) { w.rings[ring{topic, id.String()}] = struct{}{} }

func (w *rows) insert(t *db.Table, values ...any) {
	w.change.Inserts = append(w.change.Inserts, db.Row{Table: t, Values: values})
}

func (w *rows) gone(t *db.Table, column string, id engine.ID) {
	w.change.Gones = append(w.change.Gones, db.Gone{Table: t, Column: column, Value: id})
}

// apply adds the rows of every effect, in order.
func (w *rows) apply(ctx context.Context) error {
	w.ring("instance", w.t.Root)
	if failed, ok := w.t.Event.(engine.JobFailed); ok {
		w.gone(Jobs, "id", failed.Job) // what is stuck is an incident; trying again is a new job
	}
	for _, effect := range w.t.Effects {
		if err := w.effect(ctx, effect); err != nil {
			return err
		}
	}
	return nil
}

func (w *rows) effect(ctx context.Context, effect engine.Effect) error {
	switch e := effect.(type) {
	case engine.OpenTask:
		return w.openTask(ctx, &e)
	case engine.ChangeTask:
		return w.changeTask(ctx, &e)
	case engine.FormGroup:
		return w.formGroup(ctx, &e)
	case engine.Remind:
		if w.r.deps.Remind != nil {
			return w.r.deps.Remind(ctx, w.t, &e, w.change)
		}
	case engine.HandOver:
		return w.handOver(ctx, &e)
	case engine.ChangeDue:
		return w.changeDue(ctx, &e)
	case engine.CloseTask:
		w.gone(Tasks, "id", e.Task)
		w.gone(Candidates, "task", e.Task)
		w.ring("task", db.ID(e.Task))
	case engine.OpenJob:
		return w.openJob(&e)
	case engine.CloseJob:
		w.gone(Jobs, "id", e.Job)
	case engine.ArmTimer:
		w.job(&job{id: db.ID(e.Timer), kind: jobTimer, node: e.Node.ID, due: e.Due, retries: 1})
	case engine.DisarmTimer:
		w.gone(Jobs, "id", e.Timer)
	case engine.Subscribe:
		w.insert(Subscriptions, e.Subscription, w.t.Instance, int(e.Kind), e.Name, e.Key, e.Node.ID, w.t.Now.UnixMicro())
	case engine.Unsubscribe:
		w.gone(Subscriptions, "id", e.Subscription)
	case engine.OpenIncident:
		w.insert(Incidents, e.Incident, w.t.Instance, w.t.Root, w.t.Definition, e.Node.ID, e.Code, e.Message, w.t.Now.UnixMicro())
		w.ring("incident", w.t.Root)
	case engine.CloseIncident:
		w.gone(Incidents, "id", e.Incident)
		w.ring("incident", w.t.Root)
	case engine.Reattach:
		return w.reattach(e)
	default:
		return w.outbox(effect)
	}
	return nil
}

func (w *rows) openTask(ctx context.Context, e *engine.OpenTask) error {
	var who Assigned
	if w.r.deps.Assign != nil {
		var err error
		if who, err = w.r.deps.Assign(ctx, Assignment{Transition: w.t, Task: e}); err != nil {
			return fmt.Errorf("who may take %s: %w", e.Node.ID, err)
		}
	}
	opened := OpenedTask{*e, who}
	w.t.Opened = append(w.t.Opened, opened)
	t := opened.Row(w.t)
	outcomes, err := json.Marshal(t.Outcomes)
	if err != nil {
		return err
	}
	w.insert(Tasks, t.ID, t.Instance, t.Root, t.Definition, t.Node, t.Name, int(t.Kind), t.FormKey, string(outcomes),
		t.Assignee, t.AssigneeName, t.Owner, t.OwnerName, stamp(t.Due), stamp(t.FollowUp), t.Priority, t.Turn, t.Version,
		t.Created.UnixMicro(), t.Problem)
	seen := map[db.ID]bool{}
	for _, principal := range who.Candidates {
		if !seen[principal] {
			seen[principal] = true
			w.insert(Candidates, principal, e.Task, stamp(t.Due), t.Priority)
			w.ring("inbox", principal)
		}
	}
	if who.Assignee != 0 {
		w.ring("inbox", who.Assignee)
	}
	return nil
}

func (w *rows) formGroup(ctx context.Context, e *engine.FormGroup) error {
	formed := e.Named()
	if w.r.deps.Gather != nil {
		var err error
		if formed, err = w.r.deps.Gather(ctx, Gathering{Transition: w.t, Group: e}); err != nil {
			return fmt.Errorf("who votes in %s: %w", e.Node.ID, err)
		}
	}
	w.t.formed = append(w.t.formed, formed)
	return nil
}

// handOver finds who gets a late task. Where nobody is found it stays where it is.
func (w *rows) handOver(ctx context.Context, e *engine.HandOver) error {
	if w.r.deps.HandOver == nil {
		return nil
	}
	to, why, err := w.r.deps.HandOver(ctx, w.t, e)
	if err != nil {
		return fmt.Errorf("who gets %s: %w", e.Node.ID, err)
	}
	if to != "" {
		w.t.handed = append(w.t.handed, Command{Instance: w.t.Instance, Event: engine.TaskAssigned{Task: e.Task, To: to}, Note: why})
	}
	return nil
}

func (w *rows) changeTask(ctx context.Context, e *engine.ChangeTask) error {
	assignee, assigneeName, err := w.person(ctx, e.Assignee)
	if err != nil {
		return err
	}
	owner, ownerName, err := w.person(ctx, e.Owner)
	if err != nil {
		return err
	}
	w.change.Sets = append(w.change.Sets, db.Set{
		Table: Tasks, Columns: taskAssigned, Key: []any{e.Task},
		Values: []any{assignee, cut(assigneeName, 250), owner, cut(ownerName, 250), e.Version},
	})
	w.ring("task", db.ID(e.Task))
	if assignee != 0 {
		w.ring("inbox", assignee)
	}
	return nil
}

// changeDue puts a task elsewhere in the queues, too. Only a transition of its instance changes who may take it, so
// what is read here is guarded by the instance's version.
func (w *rows) changeDue(ctx context.Context, e *engine.ChangeDue) error {
	w.change.Sets = append(w.change.Sets, db.Set{Table: Tasks, Columns: taskDue, Key: []any{e.Task}, Values: []any{stamp(e.Due)}})
	candidates, err := w.r.query.CandidatesOf(ctx, db.ID(e.Task))
	for _, principal := range candidates {
		w.change.Sets = append(w.change.Sets, db.Set{Table: Candidates, Columns: taskDue, Key: []any{principal, e.Task}, Values: []any{stamp(e.Due)}})
	}
	return err
}

func (w *rows) person(ctx context.Context, name string) (db.ID, string, error) {
	if name == "" || w.r.deps.Person == nil {
		return 0, name, nil
	}
	return w.r.deps.Person(ctx, name)
}

// cut shortens text to what a column takes.
func cut(s string, characters int) string {
	if len(s) <= characters || utf8.RuneCountInString(s) <= characters {
		return s
	}
	return string([]rune(s)[:characters-1]) + "…"
}
