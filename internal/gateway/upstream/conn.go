package upstream

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/paceline/paceline/internal/gateway/http1"
	"github.com/paceline/paceline/internal/gateway/socket"
)

// conn is one connection to a server. It is used by one exchange at a time; only cut may
// be called by others meanwhile.
type conn struct {
	server *Server
	reused bool // it has carried an exchange before this one
	since  time.Time

	buf    *[bufSize]byte // nil while idle
	r, w   int            // buf[r:w] is received and not yet used
	out    []byte
	raw    []byte // the head of the answer; head points into it
	head   http1.Head
	chunks http1.Chunks
	left   int64 // of a body with a known length
	resp   Response

	readBy, writeBy time.Time // the deadlines that are set

	mu      sync.Mutex
	net     net.Conn // nil while connecting
	wire    net.Conn // what net writes to: itself, or the socket under TLS
	abandon context.CancelFunc
	kind    kind
	caller  *Caller
	why     error // why it was cut; nil: it was not
}

// kind says what a connection carries, and so what may end it early.
type kind uint8

const (
	exchange kind = iota // can be repeated: cut as soon as its server is down
	patient              // cannot be repeated: cut only when the server is known to be dead
	stream               // event stream or WebSocket: cut with its server, and ended by a drain
)

var buffers = sync.Pool{New: func() any { return new([bufSize]byte) }}

// cut breaks the connection off, for another goroutine than the one that uses it.
func (c *conn) cut(why error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cutNow(why)
}

// cutNow is cut with the lock held.
func (c *conn) cutNow(why error) {
	if c.why != nil {
		return
	}
	c.why = why
	if c.wire != nil {
		c.wire.Close() // and no word of farewell, which might have to wait
	} else if c.abandon != nil {
		c.abandon()
	}
}

// serves says whose request the connection carries.
func (c *conn) serves(cl *Caller) {
	c.mu.Lock()
	c.caller = cl
	c.mu.Unlock()
	cl.at.Store(c)
}

// carries says what the connection is used for from now on.
func (c *conn) carries(k kind) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.kind = k
}

// cause puts the reason of a cut in place of the error that it led to.
func (c *conn) cause(err error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.why != nil {
		return c.why
	}
	return err
}

func (c *conn) dial(ctx context.Context, timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	c.mu.Lock()
	if c.why != nil {
		c.mu.Unlock()
		return c.why
	}
	c.abandon = cancel
	c.mu.Unlock()
	nc, wire, err := c.server.connect(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.why != nil:
		if err == nil {
			wire.Close()
		}
		return c.why
	case err != nil:
		return err
	}
	c.net, c.wire = nc, wire
	return nil
}

// connect makes a connection, and a secure one where the pool is; wire is the socket of it.
func (s *Server) connect(ctx context.Context) (nc, wire net.Conn, err error) {
	if nc, err = (&net.Dialer{}).DialContext(ctx, "tcp", s.address); err != nil {
		return nil, nil, err
	}
	wire = socket.Wrap(nc)
	if s.tls == nil {
		return wire, wire, nil
	}
	secure := tls.Client(wire, s.tls)
	if err := secure.HandshakeContext(ctx); err != nil {
		wire.Close()
		return nil, nil, fmt.Errorf("TLS: %w", err)
	}
	return secure, wire, nil
}

// coarse is how late a deadline may be, so that it need not be set for each message.
const coarse = time.Second

// mayRead bounds the next read to about d from now.
func (c *conn) mayRead(d time.Duration) {
	now := time.Now()
	if by := now.Add(d); c.readBy.Before(by) || c.readBy.Sub(by) > coarse {
		c.readBy = by.Add(min(d/10, coarse))
		c.net.SetReadDeadline(c.readBy)
	}
}

func (c *conn) mayWrite(d time.Duration) {
	now := time.Now()
	if by := now.Add(d); c.writeBy.Before(by) || c.writeBy.Sub(by) > coarse {
		c.writeBy = by.Add(min(d/10, coarse))
		c.net.SetWriteDeadline(c.writeBy)
	}
}

