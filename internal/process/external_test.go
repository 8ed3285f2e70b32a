package process_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/engine"
	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/feel"
	"github.com/paceline/paceline/internal/process"
)

func TestWorkersOutsideFetchAndComplete(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		n := w.node() // without a handler for the type
		def := w.define(sequence("p", service))
		ids := []db.ID{n.start(def, engine.Start{Vars: feel.Vars{"a": "1"}}), n.start(def, engine.Start{})}
		fetch := func(limit int) []process.Fetched {
			jobs, err := n.FetchJobs(t.Context(), process.Fetch{Worker: "w1", Types: []string{"work", "other"}, Limit: limit, Lock: time.Minute})
			must(t, err)
			return jobs
		}
		first, second := fetch(1), fetch(5)
		if len(first) != 1 || len(second) != 1 || first[0].Instance != ids[0] || first[0].Vars["a"] != "1" {
			t.Fatalf("fetched %+v, then %+v", first, second)
		}
		if again := fetch(5); len(again) != 0 {
			t.Errorf("a locked job was given out: %+v", again)
		}
		w.clock.add(time.Minute)
		again := fetch(5)
		if len(again) != 2 {
			t.Fatalf("%d jobs after the locks have ended, want 2", len(again))
		}
		stale := held(first[0])
		if _, err := n.CompleteJob(t.Context(), stale, nil); !errs.Is(err, errs.Conflict) {
			t.Errorf("completing it under the lock that has run out: %v", err)
		}
		if _, err := n.FailJob(t.Context(), stale, process.Failure{Cause: errors.New("x")}); !errs.Is(err, errs.Conflict) {
			t.Errorf("failing it under the lock that has run out: %v", err)
		}
		if _, err := n.ExtendJob(t.Context(), stale, time.Hour); !errs.Is(err, errs.Conflict) {
			t.Errorf("extending the lock that has run out: %v", err)
		}
		until, err := n.ExtendJob(t.Context(), held(again[0]), time.Hour)
		if err != nil || !until.Equal(w.clock.Now().Add(time.Hour)) {
			t.Errorf("extended until %v, %v", until, err)
		}
		w.clock.add(time.Minute)
		if third := fetch(5); len(third) != 1 || third[0].ID != again[1].ID {
			t.Errorf("after a minute there are %+v", third)
		} else {
			second = third
		}

		once := db.WithOnce(t.Context(), db.Once{Key: "done", Hash: "h"})
		for range 2 {
			if _, err := n.CompleteJob(once, held(again[0]), feel.Vars{"b": "2"}); err != nil {
				t.Error(err)
			}
		}
		w.ends(ids[0], process.Completed)
		if _, err := n.CompleteJob(t.Context(), held(again[0]), nil); !errs.Is(err, errs.Conflict) {
			t.Errorf("completing it again: %v", err)
		}

		for attempt := 1; attempt <= 3; attempt++ {
			twice := db.WithOnce(t.Context(), db.Once{Key: fmt.Sprint("fail", attempt), Hash: "h"})
			for range 2 {
				_, err := n.FailJob(twice, held(second[0]), process.Failure{Cause: errors.New("printer on fire"), Backoff: time.Minute})
				must(t, err)
			}
			jobs, err := w.query.JobsOf(t.Context(), ids[1])
			must(t, err)
			if attempt < 3 && (jobs[0].Retries != 3-attempt || jobs[0].Error != "printer on fire" || jobs[0].Kind != "external" || jobs[0].Worker != "w1") {
				t.Errorf("after %d attempts the job is %+v", attempt, jobs[0])
			}
			if got := w.count("incident"); got != attempt/3 {
				t.Errorf("%d incidents after %d attempts", got, attempt)
			}
			if attempt < 3 {
				w.clock.add(time.Minute)
				second = fetch(1)
			}
		}
	})
}

