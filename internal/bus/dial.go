package bus

import (
	"context"
	"crypto/tls"
	"net"

	"github.com/paceline/paceline/internal/trust"
)

// dialer makes a client's connections, TLS before anything else, and notices when a Booster
// refuses the host's certificate: in TLS 1.3 that is told to the first who reads.
type dialer struct{ *Client }

// SkipTLSHandshake tells the library that Dial does it.
func (dialer) SkipTLSHandshake() bool { return true }

// Dial implements nats.CustomDialer.
func (d dialer) Dial(network, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), dialWithin)
	defer cancel()
	conn, err := (&tls.Dialer{Config: d.cfg.Identity.ClientTLS()}).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return heedful{conn, d.Client}, nil
}

type heedful struct {
	net.Conn
	client *Client
}

// Read is net.Conn's.
func (h heedful) Read(b []byte) (int, error) {
	n, err := h.Conn.Read(b)
	if trust.IsRefusal(err) {
		h.client.refused()
	}
	return n, err
}

// refused takes in that a Booster has refused the host's certificate: the host was removed.
func (c *Client) refused() {
	if c.route.refused() {
		c.log.Warn("bus: the Boosters refuse this host's certificate; it was removed from the cluster", "node", c.Name())
	}
	if c.cfg.Refused != nil {
		c.cfg.Refused()
	}
}
