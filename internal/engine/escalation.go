package engine

import (
	"maps"

	"github.com/paceline/paceline/internal/bpmn"
	"github.com/paceline/paceline/internal/feel"
)

// An escalation goes outwards like an error, but what throws it goes on unless an
// interrupting event catches it; uncaught it is forgotten (BPMN 10.5.6).
var escalationThrow = &behaviour{enter: func(r *run, a *activation) error {
	code, err := r.eventName(a, a.node.Event)
	if err != nil {
		return err
	}
	vars, err := r.payload(a)
	if err != nil {
		return err
	}
	return r.completeAndThrow(a, func() { r.throwEscalation(a, code, vars) })
}}

func (r *run) throwEscalation(a *activation, code string, vars feel.Vars) {
	inside := a
	for at := a; at != nil; inside, at = at, at.up {
		if start := catcher(eventStarts(at, inside), bpmn.EscalationEvent, code); at != a && start != nil {
			r.interruptBy(start, at, caught(start, code, "", vars))
			return
		}
		if at.loop > 0 {
			continue
		}
		if b := catcher(at.node.boundary, bpmn.EscalationEvent, code); b != nil {
			r.leaveByBoundary(b, at, caught(b, code, "", vars))
			return
		}
	}
	if r.st.parent != 0 {
		all := r.st.Vars() // the caller takes its outputs from them
		maps.Copy(all, vars)
		r.effects = append(r.effects, Escalate{Code: code, Vars: all})
	}
}
