package gateway_test

import (
	"bufio"
	"context"
	"encoding/binary"
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

// events serves a stream that says its server's name and then each text from more.
func events(name string, more <-chan string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
		fmt.Fprintf(w, "data: %s\n\n", name)
		w.(http.Flusher).Flush()
		for {
			select {
			case text := <-more:
				fmt.Fprintf(w, "data: %s\n\n", text)
				w.(http.Flusher).Flush()
			case <-r.Context().Done():
				return
			}
		}
	}
}

func TestEventsComeAsTheyHappen(t *testing.T) {
	bothFronts(t, func(t *testing.T, front gateway.Front) {
		more := make(chan string)
		s := serveHandler(t, events("first", more))
		w := start(t, change(quiet(front, s.URL), func(r *gateway.Route, _ *upstream.Config) { r.Timeouts.Read = 30 * time.Millisecond }))
		res, err := w.client.Get(w.url + "/events")
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		in := bufio.NewReader(res.Body)
		expectEvent(t, in, "first")
		idle := time.NewTimer(80 * time.Millisecond) // longer than the read timeout: a stream may be silent
		<-idle.C
		more <- "second"
		expectEvent(t, in, "second")
	})
}

func expectEvent(t *testing.T, in *bufio.Reader, want string) {
	t.Helper()
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			t.Fatalf("waiting for %s: %v", want, err)
		}
		if text, ok := strings.CutPrefix(strings.TrimSpace(line), "data: "); ok {
			if text != want {
				t.Errorf("got %s, want %s", text, want)
			}
			return
		}
	}
}

func TestTricklingAnswersAreNotHeldBack(t *testing.T) {
	bothFronts(t, func(t *testing.T, front gateway.Front) {
		next := make(chan struct{})
		s := serveHandler(t, func(w http.ResponseWriter, _ *http.Request) {
			io.WriteString(w, "one ")
			w.(http.Flusher).Flush()
			<-next
			io.WriteString(w, "two")
		})
		w := start(t, quiet(front, s.URL))
		res, err := w.client.Get(w.url + "/export")
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		part := make([]byte, 4)
		if _, err := io.ReadFull(res.Body, part); err != nil || string(part) != "one " {
			t.Fatalf("%q %v", part, err)
		}
		close(next)
		if rest, err := io.ReadAll(res.Body); err != nil || string(rest) != "two" {
			t.Errorf("%q %v", rest, err)
		}
	})
}

func TestDrainEndsStreamsAfterTheGraceAndTheyComeBackElsewhere(t *testing.T) {
	bothFronts(t, func(t *testing.T, front gateway.Front) {
		a := serveHandler(t, events("a", nil))
		b := serveHandler(t, events("b", nil))
		w := start(t, change(quiet(front, a.URL, b.URL), func(_ *gateway.Route, p *upstream.Config) { p.Policy = upstream.RoundRobin }))
		w.await(a.URL, upstream.Ready)
		w.await(b.URL, upstream.Ready)
		res, err := w.client.Get(w.url + "/events")
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		in := bufio.NewReader(res.Body)
		line, err := in.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		table := tableFor(a.URL, b.URL)
		i, other := 0, "b"
		if strings.Contains(line, "b") {
			i, other = 1, "a"
		}
		table.Pools["app"].Servers[i].Drain = true
		if err := w.Apply(t.Context(), table); err != nil {
			t.Fatal(err)
		}
		if rest, err := io.ReadAll(in); err != nil || strings.TrimSpace(string(rest)) != "" {
			t.Errorf("the stream ended with %q, %v", rest, err)
		}
		again, err := w.client.Get(w.url + "/events")
		if err != nil {
			t.Fatal(err)
		}
		defer again.Body.Close()
		expectEvent(t, bufio.NewReader(again.Body), other)
	})
}

