package process

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/engine"
	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/feel"
)

// external is the owner of jobs that are done by workers outside, who fetch them. While one has
// a job, its due time is when it may be fetched again, and its epoch the number of the lock.
const external = -1

// Bounds of what a worker may ask for.
const (
	FetchMost = 100 // types, and jobs at once
	LockMost  = 24 * time.Hour
	WaitMost  = 30 * time.Second
)

// Fetch is what a worker outside asks for.
type Fetch struct {
	Worker string   // its name, for people
	Types  []string // of jobs that it can do
	Limit  int
	Lock   time.Duration // for so long nobody else is given the jobs
	Wait   time.Duration // for a job, when there is none now
}

func (f Fetch) check() error {
	if len(f.Types) == 0 || len(f.Types) > FetchMost || f.Limit < 1 || f.Limit > FetchMost || f.Lock <= 0 || f.Lock > LockMost || f.Wait < 0 || f.Wait > WaitMost {
		return errs.New(errs.Invalid, "name 1 to %d types, a limit of 1 to %d, a lock of at most %s and a wait of at most %s", FetchMost, FetchMost, LockMost, WaitMost)
	}
	return nil
}

// Fetched is a job that a worker has been given.
type Fetched struct {
	Job
	Lock    db.ID     // to be named by who ends the job
	Until   time.Time // it may be given to somebody else from then on
	Retries int       // attempts left, this one included
}

// Held names a job that a worker has fetched, and who speaks for it.
type Held struct {
	Job, Lock db.ID
	Actor     db.ID // for the history
	By        string
}

// Failure is why a worker could not do a job. The cause is judged like the error of a Handler.
type Failure struct {
	Cause   error
	Retries *int          // attempts left from now on; nil: one less than before
	Backoff time.Duration // before the job is given out again; 0: the usual
}

// errNotHeld answers who ends a job that is another's by now, or nobody's.
func errNotHeld(id db.ID) error {
	return errs.New(errs.Conflict, "job %s is not held by this lock", id).
		WithCure("the lock has run out and the job went to another worker, it is done, or its ticket does not need it any more; fetch again")
}

// FetchJobs gives a worker jobs that nobody has, those due first. One that is not ended when its lock has run
// out is given out again. Without a job it waits as long as it is asked to; when ctx ends meanwhile,
// there were none.
func (r *Runtime) FetchJobs(ctx context.Context, f Fetch) (fetched []Fetched, err error) {
	defer errs.Wrap(&err, "process.FetchJobs")
	if err := f.check(); err != nil {
		return nil, err
	}
	heard, leave := r.workers.add(f.Types)
	defer leave()
	for end := time.Now().Add(f.Wait); ; {
		fetched, err = r.fetch(ctx, f)
		left := time.Until(end)
		if err != nil || len(fetched) > 0 || left <= 0 {
			return fetched, err
		}
		timer := time.NewTimer(min(left, r.cfg.PollEvery)) // jobs of other nodes ring no bell here
		select {
		case <-heard:
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil, nil
		}
		timer.Stop()
	}
}

func (r *Runtime) fetch(ctx context.Context, f Fetch) ([]Fetched, error) {
	now, lock := r.now(), r.deps.NewID()
	holder, err := json.Marshal(f.Worker)
	if err != nil {
		return nil, err
	}
	until := now.Add(f.Lock)
	taken, err := db.Take(ctx, r.deps.DB, db.Lease{
		Table: Jobs, Where: "owner < 0 AND type IN (?) AND due <= ?", Args: []any{db.In(f.Types), now.UnixMicro()}, OrderBy: "due",
		Columns: []string{"due", "epoch", "payload"}, Values: []any{until.UnixMicro(), lock, holder},
		Limit: f.Limit, Returns: jobReturns,
	}, scanJob)
	if err != nil || len(taken) == 0 {
		return nil, err
	}
	return r.hand(ctx, taken, lock, until)
}

// hand describes the jobs of a lock. One that its instance does not wait for, or that is suspended with it, is
// left to run out.
func (r *Runtime) hand(ctx context.Context, taken []*job, lock db.ID, until time.Time) ([]Fetched, error) {
	slices.SortFunc(taken, func(a, b *job) int { return int(a.id - b.id) })
	ids := make([]db.ID, len(taken))
	for i, x := range taken {
		ids[i] = x.instance
	}
	slices.Sort(ids)
	known, err := r.load(ctx, slices.Compact(ids))
	if err != nil {
		return nil, err
	}
	fetched := make([]Fetched, 0, len(taken))
	for _, x := range taken {
		if s := known[x.instance]; s != nil && s.err == nil && s.state.Suspended() {
			continue
		}
		job, err := describeIn(known[x.instance], x)
		if errs.Is(err, errs.NotFound) { // the cache was behind
			job, err = r.describe(ctx, x)
		}
		if err != nil {
			r.log.Warn("a job cannot be given out", "job", x.id, "instance", x.instance, "cause", err)
			continue
		}
		fetched = append(fetched, Fetched{Job: job, Lock: lock, Until: until, Retries: x.retries})
	}
	return fetched, nil
}

