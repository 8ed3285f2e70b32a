package engine

// An embedded sub-process is a scope of its own: its token rests until nothing is left inside
// (BPMN 13.3.4).
var subProcess = &behaviour{
	enter:   enterSubProcess,
	emptied: leaveSubProcess,
}

func leaveSubProcess(r *run, scope *activation) {
	if scope.phase == undoing {
		r.vanish(scope) // it was entered again only to be compensated
		return
	}
	r.complete(scope)
}

func enterSubProcess(r *run, a *activation) error {
	if err := r.openScope(a); err != nil {
		return err
	}
	for _, n := range a.node.starts {
		r.place(n, a)
	}
	if a.kids == 0 {
		r.complete(a)
	}
	return nil
}

// openScope arms what can end or interrupt a scope.
func (r *run) openScope(a *activation) error {
	if err := r.await(a); err != nil {
		return err
	}
	a.phase = holding
	if err := r.armEvents(a); err != nil {
		r.disarmEvents(a)
		return err
	}
	return nil
}
