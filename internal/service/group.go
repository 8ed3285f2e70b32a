package service

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// Group is services that need each other in order: each may use the ones added before it.
// It is itself a Service. Add before Start.
type Group struct {
	log     *slog.Logger
	members []member

	mu      sync.Mutex // held through Start and Stop, so that they never interleave
	started int        // members[:started] are running
}

type member struct {
	name string
	Service
}

// NewGroup makes an empty group.
func NewGroup(log *slog.Logger) *Group { return &Group{log: log} }

// Add appends a service. The name is for errors and the log.
func (g *Group) Add(name string, s Service) { g.members = append(g.members, member{name, s}) }

// Start starts the members in order. When one fails, those before it are stopped
// again in reverse and the error names the one that failed.
func (g *Group) Start(ctx context.Context) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	for g.started < len(g.members) {
		m := g.members[g.started]
		began := time.Now()
		if err := m.Start(ctx); err != nil {
			err = fmt.Errorf("start %s: %w", m.name, err)
			return errors.Join(err, g.stop(context.WithoutCancel(ctx)))
		}
		g.started++
		g.log.Debug("service started", "service", m.name, "took", time.Since(began))
	}
	return nil
}

// Stop stops what runs, in reverse order of its start. A member that fails to stop
// does not keep the others running; the errors come together.
func (g *Group) Stop(ctx context.Context) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.stop(ctx)
}

func (g *Group) stop(ctx context.Context) error {
	var failed []error
	for ; g.started > 0; g.started-- {
		m := g.members[g.started-1]
		if err := m.Stop(ctx); err != nil {
			failed = append(failed, fmt.Errorf("stop %s: %w", m.name, err))
		}
	}
	return errors.Join(failed...)
}