// ExtendJob lets a worker keep a job for so long from now on, and says until when.
func (r *Runtime) ExtendJob(ctx context.Context, h Held, lock time.Duration) (until time.Time, err error) {
	defer errs.Wrap(&err, "process.ExtendJob")
	if lock <= 0 || lock > LockMost {
		return until, errs.New(errs.Invalid, "a lock lasts at most %s", LockMost)
	}
	until = r.now().Add(lock)
	n, err := r.deps.DB.Exec(ctx, "UPDATE job SET due = ? WHERE id = ? AND owner = ? AND epoch = ?", until.UnixMicro(), h.Job, external, h.Lock)
	if err == nil && n == 0 {
		err = errNotHeld(h.Job)
	}
	return until, err
}

// CompleteJob ends a job that a worker has fetched. Conflict: somebody else has it by now, it is done, or
// not wanted any more.
func (r *Runtime) CompleteJob(ctx context.Context, h Held, vars feel.Vars) (res Result, err error) {
	defer errs.Wrap(&err, "process.CompleteJob")
	x, res, done, err := r.held(ctx, h)
	if done || err != nil {
		return res, err
	}
	return r.endJob(ctx, h, x, engine.JobDone{Job: engine.ID(h.Job), Vars: vars})
}

// FailJob says that a worker could not do a job: it is given out again after a while, is an error for
// the model to catch, or an incident.
func (r *Runtime) FailJob(ctx context.Context, h Held, f Failure) (res Result, err error) {
	defer errs.Wrap(&err, "process.FailJob")
	x, res, done, err := r.held(ctx, h)
	if done || err != nil {
		return res, err
	}
	left := x.retries - 1
	if f.Retries != nil {
		left = *f.Retries
	}
	if left <= 0 || final(f.Cause) {
		return r.endJob(ctx, h, x, result(Job{ID: h.Job}, nil, f.Cause))
	}
	after := f.Backoff
	if after <= 0 {
		after = backoff(r.cfg.Backoff, 1, backoffMost)
	}
	due := r.now().Add(min(after, LockMost))
	return db.Do(ctx, r.deps.DB, func(ctx context.Context, tx *db.Tx) (Result, error) {
		n, err := tx.Exec(ctx, "UPDATE job SET retries = ?, due = ?, epoch = 0, error = ? WHERE id = ? AND owner = ? AND epoch = ?",
			left, due.UnixMicro(), cut(f.Cause.Error(), messageMost), h.Job, external, h.Lock)
		if err == nil && n == 0 {
			err = errNotHeld(h.Job)
		}
		return Result{Instance: x.instance}, err
	})
}

// held finds a job of a worker. done: the request has taken effect before, under its key.
func (r *Runtime) held(ctx context.Context, h Held) (x *job, res Result, done bool, err error) {
	if res, done, err := r.Recall(ctx); done || err != nil {
		return nil, res, done, err
	}
	x = &job{id: h.Job}
	var lock db.ID
	err = r.deps.DB.QueryRow(ctx, "SELECT instance, retries, epoch FROM job WHERE id = ? AND owner = ?", h.Job, external).Scan(&x.instance, &x.retries, &lock)
	if errors.Is(err, db.ErrNoRows) || err == nil && lock != h.Lock {
		err = errNotHeld(h.Job)
	}
	return x, Result{}, false, err
}

func (r *Runtime) endJob(ctx context.Context, h Held, x *job, ev engine.Event) (Result, error) {
	return r.Submit(ctx, Command{Instance: x.instance, Event: ev, Actor: h.Actor, By: h.By})
}

// adopt takes over the jobs that wait for a worker because the node that opened them had no
// handler for them, as happens while a new version is rolled out. One that a worker has is left to it.
func (r *Runtime) adopt(ctx context.Context) error {
	types := slices.Sorted(maps.Keys(r.deps.Handlers))
	if len(types) == 0 {
		return nil
	}
	const waiting = "owner < 0 AND type IN (?) AND due <= ?"
	now := r.now().UnixMicro()
	if n, err := db.Count(ctx, r.deps.DB, 1, "FROM job WHERE "+waiting, db.In(types), now); n == 0 {
		return err // nearly always: then nothing is written
	}
	n, err := r.deps.DB.Exec(ctx, "UPDATE job SET kind = ?, owner = 0, epoch = 0 WHERE "+waiting, int(jobWork), db.In(types), now)
	if err == nil && n > 0 {
		r.log.Info("took over jobs that waited for a handler", "jobs", n)
	}
	return err
}
