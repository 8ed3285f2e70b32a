// Package worker does machine work of processes in a program of one's own.
//
//	c, err := client.New(client.Config{URL: "https://desk.example.com", Token: os.Getenv("TOKEN")})
//	...
//	err = worker.Run(ctx, c, []string{"invoice.print"}, print, worker.Options{})
//
// The token needs the scope worker. Any number of workers may ask for the same types; each job goes to
// one of them at a time. When a worker dies, its jobs are given to others once their locks have run out,
// so a job may be done twice: what a handler changes outside carries Job.Key.
package worker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/paceline/paceline/client"
)

// Handler does one job. What it returns, anything that is a JSON object, are the variables to
// set; nil sets none. An *Error is for the model to catch; Permanent gives up; with any other error the
// job is tried again while it has retries. ctx ends when the job is another's by now, or the
// worker has to stop.
type Handler func(ctx context.Context, job client.Job) (vars any, err error)

// Error is an error of the business that the model may catch by its code.
type Error struct {
	Code    string
	Message string
	Vars    any
}

func (e *Error) Error() string { return e.Code + ": " + e.Message }

type permanent struct{ error }

func (p permanent) Unwrap() error { return p.error }

// Permanent marks an error that trying again does not cure: it becomes an incident at once.
func Permanent(err error) error { return permanent{err} }

// Options of a worker. The zero value of a field stands for its default.
type Options struct {
	Name        string        // for people; the host's name and the process id
	Concurrency int           // jobs at the same time; 4
	Lock        time.Duration // how long a job is another's no earlier after this worker has died; 60 s
	Wait        time.Duration // of one request for jobs; 30 s
	Drain       time.Duration // how long jobs may still take when the worker stops; 30 s
	Log         *slog.Logger  // discards
}

func (o Options) withDefaults() Options {
	if o.Name == "" {
		host, _ := os.Hostname()
		o.Name = fmt.Sprintf("%s-%d", host, os.Getpid())
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	o.Concurrency = cmp.Or(o.Concurrency, 4)
	o.Lock = cmp.Or(o.Lock, time.Minute)
	o.Wait = cmp.Or(o.Wait, 30*time.Second)
	o.Drain = cmp.Or(o.Drain, 30*time.Second)
	return o
}

// Run does jobs until ctx ends; then it takes no more, lets those under way end and returns nil. An
// error is one that asking again does not cure, such as a token that is refused.
func Run(ctx context.Context, c *client.Client, types []string, handle Handler, o Options) error {
	w := &worker{client: c, types: types, handle: handle, Options: o.withDefaults()}
	w.free = make(chan struct{}, w.Concurrency)
	for range w.Concurrency {
		w.free <- struct{}{}
	}
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	err := w.take(ctx, work)
	limit := time.AfterFunc(w.Drain, cancel)
	defer limit.Stop()
	w.busy.Wait()
	return err
}

// worker has one token in free for each job that it could take.
type worker struct {
	Options
	client *client.Client
	types  []string
	handle Handler
	free   chan struct{}
	busy   sync.WaitGroup
}

// take fetches jobs while there is room and ctx lasts. The jobs run under work.
func (w *worker) take(ctx, work context.Context) error {
	pause := time.Second
	for {
		room := w.room(ctx)
		if room == 0 {
			return nil
		}
		jobs, err := w.client.FetchJobs(ctx, client.Fetch{Worker: w.Name, Types: w.types, Limit: room, Lock: w.Lock, Wait: w.Wait})
		for _, job := range jobs {
			w.busy.Go(func() {
				defer func() { w.free <- struct{}{} }()
				w.do(work, job)
			})
		}
		for range room - len(jobs) {
			w.free <- struct{}{}
		}
		switch client.KindOf(err) {
		case client.Invalid, client.Unauthenticated, client.Denied:
			return err
		}
		if err == nil || ctx.Err() != nil {
			pause = time.Second
			continue
		}
		w.Log.Warn("no jobs can be fetched", "err", err, "again", pause)
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
		pause = min(2*pause, 30*time.Second)
	}
}

// room waits until a job could be taken and says how many; 0 when ctx has ended.
func (w *worker) room(ctx context.Context) int {
	select {
	case <-ctx.Done():
		return 0
	case <-w.free:
	}
	if ctx.Err() != nil {
		w.free <- struct{}{}
		return 0
	}
	n := 1
	for {
		select {
		case <-w.free:
			n++
		default:
			return n
		}
	}
}

// do runs the handler, keeps the lock meanwhile, and tells the server the end.
func (w *worker) do(ctx context.Context, job client.Job) {
	ctx, cancel := context.WithCancel(ctx)
	kept := make(chan struct{})
	go func() {
		defer close(kept)
		w.keep(ctx, cancel, job)
	}()
	vars, err := w.call(ctx, job)
	lost := ctx.Err() != nil
	cancel()
	<-kept
	if lost && err != nil {
		w.Log.Warn("a job was broken off; it is given out again", "job", job.ID, "type", job.Type, "err", err)
		return
	}
	if err := w.end(context.WithoutCancel(ctx), job, vars, err); err != nil {
		w.Log.Warn("the end of a job is not taken", "job", job.ID, "type", job.Type, "err", err)
	}
}

// keep extends the lock before it runs out, and ends the handler's context when the job is
// another's by now.
func (w *worker) keep(ctx context.Context, cancel context.CancelFunc, job client.Job) {
	tick := time.NewTicker(w.Lock / 3)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		_, err := w.client.ExtendJob(ctx, job, w.Lock)
		switch {
		case client.KindOf(err) == client.Conflict:
			cancel()
			return
		case err != nil && ctx.Err() == nil:
			w.Log.Warn("a lock cannot be extended", "job", job.ID, "err", err)
		}
	}
}

func (w *worker) call(ctx context.Context, job client.Job) (vars any, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the handler of %q failed: %v", job.Type, p)
		}
	}()
	return w.handle(ctx, job)
}

// endTimeout bounds the telling of the end.
const endTimeout = 30 * time.Second

func (w *worker) end(ctx context.Context, job client.Job, vars any, cause error) error {
	ctx, cancel := context.WithTimeout(ctx, endTimeout)
	defer cancel()
	var coded *Error
	var lasting permanent
	var err error
	switch none := 0; {
	case cause == nil:
		_, err = w.client.CompleteJob(ctx, job, vars)
	case errors.As(cause, &coded):
		_, err = w.client.ThrowJobError(ctx, job, coded.Code, coded.Message, coded.Vars)
	case errors.As(cause, &lasting):
		_, err = w.client.FailJob(ctx, job, client.JobFailure{Message: message(cause), Retries: &none})
	default:
		_, err = w.client.FailJob(ctx, job, client.JobFailure{Message: message(cause)})
	}
	return err
}

// message is what an error says, in the length that the server takes.
func message(err error) string {
	runes := []rune(cmp.Or(err.Error(), "the job failed"))
	return string(runes[:min(len(runes), 4000)])
}
