package gateway_test

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/gateway"
	"github.com/paceline/paceline/internal/gateway/upstream"
	"github.com/paceline/paceline/internal/service/servicetest"
)

func newGateway(t *testing.T, cfg gateway.Config) *gateway.Gateway {
	t.Helper()
	g, err := gateway.New(cfg, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// full is a table with every field set.
func full() gateway.Table {
	return gateway.Table{
		Revision: 7,
		Routes: []gateway.Route{{
			Host: "a.example", Path: "/x", App: "a", Pool: "p", MaxBody: 5, Replay: gateway.ReplayKeys, Maintenance: "soon",
			Timeouts: upstream.Timeouts{Connect: 1, Send: 2, Read: 3, Stream: 4},
		}},
		Pools: map[string]upstream.Config{"p": {
			Servers: []upstream.ServerConfig{{Address: "127.0.0.1:1", Weight: 2, Drain: true}}, Policy: upstream.Cookie, CookieKey: "k",
			MaxFails: 3, FailTimeout: time.Second, SlowStart: time.Minute, Hold: time.Second, MaxHeld: 4, Grace: 5, Idle: 6, IdleTimeout: 7,
			Budget: upstream.Budget{Ratio: 0.5, Burst: 8}, Probe: upstream.Probe{Path: "/p", Every: 9, Timeout: 10, Misses: 11}, TicketAfter: []string{"t"},
		}},
	}
}

func TestTheLastTableIsKeptAndServedWithNobodyThere(t *testing.T) {
	cfg := quiet(gateway.FrontRelay)
	cfg.State, cfg.Table = filepath.Join(t.TempDir(), "deep", "state"), gateway.Table{}
	g := newGateway(t, cfg)
	if err := g.Apply(t.Context(), full()); err != nil {
		t.Fatal(err)
	}
	if got := newGateway(t, cfg).Table(); !reflect.DeepEqual(got, full()) {
		t.Errorf("came back as %+v", got)
	}
	info, err := os.Stat(filepath.Join(cfg.State, "table.yaml"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Error(info, err)
	}
	if left, _ := filepath.Glob(filepath.Join(cfg.State, "*new*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestTheHigherRevisionIsServed(t *testing.T) {
	state := t.TempDir()
	kept := quiet(gateway.FrontRelay)
	kept.State = state
	g := newGateway(t, kept)
	if err := g.Apply(t.Context(), full()); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		configured uint64
		want       uint64
	}{{0, 0}, {6, 7}, {7, 7}, {8, 8}} {
		cfg := quiet(gateway.FrontRelay, "127.0.0.1:2")
		cfg.State, cfg.Table.Revision = state, tt.configured
		if got := newGateway(t, cfg).Table().Revision; got != tt.want {
			t.Errorf("configured %d: serves %d, want %d", tt.configured, got, tt.want)
		}
	}
	older := full()
	older.Revision = 6
	if err := g.Apply(t.Context(), older); !errs.Is(err, errs.Conflict) || g.Table().Revision != 7 {
		t.Errorf("%v, serves %d", err, g.Table().Revision)
	}
}

func TestAWrongTableChangesNothing(t *testing.T) {
	s := serveHandler(t, echo)
	cfg := quiet(gateway.FrontRelay, s.URL)
	cfg.State = t.TempDir()
	w := start(t, cfg)
	bad := full()
	bad.Routes = append(bad.Routes, gateway.Route{Host: "A b", Path: "x/../y", App: "", Pool: "none", Replay: "maybe", MaxBody: -1, Maintenance: "a\nb"},
		gateway.Route{Host: "a.example", Path: "/x", App: "b", Pool: "p"})
	err := w.Apply(t.Context(), bad)
	var e *errs.Error
	if !errors.As(err, &e) || e.Kind != errs.Invalid || len(e.Details) != 8 {
		t.Fatalf("%v\n%+v", err, e)
	}
	if res, _ := w.do("GET", "/x", ""); res.StatusCode != 200 {
		t.Errorf("after a refused table: %d", res.StatusCode)
	}
	if _, err := os.Stat(filepath.Join(cfg.State, "table.yaml")); err == nil {
		t.Error("the refused table was kept")
	}
}

func TestABrokenKeptTableIsReportedAndNotServed(t *testing.T) {
	cfg := quiet(gateway.FrontRelay)
	cfg.Table, cfg.State = gateway.Table{}, t.TempDir()
	if err := os.WriteFile(filepath.Join(cfg.State, "table.yaml"), []byte("revision: [\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var log lines
	g, err := gateway.New(cfg, slog.New(slog.NewTextHandler(&log, nil)), prometheus.NewRegistry())
	if err != nil || len(g.Table().Routes) > 0 || !strings.Contains(log.String(), "kept table cannot be used") {
		t.Errorf("%v %v %s", err, g.Table(), log.String())
	}
}

func TestConfigNamesEveryWrongPlace(t *testing.T) {
	cfg := quiet(gateway.FrontRelay)
	cfg.Listen, cfg.Admin, cfg.TLS.Listen, cfg.Proxies = "", "nowhere", ":1", []string{"10.0.0.0/33"}
	cfg.Limits.Header, cfg.Limits.Body, cfg.Limits.Memory = 5, -1, 1<<40
	cfg.Table.Routes[0].Pool = "none"
	var e *errs.Error
	if _, err := gateway.New(cfg, slog.New(slog.DiscardHandler), prometheus.NewRegistry()); !errors.As(err, &e) {
		t.Fatal(err)
	}
	var places []string
	for _, d := range e.Details {
		places = append(places, d.Place)
	}
	if got := strings.Join(places, " "); got != "admin limits limits.header limits.memory proxies[0] table.routes[0].pool tls" {
		t.Error(got)
	}
}

func TestApplyKeepsWhatIsUnderWay(t *testing.T) {
	bothFronts(t, func(t *testing.T, front gateway.Front) {
		l := newLedger(t)
		b := newBackend(l.URL, 0)
		s := serveHandler(t, b.ServeHTTP)
		other := serveHandler(t, echo)
		w := start(t, quiet(front, s.URL))
		ld := startLoad(w, l, 8)
		defer b.client.CloseIdleConnections()
		for i := range 20 { // servers come and go, the one that works stays
			table := tableFor(s.URL)
			if i%2 == 0 {
				table.Pools["app"] = tableFor(s.URL, other.URL).Pools["app"]
				table.Pools["app"].Servers[1].Drain = true
			}
			table.Revision = uint64(i + 1)
			if err := w.Apply(t.Context(), table); err != nil {
				t.Fatal(err)
			}
			ld.more(20)
		}
		if r := ld.end(); !r.clean() {
			t.Error(r)
		}
	})
}

func TestServicePromises(t *testing.T) {
	cfg := quiet(gateway.FrontRelay, "127.0.0.1:1")
	cfg.TLS = gateway.TLS{Listen: "127.0.0.1:0", SelfSigned: true}
	servicetest.Stress(t, newGateway(t, cfg))
}

func TestTakenAddressFailsTheStart(t *testing.T) {
	w := start(t, quiet(gateway.FrontRelay, "127.0.0.1:1"))
	cfg := quiet(gateway.FrontRelay, "127.0.0.1:1")
	cfg.Listen = w.Addr().String()
	g := newGateway(t, cfg)
	if err := g.Start(t.Context()); err == nil || !strings.Contains(err.Error(), cfg.Listen) {
		t.Errorf("%v", err)
	}
	if err := g.Stop(t.Context()); err != nil {
		t.Error(err)
	}
}
