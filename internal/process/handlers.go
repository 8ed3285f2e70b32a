package process

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/paceline/paceline/internal/bpmn"
	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/engine"
	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/feel"
)

// Handler does the jobs of one type. It returns the variables to set, or an error: a *BPMNError
// for the model to catch, Permanent for one that trying again does not cure, and any other
// is tried again after a while as often as the model says; then it becomes an incident. The while is not
// shorter than the Retry of an errs.Error.
//
// A handler may be called again for a job that was done, when the node died before that
// was written down. What it changes outside carries Job.Key, so that the other side can tell.
type Handler func(context.Context, Job) (feel.Vars, error)

// Job is what a Handler is given.
type Job struct {
	ID         db.ID
	Instance   db.ID
	Root       db.ID // the ticket
	Definition db.ID
	Type       string
	Key        string // idempotency key for effects outside: the same at every attempt
	Node       *bpmn.Node
	Vars       feel.Vars
	Last       bool // no attempt is left after this one
}

// BPMNError is an error of the business that the model may catch (BPMN 10.5.1).
type BPMNError struct {
	Code    string
	Message string
	Vars    feel.Vars
}

func (e *BPMNError) Error() string { return e.Code + ": " + e.Message }

type permanent struct{ error }

func (p permanent) Unwrap() error { return p.error }

// Permanent marks an error that trying again does not cure: it becomes an incident at once.
func Permanent(err error) error { return permanent{err} }

// IsPermanent reports whether an error was marked so.
func IsPermanent(err error) bool {
	var lasting permanent
	return errors.As(err, &lasting)
}

// work is what this node knows of a piece of work beside its row.
type work struct {
	vars   feel.Vars    // what the handler sees; nil: read the instance
	result engine.Event // once the handler has ended for good
	tries  int          // attempts that this node has made
}

// varsMost is how many jobs keep their variables in memory; the others read the instance again.
const varsMost = 1000

func (w *rows) openJob(e *engine.OpenJob) error {
	retries := w.r.cfg.Retries
	if e.Node.Work != nil && e.Node.Work.Retries > 0 {
		retries = e.Node.Work.Retries
	}
	kind := jobExternal
	if w.r.deps.Handlers[e.Type] != nil {
		kind = jobWork
	}
	j := &job{id: db.ID(e.Job), kind: kind, typ: e.Type, node: e.Node.ID, retries: retries, work: &work{}}
	if w.r.jobs.len() < varsMost {
		j.work.vars = e.Vars
	}
	w.job(j)
	return nil
}

// doWork calls the handler and gives its result to the instance.
func (j *jobs) doWork(ctx context.Context, x *job) error {
	if x.work == nil {
		x.work = &work{}
	}
	if x.work.result == nil {
		if err := j.r.unlessHeld(ctx, x.instance); err != nil {
			return err
		}
		job, err := j.r.describe(ctx, x)
		if err != nil {
			return err
		}
		vars, err := j.call(ctx, job)
		if ctx.Err() != nil {
			return errs.New(errs.Unavailable, "the node stops: %w", ctx.Err())
		}
		if err != nil && x.retries > 1 && !final(err) {
			return j.retry(ctx, x, err)
		}
		x.work.result = result(job, vars, err)
	}
	return j.r.give(ctx, x, x.instance, x.work.result)
}

// messageMost bounds what is kept of an error, in characters.
const messageMost = 4000

// final errors are not tried again.
func final(err error) bool {
	var coded *BPMNError
	return errors.As(err, &coded) || IsPermanent(err)
}

func result(job Job, vars feel.Vars, err error) engine.Event {
	var coded *BPMNError
	switch {
	case err == nil:
		return engine.JobDone{Job: engine.ID(job.ID), Vars: vars}
	case errors.As(err, &coded):
		return engine.JobFailed{Job: engine.ID(job.ID), Code: coded.Code, Message: cut(coded.Message, messageMost), Vars: coded.Vars}
	}
	return engine.JobFailed{Job: engine.ID(job.ID), Message: cut(err.Error(), messageMost)}
}

