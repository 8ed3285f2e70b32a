package engine

import "github.com/paceline/paceline/internal/feel"

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
	r.complete(owner)
}
