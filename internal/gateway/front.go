package gateway

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/paceline/paceline/internal/gateway/upstream"
)

// ServeHTTP takes one request from its arrival to its line in the log.
func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g, began := f.gateway, time.Now()
	v := &visit{r: r, path: sentPath(r)}
	f.visits.Add(1)
	defer f.visits.Done()
	g.metrics.open.Inc()
	defer func() {
		g.metrics.open.Dec()
		g.account(v, time.Since(began))
	}()
	v.identify(g)
	if why, is := refused(r, v.path); is {
		v.cause = why.why
		g.metrics.refused.Inc()
		w.Header().Set("Connection", "close")
		fail(v, w, why.status, why.why, 0)
		return
	}
	if !g.rates.allow(v.client, began) {
		fail(v, w, http.StatusTooManyRequests, "too many requests from this address", time.Second)
		return
	}
	v.route = g.live.Load().find(r.Host, v.path)
	switch {
	case v.route == nil:
		fail(v, w, http.StatusNotFound, "no app is served here", 0)
	case v.route.Maintenance != "":
		maintain(v, w)
	default:
		g.forward(v, w)
	}
}

// sentPath is the path as the client sent it, without cleaning or decoding.
func sentPath(r *http.Request) string {
	if r.RequestURI != "" && r.RequestURI[0] == '/' {
		path, _, _ := strings.Cut(r.RequestURI, "?")
		return path
	}
	return r.URL.EscapedPath() // of a target in absolute form
}

// forward brings the request to the route's pool, and the answer back.
func (g *Gateway) forward(v *visit, w http.ResponseWriter) {
	body, err := g.receive(v, w)
	defer func() { g.discard(body) }()
	if err != nil {
		g.failBody(v, w, err)
		return
	}
	repeat, key := v.replay()
	buf := headBuffers.Get().(*[]byte)
	defer headBuffers.Put(buf)
	*buf = v.head((*buf)[:0], body.length, body.body != nil, key)
	req := &upstream.Request{
		Method: v.r.Method, Head: *buf, Body: body.body, Repeat: repeat,
		Path: v.path, Client: v.client, Timeouts: v.route.Timeouts,
	}
	if strings.Contains(v.r.Header.Get("Cookie"), upstream.CookieName) {
		if c, err := v.r.Cookie(upstream.CookieName); err == nil {
			req.Cookie = c.Value
		}
	}
	resp, err := v.route.pool.Do(v.r.Context(), req)
	if err != nil {
		g.failUpstream(v, w, err)
		return
	}
	defer resp.Close()
	v.server, v.tries = resp.Server.Address(), resp.Tries
	if isUpgrade(v.r) {
		g.upgrade(v, w, resp, req.Cookie)
		return
	}
	if resp.Head.Status < 200 {
		fail(v, w, http.StatusBadGateway, "the server sent an answer that was not asked for", 0)
		return
	}
	g.answer(v, w, resp, req.Cookie)
}

// replay says whether the request may be repeated after it was sent, and the key that it
// needs for that.
func (v *visit) replay() (repeat bool, key string) {
	if v.route.Replay == ReplayOff {
		return false, ""
	}
	switch v.r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		return true, ""
	}
	if v.r.Header.Get(idempotencyKey) != "" {
		return true, ""
	}
	if v.route.Replay == ReplayKeys {
		return false, ""
	}
	return true, "gw-" + rand.Text()
}

func (g *Gateway) failBody(v *visit, w http.ResponseWriter, err error) {
	v.cause = err.Error()
	w.Header().Set("Connection", "close")
	switch {
	case errors.Is(err, errBodyTooLarge):
		fail(v, w, http.StatusRequestEntityTooLarge, "the body is too large", 0)
	case errors.Is(err, errBodySlow):
		fail(v, w, http.StatusRequestTimeout, "the body comes too slowly", 0)
	case errors.Is(err, errBodyBroken):
		fail(v, w, http.StatusBadRequest, "the body could not be read to its end", 0)
	default:
		g.log.Error("body not received", "request", v.id, "err", err)
		fail(v, w, http.StatusInternalServerError, "the body could not be kept", 0)
	}
}

func (g *Gateway) failUpstream(v *visit, w http.ResponseWriter, err error) {
	v.cause = err.Error()
	var client *upstream.ClientError
	switch {
	case errors.As(err, &client):
		g.failBody(v, w, client.Err)
	case errors.Is(err, upstream.ErrCanceled), errors.Is(err, context.Canceled):
		v.status = statusGone
		panic(http.ErrAbortHandler) // nobody reads an answer
	case errors.Is(err, upstream.ErrTimeout):
		fail(v, w, http.StatusGatewayTimeout, "the server did not answer in time", time.Second)
	case errors.Is(err, upstream.ErrUpstream):
		fail(v, w, http.StatusBadGateway, "the server broke off, and the request could not be repeated", time.Second)
	default:
		fail(v, w, http.StatusServiceUnavailable, "no server is ready", time.Second)
	}
}
