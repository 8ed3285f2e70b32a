package engine

import (
	"github.com/paceline/paceline/internal/bpmn"
	"github.com/paceline/paceline/internal/feel"
)

// A boundary event sends a token of its own into the scope around the activity; an
// interrupting one ends the activity first (BPMN 13.5.3).
var boundaryEvent = &behaviour{enter: passThrough, fired: fireBoundary}

func fireBoundary(r *run, m arm, activity *activation, vars feel.Vars) {
	r.leaveByBoundary(m.node, activity, vars)
}

func (r *run) leaveByBoundary(b *node, activity *activation, vars feel.Vars) {
	token := r.place(b, activity.up)
	r.assignAll(token, vars)
	if !b.Interrupting {
		return
	}
	r.cancel(activity)
	if activity.detour != nil { // it will not go back, so its token walks on
		r.fillJoins(b, activity.up)
	}
	if activity.undoFor != 0 {
		r.undone(activity)
	}
}

// catcher finds the boundary event or event sub-process start that catches a code: the one that
// names it, else the one that catches all.
func catcher(events []*node, kind bpmn.EventKind, code string) *node {
	var all *node
	for _, n := range events {
		if n.Event == nil || n.Event.Kind != kind {
			continue
		}
		if n.Event.Name == code {
			return n
		}
		if n.Event.Name == "" && all == nil {
			all = n
		}
	}
	return all
}
