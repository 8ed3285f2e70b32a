package process_test

import (
	"errors"
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
		fetch := func(limit int) []process.Job {
			jobs, err := n.FetchJobs(t.Context(), []string{"work", "other"}, limit, time.Minute)
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
		if again := fetch(5); len(again) != 2 {
			t.Errorf("%d jobs after the locks have ended, want 2", len(again))
		}

		once := db.WithOnce(t.Context(), db.Once{Key: "done", Hash: "h"})
		for range 2 {
			if _, err := n.CompleteJob(once, first[0].ID, feel.Vars{"b": "2"}); err != nil {
				t.Error(err)
			}
		}
		w.ends(ids[0], process.Completed)
		if _, err := n.CompleteJob(t.Context(), first[0].ID, nil); !errs.Is(err, errs.Conflict) {
			t.Errorf("completing it again: %v", err)
		}

		for attempt := 1; attempt <= 3; attempt++ {
			_, err := n.FailJob(t.Context(), second[0].ID, errors.New("printer on fire"))
			must(t, err)
			jobs, err := w.query.JobsOf(t.Context(), ids[1])
			must(t, err)
			if attempt < 3 && (jobs[0].Retries != 3-attempt || jobs[0].Error != "printer on fire" || jobs[0].Kind != "external") {
				t.Errorf("after %d attempts the job is %+v", attempt, jobs[0])
			}
			if got := w.count("incident"); got != attempt/3 {
				t.Errorf("%d incidents after %d attempts", got, attempt)
			}
		}
	})
}
