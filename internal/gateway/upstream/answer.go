package upstream

import (
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"github.com/paceline/paceline/internal/gateway/http1"
	"github.com/paceline/paceline/internal/gateway/socket"
)

// holdFor is how long an answer without a length may trickle before it is passed on as a
// stream.
const holdFor = 100 * time.Millisecond

// Response is the answer of a server. What it gives points into buffers that are used
// again after Close.
type Response struct {
	Head   *http1.Head
	Server *Server
	Tries  int // servers and connections it took

	conn     *conn
	stop     func() bool // ends the watch over the client
	timeouts Timeouts
	broken   bool // the request was not written to its end
	held     *[]byte
	whole    bool // held is all of it
	given    bool // held was given by Next
	events   bool
	failed   error
}

var holds = sync.Pool{New: func() any { b := make([]byte, 0, Held); return &b }}

// Length is the number of bytes of content that a client is told of: exact when the
// answer is held or the server said it, else http1.Chunked.
func (r *Response) Length() int64 {
	switch {
	case r.whole:
		return int64(len(*r.held))
	case r.Head.Length >= 0:
		return r.Head.Length
	}
	return http1.Chunked
}

// Events says whether the answer is a stream of server-sent events.
func (r *Response) Events() bool { return r.events }

func (r *Response) has(name string) bool { return r.field(name) != nil }

func (r *Response) field(name string) []byte {
	for _, f := range r.Head.Fields {
		if f.Is(name) {
			return f.Value
		}
	}
	return nil
}

// hold reads a small answer to its end before anybody sees it, so that a server's death
// until then costs the client nothing.
func (r *Response) hold() error {
	head := r.Head
	if head.Status == 101 {
		r.conn.carries(stream)
		return nil
	}
	if isEvents(r.field("content-type")) {
		r.events = true
		r.conn.carries(stream)
		return nil
	}
	if head.Length == 0 {
		r.held, r.whole = holds.Get().(*[]byte), true
		return nil
	}
	if head.Length > Held {
		r.conn.carries(patient)
		return nil
	}
	return r.collect()
}

func (r *Response) collect() error {
	r.held = holds.Get().(*[]byte)
	var until time.Time
	for {
		wait := r.timeouts.Read
		if r.Head.Length < 0 && len(*r.held) > 0 {
			if until.IsZero() {
				until = time.Now().Add(holdFor)
			}
			wait = max(time.Until(until), time.Millisecond)
		}
		r.await(wait, r.Head.Length < 0 && len(*r.held) > 0)
		data, done, err := r.conn.next()
		if err != nil {
			if !until.IsZero() && isTimeout(err) && r.conn.cause(nil) == nil {
				r.conn.carries(patient)
				return nil // it trickles: pass on what came and what will come
			}
			return err
		}
		*r.held = append(*r.held, data...)
		if done {
			r.whole = true
			return nil
		}
		if len(*r.held) >= Held {
			r.conn.carries(patient)
			return nil
		}
	}
}

// await bounds the next read; exact makes it end right then.
func (r *Response) await(d time.Duration, exact bool) {
	if !exact {
		r.conn.mayRead(d)
		return
	}
	r.conn.readBy = time.Now().Add(d)
	r.conn.net.SetReadDeadline(r.conn.readBy)
}

func isEvents(contentType []byte) bool {
	const events = "text/event-stream"
	return len(contentType) >= len(events) && http1.Field{Name: contentType[:len(events)]}.Is(events)
}

// Held gives all of a small answer's content; ok is false when Next has to be called.
// It is good until Close.
func (r *Response) Held() (content []byte, ok bool) {
	if !r.whole {
		return nil, false
	}
	return *r.held, true
}

// Next gives the next piece of the content, which is good until the next call; done says
// that it was the last. A failure means that the answer is not complete.
func (r *Response) Next() (data []byte, done bool, err error) {
	if r.held != nil && !r.given {
		r.given = true
		return *r.held, r.whole, nil
	}
	wait := r.timeouts.Read
	if r.events {
		wait = r.timeouts.Stream
	}
	r.conn.mayRead(wait)
	data, done, err = r.conn.next()
	if err != nil {
		err = r.conn.cause(err)
		r.failed = err
	}
	return data, done, err
}

// Spliceable says whether Splice can be used: not where the server's bytes are encrypted.
func (r *Response) Spliceable() bool { return socket.TCP(r.conn.net) != nil }

// spliced is how much is moved between two looks at the deadlines.
const spliced = 64 << 10

// Splice moves what is left of an answer with a known length to the client, in the kernel
// where the system can do that. One call waits for either side, so a server that falls
// silent has pause, which a client may take nothing for, in addition to its own time.
func (r *Response) Splice(client *net.TCPConn, pause time.Duration) (n int64, err error) {
	c := r.conn
	for c.left > 0 && err == nil {
		now := time.Now()
		c.readBy = now.Add(r.timeouts.Read + pause)
		err = c.net.SetReadDeadline(c.readBy)
		if err == nil && pause > 0 {
			err = client.SetWriteDeadline(now.Add(pause))
		}
		var m int64
		if err == nil {
			m, err = client.ReadFrom(&io.LimitedReader{R: socket.TCP(c.net), N: min(c.left, spliced)})
		}
		n += m
		if c.left -= m; m == 0 && err == nil {
			err = io.ErrUnexpectedEOF
		}
	}
	if err != nil {
		r.failed = c.cause(err)
	}
	return n, r.failed
}

// Ended says whether Next failed because the server drains or went down: the client of a
// stream is to come back, and no fault is to be reported.
func Ended(err error) bool { return errors.Is(err, errEndStream) || errors.Is(err, errCut) }

// Tunnel gives the connection behind an answer of 101, with what was received already.
// It stays the response's: Close ends it.
func (r *Response) Tunnel() (c net.Conn, received []byte) {
	c = r.conn.net
	c.SetDeadline(time.Time{})
	received = r.conn.buf[r.conn.r:r.conn.w]
	r.conn.r = r.conn.w
	return c, received
}

// Close ends the exchange. The connection is kept when the answer was read to its end.
func (r *Response) Close() {
	if r.conn == nil {
		return
	}
	alone := r.stop == nil || r.stop()
	c, s := r.conn, r.Server
	keep := alone && !r.broken && r.failed == nil && c.reusable() && r.complete()
	r.dropHeld()
	r.conn, r.Head = nil, nil
	s.release(c, keep)
	s.pool.done(s)
}

func (r *Response) complete() bool {
	if r.whole {
		return true
	}
	if r.Head.Length == http1.Chunked {
		return r.conn.chunks.Ended()
	}
	return r.conn.left == 0
}

func (r *Response) dropHeld() {
	if r.held != nil {
		*r.held = (*r.held)[:0]
		holds.Put(r.held)
		r.held = nil
	}
}
