package engine

// choose picks the flows by which a token leaves.
func (r *run) choose(a *activation) ([]*flow, error) {
	if a.detour != nil {
		return nil, nil // it goes straight back instead
	}
	if a.undoFor != 0 {
		return nil, nil // a compensation handler leads nowhere
	}
	if a.node.behave.choose != nil {
		return a.node.behave.choose(r, a)
	}
	return r.chooseConditional(a)
}

// chooseConditional takes every unconditional flow and those whose condition holds; the
// default flow when none of the conditions does (BPMN 13.3.1).
func (r *run) chooseConditional(a *activation) ([]*flow, error) {
	n := a.node
	if len(n.out) == 0 || len(n.out) == 1 && n.out[0].Condition == nil {
		return n.out, nil
	}
	var taken []*flow
	asked, met := false, false
	for _, f := range n.out {
		if f == n.fallback {
			continue
		}
		if f.Condition == nil {
			taken = append(taken, f)
			continue
		}
		asked = true
		yes, err := r.holds(a, f.Condition)
		if err != nil {
			return nil, err
		}
		if yes {
			met = true
			taken = append(taken, f)
		}
	}
	if n.fallback != nil && !met {
		taken = append(taken, n.fallback)
	}
	if len(taken) == 0 && asked {
		return nil, fail("no flow can be taken: no condition holds and there is no default flow")
	}
	return taken, nil
}

func chooseAll(_ *run, a *activation) ([]*flow, error) { return a.node.out, nil }
