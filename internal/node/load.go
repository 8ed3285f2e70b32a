package node

import (
	"runtime"
	"sync"
	"time"
)

// load measures how much of its processors this process uses.
type load struct {
	mu   sync.Mutex
	at   time.Time // of the last look
	used time.Duration
}

// share is the part of the processors, 0 to 1, since the last look; 0 at the first one.
func (l *load) share(now time.Time) float64 {
	used := processorTime()
	l.mu.Lock()
	defer l.mu.Unlock()
	passed, more, first := now.Sub(l.at), used-l.used, l.at.IsZero()
	l.at, l.used = now, used
	if first || passed <= 0 {
		return 0
	}
	return min(1, float64(more)/float64(passed)/float64(runtime.GOMAXPROCS(0)))
}
