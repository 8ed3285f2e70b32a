package gateway

import (
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"time"

	"github.com/paceline/paceline/internal/gateway/http1"
	"github.com/paceline/paceline/internal/gateway/upstream"
)

// visit is one request while it is here, whichever front took it. Its bytes point into the
// front's buffers and are good until the visit ends.
type visit struct {
	ctx    context.Context // ends when the client goes away
	head   *http1.Head     // as sent; a request of HTTP/2 is put into the same form
	proto  string          // HTTP/1.0, HTTP/1.1 or HTTP/2.0
	method string
	host   []byte
	path   []byte // as sent, without the query
	query  []byte // with its question mark
	fields fields

	refusal *refusal // what is wrong with it; nil: nothing
	peer    netip.Addr
	client  netip.Addr // the peer, or whom a configured proxy speaks for
	proxied bool       // the peer is a configured proxy
	secure  bool
	id      []byte // of the request, in log, server and answer
	ownID   [13]byte

	caller  *upstream.Caller // nil: ctx is all
	request upstream.Request // what the pool gets
	began   time.Time
	route   *route
	server  string
	tries   int
	status  int
	bytes   int64
	cause   string
	close   bool // no other request is taken on this connection
}

// client is the front's side of a visit. Read gives the content of the request's body.
type client interface {
	io.Reader
	SetReadDeadline(time.Time) error

	// own sends an answer in the gateway's name.
	own(v *visit, a ownAnswer)
	// pass sends a server's answer, and cookie as a Set-Cookie of ours if there is one.
	pass(v *visit, resp *upstream.Response, cookie string)
	// hijack gives the connection, with what was read ahead in front.
	hijack() (net.Conn, io.Reader, error)
	// abort breaks the connection or stream off, so that the client can tell that its
	// answer is not complete.
	abort()
}

// serve takes one request from its arrival to its line in the log.
func (g *Gateway) serve(v *visit, c client) {
	g.front.visits.Add(1)
	defer g.front.visits.Done()
	g.metrics.open.Inc()
	defer func() {
		g.metrics.open.Dec()
		g.account(v, time.Since(v.began))
	}()
	v.close = v.close || g.draining.Load()
	if v.refusal == nil {
		v.refusal = v.look()
	}
	v.identify(g)
	if v.refusal != nil {
		g.refuse(v, c, *v.refusal)
		return
	}
	if !g.rates.allow(v.client, v.began) {
		fail(v, c, 429, "too many requests from this address", time.Second)
		return
	}
	v.route = g.live.Load().find(v.host, v.path)
	switch {
	case v.route == nil:
		fail(v, c, 404, "no app is served here", 0)
	case v.route.Maintenance != "":
		maintain(v, c)
	default:
		g.forward(v, c)
	}
}

// refuse answers a request that goes no further.
func (g *Gateway) refuse(v *visit, c client, why refusal) {
	v.cause, v.close = why.why, true
	g.metrics.refused.Inc()
	fail(v, c, why.status, why.why, 0)
}

// identify finds out who asks, and through whom.
func (v *visit) identify(g *Gateway) {
	v.client = v.peer
	if v.proxied = g.isProxy(v.peer); v.proxied {
		v.client = g.clientBehind(v.peer, v.list("x-forwarded-for"))
	}
	if v.id = v.fields.id; len(v.id) > 64 || !visible(v.id) {
		v.id = appendID(v.ownID[:0])
	}
}

// appendID makes a request's id: 64 random bits in base 32.
func appendID(b []byte) []byte {
	const digits = "0123456789abcdefghjkmnpqrstvwxyz"
	for x, i := rand.Uint64(), 0; i < 13; i++ {
		b = append(b, digits[x&31])
		x >>= 5
	}
	return b
}

func addressOf(hostPort string) netip.Addr {
	ap, err := netip.ParseAddrPort(hostPort)
	if err != nil {
		return netip.Addr{}
	}
	return ap.Addr().Unmap().WithZone("")
}

func (g *Gateway) isProxy(a netip.Addr) bool {
	for _, p := range g.proxies {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// methods spares a string for each request.
var methods = [...]string{"GET", "POST", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"}

// arrive takes the head's first line and Host apart, as they were sent. A target in
// absolute form has a host of its own that counts (RFC 9112 section 3.2.2).
func (v *visit) arrive() {
	v.method, v.host = "", nil
	for _, m := range methods {
		if string(v.head.Method) == m {
			v.method = m
		}
	}
	if v.method == "" {
		v.method = string(v.head.Method)
	}
	v.host, v.path, v.query = v.field("host"), v.head.Target, nil
	if len(v.path) == 0 || v.path[0] != '/' {
		v.absolute()
	}
	if i := bytes.IndexByte(v.path, '?'); i >= 0 {
		v.path, v.query = v.path[:i], v.path[i:]
	}
}

// absolute takes a target with a host apart; the Host field counts no more, but has to be
// one. What is no such target is left as it is, to be refused.
func (v *visit) absolute() {
	scheme, rest, ok := bytes.Cut(v.path, []byte("://"))
	if !ok || !bytes.EqualFold(scheme, []byte("http")) && !bytes.EqualFold(scheme, []byte("https")) {
		return
	}
	end := bytes.IndexAny(rest, "/?")
	if end < 0 {
		end = len(rest)
	}
	if mayBeHost(v.host) {
		v.host = rest[:end]
	}
	if v.path = rest[end:]; len(v.path) == 0 || v.path[0] == '?' {
		v.path = append([]byte{'/'}, v.path...)
	}
}
