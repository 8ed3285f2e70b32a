package service

import (
	"context"
	"math/rand/v2"
	"time"
)

// Loop is a Service that calls a function at intervals, and at once when its bell is rung.
// The interval is the promise; the bell only hastens, so a ring that is
// lost costs time and nothing else. Calls never overlap.
type Loop struct {
	*Background
	every time.Duration
	call  func(context.Context)
	bell  chan struct{}
}

// NewLoop makes a loop. The first call comes right after Start; the pause between calls is
// the interval give or take a fifth, so that the nodes of a cluster do not march in step.
func NewLoop(every time.Duration, call func(context.Context)) *Loop {
	l := &Loop{every: every, call: call, bell: make(chan struct{}, 1)}
	l.Background = NewBackground(l.run)
	return l
}

// Ring asks for a call now, or right after the one that is running. It never blocks; rings
// in between are one ring.
func (l *Loop) Ring() {
	select {
	case l.bell <- struct{}{}:
	default:
	}
}

func (l *Loop) run(ctx context.Context) {
	for ctx.Err() == nil {
		l.call(ctx)
		pause := time.NewTimer(l.every*4/5 + rand.N(l.every*2/5+1))
		select {
		case <-ctx.Done():
		case <-l.bell:
		case <-pause.C:
		}
		pause.Stop()
	}
}
