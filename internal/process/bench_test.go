package process_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/db/dbtest"
	"github.com/paceline/paceline/internal/engine"
	"github.com/paceline/paceline/internal/feel"
	"github.com/paceline/paceline/internal/process"
)

// BenchmarkStartAndComplete starts instances and completes their one user task, from 64 clients.
// One operation is one instance: two transitions.
func BenchmarkStartAndComplete(b *testing.B) {
	for _, kind := range []string{"sqlite", "postgres"} {
		b.Run(kind, func(b *testing.B) {
			w := newWorld(b, dbtest.Open(b, kind))
			n := w.node(func(_ *process.Config, d *process.Deps) { d.Now = time.Now })
			def := w.define(sequence("p", `<userTask id="a"/>`))
			before := w.db.Stats()
			b.ReportAllocs()
			b.ResetTimer()
			clients(b, 64, func() error { return startAndComplete(b, n, def) })
			b.StopTimer()
			after := w.db.Stats()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "instances/s")
			b.ReportMetric(float64(after.RoundTrips-before.RoundTrips)/float64(b.N), "trips/op")
			b.ReportMetric(float64(after.Applied-before.Applied)/float64(after.Groups-before.Groups), "changes/group")
		})
	}
}

// clients do b.N operations between them.
func clients(b *testing.B, n int, op func() error) {
	var left atomic.Int64
	left.Store(int64(b.N))
	var all sync.WaitGroup
	for range n {
		all.Go(func() {
			for left.Add(-1) >= 0 {
				if err := op(); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
}

func startAndComplete(b *testing.B, n *node, def db.ID) error {
	var task engine.ID
	res, err := n.Submit(b.Context(), process.Command{
		Definition: def, Event: engine.Start{Vars: feel.Vars{"title": "a new laptop", "reason": "the old one is broken"}},
		With: func(t *process.Transition, _ *db.Change) error {
			task = t.Opened[0].Task
			return nil
		},
	})
	if err != nil {
		return err
	}
	_, err = n.Submit(b.Context(), process.Command{Instance: res.Instance, Event: engine.TaskCompleted{Task: task, Version: 1, Outcome: "approve"}})
	return err
}
