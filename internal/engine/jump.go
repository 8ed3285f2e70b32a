package engine

import (
	"slices"

	"github.com/paceline/paceline/internal/bpmn"
)

// detour is what a task that work was returned to puts back when it is done, instead of going on
// by its flows: a token at each element, and one on each flow to a join.
type detour struct {
	elements []string
	flows    []string
}

// apply moves work: the tokens that are after To in the flow, and those at From, die; one token is
// placed at To. "After" leaves out edges that lead back, so a parallel branch lives on when the
// jump stays inside another branch, and dies when the jump goes to before the split.
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
	}
	scope, err := r.scopeFor(to, from)
	if err != nil {
		return err
	}
	lost := &detour{}
	if !r.kill(to, scope, from, lost) {
		return refuse("no work waits after %s; say from where it is to be taken", to.ID)
	}
	scope = r.openPath(to.scope, scope)
	r.assignAll(scope, ev.Vars)
	token := r.place(to, scope)
	if ev.Return {
		token.detour = lost
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
		for _, a := range r.st.acts {
			if from == nil && a.node == s && a.body == nil && !a.dead {
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

// kill cancels the tokens that must not live beside one at to, and notes where they were.
func (r *run) kill(to *node, scope, from *activation, lost *detour) bool {
	gate := to // the node directly in scope that is or holds to
	for gate.scope != scope.node {
		gate = gate.scope
	}
	found := false
	for _, a := range r.st.acts {
		if a.up != scope || a.dead || a.undoFor != 0 {
			continue
		}
		holdsFrom := from != nil && inside(from, a)
		if !holdsFrom && a.node != gate && !gate.after.has(a.node.index) {
			continue
		}
		if a.phase == joining && !holdsFrom {
			found = r.drain(a, gate, lost) || found
			continue
		}
		found = true
		r.noteLost(a, lost)
		r.cancel(a)
	}
	return found
}

func inside(a, scope *activation) bool {
	for ; a != nil; a = a.up {
		if a == scope {
			return true
		}
	}
	return false
}

// drain takes the tokens off a join that came by way of the gate; the others stay.
func (r *run) drain(j *activation, gate *node, lost *detour) bool {
	var stay []string
	for _, via := range j.arrived {
		from := r.def.flows[via].from
		if from == gate || gate.after.has(from.index) {
			lost.flows = append(lost.flows, via)
		} else {
			stay = append(stay, via)
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

// noteLost keeps where the tokens in a cancelled activation were: in a sub-process, at the elements inside it.
func (r *run) noteLost(a *activation, lost *detour) {
	switch {
	case a.phase == joining:
		lost.flows = append(lost.flows, a.arrived...)
		return
	case a.body != nil, a.kids == 0:
		lost.elements = append(lost.elements, a.element)
		return
	}
	for _, in := range r.st.acts {
		if in.up == a && !in.dead && in.node.Kind != bpmn.EventSubProcess {
			r.noteLost(in, lost)
		}
	}
}

// openPath enters the scopes between one that runs and the one that a token is to be placed in,
// without starting them from their beginning.
func (r *run) openPath(target *node, from *activation) *activation {
	if target == from.node {
		return from
	}
	around := r.openPath(target.scope, from)
	for _, a := range r.st.acts {
		if a.up == around && a.node == target && a.body == nil && !a.dead {
			return a
		}
	}
	a := r.spawn(target, around)
	r.tellEntered(a)
	r.attempt(a, entering, func(a *activation) error {
		err := r.mapAll(a, target.Inputs, func(name string, v any) { r.declare(a, name, v) })
		if err != nil {
			return err
		}
		return r.openScope(a)
	})
	return a
}

// goBack puts the tokens of a detour where they were.
func (r *run) goBack(d *detour, scope *activation) {
	for _, id := range d.elements {
		n := r.def.nodes[id]
		within, err := r.scopeFor(n, scope)
		if err != nil {
			within = scope
		}
		r.place(n, r.openPath(n.scope, within))
	}
	for _, id := range d.flows {
		f := r.def.flows[id]
		within, err := r.scopeFor(f.to, scope)
		if err != nil {
			within = scope
		}
		r.place(f.to, r.openPath(f.to.scope, within)).via = id
	}
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
	return r.jump(Jump{To: last.Element})
}
