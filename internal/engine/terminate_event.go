package engine

// A terminate end event ends everything in its scope at once; in a sub-process the
// sub-process then completes (BPMN 13.5.6).
var terminateEnd = &behaviour{enter: func(r *run, a *activation) error {
	scope := a.up
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
