package engine

import "slices"

// A parallel gateway waits for a token on each incoming flow and puts one on each outgoing
// flow (BPMN 13.4.1). Waiting tokens are kept in one activation as the flows they came by.
var parallelGateway = &behaviour{
	enter:  passThrough,
	choose: chooseAll,
	merge:  mergeParallel,
}

func mergeParallel(r *run, a *activation) bool {
	n := a.node
	if len(n.in) < 2 || a.via == "" {
		return false
	}
	j := r.gather(a)
	for _, f := range n.in {
		if !slices.Contains(j.arrived, f.ID) {
			return true
		}
	}
	r.release(j)
	return true
}

// gather puts an arriving token to those that wait at the join already; it becomes the
// waiting activation itself when it is the first.
func (r *run) gather(a *activation) *activation {
	for _, j := range r.st.acts {
		if j.node == a.node && j.up == a.up && j.phase == joining && !j.dead {
			j.arrived = append(slices.Clip(j.arrived), a.via)
			r.remove(a)
			return j
		}
	}
	a.phase = joining
	a.arrived = []string{a.via}
	r.tellEntered(a)
	return a
}

// release lets a complete join go: one token of each flow is consumed, what is left waits again.
func (r *run) release(j *activation) {
	var left []string
	for i, via := range j.arrived {
		if slices.Contains(j.arrived[:i], via) {
			left = append(left, via)
		}
	}
	j.arrived = nil
	for _, via := range left {
		r.place(j.node, j.up).via = via
	}
	r.complete(j)
}
