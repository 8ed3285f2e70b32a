package engine

import (
	"errors"
	"slices"

	"github.com/paceline/paceline/internal/bpmn"
)

// incident is why an activation sticks, and where Retry takes up again.
type incident struct {
	id      ID
	at      point
	code    string // of a BPMN error that nothing catches
	message string
	work    bool // work that had been opened failed, so the token still waits for it
}

// point is a place in an activation's life that can be repeated.
type point uint8

const (
	entering point = iota // from its inputs on
	leaving               // from its outputs on
)

// stick makes an incident. What the activation opened outside is closed, but its boundary events stay
// armed: time goes on. The rest of the instance goes on too.
func (r *run) stick(a *activation, at point, err error) {
	f := &failure{text: err.Error()}
	errors.As(err, &f)
	if a.incident != nil {
		r.effects = append(r.effects, CloseIncident{Incident: a.incident.id})
	}
	r.tellEntered(a)
	r.closeWork(a, at == leaving)
	a.armed = a.armed || a.phase != arriving && a.phase != stuck
	a.phase = stuck
	a.incident = &incident{id: r.env.NewID(), at: at, code: f.code, message: f.text}
	r.effects = append(r.effects, OpenIncident{Incident: a.incident.id, Node: a.node.Node, Code: f.code, Message: f.text})
}

// apply clears the incident and does again what failed.
func (ev Retry) apply(r *run) error {
	for _, a := range r.st.acts {
		if a.incident == nil || a.incident.id != ev.Incident {
			continue
		}
		at := a.incident.at
		r.effects = append(r.effects, CloseIncident(ev))
		a.incident = nil
		a.phase = arriving
		if at == leaving {
			r.complete(a)
			return nil
		}
		r.forgetInputs(a)
		r.queue = append(r.queue, a)
		return nil
	}
	return refuse("there is no incident %d", ev.Incident)
}

// forgetInputs takes away what the inputs of an activity have set, so that they are evaluated anew and
// an input of the name of its source sees what has been repaired.
func (r *run) forgetInputs(a *activation) {
	kept := make([]variable, 0, len(a.vars))
	for _, v := range a.vars {
		if !slices.ContainsFunc(a.node.Inputs, func(m bpmn.Mapping) bool { return m.Target == v.name }) {
			kept = append(kept, v)
		}
	}
	if len(kept) == len(a.vars) {
		return
	}
	a.vars, a.ownVars, r.changed = kept, true, true
	if a.loop > 0 && a.up.body != nil {
		r.declareTurn(a)
	}
}
