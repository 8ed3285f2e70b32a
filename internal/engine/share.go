package engine

// A Step copies of the state what it may change. Most activations of a large state are leaves that wait and are none of
// its business: those sleep, and both states share them. What needs one of them wakes it by its place (own); what goes
// through all of them wakes all (all). A sleeping activation is never changed, and its up is that of an older state.

// sleeps reports whether an activation of a state at rest may be shared with the next one: nothing hangs under
// it, and nothing but its own event moves it.
func (a *activation) sleeps() bool {
	return a.kids == 0 && a.phase == waiting && a.parent != 0 && a.incident == nil && a.undoFor == 0 && a.clock == nil
}

// owns reports whether an activation was copied, or made, by the Step that makes this state.
func (s *State) owns(a *activation) bool { return a.step == s.step }

// copyOf is the state's own copy of an activation. What hangs on it by pointer or slice is shared and replaced, never
// changed in place; the body is copied because it changes often.
func (s *State) copyOf(a, to *activation) *activation {
	*to = *a
	to.step, to.ownVars, to.written = s.step, false, nil
	if to.body != nil {
		body := *to.body
		to.body = &body
	}
	return to
}

// own is the activation at a place, awake.
func (r *run) own(i int) *activation {
	s, a := r.st, r.st.acts[i]
	if s.owns(a) {
		return a
	}
	a = s.copyOf(a, r.room())
	a.up = s.find(a.parent)
	s.acts[i] = a
	return a
}

// all are the activations, all of them awake.
func (s *State) all() []*activation {
	if !s.shares {
		return s.acts
	}
	s.shares = false
	asleep := 0
	for _, a := range s.acts {
		if !s.owns(a) {
			asleep++
		}
	}
	backing := make([]activation, asleep)
	var up *activation
	for i, a := range s.acts {
		if s.owns(a) {
			continue
		}
		a = s.copyOf(a, &backing[0])
		backing = backing[1:]
		if up == nil || up.key != a.parent {
			up = s.find(a.parent)
		}
		a.up = up
		s.acts[i] = a
	}
	return s.acts
}

// awake is the activation with the key, awake, or nil.
func (r *run) awake(key uint32) *activation {
	if i, found := r.st.place(key); found {
		return r.own(i)
	}
	return nil
}

// manyActivations make a state large: then its leaves are encoded once and not with every Step.
const manyActivations = 256

// write encodes the leaves of a large state that go to sleep after this Step.
func (s *State) write() {
	if len(s.acts) < manyActivations {
		return
	}
	var e encoder
	var leaves []*activation
	var ends []int
	for _, a := range s.acts {
		if !s.owns(a) || !a.sleeps() {
			continue
		}
		from := len(e.buf)
		if e.activation(a) != nil {
			e.buf = e.buf[:from] // a function among the variables: whoever encodes the state is told
			continue
		}
		leaves, ends = append(leaves, a), append(ends, len(e.buf))
	}
	from := 0
	for i, a := range leaves {
		a.written = e.buf[from:ends[i]:ends[i]]
		from = ends[i]
	}
}
