package bus

import (
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

// route decides which Booster is tried next: after a loss the one after it in the list,
// all without a pause, then all again with one. Its lock is never held while the
// connection is asked something, as the connection asks back.
type route struct {
	mu     sync.Mutex
	places []string // URLs, the primary first
	at     int      // the place that the client is connected to; -1: none
	next   int      // the place that is tried next
	tried  int      // places since the last connection
	turned int      // refusals since then
}

func newRoute(addresses []string) *route {
	r := &route{}
	r.set(addresses)
	return r
}

func urls(addresses []string) []string {
	all := make([]string, len(addresses))
	for i, a := range addresses {
		all[i] = "tls://" + a
	}
	return all
}

// local is an address by which a process reaches its own listener.
func local(address string) string {
	host, port, err := net.SplitHostPort(address)
	if ip := net.ParseIP(host); err == nil && (host == "" || ip != nil && ip.IsUnspecified()) {
		return net.JoinHostPort("127.0.0.1", port)
	}
	return address
}

func (r *route) set(addresses []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	was := ""
	if r.at >= 0 && len(r.places) > 0 {
		was = r.places[r.at]
	}
	r.places = urls(addresses)
	r.at, r.next, r.tried = slices.Index(r.places, was), 0, 0
}

func (r *route) list() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.places)
}

// where says which place of how many the client is connected to; -1: none.
func (r *route) where() (at, of int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.at, len(r.places)
}

// connected notes where a connection was made.
func (r *route) connected(url string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.at, r.tried, r.turned = slices.Index(r.places, url), 0, 0
}

// refused notes that a place has refused the host; first says that it is the first one to.
func (r *route) refused() (first bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.turned++
	return r.turned == 1
}

// turn makes a place the one that is tried first when the connection is dropped.
func (r *route) turn(to int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.at, r.next, r.tried = -1, to%len(r.places), 0
}

// pick implements nats.ReconnectToServerHandler.
func (r *route) pick(pool []nats.Server, _ nats.ServerInfo) (*nats.Server, time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.at >= 0 {
		r.next, r.at = (r.at+1)%len(r.places), -1
	}
	place := r.places[r.next]
	r.next = (r.next + 1) % len(r.places)
	var pause time.Duration
	if r.tried++; r.tried > len(r.places) && (r.tried-1)%len(r.places) == 0 {
		pause = roundPause + rand.N(roundSpread)
	}
	if r.turned > 0 { // they will hardly think better of it
		pause = min(refusedPause<<min(r.turned-1, 10), refusedMost) + rand.N(roundSpread)
	}
	for i := range pool {
		if pool[i].URL.String() == place {
			return &pool[i], pause
		}
	}
	return nil, 0
}