// describe makes what the handler sees. NotFound: the instance is no more, or does not wait for the job.
func (r *Runtime) describe(ctx context.Context, x *job) (Job, error) {
	if x.work != nil && x.work.vars != nil {
		def, err := r.deps.Definitions.Definition(ctx, x.definition)
		if err != nil {
			return Job{}, lacking(x.definition, err)
		}
		return x.describe(def, x.work.vars), nil
	}
	known, err := r.readSnapshots(ctx, []db.ID{x.instance})
	if err != nil {
		return Job{}, err
	}
	if len(known) == 0 {
		return describeIn(nil, x)
	}
	return describeIn(known[0], x)
}

// describeIn makes what a handler sees, from a snapshot of the instance. NotFound: it does not wait for the job.
func describeIn(s *snapshot, x *job) (Job, error) {
	switch {
	case s == nil:
		return Job{}, errs.New(errs.NotFound, "there is no instance %s", x.instance)
	case s.err != nil:
		return Job{}, s.err
	}
	visible, open := s.state.Visible(engine.ID(x.id))
	if !open {
		return Job{}, errs.New(errs.NotFound, "job %s is not open", x.id)
	}
	if element, open := s.state.At(engine.ID(x.id)); open {
		x.node = element // a migration may have renamed it since the row was read
	}
	return x.describe(s.def, inputs(s.def.Node(x.node), visible)), nil
}

func (x *job) describe(def *engine.Definition, vars feel.Vars) Job {
	return Job{
		ID: x.id, Instance: x.instance, Root: x.root, Definition: x.definition, Type: x.typ,
		Key: "job-" + x.id.String(), Node: def.Node(x.node), Vars: vars, Last: x.retries <= 1,
	}
}

// inputs are the declared inputs of a node, else all that is visible.
func inputs(n *bpmn.Node, visible feel.Vars) feel.Vars {
	if n == nil || len(n.Inputs) == 0 {
		return visible
	}
	declared := feel.Vars{}
	for _, m := range n.Inputs {
		if v, ok := visible[m.Target]; ok {
			declared[m.Target] = v
		}
	}
	return declared
}

func (j *jobs) call(ctx context.Context, job Job) (vars feel.Vars, err error) {
	handler := j.r.deps.Handlers[job.Type]
	if handler == nil {
		return nil, Permanent(fmt.Errorf("this node has no handler for jobs of type %q", job.Type))
	}
	defer func() {
		if p := recover(); p != nil {
			j.r.log.Error("a job handler panicked", "job", job.ID, "type", job.Type, "panic", p, "stack", string(debug.Stack()))
			err = fmt.Errorf("the handler of %q failed: %v", job.Type, p)
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, j.r.cfg.JobTimeout)
	defer cancel()
	return handler(ctx, job)
}

// retry counts a failed attempt and waits for the next. When the row is no longer ours,
// somebody else does it, or nobody wants it.
func (j *jobs) retry(ctx context.Context, x *job, cause error) error {
	x.work.tries++
	due := j.r.now().Add(pause(cause, backoff(j.r.cfg.Backoff, x.work.tries, backoffMost)))
	n, err := j.r.deps.DB.Exec(ctx, "UPDATE job SET retries = ?, due = ?, error = ? WHERE id = ? AND owner = ? AND epoch = ?",
		x.retries-1, due.UnixMicro(), cut(cause.Error(), messageMost), x.id, j.r.deps.Lease.Number(), j.r.deps.Lease.Epoch())
	if err != nil {
		return err
	}
	if n == 0 {
		return nil
	}
	x.retries--
	x.waits = 0
	j.putBack(x, due)
	return errPutBack
}

// backoffMost bounds the time between two attempts.
const backoffMost = time.Hour

// pause is what the cause asks for, or usual when that is longer.
func pause(cause error, usual time.Duration) time.Duration {
	var e *errs.Error
	if errors.As(cause, &e) {
		return min(max(usual, e.Retry), backoffMost)
	}
	return usual
}
