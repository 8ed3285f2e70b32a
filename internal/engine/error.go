package engine

import (
	"github.com/paceline/paceline/internal/bpmn"
	"github.com/paceline/paceline/internal/feel"
)

// An error end event ends its scope with an error, which goes outwards until something
// catches it (BPMN 10.5.6).
var errorThrow = &behaviour{enter: func(r *run, a *activation) error {
	code, err := r.eventName(a, a.node.Event)
	if err != nil {
		return err
	}
	message, err := r.evalString(a, a.node.Event.Message)
	if err != nil {
		return err
	}
	if !r.throwError(a, code, message, nil) {
		return &failure{code: code, text: uncaught(code, message)}
	}
	return nil
}}

func uncaught(code, message string) string {
	if message == "" {
		return "nothing catches the error " + code
	}
	return message
}

// throwError looks for what catches an error, from the activation outwards: the boundary events of
// each activity and the event sub-processes of each scope. A called instance that does not
// catch it fails, and the error goes on in the caller. It reports false when nothing catches it.
func (r *run) throwError(a *activation, code, message string, vars feel.Vars) bool {
	inside := a
	for at := a; at != nil; inside, at = at, at.up {
		if start := catcher(eventStarts(at, inside), bpmn.ErrorEvent, code); at != a && start != nil {
			r.endThrower(a)
			r.interruptBy(start, at, caught(start, code, message, vars))
			return true
		}
		if at.loop > 0 {
			continue // its boundary events belong to the whole
		}
		if b := catcher(at.node.boundary, bpmn.ErrorEvent, code); b != nil {
			r.endThrower(a)
			r.leaveByBoundary(b, at, caught(b, code, message, vars))
			return true
		}
	}
	if r.st.parent == 0 {
		return false
	}
	r.endThrower(a)
	r.finish(EndFailed, code)
	return true
}

// endThrower completes an end event that throws; a task that throws is cancelled by who catches.
func (r *run) endThrower(a *activation) {
	if a.node.Kind == bpmn.EndEvent {
		r.end(a, Completed)
		r.remove(a)
	}
}

// caught adds the variables that the catching event asks for.
func caught(n *node, code, message string, vars feel.Vars) feel.Vars {
	if n.Event.CodeVariable == "" && n.Event.MessageVar == "" {
		return vars
	}
	all := feel.Vars{}
	for name, value := range vars {
		all[name] = value
	}
	if n.Event.CodeVariable != "" {
		all[n.Event.CodeVariable] = code
	}
	if n.Event.MessageVar != "" {
		all[n.Event.MessageVar] = message
	}
	return all
}