// ws serves WebSockets by hand: it answers the handshake, then each text frame with
// the same text behind the server's name. "close" makes it say goodbye.
func ws(name string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !strings.EqualFold(r.Header.Get("Upgrade"), "websocket") || !strings.EqualFold(r.Header.Get("Connection"), "upgrade") {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		c, in, err := w.(http.Hijacker).Hijack()
		if err != nil {
			return
		}
		defer c.Close()
		io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: x\r\nX-Server: "+name+"\r\n\r\n")
		for {
			_, text, err := readFrame(in.Reader)
			if err != nil {
				return
			}
			if text == "close" {
				c.Write([]byte{0x88, 2, 1000 >> 8, 1000 & 0xff})
				return
			}
			c.Write(frame(0x81, name+" "+text))
		}
	}
}

func frame(first byte, text string) []byte {
	if len(text) < 126 {
		return append([]byte{first, byte(len(text))}, text...)
	}
	return append(binary.BigEndian.AppendUint64([]byte{first, 127}, uint64(len(text))), text...)
}

func readFrame(in *bufio.Reader) (opcode byte, text string, err error) {
	var head [2]byte
	if _, err := io.ReadFull(in, head[:]); err != nil {
		return 0, "", err
	}
	n := uint64(head[1] & 0x7f)
	switch n {
	case 126:
		var b [2]byte
		_, err = io.ReadFull(in, b[:])
		n = uint64(binary.BigEndian.Uint16(b[:]))
	case 127:
		var b [8]byte
		_, err = io.ReadFull(in, b[:])
		n = binary.BigEndian.Uint64(b[:])
	}
	if err != nil {
		return 0, "", err
	}
	payload := make([]byte, n)
	_, err = io.ReadFull(in, payload)
	return head[0] & 0x0f, string(payload), err
}

// dialWS opens a WebSocket through the gateway. The frames of this client are not masked:
// the gateway does not look into them.
func (w *world) dialWS(early string) (net.Conn, *bufio.Reader) {
	w.t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(w.url, "http://"))
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(10 * time.Second))
	io.WriteString(c, "GET /socket HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"+early)
	in := bufio.NewReader(c)
	res, err := http.ReadResponse(in, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	if res.StatusCode != 101 || res.Header.Get("Sec-WebSocket-Accept") != "x" || !strings.EqualFold(res.Header.Get("Upgrade"), "websocket") {
		w.t.Fatalf("%d %v", res.StatusCode, res.Header)
	}
	return c, in
}

func expectFrame(t *testing.T, in *bufio.Reader, opcode byte, text string) {
	t.Helper()
	op, got, err := readFrame(in)
	if err != nil || op != opcode || got != text {
		t.Errorf("frame %d %.40q %v, want %d %.40q", op, got, err, opcode, text)
	}
}

func TestWebSocketGoesThrough(t *testing.T) {
	bothFronts(t, func(t *testing.T, front gateway.Front) {
		w := start(t, quiet(front, serveHandler(t, ws("a")).URL))
		c, in := w.dialWS(string(frame(0x81, "early")))
		expectFrame(t, in, 1, "a early")
		large := strings.Repeat("x", 200_000)
		go c.Write(frame(0x81, large))
		expectFrame(t, in, 1, "a "+large)
		c.Write(frame(0x81, "close"))
		expectFrame(t, in, 8, "\x03\xe8")
		if _, err := in.ReadByte(); err != io.EOF {
			t.Errorf("after the close frame: %v", err)
		}
		eventually(t, func() bool { return strings.Contains(w.metrics(), "paceline_gateway_websockets 0") })
	})
}

func TestRefusedHandshakeEndsTheConnection(t *testing.T) {
	bothFronts(t, func(t *testing.T, front gateway.Front) {
		w := start(t, quiet(front, serveHandler(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }).URL))
		statuses, closed := w.raw("GET /x HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n\r\nGET /y HTTP/1.1\r\nHost: a\r\n\r\n")
		if fmt.Sprint(statuses) != "[403]" || !closed {
			t.Errorf("%v, closed %v", statuses, closed)
		}
	})
}

// restart is the payload of a close frame with status 1012.
const restart = "\x03\xf4"

