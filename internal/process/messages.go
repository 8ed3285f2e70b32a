package process

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/paceline/paceline/internal/bpmn"
	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/engine"
	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/feel"
)

// Message is a message from outside (BPMN 10.5.5).
type Message struct {
	Name  string
	Key   string // correlation key
	Vars  feel.Vars
	Actor db.ID
	By    string
	// With adds rows to the transaction that takes it; see Command.
	With func(*Transition, *db.Change) error
}

// Reached answers Correlate, as the Answer of its Result: which instance took the message.
type Reached struct {
	Ticket   db.ID `json:"ticket"`
	Instance db.ID `json:"instance"`
	Started  bool  `json:"started,omitempty" doc:"it began with the message"`
}

// Correlate delivers a message to the one instance that waits for it, the one that has waited
// longest, or else starts a process that begins with it. It returns when that is durable; NotFound
// says that nobody waits. With a db.Once in ctx a repeat gets the first result.
func (r *Runtime) Correlate(ctx context.Context, m Message) (res Result, err error) {
	defer errs.Wrap(&err, "process.Correlate")
	if res, done, err := r.Recall(ctx); done || err != nil {
		return res, err
	}
	to := receiver{name: m.Name, keys: []string{m.Key}}
	err = r.deliver(ctx, to, m.Vars, func(cmd Command) (err error) {
		cmd.Actor, cmd.By, cmd.With = m.Actor, m.By, m.With
		cmd.Answer = func(t *Transition) any {
			return Reached{Ticket: t.Root, Instance: t.Instance, Started: t.Before == nil}
		}
		res, err = r.Submit(ctx, cmd)
		return err
	})
	return res, err
}

// Signal is a signal from outside (BPMN 10.5.5).
type Signal struct {
	Name string
	Vars feel.Vars
	// With writes rows in the transaction that makes it sure to happen.
	With func(ctx context.Context, tx *db.Tx) error
}

// Sent answers Post and RaiseSignal: something that is done right after, and survives this node.
type Sent struct {
	ID      db.ID `json:"id"`
	Reaches int   `json:"reaches" doc:"how many wait for it or begin with it at this moment, counted up to 1000"`
}

// RaiseSignal tells a signal to all who wait for it now. It returns when that is sure to happen.
// With a db.Once in ctx a repeat gets the first answer.
func (r *Runtime) RaiseSignal(ctx context.Context, s Signal) (sent Sent, err error) {
	defer errs.Wrap(&err, "process.RaiseSignal")
	event, err := engine.EncodeEvent(engine.SignalRaised{Vars: s.Vars})
	if err != nil {
		return sent, errs.New(errs.Invalid, "the variables cannot be kept: %w", err)
	}
	return r.post(ctx, jobSignal, s.Name, parcel{Kind: bpmn.SignalEvent, Name: s.Name, Event: event}, s.With)
}

// Post is Correlate for a message that somebody may wait for later: it looks for its receiver for as long as
// Config.MessageWait. With a db.Once in ctx a repeat gets the first answer.
func (r *Runtime) Post(ctx context.Context, m Message, with func(ctx context.Context, tx *db.Tx) error) (sent Sent, err error) {
	defer errs.Wrap(&err, "process.Post")
	event, err := engine.EncodeEvent(engine.MessageArrived{Vars: m.Vars})
	if err != nil {
		return sent, errs.New(errs.Invalid, "the variables cannot be kept: %w", err)
	}
	return r.post(ctx, jobMessage, m.Name, parcel{Kind: bpmn.MessageEvent, Name: m.Name, Keys: []string{m.Key}, Event: event}, with)
}

