package db_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/db/dbtest"
	"github.com/paceline/paceline/internal/errs"
)

// fill writes rows with everything that a database might take for something else.
func fill(t *testing.T, d *db.DB, many int) {
	t.Helper()
	if err := d.Migrate(t.Context(), migrations()); err != nil {
		t.Fatal(err)
	}
	odd := []string{"", " ", "a ", "A", "a", "ä", "ß", "日本語", "😀", "\uffff", "%_!'\"\\", "line\nbreak\t", "0"}
	var rows []db.Row
	for i := range many {
		var note any
		if i%3 == 0 {
			note = strings.Repeat(odd[i%len(odd)], i%50)
		}
		rows = append(rows,
			db.Row{Table: &instances, Values: []any{int64(i)<<40 + 1<<62, i, i % 7, odd[i%len(odd)], []byte{0, byte(i), 255}, note, i%2 == 0}},
			db.Row{Table: &candidates, Values: []any{i / 10, i}},
			db.Row{Table: &history, Values: []any{-i, i, nil}},
		)
	}
	rows = append(rows, db.Row{Table: &instances, Values: []any{-1, 0, 0, "", []byte{}, strings.Repeat("x", 3<<20), false}})
	if err := d.Insert(t.Context(), rows...); err != nil {
		t.Fatal(err)
	}
}

// TestCopyGoesRoundTheDatabases brings data through all of them, is stopped in each, and
// ends with what it began with.
func TestCopyGoesRoundTheDatabases(t *testing.T) {
	const many = 3000
	first := dbtest.Open(t, "sqlite")
	fill(t, first, many)
	from, hashes := first, []db.Copied(nil)
	for _, kind := range append(slices.DeleteFunc(dbtest.Kinds(), func(k string) bool { return k == "sqlite" }), "sqlite") {
		to := dbtest.Open(t, kind)
		stops := 0
		for _, at := range []int64{500, 2500, 5500} {
			ctx, stop := context.WithCancel(t.Context())
			seen := int64(0)
			last := map[string]int64{}
			copying := db.Copy{From: from, To: to, Migrations: migrations(), Told: func(p db.Progress) {
				if !p.Check {
					seen += p.Rows - last[p.Table]
					last[p.Table] = p.Rows
				}
				if seen > at/3 {
					stop()
				}
			}}
			if _, err := copying.Run(ctx); err != nil {
				stops++
			}
			stop()
			if err := to.CheckSchema(t.Context(), migrations()); !errs.Is(err, errs.Unsupported) {
				t.Errorf("%s: half the data, and a server would start: %v", kind, err)
			}
		}
		if stops != 3 {
			t.Errorf("%s: stopped %d times", kind, stops)
		}
		copied, err := (&db.Copy{From: from, To: to, Migrations: migrations()}).Run(t.Context())
		if err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
		if err := to.CheckSchema(t.Context(), migrations()); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
		if hashes != nil && !slices.Equal(copied, hashes) {
			t.Errorf("%s: %v, before %v", kind, copied, hashes)
		}
		from, hashes = to, copied
	}
	if i := slices.IndexFunc(hashes, func(c db.Copied) bool { return c.Table == "instance" }); hashes[i].Rows != many+1 {
		t.Errorf("%d instances came round", hashes[i].Rows)
	}
}

func TestCopyRefusesWhatWouldLoseData(t *testing.T) {
	from := dbtest.Open(t, "sqlite")
	fill(t, from, 100)
	run := func(from, to *db.DB) error {
		_, err := (&db.Copy{From: from, To: to, Migrations: migrations()}).Run(t.Context())
		return err
	}
	t.Run("a target with data", func(t *testing.T) {
		to := dbtest.Open(t, "sqlite")
		fill(t, to, 1)
		if err := run(from, to); !errs.Is(err, errs.Conflict) {
			t.Errorf("%v", err)
		}
	})
	t.Run("a source of another program", func(t *testing.T) {
		empty := dbtest.Open(t, "sqlite")
		if err := run(empty, dbtest.Open(t, "sqlite")); !errs.Is(err, errs.Unavailable) {
			t.Errorf("%v", err)
		}
	})
	t.Run("a target with half of another source", func(t *testing.T) {
		to := dbtest.Open(t, "sqlite")
		half(t, from, to)
		other := dbtest.Open(t, "sqlite")
		fill(t, other, 1)
		if err := run(other, to); !errs.Is(err, errs.Conflict) {
			t.Errorf("%v", err)
		}
		if err := run(from, to); err != nil {
			t.Errorf("the right source again: %v", err)
		}
		if err := run(from, to); !errs.Is(err, errs.Conflict) {
			t.Errorf("finished, and once more: %v", err)
		}
	})
	t.Run("a source that changes", func(t *testing.T) {
		to := dbtest.Open(t, "sqlite")
		half(t, from, to)
		for _, change := range []string{"UPDATE instance SET title = 'new' WHERE id = ?", "DELETE FROM instance WHERE id = ?"} {
			if _, err := from.Exec(t.Context(), change, -1); err != nil {
				t.Fatal(err)
			}
			if err := run(from, to); !errs.Is(err, errs.Conflict) || !strings.Contains(fmt.Sprint(err), "instance is not the same") {
				t.Errorf("%s: %v", change, err)
			}
		}
	})
}

// half copies until the rows of a table are there.
func half(t *testing.T, from, to *db.DB) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	copying := db.Copy{From: from, To: to, Migrations: migrations(), Told: func(p db.Progress) {
		if p.Table == "instance" {
			stop()
		}
	}}
	if _, err := copying.Run(ctx); err == nil {
		t.Fatal("not stopped")
	}
}
