package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/paceline/paceline/internal/gateway/upstream"
)

// admin is the gateway's own small door: /livez, /readyz, /servers and /metrics. It is
// served until the last request of the others is answered. mu guards the fields below it.
type admin struct {
	gateway *Gateway
	mux     *http.ServeMux

	mu       sync.Mutex
	server   *http.Server
	listener net.Listener
	ended    chan struct{}
}

func newAdmin(g *Gateway, reg *prometheus.Registry) *admin {
	a := &admin{gateway: g, mux: http.NewServeMux()}
	a.mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { a.write(w, 200, map[string]string{"status": "live"}) })
	a.mux.HandleFunc("GET /readyz", a.ready)
	a.mux.HandleFunc("GET /servers", a.servers)
	a.mux.Handle("GET /metrics", promhttp.HandlerFor(reg, promhttp.HandlerOpts{}))
	return a
}

// ready says whether a balancer in front should send requests here.
func (a *admin) ready(w http.ResponseWriter, _ *http.Request) {
	switch {
	case a.gateway.draining.Load():
		a.write(w, http.StatusServiceUnavailable, map[string]any{"ready": false, "cause": "this gateway is stopping"})
	case len(a.gateway.live.Load().pools) == 0:
		a.write(w, http.StatusServiceUnavailable, map[string]any{"ready": false, "cause": "no routing table has come yet"})
	default:
		a.write(w, http.StatusOK, map[string]any{"ready": true})
	}
}

// servers shows what is known of each server of each pool.
func (a *admin) servers(w http.ResponseWriter, _ *http.Request) {
	all := make(map[string][]upstream.Status)
	for name, p := range a.gateway.live.Load().pools {
		all[name], _ = p.Status()
	}
	a.write(w, http.StatusOK, all)
}

func (a *admin) write(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(v); err != nil {
		a.gateway.log.Debug("admin answer", "err", err)
	}
}

func (a *admin) start(ctx context.Context) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	listen := a.gateway.cfg.Admin
	if listen == "" || a.server != nil {
		return nil
	}
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", listen)
	if err != nil {
		return fmt.Errorf("listen on %s: %w", listen, err)
	}
	srv := &http.Server{Handler: a.mux, ReadHeaderTimeout: 5 * time.Second, WriteTimeout: 10 * time.Second, IdleTimeout: time.Minute,
		ErrorLog: slog.NewLogLogger(a.gateway.log.Handler(), slog.LevelDebug)}
	ended := make(chan struct{})
	a.server, a.listener, a.ended = srv, ln, ended
	go func() {
		defer close(ended)
		if err := srv.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			a.gateway.log.Error("admin listener ended", "err", err)
		}
	}()
	return nil
}

func (a *admin) stop(ctx context.Context) error {
	a.mu.Lock()
	server := a.server
	a.server = nil
	a.mu.Unlock()
	if server == nil {
		return nil
	}
	err := server.Shutdown(ctx)
	if err != nil {
		err = errors.Join(err, server.Close())
	}
	<-a.ended
	return err
}

func (a *admin) address() net.Addr {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.server == nil {
		return nil
	}
	return a.listener.Addr()
}