// post writes a job of the outbox that belongs to no instance.
func (r *Runtime) post(ctx context.Context, kind jobKind, name string, p parcel, with func(context.Context, *db.Tx) error) (Sent, error) {
	if len(p.Event) > eventMost {
		return Sent{}, errs.New(errs.Invalid, "it carries %d KB of variables, at most %d are taken", len(p.Event)>>10, eventMost>>10)
	}
	payload, err := json.Marshal(p)
	if err != nil {
		return Sent{}, err
	}
	reaches, err := r.reaches(ctx, p)
	if err != nil {
		return Sent{}, err
	}
	now := r.now()
	x := &job{id: r.deps.NewID(), kind: kind, typ: cut(name, 250), due: now, created: now, retries: 1, payload: payload}
	sent, err := db.Do(ctx, r.deps.DB, func(ctx context.Context, tx *db.Tx) (Sent, error) {
		if with != nil {
			if err := with(ctx, tx); err != nil {
				return Sent{}, err
			}
		}
		return Sent{ID: x.id, Reaches: reaches}, tx.Insert(ctx, x.row(0, 0))
	})
	if err == nil {
		r.Wake()
	}
	return sent, err
}

// reaches counts who waits for it and what begins with it now.
func (r *Runtime) reaches(ctx context.Context, p parcel) (int, error) {
	const most = 1000
	where, args := "FROM subscription WHERE name = ? AND kind = ?", []any{p.Name, int(p.Kind)}
	if p.Kind == bpmn.MessageEvent {
		where, args = "FROM subscription WHERE name = ? AND correlation IN (?) AND kind = ?", []any{p.Name, db.In(p.Keys), int(p.Kind)}
	}
	waiting, err := db.Count(ctx, r.deps.DB, most, where, args...)
	if err != nil || p.Kind == bpmn.MessageEvent && waiting > 0 {
		return min(waiting, 1), err
	}
	starts, err := r.startsFor(ctx, p.Kind, p.Name, most)
	if p.Kind == bpmn.MessageEvent {
		return min(len(starts), 1), err
	}
	return min(waiting+len(starts), most), err
}

// receiver is whom a message is for.
type receiver struct {
	name string
	keys []string // correlation keys
	not  db.ID    // the instance that threw it
}

var errNobody = errs.New(errs.NotFound, "nobody waits for this message").
	WithCure("check its name and correlation key, or send it again once somebody waits")

// deliver finds the one receiver of a message and submits what it gets. A receiver that is gone by then is
// passed over.
func (r *Runtime) deliver(ctx context.Context, to receiver, vars feel.Vars, submit func(Command) error) error {
	waiting, err := r.waiting(ctx, to, 8)
	if err != nil {
		return err
	}
	for _, s := range waiting {
		err := submit(Command{Instance: s.instance, Event: engine.MessageArrived{Subscription: engine.ID(s.id), Vars: vars}})
		var refused *engine.Refused
		if !errors.As(err, &refused) {
			return err
		}
	}
	starts, err := r.startsFor(ctx, bpmn.MessageEvent, to.name, 1)
	if err != nil {
		return err
	}
	for _, s := range starts {
		key := to.keys[len(to.keys)-1]
		return submit(Command{Definition: s.definition, Event: engine.Start{Element: s.element, BusinessKey: key, Vars: vars}})
	}
	return errNobody
}

type subscription struct{ id, instance db.ID }

// waiting lists who waits for a message, longest first.
func (r *Runtime) waiting(ctx context.Context, to receiver, limit int) ([]subscription, error) {
	return db.All(ctx, r.deps.DB, scanSubscription,
		"SELECT id, instance FROM subscription WHERE name = ? AND correlation IN (?) AND kind = ? AND instance <> ? ORDER BY id {limit}",
		to.name, db.In(to.keys), int(bpmn.MessageEvent), to.not, limit)
}

func scanSubscription(s db.Scanner) (sub subscription, err error) {
	return sub, s.Scan(&sub.id, &sub.instance)
}

type startAt struct {
	id, definition db.ID
	element        string
}

func (r *Runtime) startsFor(ctx context.Context, kind bpmn.EventKind, name string, limit int) ([]startAt, error) {
	return db.All(ctx, r.deps.DB, func(s db.Scanner) (at startAt, err error) {
		return at, s.Scan(&at.id, &at.definition, &at.element)
	}, "SELECT id, definition, element FROM process_start WHERE name = ? AND kind = ? ORDER BY id {limit}", name, int(kind), limit)
}

