package process

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/service"
)

// jobKind says what is to be done when a job is due.
type jobKind int

const (
	jobWork        jobKind = iota + 1 // call the handler of the type, then JobDone or JobFailed
	jobExternal                       // the same, done by whoever fetches it
	jobTimer                          // TimerFired
	jobStartTimer                     // start an instance, see Runtime.SetStarts
	jobTell                           // give an event to another instance
	jobStartChild                     // start a called instance
	jobCancelChild                    // cancel one, or keep it from starting
	jobMessage                        // find a receiver of a message
	jobSignal                         // give a signal to all who wait for it
)

var jobKindNames = [...]string{"", "work", "external", "timer", "startTimer", "tell", "startChild", "cancelChild", "message", "signal"}

func (k jobKind) String() string {
	if k > 0 && int(k) < len(jobKindNames) {
		return jobKindNames[k]
	}
	return "unknown"
}

// job is a row of Jobs that this node holds.
type job struct {
	id, instance, root, definition db.ID
	kind                           jobKind
	typ                            string
	node                           string
	due                            time.Time
	retries                        int // attempts left, the next one included
	payload                        []byte
	created                        time.Time

	work   *work         // of a jobWork, see handlers.go
	waits  int           // times in a row that it could not be done for want of something
	taken  bool          // from the database and not from the transition that made it
	closed bool          // its row is gone
	queue  *queue        // in which it waits; nil: it is being done
	index  int           // there
	begun  time.Duration // when it was taken from there, as effort counts
}

// job writes a job of this transition. One that this node gets to soon is held by it from the
// start and done from memory after the commit, so nobody has to look for it. What is due and
// more than that is for whoever has room.
func (w *rows) job(j *job) {
	if j.instance == 0 {
		j.instance = w.t.Instance
	}
	j.root, j.definition, j.created = w.t.Root, w.t.Definition, w.t.Now
	if j.due.IsZero() {
		j.due = w.t.Now
	}
	var owner, epoch int64
	switch {
	case j.kind == jobExternal:
		owner = external
		w.rings[ring{TopicJob, j.typ}] = struct{}{}
	case w.r.jobs.wants(j.due, len(w.held)):
		owner, epoch = w.r.deps.Lease.Number(), w.r.deps.Lease.Epoch()
		w.held = append(w.held, j)
	case !j.due.After(w.t.Now):
		w.rings[freeWork] = struct{}{}
	}
	w.change.Inserts = append(w.change.Inserts, j.row(owner, epoch))
}

func (j *job) row(owner, epoch int64) db.Row {
	return db.Row{Table: Jobs, Values: []any{
		j.id, j.instance, j.root, j.definition, int(j.kind), j.typ, j.node,
		owner, epoch, j.due.UnixMicro(), j.retries, j.created.UnixMicro(), j.payload, "",
	}}
}

// jobs does what is due: it holds jobs in memory by due time, hands them to a bounded number of
// workers, and looks in the database for what nobody holds. What is shared with other nodes, and
// when, is said in share.go.
type jobs struct {
	r     *Runtime
	group *service.Group
	look  *service.Loop // for everything that may have to be done
	taker *service.Loop // for what is free and due
	offer *service.Loop // rings that there is such work
	slots chan struct{} // one token for each job that is handed over or being done
	ready chan *job
	can   string // condition: this node has a handler for it. The nodes of a cluster may differ while a new version comes
	types []any  // of can

	filling sync.Mutex    // held while free work is taken
	late    time.Duration // of the taker: how long it rests after another ring that came to nothing

	mu     sync.Mutex // guards the rest
	open   bool
	byID   map[db.ID]*job // waiting and being done
	later  queue          // not due yet
	due    queue          // waiting for a worker
	effort effort
	more   bool // there may be free work that is due
	rung   bool // another node says so
	owes   bool // the others were not told yet of what is free here
	wake   chan struct{}
}

