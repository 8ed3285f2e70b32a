package gateway

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/crypto/acme"

	"github.com/paceline/paceline/internal/gateway/socket"
)

// front is the listeners and what serves the connections that they take. A connection is accepted,
// counted, and under TLS shakes hands. What speaks HTTP/1.1 becomes a relay, or goes through
// a gate to net/http; HTTP/2 goes to net/http as it is. The gateway never calls start and stop at the same
// time; mu guards what others look at meanwhile.
type front struct {
	gateway *Gateway
	crowd   *crowd
	relays  *relays
	queue   *queue             // of connections for net/http
	shut    context.CancelFunc // the intake
	doors   sync.WaitGroup     // of the intake: listeners and handshakes
	cancel  context.CancelFunc
	running sync.WaitGroup // the server, and who looks after connections
	visits  sync.WaitGroup // requests under way, WebSockets among them

	mu        sync.Mutex
	server    *http.Server
	listeners map[bool]net.Listener // by whether they are TLS's
}

type connKey struct{}

func newFront(g *Gateway) *front {
	l := g.cfg.Limits
	return &front{gateway: g, crowd: &crowd{limit: l.Connections, each: l.PerAddress, from: make(map[netip.Addr]int)}, relays: newRelays()}
}

func (f *front) start(ctx context.Context) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	cfg, log := f.gateway.cfg, f.gateway.log
	own, cancel := context.WithCancel(context.WithoutCancel(ctx))
	config, err := f.secure(own)
	if err != nil {
		cancel()
		return err
	}
	f.listeners = make(map[bool]net.Listener)
	for secure, address := range map[bool]string{false: cfg.Listen, true: cfg.TLS.Listen} {
		if address == "" {
			continue
		}
		ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
		if err != nil {
			cancel()
			return errors.Join(fmt.Errorf("listen on %s: %w", address, err), f.closeListeners())
		}
		f.listeners[secure] = ln
	}
	f.cancel = cancel
	f.server = f.newServer()
	f.queue, f.relays = newQueue(), newRelays()
	server, queue := f.server, f.queue
	f.running.Go(func() {
		if err := server.Serve(queue); !errors.Is(err, http.ErrServerClosed) {
			log.Error("front ended", "err", err)
		}
	})
	f.running.Go(func() { f.relays.watch(own) })
	intake, shut := context.WithCancel(own)
	f.shut = shut
	for secure, ln := range f.listeners {
		config := config
		if !secure {
			config = nil
		}
		f.doors.Go(func() { f.accept(own, intake, ln, config) })
	}
	return nil
}

// secure gives the configuration of the encrypted door, nil where there is none. What has to
// be fetched for it is fetched until own ends.
func (f *front) secure(own context.Context) (*tls.Config, error) {
	cfg, log := f.gateway.cfg, f.gateway.log
	switch {
	case cfg.TLS.Listen == "":
		return nil, nil
	case len(cfg.TLS.ACME.Hosts) > 0:
		a, err := newAuthority(own, cfg.TLS.ACME, cfg.State, log)
		if err != nil {
			return nil, err
		}
		for _, host := range a.hosts {
			f.running.Go(func() { a.fetch(own, host) })
		}
		return a.config(), nil
	}
	certs, err := newCertificates(cfg.TLS, cfg.State, log)
	if err != nil {
		return nil, err
	}
	return certs.config(), nil
}

func (f *front) newServer() *http.Server {
	l := f.gateway.cfg.Limits
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(f.gateway.cfg.H2C)
	return &http.Server{
		Handler:           f,
		Protocols:         &protocols,
		ReadHeaderTimeout: l.HeaderTime,
		IdleTimeout:       l.Idle,
		MaxHeaderBytes:    l.Header,

		DisableGeneralOptionsHandler: true,
		HTTP2:                        &http.HTTP2Config{MaxConcurrentStreams: 250, WriteByteTimeout: l.WritePause, SendPingTimeout: 30 * time.Second, PingTimeout: 15 * time.Second},
		ErrorLog:                     slog.NewLogLogger(f.gateway.log.Handler(), slog.LevelDebug),
		ConnContext:                  func(ctx context.Context, c net.Conn) context.Context { return context.WithValue(ctx, connKey{}, c) },
	}
}

