package db_test

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/paceline/paceline/internal/db"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != got {
		t.Errorf("%s differs (run with -update to accept):\n%s", path, got)
	}
}

// The golden files hold every statement of every dialect, also of those that no server
// is at hand for.
func TestGoldenSchema(t *testing.T) {
	for _, name := range db.DialectNames() {
		t.Run(name, func(t *testing.T) {
			golden(t, "schema."+name+".golden.sql", db.RenderDDL(name, migrations()))
		})
	}
}

func TestGoldenCommit(t *testing.T) {
	group := []*db.Change{step(1, 4), step(2, 6)}
	group[0].Claims = []db.Claim{{Key: "u7/a", Hash: "h1", Answer: []byte("done")}}
	group[1].Claims = []db.Claim{{Key: "u7/b", Hash: "h2"}, {Key: "u8/c", Hash: "h3"}}
	group[1].Sets = []db.Set{{Table: &tasks, Columns: []string{"name", "assignee"}, Key: []any{9}, Values: []any{"renamed", nil}}}
	group[1].Gones = append(group[1].Gones, db.Gone{Table: &candidates, Column: "task", Value: 9})
	for _, name := range db.DialectNames() {
		t.Run(name, func(t *testing.T) {
			golden(t, "commit."+name+".golden.sql", db.RenderCommit(t, name, group))
		})
	}
}
