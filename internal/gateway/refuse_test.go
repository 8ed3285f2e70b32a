package gateway_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/paceline/paceline/internal/gateway"
)

// raw sends bytes on a connection of its own and gives the statuses of all answers until
// the gateway closes it or stays silent.
func (w *world) raw(text string) (statuses []int, closed bool) {
	w.t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(w.url, "http://"))
	if err != nil {
		w.t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, text); err != nil {
		w.t.Fatal(err)
	}
	c.SetReadDeadline(time.Now().Add(5 * time.Second))
	in := bufio.NewReader(c)
	for {
		res, err := http.ReadResponse(in, nil)
		if err != nil {
			return statuses, err == io.EOF || err == io.ErrUnexpectedEOF
		}
		io.Copy(io.Discard, res.Body)
		statuses = append(statuses, res.StatusCode)
	}
}

func TestRefusals(t *testing.T) {
	bothFronts(t, func(t *testing.T, front gateway.Front) {
		var reached atomic.Int64
		s := serveHandler(t, func(w http.ResponseWriter, r *http.Request) {
			io.Copy(io.Discard, r.Body)
			if !strings.HasPrefix(r.URL.Path, "/fine") {
				reached.Add(1)
			}
		})
		w := start(t, quiet(front, s.URL))
		const host = "Host: a\r\n"
		tests := []struct {
			name, request string
			status        int
		}{
			{"CL and TE", "POST /x HTTP/1.1\r\n" + host + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
			{"TE and CL", "POST /x HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", 400},
			{"TE twice", "POST /x HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n", 400},
			{"TE with a tab", "POST /x HTTP/1.1\r\n" + host + "Transfer-Encoding:\tchunked, x\r\n\r\n0\r\n\r\n", 400},
			{"TE before its colon", "POST /x HTTP/1.1\r\n" + host + "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", 400},
			{"CL twice", "POST /x HTTP/1.1\r\n" + host + "Content-Length: 1\r\nContent-Length: 1\r\n\r\nx", 400},
			{"bare LF", "GET /x HTTP/1.1\nHost: a\n\n", 400},
			{"one bare LF", "GET /x HTTP/1.1\r\nHost: a\nX: y\r\n\r\n", 400},
			{"folded", "GET /x HTTP/1.1\r\n" + host + "X: a\r\n b\r\n\r\n", 400},
			{"two Hosts", "GET /x HTTP/1.1\r\n" + host + host + "\r\n", 400},
			{"no Host", "GET /x HTTP/1.1\r\n\r\n", 400},
			{"strange Host", "GET /x HTTP/1.1\r\nHost: a/b\r\n\r\n", 400},
			{"large head", "GET /x HTTP/1.1\r\n" + host + "X: " + strings.Repeat("y", 40_000) + "\r\n\r\n", 431},
			{"many fields", "GET /x HTTP/1.1\r\n" + host + strings.Repeat("X: y\r\n", 200) + "\r\n", 400},
			{"NUL", "GET /x HTTP/1.1\r\n" + host + "X: a\x00b\r\n\r\n", 400},

			{"CONNECT", "CONNECT a:443 HTTP/1.1\r\n" + host + "\r\n", 405},
			{"TRACE", "TRACE /x HTTP/1.1\r\n" + host + "\r\n", 405},
			{"our own word", "REFUSED /x HTTP/1.1\r\n" + host + "\r\n", 405},
			{"Upgrade to h2c", "GET /x HTTP/1.1\r\n" + host + "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n", 400},
			{"two Upgrades", "GET /x HTTP/1.1\r\n" + host + "Connection: Upgrade\r\nUpgrade: websocket, h2c\r\nSec-WebSocket-Key: x\r\n\r\n", 400},
			{"WebSocket by POST", "POST /x HTTP/1.1\r\n" + host + "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n\r\n", 400},
			{"Upgrade without Connection", "GET /x HTTP/1.1\r\n" + host + "Upgrade: websocket\r\nSec-WebSocket-Key: x\r\n\r\n", 400},
			{"alias of X-Forwarded-For", "GET /x HTTP/1.1\r\n" + host + "X_Forwarded_For: 1.2.3.4\r\n\r\n", 400},
			{"alias of X-Real-IP", "GET /x HTTP/1.1\r\n" + host + "X-Real_IP: 1.2.3.4\r\n\r\n", 400},
			{"alias of the key", "GET /x HTTP/1.1\r\n" + host + "Idempotency_Key: 1\r\n\r\n", 400},
			{"two keys", "POST /x HTTP/1.1\r\n" + host + "Idempotency-Key: 1\r\nIdempotency-Key: 2\r\nContent-Length: 0\r\n\r\n", 400},

			{"dot segments", "GET /x/../y HTTP/1.1\r\n" + host + "\r\n", 400},
			{"dot segment at the end", "GET /x/.. HTTP/1.1\r\n" + host + "\r\n", 400},
			{"encoded dots", "GET /x/%2e%2E/y HTTP/1.1\r\n" + host + "\r\n", 400},
			{"encoded slash", "GET /x%2fy HTTP/1.1\r\n" + host + "\r\n", 400},
			{"encoded backslash", "GET /x%5Cy HTTP/1.1\r\n" + host + "\r\n", 400},
			{"backslash", "GET /x\\y HTTP/1.1\r\n" + host + "\r\n", 400},
			{"encoded NUL", "GET /x%00 HTTP/1.1\r\n" + host + "\r\n", 400},
			{"encoded LF", "GET /x%0ay HTTP/1.1\r\n" + host + "\r\n", 400},
			{"broken encoding", "GET /x%4 HTTP/1.1\r\n" + host + "\r\n", 400},
			{"empty segment", "GET //x HTTP/1.1\r\n" + host + "\r\n", 400},
			{"fragment", "GET /x#y HTTP/1.1\r\n" + host + "\r\n", 400},
			{"fragment behind a query", "GET /x?a#b HTTP/1.1\r\n" + host + "\r\n", 400},
			{"asterisk", "OPTIONS * HTTP/1.1\r\n" + host + "\r\n", 400},

			{"fine", "GET /fine HTTP/1.1\r\n" + host + "Connection: close\r\n\r\n", 200},
			{"fine with encoding", "GET /fine/%C3%A4%20%25?a=%2f/../b HTTP/1.1\r\n" + host + "Connection: close\r\n\r\n", 200},
			{"fine in absolute form", "GET http://a/fine HTTP/1.1\r\n" + host + "Connection: close\r\n\r\n", 200},
			{"fine hidden dots", "GET /fine/.well-known/..x HTTP/1.1\r\n" + host + "Connection: close\r\n\r\n", 200},
			{"fine 1.0", "GET /fine HTTP/1.0\r\n" + host + "\r\n", 200},
			{"fine chunks", "POST /fine HTTP/1.1\r\n" + host + "Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n0\r\n\r\n", 200},
			{"fine TE", "GET /fine HTTP/1.1\r\n" + host + "TE: trailers\r\nConnection: TE, close\r\n\r\n", 200},
		}
		for _, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				statuses, closed := w.raw(tt.request)
				if len(statuses) != 1 || statuses[0] != tt.status || !closed {
					t.Errorf("got %v, want %d; closed: %v", statuses, tt.status, closed)
				}
			})
		}
		if n := reached.Load(); n > 0 {
			t.Errorf("%d refused requests reached the server", n)
		}
	})
}

