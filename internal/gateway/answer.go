package gateway

import (
	"encoding/json"
	"errors"
	"html"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/paceline/paceline/internal/gateway/http1"
	"github.com/paceline/paceline/internal/gateway/upstream"
)

// statusGone is what the log says when the client went away first, as nginx does.
const statusGone = 499

var headBuffers = sync.Pool{New: func() any { b := make([]byte, 0, 2048); return &b }}

// answer writes a server's answer to the client.
func (g *Gateway) answer(v *visit, w http.ResponseWriter, resp *upstream.Response, cookie string) {
	copyHead(w.Header(), resp, v.r.Method)
	g.bind(v, w.Header(), resp, cookie)
	if g.draining.Load() && v.r.ProtoMajor == 1 {
		w.Header().Set("Connection", "close")
	}
	v.status = resp.Head.Status
	w.WriteHeader(v.status)
	if content, ok := resp.Held(); ok {
		n, _ := w.Write(content) // a client that is gone needs nothing more
		v.bytes = int64(n)
		return
	}
	g.stream(v, w, resp)
}

// stream passes the content on as it comes. An answer that stays incomplete breaks the
// client's connection or stream, so that it can tell.
func (g *Gateway) stream(v *visit, w http.ResponseWriter, resp *upstream.Response) {
	flush := resp.Length() < 0
	control := http.NewResponseController(w)
	if flush {
		_ = control.Flush() // the head of an event stream; a write tells of a client that is gone
	}
	for {
		data, done, err := resp.Next()
		if err != nil {
			v.cause = err.Error()
			if resp.Events() && upstream.Ended(err) {
				return // the end of a stream; its client connects again
			}
			panic(http.ErrAbortHandler)
		}
		n, err := w.Write(data)
		v.bytes += int64(n)
		if err == nil && flush && len(data) > 0 {
			err = control.Flush()
		}
		switch {
		case err != nil && !errors.Is(err, http.ErrBodyNotAllowed):
			v.cause = err.Error()
			return
		case done:
			return
		}
	}
}

// copyHead takes over the answer's fields but those of the server's connection.
func copyHead(h http.Header, resp *upstream.Response, method string) {
	var named []string
	for _, f := range resp.Head.Fields {
		if f.Is("connection") {
			http1.Options(f.Value, func(option []byte) { named = append(named, http.CanonicalHeaderKey(string(option))) })
		}
	}
	for _, f := range resp.Head.Fields {
		name := http.CanonicalHeaderKey(string(f.Name))
		if hopByHop(name) || name == "Proxy-Authenticate" || contains(named, name) {
			continue
		}
		if name == "Content-Length" && method != http.MethodHead && resp.Head.Status != http.StatusNotModified {
			continue
		}
		h[name] = append(h[name], string(f.Value))
	}
	if n := resp.Length(); n >= 0 && method != http.MethodHead && resp.Head.Status != http.StatusNotModified && resp.Head.Status != http.StatusNoContent {
		h["Content-Length"] = []string{strconv.FormatInt(n, 10)}
	}
	if _, ok := h["Content-Type"]; !ok {
		h["Content-Type"] = nil // none is none: nothing is guessed here
	}
}

func contains(names []string, name string) bool {
	for _, n := range names {
		if n == name {
			return true
		}
	}
	return false
}

// bind sets the cookie that leads the client back to the same server.
func (g *Gateway) bind(v *visit, h http.Header, resp *upstream.Response, had string) {
	value, age := v.route.pool.CookieFor(resp.Server, had)
	if value == "" {
		return
	}
	c := http.Cookie{Name: upstream.CookieName, Value: value, Path: v.route.path(), MaxAge: int(age.Seconds()),
		HttpOnly: true, Secure: v.secure, SameSite: http.SameSiteLaxMode}
	h.Add("Set-Cookie", c.String())
}

// fail answers in the gateway's own name (RFC 9457). retry says when to come back.
func fail(v *visit, w http.ResponseWriter, status int, detail string, retry time.Duration) {
	problem := map[string]any{"type": "about:blank", "title": http.StatusText(status), "status": status, "detail": detail, "request": v.id}
	text, _ := json.Marshal(problem) // of texts and a number: cannot fail
	reply(v, w, status, "application/problem+json", text, retry)
}

// maintain shows people the page of an app that is being worked on.
func maintain(v *visit, w http.ResponseWriter) {
	if !strings.Contains(v.r.Header.Get("Accept"), "text/html") {
		fail(v, w, http.StatusServiceUnavailable, v.route.Maintenance, time.Minute)
		return
	}
	page := `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Maintenance</title>` +
		`<body style="font:1.1rem system-ui;margin:20vh auto;max-width:36rem;padding:0 1rem"><h1>Back soon</h1><p>` + html.EscapeString(v.route.Maintenance) + `</p>`
	reply(v, w, http.StatusServiceUnavailable, "text/html; charset=utf-8", []byte(page), time.Minute)
}

func reply(v *visit, w http.ResponseWriter, status int, kind string, text []byte, retry time.Duration) {
	h := w.Header()
	h.Set("Content-Type", kind)
	h.Set("Content-Length", strconv.Itoa(len(text)))
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set(requestID, v.id)
	if retry > 0 {
		h.Set("Retry-After", strconv.Itoa(int(retry.Seconds())))
	}
	v.status, v.bytes = status, int64(len(text))
	w.WriteHeader(status)
	_, _ = w.Write(text) // a client that is gone needs no answer
}