// accept takes connections until the listener is closed. Handshakes end with the intake, what came through
// lives on until ctx ends.
func (f *front) accept(ctx, intake context.Context, ln net.Listener, config *tls.Config) {
	var hands sync.WaitGroup
	defer hands.Wait()
	for pause := time.Duration(0); ; {
		nc, err := ln.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // such as too many open files: it passes
			pause = min(max(2*pause, 5*time.Millisecond), time.Second)
			f.gateway.log.Warn("accept", "err", err)
			wait(ctx, pause)
			continue
		}
		pause = 0
		c := f.crowd.enter(socket.Wrap(nc))
		if c == nil {
			f.gateway.metrics.crowded.Inc()
			nc.Close()
			continue
		}
		if config == nil {
			f.serve(ctx, c, false)
			continue
		}
		hands.Go(func() { f.shake(ctx, intake, tls.Server(c, config)) })
	}
}

// shake does TLS's handshake and passes the connection on.
func (f *front) shake(ctx, intake context.Context, c *tls.Conn) {
	hurry, cancel := context.WithTimeout(intake, f.gateway.cfg.Limits.HeaderTime+time.Second)
	defer cancel()
	if err := c.HandshakeContext(hurry); err != nil {
		f.gateway.log.Debug("TLS handshake", "err", err)
		c.Close()
		return
	}
	switch c.ConnectionState().NegotiatedProtocol {
	case "h2":
		f.queue.put(ctx, c)
	case acme.ALPNProto: // the handshake was all that was asked for
		c.Close()
	default:
		f.serve(ctx, c, true)
	}
}

// serve passes a connection over HTTP/1.1 to who takes them. ctx ends when the front does.
func (f *front) serve(ctx context.Context, c net.Conn, secure bool) {
	if f.gateway.cfg.Front == FrontStandard {
		f.queue.put(ctx, f.gate(c, secure))
		return
	}
	f.relays.running.Go(func() { f.relay(ctx, c, secure) })
}

func (f *front) gate(c net.Conn, secure bool) *gate {
	cfg := f.gateway.cfg
	return &gate{Conn: c, secure: secure, h2c: cfg.H2C && !secure, maxHead: cfg.Limits.Header,
		headTime: cfg.Limits.HeaderTime, pause: cfg.Limits.WritePause}
}

// stop ends the intake and waits for the requests under way. Those that are still there
// when ctx ends are cut off; cut ends WebSockets, which net/http knows no more.
func (f *front) stop(ctx context.Context, cut func()) error {
	f.mu.Lock()
	server := f.server
	f.server = nil
	failed := f.closeListeners()
	f.mu.Unlock()
	if server == nil {
		return failed
	}
	f.shut()
	f.doors.Wait() // nothing new from here on
	f.relays.stop()
	if err := server.Shutdown(ctx); err != nil {
		failed = errors.Join(failed, err, server.Close())
	}
	gone := context.AfterFunc(ctx, func() {
		cut()
		f.relays.cut()
	})
	defer gone()
	f.relays.running.Wait()
	f.cancel()
	f.running.Wait()
	f.visits.Wait()
	return failed
}

func (f *front) closeListeners() error {
	var failed []error
	for _, ln := range f.listeners {
		failed = append(failed, ln.Close())
	}
	f.listeners = nil
	return errors.Join(failed...)
}

func (f *front) address(secure bool) net.Addr {
	f.mu.Lock()
	defer f.mu.Unlock()
	if ln := f.listeners[secure]; ln != nil {
		return ln.Addr()
	}
	return nil
}

// queue is the net.Listener that net/http sees: connections that are ready for it.
type queue struct {
	conns chan net.Conn
	once  sync.Once
	done  chan struct{}
}

func newQueue() *queue { return &queue{conns: make(chan net.Conn), done: make(chan struct{})} }

func (q *queue) put(ctx context.Context, c net.Conn) {
	select {
	case q.conns <- c:
	case <-q.done:
		c.Close()
	case <-ctx.Done():
		c.Close()
	}
}

func (q *queue) Accept() (net.Conn, error) {
	select {
	case c := <-q.conns:
		return c, nil
	case <-q.done:
		return nil, net.ErrClosed
	}
}

func (q *queue) Close() error {
	q.once.Do(func() { close(q.done) })
	return nil
}

func (q *queue) Addr() net.Addr { return &net.TCPAddr{} }
