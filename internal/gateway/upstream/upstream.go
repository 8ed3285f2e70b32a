// Package upstream brings a request to one of several servers and its answer back,
// whatever happens to the servers meanwhile. It knows nothing of who asked: a front
// parses the client's request, hands over a head of bytes with a body, and writes the
// answer out.
//
// What always holds:
//
//   - A request that may not be repeated (Request.Repeat) is sent at most once. Nothing was
//     sent when connecting failed, so then any request goes to the next server.
//   - Nothing is repeated once a byte of the answer's content was handed to the front, and
//     an answer is never repeated for its status. The one exception is 409 with Retry-After
//     to a repeated request: the first run of it is still under way and is waited for.
//   - An answer of at most Held bytes is given to the front whole or not at all.
//   - Without a ready server a request waits, at most Config.Hold, and so does one that
//     failed everywhere.
//
// Who is ready is decided by the pool's own probes. Member events (Pool.Down, Pool.Up)
// only hasten that; a wrong one is corrected by the next probe. Pool.mu guards who is
// chosen and every field of a Server that says so; no lock is held during I/O.
package upstream

import (
	"errors"
	"net/netip"
	"sync/atomic"
	"time"
)

// Sizes in bytes.
const (
	Held    = 64 << 10 // answers up to this are held until complete
	bufSize = 32 << 10 // of a connection; bounds the head of an answer
)

// The ways a request ends without an answer.
var (
	ErrNoServer  = errors.New("no server is ready")
	ErrUpstream  = errors.New("the server broke off")              // and the request may not be repeated, or was often enough
	ErrTimeout   = errors.New("the server did not answer in time") //
	ErrCanceled  = errors.New("the client went away")
	ErrCrowded   = errors.New("too many requests wait for a server")
	ErrClosed    = errors.New("the pool is closed")
	errCut       = errors.New("the server was marked down")
	errEndStream = errors.New("the stream was ended for a drain")
)

// ClientError is the failure of reading the request's body from the client; it says
// nothing about any server.
type ClientError struct{ Err error }

func (e *ClientError) Error() string { return "read the request: " + e.Err.Error() }
func (e *ClientError) Unwrap() error { return e.Err }

// Request is one request on its way to a pool.
type Request struct {
	Method string
	Head   []byte // request line and fields with the empty line, as every server gets them
	Body   *Body  // nil: none
	Repeat bool   // may be sent again after it was sent: safe, or it carries an Idempotency-Key

	Path   []byte     // for ticket affinity
	Client netip.Addr // for ip_hash
	Cookie string     // for cookie affinity: what the client sent, unchecked

	Timeouts Timeouts
	Caller   *Caller // nil: the end of the context is all that tells of a client that went away
}

// Caller lets a front end its requests, one at a time, when it finds that their client went
// away. It spares the cost of watching a context for each request; the front ends the
// context first, for a request that is not at a server just then.
type Caller struct{ at atomic.Pointer[conn] }

// Gone cuts off what is at a server.
func (cl *Caller) Gone() {
	c := cl.at.Load()
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.caller == cl { // else the connection carries another's request by now
		c.cutNow(ErrCanceled)
	}
}

// Timeouts are between two successive operations, as nginx means them, not for the
// whole. 0 is the default.
type Timeouts struct {
	Connect time.Duration `yaml:"connect,omitempty"` // 5s
	Send    time.Duration `yaml:"send,omitempty"`    // 5s
	Read    time.Duration `yaml:"read,omitempty"`    // 5s
	Stream  time.Duration `yaml:"stream,omitempty"`  // 1h; silence of an event stream or WebSocket
}

// OrDefault fills in what is not set.
func (t Timeouts) OrDefault() Timeouts {
	set(&t.Connect, 5*time.Second)
	set(&t.Send, 5*time.Second)
	set(&t.Read, 5*time.Second)
	set(&t.Stream, time.Hour)
	return t
}

func set[T comparable](field *T, def T) {
	var zero T
	if *field == zero {
		*field = def
	}
}
