package gateway

import (
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/paceline/paceline/internal/gateway/http1"
)

// gate is a client's HTTP/1.1 connection that lets only strictly framed requests through
// to net/http, which would repair or tolerate some of the others: a request with two
// lengths, lines that end in a bare LF, folded fields. What is refused reaches the handler
// as one last request that says why, so that it is answered after those before it, logged
// and counted; after it the connection is at its end.
//
// net/http sees a head only when it is whole, so the gate bounds the time for it.
//
// Reading is net/http's alone; refusal is read by the handler of that last request; mu
// guards the deadlines of reading, which net/http sets from elsewhere too.
type gate struct {
	net.Conn
	secure   bool // under TLS
	h2c      bool // the client may begin with HTTP/2's preface
	maxHead  int
	headTime time.Duration // for a head, from its first byte
	pause    time.Duration // a client may take nothing of its answer

	buf     []byte // received, and at most buf[:passed] may go on
	passed  int
	scanned int // of an incomplete head
	at      gateState
	left    int64
	chunks  http1.Chunks
	head    http1.Head
	refusal atomic.Pointer[refusal]

	writeBy time.Time

	mu     sync.Mutex
	wanted time.Time // the deadline that net/http set
	headBy time.Time // of the head that is coming; zero: none has begun
}

type gateState uint8

const (
	gateHead   gateState = iota // the next byte begins a request
	gateLength                  // inside a body with a length
	gateChunks                  // inside a chunked body
	gateOpen                    // everything passes: a WebSocket, or HTTP/2
	gateEnd                     // nothing passes any more
)

const (
	lingering = 200 * time.Millisecond
	maxLinger = 2 * time.Second

	refusedMethod = "REFUSED"
	refusedText   = refusedMethod + " / HTTP/1.1\r\nHost: refused\r\n\r\n"
	preface       = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
)

// Read gives bytes of complete heads and of bodies.
func (g *gate) Read(p []byte) (int, error) {
	for g.passed == 0 {
		if g.at == gateEnd {
			return 0, io.EOF
		}
		if g.at == gateOpen && len(g.buf) == 0 {
			return g.Conn.Read(p)
		}
		if g.admit(); g.passed > 0 || g.at == gateEnd {
			continue
		}
		if err := g.receive(); err != nil {
			return 0, err
		}
	}
	n := copy(p, g.buf[:g.passed])
	g.passed -= n
	g.buf = g.buf[:copy(g.buf, g.buf[n:])]
	return n, nil
}

// receive appends what the client sent.
func (g *gate) receive() error {
	if g.at == gateHead && len(g.buf) > 0 && g.headTime > 0 {
		g.hurry()
	}
	if cap(g.buf)-len(g.buf) < 1024 {
		g.buf = append(make([]byte, 0, max(4096, 2*cap(g.buf))), g.buf...)
	}
	n, err := g.Conn.Read(g.buf[len(g.buf):cap(g.buf)])
	g.buf = g.buf[:len(g.buf)+n]
	if n > 0 {
		return nil
	}
	return err
}

// admit decides how many of the received bytes may pass. The part already passed on is
// not in the buffer any more.
func (g *gate) admit() {
	switch g.at {
	case gateHead:
		g.admitHead()
	case gateLength:
		g.passed = int(min(int64(len(g.buf)), g.left))
		if g.left -= int64(g.passed); g.left == 0 {
			g.at = gateHead
		}
	case gateChunks:
		g.admitChunks()
	case gateOpen:
		g.passed = len(g.buf)
	}
}

