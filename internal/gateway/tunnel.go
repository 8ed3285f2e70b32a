package gateway

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/paceline/paceline/internal/gateway/upstream"
)

// upgrade answers a WebSocket's handshake and then carries its bytes both ways. When
// the server's side ends without a close frame, because it drains or died, the client gets
// one with 1012 (service restart, RFC 6455 and its registry), so that it connects again.
func (g *Gateway) upgrade(v *visit, c client, resp *upstream.Response) {
	head := []byte("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n")
	for _, f := range resp.Head.Fields {
		if comesBack(resp.Head, f) {
			head = appendField(head, f)
		}
	}
	head = append(head, "\r\n"...)
	conn, sent, err := c.hijack()
	if err != nil {
		v.cause = err.Error()
		fail(v, c, http.StatusInternalServerError, "the connection cannot be taken over", 0)
		return
	}
	defer conn.Close()
	v.status = http.StatusSwitchingProtocols
	if _, err := conn.Write(head); err != nil {
		return
	}
	server, received := resp.Tunnel()
	t := tunnel{client: conn, server: server, silence: v.route.Timeouts.Stream}
	g.metrics.tunnels.Inc()
	defer g.metrics.tunnels.Dec()
	v.bytes = t.run(sent, received)
}

// tunnel carries bytes between a client and a server until one side ends, or both are
// silent for too long.
type tunnel struct {
	client, server net.Conn
	silence        time.Duration
	last           atomic.Int64 // when a byte came, in nanoseconds since 1970
	left           atomic.Bool  // the client ended it
}

func (t *tunnel) run(fromClient io.Reader, received []byte) (sent int64) {
	t.last.Store(time.Now().UnixNano())
	var both sync.WaitGroup
	both.Go(func() {
		t.pump(t.server, fromClient, t.client, nil)
		t.left.Store(true)
		t.server.Close()
	})
	var frames frames
	if _, err := t.client.Write(received); err == nil {
		frames.follow(received)
		sent = int64(len(received)) + t.pump(t.client, t.server, t.server, &frames)
	}
	if !t.left.Load() && frames.between() && !frames.closed {
		_, _ = t.client.Write(serviceRestart) // the client's end is near in any case
	}
	t.client.Close()
	both.Wait()
	return sent
}

// serviceRestart is a close frame with status 1012.
var serviceRestart = []byte{0x88, 2, 1012 >> 8, 1012 & 0xff}

// pump copies one way. from is the connection under src.
func (t *tunnel) pump(dst net.Conn, src io.Reader, from net.Conn, fr *frames) (n int64) {
	buf := make([]byte, 16<<10)
	for {
		if err := from.SetReadDeadline(time.Now().Add(t.silence)); err != nil {
			return n
		}
		m, err := src.Read(buf)
		if m > 0 {
			t.last.Store(time.Now().UnixNano())
			if fr != nil {
				fr.follow(buf[:m])
			}
			if _, err := dst.Write(buf[:m]); err != nil {
				return n
			}
			n += int64(m)
		}
		var late net.Error
		if errors.As(err, &late) && late.Timeout() && time.Since(time.Unix(0, t.last.Load())) < t.silence {
			continue // the other way is alive
		}
		if err != nil {
			return n
		}
	}
}

// frames follows the frames that a server sends (RFC 6455 section 5.2), to know where one
// of our own may stand.
type frames struct {
	head   [14]byte
	have   int    // bytes of the head
	left   uint64 // of the payload
	closed bool   // the server has sent its close frame
}

func (f *frames) between() bool { return f.have == 0 && f.left == 0 }

func (f *frames) follow(b []byte) {
	for len(b) > 0 {
		if f.left > 0 {
			n := min(f.left, uint64(len(b)))
			f.left -= n
			b = b[n:]
			continue
		}
		f.head[f.have] = b[0]
		f.have++
		b = b[1:]
		if f.have < 2 || f.have < f.headSize() {
			continue
		}
		f.closed = f.closed || f.head[0]&0x0f == 8
		f.left = f.payload()
		f.have = 0
	}
}

func (f *frames) headSize() int {
	n := 2
	switch f.head[1] & 0x7f {
	case 126:
		n += 2
	case 127:
		n += 8
	}
	if f.head[1]&0x80 != 0 {
		n += 4
	}
	return n
}

func (f *frames) payload() uint64 {
	switch n := f.head[1] & 0x7f; n {
	case 126:
		return uint64(binary.BigEndian.Uint16(f.head[2:]))
	case 127:
		return binary.BigEndian.Uint64(f.head[2:])
	default:
		return uint64(n)
	}
}
