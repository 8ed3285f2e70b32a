package api

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/paceline/paceline/internal/process"
	"github.com/paceline/paceline/internal/ticket"
)

type fetchInput struct {
	Body struct {
		Worker string   `json:"worker" minLength:"1" maxLength:"100" doc:"Name of the worker, for people."`
		Types  []string `json:"types" minItems:"1" maxItems:"100" doc:"The types of job that it can do."`
		Limit  int      `json:"limit,omitempty" minimum:"1" maximum:"100" default:"1" doc:"How many jobs at most."`
		Lock   int      `json:"lock,omitempty" minimum:"1" maximum:"86400" default:"60" doc:"Seconds for which nobody else is given them."`
		Wait   int      `json:"wait,omitempty" minimum:"0" maximum:"30" doc:"Seconds to wait for a job where there is none."`
	}
}

// Jobs answers a worker.
type Jobs struct {
	Jobs []ticket.Job `json:"jobs" doc:"Those due first come first; none when there are none."`
}

// Lock names the hold that a worker has on a job.
type Lock struct {
	Lock string `json:"lock" pattern:"^[0-9]{1,19}$" doc:"As it came with the job."`
}

type extendInput struct {
	ID   idParam `path:"id"`
	Body struct {
		Lock
		Seconds int `json:"seconds" minimum:"1" maximum:"86400" doc:"How long from now on."`
	}
}

// Extended answers an extension.
type Extended struct {
	Until time.Time `json:"until"`
}

type jobDoneInput struct {
	ID   idParam `path:"id"`
	Body struct {
		Lock
		Variables json.RawMessage `json:"variables,omitempty" doc:"Object: the variables to set."`
	}
}

type jobFailedInput struct {
	ID   idParam `path:"id"`
	Body struct {
		Lock
		Message string `json:"message" minLength:"1" maxLength:"4000" doc:"What went wrong, for who repairs it."`
		Retries *int   `json:"retries,omitempty" minimum:"0" maximum:"100" doc:"Attempts left from now on; 0 makes an incident at once. Left out: one less than before."`
		Backoff int    `json:"backoff,omitempty" minimum:"0" maximum:"86400" doc:"Seconds before the job is given out again."`
	}
}

type jobErrorInput struct {
	ID   idParam `path:"id"`
	Body struct {
		Lock
		Code      string          `json:"code" minLength:"1" maxLength:"250" doc:"The error code that the model catches; uncaught it is an incident."`
		Message   string          `json:"message,omitempty" maxLength:"4000"`
		Variables json.RawMessage `json:"variables,omitempty" doc:"Object: what goes along with the error."`
	}
}

func (s *Server) registerJobs() {
	add(s, route{Method: http.MethodPost, Path: "/jobs/fetch", ID: "fetchJobs", Tag: "jobs", Summary: "Take machine work to do", Unrepeated: true,
		Doc: "Each job goes to one worker until its lock has run out; one that was not ended by then is given out again. An answer that is lost costs no more than that."},
		s.fetchJobs)
	add(s, route{Method: http.MethodPost, Path: "/jobs/{id}/extend", ID: "extendJob", Tag: "jobs", Summary: "Keep a job for longer"},
		func(ctx context.Context, in *extendInput) (*item[Extended], error) {
			until, err := s.tickets.ExtendJob(ctx, actorOf(ctx), held(in.ID, in.Body.Lock), seconds(in.Body.Seconds))
			return one(Extended{until}, err)
		})
	add(s, route{Method: http.MethodPost, Path: "/jobs/{id}/complete", ID: "completeJob", Tag: "jobs", Summary: "End a job that is done", MaxBody: formBody},
		func(ctx context.Context, in *jobDoneInput) (*item[ticket.JobEnded], error) {
			return one(s.tickets.CompleteJob(ctx, actorOf(ctx), held(in.ID, in.Body.Lock), in.Body.Variables))
		})
	add(s, route{Method: http.MethodPost, Path: "/jobs/{id}/fail", ID: "failJob", Tag: "jobs", Summary: "Give a job back that could not be done"},
		func(ctx context.Context, in *jobFailedInput) (*item[ticket.JobEnded], error) {
			return one(s.tickets.FailJob(ctx, actorOf(ctx), held(in.ID, in.Body.Lock), ticket.JobFailure{
				Message: in.Body.Message, Retries: in.Body.Retries, Backoff: seconds(in.Body.Backoff),
			}))
		})
	add(s, route{Method: http.MethodPost, Path: "/jobs/{id}/error", ID: "throwJobError", Tag: "jobs", Summary: "End a job by an error that the model may catch", MaxBody: formBody},
		func(ctx context.Context, in *jobErrorInput) (*item[ticket.JobEnded], error) {
			return one(s.tickets.FailJob(ctx, actorOf(ctx), held(in.ID, in.Body.Lock), ticket.JobFailure{
				Code: in.Body.Code, Message: in.Body.Message, Vars: in.Body.Variables,
			}))
		})
}

// fetchJobs waits no longer than the server takes requests.
func (s *Server) fetchJobs(ctx context.Context, in *fetchInput) (*item[Jobs], error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.serving, cancel)()
	b := in.Body
	jobs, err := s.tickets.FetchJobs(ctx, actorOf(ctx), process.Fetch{
		Worker: b.Worker, Types: b.Types, Limit: b.Limit, Lock: seconds(b.Lock), Wait: seconds(b.Wait),
	})
	return one(Jobs{listOf(jobs)}, err)
}

func seconds(n int) time.Duration { return time.Duration(n) * time.Second }

func held(job idParam, l Lock) ticket.HeldJob {
	var lock idParam
	if lock.UnmarshalText([]byte(l.Lock)) != nil {
		lock.ID = 0 // of nobody
	}
	return ticket.HeldJob{Job: job.ID, Lock: lock.ID}
}