func held(f process.Fetched) process.Held { return process.Held{Job: f.ID, Lock: f.Lock, By: "w1"} }

// A worker says itself how often a job is tried again, and gives up at once.
func TestWorkerGivesUp(t *testing.T) {
	quick(t, func(t *testing.T, w *world) {
		n := w.node()
		id := n.start(w.define(sequence("p", service)), engine.Start{})
		jobs, err := n.FetchJobs(t.Context(), process.Fetch{Types: []string{"work"}, Limit: 1, Lock: time.Minute})
		must(t, err)
		none := 0
		_, err = n.FailJob(t.Context(), held(jobs[0]), process.Failure{Cause: errors.New("no such account"), Retries: &none})
		must(t, err)
		if w.count("incident") != 1 {
			t.Error("there is no incident")
		}
		entries, err := w.query.History(t.Context(), id, 0, 10)
		must(t, err)
		if last := entries[len(entries)-1]; last.By != "w1" {
			t.Errorf("the history says %+v", last)
		}
	})
}

// A worker who waits is told of the job that comes; one who waits for something else is not.
func TestWorkersWait(t *testing.T) {
	quick(t, func(t *testing.T, w *world) {
		n := w.node(func(c *process.Config, _ *process.Deps) { c.PollEvery = time.Hour })
		def := w.define(sequence("p", service))
		got, other := make(chan []process.Fetched, 1), make(chan []process.Fetched, 1)
		ctx, cancel := context.WithCancel(t.Context())
		wait := func(into chan []process.Fetched, typ string) {
			jobs, err := n.FetchJobs(ctx, process.Fetch{Types: []string{typ}, Limit: 5, Lock: time.Minute, Wait: 30 * time.Second})
			if err != nil && ctx.Err() == nil {
				t.Error(err)
			}
			into <- jobs
		}
		go wait(got, "work")
		go wait(other, "other")
		id := n.start(def, engine.Start{})
		if jobs := <-got; len(jobs) != 1 || jobs[0].Instance != id {
			t.Errorf("the worker got %+v", jobs)
		}
		cancel()
		if jobs := <-other; len(jobs) != 0 {
			t.Errorf("the other worker got %+v", jobs)
		}
	})
}

func TestWhatAWorkerMayAskFor(t *testing.T) {
	quick(t, func(t *testing.T, w *world) {
		n := w.node()
		good := process.Fetch{Types: []string{"work"}, Limit: 1, Lock: time.Minute}
		for name, change := range map[string]func(*process.Fetch){
			"no type": func(f *process.Fetch) { f.Types = nil }, "too many": func(f *process.Fetch) { f.Limit = process.FetchMost + 1 },
			"no lock": func(f *process.Fetch) { f.Lock = 0 }, "for ever": func(f *process.Fetch) { f.Lock = process.LockMost + 1 },
			"long wait": func(f *process.Fetch) { f.Wait = time.Hour },
		} {
			f := good
			change(&f)
			if _, err := n.FetchJobs(t.Context(), f); !errs.Is(err, errs.Invalid) {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

// A node that can do what waited for a worker does it, but for what a worker has.
func TestNewHandlerDoesWhatWaited(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		outside := w.node()
		def := w.define(sequence("p", service))
		ids := []db.ID{outside.start(def, engine.Start{}), outside.start(def, engine.Start{})}
		fetched, err := outside.FetchJobs(t.Context(), process.Fetch{Types: []string{"work"}, Limit: 1, Lock: time.Minute})
		must(t, err)
		n := w.node(handles(func(context.Context, process.Job) (feel.Vars, error) { return nil, nil }))
		n.Wake()
		w.ends(ids[1], process.Completed)
		if w.instance(ids[0]).Status != process.Running {
			t.Error("the job of the worker was done too")
		}
		_, err = n.CompleteJob(t.Context(), held(fetched[0]), nil)
		must(t, err)
		w.ends(ids[0], process.Completed)
	})
}
