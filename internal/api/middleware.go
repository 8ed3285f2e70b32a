package api

import (
	"context"
	"crypto/rand"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/paceline/paceline/internal/errs"
)

type ctxKey uint8

const (
	requestKey ctxKey = iota
	signedInKey
)

// requestID of the request that ctx belongs to; empty outside one.
func requestID(ctx context.Context) string {
	id, _ := ctx.Value(requestKey).(string)
	return id
}

// identify gives every request an id: the caller's X-Request-Id where it is short and
// plain, so that one id runs through gateway, server and log; else a new one.
func identify(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := r.Header.Get("X-Request-Id")
		if !plainToken(id, 64) {
			id = rand.Text()[:16]
		}
		w.Header().Set("X-Request-Id", id)
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), requestKey, id)))
	})
}

// plainToken says whether s is 1 to limit characters of printable ASCII without spaces.
func plainToken(s string, limit int) bool {
	if s == "" || len(s) > limit {
		return false
	}
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// guard sets the headers that keep a browser from doing more with an answer than show
// it. Pages of ours need no script; their style is in the page.
func (s *Server) guard(next http.Handler) http.Handler {
	fixed := map[string]string{
		"Content-Security-Policy":    "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
		"X-Content-Type-Options":     "nosniff",
		"Referrer-Policy":            "no-referrer",
		"Cross-Origin-Opener-Policy": "same-origin",
		"Cache-Control":              "no-store",
	}
	if s.cfg.Secure {
		fixed["Strict-Transport-Security"] = "max-age=31536000"
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for k, v := range fixed {
			w.Header().Set(k, v)
		}
		next.ServeHTTP(w, r)
	})
}

// observe counts, times and logs every request, and turns a panic into a 500: one
// request's defect is not the server's end.
func (s *Server) observe(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := s.now()
		rec := &recorder{ResponseWriter: w}
		s.metrics.inFlight.Inc()
		defer func() {
			s.metrics.inFlight.Dec()
			if v := recover(); v != nil {
				s.recovered(rec, r, v)
			}
			s.account(rec, r, s.now().Sub(start))
		}()
		next.ServeHTTP(rec, r)
	})
}

func (s *Server) recovered(w *recorder, r *http.Request, v any) {
	if v == http.ErrAbortHandler { // the handler's way to break the connection
		panic(v)
	}
	s.log.ErrorContext(r.Context(), "panic", "request", requestID(r.Context()), "panic", v, "stack", string(debug.Stack()))
	if w.status == 0 {
		p := newProblem(r.Context(), errs.Internal, http.StatusInternalServerError)
		p.Detail = "The server could not do this; its log has the cause."
		w.Header().Set("Content-Type", p.ContentType(""))
		w.WriteHeader(p.Status)
		encode(s.log, w, p)
	}
}

// account writes one request's metrics and its line of the access log.
func (s *Server) account(w *recorder, r *http.Request, took time.Duration) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	route := r.Pattern
	if route == "" {
		route = "none"
	}
	s.metrics.requests.WithLabelValues(route, strconv.Itoa(w.status)).Inc()
	s.metrics.duration.WithLabelValues(route).Observe(took.Seconds())
	level := slog.LevelDebug
	if w.status >= 500 && r.URL.Path != "/readyz" { // gateways ask ten times a second; the cause is logged once
		level = slog.LevelWarn
	}
	if !s.log.Enabled(r.Context(), level) {
		return
	}
	s.log.Log(r.Context(), level, "request", "request", requestID(r.Context()), "method", r.Method, "route", route,
		"path", r.URL.Path, "status", w.status, "bytes", w.bytes, "took", took, "from", s.proxies.client(r))
}

// recorder remembers status and size of an answer.
type recorder struct {
	http.ResponseWriter
	status int
	bytes  int64
}

func (w *recorder) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *recorder) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	n, err := w.ResponseWriter.Write(b)
	w.bytes += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController reach the connection.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }
