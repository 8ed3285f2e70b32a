package process_test

import (
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/paceline/paceline/internal/engine"
	"github.com/paceline/paceline/internal/feel"
	"github.com/paceline/paceline/internal/process"
)

// together does the same with each task from many goroutines.
func together(tasks []process.Task, workers int, do func(process.Task)) {
	next := make(chan process.Task)
	var all sync.WaitGroup
	for range workers {
		all.Go(func() {
			for task := range next {
				do(task)
			}
		})
	}
	for _, task := range tasks {
		next <- task
	}
	close(next)
	all.Wait()
}

const largeLoop = `<userTask id="each"><multiInstanceLoopCharacteristics><loopCardinality>n</loopCardinality></multiInstanceLoopCharacteristics></userTask>`

// TestLargeLoop: a multi-instance activity over 10,000 members is opened in slices, some are done together by
// many, and cancelling it closes the rest in slices; no transition writes more than a slice.
func TestLargeLoop(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		const members, done = 10_000, 600
		n := w.node()
		began := time.Now()
		id := n.start(w.define(sequence("p", largeLoop)), engine.Start{Vars: feel.Vars{"n": feel.Int(members)}})
		w.until("all are asked", func() bool { return w.count("task") == members })
		opened := time.Since(began)
		tasks, err := w.query.TasksOf(t.Context(), id)
		must(t, err)
		began = time.Now()
		together(tasks[:done], 64, func(task process.Task) {
			if err := n.submit(id, engine.TaskCompleted{Task: engine.ID(task.ID), Version: task.Version}); err != nil {
				t.Error(err)
			}
		})
		t.Logf("%d opened in %s, %d done in %s", members, opened.Round(time.Millisecond), done, time.Since(began).Round(time.Millisecond))
		if left := w.count("task"); left != members-done {
			t.Errorf("%d tasks are left", left)
		}
		began = time.Now()
		must(t, n.submit(id, engine.Cancel{}))
		if left := w.count("task"); left == 0 {
			t.Error("all were closed in one transition")
		}
		w.until("it is over", func() bool { return w.instance(id).Status == process.Cancelled })
		t.Logf("cancelled in %s", time.Since(began).Round(time.Millisecond))
		if left := w.count("task") + w.count("job"); left != 0 {
			t.Errorf("%d rows are left", left)
		}
		must(t, w.query.Replay(t.Context(), id))
	})
}

// TestLongHistory: an instance with many transitions is read page by page, in time that does not depend on
// where the page is, and done again page by page. PACELINE_LONG=100000 makes as many.
func TestLongHistory(t *testing.T) {
	rows := 5000
	if text := os.Getenv("PACELINE_LONG"); text != "" {
		var err error
		if rows, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	each(t, func(t *testing.T, w *world) {
		n := w.node()
		id := n.start(w.define(sequence("p", `<userTask id="wait"/>`)), engine.Start{Vars: feel.Vars{"n": feel.Int(0)}})
		began := time.Now()
		var writers sync.WaitGroup
		var next atomic.Int64
		for range 64 {
			writers.Go(func() {
				for i := next.Add(1); i < int64(rows); i = next.Add(1) {
					if err := n.submit(id, engine.VariablesSet{Vars: feel.Vars{"n": feel.Int(i)}}); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		writers.Wait()
		written := time.Since(began)
		last := w.instance(id).Seq
		if last != int64(rows) || w.count("history") != rows {
			t.Fatalf("the last is %d, there are %d rows", last, w.count("history"))
		}
		page := func(after int64) time.Duration {
			began := time.Now()
			entries, err := w.query.History(t.Context(), id, after, 50)
			must(t, err)
			if len(entries) != 50 || entries[0].Seq != after+1 {
				t.Fatalf("after %d come %d entries", after, len(entries))
			}
			return time.Since(began)
		}
		page(0)
		first, end := page(0), page(last-50)
		began = time.Now()
		must(t, w.query.Replay(t.Context(), id))
		t.Logf("%d rows written in %s; a page of 50 at the beginning %s, at the end %s; done again in %s",
			rows, written.Round(time.Millisecond), first.Round(time.Microsecond), end.Round(time.Microsecond), time.Since(began).Round(time.Millisecond))
		if end > first+200*time.Millisecond {
			t.Errorf("the last page takes %s, the first %s", end, first)
		}
	})
}
