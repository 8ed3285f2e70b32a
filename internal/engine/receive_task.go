package engine

// A receive task waits for its message; without one, for somebody to say that it is done (BPMN
// 13.3.3).
var receiveTask = &behaviour{
	enter: func(r *run, a *activation) error {
		if err := r.openTask(a, OpenTask{Node: a.node.Node, Loop: int(a.loop)}); err != nil {
			return err
		}
		return r.arm(a, a.node)
	},
	fired: fireCaught,
}
