package engine

// An exclusive gateway passes each token on by the first flow whose condition holds, else by
// the default flow (BPMN 13.4.2). A flow without condition always holds.
var exclusiveGateway = &behaviour{
	enter:  passThrough,
	choose: chooseFirst,
}

func chooseFirst(r *run, a *activation) ([]*flow, error) {
	n := a.node
	for i, f := range n.out {
		if f == n.fallback {
			continue
		}
		yes := f.Condition == nil
		if !yes {
			var err error
			if yes, err = r.holds(a, f.Condition); err != nil {
				return nil, err
			}
		}
		if yes {
			return n.out[i : i+1], nil
		}
	}
	switch {
	case n.fallback != nil:
		return []*flow{n.fallback}, nil
	case len(n.out) == 0:
		return nil, nil
	}
	return nil, fail("no flow can be taken: no condition holds and there is no default flow")
}
