package gateway

import (
	"context"
	"io"
	"math"
	"net"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/paceline/paceline/internal/gateway/http1"
	"github.com/paceline/paceline/internal/gateway/upstream"
)

// relay is a client's connection over HTTP/1.1 that we read and answer ourselves, without
// net/http. One goroutine serves it: head, body, server, answer, and so on in the order of
// the requests, whether they were pipelined or not. A message is written at once where it is
// small, fields are never put into a map, and large answers go from socket to socket in the
// kernel.
//
// Only state and visits are looked at by others, who may also close the connection, end ctx
// and then tell caller.
type relay struct {
	front  *front
	conn   net.Conn     // may be TLS
	tcp    *net.TCPConn // the same, where nothing is between; else nil
	socket *net.TCPConn // under the conn, to see whether the client went away
	peer   netip.Addr
	secure bool
	ctx    context.Context
	cancel context.CancelFunc
	caller upstream.Caller
	state  atomic.Int32
	visits atomic.Uint64 // counts them
	seen   bool          // visit is not the first one

	buf     []byte // the head of the request under way, then what was received behind it
	headEnd int
	r, w    int // buf[r:w] is received and not used yet
	head    http1.Head
	chunks  http1.Chunks
	data    []byte // of a chunk, not given away yet
	left    int64  // of a body with a length
	awaited bool   // the client waits for 100 before it sends the body
	broken  bool   // nothing more can be written or read
	taken   bool   // by a WebSocket

	out             []byte
	visit           visit
	readBy, writeBy time.Time // the deadlines that are set
}

// The states of a relay.
const (
	relayIdle  int32 = iota // nothing has come since the last answer
	relayBusy               // a request is under way
	relayEnded              // told to end while it was idle
)

const (
	relayBuffer = 4 << 10
	relayLeft   = 256 << 10 // of a body that nobody reads, to keep the connection
)

// serve takes requests until one side ends the connection.
func (c *relay) serve() {
	for {
		why, err := c.readHead()
		if err != nil {
			return
		}
		c.begin(why)
		c.front.gateway.serve(&c.visit, c)
		if c.taken || c.broken {
			return
		}
		switch {
		case c.visit.close && (why != nil || c.unread() > 0 || c.r < c.w):
			linger(c.conn)
			return
		case c.visit.close || c.unread() > 0 && !c.passBody():
			return
		}
	}
}

// begin prepares the visit of the request whose head was read.
func (c *relay) begin(why *refusal) {
	c.visits.Add(1)
	v := &c.visit
	*v = visit{ctx: c.ctx, head: &c.head, proto: "HTTP/1.1", peer: c.peer, secure: c.secure, caller: &c.caller, began: time.Now(), refusal: why,
		fields: fields{kinds: v.fields.kinds}, close: c.head.Close}
	if c.head.Minor == 0 {
		v.proto = "HTTP/1.0"
	}
	if why != nil {
		c.head = http1.Head{Method: []byte(refusedMethod), Fields: c.head.Fields[:0]}
	}
	v.arrive()
	c.chunks, c.data, c.left, c.awaited = http1.Chunks{}, nil, c.head.Length, false
	if c.left != 0 {
		c.awaited = c.head.Minor == 1 && v.field("expect") != nil
		if c.front.gateway.cfg.Limits.BodyPause == 0 {
			c.SetReadDeadline(time.Time{})
		}
	}
}

// readHead waits for a request and parses its head. The refusal says what is wrong with
// it, the error that there is none.
func (c *relay) readHead() (*refusal, error) {
	limits := c.front.gateway.cfg.Limits
	c.compact()
	if c.w == 0 && c.front.relays.stopping.Load() {
		return nil, net.ErrClosed
	}
	hurried := c.w > 0 || !c.seen
	if hurried {
		c.readUntil(limits.HeaderTime)
	} else {
		c.mayRead(limits.Idle)
	}
	for from := 0; ; {
		if c.w > 0 {
			n, resume, err := http1.End(c.buf[:c.w], from)
			switch {
			case err != nil:
				return badRequest(err.Error()), nil
			case n > limits.Header || n == 0 && c.w > limits.Header:
				return tooLarge, nil
			case n > 0:
				c.headEnd, c.r, c.seen = n, n, true
				if err := c.head.ParseRequest(c.buf[:n]); err != nil {
					return badRequest(err.Error()), nil
				}
				return nil, nil
			}
			if from = resume; !hurried { // its time begins with its first byte
				hurried = true
				c.readUntil(limits.HeaderTime)
			}
		}
		if err := c.receiveHead(); err != nil {
			return nil, err
		}
	}
}

// receiveHead reads more of a head.
func (c *relay) receiveHead() error {
	empty := c.w == 0
	c.room(1)
	n, err := c.conn.Read(c.buf[c.w:])
	c.w += n
	if n == 0 {
		return err
	}
	if empty && !c.state.CompareAndSwap(relayIdle, relayBusy) {
		return net.ErrClosed
	}
	if c.front.gateway.cfg.H2C && !c.secure && !c.seen && c.w >= len(preface) && isPrefix(preface, c.buf[:c.w]) {
		return c.passOn()
	}
	return nil
}

