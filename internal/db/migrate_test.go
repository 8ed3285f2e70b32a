package db_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/db/dbtest"
	"github.com/paceline/paceline/internal/errs"
)

// openAs opens the database as another node would, without any schema.
func openAs(t *testing.T, dsn string) *db.DB {
	t.Helper()
	d, err := db.Open(t.Context(), db.Config{DSN: dsn, Version: "9.9"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

func TestMigrateFromManyNodesAtOnce(t *testing.T) {
	for _, kind := range dbtest.Kinds() {
		t.Run(kind, func(t *testing.T) {
			dsn := dbtest.DSN(t, kind)
			var wg sync.WaitGroup
			for range 8 {
				node := openAs(t, dsn)
				wg.Go(func() {
					if err := node.Migrate(t.Context(), migrations()); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			d := openAs(t, dsn)
			if n := count(t, d, "SELECT count(*) FROM schema_migration WHERE app_version = '9.9' AND applied_at > 0"); n != len(migrations())+1 {
				t.Errorf("%d migrations noted", n)
			}
			addInstancesOld(t, d)
		})
	}
}

// addInstancesOld finds out whether a column that was added is there, with its default.
func addInstancesOld(t *testing.T, d *db.DB) {
	t.Helper()
	if _, err := d.Exec(t.Context(), "INSERT INTO instance (id, version, status, title, state) VALUES (1, 1, 1, 'x', ?)", []byte("s")); err != nil {
		t.Error(err)
	}
	if n := count(t, d, "SELECT urgent FROM instance WHERE id = 1"); n != 0 {
		t.Errorf("urgent is %d", n)
	}
}

func TestMigrateRefuses(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB) {
		edited := migrations()
		edited[1].Up = append(edited[1].Up, db.SQL("DELETE FROM job"))
		bad := db.Table{Name: "user", Columns: []db.Column{{Name: "id", Type: db.BigInt}}, Key: []string{"id"}}
		broken := db.Migration{ID: 20, Name: "broken", Up: []db.DDL{db.SQL("UPDATE instance SET status = 3"), db.SQL("UPDATE nowhere SET a = 1")}}
		for name, c := range map[string]struct {
			list []db.Migration
			says string
			kind errs.Kind
		}{
			"edited":        {edited, "edited after it was applied", errs.Unsupported},
			"newer":         {migrations()[:1], "newer than this program", errs.Unsupported},
			"twice":         {append(migrations(), db.Migration{ID: 11}), "used once", errs.Internal},
			"reserved name": {append(migrations(), db.Migration{ID: 13, Up: []db.DDL{db.CreateTable(&bad)}}), "word of SQL", errs.Internal},
			"failing":       {append(migrations(), broken), "broken", errs.Internal},
		} {
			err := d.Migrate(t.Context(), c.list)
			if err == nil || !strings.Contains(err.Error(), c.says) || errs.KindOf(err) != c.kind {
				t.Errorf("%s: %v", name, err)
			}
			var own *errs.Error
			if errors.As(err, &own) && own.Cure == "" {
				t.Errorf("%s: no cure", name)
			}
		}
		if err := d.Migrate(t.Context(), migrations()); err != nil {
			t.Errorf("afterwards: %v", err)
		}
	})
}

// A migration that a crash left half done runs again where DDL cannot be rolled back,
// and has left nothing where it can.
func TestMigrateAfterACrash(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB) {
		extra := db.Table{Name: "extra", Columns: []db.Column{{Name: "id", Type: db.BigInt}, {Name: "a", Type: db.Int}}, Key: []string{"id"}, Indexes: []db.Index{{Name: "extra_a", Columns: []string{"a"}}}}
		create := db.CreateTable(&extra)
		half := append(migrations(), db.Migration{ID: 30, Name: "extra", Up: []db.DDL{create, db.SQL("UPDATE nowhere SET a = 1")}})
		if err := d.Migrate(t.Context(), half); err == nil {
			t.Fatal("no error")
		}
		if err := d.Migrate(t.Context(), append(migrations(), db.Migration{ID: 30, Name: "extra", Up: []db.DDL{create}})); err != nil {
			t.Error(err)
		}
		if n := count(t, d, "SELECT count(*) FROM extra"); n != 0 {
			t.Error(n)
		}
	})
}

const (
	childDSN  = "PACELINE_TEST_CHILD_DSN"
	childTurn = 40
)

// TestChild is what the processes of TestProcessesShareADatabase run.
func TestChild(t *testing.T) {
	dsn := os.Getenv(childDSN)
	if dsn == "" {
		t.Skip("only as a child process")
	}
	d := openAs(t, dsn)
	if err := d.Migrate(t.Context(), migrations()); err != nil {
		t.Fatal(err)
	}
	if _, err := d.InsertIgnore(t.Context(), db.Row{Table: &instances, Values: []any{1, 1, 0, "shared", []byte{}, nil, false}}); err != nil {
		t.Fatal(err)
	}
	for done := 0; done < childTurn; {
		c := step(1, int64(count(t, d, "SELECT version FROM instance WHERE id = 1")))
		c.Inserts = c.Inserts[:1]
		switch err := commitOne(t, d, c); {
		case err == nil:
			done++
		case !errors.Is(err, db.ErrStale):
			t.Fatal(err)
		}
	}
}

// Processes start at once on an empty database, migrate it, and then count up the
// version of one row. For SQLite this is what sharing one file means.
func TestProcessesShareADatabase(t *testing.T) {
	for _, kind := range dbtest.Kinds() {
		t.Run(kind, func(t *testing.T) {
			dsn := dbtest.DSN(t, kind)
			const processes = 3
			var wg sync.WaitGroup
			for range processes {
				wg.Go(func() {
					child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestChild$")
					child.Env = append(os.Environ(), childDSN+"="+dsn)
					if out, err := child.CombinedOutput(); err != nil {
						t.Errorf("%v\n%s", err, out)
					}
				})
			}
			wg.Wait()
			d := openAs(t, dsn)
			version := count(t, d, "SELECT version FROM instance WHERE id = 1")
			if rows := count(t, d, "SELECT count(*) FROM history"); version != 1+processes*childTurn || rows != processes*childTurn {
				t.Errorf("version %d, %d rows of history", version, rows)
			}
		})
	}
}

func TestTablesAreChecked(t *testing.T) {
	id := db.Column{Name: "id", Type: db.BigInt}
	for _, bad := range []db.Table{
		{Name: "Upper", Columns: []db.Column{id}, Key: []string{"id"}},
		{Name: "t", Columns: []db.Column{id}},
		{Name: "t", Columns: []db.Column{id, id}, Key: []string{"id"}},
		{Name: "t", Columns: []db.Column{id}, Key: []string{"other"}},
		{Name: "t", Columns: []db.Column{id, {Name: "a", Type: db.Text}}, Key: []string{"id"}},
		{Name: "t", Columns: []db.Column{id, {Name: "order", Type: db.Int}}, Key: []string{"id"}},
		{Name: "t", Columns: []db.Column{id, {Name: "a"}}, Key: []string{"id"}},
		{Name: "t", Columns: []db.Column{id, {Name: "a", Type: db.Long}}, Key: []string{"id", "a"}},
		{Name: "t", Columns: []db.Column{id, {Name: "a", Type: db.Text, Size: 3000}}, Key: []string{"id"}, Indexes: []db.Index{{Name: "x", Columns: []string{"a"}}}},
		{Name: "t", Columns: []db.Column{id}, Key: []string{"id"}, Indexes: []db.Index{{Name: "x", Columns: []string{"id"}, Unique: true, Where: "id > 1"}}},
	} {
		if err := db.CheckTable(&bad); err == nil {
			t.Errorf("%s was let through", fmt.Sprint(bad))
		}
	}
}
