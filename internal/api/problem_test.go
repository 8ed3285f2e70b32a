package api

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/errs"
)

func TestEveryKindHasItsStatus(t *testing.T) {
	var log strings.Builder
	s := &Server{log: slog.New(slog.NewTextHandler(&log, nil))}
	for _, c := range []struct {
		err    error
		status int
		retry  string
	}{
		{errs.New(errs.Invalid, "x"), 422, ""},
		{errs.New(errs.Unauthenticated, "x"), 401, ""},
		{errs.New(errs.Denied, "x"), 403, ""},
		{errs.New(errs.NotFound, "x"), 404, ""},
		{errs.New(errs.Conflict, "x"), 409, ""},
		{errs.New(errs.Exhausted, "x").RetryAfter(1500 * time.Millisecond), 429, "2"},
		{errs.New(errs.Exhausted, "x"), 429, "1"},
		{errs.New(errs.Unavailable, "x"), 503, "1"},
		{errs.New(errs.Unsupported, "x"), 501, ""},
		{context.Canceled, 503, "1"},
		{fmt.Errorf("doing: %w", errs.New(errs.Denied, "x")), 403, ""},
		{db.ErrKeyReused, 422, ""},
		{db.ErrKeyBusy, 409, "1"},
	} {
		if p := s.problemOf(t.Context(), c.err); p.Status != c.status || p.retry != c.retry || p.Title == "" {
			t.Errorf("%v: %d, Retry-After %q; want %d, %q", c.err, p.Status, p.retry, c.status, c.retry)
		}
	}
	if log.Len() > 0 {
		t.Errorf("what the caller is told was logged too: %s", log.String())
	}
	p := s.problemOf(t.Context(), errors.New("the password is hunter2"))
	if p.Status != 500 || strings.Contains(p.Detail+p.Cure, "hunter2") || strings.Count(log.String(), "hunter2") != 1 {
		t.Errorf("a defect: %+v, log %s", p, log.String())
	}
}

func TestSignInsFromOneAddressAreLimited(t *testing.T) {
	a := newAttempts()
	for i := range loginBurst {
		if err := a.allow("10.0.0.1"); err != nil {
			t.Fatalf("attempt %d: %v", i, err)
		}
	}
	if err := a.allow("10.0.0.1"); !errs.Is(err, errs.Exhausted) {
		t.Errorf("one more: %v", err)
	}
	if err := a.allow("10.0.0.2"); err != nil {
		t.Errorf("another address: %v", err)
	}
}
