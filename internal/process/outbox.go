package process

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/paceline/paceline/internal/bpmn"
	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/engine"
	"github.com/paceline/paceline/internal/errs"
)

// What one instance wants of another is a job in the transaction of the transition that wants it, so
// it is neither lost nor sent without cause. It arrives once, because the receiving transition
// does away with the job's row, and because of one of these:
//
//	tell           the event names something that the receiver has open once
//	start child    the new instance has the id of the call, and its key is claimed
//	cancel child   claims the same key: either the child never starts, or it is told
//	message        the key of the job is claimed by the one receiver
//	signal         a key is claimed for each receiver
//
// parcel is the payload of such a job.
type parcel struct {
	To      db.ID          `json:"to,omitempty"` // receiving instance, where it is known
	Event   []byte         `json:"event,omitempty"`
	Kind    bpmn.EventKind `json:"kind,omitempty"`
	Name    string         `json:"name,omitempty"`
	Keys    []string       `json:"keys,omitempty"` // correlation keys that a message may meet
	Process string         `json:"process,omitempty"`
}

func (p *parcel) event() (engine.Event, error) { return engine.DecodeEvent(p.Event) }

func (x *job) parcel() (*parcel, error) {
	p := &parcel{}
	if err := json.Unmarshal(x.payload, p); err != nil {
		return nil, fmt.Errorf("job %s: %w", x.id, err)
	}
	return p, nil
}

// outbox writes the job for an effect that concerns another instance.
func (w *rows) outbox(effect engine.Effect) error {
	self := engine.ID(w.t.Instance)
	switch e := effect.(type) {
	case engine.StartChild:
		start := engine.Start{Instance: e.Call, BusinessKey: e.BusinessKey, Vars: e.Vars, Parent: self, ParentCall: e.Call, Initiator: w.t.After.Initiator()}
		return w.send(&job{id: db.ID(e.Call), kind: jobStartChild, node: e.Node.ID}, parcel{Process: e.Process}, start)
	case engine.CancelChild:
		w.gone(Jobs, "id", e.Call)
		return w.send(&job{kind: jobCancelChild}, parcel{To: db.ID(e.Call)}, engine.Cancel{Reason: "the calling process has ended the call"})
	case engine.Throw:
		return w.throw(e)
	case engine.Escalate:
		if w.t.Parent == 0 {
			return nil
		}
		return w.send(&job{kind: jobTell}, parcel{To: w.t.Parent}, engine.ChildEscalated{Call: self, Code: e.Code, Vars: e.Vars})
	case engine.Finished:
		if w.t.Parent == 0 {
			return nil
		}
		return w.send(&job{kind: jobTell}, parcel{To: w.t.Parent}, engine.ChildFinished{Call: self, How: e.How, Code: e.Code, All: e.All, Vars: w.t.After.Vars()})
	}
	return nil
}

func (w *rows) throw(e engine.Throw) error {
	p := parcel{Kind: e.Kind, Name: e.Name}
	if e.Kind == bpmn.SignalEvent {
		return w.send(&job{kind: jobSignal, typ: cut(e.Name, 250), node: e.Node.ID}, p, engine.SignalRaised{Vars: e.Vars})
	}
	if w.t.served(e) {
		return nil
	}
	if p.Keys = []string{e.Key}; e.Key == "" {
		p.Keys = append(p.Keys, w.t.After.BusinessKey()) // what a waiting instance expects by default
	}
	return w.send(&job{kind: jobMessage, typ: cut(e.Name, 250), node: e.Node.ID}, p, engine.MessageArrived{Vars: e.Vars})
}

// served reports whether the throwing instance itself took a message: it did when it waited for it
// at that moment, and a message has one receiver.
func (t *Transition) served(e engine.Throw) bool {
	waiting := map[engine.ID]bool{}
	matches := func(kind bpmn.EventKind, name, key string) bool {
		return kind == e.Kind && name == e.Name && (e.Key == "" || e.Key == key)
	}
	if t.Before != nil {
		for _, a := range t.Before.Armed() {
			if matches(a.Kind, a.Name, a.Key) {
				waiting[a.ID] = true
			}
		}
	}
	for _, effect := range t.Effects {
		switch s := effect.(type) {
		case engine.Subscribe:
			if matches(s.Kind, s.Name, s.Key) {
				waiting[s.Subscription] = true
			}
		case engine.Unsubscribe:
			delete(waiting, s.Subscription)
		case engine.Throw:
			if s.Node == e.Node && s.Name == e.Name {
				return len(waiting) > 0
			}
		}
	}
	return false
}

func (w *rows) send(j *job, p parcel, event engine.Event) (err error) {
	if j.id == 0 {
		j.id = w.r.deps.NewID()
	}
	if p.Event, err = engine.EncodeEvent(event); err != nil {
		return err
	}
	if j.payload, err = json.Marshal(p); err != nil {
		return err
	}
	j.retries = 1
	w.job(j)
	return nil
}

