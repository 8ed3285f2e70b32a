package service_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/paceline/paceline/internal/service"
	"github.com/paceline/paceline/internal/service/servicetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type recorder struct {
	name string
	log  *[]string
	fail error
}

func (r recorder) Start(context.Context) error {
	*r.log = append(*r.log, "start "+r.name)
	return r.fail
}

func (r recorder) Stop(context.Context) error {
	*r.log = append(*r.log, "stop "+r.name)
	return nil
}

func TestGroupStartsInOrderAndStopsInReverse(t *testing.T) {
	var log []string
	g := service.NewGroup(slog.New(slog.DiscardHandler))
	g.Add("a", recorder{"a", &log, nil})
	g.Add("b", recorder{"b", &log, nil})

	if err := g.Stop(t.Context()); err != nil || len(log) != 0 {
		t.Fatalf("stop before start: %v, %v", err, log)
	}
	if err := g.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := g.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if want := []string{"start a", "start b", "stop b", "stop a"}; !slices.Equal(log, want) {
		t.Errorf("got %q, want %q", log, want)
	}
}

func TestGroupUndoesAFailedStart(t *testing.T) {
	var log []string
	broken := errors.New("no disk")
	g := service.NewGroup(slog.New(slog.DiscardHandler))
	g.Add("a", recorder{"a", &log, nil})
	g.Add("b", recorder{"b", &log, broken})
	g.Add("c", recorder{"c", &log, nil})

	err := g.Start(t.Context())
	if !errors.Is(err, broken) {
		t.Fatalf("got %v", err)
	}
	if want := []string{"start a", "start b", "stop a"}; !slices.Equal(log, want) {
		t.Errorf("got %q, want %q", log, want)
	}
}

func TestLoopRunsAtIntervalsAndOnTheBell(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int32
		l := service.NewLoop(time.Minute, func(context.Context) { calls.Add(1) })
		if err := l.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if calls.Load() != 1 {
			t.Fatalf("%d calls right after the start, want 1", calls.Load())
		}
		l.Ring()
		synctest.Wait()
		if calls.Load() != 2 {
			t.Fatalf("%d calls after the bell, want 2", calls.Load())
		}
		time.Sleep(73 * time.Second)
		if calls.Load() != 3 {
			t.Fatalf("%d calls after an interval, want 3", calls.Load())
		}
		if err := l.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Minute)
		if calls.Load() != 3 {
			t.Fatalf("called after Stop")
		}
	})
}

func TestStopIsBoundedByItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		b := service.NewBackground(func(context.Context) { <-release })
		if err := b.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := b.Stop(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("got %v, want the deadline", err)
		}
		close(release)
		if err := b.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}

func TestStress(t *testing.T) {
	idle := func(ctx context.Context) { <-ctx.Done() }
	group := service.NewGroup(slog.New(slog.DiscardHandler))
	group.Add("background", service.NewBackground(idle))
	group.Add("loop", service.NewLoop(time.Millisecond, func(context.Context) {}))

	for name, s := range map[string]service.Service{
		"background": service.NewBackground(idle),
		"loop":       service.NewLoop(time.Millisecond, func(context.Context) {}),
		"group":      group,
	} {
		t.Run(name, func(t *testing.T) { servicetest.Stress(t, s) })
	}
}
