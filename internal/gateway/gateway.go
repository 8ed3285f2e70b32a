// Package gateway stands in front of the servers: it takes the clients' connections,
// finds the app that a request is for and brings it to a server that is ready, so that a
// server's death, hang or restart costs a client at most some waiting.
//
// It has three layers. http1 reads the frame of messages, strictly. upstream knows the
// servers: health, choice, repeats, connections. This package is what stands before them:
// listeners, refusals, routes, headers, limits, log and metrics. A visit is one request on
// its way through; its client is one of two fronts: relay, our own for HTTP/1.1, and
// standard, net/http, for HTTP/2 and as the measure that relay is held to. socket is how
// both read and write.
//
// What always holds:
//
//   - A request is routed by one Table. Apply changes all of it or nothing, and a
//     request under way keeps the route it has.
//   - The last table is on disk before it is served, so a gateway starts and serves with
//     nobody there to ask.
//   - A write reaches a server with an Idempotency-Key, the client's or one made here, so
//     that repeating it cannot double it. Routes can switch that off.
//   - What two parsers might read differently is refused, not repaired: see refuse.go.
//   - The headers that servers trust (X-Forwarded-*, X-Real-IP, Forwarded) are written
//     here, and taken from a client only if it is a configured proxy.
//
// The package imports nothing that could reach a database or the bus. What other nodes
// know about servers comes in by Down and Up, the table by Apply. mu guards changes; what
// requests read is behind one atomic pointer.
package gateway

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/gateway/upstream"
)

// Gateway is a service: Start returns when connections are taken, Stop when the requests
// under way are answered.
type Gateway struct {
	cfg     Config
	log     *slog.Logger
	proxies []netip.Prefix
	metrics *metrics
	rates   *rates
	memory  ration // for bodies
	disk    ration
	access  *accessLog // nil: none
	front   *front
	admin   *admin
	keep    keeper

	draining atomic.Bool
	live     atomic.Pointer[routing]

	mu      sync.Mutex
	table   Table
	pools   map[string]*upstream.Pool
	running bool
}

// New checks the configuration and finds the table to begin with: the configured one, or
// the kept one when that has a higher revision. It starts nothing.
func New(cfg Config, log *slog.Logger, reg *prometheus.Registry) (*Gateway, error) {
	if err := cfg.Check(); err != nil {
		return nil, err
	}
	g := &Gateway{cfg: cfg, log: log, pools: make(map[string]*upstream.Pool), keep: keeper{dir: cfg.State}}
	g.proxies = prefixes(cfg.Proxies)
	g.metrics = newMetrics(reg, g)
	g.rates = newRates(cfg.Limits.Rate, cfg.Limits.Burst)
	g.memory.limit, g.disk.limit = cfg.Limits.AllMemory, cfg.Limits.AllSpool
	if cfg.AccessLog {
		g.access = newAccessLog(cfg.AccessTo)
	}
	g.front = newFront(g)
	g.admin = newAdmin(g, reg)
	kept, found, err := g.keep.load()
	switch {
	case err != nil:
		log.Error("the kept table cannot be used", "err", err)
	case found && (len(cfg.Table.Routes) == 0 || kept.Revision > cfg.Table.Revision && cfg.Table.Revision > 0):
		cfg.Table = kept
		log.Info("serving the kept table", "revision", kept.Revision)
	}
	return g, g.adopt(context.Background(), cfg.Table)
}

// Start probes the servers and takes connections.
func (g *Gateway) Start(ctx context.Context) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.running {
		return nil
	}
	g.draining.Store(false)
	for _, p := range g.pools {
		if err := p.Start(ctx); err != nil {
			return err
		}
	}
	err := g.front.start(ctx)
	if err == nil {
		err = g.admin.start(ctx)
	}
	if err != nil {
		return errors.Join(err, g.stop(context.WithoutCancel(ctx)))
	}
	g.running = true
	return nil
}

