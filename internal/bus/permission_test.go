package bus_test

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/paceline/paceline/internal/bus"
	"github.com/paceline/paceline/internal/trust"
	"github.com/paceline/paceline/internal/trust/trusttest"
)

// raw is a connection that does not keep to our client's manners.
func (w *world) raw(id *trust.Identity, s *bus.Server, refused chan error) *nats.Conn {
	w.Helper()
	conn, err := nats.Connect("tls://"+s.Addr(), nats.Secure(id.ClientTLS()), nats.TLSHandshakeFirst(),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { refused <- err }))
	w.must(err)
	w.Cleanup(conn.Close)
	return conn
}

func TestAHostHearsAndSaysOnlyWhatItHasTo(t *testing.T) {
	w := newWorld(t)
	a := w.booster("a")
	const say, hear = true, false
	tests := []struct {
		says    bool
		wire    string
		host    bool // may the host h
		booster bool // may the Booster a
	}{
		{say, "bell.inbox.h", true, false},
		{say, "bell.inbox.a", false, true},
		{say, "bell.inbox", false, false},
		{say, "lead.beat.h", true, false},
		{say, "lead.beat.other", false, false},
		{say, "exit.h", true, false},
		{say, "exit.other", false, false},
		{say, "host.h.stop.h", true, false},
		{say, "host.other.stop.h", false, false},
		{say, "host.other.stop.a", false, true},
		{say, "table.h", false, false},
		{say, "table.a", false, true},
		{say, "lease.h", false, false},
		{say, "_INBOX.other.x", false, false},
		{say, "$SYS.REQ.SERVER.PING", false, false},
		{say, "anything", false, false},
		{hear, "bell.*.*", true, true},
		{hear, "exit.*", true, true},
		{hear, "table.*", true, true},
		{hear, "host.h.>", true, false},
		{hear, "host.a.>", false, true},
		{hear, "host.>", false, false},
		{hear, "lead.>", false, true},
		{hear, "lead.renew.*", false, true},
		{hear, "_INBOX.h.>", true, false},
		{hear, "_INBOX.other.>", false, false},
		{hear, "_INBOX.>", false, false},
		{hear, "$SYS.>", false, false},
		{hear, ">", false, false},
	}
	for _, who := range []string{"h", "a"} {
		kind := map[string]trust.Kind{"h": trust.Host, "a": trust.Booster}[who]
		for _, tt := range tests {
			refused := make(chan error, 10)
			conn := w.raw(w.identity(who, kind), a, refused)
			if tt.says {
				w.must(conn.Publish(tt.wire, nil))
			} else {
				_, err := conn.SubscribeSync(tt.wire)
				w.must(err)
			}
			w.must(conn.Flush()) // a refusal comes before the answer to this
			may := tt.host
			if who == "a" {
				may = tt.booster
			}
			select {
			case err := <-refused:
				if may || !strings.Contains(strings.ToLower(err.Error()), "permissions violation") {
					t.Errorf("%s %q: %v", who, tt.wire, err)
				}
			case <-time.After(map[bool]time.Duration{true: time.Millisecond, false: 5 * time.Second}[may]):
				if !may {
					t.Errorf("%s %q: nobody objects", who, tt.wire)
				}
			}
			conn.Close()
		}
	}
}

// TestNobodyGetsInWithoutACertificate tries both ports in all wrong ways. To be let in is
// to get a byte.
func TestNobodyGetsInWithoutACertificate(t *testing.T) {
	w := newWorld(t)
	a := w.booster("a")
	host, foreign := w.identity("h", trust.Host), trusttest.New(t).Host("h", trust.Booster)
	revoked := w.identity("gone", trust.Host)
	w.must(w.identity("a", trust.Booster).Revoke([]string{trust.Serial(revoked.Certificate())}))
	short := w.In(dir(t), "late", trust.Host, time.Second)
	w.eventually("the end of a certificate", func() bool { return time.Now().After(short.Certificate().NotAfter) })

	shows := func(id *trust.Identity) *tls.Config {
		cfg := id.ClientTLS()
		cfg.VerifyConnection = nil // the client believes everything; it is the server that has to refuse
		return cfg
	}
	none := &tls.Config{InsecureSkipVerify: true}
	tests := []struct {
		name  string
		cfg   *tls.Config // nil: no TLS at all
		hosts bool        // let in where hosts connect
		route bool        // where Boosters do
	}{
		{"no TLS", nil, false, false},
		{"no certificate", none, false, false},
		{"of another cluster", shows(foreign), false, false},
		{"revoked", shows(revoked), false, false},
		{"expired", shows(short), false, false},
		{"a host", shows(host), true, false},
		{"a Booster", shows(w.identity("b", trust.Booster)), true, true},
	}
	for _, tt := range tests {
		for address, want := range map[string]bool{a.Addr(): tt.hosts, a.RouteAddr(): tt.route} {
			if got := letIn(t, address, tt.cfg); got != want {
				t.Errorf("%s at %s: let in %v, want %v", tt.name, address, got, want)
			}
		}
	}
}

func letIn(t *testing.T, address string, cfg *tls.Config) bool {
	t.Helper()
	conn, err := net.DialTimeout("tcp", address, 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if cfg != nil {
		if cfg.RootCAs == nil {
			cfg.RootCAs = x509.NewCertPool()
		}
		conn = tls.Client(conn, cfg)
	}
	_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
	if _, err := conn.Write([]byte("CONNECT {}\r\nPING\r\n")); err != nil {
		return false
	}
	n, _ := conn.Read(make([]byte, 1))
	return n > 0
}

func TestARemovedHostIsCutOff(t *testing.T) {
	w := newWorld(t)
	a := w.booster("a")
	b := w.booster("b", a)
	var refusals atomic.Int64
	gone := w.client(bus.Config{Identity: w.identity("gone", trust.Host), Boosters: addresses([]*bus.Server{a, b}), Refused: func() { refusals.Add(1) }})
	stays := w.host("stays", a, b)
	w.at(gone, "a")
	w.at(stays, "a")

	serial := trust.Serial(w.identity("gone", trust.Host).Certificate())
	for name, s := range map[string]*bus.Server{"a": a, "b": b} {
		w.must(w.identity(name, trust.Booster).Revoke([]string{serial}))
		s.Cut("gone")
	}
	w.within(2*time.Second, "the removed host is out", func() bool { _, ok := gone.Connected(); return !ok })
	for end := time.Now().Add(500 * time.Millisecond); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		if _, ok := gone.Connected(); ok {
			t.Fatal("the removed host is back")
		}
	}
	w.eventually("the removed host is told", func() bool { return refusals.Load() > 0 })
	if n := refusals.Load(); n > 4 {
		t.Errorf("a host that is refused has asked %d times within half a second", n)
	}
	if at, ok := stays.Connected(); !ok || at != "a" {
		t.Error("the other host was cut off as well")
	}
}

func TestARemovedBoosterIsCutOff(t *testing.T) {
	w := newWorld(t)
	a := w.booster("a")
	b := w.booster("b", a)
	host := w.host("h", a)
	w.at(host, "a")
	w.eventually("a line between the Boosters", func() bool { return len(a.Peers()) == 1 && len(b.Peers()) == 1 })

	w.must(w.identity("a", trust.Booster).Revoke([]string{trust.Serial(w.identity("b", trust.Booster).Certificate())}))
	a.Cut("b")
	w.within(2*time.Second, "the line is cut", func() bool { return len(a.Peers()) == 0 && len(b.Peers()) == 0 })
	w.at(host, "a")
	if len(a.Peers()) != 0 {
		t.Error("the removed Booster is back")
	}
}
