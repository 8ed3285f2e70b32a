package upstream

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Pool is the servers of one app. mu guards the fields below it and the parts of the
// servers that say so.
type Pool struct {
	name string
	tls  *tls.Config // nil: the servers speak cleartext
	log  *slog.Logger
	now  func() time.Time

	cfg atomic.Pointer[Config] // changed as a whole, by Apply

	mu      sync.Mutex
	servers []*Server
	turn    int           // where the next search among equals begins
	change  chan struct{} // closed when a server's state changes
	held    int           // requests that wait for a ready server
	budget  float64
	running bool
	closed  bool
}

// NewPool makes a pool. Probing begins with Start. With a secure configuration all
// connections to the servers are TLS, those of probes too; it gets the server's Host as its
// ServerName.
func NewPool(name string, cfg Config, secure *tls.Config, log *slog.Logger) *Pool {
	p := &Pool{name: name, tls: secure, log: log, now: time.Now, change: make(chan struct{})}
	p.adopt(cfg)
	p.budget = float64(p.config().Budget.Burst)
	for _, sc := range p.config().Servers {
		p.servers = append(p.servers, newServer(p, sc))
	}
	return p
}

func (p *Pool) config() *Config { return p.cfg.Load() }

func (p *Pool) adopt(cfg Config) Config {
	cfg = cfg.WithDefaults()
	p.cfg.Store(&cfg)
	return cfg
}

// Start begins to probe.
func (p *Pool) Start(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.running, p.closed = true, false
	for _, s := range p.servers {
		s.mu.Lock()
		s.retired = false
		s.mu.Unlock()
		if err := s.loop.Start(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Stop ends probing and lets nobody wait any longer. What is in flight comes to its end.
func (p *Pool) Stop(ctx context.Context) error {
	p.mu.Lock()
	p.running, p.closed = false, true
	servers := p.servers
	for _, s := range servers {
		if s.grace != nil {
			s.grace.Stop()
			s.grace = nil
		}
	}
	p.wake()
	p.mu.Unlock()
	var failed []error
	for _, s := range servers {
		failed = append(failed, s.retire(ctx))
	}
	return errors.Join(failed...)
}

// Apply changes the pool. A server that stays, by its address, keeps its health, its
// connections and what it has in flight.
func (p *Pool) Apply(ctx context.Context, cfg Config) error {
	p.mu.Lock()
	gone, before := p.servers, p.config()
	cfg = p.adopt(cfg)
	reprobe := cfg.Probe != before.Probe
	p.servers = nil
	p.budget = min(p.budget, float64(cfg.Budget.Burst))
	var failed []error
	var reports []func() // for when the lock is free
	for _, sc := range cfg.Servers {
		i := slices.IndexFunc(gone, func(s *Server) bool { return s.address == sc.Address && s.host == sc.Host && !reprobe })
		if i < 0 {
			s := newServer(p, sc)
			if p.running {
				failed = append(failed, s.loop.Start(ctx))
			}
			p.servers = append(p.servers, s)
			continue
		}
		s := gone[i]
		gone = slices.Delete(slices.Clone(gone), i, i+1)
		before := s.state()
		s.configure(sc)
		if after := s.state(); after != before {
			if after == Ready {
				s.ramp = p.now()
			}
			s.changed(after)
			reports = append(reports, func() { p.report(s, before, after, "the table says so") })
		}
		p.servers = append(p.servers, s)
	}
	p.wake()
	p.mu.Unlock()
	for _, report := range reports {
		report()
	}
	for _, s := range gone {
		time.AfterFunc(cfg.Grace, s.endStreams)
		failed = append(failed, s.retire(ctx))
	}
	return errors.Join(failed...)
}

// Down takes in that a server died, as one knows who watches its process. The next probe
// may know better.
func (p *Pool) Down(address, why string) {
	for _, s := range p.named(address) {
		p.mu.Lock()
		s.event++
		event := s.event
		p.mu.Unlock()
		s.is(Down, why, event, true)
		s.loop.Ring()
	}
}

// Up takes in that a server is said to be ready: it is probed at once.
func (p *Pool) Up(address string) {
	for _, s := range p.named(address) {
		s.loop.Ring()
	}
}

func (p *Pool) named(address string) []*Server {
	p.mu.Lock()
	defer p.mu.Unlock()
	var found []*Server
	for _, s := range p.servers {
		if s.address == address {
			found = append(found, s)
		}
	}
	return found
}

// EndStreams ends the event streams and WebSockets of all servers.
func (p *Pool) EndStreams() {
	p.mu.Lock()
	servers := slices.Clone(p.servers)
	p.mu.Unlock()
	for _, s := range servers {
		s.endStreams()
	}
}

// wake lets everybody who waits look again. The lock is held.
func (p *Pool) wake() {
	close(p.change)
	p.change = make(chan struct{})
}

// report logs a change of state. The lock is free.
func (p *Pool) report(s *Server, before, after State, cause string) {
	p.log.Info("server "+string(after), "app", p.name, "server", s.address, "before", string(before), "cause", cause)
}

// Status is what is known of one server.
type Status struct {
	Address  string `json:"address"`
	State    State  `json:"state"`
	Cause    string `json:"cause,omitempty"`
	InFlight int    `json:"inFlight"`
	Idle     int    `json:"idle"`
	Requests uint64 `json:"requests"` // sent to it, repeats among them
	Failures uint64 `json:"failures"` // that it did not answer
	Repeats  uint64 `json:"repeats"`  // that came to it from another server or try
}

// Status tells of every server, in the table's order, and how many requests wait.
func (p *Pool) Status() (servers []Status, held int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range p.servers {
		s.mu.Lock()
		idle := len(s.idle)
		s.mu.Unlock()
		servers = append(servers, Status{s.address, s.state(), s.cause, s.inFlight, idle, s.requests, s.failures, s.repeats})
	}
	return servers, p.held
}

// spend takes one repeat out of the budget.
func (p *Pool) spend() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.budget < 1 {
		return false
	}
	p.budget--
	return true
}

// wait blocks until a server's state changes, but no longer than d. It fails when too
// many wait already, the client goes away or the pool is closed.
func (p *Pool) wait(ctx context.Context, d time.Duration) error {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return ErrClosed
	}
	if p.held >= p.config().MaxHeld {
		p.mu.Unlock()
		return ErrCrowded
	}
	p.held++
	change := p.change
	ready := slices.ContainsFunc(p.servers, (*Server).takes)
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		p.held--
		p.mu.Unlock()
	}()
	if ready { // they were all tried: a short pause, then once more
		d = min(d, 20*time.Millisecond)
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-change:
	case <-timer.C:
	case <-ctx.Done():
		return ErrCanceled
	}
	return nil
}
