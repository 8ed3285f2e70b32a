package gateway_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/paceline/paceline/internal/gateway"
	"github.com/paceline/paceline/internal/gateway/upstream"
)

// world is a running gateway in front of some servers.
type world struct {
	*gateway.Gateway
	t      *testing.T
	url    string
	client *http.Client
}

// bothFronts runs a test on each front: what one keeps, the other has to keep.
func bothFronts(t *testing.T, test func(*testing.T, gateway.Front)) {
	for _, front := range []gateway.Front{gateway.FrontStandard, gateway.FrontRelay} {
		t.Run(string(front), func(t *testing.T) {
			t.Parallel()
			test(t, front)
		})
	}
}

// quiet is a configuration on free ports with one app on the given servers. Slow start is
// off, so that servers that come and go get their share at once.
func quiet(front gateway.Front, addresses ...string) gateway.Config {
	cfg := gateway.Defaults()
	cfg.Listen, cfg.Admin, cfg.AccessLog = "127.0.0.1:0", "127.0.0.1:0", false
	cfg.Front = front
	cfg.Table = tableFor(addresses...)
	cfg.Servers = towardsServers()
	return cfg
}

func tableFor(addresses ...string) gateway.Table {
	var servers []upstream.ServerConfig
	for _, a := range addresses {
		servers = append(servers, upstream.ServerConfig{Address: strings.TrimPrefix(a, "http://")})
	}
	return gateway.Table{
		Routes: []gateway.Route{{Path: "/", App: "app", Pool: "app"}},
		Pools:  map[string]upstream.Config{"app": {Servers: servers, SlowStart: -1, Grace: 50 * time.Millisecond}},
	}
}

func change(cfg gateway.Config, edit func(*gateway.Route, *upstream.Config)) gateway.Config {
	pool := cfg.Table.Pools["app"]
	edit(&cfg.Table.Routes[0], &pool)
	cfg.Table.Pools["app"] = pool
	return cfg
}

func start(t *testing.T, cfg gateway.Config) *world {
	t.Helper()
	return startLogged(t, cfg, slog.New(slog.DiscardHandler))
}

func startLogged(t *testing.T, cfg gateway.Config, log *slog.Logger) *world {
	t.Helper()
	g, err := gateway.New(cfg, log, prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	if err := g.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	w := &world{Gateway: g, t: t, client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 100, DisableCompression: true}}}
	if a := g.Addr(); a != nil {
		w.url = "http://" + a.String()
	}
	t.Cleanup(func() {
		w.client.CloseIdleConnections()
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := g.Stop(ctx); err != nil {
			t.Errorf("stop: %v", err)
		}
	})
	return w
}

// status asks the admin door about the servers of the app.
func (w *world) status() map[string]upstream.Status {
	w.t.Helper()
	res, err := http.Get("http://" + w.AdminAddr().String() + "/servers")
	if err != nil {
		w.t.Fatal(err)
	}
	defer res.Body.Close()
	defer http.DefaultClient.CloseIdleConnections()
	var pools map[string][]upstream.Status
	if err := json.NewDecoder(res.Body).Decode(&pools); err != nil {
		w.t.Fatal(err)
	}
	all := make(map[string]upstream.Status)
	for _, s := range pools["app"] {
		all[s.Address] = s
	}
	return all
}

// await polls until the server is in the state, and says how long that took.
func (w *world) await(address string, state upstream.State) time.Duration {
	w.t.Helper()
	began := time.Now()
	address = strings.TrimPrefix(address, "http://")
	eventually(w.t, func() bool { return w.status()[address].State == state })
	return time.Since(began)
}

func eventually(t *testing.T, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	late := time.After(15 * time.Second)
	for !holds() {
		select {
		case <-tick.C:
		case <-late:
			t.Fatal("it did not come to that in 15 s")
		}
	}
}

// do sends one request and gives the whole answer.
func (w *world) do(method, path, body string, header ...string) (*http.Response, string) {
	w.t.Helper()
	req, err := http.NewRequest(method, w.url+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		if header[i] == "Host" {
			req.Host = header[i+1]
			continue
		}
		req.Header.Add(header[i], header[i+1])
	}
	res, err := w.client.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return res, string(text)
}

func serverOf(s *httptest.Server) string { return strings.TrimPrefix(s.URL, "http://") }

// metrics is the text of /metrics.
func (w *world) metrics() string {
	w.t.Helper()
	res, err := http.Get("http://" + w.AdminAddr().String() + "/metrics")
	if err != nil {
		w.t.Fatal(err)
	}
	defer http.DefaultClient.CloseIdleConnections()
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return string(text)
}

// contextUntil ends when the channel is closed.
func contextUntil(t *testing.T, end <-chan struct{}) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		select {
		case <-end:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}
