// Package process keeps instances of processes in the database and moves them on.
//
// A change of an instance is an engine.Event given to Submit, the one door. It goes to the lane
// hash(instance); the lane takes what is queued, runs the pure engine.Step for each command
// and commits the whole group in one transaction (db.Commit):
//
//	Submit -> lane.take -> plan (load, Step, rows) -> db.Commit -> settle (answer, ring, run jobs)
//
// What always holds:
//
//   - A command takes effect once or not at all. With a db.Once in the context its key is
//     claimed in the same transaction, and a repeat gets the stored answer.
//   - Nobody owns an instance. A lane keeps states by (id, version) and every update is guarded by
//     the version, so a second node costs a re-run and never correctness.
//   - Events, now and the ids drawn are in the history: doing it again gives the stored state.
//   - What an instance wants from outside (job, timer, message, child) is a row of the same
//     transaction, held by this node and run from memory right after while its workers keep up, else
//     free for whichever node has room (share.go); when a node dies, its work is free. What comes
//     back is a command again, so it counts once.
//   - Every queue is bounded; a full one is errs.Exhausted with a cause and a time to come back.
package process

import (
	"cmp"
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/engine"
	"github.com/paceline/paceline/internal/service"
)

// Config of a Runtime. The zero value of a field stands for its default.
type Config struct {
	Lanes       int           // committers; 2
	LaneQueue   int           // commands that may wait in one lane, of people and of machines each; 4096
	LaneBytes   int           // of the commands that wait in one lane; 64 MB
	GroupMax    int           // commands in one commit; 256
	GroupBytes  int           // of the commands in one commit; 4 MB
	CacheBytes  int64         // of encoded states kept by (id, version); 64 MB
	Workers     int           // jobs run at the same time; 32
	JobQueue    int           // jobs and near timers kept in memory; 20,000
	JobTimeout  time.Duration // of one run of a handler; 60 s
	Retries     int           // attempts of a job that names none; 3
	Backoff     time.Duration // before the second attempt, doubled for each one after; 1 s
	PollEvery   time.Duration // between looks for due timers and orphaned jobs; 1 s
	Ahead       time.Duration // a timer due within it is held in memory; 5 s
	MessageWait time.Duration // how long a thrown message looks for a receiver; 1 h

	// Unkeyed leaves the callers' idempotency keys out of the transactions. It is for showing that a
	// test of the whole would notice.
	Unkeyed bool
}

func (c Config) withDefaults() Config {
	c.Lanes = cmp.Or(c.Lanes, 2)
	c.LaneQueue = cmp.Or(c.LaneQueue, 4096)
	c.LaneBytes = cmp.Or(c.LaneBytes, 64<<20)
	c.GroupMax = cmp.Or(c.GroupMax, 256)
	c.GroupBytes = cmp.Or(c.GroupBytes, 4<<20)
	c.CacheBytes = cmp.Or(c.CacheBytes, 64<<20)
	c.Workers = cmp.Or(c.Workers, 32)
	c.JobQueue = cmp.Or(c.JobQueue, 20_000)
	c.JobTimeout = cmp.Or(c.JobTimeout, time.Minute)
	c.Retries = cmp.Or(c.Retries, 3)
	c.Backoff = cmp.Or(c.Backoff, time.Second)
	c.PollEvery = cmp.Or(c.PollEvery, time.Second)
	c.Ahead = cmp.Or(c.Ahead, 5*time.Second)
	c.MessageWait = cmp.Or(c.MessageWait, time.Hour)
	return c
}

// Deps are what a Runtime works with. Only DB, NewID, Lease and Definitions must be there.
type Deps struct {
	DB          *db.DB
	NewID       func() db.ID
	Lease       Lease
	Definitions Definitions

	// Peers is how many nodes there are, roughly; nil: a few.
	Peers func() int
	// Assign finds who may take a task that opens; it may read but not write. Without it
	// nobody is found.
	Assign func(context.Context, Assignment) (Assigned, error)
	// Gather finds the members of an approval group; it may read but not write. Without it each name is
	// one member.
	Gather func(context.Context, Gathering) (engine.GroupFormed, error)
	// HandOver finds the login of who gets a late task and why; empty: nobody, and it stays where it is. It may
	// read but not write.
	HandOver func(context.Context, *Transition, *engine.HandOver) (login, why string, err error)
	// Remind writes rows that tell people of a late task; it may read, and appends to the Change.
	Remind func(context.Context, *Transition, *engine.Remind, *db.Change) error
	// Calendars are the business calendars; nil: all time is work time.
	Calendars Calendars
	// Person finds the id and the display name of an assignee or owner whose name stands in
	// the engine's state. An unknown name is id 0.
	Person func(ctx context.Context, name string) (db.ID, string, error)
	// Project adds the rows of a transition that belong to other tables. It runs in a lane and may run again
	// for the same command: it only appends inserts, sets and gones to the Change. When several
	// transitions of an instance share a commit, a later set of a row wins over an earlier one.
	Project func(*Transition, *db.Change) error
	// Handlers do the jobs of this process, by type. A type that is not here is
	// external work: it waits until somebody fetches it.
	Handlers map[string]Handler
	// Ring tells of news after a commit. It runs in a lane, so it must not wait for anything.
	//
	//	instance  root id       something about the ticket has changed
	//	incident  root id       an incident has come or gone
	//	task      task id       the task was given to somebody, or is over
	//	inbox     principal id  a task for the principal has come
	//	job       type          work for workers outside has come
	//	job       empty         work has come that no node holds: Runtime.Hear of the others
	Ring func(topic, key string)
	Log  *slog.Logger
	Now  func() time.Time // time.Now where nil
}

