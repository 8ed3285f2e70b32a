package engine

// A terminate end event ends everything in its scope at once; in a sub-process the
// sub-process then completes (BPMN 13.5.6). A model may say that it reaches further.
var terminateEnd = &behaviour{enter: func(r *run, a *activation) error {
	scope := a.terminates()
	r.end(a, Completed)
	r.remove(a)
	if scope.parent == 0 {
		r.finish(EndTerminated, "")
		return nil
	}
	r.cancelInside(scope, nil)
	scope.node.behave.emptied(r, scope)
	return nil
}}

// terminates finds the scope that a terminate end event ends.
func (a *activation) terminates() *activation {
	e := a.node.Event
	for at := a.up; at != nil; at = at.up {
		if e.TerminateAll && at.up == nil || e.TerminateLoop && at.body != nil {
			return at
		}
	}
	return a.up
}
