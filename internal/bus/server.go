package bus

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/url"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/trust"
)

// Server is a Booster's part in carrying the bus: hosts connect to it, and the Boosters'
// servers to each other, so that everybody hears everybody wherever they are connected.
// It is a service.Service.
//
// It is NATS' server with nothing but its core: two ports, both of which want a
// certificate before they say a word.
type Server struct {
	cfg ServerConfig
	log *slog.Logger

	mu    sync.Mutex
	nats  *server.Server // nil: not running
	addr  string         // where it listens, kept over restarts
	route string
}

// ServerConfig of a Server.
type ServerConfig struct {
	Identity *trust.Identity // of the Booster's host
	Listen   string          // for hosts, as [host]:port; :5169. Port 0 takes a free one
	Route    string          // for other Boosters; the port after that of Listen
	Peers    []string        // the others' Route, as host:port; those that dial us need not be named
}

// Timing of connections between nodes.
const (
	ping         = 500 * time.Millisecond // a connection that misses two answers is closed
	missed       = 2
	writeWithin  = 2 * time.Second // to a listener that does not read
	answerWithin = 5 * time.Minute // how long a host may answer a question that it was asked
	startWithin  = 5 * time.Second
	mostSubjects = 1000 // that one connection may listen to
)

// NewServer makes a server that does not run yet.
func NewServer(cfg ServerConfig, log *slog.Logger) (*Server, error) {
	if cfg.Identity == nil || cfg.Identity.Kind() != trust.Booster {
		return nil, errs.New(errs.Invalid, "only a host with a Booster's certificate can carry the bus")
	}
	if cfg.Listen == "" {
		cfg.Listen = ":5169"
	}
	if cfg.Route == "" {
		cfg.Route = RouteOf(cfg.Listen)
	}
	for _, address := range append([]string{cfg.Listen, cfg.Route}, cfg.Peers...) {
		if _, _, err := split(address); err != nil {
			return nil, err
		}
	}
	return &Server{cfg: cfg, log: log, addr: cfg.Listen, route: cfg.Route}, nil
}

// RouteOf is the address for Boosters that goes with one for hosts: the next port.
func RouteOf(address string) string {
	host, port, err := split(address)
	if err != nil || port == 0 {
		return address
	}
	return net.JoinHostPort(host, strconv.Itoa(port+1))
}

// Addr is where hosts connect, once the server runs.
func (s *Server) Addr() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.addr
}

// RouteAddr is where other Boosters connect, once the server runs.
func (s *Server) RouteAddr() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.route
}

// Start listens.
func (s *Server) Start(ctx context.Context) (err error) {
	defer errs.Wrap(&err, "bus.Server.Start")
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.nats != nil {
		return nil
	}
	return s.run(ctx)
}

// Stop closes all connections. Hosts go to the other Booster.
func (s *Server) Stop(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.halt()
	return nil
}

func (s *Server) run(ctx context.Context) error {
	opts, err := s.options()
	if err != nil {
		return err
	}
	who := &doorkeeper{}
	opts.CustomClientAuthentication = who
	n, err := server.NewServer(opts)
	if err != nil {
		return err
	}
	// The server registers a copy of the account; users have to belong to that one.
	if who.account, err = n.LookupAccount(accountNodes); err != nil {
		return err
	}
	log := newJournal(s.log)
	n.SetLoggerV2(log, false, false, false)
	n.Start()
	s.nats = n
	for end := time.Now().Add(startWithin); !n.ReadyForConnections(50 * time.Millisecond); {
		if err := errors.Join(ctx.Err(), log.fatal()); err != nil || time.Now().After(end) {
			s.halt()
			return errs.New(errs.Unavailable, "the bus cannot listen on %s and %s: %w", s.addr, s.route, err)
		}
	}
	s.addr, s.route = n.Addr().String(), n.ClusterAddr().String()
	return nil
}

func (s *Server) halt() {
	if s.nats == nil {
		return
	}
	s.nats.Shutdown()
	s.nats.WaitForShutdown()
	s.nats = nil
}

// The accounts of the server: what nodes say stays apart from what it says to itself.
const (
	accountNodes = "NODES"
	accountOwn   = "SYS"
)

// options are the core of the server and nothing else: no persistence, no leaf nodes, no
// gateways, no WebSocket, MQTT or HTTP, no signals caught.
func (s *Server) options() (*server.Options, error) {
	host, port, err := split(s.addr)
	if err != nil {
		return nil, err
	}
	routeHost, routePort, err := split(s.route)
	if err != nil {
		return nil, err
	}
	opts := &server.Options{
		ServerName: s.cfg.Identity.Name(), Host: host, Port: orFree(port),
		NoSigs: true, MaxPayload: maxPayload, MaxPending: 16 << 20, WriteDeadline: writeWithin,
		MaxClosedClients: 100, MaxSubs: mostSubjects, PingInterval: ping, MaxPingsOut: missed, AuthTimeout: 2,
		TLSConfig: s.cfg.Identity.ServerTLS(), TLSHandshakeFirst: true, TLSVerify: true, TLSTimeout: 2,
		Accounts:      []*server.Account{server.NewAccount(accountNodes), server.NewAccount(accountOwn)},
		SystemAccount: accountOwn,
		Cluster: server.ClusterOpts{
			Name: "boosters", Host: routeHost, Port: orFree(routePort), NoAdvertise: true, PoolSize: -1,
			PingInterval: ping, MaxPingsOut: missed, WriteDeadline: writeWithin, ConnectRetries: 1 << 30,
			TLSConfig: s.cfg.Identity.RouteTLS(), TLSTimeout: 2, AuthTimeout: 2,
		},
	}
	for _, address := range s.cfg.Peers {
		if address != s.route {
			opts.Routes = append(opts.Routes, &url.URL{Scheme: "nats-route", Host: address})
		}
	}
	return opts, nil
}

// orFree turns port 0 into what NATS means by any free port.
func orFree(port int) int {
	if port == 0 {
		return server.RANDOM_PORT
	}
	return port
}

func split(address string) (host string, port int, err error) {
	host, text, err := net.SplitHostPort(address)
	if err == nil {
		port, err = strconv.Atoi(text)
	}
	if err != nil || port < 0 || port > 65534 {
		return "", 0, errs.New(errs.Invalid, "%q is no address for the bus", address).WithCure("write HOST:PORT, such as :5169")
	}
	return host, port, nil
}

// doorkeeper decides what a connection may say and hear. The handshake has let in nobody
// without a certificate of the cluster.
type doorkeeper struct{ account *server.Account }

// Check implements server.Authentication.
func (d *doorkeeper) Check(c server.ClientAuthentication) bool {
	state := c.GetTLSConnectionState()
	if state == nil {
		return false
	}
	name, kind, err := trust.Peer(*state)
	if err != nil || trust.CheckName(name) != nil {
		return false
	}
	c.RegisterUser(&server.User{Username: name, Account: d.account, Permissions: permissions(name, kind)})
	return true
}
