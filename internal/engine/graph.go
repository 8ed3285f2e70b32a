package engine

import (
	"slices"

	"github.com/paceline/paceline/internal/bpmn"
)

// bitset is a set of nodes of one scope, by index.
type bitset []uint64

func newBitset(n int) bitset    { return make(bitset, (n+63)/64) }
func (b bitset) add(i int)      { b[i/64] |= 1 << (i % 64) }
func (b bitset) has(i int) bool { return b[i/64]&(1<<(i%64)) != 0 }

func (b bitset) include(more bitset) {
	for i := range b {
		b[i] |= more[i]
	}
}

// analyse computes, for the nodes directly in the scope, what joins and jumps ask of
// the graph. A token also leaves an activity by its boundary events and a link throw event to
// its catch event, so these count as edges.
func (n *node) analyse() {
	next := make([][]int, len(n.inner))
	for i, in := range n.inner {
		next[i] = in.successors()
	}
	order := n.findForward(next)
	n.findAfter(order)
	n.findDominators(order)
	for _, in := range n.inner {
		if in.Kind == bpmn.InclusiveGateway && len(in.in) > 1 {
			in.findUpwards(next)
		}
	}
}

func (n *node) successors() []int {
	var next []int
	for _, f := range n.out {
		next = append(next, f.to.index)
	}
	for _, b := range n.boundary {
		if b.Event == nil || b.Event.Kind != bpmn.CompensationEvent { // no token leaves by that
			next = append(next, b.index)
		}
	}
	if n.link != nil {
		next = append(next, n.link.index)
	}
	return next
}

// findForward sets forward of the scope: the edges without those that lead back to a node on the path
// of a depth-first walk from the scope's beginning. So a revision loop around two branches makes
// neither of them come "after" the other. It returns the nodes so that each comes before what it leads
// to.
func (n *node) findForward(next [][]int) []int {
	const (
		unseen = iota
		onPath
		done
	)
	mark := make([]uint8, len(n.inner))
	order := make([]int, 0, len(n.inner))
	n.forward = make([][]int, len(n.inner))
	var walk func(i int)
	walk = func(i int) {
		mark[i] = onPath
		for _, j := range next[i] {
			if mark[j] == onPath {
				continue
			}
			n.forward[i] = append(n.forward[i], j)
			if mark[j] == unseen {
				walk(j)
			}
		}
		mark[i] = done
		order = append(order, i)
	}
	for _, s := range n.starts {
		if mark[s.index] == unseen {
			walk(s.index)
		}
	}
	for i := range n.inner {
		if mark[i] == unseen {
			walk(i)
		}
	}
	slices.Reverse(order)
	return order
}

// findAfter sets, from the last node to the first, what is reached along the forward edges.
func (n *node) findAfter(order []int) {
	for _, i := range slices.Backward(order) {
		after, ahead := newBitset(len(n.inner)), newBitset(len(n.inner))
		for _, j := range n.forward[i] {
			next := n.inner[j]
			after.add(j)
			after.include(next.after)
			if !next.isBeside() {
				ahead.add(j)
				ahead.include(next.ahead)
			}
		}
		n.inner[i].after, n.inner[i].ahead = after, ahead
	}
}

// findDominators sets what every forward path to a node passes last before it; nil where paths begin
// at different nodes.
func (n *node) findDominators(order []int) {
	before := make([][]int, len(n.inner))
	for i, js := range n.forward {
		for _, j := range js {
			before[j] = append(before[j], i)
		}
	}
	for _, i := range order {
		for k, b := range before[i] {
			if k == 0 {
				n.inner[i].dominator = n.inner[b]
			} else {
				n.inner[i].dominator, _, _ = fork(n.inner[i].dominator, n.inner[b])
			}
		}
		if d := n.inner[i].dominator; d != nil {
			n.inner[i].depth = d.depth + 1
		}
	}
}

// fork finds the nearest node that dominates both, itself included, and the nodes after it on
// the way down to each; nil where there is no such node.
func fork(a, b *node) (at, toA, toB *node) {
	for a != b {
		switch {
		case a == nil:
			toB, b = b, b.dominator
		case b == nil || a.depth > b.depth:
			toA, a = a, a.dominator
		case b.depth > a.depth:
			toB, b = b, b.dominator
		default:
			toA, toB = a, b
			a, b = a.dominator, b.dominator
		}
	}
	return a, toA, toB
}

// besides reports whether a token at from, on its way to next, can be there at the same time as one at
// to because both came out of one split.
func besides(from, next, to *node) bool {
	if from == to || to.after.has(from.index) || next == to || next.ahead.has(to.index) {
		return false
	}
	if side := to.sideBranch(); side != nil && !side.dominates(from) {
		return from == side.host || side.host.after.has(from.index) || besides(from, next, side.host)
	}
	at, toFrom, toTo := fork(from, to)
	if at == nil {
		return true
	}
	switch at.Kind {
	case bpmn.ExclusiveGateway, bpmn.EventBasedGateway:
		return false
	case bpmn.ParallelGateway, bpmn.InclusiveGateway:
		return true
	}
	return !interrupts(toFrom) && !interrupts(toTo)
}

// sideBranch finds the non-interrupting boundary event that every way to the node passes last.
func (n *node) sideBranch() *node {
	for ; n != nil; n = n.dominator {
		if n.isBeside() {
			return n
		}
	}
	return nil
}

func (n *node) dominates(other *node) bool {
	for ; other != nil; other = other.dominator {
		if other == n {
			return true
		}
	}
	return false
}

// isBeside reports whether a token here is one more, beside that of the activity.
func (n *node) isBeside() bool { return n.Kind == bpmn.BoundaryEvent && !n.Interrupting }

func interrupts(n *node) bool { return n != nil && n.Kind == bpmn.BoundaryEvent && n.Interrupting }

// mustPass reports whether every forward path of a token at a node passes the join.
func mustPass(from, join *node) bool {
	if !from.ahead.has(join.index) {
		return false
	}
	scope := from.scope
	seen := newBitset(len(scope.inner))
	todo := []int{from.index}
	for len(todo) > 0 {
		i := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if i == join.index || seen.has(i) {
			continue
		}
		seen.add(i)
		end := true
		for _, j := range scope.forward[i] {
			if !scope.inner[j].isBeside() {
				end = false
				todo = append(todo, j)
			}
		}
		if end {
			return false
		}
	}
	return true
}

// findUpwards sets upwards of an inclusive join: for each incoming flow, the nodes from
// which a path leads to that flow without visiting the join itself (BPMN 13.4.3).
func (n *node) findUpwards(next [][]int) {
	before := make([][]int, len(next))
	for i, js := range next {
		for _, j := range js {
			before[j] = append(before[j], i)
		}
	}
	for _, f := range n.in {
		set := newBitset(len(next))
		todo := []int{f.from.index}
		for len(todo) > 0 {
			i := todo[len(todo)-1]
			todo = todo[:len(todo)-1]
			if i == n.index || set.has(i) {
				continue
			}
			set.add(i)
			todo = append(todo, before[i]...)
		}
		n.upwards = append(n.upwards, set)
	}
}
