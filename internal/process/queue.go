package process

import "container/heap"

// queue holds jobs that wait, by due time and then id. Each knows its place in it.
type queue []*job

func (q *queue) push(x *job) {
	x.queue = q
	heap.Push((*jobHeap)(q), x)
}

// pop takes the first.
func (q *queue) pop() *job { return heap.Pop((*jobHeap)(q)).(*job) }

func (q *queue) remove(x *job) { heap.Remove((*jobHeap)(q), x.index) }

// jobHeap is a queue for package heap.
type jobHeap []*job

func (h jobHeap) Len() int { return len(h) }

func (h jobHeap) Less(a, b int) bool {
	if !h[a].due.Equal(h[b].due) {
		return h[a].due.Before(h[b].due)
	}
	return h[a].id < h[b].id
}

func (h jobHeap) Swap(a, b int) {
	h[a], h[b] = h[b], h[a]
	h[a].index, h[b].index = a, b
}

// Push adds a *job.
func (h *jobHeap) Push(x any) {
	j := x.(*job)
	j.index = len(*h)
	*h = append(*h, j)
}

// Pop removes the last *job.
func (h *jobHeap) Pop() any {
	old := *h
	j := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	j.queue = nil
	return j
}
