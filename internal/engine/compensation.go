package engine

import (
	"slices"

	"github.com/paceline/paceline/internal/bpmn"
)

// undo is a completed activity that can be compensated, with the variables it had
// (BPMN 13.5.5). A sub-process carries what was completed inside it.
type undo struct {
	element string
	vars    []variable
	group   uint32 // of instances that ran in parallel: their body; they are undone together
	inside  []undo
}

// A compensation throw or end event undoes what its scope has completed, the last first, or
// one activity. It goes on when that is done; with waitForCompletion="false" at once, and its
// activation stays behind, already told to be completed, until the handlers are done.
var compensationThrow = &behaviour{enter: func(r *run, a *activation) error {
	if !a.node.Event.WaitCompletion {
		if err := r.goAhead(a); err != nil {
			return err
		}
	}
	a.phase = undoing
	if target := a.node.Event.Activity; target != nil {
		for at := a.up; at != nil && len(a.pending) == 0; at = at.up {
			a.pending = r.takeUndo(at, target.ID)
		}
	} else {
		a.pending = r.takeUndo(a.up, "")
		if at := a.up; isEventSubProcess(at) {
			a.pending = append(r.takeUndo(at.up, ""), a.pending...) // what it handles came before it
		}
	}
	r.undoNext(a)
	return nil
}}

// isAside reports whether an activation is no token on the flow: a compensation handler, or a throw event
// that has gone ahead of the handlers it started.
func (a *activation) isAside() bool { return a.undoFor != 0 || a.phase == undoing && !a.entered }

// goAhead completes a throw event and sends its token on, but keeps the activation.
func (r *run) goAhead(a *activation) error {
	if err := r.conclude(a); err != nil {
		return err
	}
	flows, err := r.choose(a)
	if err != nil {
		return err
	}
	r.end(a, Completed)
	a.entered = false // its end is told
	for _, f := range flows {
		r.place(f.to, a.up).via = f.ID
	}
	return nil
}

// A cancel end event gives its transaction up: everything in it is cancelled, what it has
// completed is undone, also inside of what still runs, and its cancel boundary event takes over
// (BPMN 13.5.7). The scopes between the two stay until then, so that the handlers in them have a place.
var cancelEnd = &behaviour{enter: func(r *run, a *activation) error {
	scope := a.transaction()
	a.phase = undoing
	a.pending = r.rollback(scope, a)
	for at := a; at != scope; at = at.up {
		r.cancelInside(at.up, at)
		r.disarm(at.up)
	}
	r.undoNext(a)
	return nil
}}

// rollback takes all that can be undone in a scope. What was completed inside a scope that still runs
// is undone in it, or, when it will be gone by then, as if it had been completed.
func (r *run) rollback(scope, stays *activation) []undo {
	all := r.takeUndo(scope, "")
	for _, a := range r.st.all() {
		if a.up != scope || a.dead {
			continue
		}
		within := r.rollback(a, stays)
		switch {
		case len(within) == 0:
		case a.body != nil || inside(stays, a):
			all = append(all, within...)
		case a.node.undoneBy == nil:
			all = append(all, undo{element: a.element, vars: a.vars, inside: within})
		}
	}
	return all
}

// transaction finds the transaction around a cancel end event.
func (a *activation) transaction() *activation {
	at := a.up
	for at.up.up != nil && at.node.Kind != bpmn.Transaction {
		at = at.up
	}
	return at
}

func isEventSubProcess(a *activation) bool {
	return a.node.Kind == bpmn.EventSubProcess
}

// remember keeps a completed activity for compensation, in the scope around it. The instances of a
// looped activity are kept by its body until the whole is completed.
func (r *run) remember(a *activation) {
	if a.undoFor != 0 || a.up == nil {
		return
	}
	if a.body != nil {
		a.up.undo = append(slices.Clip(a.up.undo), a.undo...)
		return
	}
	n := a.node
	nested := n.Kind.IsSubProcess() && (len(a.undo) > 0 || catcher(eventStarts(a, a), bpmn.CompensationEvent, "") != nil)
	if n.undoneBy == nil && !nested {
		return
	}
	u := undo{element: n.ID, vars: a.vars, inside: a.undo}
	if a.loop > 0 && !n.Loop.Standard && !n.Loop.Sequential {
		u.group = a.parent
	}
	a.up.undo = append(slices.Clip(a.up.undo), u)
}

// takeUndo takes what can be compensated out of a scope: of one element, or all.
func (r *run) takeUndo(scope *activation, element string) []undo {
	if scope == nil {
		return nil
	}
	var taken, left []undo
	for _, u := range scope.undo {
		if element == "" || u.element == element {
			taken = append(taken, u)
		} else {
			left = append(left, u)
		}
	}
	scope.undo = left
	return taken
}

// undoNext starts the handlers that an activation waits for next; without any it is done.
func (r *run) undoNext(by *activation) {
	n := len(by.pending)
	if n == 0 {
		r.undoneAll(by)
		return
	}
	first := n - 1
	for group := by.pending[first].group; group != 0 && first > 0 && by.pending[first-1].group == group; {
		first--
	}
	batch := by.pending[first:]
	by.pending = slices.Clone(by.pending[:first])
	for i := len(batch) - 1; i >= 0; i-- {
		r.startUndo(batch[i], by)
	}
}

// startUndo runs the handler of one completed activity. A sub-process without a handler of its own
// is entered again, untold, for its compensation event sub-process or for the handlers inside it.
func (r *run) startUndo(u undo, by *activation) {
	n := r.def.nodes[u.element]
	scope := by
	for scope.up != nil && (scope.node != n.scope || scope.body != nil) {
		scope = scope.up
	}
	if n.undoneBy != nil {
		h := r.place(n.undoneBy, scope)
		h.undoFor, h.vars = by.key, u.vars
		return
	}
	shell := r.spawn(n, scope)
	shell.phase, shell.undoFor, shell.vars = undoing, by.key, u.vars
	if start := catcher(eventStarts(shell, shell), bpmn.CompensationEvent, ""); start != nil {
		shell.undo = u.inside
		r.interruptBy(start, shell, nil)
		return
	}
	shell.pending = u.inside
	r.undoNext(shell)
}

// undone is called when a handler has ended. The one that waits for it goes on when no other
// handler of its runs.
func (r *run) undone(handler *activation) {
	by := r.awake(handler.undoFor)
	if by == nil || by.dead {
		r.checkEmpty(handler.up)
		return
	}
	for _, a := range r.st.all() {
		if a.undoFor == by.key && !a.dead {
			return
		}
	}
	r.undoNext(by)
}

// undoneAll is called when everything that an activation wanted to be undone is.
func (r *run) undoneAll(by *activation) {
	switch {
	case by.undoFor != 0 || !by.entered: // nobody waits for its token
		r.vanish(by)
	case by.node.Event.Kind == bpmn.CancelEvent:
		r.giveUp(by)
	default:
		r.complete(by)
	}
}

// giveUp ends a transaction by its cancel boundary event.
func (r *run) giveUp(end *activation) {
	scope := end.transaction()
	r.end(end, Completed)
	r.remove(end)
	whole := scope
	if scope.loop > 0 {
		whole = scope.up
	}
	if b := catcher(whole.node.boundary, bpmn.CancelEvent, ""); b != nil {
		r.leaveByBoundary(b, whole, nil)
		return
	}
	r.cancel(scope)
	r.vanish(scope)
}
