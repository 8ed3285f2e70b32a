package process

import (
	"context"
	"sync"
	"time"

	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/service"
)

// lane is one committer: it takes what is queued, as a group, and commits it. It never waits for a group
// to fill: at low load a group is one command, under load the next group fills while the present one
// is being committed.
type lane struct {
	*service.Background
	r *Runtime

	mu       sync.Mutex
	open     bool
	people   []*call // taken first
	machines []*call
	bytes    int           // of all that wait
	wake     chan struct{} // holds one token when there may be something to take
}

func newLane(r *Runtime) *lane {
	l := &lane{r: r, wake: make(chan struct{}, 1)}
	l.Background = service.NewBackground(l.run)
	return l
}

// Start opens the queue.
func (l *lane) Start(ctx context.Context) error {
	l.mu.Lock()
	l.open = true
	l.mu.Unlock()
	return l.Background.Start(ctx)
}

// Stop closes the queue, commits what is in it and returns.
func (l *lane) Stop(ctx context.Context) error {
	l.mu.Lock()
	l.open = false
	l.mu.Unlock()
	return l.Background.Stop(ctx)
}

// add queues a call, or says why not.
func (l *lane) add(c *call) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.open {
		return errs.New(errs.Unavailable, "this node is not taking commands").RetryAfter(time.Second).
			WithCure("try again; another node will take it")
	}
	queue := &l.people
	limit := l.r.cfg.LaneQueue
	if c.machine {
		queue = &l.machines
	}
	if len(*queue) >= limit || l.bytes+len(c.event) > l.r.cfg.LaneBytes {
		return errs.New(errs.Exhausted, "%d commands of %d KB wait already for this part of the engine", len(*queue), l.bytes>>10).
			RetryAfter(time.Second).WithCure("come back after the time named; the database is the bottleneck")
	}
	*queue = append(*queue, c)
	l.bytes += len(c.event)
	select {
	case l.wake <- struct{}{}:
	default:
	}
	return nil
}

// run commits group after group until ctx has ended and the queue is empty.
func (l *lane) run(ctx context.Context) {
	work := context.WithoutCancel(ctx) // what was taken in is finished
	for {
		if group := l.take(); len(group) > 0 {
			l.process(work, group)
			continue
		}
		select {
		case <-l.wake:
		case <-ctx.Done():
			if l.len() == 0 {
				return
			}
		}
	}
}

func (l *lane) len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.people) + len(l.machines)
}

// machineShare of a group is kept for machines when they wait, so that people slow them down and
// never stop them.
const machineShare = 8

// take removes the next group from the queue: people first.
func (l *lane) take() []*call {
	l.mu.Lock()
	defer l.mu.Unlock()
	room := group{calls: l.r.cfg.GroupMax, bytes: l.r.cfg.GroupBytes}
	first := room
	if len(l.machines) > 0 {
		first.calls -= first.calls / machineShare
	}
	taken := take(nil, &l.people, &first)
	room.calls -= len(taken)
	room.bytes = first.bytes
	taken = take(taken, &l.machines, &room)
	for _, c := range taken {
		l.bytes -= len(c.event)
	}
	return taken
}

// group is what still fits into one commit.
type group struct{ calls, bytes int }

// take moves calls from the queue while they fit; one always does.
func take(taken []*call, queue *[]*call, room *group) []*call {
	n := 0
	for _, c := range *queue {
		size := len(c.event)
		if len(taken) > 0 && (room.calls <= 0 || size > room.bytes) {
			break
		}
		taken = append(taken, c)
		room.calls--
		room.bytes -= size
		n++
	}
	rest := (*queue)[n:]
	if len(rest) == 0 {
		*queue = nil // let go of the array
	} else {
		*queue = rest
	}
	return taken
}

// process brings calls to their end: plan, commit, settle, and again with those that were stale.
func (l *lane) process(ctx context.Context, calls []*call) {
	for len(calls) > 0 {
		units, later := l.plan(ctx, calls)
		changes := make([]*db.Change, len(units))
		for i, u := range units {
			changes[i] = u.change
		}
		var outcomes []error
		if len(changes) > 0 {
			outcomes = l.r.deps.DB.Commit(ctx, changes)
		}
		again := l.settle(ctx, units, outcomes)
		calls = append(again, later...)
	}
}