// passOn gives a client that speaks HTTP/2 to net/http.
func (c *relay) passOn() error {
	g := c.front.gate(c.conn, false)
	g.buf, g.at, g.passed = append(g.buf, c.buf[:c.w]...), gateOpen, c.w
	c.taken = true
	c.front.queue.put(c.ctx, g)
	return net.ErrClosed
}

// compact moves what was received behind the last request to the front.
func (c *relay) compact() {
	left := c.buf[c.r:c.w]
	if len(left) == 0 {
		c.state.Store(relayIdle)
		if len(c.buf) > 4*relayBuffer {
			c.buf = make([]byte, relayBuffer)
		}
		if cap(c.out) > 4*relayBuffer {
			c.out = nil
		}
	}
	c.w = copy(c.buf, left)
	c.r, c.headEnd = 0, 0
}

// room makes sure that n bytes can be read behind buf[:w]. Fields that point into an
// older buffer stay good.
func (c *relay) room(n int) {
	if len(c.buf)-c.w < n {
		grown := make([]byte, max(relayBuffer, 2*len(c.buf)))
		copy(grown, c.buf[:c.w])
		c.buf = grown
	}
}

// mayRead bounds the next reads to about d from now.
func (c *relay) mayRead(d time.Duration) {
	if d <= 0 {
		if !c.readBy.IsZero() {
			c.SetReadDeadline(time.Time{})
		}
		return
	}
	if by := time.Now().Add(d); c.readBy.Before(by) || c.readBy.Sub(by) > time.Second {
		c.SetReadDeadline(by.Add(min(d/10, time.Second)))
	}
}

// readUntil bounds all reading to d from now.
func (c *relay) readUntil(d time.Duration) {
	if d > 0 {
		c.SetReadDeadline(time.Now().Add(d))
	}
}

// SetReadDeadline is the visit's too, for the time that a body may take.
func (c *relay) SetReadDeadline(by time.Time) error {
	c.readBy = by
	return c.conn.SetReadDeadline(by)
}

// Read gives the content of the request's body.
func (c *relay) Read(p []byte) (int, error) {
	if c.head.Length == http1.Chunked {
		return c.readChunks(p)
	}
	if c.left == 0 {
		return 0, io.EOF
	}
	p = p[:min(int64(len(p)), c.left)]
	var n int
	var err error
	if c.r < c.w {
		n = copy(p, c.buf[c.r:c.w])
		c.r += n
	} else {
		n, err = c.readBody(p)
	}
	if c.left -= int64(n); c.left == 0 {
		return n, io.EOF
	}
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

func (c *relay) readChunks(p []byte) (int, error) {
	for len(c.data) == 0 {
		if c.chunks.Ended() {
			return 0, io.EOF
		}
		data, n, done, err := c.chunks.Next(c.buf[c.r:c.w])
		if err != nil {
			return 0, err
		}
		c.r += n
		c.data = data
		if n > 0 || done {
			continue
		}
		if err := c.receiveBody(); err != nil {
			return 0, err
		}
	}
	n := copy(p, c.data)
	c.data = c.data[n:]
	return n, nil
}

// receiveBody reads more, behind the head.
func (c *relay) receiveBody() error {
	if c.r > c.headEnd {
		c.w = c.headEnd + copy(c.buf[c.headEnd:], c.buf[c.r:c.w])
		c.r = c.headEnd
	}
	c.room(1 << 10)
	n, err := c.readBody(c.buf[c.w:])
	c.w += n
	switch {
	case n > 0:
		return nil
	case err == io.EOF:
		return io.ErrUnexpectedEOF
	}
	return err
}

// readBody reads from a client that has been told to go on.
func (c *relay) readBody(p []byte) (int, error) {
	if c.awaited {
		c.awaited = false
		c.write([]byte("HTTP/1.1 100 Continue\r\n\r\n"))
	}
	return c.conn.Read(p)
}

// unread says how many bytes of the request's body are still to come, as far as one
// knows: a client that waits for a word, or sends chunks, may send any number.
func (c *relay) unread() int64 {
	switch {
	case c.head.Length == http1.Chunked && c.chunks.Ended() || c.left == 0:
		return 0
	case c.head.Length == http1.Chunked || c.awaited:
		return math.MaxInt64
	}
	return c.left
}

// passBody reads a body that nobody wanted to its end, and says whether it came.
func (c *relay) passBody() bool {
	c.readUntil(c.front.gateway.cfg.Limits.BodyPause)
	for c.unread() > 0 {
		if _, err := io.CopyN(io.Discard, c, c.left); err != nil {
			return false
		}
	}
	return true
}

// hijack leaves the connection to a WebSocket.
func (c *relay) hijack() (net.Conn, io.Reader, error) {
	c.taken = true
	g := c.front.gate(c.conn, c.secure)
	g.at, g.buf = gateOpen, append(g.buf, c.buf[c.r:c.w]...)
	c.r = c.w
	return g, g, c.conn.SetDeadline(time.Time{})
}

func (c *relay) abort() { c.broken = true }
