package engine

import "github.com/paceline/paceline/internal/bpmn"

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
		in.link = in.linkTarget()
		next[i] = in.successors()
	}
	n.findAfter(next)
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
		next = append(next, b.index)
	}
	if n.link != nil {
		next = append(next, n.link.index)
	}
	return next
}

// linkTarget finds the catch event that a link throw event goes on at (BPMN 10.5.5).
func (n *node) linkTarget() *node {
	if n.Kind != bpmn.ThrowEvent || n.Event == nil || n.Event.Kind != bpmn.LinkEvent {
		return nil
	}
	for _, in := range n.scope.inner {
		if in.Kind == bpmn.CatchEvent && in.Event != nil && in.Event.Kind == bpmn.LinkEvent && in.Event.Name == n.Event.Name {
			return in
		}
	}
	return nil
}

// findAfter sets after for every node: what is reached along the edges when those that
// lead back (to a node on the path of a depth-first walk from the scope's beginning) are
// left out. So a sibling branch is not "after" a node merely because a revision loop encloses both.
func (n *node) findAfter(next [][]int) {
	const (
		unseen = iota
		onPath
		done
	)
	mark := make([]uint8, len(n.inner))
	var walk func(i int)
	walk = func(i int) {
		mark[i] = onPath
		set := newBitset(len(n.inner))
		for _, j := range next[i] {
			if mark[j] == onPath {
				continue
			}
			if mark[j] == unseen {
				walk(j)
			}
			set.add(j)
			set.include(n.inner[j].after)
		}
		n.inner[i].after = set
		mark[i] = done
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
