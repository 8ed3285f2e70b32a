package gateway

import (
	"context"
	"crypto/tls"
	"net"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/paceline/paceline/internal/gateway/socket"
)

// relays is the relays of a front. It ends them when the gateway stops, and those whose
// client went away while a server works for it. mu guards the set.
type relays struct {
	stopping atomic.Bool
	running  sync.WaitGroup

	mu  sync.Mutex
	all map[*relay]struct{}
}

// lookForGone is how often busy relays are looked at for a client that went away, and so
// how long one that closed only its own side has to get its answer, at least.
const lookForGone = 500 * time.Millisecond

func newRelays() *relays { return &relays{all: make(map[*relay]struct{})} }

// relay serves a connection until it ends.
func (f *front) relay(ctx context.Context, conn net.Conn, secure bool) {
	ctx, cancel := context.WithCancel(ctx)
	c := &relay{front: f, conn: conn, secure: secure, peer: addressOf(conn.RemoteAddr().String()), ctx: ctx, cancel: cancel, buf: make([]byte, relayBuffer)}
	under := conn
	if t, ok := conn.(*tls.Conn); ok {
		under = t.NetConn()
	}
	if counted, ok := under.(*counted); ok {
		under = counted.Conn
	}
	c.socket = socket.TCP(under)
	if !secure {
		c.tcp = c.socket
	}
	f.relays.mu.Lock()
	f.relays.all[c] = struct{}{}
	f.relays.mu.Unlock()
	defer c.end()
	c.serve()
}

// end takes the relay out of the set and closes its connection, unless another has it. A
// fault of ours costs this client its connection, and nobody else anything.
func (c *relay) end() {
	if fault := recover(); fault != nil {
		c.front.gateway.log.Error("request failed", "request", string(c.visit.id), "panic", fault, "stack", string(debug.Stack()))
	}
	c.front.relays.mu.Lock()
	delete(c.front.relays.all, c)
	c.front.relays.mu.Unlock()
	c.cancel()
	if !c.taken {
		c.conn.Close()
	}
}

// watch ends the visits of clients that went away, until ctx ends.
func (rs *relays) watch(ctx context.Context) {
	tick := time.NewTicker(lookForGone)
	defer tick.Stop()
	busy := make(map[*relay]uint64) // and its visit at the last look
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		before := busy
		busy = make(map[*relay]uint64, len(before))
		rs.mu.Lock()
		for c := range rs.all {
			if c.state.Load() == relayBusy {
				n := c.visits.Load()
				busy[c] = n
			}
		}
		rs.mu.Unlock()
		for c, n := range busy {
			if last, was := before[c]; was && last == n && c.socket != nil && hungUp(c.socket) {
				c.cancel()
				c.caller.Gone()
			}
		}
	}
}

// stop ends the relays that are idle; the others end with their answer.
func (rs *relays) stop() {
	rs.stopping.Store(true)
	rs.each(func(c *relay) {
		if c.state.CompareAndSwap(relayIdle, relayEnded) {
			c.conn.Close()
		}
	})
}

// cut ends all.
func (rs *relays) cut() {
	rs.each(func(c *relay) {
		c.cancel()
		c.caller.Gone()
		c.conn.Close()
	})
}

func (rs *relays) each(do func(*relay)) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	for c := range rs.all {
		do(c)
	}
}
