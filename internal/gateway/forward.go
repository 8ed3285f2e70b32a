package gateway

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/paceline/paceline/internal/gateway/http1"
	"github.com/paceline/paceline/internal/gateway/upstream"
)

const (
	idempotencyKey = "Idempotency-Key"
	requestID      = "X-Request-Id"
)

var headBuffers = sync.Pool{New: func() any { b := make([]byte, 0, 2048); return &b }}

// forward brings the request to the route's pool, and the answer back.
func (g *Gateway) forward(v *visit, c client) {
	body, err := g.receive(v, c)
	defer g.discard(&body)
	if err != nil {
		g.failBody(v, c, err)
		return
	}
	repeat, key := v.replay()
	buf := headBuffers.Get().(*[]byte)
	defer headBuffers.Put(buf)
	*buf = v.sentHead((*buf)[:0], body.length, body.body != nil, key)
	req := &v.request
	*req = upstream.Request{
		Method: v.method, Head: *buf, Body: body.body, Repeat: repeat,
		Path: v.path, Client: v.client, Timeouts: v.route.Timeouts, Caller: v.caller,
	}
	if v.fields.cookie {
		req.Cookie = v.cookie(upstream.CookieName)
	}
	resp, err := v.route.pool.Do(v.ctx, req)
	if err != nil {
		g.failUpstream(v, c, err)
		return
	}
	defer resp.Close()
	v.server, v.tries = resp.Server.Address(), resp.Tries
	switch {
	case v.fields.upgrade && resp.Head.Status == http.StatusSwitchingProtocols:
		g.upgrade(v, c, resp)
	case resp.Head.Status < 200:
		fail(v, c, http.StatusBadGateway, "the server sent an answer that was not asked for", 0)
	default:
		v.close = v.close || v.fields.upgrade || g.draining.Load() // what follows a handshake has not been looked at
		v.status = resp.Head.Status
		c.pass(v, resp, v.binding(resp, req.Cookie))
	}
}

// replay says whether the request may be repeated after it was sent, and the key that it
// needs for that.
func (v *visit) replay() (repeat bool, key string) {
	if v.route.Replay == ReplayOff {
		return false, ""
	}
	switch v.method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		return true, ""
	}
	if len(v.fields.key) > 0 {
		return true, ""
	}
	if v.route.Replay == ReplayKeys {
		return false, ""
	}
	return true, "gw-" + rand.Text()
}

// cookie is the value of the first cookie with the name.
func (v *visit) cookie(name string) string {
	for _, f := range v.head.Fields {
		if !f.Is("cookie") || !bytes.Contains(f.Value, []byte(name)) {
			continue
		}
		for pair := range strings.SplitSeq(string(f.Value), ";") {
			if value, ok := strings.CutPrefix(strings.TrimLeft(pair, " "), name+"="); ok {
				return strings.Trim(value, `"`)
			}
		}
	}
	return ""
}

// binding is the cookie that leads the client back to the same server, as a field's
// value; empty for none.
func (v *visit) binding(resp *upstream.Response, had string) string {
	value, age := v.route.pool.CookieFor(resp.Server, had)
	if value == "" {
		return ""
	}
	c := http.Cookie{Name: upstream.CookieName, Value: value, Path: v.route.path(), MaxAge: int(age.Seconds()),
		HttpOnly: true, Secure: v.secure, SameSite: http.SameSiteLaxMode}
	return c.String()
}

// clientBehind is the last address in X-Forwarded-For that is not a configured proxy's:
// what stands before it may be anybody's invention.
func (g *Gateway) clientBehind(peer netip.Addr, list []byte) netip.Addr {
	client := peer
	parts := strings.Split(string(list), ",")
	for i := len(parts) - 1; i >= 0; i-- {
		a, err := netip.ParseAddr(strings.TrimSpace(parts[i]))
		if err != nil {
			return client
		}
		if client = a.Unmap(); !g.isProxy(client) {
			return client
		}
	}
	return client
}

