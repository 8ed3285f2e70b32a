package client

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"time"
)

// Job is machine work that was given to this program until its lock runs out. Package worker does
// the fetching, extending and ending.
type Job struct {
	ID        string            `json:"id"`
	Lock      string            `json:"lock"`
	Until     time.Time         `json:"until"` // by the server's clock
	Type      string            `json:"type"`
	Key       string            `json:"key"` // the same at every attempt: an idempotency key for effects outside
	Ticket    string            `json:"ticket"`
	Instance  string            `json:"instance"` // the ticket, or a process that it called
	Element   string            `json:"element"`
	Name      string            `json:"name"`
	Headers   map[string]string `json:"headers"`
	Script    string            `json:"script"`
	Retries   int               `json:"retries"` // attempts left, this one included
	Variables json.RawMessage   `json:"variables"`
}

// Fetch is what a worker asks for. Times are whole seconds.
type Fetch struct {
	Worker string   // its name, for people
	Types  []string // of jobs that it can do
	Limit  int      // 0: one
	Lock   time.Duration
	Wait   time.Duration // for a job, when there is none; at most 30 s
}

// JobEnded answers what is done with a job.
type JobEnded struct {
	Job      string `json:"job"`
	Instance string `json:"instance"`
}

// JobFailure gives a job back.
type JobFailure struct {
	Message string
	Retries *int          // attempts left; nil: one less than before, 0: an incident at once
	Backoff time.Duration // before it is given out again; 0: the usual
}

// FetchJobs takes jobs to do.
func (c *Client) FetchJobs(ctx context.Context, f Fetch) ([]Job, error) {
	type body struct {
		Worker string   `json:"worker"`
		Types  []string `json:"types"`
		Limit  int      `json:"limit,omitempty"`
		Lock   int      `json:"lock,omitempty"`
		Wait   int      `json:"wait,omitempty"`
	}
	got, err := send[struct{ Jobs []Job }](ctx, c, http.MethodPost, "/jobs/fetch",
		body{f.Worker, f.Types, f.Limit, seconds(f.Lock), seconds(f.Wait)})
	return got.Jobs, err
}

// ExtendJob keeps a job for so long from now on, and says until when.
func (c *Client) ExtendJob(ctx context.Context, j Job, d time.Duration) (time.Time, error) {
	got, err := c.onJob(ctx, j, "extend", map[string]any{"seconds": seconds(d)})
	return got.Until, err
}

// CompleteJob ends a job. vars is what it sets: anything that is a JSON object, or nil.
func (c *Client) CompleteJob(ctx context.Context, j Job, vars any) (JobEnded, error) {
	body := map[string]any{}
	if vars != nil {
		body["variables"] = vars
	}
	got, err := c.onJob(ctx, j, "complete", body)
	return got.JobEnded, err
}

// FailJob gives a job back that could not be done.
func (c *Client) FailJob(ctx context.Context, j Job, f JobFailure) (JobEnded, error) {
	body := map[string]any{"message": f.Message, "backoff": seconds(f.Backoff)}
	if f.Retries != nil {
		body["retries"] = *f.Retries
	}
	got, err := c.onJob(ctx, j, "fail", body)
	return got.JobEnded, err
}

// ThrowJobError ends a job by an error that the model may catch.
func (c *Client) ThrowJobError(ctx context.Context, j Job, code, message string, vars any) (JobEnded, error) {
	body := map[string]any{"code": code, "message": message}
	if vars != nil {
		body["variables"] = vars
	}
	got, err := c.onJob(ctx, j, "error", body)
	return got.JobEnded, err
}

// jobAnswer is what any of the calls is answered.
type jobAnswer struct {
	JobEnded
	Until time.Time `json:"until"`
}

func (c *Client) onJob(ctx context.Context, j Job, verb string, body map[string]any) (jobAnswer, error) {
	body["lock"] = j.Lock
	return send[jobAnswer](ctx, c, http.MethodPost, "/jobs/"+url.PathEscape(j.ID)+"/"+verb, body)
}

// seconds rounds up, so that what is asked for is never nothing.
func seconds(d time.Duration) int { return int((d + time.Second - 1) / time.Second) }