// sendMessage looks for the receiver of a thrown message, for as long as Config.MessageWait.
func (j *jobs) sendMessage(ctx context.Context, x *job) error {
	p, err := x.parcel()
	if err != nil {
		return err
	}
	event, err := p.event()
	if err != nil {
		return err
	}
	to := receiver{name: p.Name, keys: p.Keys, not: x.instance}
	err = j.r.deliver(ctx, to, event.(engine.MessageArrived).Vars, func(cmd Command) error {
		return j.r.giveOnce(ctx, x, cmd, "job-"+x.id.String())
	})
	if !errors.Is(err, errNobody) {
		return err
	}
	now := j.r.now()
	if now.Sub(x.created) > j.r.cfg.MessageWait {
		j.r.log.Warn("a message found no receiver", "job", x.id, "instance", x.instance, "message", p.Name)
		return err
	}
	x.waits++
	j.putBack(x, now.Add(backoff(50*time.Millisecond, x.waits, 10*time.Second)))
	return errPutBack
}

const (
	signalPage   = 500  // receivers of a signal that are read at once
	signalStarts = 1000 // processes that one signal starts at most
	signalWide   = 32   // receivers that are told at the same time, so that they share commits
)

// raiseSignal tells all who wait for a signal, each once, then drops the job.
func (j *jobs) raiseSignal(ctx context.Context, x *job) error {
	p, err := x.parcel()
	if err != nil {
		return err
	}
	event, err := p.event()
	if err != nil {
		return err
	}
	vars := event.(engine.SignalRaised).Vars
	for last := db.ID(0); ; {
		page, err := db.All(ctx, j.r.deps.DB, scanSubscription,
			"SELECT id, instance FROM subscription WHERE name = ? AND kind = ? AND instance <> ? AND id > ? ORDER BY id {limit}",
			p.Name, int(bpmn.SignalEvent), x.instance, last, signalPage)
		if err != nil {
			return err
		}
		err = each(page, func(s subscription) error {
			return j.r.pass(ctx, Command{Instance: s.instance, Event: engine.SignalRaised{Subscription: engine.ID(s.id), Vars: vars}}, x.id, s.id)
		})
		if err != nil {
			return err
		}
		if len(page) < signalPage {
			break
		}
		last = page[len(page)-1].id
	}
	starts, err := j.r.startsFor(ctx, bpmn.SignalEvent, p.Name, signalStarts)
	if err != nil {
		return err
	}
	err = each(starts, func(s startAt) error {
		return j.r.pass(ctx, Command{Definition: s.definition, Event: engine.Start{Element: s.element, Vars: vars}}, x.id, s.id)
	})
	if err != nil {
		return err
	}
	return j.remove(ctx, x)
}

// each calls fn for all, signalWide at a time, and returns one of the errors.
func each[T any](all []T, fn func(T) error) error {
	for part := range slices.Chunk(all, signalWide) {
		failed := make([]error, len(part))
		var group sync.WaitGroup
		for i, v := range part {
			group.Go(func() { failed[i] = fn(v) })
		}
		group.Wait()
		if err := errors.Join(failed...); err != nil {
			return err
		}
	}
	return nil
}

// pass gives a signal to one receiver, once. A receiver that does not wait any more is no error.
func (r *Runtime) pass(ctx context.Context, cmd Command, signal, to db.ID) error {
	c, err := r.newCall(ctx, cmd)
	if err != nil {
		return err
	}
	c.machine = true
	c.once = db.Once{Hash: machineHash, Key: "job-" + signal.String() + "-" + to.String()}
	_, err = r.do(ctx, c)
	if errs.Is(err, errs.Conflict) || errs.Is(err, errs.NotFound) {
		return nil
	}
	return err
}
