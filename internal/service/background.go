package service

import (
	"context"
	"sync"
)

// Background is a Service made of one function that runs until its context ends.
type Background struct {
	run func(context.Context)

	mu     sync.Mutex
	cancel context.CancelFunc // nil: not running
	done   chan struct{}      // closed when run has returned
}

// NewBackground makes a service of run. Stop ends the context given to run and waits
// for run to return.
func NewBackground(run func(context.Context)) *Background { return &Background{run: run} }

// Start runs the function in a goroutine of its own. Starting a running one changes nothing.
func (b *Background) Start(ctx context.Context) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.cancel != nil {
		return nil
	}
	own, cancel := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	b.cancel, b.done = cancel, done
	go func() {
		defer close(done)
		b.run(own)
	}()
	return nil
}

// Stop ends the function and waits for it, at most until ctx ends.
func (b *Background) Stop(ctx context.Context) error {
	b.mu.Lock()
	cancel, done := b.cancel, b.done
	b.mu.Unlock()
	if cancel == nil {
		return nil
	}
	cancel()
	select {
	case <-done:
	case <-ctx.Done():
		return ctx.Err()
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.done == done {
		b.cancel, b.done = nil, nil
	}
	return nil
}
