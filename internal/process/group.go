package process

import (
	"context"
	"encoding/json"
	"errors"
	"runtime/debug"

	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/engine"
	"github.com/paceline/paceline/internal/errs"
)

// unit is what a group does to one instance: its commands, in order, and the one
// Change that they have become.
type unit struct {
	instance db.ID
	base     *snapshot // as it was read; nil when the unit starts the instance
	next     *snapshot // as it will be; nil before the first command
	state    encoded   // of next
	mark     db.ID     // stands in the history rows of this attempt
	change   *db.Change
	members  []member
	held     []*job
	rings    map[ring]struct{}
}

// member is a command that fits the state.
type member struct {
	*call
	answer json.RawMessage
}

// plan runs the commands against what is known of their instances and makes one unit for each
// instance. A command that does not fit is answered here and hurts no other. later are those
// that must not share a commit with an earlier one.
func (l *lane) plan(ctx context.Context, calls []*call) (units []*unit, later []*call) {
	known, err := l.r.load(ctx, instancesOf(calls))
	if err != nil {
		for _, c := range calls {
			c.fail(err)
		}
		return nil, nil
	}
	byInstance := make(map[db.ID]*unit, len(calls))
	for _, c := range calls {
		u := byInstance[c.Instance]
		if u == nil {
			u = &unit{instance: c.Instance, base: known[c.Instance], next: known[c.Instance], mark: l.r.deps.NewID(),
				change: &db.Change{}, rings: map[ring]struct{}{}}
			byInstance[c.Instance] = u
		}
		if len(u.members) > 0 && (c.alone || u.members[0].alone) {
			later = append(later, c)
			continue
		}
		if c.ctx.Err() != nil {
			c.fail(errs.New(errs.Unavailable, "the caller has gone: %w", c.ctx.Err()))
			continue
		}
		if err := l.step(ctx, u, c); err != nil {
			if l.again(c) {
				later = append(later, c)
			} else {
				l.refused(ctx, c, err)
			}
			continue
		}
		if u.members[0].call == c {
			units = append(units, u)
		}
	}
	for _, u := range units {
		u.finish(l.r.deps.NewID)
	}
	return units, later
}

// again reports whether a refused command deserves another look: the state it was refused by may have come
// from the cache, and another node may have been there since.
func (l *lane) again(c *call) bool {
	if _, start := c.Event.(engine.Start); start || c.fresh {
		return false
	}
	c.fresh = true
	l.r.cache.drop(c.Instance)
	return true
}

func instancesOf(calls []*call) []db.ID {
	seen := make(map[db.ID]bool, len(calls))
	var ids []db.ID
	for _, c := range calls {
		if _, start := c.Event.(engine.Start); !start && !seen[c.Instance] {
			seen[c.Instance] = true
			ids = append(ids, c.Instance)
		}
	}
	return ids
}

// step applies one command to its unit. When it fails, the unit is as it was. A panic is the command's
// own failure: one broken model must not stop a lane.
func (l *lane) step(ctx context.Context, u *unit, c *call) (err error) {
	defer func() {
		if p := recover(); p != nil {
			l.r.log.Error("a transition panicked", "instance", c.Instance, "event", eventName(c.Event), "panic", p, "stack", string(debug.Stack()))
			err = errs.New(errs.Internal, "the transition failed: %v", p)
		}
	}()
	from, err := l.from(ctx, u, c)
	if err != nil {
		return err
	}
	t, drawn, err := l.r.transition(from, c)
	if err != nil {
		return err
	}
	t.Version = u.version()
	code, err := encode(t.After)
	if err != nil {
		return err
	}
	w := &rows{r: l.r, t: t, change: &db.Change{}, rings: map[ring]struct{}{}}
	w.history(c, u.mark, drawn)
	if err := w.apply(ctx); err != nil {
		return err
	}
	if err := l.extend(w, c); err != nil {
		return err
	}
	answer, err := w.claim(c)
	if err != nil {
		return err
	}
	u.add(from, w, member{c, answer}, code)
	l.confirm(ctx, u, t)
	return nil
}

// maxDerived bounds the transitions that follow from one command by themselves: a model in which policies
// pass every task and which has a loop would go round for ever.
const maxDerived = 100

// confirm tells the engine what was found out for it: the members of groups, who has the tasks that it opened
// for nobody, and what policies want of them. Each is a transition too: it stands in the history, and a replay
// does it again without asking anybody.
func (l *lane) confirm(ctx context.Context, u *unit, t *Transition) {
	for _, formed := range t.formed {
		l.derive(ctx, u, Command{Instance: t.Instance, Event: formed, Note: formed.Reason})
	}
	for _, handed := range t.handed {
		l.derive(ctx, u, handed)
	}
	for _, o := range t.Opened {
		if _, open := t.After.OpenTask(o.Task); !open {
			continue
		}
		switch {
		case o.Then != nil:
			l.derive(ctx, u, Command{Instance: t.Instance, Event: o.Then, Note: o.Why})
		case o.Login != "" && o.Login != o.OpenTask.Assignee:
			l.derive(ctx, u, Command{Instance: t.Instance, Event: engine.TaskAssigned{Task: o.Task, To: o.Login}})
		}
	}
}

// derive adds to the unit a command that follows from the one before it.
func (l *lane) derive(ctx context.Context, u *unit, cmd Command) {
	derived := 0
	for _, m := range u.members {
		if derived++; !m.derived {
			derived = 0
		}
	}
	err := errors.New("more than enough follows from one command")
	if derived < maxDerived {
		var c *call
		if c, err = l.r.newCall(ctx, cmd); err == nil {
			c.derived = true
			err = l.step(ctx, u, c)
		}
	}
	if err != nil {
		l.r.log.Warn("the engine does not take what was found out for it", "instance", cmd.Instance, "event", eventName(cmd.Event), "cause", err)
	}
}

