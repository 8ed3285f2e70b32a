package node

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/paceline/paceline/client"
	"github.com/paceline/paceline/internal/db/dbtest"
	"github.com/paceline/paceline/internal/gateway"
	"github.com/paceline/paceline/internal/gateway/upstream"
)

const samplePassword = "a password for the test"

// TestAffinityIsNeverNeeded lets one person work on tickets through gateways that send each request elsewhere, and
// reads everything at each of them, and at each server: the answers are the same.
func TestAffinityIsNeverNeeded(t *testing.T) {
	dsn := dbtest.DSN(t, "postgres")
	var nodes []*Node
	for i := range 3 {
		cfg := testConfig(t, t.TempDir())
		cfg.Name, cfg.DB.DSN, cfg.DB.Conns = fmt.Sprint("s", i), dsn, 6
		n, _ := runNode(t, cfg)
		nodes = append(nodes, n)
	}
	if err := nodes[0].Samples(t.Context(), samplePassword); err != nil {
		t.Fatal(err)
	}
	doors := make([]string, 0, 6)
	for _, n := range nodes {
		eventually(t, "the apps are live at every server", func() bool { return len(n.apps.Live()) == 3 })
		doors = append(doors, n.Addr().String())
	}
	for _, policy := range []upstream.Policy{upstream.LeastLoaded, upstream.RoundRobin, upstream.Ticket} {
		doors = append(doors, gatewayOf(t, policy, nodes))
	}
	staff, desk := signIn(t, doors[3], "staff1"), signIn(t, doors[3], "desk1")

	for n := range len(doors) {
		at := func(step int) string { return doors[(n+step)%len(doors)] }
		opened, err := person(t, at(0), staff).OpenTicket(t.Context(), client.Draft{App: "service-desk", Kind: "incident", Data: map[string]any{
			"subject": "printer", "category": "other", "impact": "one", "urgency": "normal", "description": "It does not print.",
		}})
		if err != nil {
			t.Fatal(err)
		}
		shown, err := person(t, at(1), staff).Ticket(t.Context(), opened.ID)
		if err != nil || len(shown.Steps) != 1 {
			t.Fatalf("%d steps, %v", len(shown.Steps), err)
		}
		task := shown.Steps[0].Task
		same(t, doors, desk, "/api/v1/tickets/"+opened.ID, "/api/v1/tasks/"+task, "/api/v1/inbox")
		claimed, err := person(t, at(2), desk).Claim(t.Context(), task, 0)
		if err != nil {
			t.Fatal(err)
		}
		same(t, doors, desk, "/api/v1/tickets/"+opened.ID, "/api/v1/tasks/"+task)
		if _, err := person(t, at(3), desk).Complete(t.Context(), task, client.Completion{Version: claimed.Version, Outcome: "reject", Note: "no"}); err != nil {
			t.Fatal(err)
		}
		same(t, doors, desk, "/api/v1/tickets/"+opened.ID, "/api/v1/tasks/"+task, "/api/v1/tickets/"+opened.ID+"/history", "/api/v1/inbox")
	}
}

// gatewayOf starts one in front of the nodes and gives its address.
func gatewayOf(t *testing.T, policy upstream.Policy, nodes []*Node) string {
	t.Helper()
	cfg := gateway.Defaults()
	cfg.Listen, cfg.Admin, cfg.AccessTo, cfg.State = "127.0.0.1:0", "", io.Discard, t.TempDir()
	pool := upstream.Config{Policy: policy, TicketAfter: []string{"tickets", "tasks"}}
	for _, n := range nodes {
		pool.Servers = append(pool.Servers, upstream.ServerConfig{Address: n.Addr().String(), Node: int(n.member.Number())})
	}
	cfg.Table = gateway.Table{Routes: []gateway.Route{{App: "test", Path: "/", Pool: "servers"}}, Pools: map[string]upstream.Config{"servers": pool}}
	g, err := gateway.New(cfg, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	if err := g.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := g.Stop(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	return g.Addr().String()
}

// signIn gives a token of a sample person.
func signIn(t *testing.T, address, login string) string {
	t.Helper()
	c := person(t, address, "")
	if _, err := c.Login(t.Context(), login, samplePassword); err != nil {
		t.Fatal(err)
	}
	token, err := c.CreateToken(t.Context(), client.NewToken{Name: "test", Scopes: []string{"write"}})
	if err != nil {
		t.Fatal(err)
	}
	return token.Secret
}

func person(t *testing.T, address, token string) *client.Client {
	t.Helper()
	c, err := client.New(client.Config{URL: "http://" + address, Token: token})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// same reads the paths at every door and compares status and body.
func same(t *testing.T, doors []string, token string, paths ...string) {
	t.Helper()
	for _, path := range paths {
		first := ""
		for i, door := range doors {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+door+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Authorization", "Bearer "+token)
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(res.Body)
			res.Body.Close()
			if err != nil {
				t.Fatal(err)
			}
			got := strings.ReplaceAll(res.Status+" "+string(body), res.Header.Get("X-Request-Id"), "")
			if i == 0 {
				first = got
			} else if got != first {
				t.Errorf("%s at %s:\n%s\nat %s:\n%s", path, doors[0], first, door, got)
			}
		}
	}
}
