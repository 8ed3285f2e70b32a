package node

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/paceline/paceline/internal/config"
	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/org"
)

func testConfig(t *testing.T, dir string) Config {
	cfg := Defaults()
	cfg.Data, cfg.Listen, cfg.Name = config.Dir(dir), "127.0.0.1:0", "test"
	cfg.Org.Password = org.PasswordConfig{Memory: 64, Time: 1}
	cfg.Log = slog.New(slog.DiscardHandler)
	return cfg
}

func get(t *testing.T, n *Node, path string) (int, string) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+n.Addr().String()+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(body)
}

// TestNodeStartsServesAndStops runs a node twice on one directory: the second finds what
// the first has left, and nothing of either stays behind.
func TestNodeStartsServesAndStops(t *testing.T) {
	defer goleak.VerifyNone(t)
	dir := t.TempDir()
	for start := range 2 {
		ctx, cancel := context.WithCancel(t.Context())
		began := time.Now()
		n, err := New(ctx, testConfig(t, dir))
		if err != nil {
			t.Fatal(err)
		}
		ready := make(chan struct{})
		ended := make(chan error, 1)
		go func() { ended <- n.Run(ctx, func() { close(ready) }) }()
		<-ready
		t.Logf("start %d: ready after %v", start, time.Since(began))
		if status, body := get(t, n, "/readyz"); status != http.StatusOK {
			t.Errorf("readyz: %d %s", status, body)
		}
		if first := n.OneTimePassword() != ""; first != (start == 0) {
			t.Errorf("start %d made a one-time password: %v", start, first)
		}
		if err := n.Samples(ctx, "a password for the test"); err != nil {
			t.Error(err)
		}
		if live := len(n.apps.Live()); live != 3 {
			t.Errorf("%d apps are live", live)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("stop: %v", err)
		}
	}
}

func TestANodeThatLosesItsPlaceStops(t *testing.T) {
	n, err := New(t.Context(), testConfig(t, t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	err = n.Run(t.Context(), func() {
		// Another process of the same name takes the place over.
		if _, err := n.db.Exec(t.Context(), "UPDATE cluster_node SET epoch = epoch + 1"); err != nil {
			t.Error(err)
		}
	})
	if !errs.Is(err, errs.Unavailable) || !strings.Contains(err.Error(), "place in the cluster") {
		t.Errorf("the node ended with %v", err)
	}
}

func TestWrongConfigurationIsRefusedWithTheCure(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"listen": func(c *Config) { c.Listen = "8100" },
		"drain":  func(c *Config) { c.Drain = -1 },
		"db":     func(c *Config) { c.DB.DSN = "nothing://x" },
		"proxy":  func(c *Config) { c.Proxies = []string{"gateway"} },
		"origin": func(c *Config) { c.Origins = []string{"desk"} },
	} {
		cfg := testConfig(t, t.TempDir())
		change(&cfg)
		_, err := New(t.Context(), cfg)
		var e *errs.Error
		if !errors.As(err, &e) || e.Kind != errs.Invalid || e.Cure == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAnAddressInUseFailsTheStartAndLeavesNothing(t *testing.T) {
	defer goleak.VerifyNone(t)
	ctx, cancel := context.WithCancel(t.Context())
	first, err := New(ctx, testConfig(t, t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	ready := make(chan struct{})
	go func() { ended <- first.Run(ctx, func() { close(ready) }) }()
	<-ready
	cfg := testConfig(t, t.TempDir())
	cfg.Listen = first.Addr().String()
	second, err := New(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := second.Run(ctx, func() { t.Error("it says that it is ready") }); err == nil || !strings.Contains(err.Error(), "listen on") {
		t.Errorf("the second ended with %v", err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
