package test

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/paceline/paceline/internal/db/dbtest"
	"github.com/paceline/paceline/internal/demo"
	"github.com/paceline/paceline/internal/gateway"
	"github.com/paceline/paceline/internal/gateway/upstream"
)

// TestTheLedgerSeesWhatIsSwitchedOff lets a server die, again and again, between the commit of a
// write and its answer. Nobody notices; but without the gateway's repeats requests fail, and
// without the server's store of answers the repeats double them. So the ledger of the
// chaos would show if either were missing. What the fence prevents is shown in
// internal/cluster, by leaders who are frozen with it and without.
func TestTheLedgerSeesWhatIsSwitchedOff(t *testing.T) {
	for _, tt := range []struct {
		name    string
		replay  gateway.Replay
		forgets bool // the server stores no answers
		shown   func(failed int64, a demo.Audit) bool
	}{
		{"nothing", gateway.ReplayAll, false, func(failed int64, a demo.Audit) bool { return failed == 0 && a.Clean() }},
		{"replay", gateway.ReplayOff, false, func(failed int64, _ demo.Audit) bool { return failed > 0 }},
		{"idempotency store", gateway.ReplayAll, true, func(_ int64, a demo.Audit) bool { return a.Doubled > 0 }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := startServer(t, serverDSN+"="+dbtest.DSN(t, "sqlite"), serverData+"="+t.TempDir())
			f := &forgetful{to: strings.TrimPrefix(s.url, "http://"), forgets: tt.forgets}
			address := startGateway(t, tt.replay, f.serve(t))
			load := demo.NewLoad(demo.LoadConfig{Gateways: []string{address}, Password: password})
			if err := load.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			f.die(true)
			for end := time.Now().Add(30 * time.Second); load.Ledger.Figures().Requests < 400; time.Sleep(5 * time.Millisecond) {
				if time.Now().After(end) {
					t.Fatal("the load does not move")
				}
			}
			f.die(false)
			if err := load.Stop(t.Context()); err != nil {
				t.Fatal(err)
			}
			audit, err := load.Audit(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			failed := load.Ledger.Figures().Failed
			t.Logf("%d requests, %d failed, %d lost, %d doubled", load.Ledger.Figures().Requests, failed, audit.Lost, audit.Doubled)
			if !tt.shown(failed, audit) {
				t.Error(load.Ledger.Figures().First, audit.First)
			}
		})
	}
}

// forgetful is a front of a server that dies, as the caller sees it, after every fifth write was
// done and before it is answered.
type forgetful struct {
	to      string
	forgets bool // the server is not told the keys

	mu     sync.Mutex
	dies   bool
	writes int
}

func (f *forgetful) die(on bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.dies = on
}

// now says whether this write is one after which the server dies.
func (f *forgetful) now() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.writes++
	return f.dies && f.writes%5 == 0
}

func (f *forgetful) serve(t *testing.T) (address string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: f}
	go server.Serve(l)
	t.Cleanup(func() { server.Close() })
	return l.Addr().String()
}

func (f *forgetful) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	out := r.Clone(r.Context())
	out.URL.Scheme, out.URL.Host, out.RequestURI = "http", f.to, ""
	if f.forgets {
		out.Header.Del("Idempotency-Key")
	}
	res, err := http.DefaultTransport.RoundTrip(out)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	defer res.Body.Close()
	if r.Method == http.MethodPost && f.now() {
		panic(http.ErrAbortHandler) // the connection breaks
	}
	for name, values := range res.Header {
		w.Header()[name] = values
	}
	w.WriteHeader(res.StatusCode)
	io.Copy(w, res.Body)
}

// startGateway starts a gateway to one server.
func startGateway(t *testing.T, replay gateway.Replay, server string) (address string) {
	t.Helper()
	cfg := gateway.Defaults()
	cfg.Listen, cfg.Admin, cfg.State, cfg.AccessLog = "127.0.0.1:0", "127.0.0.1:0", t.TempDir(), false
	cfg.Table = gateway.Table{
		Routes: []gateway.Route{{Path: "/", App: "app", Pool: "app", Replay: replay}},
		Pools:  map[string]upstream.Config{"app": {Servers: []upstream.ServerConfig{{Address: server}}, MaxFails: -1}},
	}
	g, err := gateway.New(cfg, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	if err := g.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := g.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return g.Addr().String()
}
