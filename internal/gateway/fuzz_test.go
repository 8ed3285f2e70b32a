package gateway_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/paceline/paceline/internal/gateway"
)

// rig is a front before a server that writes down what it saw. mu guards seen.
type rig struct {
	address string
	mu      sync.Mutex
	seen    []string
}

func newRig(tb testing.TB, front gateway.Front) *rig {
	r := &rig{}
	s := httptest.NewServer(r)
	tb.Cleanup(s.Close)
	cfg := quiet(front, s.URL)
	cfg.Limits.HeaderTime, cfg.Limits.BodyPause, cfg.Limits.Idle, cfg.Limits.Body = 300*time.Millisecond, 300*time.Millisecond, 300*time.Millisecond, 4096
	g, err := gateway.New(cfg, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	if err != nil {
		tb.Fatal(err)
	}
	if err := g.Start(tb.Context()); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := g.Stop(context.Background()); err != nil {
			tb.Error(err)
		}
	})
	r.address = g.Addr().String()
	return r
}

// ServeHTTP answers in a few ways that depend on the request alone.
func (r *rig) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	if q.URL.Path == "/readyz" {
		return
	}
	body, err := io.ReadAll(q.Body)
	r.mu.Lock()
	r.seen = append(r.seen, fmt.Sprintf("%s %s %s %q %v\n%s", q.Method, q.RequestURI, q.Host, body, err, sorted(q.Header)))
	r.mu.Unlock()
	w.Header().Set("X-From", "server")
	w.Header().Set("Connection", "X-Hop")
	w.Header().Set("X-Hop", "1")
	switch len(q.URL.Path) % 4 {
	case 0:
		w.WriteHeader(http.StatusNoContent)
	case 1:
		w.Header().Add("Set-Cookie", "a=1")
		w.Header().Add("Set-Cookie", "b=2")
		w.Write(body)
	case 2:
		w.Header().Set("Content-Length", "100000")
		w.Write(bytes.Repeat([]byte("x"), 100_000))
	case 3:
		w.Write([]byte("one"))
		w.(http.Flusher).Flush()
		w.Write(bytes.Repeat([]byte("y"), 70_000))
	}
}

// sorted gives the fields that do not differ between two runs.
func sorted(h http.Header) string {
	if h.Get("Pragma") == "no-cache" && h.Get("Cache-Control") == "" {
		h = h.Clone()
		h.Set("Cache-Control", "no-cache") // as net/http adds it
	}
	var lines []string
	for name, values := range h {
		switch {
		case name == "X-Request-Id" || name == "Date" || name == "Keep-Alive":
			continue
		case name == "Idempotency-Key" && strings.HasPrefix(values[0], "gw-"):
			values = []string{"made"}
		}
		lines = append(lines, fmt.Sprintf("%s: %q", name, values))
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// talk sends the bytes and gives what came of them: each answer, and what the server saw.
func (r *rig) talk(tb testing.TB, in []byte) string {
	r.mu.Lock()
	r.seen = nil
	r.mu.Unlock()
	c, err := net.Dial("tcp", r.address)
	if err != nil {
		tb.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := c.Write(in); err != nil {
		tb.Fatal(err)
	}
	var out strings.Builder
	for reader := bufio.NewReader(c); ; {
		if _, err := reader.Peek(1); err != nil {
			break
		}
		res, err := http.ReadResponse(reader, &http.Request{Method: methodAt(r, out.String())})
		if err != nil {
			break
		}
		body, err := io.ReadAll(res.Body)
		switch {
		case res.StatusCode < 200:
		case res.Header.Get("X-From") == "": // the gateway's own; net/http refuses some with a text of its own
			switch res.StatusCode {
			case http.StatusExpectationFailed, http.StatusMethodNotAllowed: // of two faults, either may be named
				res.StatusCode = http.StatusBadRequest
			}
			fmt.Fprintf(&out, "answer %d of the gateway\n", res.StatusCode)
		default:
			fmt.Fprintf(&out, "answer %d %d %v %v %v\n%s\n%d %.60q\n", res.StatusCode, res.ContentLength, res.TransferEncoding, res.Close, err, sorted(res.Header), len(body), body)
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return out.String() + strings.Join(r.seen, "\n")
}

// methodAt is the method of the request whose answer comes next, as far as the server saw
// it: an answer to HEAD has no body.
func methodAt(r *rig, sofar string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if n := strings.Count(sofar, "X-From"); n < len(r.seen) && strings.HasPrefix(r.seen[n], "HEAD ") {
		return "HEAD"
	}
	return "GET"
}

var frontSeeds = []string{
	"GET /ab HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET /a HTTP/1.1\r\nHost: a:81\r\nConnection: close\r\n\r\n",
	"GET /abc?x=%2F HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n",
	"GET /ab HTTP/1.0\r\nHost: a\r\n\r\n",
	"POST /abcd HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
	"POST /abcd HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\n\r\n5;a=b\r\nhello\r\n0\r\nX: y\r\n\r\n",
	"POST /abcd HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\nhello",
	"POST /abcd HTTP/1.1\r\nHost: a\r\nExpect: tea\r\nContent-Length: 5\r\n\r\nhello",
	"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5000\r\n\r\n" + strings.Repeat("x", 5000),
	"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	"GET /x HTTP/1.1\r\nHost: a\r\nTrailer: Content-Length\r\n\r\n",
	"GET /abc HTTP/1.1\r\nHost: a\r\n\r\nPUT /abcd HTTP/1.1\r\nHost: b\r\nContent-Length: 2\r\n\r\nhiGET /a HTTP/1.1\nHost: a\n\n",
	"HEAD /ab HTTP/1.1\r\nHost: a\r\n\r\n",
	"DELETE http://b.example:80/a?c HTTP/1.1\r\nHost: a\r\nCookie: a=b\r\nCookie: c=d\r\n\r\n",
	"GET http://b?c HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET http://b/ab HTTP/1.1\r\nHost: a a\r\n\r\n",
	"GET http://[::1/x HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET /x HTTP/1.1\r\nHost: [::1]:80\r\nForwarded: for=1.2.3.4\r\nX-Forwarded-For: 1.2.3.4\r\nX_Forwarded_For: 1.2.3.4\r\n\r\n",
	"GET /x HTTP/1.1\r\nHost: a\r\nConnection: X-Mine, close\r\nX-Mine: 1\r\nTE: trailers\r\nKeep-Alive: 1\r\nPragma: no-cache\r\n\r\n",
	"GET /x HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n\r\n",
	"GET /x HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n\r\n",
	"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
	"GET /%2e%2e/x HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n",
	"REFUSED /x HTTP/1.1\r\nHost: a\r\n\r\n",
	"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 500\r\n\r\nshort",
}

// FuzzFronts holds the relay to what the front on net/http makes of the same bytes: status,
// fields and content of every answer, and what the server got to see.
func FuzzFronts(f *testing.F) {
	for _, s := range frontSeeds {
		f.Add([]byte(s))
	}
	standard, relay := newRig(f, gateway.FrontStandard), newRig(f, gateway.FrontRelay)
	f.Fuzz(func(t *testing.T, in []byte) {
		if len(in) > 8<<10 {
			return
		}
		in = append(bytes.Clone(in), "GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"...)
		if a, b := standard.talk(t, in), relay.talk(t, in); a != b {
			t.Errorf("%q\n--- net/http:\n%s\n--- relay:\n%s", in, a, b)
		}
	})
}
