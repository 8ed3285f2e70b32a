package trust

import (
	"crypto/tls"
	"net"
	"sync"
	"sync/atomic"
)

// Door stands before a listener and lets only hosts of the cluster in: nobody else gets
// a byte beyond the handshake. It knows who is inside, and puts out whose certificate was
// revoked. It is safe for concurrent use.
type Door struct {
	id *Identity

	mu     sync.Mutex // guards the rest, and whose the guests are
	guests map[*guest]struct{}
}

// guest is a connection, from before its handshake until it is closed.
type guest struct {
	net.Conn
	door   *Door
	greets atomic.Bool // it speaks TLS
	host   string      // empty: not known yet
}

// NewDoor makes the door of this host.
func NewDoor(id *Identity) *Door { return &Door{id: id, guests: map[*guest]struct{}{}} }

// Guard gives a listener whose connections are TLS and come through the door. Handshakes
// may be resumed, and are checked all the same.
func (d *Door) Guard(l net.Listener) net.Listener {
	return tls.NewListener(entrance{l, d}, &tls.Config{MinVersion: tls.VersionTLS13, GetConfigForClient: d.config})
}

// Cut ends the connections of a host. Its certificate has to be revoked before: who comes
// in meanwhile is refused by that.
func (d *Door) Cut(host string) {
	var leaving []*guest
	d.mu.Lock()
	for g := range d.guests {
		if g.host == host {
			leaving = append(leaving, g)
		}
	}
	d.mu.Unlock()
	for _, g := range leaving {
		_ = g.Close() // it may be leaving by itself
	}
}

// config is for one handshake: it notes who the guest is before that is checked, so that
// nobody slips between a revocation and the cut.
func (d *Door) config(hello *tls.ClientHelloInfo) (*tls.Config, error) {
	c := d.id.mutual(Booster, Host)
	c.SessionTicketsDisabled = false
	g, ours := hello.Conn.(*guest)
	if ours {
		g.greets.Store(true)
	}
	check := c.VerifyConnection
	c.VerifyConnection = func(state tls.ConnectionState) error {
		if ours && len(state.PeerCertificates) > 0 {
			d.mu.Lock()
			g.host = state.PeerCertificates[0].Subject.CommonName
			d.mu.Unlock()
		}
		return check(state)
	}
	return c, nil
}

// entrance is a listener whose connections are guests.
type entrance struct {
	net.Listener
	door *Door
}

// Accept takes the next guest in.
func (e entrance) Accept() (net.Conn, error) {
	conn, err := e.Listener.Accept()
	if err != nil {
		return nil, err
	}
	g := &guest{Conn: conn, door: e.door}
	e.door.mu.Lock()
	e.door.guests[g] = struct{}{}
	e.door.mu.Unlock()
	return g, nil
}

// Write sends nothing to who does not speak TLS: net/http would tell them that they have to.
func (g *guest) Write(b []byte) (int, error) {
	if !g.greets.Load() {
		return 0, net.ErrClosed
	}
	return g.Conn.Write(b)
}

// Close ends the connection.
func (g *guest) Close() error {
	g.door.mu.Lock()
	delete(g.door.guests, g)
	g.door.mu.Unlock()
	return g.Conn.Close()
}
