package process_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/engine"
	"github.com/paceline/paceline/internal/feel"
	"github.com/paceline/paceline/internal/process"
)

// town is several nodes on one database whose jobs take until they are let go.
type town struct {
	*world
	nodes []*node
	gate  chan struct{} // closed: jobs end

	mu    sync.Mutex
	doing map[int64]int  // jobs under way, by the number of the node
	done  map[string]int // by the key of the job
}

// newTown starts nodes with two workers each. With a bell they hear each other.
func newTown(w *world, nodes int, poll time.Duration, bell bool) *town {
	w.t.Helper()
	town := &town{world: w, gate: make(chan struct{}), doing: map[int64]int{}, done: map[string]int{}}
	for range nodes {
		self := w.node(func(c *process.Config, d *process.Deps) {
			number := d.Lease.Number()
			c.Workers, c.PollEvery = 2, poll
			d.Handlers = map[string]process.Handler{"work": func(ctx context.Context, j process.Job) (feel.Vars, error) { return nil, town.work(ctx, number, j) }}
			d.Ring = func(topic, key string) {
				if topic == process.TopicJob && bell {
					town.tell(number, key)
				}
			}
		})
		town.mu.Lock()
		town.nodes = append(town.nodes, self)
		town.mu.Unlock()
	}
	return town
}

func (o *town) tell(from int64, key string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, n := range o.nodes {
		if n.lease.Number() != from {
			n.Hear(key)
		}
	}
}

func (o *town) work(ctx context.Context, node int64, j process.Job) error {
	o.mu.Lock()
	o.doing[node]++
	o.done[j.Key]++
	gate := o.gate
	o.mu.Unlock()
	select {
	case <-gate:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// busy waits until the first node does as much as it can and would take no more.
func (o *town) busy(def db.ID) (ids []db.ID) {
	o.t.Helper()
	for range 2 {
		ids = append(ids, o.nodes[0].start(def, engine.Start{}))
	}
	o.until("the first node has enough to do", func() bool { return o.nodes[0].Stats().Room <= 0 })
	return ids
}

func (o *town) does(want string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return fmt.Sprint(o.doing) == want
}

// ended lets the jobs end, and checks that each was done once.
func (o *town) ended(ids []db.ID) {
	o.t.Helper()
	close(o.gate)
	for _, id := range ids {
		o.ends(id, process.Completed)
	}
	if len(o.done) != len(ids) {
		o.t.Errorf("%d jobs were done, of %d", len(o.done), len(ids))
	}
	for key, times := range o.done {
		if times != 1 {
			o.t.Errorf("job %s was done %d times", key, times)
		}
	}
}

// One node opens everything, and what it would not get to soon is done by the others at the same time: at once
// when they hear it, and without a bell when they look next.
func TestWorkIsSharedAmongNodes(t *testing.T) {
	for name, how := range map[string]struct {
		poll time.Duration
		bell bool
	}{"by bell": {time.Hour, true}, "by looking": {20 * time.Millisecond, false}} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, w *world) {
				o := newTown(w, 3, how.poll, how.bell)
				def := w.define(sequence("p", service))
				ids := o.busy(def)
				for range 4 {
					ids = append(ids, o.nodes[0].start(def, engine.Start{}))
				}
				w.until("every node works", func() bool { return o.does("map[1:2 2:2 3:2]") })
				o.ended(ids)
			})
		})
	}
}

// Work that takes longer than it did before does not stay where it waits.
func TestWorkThatWaitsIsGivenBack(t *testing.T) {
	quick(t, func(t *testing.T, w *world) {
		o := newTown(w, 1, 20*time.Millisecond, false)
		def := w.define(sequence("p", service))
		close(o.gate)
		var ids []db.ID
		for range 100 {
			ids = append(ids, o.nodes[0].start(def, engine.Start{}))
		}
		for _, id := range ids {
			w.ends(id, process.Completed)
		}
		if room := o.nodes[0].Stats().Room; room < 6 {
			t.Fatalf("a node with quick work has room for %d", room)
		}
		o.mu.Lock()
		o.gate, o.doing = make(chan struct{}), map[int64]int{}
		o.mu.Unlock()
		for range 6 {
			ids = append(ids, o.nodes[0].start(def, engine.Start{}))
		}
		if n := w.count("job WHERE owner = 1"); n != 6 {
			t.Fatalf("the node holds %d jobs", n)
		}
		late := newTown(w, 2, 20*time.Millisecond, false)
		w.until("those who came later help", func() bool { return o.does("map[1:2]") && late.does("map[2:2 3:2]") })
		close(late.gate)
		close(o.gate)
		for _, id := range ids {
			w.ends(id, process.Completed)
		}
	})
}

// Timers that are due go to a node that has time for them.
func TestDueTimersGoToWhoHasRoom(t *testing.T) {
	quick(t, func(t *testing.T, w *world) {
		o := newTown(w, 2, 20*time.Millisecond, false)
		waits := w.define(sequence("q", `<intermediateCatchEvent id="wait"><timerEventDefinition><timeDuration>PT1H</timeDuration></timerEventDefinition></intermediateCatchEvent>`, `<userTask id="after"/>`))
		id := o.nodes[0].start(waits, engine.Start{})
		ids := o.busy(w.define(sequence("p", service)))
		w.clock.add(time.Hour)
		w.until("the timer has fired", func() bool { return w.count("task") == 1 })
		if by := w.task(id).ID & db.MaxNode; by != 2 {
			t.Errorf("the timer was fired by node %d, which is busy", by)
		}
		o.ended(ids)
	})
}

// A node takes no work for which it has no handler: another version has.
func TestWorkGoesToWhoCanDoIt(t *testing.T) {
	quick(t, func(t *testing.T, w *world) {
		o := newTown(w, 1, 20*time.Millisecond, false)
		w.node() // of an older version
		def := w.define(sequence("p", service))
		ids := append(o.busy(def), o.nodes[0].start(def, engine.Start{}))
		w.until("the work is free", func() bool { return w.count("job WHERE owner = 0") == 1 })
		o.ended(ids)
		if n := w.count("incident"); n != 0 {
			t.Errorf("%d incidents", n)
		}
	})
}

// A worker that waits at one node hears of the work that another one has for it.
func TestWorkerOutsideHearsOfWorkElsewhere(t *testing.T) {
	quick(t, func(t *testing.T, w *world) {
		o := newTown(w, 2, time.Hour, true)
		asked := make(chan []process.Fetched, 1)
		go func() {
			jobs, err := o.nodes[1].FetchJobs(t.Context(), process.Fetch{Worker: "w", Types: []string{"print"}, Limit: 1, Lock: time.Minute, Wait: 20 * time.Second})
			if err != nil {
				t.Error(err)
			}
			asked <- jobs
		}()
		def := w.define(sequence("p", `<serviceTask id="work" camunda:type="external" camunda:topic="print"/>`))
		for {
			o.nodes[0].start(def, engine.Start{}) // until the worker waits it is not told
			select {
			case jobs := <-asked:
				if len(jobs) != 1 {
					t.Errorf("the worker was given %d jobs", len(jobs))
				}
				return
			case <-time.After(5 * time.Millisecond):
			}
		}
	})
}
