package upstream

import (
	"context"
	"crypto/tls"
	"sync"
	"sync/atomic"
	"time"

	"github.com/paceline/paceline/internal/service"
)

// State is what a server may be given.
type State string

// The states of a server.
const (
	Unknown  State = "unknown"  // not probed yet
	Ready    State = "ready"    // takes requests
	Cordoned State = "cordoned" // takes requests when no other server is ready, and keeps its streams
	Draining State = "draining" // finishes what it has
	Down     State = "down"     // is away
)

// Server is one server of a pool, with its health and its connections. pool.mu guards
// what decides whether it is chosen; mu guards the connections.
type Server struct {
	pool    *Pool
	address string
	id      string // what a cookie says instead of the address
	host    string
	tls     *tls.Config // nil: none

	// Guarded by pool.mu.
	weight   int
	drain    bool // wished by the table, as is cordon
	cordon   bool
	node     int // ServerConfig.Node
	found    State
	cause    string
	event    uint64    // counts member events; a probe begun before the last one decides nothing
	ramp     time.Time // when it came back; zero: full weight
	grace    *time.Timer
	inFlight int

	current, effective int       // of smooth weighted round robin, as in nginx
	fails              int       // passive errors
	accessed, checked  time.Time // of the last failure; of the last failure or trial after one

	requests, failures, repeats uint64 // for Status

	gone atomic.Bool // down; set before the requests in flight are cut

	mu      sync.Mutex
	idle    []*conn // the most recently used last
	busy    map[*conn]struct{}
	retired bool // keeps no more idle connections

	loop   *service.Loop
	prober prober
}

// Address is where the server listens.
func (s *Server) Address() string { return s.address }

func newServer(p *Pool, cfg ServerConfig) *Server {
	s := &Server{pool: p, address: cfg.Address, id: serverID(cfg.Address), host: cfg.Host, found: Unknown, busy: make(map[*conn]struct{})}
	if p.tls != nil {
		s.tls = p.tls.Clone()
		s.tls.ServerName = cfg.Host
	}
	s.configure(cfg)
	s.prober.server = s
	s.loop = service.NewLoop(p.config().Probe.Every, s.prober.probe)
	return s
}

// configure takes over the table's wishes. The pool's lock is held, or nobody else
// knows the server yet.
func (s *Server) configure(cfg ServerConfig) {
	if s.weight != cfg.Weight {
		s.weight, s.current, s.effective = cfg.Weight, 0, cfg.Weight
	}
	s.drain, s.cordon, s.node = cfg.Drain, cfg.Cordon, cfg.Node
}

// state is what counts: the table's wish first. The pool's lock is held.
func (s *Server) state() State {
	switch {
	case s.found != Ready:
		return s.found
	case s.drain:
		return Draining
	case s.cordon:
		return Cordoned
	}
	return Ready
}

// takes says whether the server can be given requests. The pool's lock is held.
func (s *Server) takes() bool {
	state := s.state()
	return state == Ready || state == Cordoned
}

// is takes over what a probe or an event found out, and does what follows from it:
// waiting requests look again, a dead server's requests go elsewhere, a draining
// server's streams end after the grace. proven says that the process is gone, and not
// only silent.
func (s *Server) is(found State, cause string, event uint64, proven bool) {
	p := s.pool
	p.mu.Lock()
	if event != s.event {
		p.mu.Unlock()
		return
	}
	before := s.state()
	if found == Ready && (s.found == Down || s.found == Draining) {
		s.ramp = p.now()
	}
	if found == Ready && s.found == Down { // another process: the old one's errors are not its own
		s.fails, s.effective = 0, s.weight
	}
	s.found, s.cause = found, cause
	after := s.state()
	s.gone.Store(after == Down)
	if after != before {
		s.changed(after)
	}
	p.mu.Unlock()

	if after != before {
		p.report(s, before, after, cause)
	}
	if after == Down && (before != Down || proven) {
		s.dropIdle()
		s.cutBusy(func(k kind) bool { return proven || k != patient }, errCut)
	}
}

// changed does what a change of state asks for. The pool's lock is held.
func (s *Server) changed(after State) {
	p := s.pool
	if s.grace != nil {
		s.grace.Stop()
		s.grace = nil
	}
	if after == Draining {
		s.grace = time.AfterFunc(p.config().Grace, s.endStreams)
	}
	p.wake()
}

// endStreams ends event streams and WebSockets, so that their clients come back elsewhere.
func (s *Server) endStreams() {
	s.cutBusy(func(k kind) bool { return k == stream }, errEndStream)
}

