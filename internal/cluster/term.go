package cluster

import (
	"context"
	"sync"
	"time"

	"github.com/paceline/paceline/internal/errs"
)

// term is one time of leading. Its context ends when its trust does, at the latest.
type term struct {
	fence       Fence
	incarnation string // of the database it was acquired in
	seq         int64  // of the lease, at least; the one who renews it counts
	ctx         context.Context
	cancel      context.CancelCauseFunc
	over        chan struct{} // closed when everything of the term has ended

	mu       sync.Mutex // guards the rest
	until    time.Time  // trusted until then, by our own clock
	watchdog *time.Timer
}

// Why a term ended, as the cause of its context.
var (
	errDistrusted = errs.New(errs.Unavailable, "the lease could not be renewed in time")
	errSuperseded = errs.New(errs.Conflict, "the lease has expired or was taken over")
	errReplaced   = errs.New(errs.Conflict, "the database was replaced by another copy of it")
	errYielded    = errs.New(errs.Conflict, "the lease was given back")
)

// newTerm makes a term that is trusted until then.
func newTerm(fence Fence, until time.Time) *term {
	t := &term{fence: fence, until: until, over: make(chan struct{})}
	t.ctx, t.cancel = context.WithCancelCause(context.Background())
	t.mu.Lock()
	defer t.mu.Unlock()
	t.watchdog = time.AfterFunc(time.Until(until), t.look)
	return t
}

// look ends the term if its trust has ended.
func (t *term) look() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !time.Now().Before(t.until) {
		t.cancel(errDistrusted)
	}
}

// trust moves the end of trust. It does not bring trust back that has ended: what froze
// past the end finds the term over, whether or not the watchdog had its turn before.
func (t *term) trust(until time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !time.Now().Before(t.until) {
		t.cancel(errDistrusted)
	}
	if t.ctx.Err() == nil {
		t.until = until
		t.watchdog.Reset(time.Until(until))
	}
}

// trustAtMost moves the end of trust nearer, for a renewal that may shorten the lease.
func (t *term) trustAtMost(until time.Time) {
	if t.trusted().After(until) {
		t.trust(until)
	}
}

func (t *term) trusted() time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.until
}

// end ends the term for a reason; later reasons do not count.
func (t *term) end(cause error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.watchdog.Stop()
	t.cancel(cause)
}