// TestASmuggledRequestIsNotServed sends what a front that reads only one of the two
// lengths would take for two requests.
func TestASmuggledRequestIsNotServed(t *testing.T) {
	bothFronts(t, func(t *testing.T, front gateway.Front) {
		var seen atomic.Int64
		s := serveHandler(t, func(_ http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/secret" {
				seen.Add(1)
			}
		})
		w := start(t, quiet(front, s.URL))
		smuggled := "GET /secret HTTP/1.1\r\nHost: a\r\n\r\n"
		for _, request := range []string{
			fmt.Sprintf("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n%s", len(smuggled)+5, smuggled),
			"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\nx\r\n0\r\n\r\n" + smuggled,
			"GET /x HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\nSec-WebSocket-Version: 13\r\n\r\n" + smuggled,
		} {
			if statuses, closed := w.raw(request); len(statuses) != 1 || !closed {
				t.Errorf("%q: %v, closed %v", request, statuses, closed)
			}
		}
		if seen.Load() > 0 {
			t.Error("the hidden request reached the server")
		}
	})
}

func TestPipelinedRequestsAreAnsweredInOrderBeforeARefusal(t *testing.T) {
	bothFronts(t, func(t *testing.T, front gateway.Front) {
		s := serveHandler(t, echo)
		w := start(t, quiet(front, s.URL))
		statuses, closed := w.raw("GET /a HTTP/1.1\r\nHost: a\r\n\r\nPOST /b HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc" +
			"POST /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX: y\r\n\r\nGET /d HTTP/1.1\nHost: a\n\nGET /e HTTP/1.1\r\nHost: a\r\n\r\n")
		if fmt.Sprint(statuses) != "[200 200 200 400]" || !closed {
			t.Errorf("%v, closed %v", statuses, closed)
		}
	})
}

