package api_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/paceline/paceline/client"
	"github.com/paceline/paceline/internal/config"
	"github.com/paceline/paceline/internal/db/dbtest"
	"github.com/paceline/paceline/internal/node"
	"github.com/paceline/paceline/internal/org"
)

const password = "a password for the test"

// world is a real node on a free port, with SQLite and the sample people and apps.
type world struct {
	t    testing.TB
	node *node.Node
	url  string

	watcher *client.Client // signed in by until, once: sign-ins from one address are limited
}

// start makes a world; change may alter what its node is told.
func start(t testing.TB, change ...func(*node.Config)) *world {
	t.Helper()
	cfg := node.Defaults()
	cfg.Data, cfg.Listen, cfg.Name, cfg.Version = config.Dir(t.TempDir()), "127.0.0.1:0", "test", "test"
	cfg.DB.DSN = "sqlite:" + cfg.Data.Database() + "?sync=off"
	cfg.Org.Password = org.PasswordConfig{Memory: 64, Time: 1}
	cfg.Admin.Password = password
	cfg.Log = slog.New(slog.NewTextHandler(testWriter{t}, &slog.HandlerOptions{Level: slog.LevelWarn}))
	for _, c := range change {
		c(&cfg)
	}
	n, err := node.New(t.Context(), cfg)
	must(t, err)
	must(t, n.Start(t.Context()))
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := n.Stop(ctx); err != nil {
			t.Errorf("stop: %v", err)
		}
	})
	must(t, n.Samples(t.Context(), password))
	return &world{t: t, node: n, url: "http://" + n.Addr().String()}
}

// onEach runs a test against a node on every database.
func onEach(t *testing.T, run func(t *testing.T, w *world)) {
	for _, kind := range dbtest.Kinds() {
		t.Run(kind, func(t *testing.T) {
			run(t, start(t, func(c *node.Config) { c.DB.DSN = dbtest.DSN(t, kind) }))
		})
	}
}

// as signs a sample person in.
func (w *world) as(login string) *client.Client {
	w.t.Helper()
	c, err := client.New(client.Config{URL: w.url, Retries: -1})
	must(w.t, err)
	_, err = c.Login(w.t.Context(), login, password)
	must(w.t, err)
	return c
}

// token makes an API token for a sample person.
func (w *world) token(login string, scopes ...string) string {
	w.t.Helper()
	token, err := w.as(login).CreateToken(w.t.Context(), client.NewToken{Name: "test", Scopes: scopes})
	must(w.t, err)
	return token.Secret
}

// answer is an answer as it came.
type answer struct {
	status int
	header http.Header
	body   string
}

func (a answer) problem(t *testing.T) client.Problem {
	t.Helper()
	var p client.Problem
	if err := json.Unmarshal([]byte(a.body), &p); err != nil || a.header.Get("Content-Type") != "application/problem+json" {
		t.Fatalf("not a problem document: %d %s %s", a.status, a.header.Get("Content-Type"), a.body)
	}
	return p
}

// send makes one request as it stands; header is names and values in turn.
func (w *world) send(method, path, body string, header ...string) answer {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), method, w.url+path, strings.NewReader(body))
	must(w.t, err)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	must(w.t, err)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	must(w.t, err)
	return answer{res.StatusCode, res.Header, string(text)}
}

// incident is what the service desk's form asks for.
func incident() map[string]any {
	return map[string]any{"subject": "The printer is on fire", "category": "hardware", "impact": "team", "urgency": "high", "description": "Smoke."}
}

const incidentJSON = `{"app":"service-desk","kind":"incident","data":{"subject":"Fire","category":"hardware","impact":"team","urgency":"high","description":"Smoke."}}`

func (w *world) open(c *client.Client) client.Opened {
	w.t.Helper()
	opened, err := c.OpenTicket(w.t.Context(), client.Draft{App: "service-desk", Kind: "incident", Data: incident()})
	must(w.t, err)
	return opened
}

// task is the only task of a ticket in a queue.
func (w *world) task(c *client.Client, queue, ticket string) client.Item {
	w.t.Helper()
	list, err := c.Inbox(w.t.Context(), client.InboxQuery{Queue: queue})
	must(w.t, err)
	for _, it := range list.Items {
		if it.Ticket == ticket {
			return it
		}
	}
	w.t.Fatalf("no task of ticket %s in %s: %+v", ticket, queue, list.Items)
	return client.Item{}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// testWriter sends the node's log to the test's.
type testWriter struct{ t testing.TB }

func (w testWriter) Write(line []byte) (int, error) {
	w.t.Log(strings.TrimSpace(string(line)))
	return len(line), nil
}
