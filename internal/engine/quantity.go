package engine

// maxQuantity bounds the tokens that one completion gives on a flow.
const maxQuantity = 1000

// enough lets an activity that wants several tokens for one start wait for them (BPMN 10.3.1,
// startQuantity). It reports whether a is the token that the activity starts with; the others are
// consumed.
func (r *run) enough(a *activation) bool {
	for _, waits := range r.st.acts {
		if waits.node != a.node || waits.up != a.up || waits.phase != joining || waits.dead {
			continue
		}
		if len(waits.arrived)+1 < a.node.StartQuantity {
			waits.arrived = append(waits.arrived[:len(waits.arrived):len(waits.arrived)], a.via)
			r.remove(a)
			return false
		}
		r.remove(waits)
		return true
	}
	a.phase = joining
	a.arrived = []string{a.via}
	return false
}