func newJobs(r *Runtime) *jobs {
	workers := r.cfg.Workers
	j := &jobs{
		r: r, slots: make(chan struct{}, workers), ready: make(chan *job, workers), byID: map[db.ID]*job{},
		effort: newEffort(), wake: make(chan struct{}, 1),
		can: " AND kind <> ?", types: []any{int(jobWork)},
	}
	if types := slices.Sorted(maps.Keys(r.deps.Handlers)); len(types) > 0 {
		j.can, j.types = " AND (kind <> ? OR type IN (?))", append(j.types, db.In(types))
	}
	j.look = service.NewLoop(r.cfg.PollEvery, j.poll)
	j.taker = service.NewLoop(r.cfg.PollEvery, j.take)
	j.offer = service.NewLoop(r.cfg.PollEvery, j.tellOthers)
	j.group = service.NewGroup(r.log)
	for range workers {
		j.group.Add("worker", service.NewBackground(j.worker))
	}
	j.group.Add("dispatch", service.NewBackground(j.dispatch))
	j.group.Add("take", j.taker)
	j.group.Add("offer", j.offer)
	j.group.Add("look", j.look)
	return j
}

// Start begins to do jobs.
func (j *jobs) Start(ctx context.Context) error {
	j.mu.Lock()
	j.open = true
	j.mu.Unlock()
	return j.group.Start(ctx)
}

// Stop interrupts the handlers and lets go of everything, so that other nodes take it at once.
func (j *jobs) Stop(ctx context.Context) error {
	j.mu.Lock()
	held := j.open
	j.open = false
	j.mu.Unlock()
	if err := j.group.Stop(ctx); err != nil {
		return err
	}
	if !held {
		return nil
	}
	j.mu.Lock()
	j.byID, j.later, j.due = map[db.ID]*job{}, nil, nil
	for len(j.ready) > 0 {
		<-j.ready
		<-j.slots
	}
	j.mu.Unlock()
	freed, err := j.r.deps.DB.Exec(ctx, "UPDATE job SET owner = 0, epoch = 0 WHERE owner > 0 AND owner = ? AND epoch = ?", j.r.deps.Lease.Number(), j.r.deps.Lease.Epoch())
	if err != nil {
		j.r.log.Warn("jobs are not handed over; they wait until this node's epoch has ended", "cause", err)
	} else if freed > 0 {
		j.r.deps.Ring(freeWork.topic, freeWork.key)
	}
	return nil
}

// Wake looks for due jobs now; for a doorbell. Without it the next look is at most PollEvery away.
func (r *Runtime) Wake() {
	r.jobs.look.Ring()
	r.jobs.ring()
}

// len counts the jobs in memory, those being done among them.
func (j *jobs) len() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return len(j.byID)
}

// add takes a job that this node holds.
func (j *jobs) add(x *job) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if _, known := j.byID[x.id]; known || !j.open {
		return
	}
	j.byID[x.id] = x
	j.wait(x)
}

// wait puts a job where it waits; the caller holds mu.
func (j *jobs) wait(x *job) {
	if x.due.After(j.r.now()) {
		j.later.push(x)
	} else {
		j.due.push(x)
	}
	j.ring()
}

// forget drops a job whose row is gone. One that is being done finds out by itself.
func (j *jobs) forget(id db.ID) {
	j.mu.Lock()
	defer j.mu.Unlock()
	x := j.byID[id]
	if x == nil {
		return
	}
	x.closed = true
	if x.queue != nil {
		x.queue.remove(x)
		delete(j.byID, id)
	}
}

// putBack lets a job that was being done wait until due.
func (j *jobs) putBack(x *job, due time.Time) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if x.closed || !j.open {
		delete(j.byID, x.id)
		return
	}
	x.due = due
	j.wait(x)
}

// done ends a job that was being done.
func (j *jobs) done(x *job) {
	j.mu.Lock()
	defer j.mu.Unlock()
	delete(j.byID, x.id)
}

func (j *jobs) ring() {
	select {
	case j.wake <- struct{}{}:
	default:
	}
}

