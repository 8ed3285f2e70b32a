package api

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Limits of one connection. Bodies have limits of their own, per route; event streams
// and exports move the write limit along as they go.
const (
	maxHeader     = 32 << 10
	headerTimeout = 10 * time.Second
	writeTimeout  = time.Minute
	idleTimeout   = 2 * time.Minute
)

// Listener serves a Server on one address. It is a service: Start returns when
// connections are taken, Stop when the requests under way are answered. mu guards the
// fields below it.
type Listener struct {
	server *Server
	listen string
	guard  func(net.Listener) net.Listener // nil: none

	open atomic.Bool // requests are taken

	mu      sync.Mutex
	address net.Addr
	http    *http.Server
	ended   chan struct{}
}

// NewListener makes the service for an address such as 127.0.0.1:8100; port 0 takes a
// free one. guard, if given, decides who gets in; its connections may be TLS.
func NewListener(s *Server, listen string, guard func(net.Listener) net.Listener) *Listener {
	return &Listener{server: s, listen: listen, guard: guard}
}

// Start takes requests.
func (l *Listener) Start(ctx context.Context) error {
	if err := l.Listen(ctx); err != nil {
		return err
	}
	l.open.Store(true)
	return nil
}

// Listen takes the address. Until Start only health and metrics are answered, so that
// who asks is told what the node waits for.
func (l *Listener) Listen(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.http != nil {
		return nil
	}
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", l.listen)
	if err != nil {
		return fmt.Errorf("listen on %s: %w", l.listen, err)
	}
	address := ln.Addr()
	if l.guard != nil {
		ln = l.guard(ln)
	}
	srv := &http.Server{
		Handler:           http.HandlerFunc(l.serve),
		ReadHeaderTimeout: headerTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(l.server.log.Handler(), slog.LevelDebug),
	}
	srv.RegisterOnShutdown(l.server.events.close)
	srv.RegisterOnShutdown(l.server.stopServing)
	l.http, l.address, l.ended = srv, address, make(chan struct{})
	go func(ended chan struct{}) {
		defer close(ended)
		if err := srv.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			l.server.log.Error("listener ended", "address", l.listen, "err", err)
		}
	}(l.ended)
	return nil
}

// serve answers a request, or says that the node is not there yet.
func (l *Listener) serve(w http.ResponseWriter, r *http.Request) {
	if !l.open.Load() {
		switch r.URL.Path {
		case "/livez", "/readyz", "/metrics":
		default:
			w.Header().Set("Retry-After", "1")
			http.Error(w, "this node is starting; /readyz says what it waits for", http.StatusServiceUnavailable)
			return
		}
	}
	l.server.ServeHTTP(w, r)
}

// Stop ends the intake: /readyz says no, event streams end, requests under way are
// answered; those still there when ctx ends are cut off.
func (l *Listener) Stop(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.http == nil {
		return nil
	}
	l.server.readiness.drain()
	err := l.http.Shutdown(ctx)
	if err != nil {
		l.http.Close()
	}
	<-l.ended
	l.http = nil
	l.open.Store(false)
	return err
}

// Addr is the address that is served; nil before Start.
func (l *Listener) Addr() net.Addr {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.address
}