// transition runs the interpreter and notes the ids that it drew.
func (r *Runtime) transition(from *snapshot, c *call) (t *Transition, drawn []db.ID, err error) {
	def, process := from.Definition, from.def
	if moved, ok := c.Event.(engine.Migrate); ok {
		if db.ID(moved.Source) != from.Definition {
			return nil, nil, &engine.Refused{Stale: true, Reason: "the instance runs another definition by now"}
		}
		def, process = db.ID(moved.Target), moved.To
	}
	now, notes := r.now(), consulted{}
	calendars := r.lookup(def, initiatorOf(from.state, c.Event), notes)
	state, effects, err := engine.Step(from.def, from.state, c.Event, engine.Env{Now: now, Calendar: calendars, NewID: func() engine.ID {
		id := r.deps.NewID()
		drawn = append(drawn, id)
		return engine.ID(id)
	}})
	if err != nil {
		return nil, nil, err
	}
	return &Transition{
		Instance: from.ID, Root: from.Root, Parent: from.Parent, Definition: def, Process: process, Seq: from.Seq + 1,
		Now: now, Actor: c.Actor, By: c.By, Note: c.Note, Event: c.Event, Before: from.state, After: state, Effects: effects, consulted: notes,
	}, drawn, nil
}

// from is the snapshot that the command starts at.
func (l *lane) from(ctx context.Context, u *unit, c *call) (*snapshot, error) {
	start, isStart := c.Event.(engine.Start)
	switch {
	case u.next != nil:
		return u.next, u.next.err
	case !isStart:
		return nil, errs.New(errs.NotFound, "there is no instance %s", c.Instance)
	}
	def, err := l.r.deps.Definitions.Definition(ctx, c.Definition)
	if err != nil {
		return nil, err
	}
	root := c.root
	if root == 0 {
		root = c.Instance
	}
	return &snapshot{def: def, Instance: Instance{
		ID: c.Instance, Definition: c.Definition, Root: root, Parent: db.ID(start.Parent),
		BusinessKey: cut(start.BusinessKey, 250), Status: Running, Started: l.r.now(),
	}}, nil
}

// extend adds the rows that others keep of a transition.
func (l *lane) extend(w *rows, c *call) error {
	if l.r.deps.Project != nil {
		if err := l.r.deps.Project(w.t, w.change); err != nil {
			return err
		}
	}
	if c.With != nil {
		if err := c.With(w.t, w.change); err != nil {
			return err
		}
	}
	if c.drop != 0 {
		w.gone(Jobs, "id", engine.ID(c.drop))
	}
	return nil
}

// claim makes the answer, and claims the command's key for it.
func (w *rows) claim(c *call) (json.RawMessage, error) {
	res := Result{Instance: w.t.Instance, Version: w.t.Version}
	if c.Answer != nil {
		answer, err := json.Marshal(c.Answer(w.t))
		if err != nil {
			return nil, errs.New(errs.Internal, "the answer cannot be kept: %w", err)
		}
		res.Answer = answer
	}
	if c.once.Key == "" || w.r.cfg.Unkeyed && !c.machine {
		return res.Answer, nil
	}
	kept, err := json.Marshal(res)
	if err != nil {
		return nil, err
	}
	w.change.Claims = append(w.change.Claims, db.Claim{Key: c.once.Key, Hash: c.once.Hash, Answer: kept})
	return res.Answer, nil
}

// version is what the instance has once the unit is committed.
func (u *unit) version() int64 {
	if u.base == nil {
		return 1
	}
	return u.base.Version + 1
}

func (u *unit) add(from *snapshot, w *rows, m member, code encoded) {
	next := *from
	next.state = w.t.After
	next.Definition, next.def = w.t.Definition, w.t.Process
	next.Seq = w.t.Seq
	next.Version = w.t.Version
	if how, ended := w.t.Ended(); ended {
		next.Status, next.Ended = statusOf(how), w.t.Now
	}
	next.size = code.size()
	u.next, u.state = &next, code
	u.members = append(u.members, m)
	u.held = append(u.held, w.held...)
	for r := range w.rings {
		u.rings[r] = struct{}{}
	}
	join(u.change, w.change)
}

// finish adds the instance's own row and makes the Change what db.Commit wants.
func (u *unit) finish(newID func() db.ID) {
	n := u.next
	var before partIDs
	if u.base != nil {
		before = u.base.parts
	}
	n.parts = changeParts(u.change, n.ID, before, u.state.parts, newID)
	if u.base == nil {
		u.change.Inserts = append(u.change.Inserts, db.Row{Table: Instances, Values: []any{
			n.ID, n.Version, n.Definition, n.Root, n.Parent, n.BusinessKey, int(n.Status), n.Seq, stamp(n.Started), stamp(n.Ended), pack(u.state.state),
		}})
	} else {
		guard := db.Guard{
			Table: Instances, Key: int64(n.ID), Version: u.base.Version, Columns: instanceStep,
			Values: []any{int(n.Status), n.Seq, stamp(n.Ended), pack(u.state.state)},
		}
		if n.Definition != u.base.Definition {
			guard.Columns, guard.Values = instanceMove, append(guard.Values, n.Definition)
		}
		u.change.Guards = append(u.change.Guards, guard)
	}
	fold(u.change)
}