// dispatch hands due jobs to the workers. While all of them are busy nothing leaves the queue, so
// that it can be given away.
func (j *jobs) dispatch(ctx context.Context) {
	for {
		select {
		case j.slots <- struct{}{}:
		case <-ctx.Done():
			return
		}
		x := j.next(ctx)
		if x == nil {
			<-j.slots
			return
		}
		j.ready <- x // has room for as many as there are slots
	}
}

// next waits for a job to be due and takes it; nil: ctx has ended.
func (j *jobs) next(ctx context.Context) *job {
	for {
		x, pause := j.pop()
		if x != nil {
			return x
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-j.wake:
		case <-ctx.Done():
			timer.Stop()
			return nil
		}
		timer.Stop()
	}
}

// pop takes the job that is due first, or says how long there is none.
func (j *jobs) pop() (*job, time.Duration) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.ripen()
	if len(j.due) > 0 {
		x := j.due.pop()
		x.begun = j.effort.begin()
		return x, 0
	}
	if len(j.later) == 0 {
		return nil, j.r.cfg.PollEvery
	}
	return nil, min(j.later[0].due.Sub(j.r.now()), j.r.cfg.PollEvery)
}

// ripen moves what has become due; the caller holds mu.
func (j *jobs) ripen() {
	now := j.r.now()
	for len(j.later) > 0 && !j.later[0].due.After(now) {
		j.due.push(j.later.pop())
	}
}

func (j *jobs) worker(ctx context.Context) {
	for {
		select {
		case x := <-j.ready:
			j.do(ctx, x)
			j.ended(x.begun)
			<-j.slots
		case <-ctx.Done():
			return
		}
	}
}

// do does one job and decides what becomes of it: done, of no use any more, or again later.
func (j *jobs) do(ctx context.Context, x *job) {
	err := j.attempt(ctx, x)
	switch {
	case errors.Is(err, errPutBack):
	case errs.Is(err, errs.Conflict), errs.Is(err, errs.NotFound):
		// Nobody waits for it any more. Its row goes with the transition that ended
		// the waiting; this removes what an older version may have left.
		if err := j.remove(ctx, x); err != nil {
			j.postpone(x, err)
			return
		}
		j.done(x)
	case err != nil:
		j.postpone(x, err)
	default:
		j.done(x)
	}
}

// errPutBack says that the job waits already for its next attempt.
var errPutBack = errors.New("put back")

// postpone tries again after a while; nothing is counted, because the job is not at fault.
func (j *jobs) postpone(x *job, err error) {
	x.waits++
	if x.waits == 5 || x.waits%100 == 0 {
		j.r.log.Warn("a job cannot be done yet", "job", x.id, "instance", x.instance, "cause", err)
	}
	j.putBack(x, j.r.now().Add(backoff(50*time.Millisecond, x.waits, 10*time.Second)))
}

func (j *jobs) attempt(ctx context.Context, x *job) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = errs.New(errs.Internal, "job %s: %v", x.id, p)
		}
	}()
	switch x.kind {
	case jobWork:
		return j.doWork(ctx, x)
	case jobTimer:
		return j.fireTimer(ctx, x)
	case jobStartTimer:
		return j.startByTimer(ctx, x)
	case jobTell:
		return j.tell(ctx, x)
	case jobStartChild:
		return j.startChild(ctx, x)
	case jobCancelChild:
		return j.cancelChild(ctx, x)
	case jobMessage:
		return j.sendMessage(ctx, x)
	case jobSignal:
		return j.raiseSignal(ctx, x)
	}
	return fmt.Errorf("job %s is of a kind that this version does not know: %d", x.id, x.kind)
}

func (j *jobs) remove(ctx context.Context, x *job) error {
	_, err := j.r.deps.DB.Exec(ctx, "DELETE FROM job WHERE id = ?", x.id)
	return err
}

// backoff doubles from base with every attempt, up to most, and spreads by a quarter.
func backoff(base time.Duration, attempt int, most time.Duration) time.Duration {
	d := most
	if attempt < 30 {
		d = min(base<<max(attempt-1, 0), most)
	}
	return d - d/8 + rand.N(d/4+1)
}