// Stop drains: /readyz says no, answers tell clients to connect elsewhere, no new
// connections are taken, event streams and WebSockets are ended after the grace. What is
// still there when ctx ends is cut off.
func (g *Gateway) Stop(ctx context.Context) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.running {
		return nil
	}
	g.running = false
	g.draining.Store(true)
	wait(ctx, g.cfg.Drain.Delay)
	return g.stop(ctx)
}

func (g *Gateway) stop(ctx context.Context) error {
	end := func() {
		for _, p := range g.live.Load().pools {
			p.EndStreams()
		}
	}
	grace := time.AfterFunc(g.cfg.Drain.Grace, end)
	defer grace.Stop()
	failed := []error{g.front.stop(ctx, end)}
	for _, p := range g.pools {
		failed = append(failed, p.Stop(ctx))
	}
	failed = append(failed, g.admin.stop(ctx))
	if g.access != nil {
		g.access.flush()
	}
	return errors.Join(failed...)
}

// Apply serves another table from now on, or returns errs.Invalid and keeps the old one.
// A table with a revision is kept on disk first; one that is older than what is served is
// refused with errs.Conflict. Revision 0 is a word of the operator: it is served, and not
// kept.
func (g *Gateway) Apply(ctx context.Context, t Table) error {
	if err := t.Check(); err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if t.Revision > 0 {
		if t.Revision < g.table.Revision {
			return errs.New(errs.Conflict, "table %d is older than the one that is served, %d", t.Revision, g.table.Revision)
		}
		if err := g.keep.save(t); err != nil {
			return err
		}
	}
	return g.adopt(ctx, t)
}

// adopt makes the routing of a checked table, changes the pools and swaps.
func (g *Gateway) adopt(ctx context.Context, t Table) error {
	pools := make(map[string]*upstream.Pool, len(t.Pools))
	var failed []error
	for name, cfg := range t.Pools {
		if p, ok := g.pools[name]; ok {
			failed = append(failed, p.Apply(ctx, cfg))
			pools[name] = p
			continue
		}
		p := upstream.NewPool(name, cfg, g.cfg.Servers, g.log)
		if g.running {
			failed = append(failed, p.Start(ctx))
		}
		pools[name] = p
	}
	gone := g.pools
	g.table, g.pools = t, pools
	g.live.Store(newRouting(t, pools, g.metrics))
	for name, p := range gone {
		if pools[name] == nil {
			failed = append(failed, p.Stop(ctx))
		}
	}
	g.log.Info("table served", "revision", t.Revision, "routes", len(t.Routes), "pools", len(t.Pools))
	return errors.Join(failed...)
}

// Table is what is served.
func (g *Gateway) Table() Table {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.table
}

// Down takes in that the server with this address died, as its Agent saw it: its requests
// are cancelled and go elsewhere at once. why is for the log and /servers. The servers' own
// probes have the last word.
func (g *Gateway) Down(address, why string) {
	for _, p := range g.live.Load().pools {
		p.Down(address, why)
	}
}

// Up takes in that the server with this address is said to be ready: it is probed at once.
func (g *Gateway) Up(address string) {
	for _, p := range g.live.Load().pools {
		p.Up(address)
	}
}

// Able says whether a request that came now would find a ready server.
func (g *Gateway) Able() bool {
	if g.draining.Load() {
		return false
	}
	for _, p := range g.live.Load().pools {
		servers, _ := p.Status()
		if slices.ContainsFunc(servers, func(s upstream.Status) bool { return s.State == "ready" }) {
			return true
		}
	}
	return false
}

// Addr is where the gateway listens without TLS, TLSAddr with, AdminAddr for its own
// metrics and health; nil where it does not.
func (g *Gateway) Addr() net.Addr      { return g.front.address(false) }
func (g *Gateway) TLSAddr() net.Addr   { return g.front.address(true) }
func (g *Gateway) AdminAddr() net.Addr { return g.admin.address() }

func wait(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