// Lease is this node's place among the nodes of the cluster. cluster.Member is one.
type Lease interface {
	// Number of the node, from 1; no other living node has it. Epoch rises with every holder.
	Number() int64
	Epoch() int64
	// Dead says who is certainly gone. An epoch that the answer has not heard of is not.
	Dead(ctx context.Context) (func(number, epoch int64) bool, error)
}

// Definitions gives compiled processes by id. It is asked often: it keeps them.
type Definitions interface {
	Definition(ctx context.Context, id db.ID) (*engine.Definition, error)
	// Called finds the definition that a call activity of from means by a process id.
	Called(ctx context.Context, from db.ID, process string) (db.ID, error)
}

// Assignment asks who may take a task that opens.
type Assignment struct {
	Transition *Transition
	Task       *engine.OpenTask
}

// Assigned answers an Assignment.
type Assigned struct {
	Assignee     db.ID // 0: nobody yet, the candidates may claim it
	AssigneeName string
	// Login is the assignee as the engine and Person name him. When the model did not name him, the
	// engine is told in a transition of its own, so that its state knows who may delegate.
	Login      string
	Candidates []db.ID // principals: users, groups, units, posts, roles
	Problem    string  // why nobody was found; kept on the task for who repairs it
	// Then is what follows at once in the name of the system, with Why as the note of its history row: a
	// policy completes the task, or gives it to somebody else.
	Then engine.Event
	Why  string
}

// Gathering asks who the members of an approval group are.
type Gathering struct {
	Transition *Transition
	Group      *engine.FormGroup
}

// Runtime runs the instances of one node. It is a service.Service.
type Runtime struct {
	cfg   Config
	deps  Deps
	log   *slog.Logger
	query *Query
	lanes []*lane
	cache *cache
	jobs  *jobs

	states *db.Lookup[db.ID, *snapshot] // those that State has to read

	workers workers
	stale   atomic.Int64

	services *service.Group
}

// New makes a Runtime that does nothing until it is started.
func New(cfg Config, deps Deps) *Runtime {
	cfg = cfg.withDefaults()
	if deps.Log == nil {
		deps.Log = slog.New(slog.DiscardHandler)
	}
	if deps.Now == nil {
		deps.Now = time.Now
	}
	if deps.Ring == nil {
		deps.Ring = func(string, string) {}
	}
	if deps.Peers == nil {
		deps.Peers = func() int { return 1 }
	}
	r := &Runtime{
		cfg: cfg, deps: deps, log: deps.Log,
		query:    NewQuery(deps.DB, deps.Definitions),
		cache:    newCache(cfg.CacheBytes),
		services: service.NewGroup(deps.Log),
	}
	r.states = db.NewLookup(r.readStates)
	r.query.Calendars = deps.Calendars
	for range cfg.Lanes {
		l := newLane(r)
		r.lanes = append(r.lanes, l)
		r.services.Add("lane", l)
	}
	r.jobs = newJobs(r)
	r.services.Add("jobs", r.jobs)
	return r
}

// Start opens the lanes and begins to look for jobs.
func (r *Runtime) Start(ctx context.Context) error { return r.services.Start(ctx) }

// Stop ends the jobs, commits what is queued in the lanes and returns.
func (r *Runtime) Stop(ctx context.Context) error { return r.services.Stop(ctx) }

// now is the engine's now: whole microseconds, as the history keeps it.
func (r *Runtime) now() time.Time { return r.deps.Now().UTC().Truncate(time.Microsecond) }

// Stats is the work at hand, for metrics.
type Stats struct {
	Waiting int // commands queued
	Held    int // jobs and near timers in memory
	Room    int // jobs that this node would take now; 0 or less: it has enough to do
	Cached  int // instances

	Hits, Misses int64 // looks for an instance in memory: it was there, it was not
	Stale        int64 // commands that ran again because what was in memory had passed
}

// Stats counts the work at hand.
func (r *Runtime) Stats() Stats {
	s := Stats{Cached: r.cache.len(), Hits: r.cache.hits.Load(), Misses: r.cache.misses.Load(), Stale: r.stale.Load()}
	s.Held, s.Room = r.jobs.load()
	for _, l := range r.lanes {
		s.Waiting += l.len()
	}
	return s
}

// laneOf gives the lane of an instance.
func (r *Runtime) laneOf(id db.ID) *lane {
	h := uint64(id) * 0x9e3779b97f4a7c15 // ids have regular low bits; Fibonacci hashing spreads them
	return r.lanes[h>>32%uint64(len(r.lanes))]
}
