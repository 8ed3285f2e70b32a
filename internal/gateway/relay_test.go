package gateway_test

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/paceline/paceline/internal/gateway"
	"github.com/paceline/paceline/internal/gateway/upstream"
)

func (w *world) dial() *net.TCPConn {
	w.t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(w.url, "http://"))
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(15 * time.Second))
	return c.(*net.TCPConn)
}

func TestContinueIsSaidWhenTheBodyIsWanted(t *testing.T) {
	bothFronts(t, func(t *testing.T, front gateway.Front) {
		w := start(t, quiet(front, serveHandler(t, echo).URL))
		c := w.dial()
		in := bufio.NewReader(c)
		for range 2 { // the second on the same connection
			io.WriteString(c, "POST /x HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\nContent-Length: 5\r\n\r\n")
			line, err := in.ReadString('\n')
			if err != nil || !strings.HasPrefix(line, "HTTP/1.1 100 ") {
				t.Fatalf("%q %v", line, err)
			}
			in.ReadString('\n')
			io.WriteString(c, "hello")
			res, err := http.ReadResponse(in, nil)
			if err != nil {
				t.Fatal(err)
			}
			if e := readEcho(t, res); e.Body != "hello" || e.Header.Get("Expect") != "" {
				t.Errorf("%+v", e)
			}
		}
		io.WriteString(c, "POST /x HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 999999999\r\n\r\n")
		if res, err := http.ReadResponse(in, nil); err != nil || res.StatusCode != http.StatusRequestEntityTooLarge {
			t.Errorf("a body that is too large in any case: %v, %v", res, err)
		}
	})
}

func TestOldClientsGetWhatTheyUnderstand(t *testing.T) {
	s := serveHandler(t, func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, strings.Repeat("x", 70_000))
		w.(http.Flusher).Flush()
		io.WriteString(w, "end")
	})
	bothFronts(t, func(t *testing.T, front gateway.Front) {
		w := start(t, quiet(front, s.URL))
		c := w.dial()
		io.WriteString(c, "GET /x HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n")
		answer, err := io.ReadAll(c)
		head, body, _ := bytes.Cut(answer, []byte("\r\n\r\n"))
		if err != nil || bytes.Contains(head, []byte("chunked")) || len(body) != 70_003 {
			t.Errorf("%d bytes, %v: %s", len(body), err, head)
		}
	})
}

// TestAClientMayCloseItsSideFirst is for those that say what they want, then that this was
// all. net/http takes them for gone.
func TestAClientMayCloseItsSideFirst(t *testing.T) {
	w := start(t, quiet(gateway.FrontRelay, serveHandler(t, echo).URL))
	c := w.dial()
	io.WriteString(c, "GET /x HTTP/1.1\r\nHost: a\r\n\r\nPOST /y HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi")
	c.CloseWrite()
	in := bufio.NewReader(c)
	for _, want := range []string{"/x", "/y"} {
		res, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatal(err)
		}
		if e := readEcho(t, res); e.Target != want {
			t.Errorf("%+v", e)
		}
	}
	if rest, err := io.ReadAll(in); err != nil || len(rest) > 0 {
		t.Errorf("%q %v", rest, err)
	}
}

func TestPipelinedRequestsAreServedOneAfterAnother(t *testing.T) {
	s := serveHandler(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %d", r.URL.Path, len(body))
	})
	bothFronts(t, func(t *testing.T, front gateway.Front) {
		w := start(t, quiet(front, s.URL))
		c := w.dial()
		var text strings.Builder
		for i := range 50 {
			n := i * 311
			fmt.Fprintf(&text, "POST /%d HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s", i, n, strings.Repeat("x", n))
			fmt.Fprintf(&text, "PUT /%d HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", i, n+1, strings.Repeat("y", n+1))
		}
		go io.WriteString(c, text.String())
		in := bufio.NewReader(c)
		for i := range 50 {
			for _, want := range []string{fmt.Sprintf("/%d %d", i, i*311), fmt.Sprintf("/%d %d", i, i*311+1)} {
				res, err := http.ReadResponse(in, nil)
				if err != nil {
					t.Fatal(err)
				}
				if got, err := io.ReadAll(res.Body); err != nil || string(got) != want {
					t.Fatalf("%q, want %q, %v", got, want, err)
				}
			}
		}
	})
}

// TestSlowReadersGetAllOfALargeAnswer has a client that pauses in the midst of it, for
// longer than a server may be silent.
func TestSlowReadersGetAllOfALargeAnswer(t *testing.T) {
	const size = 20 << 20
	s := serveHandler(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", fmt.Sprint(size))
		piece := bytes.Repeat([]byte("0123456789abcdef"), 4096)
		for range size / len(piece) {
			w.Write(piece)
		}
	})
	bothFronts(t, func(t *testing.T, front gateway.Front) {
		w := start(t, change(quiet(front, s.URL), func(r *gateway.Route, _ *upstream.Config) { r.Timeouts.Read = 50 * time.Millisecond }))
		c := w.dial()
		io.WriteString(c, "GET /x HTTP/1.1\r\nHost: a\r\n\r\n")
		res, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatal(err)
		}
		part := make([]byte, 100_000)
		io.ReadFull(res.Body, part)
		pause := time.NewTimer(200 * time.Millisecond)
		<-pause.C
		n, err := io.Copy(io.Discard, res.Body)
		if err != nil || n+int64(len(part)) != size {
			t.Errorf("%d bytes, %v", n, err)
		}
	})
}

// TestAReaderThatTakesNothingIsSentAway bounds how long a client may hold an answer up.
func TestAReaderThatTakesNothingIsSentAway(t *testing.T) {
	s := serveHandler(t, func(w http.ResponseWriter, r *http.Request) { w.Write(make([]byte, 50<<20)) })
	bothFronts(t, func(t *testing.T, front gateway.Front) {
		cfg := quiet(front, s.URL)
		cfg.Limits.WritePause = 100 * time.Millisecond
		w := start(t, cfg)
		c := w.dial()
		io.WriteString(c, "GET /x HTTP/1.1\r\nHost: a\r\n\r\n")
		eventually(t, func() bool {
			return strings.Contains(w.metrics(), `paceline_gateway_requests_total{app="app",status="200"} 1`)
		})
	})
}

func TestALostClientIsNoticedBehindTLSToo(t *testing.T) {
	arrived, ended := make(chan struct{}, 2), make(chan struct{}, 2)
	s := serveHandler(t, func(_ http.ResponseWriter, r *http.Request) {
		arrived <- struct{}{}
		<-r.Context().Done()
		ended <- struct{}{}
	})
	bothFronts(t, func(t *testing.T, front gateway.Front) {
		cfg := quiet(front, s.URL)
		cfg.TLS = gateway.TLS{Listen: "127.0.0.1:0", SelfSigned: true}
		w := start(t, cfg)
		c, err := tls.Dial("tcp", w.TLSAddr().String(), &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(c, "GET /x HTTP/1.1\r\nHost: a\r\n\r\n")
		<-arrived
		c.Close()
		<-ended
	})
}
