package gateway

import (
	"net"
	"net/netip"
	"sync"
	"time"
)

// rates bounds the requests per second of each address: a bucket of burst tokens that
// fills at the rate. An IPv6 client counts by its /64.
//
// A bucket that nobody touched for as long as it takes to fill is full, which is the same
// as none: so two generations of buckets are kept and the older is dropped whole. mu
// guards them.
type rates struct {
	rate, burst float64

	mu       sync.Mutex
	young    map[netip.Addr]bucket
	old      map[netip.Addr]bucket
	turnover time.Time
}

type bucket struct {
	tokens float64
	at     time.Time
}

func newRates(rate float64, burst int) *rates {
	return &rates{rate: rate, burst: float64(max(burst, 1)), young: make(map[netip.Addr]bucket)}
}

func (r *rates) allow(a netip.Addr, now time.Time) bool {
	if r.rate <= 0 {
		return true
	}
	if a.Is6() {
		if p, err := a.Prefix(64); err == nil {
			a = p.Addr()
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if now.Sub(r.turnover) > time.Duration(r.burst/r.rate*float64(time.Second)) {
		r.old, r.young, r.turnover = r.young, make(map[netip.Addr]bucket), now
	}
	b, ok := r.young[a]
	if !ok {
		if b, ok = r.old[a]; !ok {
			b = bucket{r.burst, now}
		}
	}
	b.tokens = min(r.burst, b.tokens+now.Sub(b.at).Seconds()*r.rate)
	b.at = now
	allowed := b.tokens >= 1
	if allowed {
		b.tokens--
	}
	r.young[a] = b
	return allowed
}

// crowd counts connections, all and per address. mu guards the counts.
type crowd struct {
	limit, each int // 0: no limit

	mu   sync.Mutex
	all  int
	from map[netip.Addr]int
}

// enter counts a connection in; nil when there are too many.
func (c *crowd) enter(nc net.Conn) net.Conn {
	a := addressOf(nc.RemoteAddr().String())
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.limit > 0 && c.all >= c.limit || c.each > 0 && c.from[a] >= c.each {
		return nil
	}
	c.all++
	c.from[a]++
	return &counted{Conn: nc, leave: func() { c.exit(a) }}
}

func (c *crowd) exit(a netip.Addr) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all--
	if c.from[a]--; c.from[a] == 0 {
		delete(c.from, a)
	}
}

// counted is a connection that is counted out when it is closed.
type counted struct {
	net.Conn
	leave func()
	once  sync.Once
}

// CloseWrite lets a client read to the end what is closed behind it.
func (c *counted) CloseWrite() error { return closeWrite(c.Conn) }

func closeWrite(c net.Conn) error {
	if half, ok := c.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

func (c *counted) Close() error {
	c.once.Do(c.leave)
	return c.Conn.Close()
}