// write sends the request.
func (c *conn) write(req *Request) error {
	if req.Body == nil || req.Body.small() {
		c.out = append(c.out[:0], req.Head...)
		if req.Body != nil {
			c.out = append(c.out, req.Body.Memory...)
		}
		c.mayWrite(req.Timeouts.Send)
		_, err := c.net.Write(c.out)
		return err
	}
	w := timedWriter{c, req.Timeouts.Send}
	if _, err := w.Write(req.Head); err != nil {
		return err
	}
	return req.Body.send(w)
}

// timedWriter bounds each write by itself.
type timedWriter struct {
	c *conn
	d time.Duration
}

func (w timedWriter) Write(b []byte) (done int, err error) {
	for done < len(b) {
		w.c.mayWrite(w.d)
		n, err := w.c.net.Write(b[done:min(len(b), done+256<<10)])
		done += n
		if err != nil {
			return done, err
		}
	}
	return done, nil
}

// fill reads more bytes behind those in the buffer.
func (c *conn) fill() error {
	if c.r == c.w {
		c.r, c.w = 0, 0
	} else if c.w == len(c.buf) {
		c.w = copy(c.buf[:], c.buf[c.r:c.w])
		c.r = 0
	}
	if c.w == len(c.buf) {
		return errTooLong
	}
	n, err := c.net.Read(c.buf[c.w:])
	c.w += n
	if n > 0 {
		return nil
	}
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

var errTooLong = errors.New("a head or a line is too long")

// readHead reads the head of the answer. Interim answers (1xx but 101) are passed over.
// The fields are good until the next head is read.
func (c *conn) readHead(method string, timeout time.Duration) error {
	for {
		for from := 0; ; {
			n, resume, err := http1.End(c.buf[c.r:c.w], from)
			if err != nil {
				return err
			}
			if n > 0 {
				c.raw = append(c.raw[:0], c.buf[c.r:c.r+n]...)
				if err := c.head.ParseResponse(c.raw, method); err != nil {
					return err
				}
				c.r += n
				break
			}
			c.mayRead(timeout)
			if err := c.fill(); err != nil {
				return err
			}
			from = resume
		}
		if s := c.head.Status; s >= 200 || s == 101 {
			c.left, c.chunks = c.head.Length, http1.Chunks{}
			return nil
		}
	}
}

// next gives the next piece of the answer's content, which is valid until the next call.
// done says that there is nothing behind it. After a timeout it may be called again.
func (c *conn) next() (data []byte, done bool, err error) {
	switch c.head.Length {
	case http1.Chunked:
		return c.nextChunk()
	case http1.UntilClose:
		switch err := c.fillEmpty(); {
		case err == io.ErrUnexpectedEOF:
			return nil, true, nil
		case err != nil:
			return nil, false, err
		}
		data, c.r = c.buf[c.r:c.w], c.w
		return data, false, nil
	}
	if c.left == 0 {
		return nil, true, nil
	}
	if err := c.fillEmpty(); err != nil {
		return nil, false, err
	}
	n := int(min(int64(c.w-c.r), c.left))
	data = c.buf[c.r : c.r+n]
	c.r += n
	c.left -= int64(n)
	return data, c.left == 0, nil
}

func (c *conn) fillEmpty() error {
	if c.r < c.w {
		return nil
	}
	return c.fill()
}

func (c *conn) nextChunk() ([]byte, bool, error) {
	for {
		data, n, done, err := c.chunks.Next(c.buf[c.r:c.w])
		if err != nil {
			return nil, false, err
		}
		c.r += n
		if len(data) > 0 || done {
			return data, done, nil
		}
		if n == 0 {
			if err := c.fill(); err != nil {
				return nil, false, err
			}
		}
	}
}

// reusable says whether another request may follow on this connection.
func (c *conn) reusable() bool {
	return !c.head.Close && c.head.Length != http1.UntilClose && c.head.Status != 101 && c.r == c.w
}

// close ends the connection and gives its buffer back.
func (c *conn) close() {
	c.mu.Lock()
	if c.wire != nil {
		c.wire.Close()
	}
	c.mu.Unlock()
	if c.buf != nil {
		buffers.Put(c.buf)
		c.buf = nil
	}
}
