package api

import (
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/paceline/paceline/internal/errs"
)

// attempts limits sign-ins by address before any password is hashed; the brake behind
// it, per account and cluster-wide, is org's. mu guards by.
type attempts struct {
	mu sync.Mutex
	by map[string]*rate.Limiter
}

const (
	loginBurst     = 20
	loginEvery     = 3 * time.Second
	knownAddresses = 10_000
)

func newAttempts() *attempts { return &attempts{by: map[string]*rate.Limiter{}} }

func (a *attempts) allow(address string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	l := a.by[address]
	if l == nil {
		if len(a.by) >= knownAddresses {
			clear(a.by)
		}
		l = rate.NewLimiter(rate.Every(loginEvery), loginBurst)
		a.by[address] = l
	}
	if !l.Allow() {
		return errs.New(errs.Exhausted, "too many sign-ins from %s", address).RetryAfter(loginEvery)
	}
	return nil
}
