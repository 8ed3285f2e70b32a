package engine

import (
	"slices"

	"github.com/paceline/paceline/internal/bpmn"
)

// detour is what a task that work was returned to puts back when it is done, instead of going on
// by its flows. The scopes that were entered only for the task carry it too, and end with it.
type detour struct {
	id     uint32 // key of the task's activation
	tokens []lostToken
}

// lostToken is a token that a jump took away: at an element, at a join, or a scope with those inside
// it.
type lostToken struct {
	element string
	via     string // at a join: the flow it came by
	detour  *detour
	inside  []lostToken
}

// apply moves work to a node: the tokens die that cannot live beside one there, and one is placed. A
// token in a parallel branch lives on; so a jump out of it, to before the split, ends all branches,
// and a jump inside one leaves the others alone. Where the flow has passed the join already, the
// branches that are not done again count as arrived there.
func (ev Jump) apply(r *run) error {
	r.st.acted = true
	return r.jump(ev)
}

func (r *run) jump(ev Jump) error {
	to := r.def.nodes[ev.To]
	if to == nil {
		return refuse("the process has no element %q to go to", ev.To)
	}
	if !canEnter(to) {
		return refuse("work cannot be sent to %s, a %s", to.ID, to.Tag)
	}
	var from *activation
	if ev.From != "" {
		if from = r.tokenAt(ev.From); from == nil {
			return &Refused{Stale: true, Reason: "no work waits at " + ev.From}
		}
		for at := from; at != nil; at = at.up {
			if at.isAside() {
				return refuse("%s undoes what was done; it cannot be sent elsewhere", ev.From)
			}
		}
	}
	scope, err := r.scopeFor(to, from)
	if err != nil {
		return err
	}
	gate := to // the node directly in scope that is or holds to
	for gate.scope != scope.node {
		gate = gate.scope
	}
	lost := &detour{}
	r.back = true
	found, err := r.kill(gate, scope, from, lost)
	r.back = false
	if err != nil {
		return err
	}
	if !found {
		return refuse("no work waits that could go to %s", to.ID)
	}
	within := r.openPath(to.scope, scope)
	r.assignAll(within, ev.Vars)
	token := r.place(to, within)
	if ev.Return && len(lost.tokens) > 0 {
		lost.id = token.key
	}
	for at := token; at != scope; at = at.up {
		if lost.id != 0 {
			at.detour = lost
		} else {
			r.fillJoins(at.node, at.up)
		}
	}
	return nil
}

// canEnter reports whether a token can be put at a node from without.
func canEnter(n *node) bool {
	switch n.Kind {
	case bpmn.BoundaryEvent, bpmn.EventSubProcess:
		return false
	case bpmn.StartEvent:
		return n.scope.Kind != bpmn.EventSubProcess
	}
	return !n.ForCompensation
}

// tokenAt finds the oldest token at an element; of a looped activity the whole.
func (r *run) tokenAt(element string) *activation {
	a := r.oldest(element)
	if a != nil && a.loop > 0 {
		return a.up
	}
	return a
}

// scopeFor finds the running scope that the token will be placed in, or the innermost one around it
// when its own does not run: on the way out from the token that is moved, else the oldest.
func (r *run) scopeFor(to *node, from *activation) (*activation, error) {
	for s := to.scope; ; s = s.scope {
		for at := from; at != nil; at = at.up {
			if at.node == s && at.body == nil {
				return at, nil
			}
		}
		for _, a := range r.st.all() {
			if from == nil && a.node == s && a.body == nil && !a.dead && !a.isAside() {
				return a, nil
			}
		}
		if s.scope == nil {
			return r.st.acts[0], nil
		}
		if s.Loop != nil || s.Kind == bpmn.EventSubProcess {
			return nil, refuse("%s is inside %s, which does not run", to.ID, s.ID)
		}
	}
}

// kill cancels the tokens that cannot live beside one at gate, and notes where they were.
func (r *run) kill(gate *node, scope, from *activation, lost *detour) (found bool, err error) {
	for _, a := range r.st.all() {
		if a.up != scope || a.dead || a.isAside() {
			continue
		}
		holdsFrom := from != nil && inside(from, a)
		switch {
		case a.phase == joining:
			found = r.drain(a, gate, lost) || found
			continue
		case holdsFrom && a.node.Kind != bpmn.EventSubProcess && besides(a.node, a.node, gate):
			return false, refuse("%s and %s are in parallel branches; go back to before the split", from.element, gate.ID)
		case !holdsFrom && besides(a.node, a.node, gate):
			continue
		}
		found = true
		lost.tokens = append(lost.tokens, r.takeDown(a)...)
		r.cancel(a)
	}
	return found, nil
}

func inside(a, scope *activation) bool {
	for ; a != nil; a = a.up {
		if a == scope {
			return true
		}
	}
	return false
}

// drain takes the tokens off a join that cannot live beside one at gate; the others stay.
func (r *run) drain(j *activation, gate *node, lost *detour) bool {
	var stay []string
	for _, via := range j.arrived {
		if besides(r.def.flows[via].from, j.node, gate) {
			stay = append(stay, via)
		} else {
			lost.tokens = append(lost.tokens, lostToken{element: j.element, via: via})
		}
	}
	if len(stay) == len(j.arrived) {
		return false
	}
	j.arrived = stay
	if len(stay) == 0 {
		r.cancel(j)
	}
	return true
}

