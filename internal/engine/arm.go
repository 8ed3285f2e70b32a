package engine

import (
	"github.com/paceline/paceline/internal/bpmn"
	"github.com/paceline/paceline/internal/feel"
)

// await leaves an activity waiting, with its boundary events armed. Those of a looped
// activity are armed once, for the whole, and those of one that is tried again were when it began.
func (r *run) await(a *activation) error {
	if a.loop == 0 && !a.armed {
		if err := r.armBoundary(a); err != nil {
			return err
		}
	}
	a.phase = waiting
	return nil
}

func (r *run) armBoundary(a *activation) error {
	for _, b := range a.node.boundary {
		if err := r.arm(a, b); err != nil {
			r.disarm(a)
			return err
		}
	}
	return nil
}

// armEvents arms the start events of the event sub-processes in a scope.
func (r *run) armEvents(scope *activation) error {
	for _, e := range scope.node.events {
		if err := r.arm(scope, e.start()); err != nil {
			return err
		}
	}
	return nil
}

// arm makes an event triggerable from outside for as long as its owner lives. Errors,
// escalations, compensation and cancel come from inside and need no arming.
func (r *run) arm(owner *activation, n *node) error {
	e := n.Event
	if e == nil || !armable[e.Kind] {
		return nil
	}
	m := arm{id: r.env.NewID(), owner: owner.key, element: n.ID, node: n, kind: e.Kind}
	var err error
	switch e.Kind {
	case bpmn.TimerEvent:
		if err = r.schedule(owner, &m); err != nil {
			return err
		}
		r.effects = append(r.effects, armTimer(m))
	case bpmn.ConditionalEvent:
		r.changed = true // look at the condition before the Step ends
	case bpmn.VariableEvent:
		m.name, m.key, m.since = e.Name, e.Change, len(r.writes)
	default:
		if m.name, err = r.eventName(owner, e); err != nil {
			return err
		}
		if e.Kind == bpmn.MessageEvent {
			if m.key, err = r.correlationKey(owner, e); err != nil {
				return err
			}
		}
		r.effects = append(r.effects, Subscribe{Subscription: m.id, Node: n.Node, Kind: m.kind, Name: m.name, Key: m.key})
	}
	r.st.arms = append(r.st.arms, m)
	return nil
}

var armable = map[bpmn.EventKind]bool{bpmn.TimerEvent: true, bpmn.MessageEvent: true, bpmn.SignalEvent: true, bpmn.ConditionalEvent: true, bpmn.VariableEvent: true}

func (r *run) eventName(a *activation, e *bpmn.EventDefinition) (string, error) {
	if e.NameExpr == nil {
		return e.Name, nil
	}
	return r.evalString(a, e.NameExpr)
}

// correlationKey is what a message must carry to reach this instance: what the model says,
// else the business key.
func (r *run) correlationKey(a *activation, e *bpmn.EventDefinition) (string, error) {
	if e.CorrelationKey == nil {
		return r.st.businessKey, nil
	}
	return r.evalString(a, e.CorrelationKey)
}

// disarm ends everything that the activation armed.
func (r *run) disarm(owner *activation) {
	live := r.st.arms[:0]
	for _, m := range r.st.arms {
		if m.owner != owner.key {
			live = append(live, m)
			continue
		}
		r.tellDisarmed(m)
	}
	r.st.arms = live
}

func (r *run) tellDisarmed(m arm) {
	switch m.kind {
	case bpmn.TimerEvent:
		r.effects = append(r.effects, DisarmTimer{Timer: m.id})
	case bpmn.MessageEvent, bpmn.SignalEvent:
		r.effects = append(r.effects, Unsubscribe{Subscription: m.id})
	}
}

// fire triggers what is armed at index i.
func (r *run) fire(i int, vars feel.Vars) {
	m := r.st.arms[i]
	if m.level > 0 {
		r.reachLevel(i)
		return
	}
	if m.kind == bpmn.TimerEvent {
		r.rearm(i)
	}
	m.node.behave.fired(r, m, r.awake(m.owner), vars)
}

// armed finds an armed timer or subscription.
func (r *run) armed(id ID, kinds ...bpmn.EventKind) (int, error) {
	for i, m := range r.st.arms {
		if m.id != id || id == 0 {
			continue
		}
		for _, kind := range kinds {
			if m.kind == kind {
				return i, nil
			}
		}
	}
	return 0, &Refused{Stale: true, Reason: "nothing waits for this any more"}
}

func (ev TimerFired) apply(r *run) error {
	if r.st.isSlice(ev) {
		r.nextSlice()
		return nil
	}
	i, err := r.armed(ev.Timer, bpmn.TimerEvent)
	if err != nil {
		return err
	}
	r.fire(i, nil)
	return nil
}

func (ev MessageArrived) apply(r *run) error {
	i, err := r.armed(ev.Subscription, bpmn.MessageEvent)
	if err != nil {
		return err
	}
	r.fire(i, ev.Vars)
	return nil
}

func (ev SignalRaised) apply(r *run) error {
	i, err := r.armed(ev.Subscription, bpmn.SignalEvent)
	if err != nil {
		return err
	}
	r.fire(i, ev.Vars)
	return nil
}

// checkConditions triggers the conditional events whose condition has become true since it was last
// looked at (BPMN 10.5.5); one at a time, because each may change what is armed. One that cannot be
// evaluated is not true: the work beside it is none of its business.
func (r *run) checkConditions() {
	r.changed = false
	if r.tellWritten() {
		return
	}
	for i := range r.st.arms {
		m := &r.st.arms[i]
		if m.kind != bpmn.ConditionalEvent {
			continue
		}
		owner := r.awake(m.owner)
		holds, err := r.holds(owner, m.node.Event.Condition)
		was := m.met
		m.met = holds && err == nil
		if m.met && !was {
			r.changed = true
			r.fire(i, nil)
			return
		}
	}
}

// write is a variable that was written in this Step.
type write struct {
	name    string
	created bool
	at      *activation // where it is declared
}

// tellWritten triggers one variable event whose variable was written since it was armed, or since it
// was triggered last.
func (r *run) tellWritten() bool {
	for i := range r.st.arms {
		m := &r.st.arms[i]
		if m.kind != bpmn.VariableEvent {
			continue
		}
		owner := r.awake(m.owner)
		for m.since < len(r.writes) {
			w := r.writes[m.since]
			m.since++
			if w.name == m.name && inside(owner, w.at) && (m.key == "" || (m.key == "create") == w.created) {
				r.changed = true
				r.fire(i, nil)
				return true
			}
		}
	}
	return false
}

func (ev VariablesSet) apply(r *run) error {
	at := r.st.acts[0]
	if ev.Element != "" {
		if at = r.oldest(ev.Element); at == nil {
			return refuse("nothing runs at %s", ev.Element)
		}
	}
	r.assignAll(at, ev.Vars)
	return nil
}

// oldest finds the oldest activation of an element.
func (r *run) oldest(element string) *activation {
	for i, a := range r.st.acts {
		if a.element == element && !a.dead {
			return r.own(i)
		}
	}
	return nil
}
