package api

import (
	"context"
	"errors"
	"testing"
	"time"
)

func TestReadinessIsKeptForAMomentAndNamesCauses(t *testing.T) {
	now, runs, cause := time.Unix(100, 0), 0, error(nil)
	r := &readiness{node: "n", now: func() time.Time { return now }, checks: []Check{
		{Name: "database", Run: func(context.Context) error { runs++; return cause }},
	}}
	if h := r.look(t.Context()); !h.Ready || runs != 1 {
		t.Fatalf("%+v after %d runs", h, runs)
	}
	cause = errors.New("it is away")
	if h := r.look(t.Context()); !h.Ready || runs != 1 {
		t.Errorf("asked again at once: %+v after %d runs", h, runs)
	}
	now = now.Add(healthKeep)
	if h := r.look(t.Context()); h.Ready || h.Checks[0].Cause != "it is away" || runs != 2 {
		t.Errorf("later: %+v after %d runs", h, runs)
	}
	r.drain()
	if h := r.look(t.Context()); h.Ready || runs != 2 {
		t.Errorf("stopping: %+v", h)
	}
}
