package ticket

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/feel"
	"github.com/paceline/paceline/internal/org"
	"github.com/paceline/paceline/internal/process"
)

// Job is machine work that a worker outside has been given.
type Job struct {
	ID        db.ID             `json:"id"`
	Lock      db.ID             `json:"lock" doc:"to be named by whatever is done with the job"`
	Until     time.Time         `json:"until" doc:"when it may be given to another worker"`
	Type      string            `json:"type"`
	Key       string            `json:"key" doc:"the same at every attempt: an idempotency key for effects outside"`
	Ticket    db.ID             `json:"ticket"`
	Instance  db.ID             `json:"instance" doc:"the ticket itself, or a process that it called"`
	Element   string            `json:"element"`
	Name      string            `json:"name,omitempty" doc:"of the element"`
	Headers   map[string]string `json:"headers,omitempty" doc:"fixed texts of the model"`
	Script    string            `json:"script,omitempty" doc:"of a script task"`
	Retries   int               `json:"retries" doc:"attempts left, this one included"`
	Variables json.RawMessage   `json:"variables" doc:"object: the inputs that the element declares, else all that it sees"`
}

// HeldJob names a job and the lock by which a worker holds it.
type HeldJob struct{ Job, Lock db.ID }

// JobFailure is why a worker could not do a job.
type JobFailure struct {
	Message string
	Code    string // of a BPMN error for the model to catch; empty: the job is tried again, or is an incident
	Vars    json.RawMessage
	Retries *int          // attempts left from now on; nil: one less than before
	Backoff time.Duration // before the next attempt; 0: the usual
}

// JobEnded answers what a worker does with a job.
type JobEnded struct {
	Job      db.ID `json:"job"`
	Instance db.ID `json:"instance"`
}

// mayWork decides who does machine work. Jobs are of every app, so a token for some apps does not reach them.
func mayWork(actor *org.Actor) error {
	if err := actor.Require(org.WorkJobs); err != nil {
		return err
	}
	if slices.ContainsFunc(actor.Scopes, func(s string) bool { return strings.HasPrefix(s, org.AppScope) }) {
		return errs.New(errs.Denied, "this token is limited to apps, and jobs are not").WithCure("make a token with the scope %s alone", org.ScopeWorker)
	}
	return nil
}

// FetchJobs gives a worker jobs to do.
func (s *Service) FetchJobs(ctx context.Context, actor *org.Actor, f process.Fetch) (jobs []Job, err error) {
	defer errs.Wrap(&err, "ticket.FetchJobs")
	if err := mayWork(actor); err != nil {
		return nil, err
	}
	fetched, err := s.process.FetchJobs(ctx, f)
	if err != nil {
		return nil, err
	}
	jobs = make([]Job, len(fetched))
	for i, x := range fetched {
		vars, err := feel.ToJSON(feel.From(x.Vars))
		if err != nil {
			return nil, err
		}
		jobs[i] = Job{ID: x.ID, Lock: x.Lock, Until: x.Until, Type: x.Type, Key: x.Key, Ticket: x.Root, Instance: x.Instance,
			Retries: x.Retries, Variables: vars}
		if n := x.Node; n != nil {
			jobs[i].Element, jobs[i].Name = n.ID, n.Name
			if n.Work != nil {
				jobs[i].Headers, jobs[i].Script = n.Work.Headers, n.Work.ScriptText
			}
		}
	}
	return jobs, nil
}

// ExtendJob lets a worker keep a job for so long from now on, and says until when.
func (s *Service) ExtendJob(ctx context.Context, actor *org.Actor, h HeldJob, lock time.Duration) (until time.Time, err error) {
	defer errs.Wrap(&err, "ticket.ExtendJob")
	if err := mayWork(actor); err != nil {
		return until, err
	}
	return s.process.ExtendJob(ctx, h.by(actor), lock)
}

// CompleteJob ends a job with the variables that it sets.
func (s *Service) CompleteJob(ctx context.Context, actor *org.Actor, h HeldJob, vars json.RawMessage) (ended JobEnded, err error) {
	defer errs.Wrap(&err, "ticket.CompleteJob")
	if err := mayWork(actor); err != nil {
		return ended, err
	}
	set, err := readValues("variables", vars)
	if err != nil {
		return ended, err
	}
	res, err := s.process.CompleteJob(ctx, h.by(actor), set)
	return JobEnded{Job: h.Job, Instance: res.Instance}, err
}

// FailJob gives a job back, throws an error of the business, or gives up.
func (s *Service) FailJob(ctx context.Context, actor *org.Actor, h HeldJob, f JobFailure) (ended JobEnded, err error) {
	defer errs.Wrap(&err, "ticket.FailJob")
	if err := mayWork(actor); err != nil {
		return ended, err
	}
	cause := errors.New(f.Message)
	if f.Code != "" {
		vars, err := readValues("variables", f.Vars)
		if err != nil {
			return ended, err
		}
		cause = &process.BPMNError{Code: f.Code, Message: f.Message, Vars: vars}
	}
	res, err := s.process.FailJob(ctx, h.by(actor), process.Failure{Cause: cause, Retries: f.Retries, Backoff: f.Backoff})
	return JobEnded{Job: h.Job, Instance: res.Instance}, err
}

func (h HeldJob) by(actor *org.Actor) process.Held {
	return process.Held{Job: h.Job, Lock: h.Lock, Actor: actor.ID, By: actor.Name}
}
