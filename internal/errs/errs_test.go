package errs_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/paceline/paceline/internal/errs"
)

func TestKindOf(t *testing.T) {
	for _, c := range []struct {
		err  error
		want errs.Kind
	}{
		{io.EOF, errs.Internal},
		{errs.New(errs.Conflict, "stale"), errs.Conflict},
		{fmt.Errorf("doing: %w", errs.New(errs.NotFound, "gone")), errs.NotFound},
		{fmt.Errorf("doing: %w", context.DeadlineExceeded), errs.Unavailable},
		{errs.New(errs.Invalid, "bad: %w", errs.New(errs.NotFound, "inner")), errs.Invalid},
	} {
		if got := errs.KindOf(c.err); got != c.want {
			t.Errorf("%v is %s, want %s", c.err, got, c.want)
		}
	}
	if errs.Is(nil, errs.Internal) {
		t.Error("no error has a kind")
	}
}

// TestErrorSaysWhatWhereAndHow: the message keeps its cause once, details are cut, the
// cause stays reachable.
func TestErrorSaysWhatWhereAndHow(t *testing.T) {
	e := errs.New(errs.Invalid, "the form is wrong: %w", io.ErrUnexpectedEOF).WithCure("fill in %s", "a").RetryAfter(time.Second)
	for i := range 5 {
		e.WithDetails(errs.Detail{Place: fmt.Sprint("f", i), Rule: "required", Message: "is missing"})
	}
	const want = "the form is wrong: unexpected EOF; f0: is missing; f1: is missing; f2: is missing; and 2 more"
	if e.Error() != want || e.Cure != "fill in a" || e.Retry != time.Second {
		t.Errorf("got %q, cure %q", e.Error(), e.Cure)
	}
	if !errors.Is(e, io.ErrUnexpectedEOF) {
		t.Error("the cause is lost")
	}
}

// TestWrapLeavesWhatSpeaksToTheCaller: only foreign errors get the doing in front.
func TestWrapLeavesWhatSpeaksToTheCaller(t *testing.T) {
	do := func(err error) (out error) {
		defer errs.Wrap(&out, "ticket.Open")
		return err
	}
	if err := do(io.EOF); err.Error() != "ticket.Open: EOF" || !errors.Is(err, io.EOF) {
		t.Errorf("got %v", err)
	}
	if err := do(errs.New(errs.Denied, "no")); err.Error() != "no" {
		t.Errorf("got %v", err)
	}
	if err := do(nil); err != nil {
		t.Errorf("got %v", err)
	}
}
