package node

import (
	"testing"

	"github.com/paceline/paceline/internal/config"
	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/db/dbtest"
	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/join"
)

// TestAHostUsesTheDatabaseItsDataWereMovedTo makes a cluster on SQLite, which other hosts
// cannot join, and moves it.
func TestAHostUsesTheDatabaseItsDataWereMovedTo(t *testing.T) {
	cfg := Defaults()
	cfg.Data = config.Dir(t.TempDir())
	if _, _, err := Found(t.Context(), cfg, join.Founding{Name: "one", Advertise: "127.0.0.1"}); err != nil {
		t.Fatal(err)
	}
	if _, err := FollowMove(t.Context(), cfg, dbtest.DSN(t, "sqlite")); err == nil {
		t.Error("the host follows to a database that is not there")
	}
	to := dbtest.DSN(t, "postgres")
	done, err := MoveData(t.Context(), cfg, Move{To: to})
	if err != nil {
		t.Fatal(err)
	}
	if done.Host != "one" || len(done.Tables) == 0 {
		t.Errorf("moved %+v", done)
	}
	told, err := ForHost(cfg.Data, config.RoleBooster)
	if err != nil || told.DB.DSN != to {
		t.Errorf("the host uses %s, %v", told.DB.DSN, err)
	}
	if told.Revision != 1 {
		t.Errorf("revision %d", told.Revision)
	}
	left, err := db.OpenExisting(t.Context(), db.Config{Dir: string(cfg.Data)})
	if err != nil {
		t.Fatal(err)
	}
	defer left.Close()
	if err := join.CheckMoved(t.Context(), left, 0); !errs.Is(err, errs.Conflict) {
		t.Errorf("a host that has not heard of the move would work on the old database: %v", err)
	}
	if err := join.CheckMoved(t.Context(), left, 2); err != nil {
		t.Errorf("a host that is told to come back: %v", err)
	}
	if _, err := MoveData(t.Context(), cfg, Move{To: to}); !errs.Is(err, errs.Invalid) {
		t.Errorf("once more: %v", err)
	}
	if done, err := FollowMove(t.Context(), cfg, to); err != nil || done.Host != "one" {
		t.Errorf("following: %+v, %v", done, err)
	}
}
