package engine

// Manual and undefined tasks are done as soon as they are reached (BPMN 13.3.3): the engine has no
// means to see them.
var passTask = &behaviour{enter: passThrough}

func passThrough(r *run, a *activation) error {
	r.complete(a)
	return nil
}
