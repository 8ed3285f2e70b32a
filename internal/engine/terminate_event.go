package engine

// A terminate end event ends everything in its scope at once; in a sub-process the
// sub-process then completes (BPMN 13.5.6). A model may say that it reaches further: to all
// instances of a loop, or to the process with all that it calls and all that call it.
var terminateEnd = &behaviour{enter: func(r *run, a *activation) error {
	scope := a.terminates()
	r.end(a, Completed)
	r.remove(a)
	switch {
	case a.node.Event.TerminateAll:
		r.terminateAll()
		return nil
	case scope.parent == 0:
		r.finish(EndTerminated, "")
		return nil
	}
	r.cancelInside(scope, nil)
	scope.node.behave.emptied(r, scope)
	return nil
}}

// terminateAll ends the instance, those that it called, and those that called it.
func (r *run) terminateAll() {
	r.finish(EndTerminated, "")
	r.st.ending.All = true
}

// terminates finds the scope that a terminate end event ends.
func (a *activation) terminates() *activation {
	e := a.node.Event
	for at := a.up; at != nil; at = at.up {
		if e.TerminateLoop && at.body != nil {
			return at
		}
	}
	return a.up
}
