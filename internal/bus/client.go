package bus

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/trust"
)

// Client is a node's voice and ear. It is a service.Service: Subscribe and Handle may come
// before Start, and hold through Stop and another Start. Start does not wait for a Booster;
// the client looks for one until it stops. It is safe for concurrent use.
type Client struct {
	cfg   Config
	log   *slog.Logger
	nonce string // tells this client's rings from others'
	route *route

	life sync.Mutex // held through Start and Stop, so that they never interleave

	mu   sync.Mutex
	conn *nats.Conn // nil: not running
	ends []func()   // of what runs beside the connection
	ears map[*ear]struct{}
}

// Config of a Client.
type Config struct {
	Identity *trust.Identity // of the node's host
	Boosters []string        // where Boosters listen, as host:port, the primary first
	// Own is the Server of the same process; a Booster's client speaks to that one only,
	// and Boosters is not needed.
	Own *Server

	// Beat, if given, tells how the node is; see Heartbeat. Heard gets the leader's
	// answers. Both are called from one goroutine.
	Beat  func() Beat
	Heard func(Pulse)
	// Changed, if given, is called when the connection to a Booster was made or lost.
	Changed func(booster string, ok bool)
	// Refused, if given, is called each time that a Booster refuses the host's certificate as
	// revoked; it must not block.
	Refused func()

	// Lose makes each message get lost on its way. It is for tests, which show that the
	// bus is only a doorbell.
	Lose bool
}

const (
	dialWithin  = time.Second
	roundPause  = 50 * time.Millisecond // when all Boosters were tried in vain
	roundSpread = 20 * time.Millisecond

	refusedPause = 500 * time.Millisecond // after a refusal, and twice that after each further one
	refusedMost  = 30 * time.Second

	mostQueued = 8192    // messages that wait for a listener; more are lost
	mostBytes  = 8 << 20 // of them
)

// New makes a client that is not connected.
func New(cfg Config, log *slog.Logger) (*Client, error) {
	if cfg.Identity == nil {
		return nil, errs.New(errs.Invalid, "the bus needs the identity of the host")
	}
	if cfg.Own == nil && len(cfg.Boosters) == 0 {
		return nil, errs.New(errs.Invalid, "the bus needs the address of a Booster")
	}
	for _, address := range cfg.Boosters {
		if _, _, err := split(address); err != nil {
			return nil, err
		}
	}
	c := &Client{cfg: cfg, log: log, nonce: nats.NewInbox(), ears: map[*ear]struct{}{}}
	c.route = newRoute(cfg.Boosters)
	return c, nil
}

// Name of the host that the client speaks for.
func (c *Client) Name() string { return c.cfg.Identity.Name() }

// Start looks for a Booster and returns, connected or not.
func (c *Client) Start(ctx context.Context) (err error) {
	defer errs.Wrap(&err, "bus.Client.Start")
	c.life.Lock()
	defer c.life.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.conn != nil {
		return nil
	}
	if c.cfg.Own != nil {
		c.route = newRoute([]string{local(c.cfg.Own.Addr())})
	}
	conn, err := c.options().Connect()
	if err != nil {
		return err
	}
	for e := range c.ears {
		if err := e.listen(conn); err != nil {
			conn.Close()
			return err
		}
	}
	c.conn = conn
	c.ends = c.attend(ctx)
	return nil
}

// Stop closes the connection. Answers under way are waited for, until ctx ends.
func (c *Client) Stop(ctx context.Context) error {
	c.life.Lock()
	defer c.life.Unlock()
	c.mu.Lock()
	conn, ends := c.conn, c.ends
	c.conn, c.ends = nil, nil
	ears := make([]*ear, 0, len(c.ears))
	for e := range c.ears {
		ears = append(ears, e)
	}
	c.mu.Unlock()
	if conn == nil {
		return nil
	}
	for _, end := range ends {
		end()
	}
	conn.Close()
	for _, e := range ears {
		if err := e.quiet(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Connected says to which Booster, by its host's name.
func (c *Client) Connected() (booster string, ok bool) {
	c.mu.Lock()
	conn := c.conn
	c.mu.Unlock()
	if conn == nil || !conn.IsConnected() {
		return "", false
	}
	return conn.ConnectedServerName(), true
}

// SetBoosters replaces the list of Boosters, when one was added or left.
func (c *Client) SetBoosters(addresses []string) error {
	for _, address := range addresses {
		if _, _, err := split(address); err != nil {
			return err
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cfg.Own != nil || len(addresses) == 0 {
		return nil
	}
	c.cfg.Boosters = addresses
	c.route.set(addresses)
	if c.conn == nil {
		return nil
	}
	return c.conn.SetServerPool(urls(addresses))
}

// Publish says something to whoever listens. While there is no connection it is lost,
// which is errs.Unavailable.
func (c *Client) Publish(subject Subject, v any) (err error) {
	defer errs.Wrap(&err, "bus.Publish")
	if err := subject.check(false); err != nil {
		return err
	}
	payload, err := encode(v)
	if err != nil || c.cfg.Lose {
		return err
	}
	conn, err := c.connection()
	if err != nil {
		return err
	}
	if err := conn.Publish(subject.from(c.Name()), payload); err != nil {
		return away(err)
	}
	return nil
}

// connection is the one that there is while the client runs.
func (c *Client) connection() (*nats.Conn, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.conn == nil {
		return nil, errs.New(errs.Unavailable, "this node is not on the bus")
	}
	return c.conn, nil
}

func away(err error) error { return errs.New(errs.Unavailable, "no Booster answers: %w", err) }

func (c *Client) options() nats.Options {
	o := nats.GetDefaultOptions()
	o.Name = c.Name()
	o.Servers = c.route.list()
	o.NoRandomize, o.IgnoreDiscoveredServers = true, true
	o.CustomDialer, o.TLSHandshakeFirst, o.Secure = dialer{c}, true, true
	o.Timeout, o.PingInterval, o.MaxPingsOut = dialWithin, ping, missed
	o.RetryOnFailedConnect, o.MaxReconnect, o.IgnoreAuthErrorAbort = true, -1, true
	o.ReconnectToServerCB = c.route.pick
	o.ReconnectBufSize = -1 // what was not sent is not sent late
	o.SubChanLen = mostQueued
	o.InboxPrefix = inbox(c.Name())
	o.NoCallbacksAfterClientClose = true
	o.ConnectedCB = c.arrived
	o.ReconnectedCB = c.arrived
	o.DisconnectedErrCB = func(*nats.Conn, error) { c.changed("", false) }
	o.ReconnectErrCB = func(_ *nats.Conn, err error) { c.log.Debug("bus: no connection", "err", err) }
	o.AsyncErrorCB = func(_ *nats.Conn, s *nats.Subscription, err error) {
		subject := ""
		if s != nil {
			subject = s.Subject
		}
		c.log.Warn("bus: a message was lost or refused", "subject", subject, "err", err)
	}
	return o
}

func (c *Client) arrived(conn *nats.Conn) {
	c.route.connected(conn.ConnectedUrl())
	c.changed(conn.ConnectedServerName(), true)
}

func (c *Client) changed(booster string, ok bool) {
	c.log.Debug("bus: connection changed", "booster", booster, "connected", ok)
	if c.cfg.Changed != nil {
		c.cfg.Changed(booster, ok)
	}
}
