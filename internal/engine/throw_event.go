package engine

import (
	"github.com/paceline/paceline/internal/bpmn"
	"github.com/paceline/paceline/internal/feel"
)

// Message and signal throw events, and send tasks that name a message, throw when everything else in
// the Step has come to rest: a parallel branch that waits for them waits by then. What waits in this
// instance is served in the same Step, while the thrower is still where it is; the Throw effect tells
// the host to serve the others. A message event with an implementation of its own has that done first.
var (
	messageThrow = &behaviour{enter: enterThrow, throw: throwNow}
	signalThrow  = &behaviour{enter: enterThrow, throw: throwNow}
)

func enterThrow(r *run, a *activation) error {
	if w := a.node.Work; w != nil && w.Script == nil {
		return r.openJob(a)
	}
	r.throwLate(a)
	return nil
}

func (r *run) throwLate(a *activation) {
	a.phase = throwing
	r.late = append(r.late, a)
}

func throwNow(r *run, a *activation) { r.attempt(a, entering, r.throwEvent) }

func (r *run) throwEvent(a *activation) error {
	e := a.node.Event
	name, err := r.eventName(a, e)
	if err != nil {
		return err
	}
	vars, err := r.payload(a)
	if err != nil {
		return err
	}
	t := Throw{Node: a.node.Node, Kind: e.Kind, Name: name, Vars: vars}
	if e.Kind == bpmn.MessageEvent && e.CorrelationKey != nil {
		if t.Key, err = r.evalString(a, e.CorrelationKey); err != nil {
			return err
		}
	}
	send := func() {
		ids := r.waitingFor(t)
		t.Served = len(ids) > 0
		if !e.Local {
			r.effects = append(r.effects, t)
		}
		for _, id := range ids {
			if i, err := r.armed(id, t.Kind); err == nil { // an earlier one may have ended it
				r.fire(i, t.Vars)
			}
		}
	}
	if a.node.Kind == bpmn.SendTask {
		send()
		if !a.dead {
			r.complete(a)
		}
		return nil
	}
	return r.completeAndThrow(a, send)
}

// completeAndThrow ends a throw event and lets it throw while its token is still where it is. What
// catches the event may end the token with its scope; else it goes on.
func (r *run) completeAndThrow(a *activation, throw func()) error {
	if err := r.conclude(a); err != nil {
		return err
	}
	flows, err := r.choose(a)
	if err != nil {
		return err
	}
	r.end(a, Completed)
	a.entered = false // its end is told
	throw()
	if !a.dead {
		r.depart(a, flows)
	}
	return nil
}

// waitingFor lists what this instance itself has armed for a message or signal.
func (r *run) waitingFor(t Throw) []ID {
	var ids []ID
	for _, m := range r.st.arms {
		if m.kind == t.Kind && m.name == t.Name && (t.Key == "" || t.Key == m.key) {
			ids = append(ids, m.id)
		}
	}
	return ids
}

// payload is what an event carries: its payload mappings, else its own inputs.
func (r *run) payload(a *activation) (feel.Vars, error) {
	vars := asVars(a.vars)
	err := r.mapAll(a, a.node.Event.Payload, func(name string, v feel.Value) { vars[name] = v })
	if len(vars) == 0 {
		return nil, err
	}
	return vars, err
}
