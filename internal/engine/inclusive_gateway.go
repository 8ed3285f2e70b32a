package engine

import "slices"

// An inclusive gateway splits by every condition that holds and joins what can still come (BPMN
// 13.4.3): it is released when no token elsewhere in its scope has a path to an incoming flow that is
// still empty, unless that token also has a path to one that is not. The paths do not visit the
// gateway itself, so a loop through it does not hold it up.
var inclusiveGateway = &behaviour{
	enter:  passThrough,
	choose: chooseInclusive,
	merge:  mergeInclusive,
}

func mergeInclusive(r *run, a *activation) bool {
	if len(a.node.in) < 2 || a.via == "" {
		return false
	}
	r.gather(a)
	r.joins = true
	return true
}

// checkJoins releases one inclusive join that nothing can reach any more. It is called when no
// token moves, and again after what it released has come to rest.
func (r *run) checkJoins() {
	for _, j := range r.st.acts {
		if j.phase == joining && !j.dead && j.node.upwards != nil && !r.canStillCome(j) {
			r.release(j)
			r.joins = true
			return
		}
	}
}

func (r *run) canStillCome(j *activation) bool {
	for _, a := range r.st.all() {
		if a.up != j.up || a == j || a.dead || a.node.scope != j.node.scope || a.isAside() {
			continue
		}
		missing, present := false, false
		for i, f := range j.node.in {
			switch {
			case !j.node.upwards[i].has(a.node.index):
			case slices.Contains(j.arrived, f.ID):
				present = true
			default:
				missing = true
			}
		}
		if missing && !present {
			return true
		}
	}
	return false
}

func chooseInclusive(r *run, a *activation) ([]*flow, error) {
	n := a.node
	var taken []*flow
	for _, f := range n.out {
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
			taken = append(taken, f)
		}
	}
	switch {
	case len(taken) > 0 || len(n.out) == 0:
		return taken, nil
	case n.fallback != nil:
		return []*flow{n.fallback}, nil
	}
	return nil, fail("no flow can be taken: no condition holds and there is no default flow")
}
