package engine

import "github.com/paceline/paceline/internal/feel"

// A call activity starts another process and rests until that has ended (BPMN 13.3.4). The called
// instance gets the inputs, or every visible variable where the model declares none; what it
// leaves behind comes back the same way, also with an escalation. Ended by an error it hands out only
// what the model declares.
var callActivity = &behaviour{enter: func(r *run, a *activation) error {
	c := a.node.Call
	if c == nil {
		return fail("the call activity names no process")
	}
	process := c.Process
	if c.ProcessExpr != nil {
		var err error
		if process, err = r.evalString(a, c.ProcessExpr); err != nil {
			return err
		}
	}
	if process == "" {
		return fail("the call activity names no process")
	}
	key, err := r.evalString(a, c.BusinessKey)
	if err != nil {
		return err
	}
	if err := r.await(a); err != nil {
		return err
	}
	a.id = r.env.NewID()
	r.effects = append(r.effects, StartChild{Call: a.id, Node: a.node.Node, Process: process, BusinessKey: key, Vars: r.inputsOf(a), Loop: int(a.loop)})
	return nil
}}

func (r *run) callAt(id ID) (*activation, error) {
	for i, a := range r.st.acts {
		if a.id == id && id != 0 && a.node.Call != nil {
			return r.own(i), nil
		}
	}
	return nil, &Refused{Stale: true, Reason: "the call is not waited for any more"}
}

func (ev ChildFinished) apply(r *run) error {
	a, err := r.callAt(ev.Call)
	if err != nil {
		return err
	}
	a.id = 0
	if ev.How == EndTerminated && ev.All {
		r.terminateAll()
		return nil
	}
	switch {
	case ev.How == EndFailed:
		if ev.Code != "" && len(a.node.Outputs) > 0 {
			if err := r.takeBack(a, ev.Vars); err != nil {
				r.stick(a, entering, err)
				return nil
			}
		}
		r.failWork(a, ev.Code, ev.Message, nil)
		return nil
	case ev.How == EndCancelled:
		r.failWork(a, "", "the called instance was cancelled", nil)
		return nil
	}
	if err := r.takeBack(a, ev.Vars); err != nil {
		r.stick(a, entering, err)
		return nil
	}
	r.complete(a)
	return nil
}

// takeBack evaluates the outputs of a call as the called instance sees them.
func (r *run) takeBack(a *activation, vars feel.Vars) error {
	if len(a.node.Outputs) == 0 {
		r.assignAll(a, vars)
		return nil
	}
	inside := &activation{node: a.node}
	for _, name := range names(vars) {
		r.declare(inside, name, vars[name])
	}
	return r.mapAll(inside, a.node.Outputs, func(name string, v feel.Value) { r.assign(a.up, name, v) })
}

func (ev ChildEscalated) apply(r *run) error {
	a, err := r.callAt(ev.Call)
	if err != nil {
		return err
	}
	_ = r.takeBack(a, ev.Vars) // what cannot be had yet comes when the called instance ends
	r.throwEscalation(a, ev.Code, nil)
	return nil
}
