package api_test

import (
	"strings"
	"testing"

	"github.com/paceline/paceline/client"
	"github.com/paceline/paceline/internal/config"
	"github.com/paceline/paceline/internal/db/dbtest"
	"github.com/paceline/paceline/internal/join"
	"github.com/paceline/paceline/internal/node"
)

// A server becomes the first host of a cluster while it serves; its administrators make
// tokens and look after hosts, others may not, and all of it is in the audit.
func TestHosts(t *testing.T) {
	var cfg node.Config
	w := start(t, func(c *node.Config) {
		c.DB.DSN = dbtest.DSN(t, dbtest.Kinds()[0])
		cfg = *c
	})
	admin := w.as("admin")
	ctx := t.Context()
	if _, err := admin.CreateJoinToken(ctx, client.NewJoinToken{}); client.KindOf(err) != client.NotFound || !strings.Contains(err.Error(), "single server") {
		t.Errorf("a single server makes a token: %v", err)
	}
	cfg.Data = config.Dir(t.TempDir())
	_, _, err := node.Found(ctx, cfg, join.Founding{Name: "first", Advertise: "127.0.0.1:7000"})
	must(t, err)

	made, err := admin.CreateJoinToken(ctx, client.NewJoinToken{Roles: []string{"web", "server"}, Seconds: 60, Uses: 3})
	must(t, err)
	if made.State != "open" || made.Uses != 3 || strings.Join(made.Roles, " ") != "server gateway" || !strings.HasPrefix(made.Token, "plj_") {
		t.Errorf("%+v", made)
	}
	must(t, admin.RevokeJoinToken(ctx, made.ID))
	tokens, err := admin.JoinTokens(ctx)
	must(t, err)
	if len(tokens) != 1 || tokens[0].State != "revoked" || tokens[0].Token != "" || tokens[0].Creator != "admin" {
		t.Errorf("%+v", tokens)
	}

	for _, wanted := range []string{"drained", "cordoned", "active"} {
		h, err := admin.WantHost(ctx, "first", wanted)
		must(t, err)
		if h.Wanted != wanted {
			t.Errorf("%+v", h)
		}
	}
	all, err := admin.Nodes(ctx)
	must(t, err)
	h, err := admin.Host(ctx, "first")
	must(t, err)
	if len(all.Hosts) != 1 || all.Hosts[0].Name != "first" || h.Address != "127.0.0.1:7000" {
		t.Errorf("%+v, %+v", all.Hosts, h)
	}
	if _, err := admin.RemoveHost(ctx, "first"); client.KindOf(err) != client.Conflict {
		t.Errorf("the last Booster is removed: %v", err)
	}
	if _, err := admin.Host(ctx, "second"); client.KindOf(err) != client.NotFound {
		t.Errorf("a host that is not there: %v", err)
	}

	staff := w.as("staff1")
	_, e1 := staff.CreateJoinToken(ctx, client.NewJoinToken{})
	_, e2 := staff.JoinTokens(ctx)
	_, e3 := staff.Host(ctx, "first")
	_, e4 := staff.WantHost(ctx, "first", "drained")
	_, e5 := staff.RemoveHost(ctx, "first")
	for i, err := range []error{e1, e2, e3, e4, e5, staff.RevokeJoinToken(ctx, made.ID)} {
		if client.KindOf(err) != client.Denied {
			t.Errorf("%d: staff: %v", i+1, err)
		}
	}
	text := w.send("GET", "/api/v1/audit?limit=50", "", "Authorization", "Bearer "+w.token("admin", "admin")).body
	for _, action := range []string{"cluster.init", "join_token.create", "join_token.revoke", "host.drained", "host.active"} {
		if !strings.Contains(text, action) {
			t.Errorf("the audit has no %s", action)
		}
	}
	if strings.Contains(text, made.Token) {
		t.Error("the audit has the token")
	}
}
