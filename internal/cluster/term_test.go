package cluster

import (
	"context"
	"errors"
	"math"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/paceline/paceline/internal/errs"
)

func TestTrustEndsByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		term := newTerm(Fence{}, time.Now().Add(time.Second))
		for range 5 { // renewed
			time.Sleep(900 * time.Millisecond)
			term.trust(time.Now().Add(time.Second))
		}
		if term.ctx.Err() != nil {
			t.Fatal("it ended although it was renewed")
		}
		begin := time.Now()
		<-term.ctx.Done()
		if took := time.Since(begin); took != time.Second || !errors.Is(context.Cause(term.ctx), errDistrusted) {
			t.Errorf("ended after %v: %v", took, context.Cause(term.ctx))
		}
	})
}

// A process that froze past the end must not come back because its renewal succeeds
// before its watchdog has had its turn.
func TestTrustDoesNotComeBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		term := newTerm(Fence{}, time.Now().Add(time.Second))
		term.watchdog.Stop()
		time.Sleep(time.Second)
		term.trust(time.Now().Add(time.Second))
		if !errors.Is(context.Cause(term.ctx), errDistrusted) {
			t.Error("it is trusted again")
		}
	})
}

// While a renewal that shortens the lease is under way, trust ends as early as if it
// had arrived, for it may have.
func TestTrustIsShortenedBeforehand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		term := newTerm(Fence{}, begin.Add(4*time.Second))
		term.trustAtMost(begin.Add(5 * time.Second))
		term.trustAtMost(begin.Add(1200 * time.Millisecond))
		<-term.ctx.Done()
		if took := time.Since(begin); took != 1200*time.Millisecond {
			t.Errorf("trusted for %v", took)
		}
	})
}

// Whoever takes commands keeps the highest epoch and refuses lower ones.
func TestCommandsOfASupersededLeaderAreRefused(t *testing.T) {
	var l Lease
	for _, step := range []struct {
		epoch int64
		kind  errs.Kind // 0: taken
	}{{7, 0}, {7, 0}, {6, errs.Conflict}, {9, 0}, {8, errs.Conflict}, {0, errs.Invalid}, {math.MaxInt64, errs.Invalid}, {9, 0}} {
		if err := l.Heed(step.epoch); (err == nil) != (step.kind == 0) || err != nil && errs.KindOf(err) != step.kind {
			t.Errorf("a command of epoch %d: %v", step.epoch, err)
		}
	}
}

func TestFloorOutlivesTheProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "epoch")
	for _, step := range []struct{ saw, want int64 }{{0, 0}, {7, 7}, {3, 7}, {12, 12}} {
		f := floor{path: path}
		must(t, f.load())
		must(t, f.raise(step.saw))
		again := floor{path: path}
		must(t, again.load())
		if again.get() != step.want || f.get() != step.want {
			t.Errorf("saw %d: %d, and %d from the file; want %d", step.saw, f.get(), again.get(), step.want)
		}
	}
	must(t, replaceFile(path, "x"))
	f := floor{path: path}
	if f.load() == nil {
		t.Error("a file that holds no epoch is taken")
	}
}