// sentHead writes the request as the servers get it. length is the body's, or -1 for
// chunks; key is the Idempotency-Key to add, if any.
func (v *visit) sentHead(b []byte, length int64, hasBody bool, key string) []byte {
	b = append(append(b, v.method...), ' ')
	b = append(append(b, v.path...), v.query...)
	b = append(b, " HTTP/1.1\r\nHost: "...)
	b = append(append(b, v.host...), "\r\n"...)
	for i, f := range v.head.Fields {
		if v.goesOn(i) {
			b = appendField(b, f)
		}
	}
	b = v.forwarded(b)
	b = append(append(b, "\r\n"+requestID+": "...), v.id...)
	if key != "" {
		b = append(append(b, "\r\n"+idempotencyKey+": "...), key...)
	}
	switch {
	case v.fields.upgrade:
		b = append(b, "\r\nConnection: Upgrade\r\nUpgrade: websocket"...)
	case hasBody && length < 0:
		b = append(b, "\r\nTransfer-Encoding: chunked"...)
	case hasBody || v.method == http.MethodPost || v.method == http.MethodPut || v.method == http.MethodPatch:
		b = strconv.AppendInt(append(b, "\r\nContent-Length: "...), length, 10)
	}
	return append(b, "\r\n\r\n"...)
}

func appendField(b []byte, f http1.Field) []byte {
	return append(append(append(append(b, f.Name...), ": "...), f.Value...), "\r\n"...)
}

// forwarded tells the server about the client. A configured proxy's words are kept and
// its own address is appended; anybody else's are replaced. The last line is left open.
func (v *visit) forwarded(b []byte) []byte {
	proto, host := "http", v.host
	if v.secure {
		proto = "https"
	}
	var before, beforeForwarded []byte
	if v.proxied {
		if p := string(v.field("x-forwarded-proto")); p == "http" || p == "https" {
			proto = p
		}
		if x := v.field("x-forwarded-host"); len(x) > 0 && len(x) <= 255 && isHost(x) {
			host = x
		}
		before, beforeForwarded = v.list("x-forwarded-for"), v.list("forwarded")
	}
	b = appendList(append(b, "X-Forwarded-For: "...), before)
	b = v.peer.AppendTo(b)
	b = v.client.AppendTo(append(b, "\r\nX-Real-IP: "...))
	b = append(append(b, "\r\nX-Forwarded-Proto: "...), proto...)
	b = append(append(b, "\r\nX-Forwarded-Host: "...), host...)
	b = append(appendList(append(b, "\r\nForwarded: "...), beforeForwarded), "for="...)
	if v.peer.Is6() {
		b = append(append(v.peer.AppendTo(append(b, `"[`...)), ']'), '"')
	} else {
		b = v.peer.AppendTo(b)
	}
	b = append(append(b, `;host="`...), v.host...)
	return append(append(b, `";proto=`...), proto...)
}

// appendList begins a field's value with what is in the list already.
func appendList(b, before []byte) []byte {
	if len(before) > 0 {
		b = append(append(b, before...), ", "...)
	}
	return b
}

func (g *Gateway) failBody(v *visit, c client, err error) {
	v.cause, v.close = err.Error(), true
	switch {
	case errors.Is(err, errBodyTooLarge):
		fail(v, c, http.StatusRequestEntityTooLarge, "the body is too large", 0)
	case errors.Is(err, errBodySlow):
		fail(v, c, http.StatusRequestTimeout, "the body comes too slowly", 0)
	case errors.Is(err, errBodyBroken):
		fail(v, c, http.StatusBadRequest, "the body could not be read to its end", 0)
	default:
		g.log.Error("body not received", "request", string(v.id), "err", err)
		fail(v, c, http.StatusInternalServerError, "the body could not be kept", 0)
	}
}

func (g *Gateway) failUpstream(v *visit, c client, err error) {
	v.cause = err.Error()
	var broken *upstream.ClientError
	switch {
	case errors.As(err, &broken):
		g.failBody(v, c, broken.Err)
	case errors.Is(err, upstream.ErrCanceled), errors.Is(err, context.Canceled):
		v.status = statusGone
		c.abort() // nobody reads an answer
	case errors.Is(err, upstream.ErrTimeout):
		fail(v, c, http.StatusGatewayTimeout, "the server did not answer in time", time.Second)
	case errors.Is(err, upstream.ErrUpstream):
		fail(v, c, http.StatusBadGateway, "the server broke off, and the request could not be repeated", time.Second)
	default:
		fail(v, c, http.StatusServiceUnavailable, "no server is ready", time.Second)
	}
}
