package engine

// Events that concern the instance as a whole.

func (ev Cancel) apply(r *run) error {
	r.finish(EndCancelled, "")
	return nil
}

func (ev Suspend) apply(r *run) error {
	r.st.suspended = true
	r.stopClocks()
	return nil
}

func (ev Resume) apply(r *run) error {
	if !r.st.suspended {
		return refuse("the instance is not suspended")
	}
	r.st.suspended = false
	r.changed = true
	r.startClocks()
	return nil
}
