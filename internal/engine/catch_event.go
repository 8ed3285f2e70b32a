package engine

import (
	"github.com/paceline/paceline/internal/bpmn"
	"github.com/paceline/paceline/internal/feel"
)

// An intermediate catch event waits until its timer, message, signal or condition comes
// (BPMN 13.5.2).
var catchEvent = &behaviour{
	enter: func(r *run, a *activation) error {
		a.phase = waiting
		return r.arm(a, a.node)
	},
	fired: fireCaught,
}

// fireCaught passes on the token that waits at the element, or that waits at the
// event-based gateway before it.
func fireCaught(r *run, m arm, owner *activation, vars feel.Vars) {
	if owner.node != m.node {
		r.decide(m, owner, vars)
		return
	}
	r.assignAll(owner, vars)
	r.waitOn(owner)
	r.complete(owner)
}

// waitOn lets the rest of a timer's cycle wait in a token of its own.
func (r *run) waitOn(owner *activation) {
	for i := range r.st.arms {
		if m := &r.st.arms[i]; m.owner == owner.key && m.kind == bpmn.TimerEvent {
			next := r.spawn(owner.node, owner.up)
			next.phase, m.owner = waiting, next.key
			r.tellEntered(next)
			return
		}
	}
}
