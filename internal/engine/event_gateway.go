package engine

import (
	"github.com/paceline/paceline/internal/feel"
)

// An event-based gateway waits for the first of the events after it (BPMN 13.4.4); the
// token then passes that event and the others are given up.
var eventBasedGateway = &behaviour{
	enter: func(r *run, a *activation) error {
		a.phase = waiting
		for _, f := range a.node.out {
			if err := r.arm(a, f.to); err != nil {
				r.disarm(a)
				return err
			}
		}
		return nil
	},
}

// decide ends the gateway and lets the token pass the event that came.
func (r *run) decide(m arm, gateway *activation, vars feel.Vars) {
	a := r.spawn(m.node, gateway.up)
	r.end(gateway, Completed)
	r.vanish(gateway)
	r.tellEntered(a)
	r.assignAll(a, vars)
	r.complete(a)
}
