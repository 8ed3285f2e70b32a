package cluster

import (
	"context"
	"time"

	"github.com/paceline/paceline/internal/service"
)

// Duty makes the service that does a piece of the leader's work, anew for each term. The
// context ends with the term's trust, and everything the service writes ends with it; the
// service itself is stopped right after. The fence is for what it writes.
//
// A duty must be such that it does not matter when nobody does it for a while.
type Duty func(term context.Context, fence Fence) service.Service

// Repeat is a duty that calls a function at intervals while the term lasts. The
// function's context ends with the term.
func Repeat(every time.Duration, call func(context.Context, Fence)) Duty {
	return func(term context.Context, fence Fence) service.Service {
		return service.NewLoop(every, func(ctx context.Context) {
			ctx, cancel := context.WithCancel(ctx)
			defer cancel()
			defer context.AfterFunc(term, cancel)()
			call(ctx, fence)
		})
	}
}

// namedDuty is a Duty and what it is called in the log.
type namedDuty struct {
	name string
	make Duty
}
