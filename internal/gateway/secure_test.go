package gateway_test

import (
	"crypto/tls"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/paceline/paceline/internal/config"
	"github.com/paceline/paceline/internal/gateway"
	"github.com/paceline/paceline/internal/gateway/upstream"
	"github.com/paceline/paceline/internal/trust"
	"github.com/paceline/paceline/internal/trust/trusttest"
)

// secured is a directory with the hosts server and gateway of a cluster: then the servers of
// all tests speak TLS.
const secured = "PACELINE_TEST_SECURED"

func identity(host string) (*trust.Identity, error) {
	dir := os.Getenv(secured)
	if dir == "" {
		return nil, nil
	}
	return trust.Open(config.Dir(filepath.Join(dir, host)))
}

// guarded is the listener of a server.
func guarded(ln net.Listener) (net.Listener, error) {
	id, err := identity("server")
	if id == nil || err != nil {
		return ln, err
	}
	return trust.NewDoor(id).Guard(ln), nil
}

// towardsServers is what a gateway connects with.
func towardsServers() *tls.Config {
	id, err := identity("gateway")
	if err != nil {
		panic(err)
	}
	if id == nil {
		return nil
	}
	return id.PeerTLS()
}

// What holds for servers in the clear holds for those of a cluster: the tests of what happens
// between gateway and server run once more, over mutual TLS.
func TestServersOfAClusterAreServedLikeOthers(t *testing.T) {
	if os.Getenv(secured) != "" {
		t.Skip("this is that run")
	}
	dir, c := t.TempDir(), trusttest.New(t)
	for _, host := range []string{"server", "gateway"} {
		c.In(config.Dir(filepath.Join(dir, host)), host, trust.Host, trust.Life)
	}
	cmd := exec.Command(os.Args[0], "-test.run", "^Test(KilledServersCostNothing|Hung|Drain|Events|Trickling|WebSocket|Bodies|Large|AnEarly|WhatIs|Connect|Running|Stored|Timeout|Budget|Kept|Reported|Answers|Client|SlowReaders|Stop)")
	cmd.Env = append(os.Environ(), secured+"="+dir)
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "PASS") {
		t.Errorf("%v\n%s", err, out)
	}
}

// A gateway pays for a handshake once per connection, and not for each request or probe; it talks to no other
// host than the table names, and to nobody in the clear.
func TestHandshakesAreRare(t *testing.T) {
	c := trusttest.New(t)
	server, own := c.Host("server", trust.Host), c.Host("gateway", trust.Host)
	bothFronts(t, func(t *testing.T, front gateway.Front) {
		var connections atomic.Int64
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		srv := &http.Server{Handler: http.HandlerFunc(echo), ConnState: func(_ net.Conn, s http.ConnState) {
			if s == http.StateNew {
				connections.Add(1)
			}
		}}
		go srv.Serve(trust.NewDoor(server).Guard(ln))
		t.Cleanup(func() { srv.Close() })
		cfg := change(quiet(front, ln.Addr().String()), func(_ *gateway.Route, p *upstream.Config) { p.Servers[0].Host = "server" })
		cfg.Servers = own.PeerTLS()
		w := start(t, cfg)
		w.await(ln.Addr().String(), upstream.Ready)
		for range 200 {
			if res, body := w.do("POST", "/x", "hello"); res.StatusCode != http.StatusOK {
				t.Fatalf("%d %s", res.StatusCode, body)
			}
		}
		if n := connections.Load(); n > 3 {
			t.Errorf("%d connections for 200 requests, one after another", n)
		}

		elsewhere := change(cfg, func(_ *gateway.Route, p *upstream.Config) { p.Servers[0].Host = "another" })
		if err := w.Apply(t.Context(), elsewhere.Table); err != nil {
			t.Fatal(err)
		}
		w.await(ln.Addr().String(), upstream.Down)
	})
}
