package process

import (
	"context"
	"errors"
	"time"

	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/engine"
	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/feel"
)

// external is the owner of jobs that are done by workers outside, who fetch them. While one has
// a job, its due time is when it may be fetched again.
const external = -1

const (
	fetchMost = 100
	lockMost  = 24 * time.Hour
)

// FetchJobs gives a worker at most limit jobs of the types, oldest first. For the time of lock nobody
// else is given them; one that was not completed by then is given out again.
func (r *Runtime) FetchJobs(ctx context.Context, types []string, limit int, lock time.Duration) (fetched []Job, err error) {
	defer errs.Wrap(&err, "process.FetchJobs")
	if len(types) == 0 || len(types) > fetchMost || limit < 1 || limit > fetchMost || lock <= 0 || lock > lockMost {
		return nil, errs.New(errs.Invalid, "name 1 to %d types, a limit of 1 to %d and a lock of at most %s", fetchMost, fetchMost, lockMost)
	}
	now := r.now()
	taken, err := db.Take(ctx, r.deps.DB, db.Lease{
		Table: Jobs, Where: "owner < 0 AND type IN (?) AND due <= ?", Args: []any{db.In(types), now.UnixMicro()}, OrderBy: "due",
		Columns: []string{"due"}, Values: []any{now.Add(lock).UnixMicro()},
		Limit: limit, Returns: jobReturns,
	}, scanJob)
	if err != nil {
		return nil, err
	}
	for _, x := range taken {
		job, err := r.describe(ctx, x)
		if err != nil {
			r.log.Warn("a job cannot be given out", "job", x.id, "instance", x.instance, "cause", err)
			continue
		}
		fetched = append(fetched, job)
	}
	return fetched, nil
}

// CompleteJob ends a job that a worker has fetched. Conflict: it is done already, or not wanted any more.
func (r *Runtime) CompleteJob(ctx context.Context, id db.ID, vars feel.Vars) (Result, error) {
	return r.endJob(ctx, id, func(*job) (engine.Event, error) {
		return engine.JobDone{Job: engine.ID(id), Vars: vars}, nil
	})
}

// FailJob says that a worker could not do a job. The cause is judged like the error of a Handler:
// the job is given out again after a while, is an error for the model to catch, or an incident.
func (r *Runtime) FailJob(ctx context.Context, id db.ID, cause error) (Result, error) {
	return r.endJob(ctx, id, func(x *job) (engine.Event, error) {
		if x.retries <= 1 || final(cause) {
			return result(Job{ID: id}, nil, cause), nil
		}
		due := r.now().Add(backoff(r.cfg.Backoff, 1, time.Hour))
		_, err := r.deps.DB.Exec(ctx, "UPDATE job SET retries = ?, due = ?, error = ? WHERE id = ? AND owner = ? AND retries = ?",
			x.retries-1, due.UnixMicro(), cut(cause.Error(), messageMost), id, external, x.retries)
		return nil, err
	})
}

// endJob finds a job of a worker and gives its instance the event, if there is one.
func (r *Runtime) endJob(ctx context.Context, id db.ID, event func(*job) (engine.Event, error)) (res Result, err error) {
	defer errs.Wrap(&err, "process.endJob")
	if res, done, err := r.Recall(ctx); done || err != nil {
		return res, err
	}
	x := &job{id: id}
	err = r.deps.DB.QueryRow(ctx, "SELECT instance, retries FROM job WHERE id = ? AND owner = ?", id, external).Scan(&x.instance, &x.retries)
	if errors.Is(err, db.ErrNoRows) {
		return Result{}, errs.New(errs.Conflict, "job %s is not open", id).WithCure("it is done, or its ticket does not need it any more; fetch another")
	}
	if err != nil {
		return Result{}, err
	}
	ev, err := event(x)
	if err != nil || ev == nil {
		return Result{Instance: x.instance}, err
	}
	return r.Submit(ctx, Command{Instance: x.instance, Event: ev})
}
