package join

import (
	"sync"
	"time"
)

// brake bounds what strangers can cost: how many are listened to at once, and how often an
// address may fail.
type brake struct {
	now func() time.Time

	mu     sync.Mutex
	inside int
	from   map[string]*caller
}

// caller is an address.
type caller struct {
	inside   int
	failures int
	since    time.Time // of the first failure that counts
}

// The bounds.
const (
	maxInside    = 64
	maxFrom      = 8 // at once from one address
	maxFailures  = 20
	forgetAfter  = time.Minute
	maxAddresses = 10_000
)

func newBrake(now func() time.Time) *brake { return &brake{now: now, from: map[string]*caller{}} }

// enter says whether the address is listened to; if so, leave follows.
func (b *brake) enter(address string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := b.from[address]
	if c == nil {
		b.forget()
		if len(b.from) >= maxAddresses {
			return false
		}
		c = &caller{}
		b.from[address] = c
	}
	if c.failures > 0 && b.now().Sub(c.since) >= forgetAfter {
		c.failures = 0
	}
	if b.inside >= maxInside || c.inside >= maxFrom || c.failures >= maxFailures {
		return false
	}
	b.inside++
	c.inside++
	return true
}

// leave says how it ended.
func (b *brake) leave(address string, good bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := b.from[address]
	b.inside--
	c.inside--
	switch {
	case good:
		c.failures = 0
	case c.failures == 0:
		c.failures, c.since = 1, b.now()
	default:
		c.failures++
	}
}

// forget drops whoever has nothing counted against them.
func (b *brake) forget() {
	if len(b.from) < maxAddresses {
		return
	}
	for address, c := range b.from {
		if c.inside == 0 && (c.failures == 0 || b.now().Sub(c.since) >= forgetAfter) {
			delete(b.from, address)
		}
	}
}