// fillJoins puts a token on each flow to a parallel join that the one at gate is bound to
// reach and that no token will come by any more: the branch was done before the jump.
func (r *run) fillJoins(gate *node, scope *activation) {
	for _, join := range scope.node.inner {
		if join.Kind != bpmn.ParallelGateway || len(join.in) < 2 || join == gate || !mustPass(gate, join) {
			continue
		}
		for _, f := range join.in {
			if !r.comes(f, gate, scope) {
				r.place(join, scope).via = f.ID
			}
		}
	}
}

// comes reports whether a token waits at the end of a flow or can still come by it.
func (r *run) comes(f *flow, gate *node, scope *activation) bool {
	if f.from == gate || gate.after.has(f.from.index) {
		return true
	}
	for _, a := range r.st.all() {
		switch {
		case a.up != scope || a.dead || a.isAside():
		case a.phase == joining && a.node == f.to:
			if slices.Contains(a.arrived, f.ID) {
				return true
			}
		case a.node == f.from || a.node.after.has(f.from.index):
			return true
		}
	}
	return false
}

// takeDown lists what is lost with an activation, so that it can be put back.
func (r *run) takeDown(a *activation) []lostToken {
	switch {
	case a.node.Kind == bpmn.EventSubProcess:
		return nil // its trigger does not come again
	case a.phase == joining:
		var lost []lostToken
		for _, via := range a.arrived {
			lost = append(lost, lostToken{element: a.element, via: via})
		}
		return lost
	case a.body != nil, a.kids == 0:
		return []lostToken{{element: a.element, detour: a.detour}}
	}
	lost := lostToken{element: a.element, detour: a.detour}
	for _, in := range r.st.all() {
		if in.up == a && !in.dead && !in.isAside() {
			lost.inside = append(lost.inside, r.takeDown(in)...)
		}
	}
	return []lostToken{lost}
}

// putBack is the reverse of takeDown.
func (r *run) putBack(lost []lostToken, scope *activation) {
	for _, l := range lost {
		n := r.def.nodes[l.element]
		if n == nil {
			continue
		}
		var a *activation
		if len(l.inside) > 0 {
			a = r.openInner(n, scope)
			r.putBack(l.inside, a)
		} else {
			a = r.place(n, scope)
		}
		a.via, a.detour = l.via, l.detour
	}
}

// endDetour is called when what work was returned to is done: the scopes that were entered only for it
// end with it, and the tokens go back to where they were.
func (r *run) endDetour(a *activation) {
	whole := a
	for at := a.up; at != nil && at.detour != nil && at.detour.id == a.detour.id; at = at.up {
		whole = at
	}
	r.remove(a)
	r.putBack(a.detour.tokens, whole.up)
	if whole != a {
		r.cancel(whole)
	}
}

// openPath enters the scopes between one that runs and the one that a token is to be placed in,
// without starting them from their beginning.
func (r *run) openPath(target *node, from *activation) *activation {
	if target == from.node {
		return from
	}
	around := r.openPath(target.scope, from)
	for _, a := range r.st.all() {
		if a.up == around && a.node == target && a.body == nil && !a.dead && !a.isAside() {
			return a
		}
	}
	return r.openInner(target, around)
}

// openInner enters a scope without starting it from its beginning.
func (r *run) openInner(n *node, around *activation) *activation {
	a := r.spawn(n, around)
	r.tellEntered(a)
	r.attempt(a, entering, func(a *activation) error {
		err := r.mapAll(a, n.Inputs, func(name string, v any) { r.declare(a, name, v) })
		if err != nil {
			return err
		}
		return r.openScope(a)
	})
	return a
}

// apply takes back the last completed task when it was By's and no person has acted since.
func (ev Withdraw) apply(r *run) error {
	n := len(r.st.passed)
	switch {
	case n == 0 || r.st.passed[n-1].By != ev.By:
		return refuse("%s completed nothing here last", ev.By)
	case r.st.acted:
		return &Refused{Stale: true, Reason: "somebody has acted since"}
	}
	last := r.st.passed[n-1]
	r.st.passed = slices.Clip(r.st.passed[:n-1])
	r.st.acted = true
	if group := r.awake(last.group); group != nil && group.body != nil && group.phase == holding {
		r.withdrawVote(group, last)
		return nil
	}
	return r.jump(Jump{To: last.Element})
}

// withdrawVote opens one instance of a looped task again; the other instances stay as they are, but
// the next one in turn is not yet asked.
func (r *run) withdrawVote(group *activation, p Pass) {
	b := group.body
	b.completed--
	if b.ballot != nil {
		b.ballot = b.ballot.takeBack(int32(p.Loop))
		b.started--
		r.count(group)
		return
	}
	if l := group.node.Loop; l.Sequential || l.Standard {
		r.cancelInside(group, nil)
		b.started = int32(p.Loop) - 1
		r.nextInstance(group)
		return
	}
	r.instance(group, int32(p.Loop))
}
