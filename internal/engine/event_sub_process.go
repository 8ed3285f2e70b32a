package engine

import (
	"github.com/paceline/paceline/internal/bpmn"
	"github.com/paceline/paceline/internal/feel"
)

// An event sub-process runs inside the scope that it is drawn in, when its start event is
// triggered there; an interrupting one ends everything else in that scope first (BPMN 13.5.4).
var eventSubProcess = &behaviour{emptied: func(r *run, scope *activation) { r.complete(scope) }}

// interruptBy starts the event sub-process that a start event belongs to.
func (r *run) interruptBy(start *node, scope *activation, vars feel.Vars) *activation {
	e := r.spawn(start.scope, scope)
	if start.Interrupting {
		scope.taken = true
		r.cancelInside(scope, e)
		r.disarmEvents(scope)
	}
	e.phase = holding
	r.tellEntered(e)
	r.assignAll(e, vars)
	if err := r.armEvents(e); err != nil {
		r.stick(e, leaving, err)
		return e
	}
	r.place(start, e)
	return e
}

// disarmEvents disarms a scope's event sub-processes; boundary events of the scope stay.
func (r *run) disarmEvents(scope *activation) {
	live := r.st.arms[:0]
	for _, m := range r.st.arms {
		if m.owner == scope.key && m.node.Kind == bpmn.StartEvent {
			r.tellDisarmed(m)
			continue
		}
		live = append(live, m)
	}
	r.st.arms = live
}

// eventStarts lists the start events of a scope's event sub-processes that can be triggered by what
// comes from inside: none when one of them has taken over, and never the one that it comes from.
func eventStarts(scope, inside *activation) []*node {
	if scope.taken {
		return nil
	}
	var starts []*node
	for _, e := range scope.node.events {
		if e != inside.node {
			starts = append(starts, e.start())
		}
	}
	return starts
}