func (g *gate) admitHead() {
	if g.h2c && len(g.buf) > 0 && g.buf[0] == 'P' && isPrefix(preface, g.buf) {
		if len(g.buf) >= len(preface) {
			g.at, g.passed = gateOpen, len(g.buf)
		}
		return
	}
	g.h2c = g.h2c && len(g.buf) == 0
	n, resume, err := http1.End(g.buf, g.scanned)
	g.scanned = resume
	switch {
	case err != nil:
		g.refuse(badRequest(err.Error()))
		return
	case n > g.maxHead || n == 0 && len(g.buf) > g.maxHead:
		g.refuse(tooLarge)
		return
	case n == 0:
		return
	}
	if err := g.head.ParseRequest(g.buf[:n]); err != nil {
		g.refuse(badRequest(err.Error()))
		return
	}
	g.scanned, g.passed = 0, n
	g.relax()
	switch {
	case g.head.Upgrade != nil:
		g.at = gateOpen // the handler takes the connection over, or closes it
	case g.head.Length == http1.Chunked:
		g.at, g.chunks = gateChunks, http1.Chunks{}
	case g.head.Length > 0:
		g.at, g.left = gateLength, g.head.Length
	}
	g.head.Method, g.head.Target, g.head.Fields = nil, nil, g.head.Fields[:0]
}

// isPrefix says whether b, as far as it goes, begins like text.
func isPrefix(text string, b []byte) bool {
	n := min(len(text), len(b))
	return text[:n] == string(b[:n])
}

func (g *gate) admitChunks() {
	for g.passed < len(g.buf) {
		_, n, done, err := g.chunks.Next(g.buf[g.passed:])
		if err != nil {
			g.at = gateEnd // the body is cut short there, and net/http tells the handler
			return
		}
		if g.passed += n; done {
			g.at = gateHead
			return
		}
		if n == 0 {
			return
		}
	}
}

// refuse puts the last request in place of what was received.
func (g *gate) refuse(why *refusal) {
	g.refusal.Store(why)
	g.buf = append(g.buf[:0], refusedText...)
	g.passed = len(g.buf)
	g.at = gateEnd
}

// hurry begins the time for a head, unless it has begun.
func (g *gate) hurry() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.headBy.IsZero() {
		g.headBy = time.Now().Add(g.headTime)
		g.Conn.SetReadDeadline(earlier(g.wanted, g.headBy))
	}
}

// relax ends the time for a head.
func (g *gate) relax() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.headBy.IsZero() {
		g.headBy = time.Time{}
		g.Conn.SetReadDeadline(g.wanted)
	}
}

// SetReadDeadline is net/http's; a head's own deadline stays if it is earlier.
func (g *gate) SetReadDeadline(t time.Time) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.wanted = t
	return g.Conn.SetReadDeadline(earlier(t, g.headBy))
}

// SetDeadline is SetReadDeadline and SetWriteDeadline.
func (g *gate) SetDeadline(t time.Time) error {
	return errors.Join(g.SetReadDeadline(t), g.SetWriteDeadline(t))
}

// CloseWrite is used by net/http before it closes a connection on which more may come.
func (g *gate) CloseWrite() error { return closeWrite(g.Conn) }

// Close gives a client that still sends what was refused a moment to read why.
func (g *gate) Close() error {
	if g.refusal.Load() != nil {
		linger(g.Conn)
	}
	return g.Conn.Close()
}

// linger ends our side of a connection and gives a client that still sends a moment to
// read the answer: closing at once would take it away.
func linger(c net.Conn) {
	if closeWrite(c) != nil {
		return
	}
	buf := make([]byte, 16<<10)
	for until := time.Now().Add(maxLinger); time.Now().Before(until); {
		if c.SetReadDeadline(time.Now().Add(lingering)) != nil {
			return
		}
		if _, err := c.Read(buf); err != nil {
			return
		}
	}
}

// earlier gives the earlier of two deadlines, of which zero is none.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// Write bounds how long the client may take nothing.
func (g *gate) Write(b []byte) (int, error) {
	if g.pause > 0 {
		if by := time.Now().Add(g.pause); by.Sub(g.writeBy) > time.Second {
			g.writeBy = by.Add(time.Second)
			g.Conn.SetWriteDeadline(g.writeBy)
		}
	}
	return g.Conn.Write(b)
}
