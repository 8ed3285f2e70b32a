package intake

import (
	"sync"
	"time"
)

// limits counts deliveries on this node: those taken by webhook, and those refused by sender.
type limits struct {
	mu      sync.Mutex
	buckets map[string]bucket
}

// bucket fills with time and empties with deliveries.
type bucket struct {
	left float64
	at   time.Time
}

const (
	maxBuckets = 10_000
	// refusals a minute of one address, after which it is not looked at.
	refusals = 30
)

func newLimits() *limits { return &limits{buckets: map[string]bucket{}} }

// take counts one delivery of at most rate a minute; else it says how long to wait.
func (l *limits) take(name string, rate int, now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.filled(name, rate, now)
	if b.left < 1 {
		return wait(b, rate)
	}
	b.left--
	l.keep(name, b)
	return 0
}

// blocked says how long an address is not looked at.
func (l *limits) blocked(address string, now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if b := l.filled("from "+address, refusals, now); b.left < 1 {
		return wait(b, refusals)
	}
	return 0
}

// failed counts a delivery that did not hold.
func (l *limits) failed(address string, now time.Time) { l.take("from "+address, refusals, now) }

func (l *limits) filled(name string, rate int, now time.Time) bucket {
	b, known := l.buckets[name]
	if !known {
		return bucket{left: float64(rate), at: now}
	}
	b.left = min(float64(rate), b.left+now.Sub(b.at).Minutes()*float64(rate))
	b.at = now
	return b
}

// keep forgets all when there are too many, which an attacker with that many addresses gains nothing by.
func (l *limits) keep(name string, b bucket) {
	if len(l.buckets) >= maxBuckets {
		clear(l.buckets)
	}
	l.buckets[name] = b
}

func wait(b bucket, rate int) time.Duration {
	return max(time.Second, time.Duration((1-b.left)/float64(rate)*float64(time.Minute)))
}
