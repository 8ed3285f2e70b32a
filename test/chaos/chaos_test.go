package chaos

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/paceline/paceline/internal/demo"
)

// What may never be exceeded, on a machine that is busy with other things too. What is
// reached on a quiet one stands in the table.
const (
	mostTakeover = 10 * time.Second
	mostOut      = 5 * time.Second
)

// TestChaos does everything bad to a cluster that can be done to one, one fault after the other.
// Nothing that was accepted is lost, nothing is done twice, and no request fails.
func TestChaos(t *testing.T) {
	full := os.Getenv("CHAOS") == "full"
	w := newWorld(t)
	var rows []row
	for _, f := range faults {
		if full || f.short {
			t.Run(f.name, func(t *testing.T) {
				r := w.suffer(t, f, full)
				if rows = append(rows, r); r.skipped != "" {
					t.Skip(r.skipped)
				}
			})
		}
	}
	text := table(rows)
	t.Log("\n" + text)
	if full && len(rows) == len(faults) {
		if err := keep("../../docs/reliability.md", text); err != nil {
			t.Error(err)
		}
	}
}

// row is what one fault came to.
type row struct {
	fault   string
	skipped string // why; empty: it was done
	figures demo.Figures
	audit   demo.Audit
	times   int
	// The longest of all times; 0: nothing of the kind was expected.
	takeover, out time.Duration
}

// suffer does a fault, as often as it says, while people work.
func (w *world) suffer(t *testing.T, f fault, full bool) row {
	r := row{fault: f.name, times: 1}
	if f.wires && w.network == nil {
		r.skipped = w.noNetwork
		return r
	}
	if full {
		r.times = max(1, f.times)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	w.settle(t, ctx)
	load := demo.NewLoad(demo.LoadConfig{Gateways: w.gateways, Password: password, Rate: rate, Patience: time.Minute})
	if err := load.Start(ctx); err != nil {
		t.Fatal(err)
	}
	busy(t, load, warmUp)
	for range r.times {
		if f.even {
			w.even(t)
		}
		h := &harm{world: w, t: t, ctx: ctx}
		f.do(h)
		if h.takeover.after != (time.Time{}) {
			r.takeover = max(r.takeover, h.takeover.take(t, "the lease is taken over", mostTakeover))
		}
		for _, out := range h.outs {
			r.out = max(r.out, out.take(t, "the server is out of the gateways", mostOut))
		}
		w.settle(t, ctx)
	}
	busy(t, load, load.Ledger.Figures().Requests+warmUp)
	if err := load.Stop(ctx); err != nil {
		t.Fatal(err)
	}
	r.figures = load.Ledger.Figures()
	var err error
	if r.audit, err = load.Audit(ctx); err != nil {
		t.Fatal(err)
	}
	if r.figures.Failed > 0 || !r.audit.Clean() {
		t.Errorf("%d of %d requests failed, %d lost, %d doubled: %s %s", r.figures.Failed, r.figures.Requests, r.audit.Lost, r.audit.Doubled, r.figures.First, r.audit.First)
	}
	t.Log(r)
	return r
}

// busy waits until so many requests were answered.
func busy(t *testing.T, load *demo.Load, n int64) {
	t.Helper()
	eventually(t, "people work", time.Minute, func() bool { return load.Ledger.Figures().Requests >= n })
}

// eventually waits until something is so.
func eventually(t *testing.T, what string, limit time.Duration, so func() bool) {
	t.Helper()
	for end := time.Now().Add(limit); !so(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within %v: %s", limit, what)
		}
	}
}

func (r row) String() string {
	if r.skipped != "" {
		return fmt.Sprintf("%s: SKIPPED: %s", r.fault, r.skipped)
	}
	return fmt.Sprintf("%s: %d requests, %d lost, %d doubled, %d failed, longest %v, takeover %v, out %v", r.fault, r.figures.Requests,
		r.audit.Lost, r.audit.Doubled, r.figures.Failed, r.figures.Longest.Round(time.Millisecond), r.takeover, r.out)
}