func TestHeadersInPieces(t *testing.T) {
	bothFronts(t, func(t *testing.T, front gateway.Front) {
		s := serveHandler(t, echo)
		w := start(t, quiet(front, s.URL))
		c, err := net.Dial("tcp", strings.TrimPrefix(w.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		for _, b := range []byte("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello") {
			if _, err := c.Write([]byte{b}); err != nil {
				t.Fatal(err)
			}
		}
		res, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatal(err)
		}
		if e := readEcho(t, res); e.Body != "hello" {
			t.Errorf("%+v", e)
		}
	})
}

func TestSlowClientsAreSentAway(t *testing.T) {
	bothFronts(t, func(t *testing.T, front gateway.Front) {
		s := serveHandler(t, echo)
		cfg := quiet(front, s.URL)
		cfg.Limits.HeaderTime, cfg.Limits.BodyPause, cfg.Limits.Idle = 60*time.Millisecond, 60*time.Millisecond, 60*time.Millisecond
		w := start(t, cfg)
		for text, want := range map[string]string{
			"GET /x HTTP/1.1\r\nHost: ":                                  "", // no request yet: nothing to answer
			"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhe": "HTTP/1.1 408",
		} {
			c, err := net.Dial("tcp", strings.TrimPrefix(w.url, "http://"))
			if err != nil {
				t.Fatal(err)
			}
			io.WriteString(c, text)
			c.SetReadDeadline(time.Now().Add(5 * time.Second))
			answer, err := io.ReadAll(c)
			c.Close()
			if err != nil || !strings.HasPrefix(string(answer), want) {
				t.Errorf("%q: %q, %v", text, answer, err)
			}
		}
	})
}

// TestARefusalCanBeReadByAClientThatStillSends sends more than the buffers on the way hold.
func TestARefusalCanBeReadByAClientThatStillSends(t *testing.T) {
	bothFronts(t, func(t *testing.T, front gateway.Front) {
		cfg := quiet(front, serveHandler(t, echo).URL)
		cfg.Limits.Body = 1000
		w := start(t, cfg)
		for head, want := range map[string]int{
			"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 2000000\r\nTransfer-Encoding: chunked\r\n\r\n": 400,
			"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 2000000\r\n\r\n":                               413,
		} {
			c, err := net.Dial("tcp", strings.TrimPrefix(w.url, "http://"))
			if err != nil {
				t.Fatal(err)
			}
			sent := make(chan struct{})
			go func() {
				defer close(sent)
				io.WriteString(c, head+strings.Repeat("x", 2_000_000))
			}()
			res, err := http.ReadResponse(bufio.NewReader(c), nil)
			if err != nil || res.StatusCode != want {
				t.Errorf("%q: %v, %v", head, res, err)
			}
			c.Close()
			<-sent
		}
	})
}

func TestALaterHeadHasNoMoreTimeThanTheFirst(t *testing.T) {
	bothFronts(t, func(t *testing.T, front gateway.Front) {
		s := serveHandler(t, echo)
		cfg := quiet(front, s.URL)
		cfg.Limits.HeaderTime, cfg.Limits.Idle = 60*time.Millisecond, time.Hour
		w := start(t, cfg)
		c, err := net.Dial("tcp", strings.TrimPrefix(w.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		io.WriteString(c, "GET /x HTTP/1.1\r\nHost: a\r\n\r\nGET /y HTT")
		c.SetReadDeadline(time.Now().Add(5 * time.Second))
		in := bufio.NewReader(c)
		res, err := http.ReadResponse(in, nil)
		if err != nil || res.StatusCode != 200 {
			t.Fatal(res, err)
		}
		io.Copy(io.Discard, res.Body)
		if rest, err := io.ReadAll(in); err != nil || len(rest) > 0 {
			t.Errorf("%q, %v", rest, err)
		}
	})
}

func TestConnectionsPerAddressAndRateAreBounded(t *testing.T) {
	bothFronts(t, func(t *testing.T, front gateway.Front) {
		s := serveHandler(t, echo)
		cfg := quiet(front, s.URL)
		cfg.Limits.PerAddress, cfg.Limits.Rate, cfg.Limits.Burst = 2, 0.001, 3
		w := start(t, cfg)
		var open []net.Conn
		for range 2 {
			c, err := net.Dial("tcp", strings.TrimPrefix(w.url, "http://"))
			if err != nil {
				t.Fatal(err)
			}
			open = append(open, c)
		}
		for _, c := range open { // both are served
			io.WriteString(c, "GET /x HTTP/1.1\r\nHost: a\r\n\r\n")
			if res, err := http.ReadResponse(bufio.NewReader(c), nil); err != nil || res.StatusCode != 200 {
				t.Fatal(res, err)
			}
		}
		third, err := net.Dial("tcp", strings.TrimPrefix(w.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		third.SetReadDeadline(time.Now().Add(5 * time.Second))
		if n, err := third.Read(make([]byte, 1)); err == nil {
			t.Errorf("a third connection got %d bytes", n)
		}
		third.Close()
		for _, c := range open {
			c.Close()
		}
		var last int
		eventually(t, func() bool {
			res, err := w.client.Get(w.url + "/x")
			if err != nil {
				return false // the closed ones are not counted out yet
			}
			res.Body.Close()
			last = res.StatusCode
			return true
		})
		if last != 200 {
			t.Errorf("the third request in the burst: %d", last)
		}
		if res, _ := w.do("GET", "/x", ""); res.StatusCode != http.StatusTooManyRequests || res.Header.Get("Retry-After") == "" {
			t.Errorf("the fourth: %d", res.StatusCode)
		}
	})
}
