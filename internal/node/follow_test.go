//go:build !windows

package node

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/paceline/paceline/internal/agent"
	"github.com/paceline/paceline/internal/cluster"
	"github.com/paceline/paceline/internal/config"
	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/db/dbtest"
)

// One host moves the data to another database. The others, started in the wrong order, do not go on on the old one;
// they hear where the data are as soon as a Booster leads there.
func TestHostsFollowTheirData(t *testing.T) {
	f := newField(t, dbtest.DSN(t, "postgres"))
	names := []string{"s1", "s2", "b2", "b1"}
	for _, name := range names {
		f.stop(name)
	}
	cfg := Defaults()
	cfg.Data = f.hosts["b1"]
	to := dbtest.DSN(t, "mariadb")
	if _, err := MoveData(t.Context(), cfg, Move{To: to}); err != nil {
		t.Fatal(err)
	}
	for _, name := range names[:3] {
		f.start(name)
	}
	f.eventually("a server waits to be told", func() bool {
		r, alive := agent.Find(f.hosts["s1"], config.RoleServer)
		return alive && r.State == string(agent.Waiting) && strings.Contains(r.Waits, "moved to another database")
	}, func() string { return f.log("s1", config.RoleServer) })
	f.start("b1")
	for _, name := range []string{"b1", "b2"} {
		f.ready(name, config.RoleBooster)
	}
	f.ready("s1", config.RoleServer)
	f.ready("s2", config.RoleServer)
	at, err := db.OpenExisting(t.Context(), db.Config{DSN: to})
	if err != nil {
		t.Fatal(err)
	}
	defer at.Close()
	f.eventually("all are at the new database", func() bool {
		nodes, err := cluster.List(t.Context(), at)
		alive := 0
		for _, n := range nodes {
			if n.Alive {
				alive++
			}
		}
		return err == nil && alive == 4
	}, func() string { return fmt.Sprint(cluster.List(t.Context(), at)) })
	if status, body := f.get("/readyz"); status != http.StatusOK {
		t.Errorf("%d %s", status, body)
	}
}