func (s *Server) cutBusy(which func(kind) bool, why error) {
	s.mu.Lock()
	var ending []*conn
	for c := range s.busy {
		c.mu.Lock()
		if which(c.kind) {
			ending = append(ending, c)
		}
		c.mu.Unlock()
	}
	s.mu.Unlock()
	for _, c := range ending {
		c.cut(why)
	}
}

func (s *Server) dropIdle() {
	s.mu.Lock()
	idle := s.idle
	s.idle = nil
	s.mu.Unlock()
	for _, c := range idle {
		c.close()
	}
}

// take gives a connection: an idle one that is still open, else a new one that is not
// connected yet. fresh asks for a new one.
func (s *Server) take(fresh bool) *conn {
	for !fresh {
		s.mu.Lock()
		n := len(s.idle)
		if n == 0 {
			s.mu.Unlock()
			break
		}
		c := s.idle[n-1]
		s.idle = s.idle[:n-1]
		s.busy[c] = struct{}{}
		s.mu.Unlock()
		c.buf = buffers.Get().(*[bufSize]byte)
		if age := time.Since(c.since); age < s.pool.config().IdleTimeout && (age < 10*time.Millisecond || stillOpen(c.wire)) {
			return c
		}
		s.release(c, false)
	}
	c := &conn{server: s, buf: buffers.Get().(*[bufSize]byte)}
	s.mu.Lock()
	s.busy[c] = struct{}{}
	s.mu.Unlock()
	return c
}

// release gives a connection back, to be kept or closed.
func (s *Server) release(c *conn, keep bool) {
	s.mu.Lock()
	delete(s.busy, c)
	c.mu.Lock()
	c.caller = nil
	keep = keep && c.why == nil && !s.retired && len(s.idle) < s.pool.config().Idle
	c.kind = exchange
	c.mu.Unlock()
	if keep {
		c.reused, c.since = true, time.Now()
		buffers.Put(c.buf) // it is empty, and an idle connection needs none
		c.buf = nil
		s.idle = append(s.idle, c)
	}
	s.mu.Unlock()
	if !keep {
		c.close()
	}
}

// trim closes the idle connections whose time is over.
func (s *Server) trim() {
	var old []*conn
	s.mu.Lock()
	for len(s.idle) > 0 && time.Since(s.idle[0].since) >= s.pool.config().IdleTimeout {
		old = append(old, s.idle[0])
		s.idle = s.idle[1:]
	}
	s.mu.Unlock()
	for _, c := range old {
		c.close()
	}
}

// retire stops probing; what is in flight comes to its end.
func (s *Server) retire(ctx context.Context) error {
	err := s.loop.Stop(ctx)
	s.prober.close()
	s.mu.Lock()
	s.retired = true
	s.mu.Unlock()
	s.dropIdle()
	return err
}

// failed counts a passive error as nginx does. The only server of a pool is not taken
// out for it. A probe is asked for, which knows within milliseconds if the server died.
func (s *Server) failed() {
	p := s.pool
	p.mu.Lock()
	out := false
	s.failures++
	if p.config().MaxFails > 0 && len(p.servers) > 1 {
		now := p.now()
		s.fails++
		s.accessed, s.checked = now, now
		s.effective = max(0, s.effective-s.weight/p.config().MaxFails)
		out = s.fails == p.config().MaxFails
	}
	p.mu.Unlock()
	if out {
		p.log.Warn("server out for its errors", "app", p.name, "server", s.address, "for", p.config().FailTimeout)
	}
	s.loop.Ring()
}

// worked forgets the errors when the request came after the time out of service.
func (s *Server) worked() {
	s.pool.mu.Lock()
	defer s.pool.mu.Unlock()
	if s.fails > 0 && s.accessed.Before(s.checked) {
		s.fails = 0
	}
}

// out says whether passive errors keep the server out. The pool's lock is held.
func (s *Server) out(now time.Time) bool {
	p := s.pool
	return p.config().MaxFails > 0 && s.fails >= p.config().MaxFails && len(p.servers) > 1 && now.Sub(s.checked) <= p.config().FailTimeout
}

// share is the weight that counts now: after coming back it grows from a tenth.
// The pool's lock is held.
func (s *Server) share(now time.Time) float64 {
	w := float64(s.weight)
	if s.ramp.IsZero() || s.pool.config().SlowStart <= 0 {
		return w
	}
	part := float64(now.Sub(s.ramp)) / float64(s.pool.config().SlowStart)
	if part >= 1 {
		s.ramp = time.Time{}
		return w
	}
	return w * max(0.1, part)
}
