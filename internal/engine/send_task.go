package engine

// A send task that names a message throws it; without one it is work for a machine (BPMN 13.3.3).
var sendTask = &behaviour{
	enter: func(r *run, a *activation) error {
		switch {
		case a.node.Work != nil && a.node.Work.Script != nil:
			return r.evaluateWork(a)
		case a.node.Event == nil:
			return r.openJob(a)
		}
		r.throwLate(a)
		return nil
	},
	throw: throwNow,
}
