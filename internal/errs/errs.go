// Package errs is the one error vocabulary that packages share: nine kinds, each
// of which means one thing to a caller and one status to HTTP.
//
// An error made here says what is wrong, where, and what cures it. Packages below
// the ones that know the caller (feel, bpmn) have positioned errors of their own.
// An error is returned or logged, never both.
package errs

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Kind says what a caller can do about an error.
type Kind uint8

const (
	Internal        Kind = iota // a defect of ours; the zero value, so an unknown error is one
	Invalid                     // the input is wrong; sending it again will not help
	Unauthenticated             // nobody is signed in
	Denied                      // signed in, visible, but not allowed
	NotFound                    // does not exist, or may not be seen
	Conflict                    // true a moment ago, no more: read again and decide
	Exhausted                   // a limit is reached: later, or less
	Unavailable                 // something needed is away: try again
	Unsupported                 // well formed, but not something this system does
)

var kindNames = [...]string{"internal", "invalid", "unauthenticated", "denied", "not found", "conflict", "exhausted", "unavailable", "unsupported"}

func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "internal"
}

// Detail is one wrong thing inside an input.
type Detail struct {
	Place   string `json:"place"`          // where: a field path, element id, file and line
	Rule    string `json:"rule,omitempty"` // the rule it breaks: required, max, BPMN section
	Message string `json:"message"`
}

// Error carries a kind, a sentence for people, and the cure where one is known.
type Error struct {
	Kind    Kind
	Message string
	Cure    string        // what to do next
	Details []Detail      // for Invalid: every wrong place, not only the first
	Retry   time.Duration // for Exhausted and Unavailable: when to come back
	cause   error         // already part of Message; kept for errors.Is and As
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Message)
	for i, d := range e.Details {
		if i == 3 {
			fmt.Fprintf(&b, "; and %d more", len(e.Details)-i)
			break
		}
		fmt.Fprintf(&b, "; %s: %s", d.Place, d.Message)
	}
	return b.String()
}

func (e *Error) Unwrap() error { return e.cause }

// New makes an error of the kind. The format may wrap a cause with %w.
func New(kind Kind, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	return &Error{Kind: kind, Message: err.Error(), cause: errors.Unwrap(err)}
}

// WithCure names what the caller should do next.
func (e *Error) WithCure(format string, args ...any) *Error {
	e.Cure = fmt.Sprintf(format, args...)
	return e
}

// WithDetails names the wrong places of an input.
func (e *Error) WithDetails(details ...Detail) *Error {
	e.Details = append(e.Details, details...)
	return e
}

// RetryAfter says when coming back makes sense.
func (e *Error) RetryAfter(d time.Duration) *Error {
	e.Retry = d
	return e
}

// Wrap puts what was being done in front of *err; use it deferred. The kind, the
// cure and the details stay.
func Wrap(err *error, doing string) {
	if *err == nil {
		return
	}
	var e *Error
	if errors.As(*err, &e) {
		return // already speaks to the caller
	}
	*err = fmt.Errorf("%s: %w", doing, *err)
}

// KindOf finds the kind of an error; a foreign error is Internal, an ended context
// Unavailable.
func KindOf(err error) Kind {
	var e *Error
	switch {
	case errors.As(err, &e):
		return e.Kind
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return Unavailable
	default:
		return Internal
	}
}

// Is reports whether err has the kind.
func Is(err error, kind Kind) bool { return err != nil && KindOf(err) == kind }