func TestWebSocketIsToldToComeBack(t *testing.T) {
	bothFronts(t, func(t *testing.T, front gateway.Front) {
		t.Run("when its server drains", func(t *testing.T) {
			s := serveHandler(t, ws("a"))
			w := start(t, quiet(front, s.URL))
			c, in := w.dialWS("")
			c.Write(frame(0x81, "hello"))
			expectFrame(t, in, 1, "a hello")
			table := tableFor(s.URL)
			table.Pools["app"].Servers[0].Drain = true
			if err := w.Apply(t.Context(), table); err != nil {
				t.Fatal(err)
			}
			expectFrame(t, in, 8, restart)
		})
		t.Run("when its server leaves the table", func(t *testing.T) {
			w := start(t, quiet(front, serveHandler(t, ws("a")).URL))
			_, in := w.dialWS("")
			if err := w.Apply(t.Context(), tableFor(serveHandler(t, ws("b")).URL)); err != nil {
				t.Fatal(err)
			}
			expectFrame(t, in, 8, restart)
		})
		t.Run("when its server dies", func(t *testing.T) {
			s := serveHandler(t, ws("a"))
			w := start(t, quiet(front, s.URL))
			_, in := w.dialWS("")
			w.Down(serverOf(s), "its process ended")
			expectFrame(t, in, 8, restart)
		})
		t.Run("when the gateway stops", func(t *testing.T) {
			cfg := quiet(front, serveHandler(t, ws("a")).URL)
			cfg.Drain.Grace = 30 * time.Millisecond
			w := start(t, cfg)
			_, in := w.dialWS("")
			if err := w.Stop(t.Context()); err != nil {
				t.Fatal(err)
			}
			expectFrame(t, in, 8, restart)
		})
		t.Run("but not into the middle of a frame", func(t *testing.T) {
			s := serveHandler(t, func(w http.ResponseWriter, r *http.Request) {
				c, _, err := w.(http.Hijacker).Hijack()
				if err != nil {
					return
				}
				io.WriteString(c, "HTTP/1.1 101 x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: x\r\n\r\n\x81\x05hel")
				io.Copy(io.Discard, c)
				c.Close()
			})
			w := start(t, quiet(front, s.URL))
			_, in := w.dialWS("")
			if b, err := in.Peek(5); err != nil || string(b) != "\x81\x05hel" {
				t.Fatalf("%q %v", b, err)
			}
			w.Down(serverOf(s), "its process ended")
			if rest, err := io.ReadAll(in); len(rest) != 5 {
				t.Errorf("%q %v", rest, err)
			}
		})
	})
}

func TestStopAnswersWhatIsUnderWayAndSaysSoBefore(t *testing.T) {
	bothFronts(t, func(t *testing.T, front gateway.Front) {
		arrived, release := make(chan struct{}), make(chan struct{})
		s := serveHandler(t, func(w http.ResponseWriter, _ *http.Request) {
			close(arrived)
			<-release
			io.WriteString(w, "done")
		})
		cfg := quiet(front, s.URL)
		cfg.Drain.Delay = 20 * time.Millisecond
		w := start(t, cfg)
		type answer struct {
			close bool
			body  string
		}
		got := make(chan answer, 1)
		go func() {
			res, body := w.do("POST", "/x", "")
			got <- answer{res.Close, body}
		}()
		<-arrived
		admin := "http://" + w.AdminAddr().String()
		stopped := make(chan error, 1)
		go func() { stopped <- w.Stop(context.Background()) }()
		eventually(t, func() bool {
			res, err := http.Get(admin + "/readyz")
			if err != nil {
				return false
			}
			res.Body.Close()
			return res.StatusCode == http.StatusServiceUnavailable
		})
		close(release)
		if a := <-got; a.body != "done" || !a.close {
			t.Errorf("%+v", a)
		}
		if err := <-stopped; err != nil {
			t.Error(err)
		}
		http.DefaultClient.CloseIdleConnections()
	})
}