// machineHash stands for the request of a key that no caller chose.
const machineHash = "-"

// give does an event to an instance because of a job, whose row ends with it. Data that the instance cannot
// take make the work a failed one.
func (r *Runtime) give(ctx context.Context, x *job, to db.ID, event engine.Event) error {
	err := r.giveOnce(ctx, x, Command{Instance: to, Event: event}, "")
	if !errs.Is(err, errs.Invalid) {
		return err
	}
	switch e := event.(type) {
	case engine.JobDone:
		event = engine.JobFailed{Job: e.Job, Message: cut(err.Error(), messageMost)}
	case engine.ChildFinished:
		event = engine.ChildFinished{Call: e.Call, How: engine.EndFailed, Message: cut(err.Error(), messageMost)}
	default:
		return err
	}
	return r.giveOnce(ctx, x, Command{Instance: to, Event: event}, "")
}

// giveOnce is give with a key to claim. That the key was claimed before is no error.
func (r *Runtime) giveOnce(ctx context.Context, x *job, cmd Command, key string) error {
	c, err := r.newCall(ctx, cmd)
	if err != nil {
		return err
	}
	c.machine, c.drop = true, x.id
	if key != "" {
		c.once = db.Once{Key: key, Hash: machineHash}
	}
	if _, start := cmd.Event.(engine.Start); start {
		c.root = x.root
	}
	res, err := r.do(ctx, c)
	switch {
	case err == nil && res.Replayed:
		return r.jobs.remove(ctx, x)
	case errs.Is(err, errs.Conflict):
		return r.unlessSuspended(ctx, cmd.Instance, err)
	}
	return err
}

// unlessSuspended turns the refusal of an event into "later" when it is only that the instance is suspended.
func (r *Runtime) unlessSuspended(ctx context.Context, instance db.ID, refusal error) error {
	known, err := r.readSnapshots(ctx, []db.ID{instance})
	if err != nil {
		return err
	}
	if len(known) == 1 && known[0].err == nil && known[0].state.Suspended() {
		return errs.New(errs.Unavailable, "instance %s is suspended", instance)
	}
	return refusal
}

// unlessHeld says that work has to wait because its instance is suspended. What memory does not know, or may
// know wrongly, is read.
func (r *Runtime) unlessHeld(ctx context.Context, instance db.ID) error {
	if s := r.cache.get(instance); s != nil && !s.state.Suspended() {
		return nil
	}
	return r.unlessSuspended(ctx, instance, nil)
}

// tell gives the event to the instance it names.
func (j *jobs) tell(ctx context.Context, x *job) error {
	p, err := x.parcel()
	if err != nil {
		return err
	}
	event, err := p.event()
	if err != nil {
		return err
	}
	return j.r.give(ctx, x, p.To, event)
}

func childKey(call db.ID) string { return "child-" + call.String() }

// startChild starts a called instance. A process that does not exist fails the call.
func (j *jobs) startChild(ctx context.Context, x *job) error {
	p, err := x.parcel()
	if err != nil {
		return err
	}
	event, err := p.event()
	if err != nil {
		return err
	}
	if err := j.r.unlessHeld(ctx, x.instance); err != nil {
		return err
	}
	def, err := j.r.deps.Definitions.Called(ctx, x.definition, p.Process)
	if errs.Is(err, errs.NotFound) {
		return j.failCall(ctx, x, err)
	}
	if err != nil {
		return err
	}
	err = j.r.giveOnce(ctx, x, Command{Instance: x.id, Definition: def, Event: event}, childKey(x.id))
	if errs.Is(err, errs.Conflict) || errs.Is(err, errs.NotFound) || errs.Is(err, errs.Invalid) {
		return j.failCall(ctx, x, err)
	}
	return err
}

// failCall tells the caller that its child cannot start.
func (j *jobs) failCall(ctx context.Context, x *job, why error) error {
	return j.r.give(ctx, x, x.instance, engine.ChildFinished{Call: engine.ID(x.id), How: engine.EndFailed, Message: cut(why.Error(), messageMost)})
}

// cancelChild tells a child that has started; else it takes the key that the child needs to start, and where
// the child was faster it is told after all.
func (j *jobs) cancelChild(ctx context.Context, x *job) error {
	p, err := x.parcel()
	if err != nil {
		return err
	}
	_, err = j.r.query.Instance(ctx, p.To)
	if err == nil {
		return j.tell(ctx, x)
	}
	if !errs.Is(err, errs.NotFound) {
		return err
	}
	never := &db.Change{
		Claims: []db.Claim{{Key: childKey(p.To), Hash: machineHash, Answer: []byte("{}")}},
		Gones:  []db.Gone{{Table: Jobs, Column: "id", Value: int64(x.id)}, {Table: Jobs, Column: "id", Value: int64(p.To)}},
	}
	var claimed *db.Claimed
	err = j.r.deps.DB.Commit(ctx, []*db.Change{never})[0]
	if errors.As(err, &claimed) {
		return j.tell(ctx, x)
	}
	return err
}
