package db_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/paceline/paceline/internal/db"
)

func TestTxRollsBack(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB) {
		cause := errors.New("no")
		err := d.Tx(t.Context(), func(ctx context.Context, tx *db.Tx) error {
			if err := tx.Insert(ctx, db.Row{Table: &candidates, Values: []any{1, 1}}); err != nil {
				t.Error(err)
			}
			return cause
		})
		if !errors.Is(err, cause) || count(t, d, "SELECT count(*) FROM task_candidate") != 0 {
			t.Error(err)
		}
	})
}

// Two transactions lock two rows crosswise. One is rolled back by the database and runs
// again, and neither caller sees that.
func TestTxRunsAgainAfterADeadlock(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB) {
		addInstances(t, d, 2)
		var both sync.WaitGroup
		both.Add(2)
		cross := func(first, second int) error {
			var met sync.Once
			return d.Tx(t.Context(), func(ctx context.Context, tx *db.Tx) error {
				if _, err := tx.Exec(ctx, "UPDATE instance SET status = status + 1 WHERE id = ?", first); err != nil {
					return err
				}
				if d.Dialect() != "sqlite" { // which lets one in at a time
					met.Do(func() { both.Done(); both.Wait() })
				}
				_, err := tx.Exec(ctx, "UPDATE instance SET status = status + 1 WHERE id = ?", second)
				return err
			})
		}
		var wg sync.WaitGroup
		for _, order := range [][2]int{{1, 2}, {2, 1}} {
			wg.Go(func() {
				if err := cross(order[0], order[1]); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if n := count(t, d, "SELECT sum(status) FROM instance"); n != 4 {
			t.Errorf("sum %d, want 4", n)
		}
		if n := d.Stats().Retries; n == 0 && d.Dialect() != "sqlite" {
			t.Error("there was no deadlock")
		}
	})
}

func TestNoWriteBesideItsTx(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB) {
		err := d.Tx(t.Context(), func(ctx context.Context, tx *db.Tx) error {
			if _, err := d.Exec(ctx, "DELETE FROM task"); err == nil {
				t.Error("Exec within a Tx was let through")
			}
			if err := d.Commit(ctx, []*db.Change{{}})[0]; err == nil {
				t.Error("Commit within a Tx was let through")
			}
			return d.Tx(ctx, func(context.Context, *db.Tx) error { return nil })
		})
		if err == nil {
			t.Error("a Tx within a Tx was let through")
		}
	})
}

func TestDuplicate(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB) {
		row := db.Row{Table: &candidates, Values: []any{1, 2}}
		if err := d.Insert(t.Context(), row); err != nil {
			t.Fatal(err)
		}
		if err := d.Insert(t.Context(), row); !errors.Is(err, db.ErrDuplicate) {
			t.Error(err)
		}
		if inserted, err := d.InsertIgnore(t.Context(), row); inserted || err != nil {
			t.Error(inserted, err)
		}
		if inserted, err := d.InsertIgnore(t.Context(), db.Row{Table: &candidates, Values: []any{1, 3}}); !inserted || err != nil {
			t.Error(inserted, err)
		}
	})
}

func TestValuesComeBack(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB) {
		type named string
		const text = "入力 'quoted' \\ back? {now} ☃ "
		if err := d.Insert(t.Context(), db.Row{Table: &instances, Values: []any{db.ID(1<<62 + 1), 1, -5, named(text), []byte{0, '\'', '\\', 255}, nil, true}}); err != nil {
			t.Fatal(err)
		}
		var id db.ID
		var title named
		var state []byte
		var note *string
		var urgent bool
		var status int
		err := d.QueryRow(t.Context(), "SELECT id, title, state, note, urgent, status FROM instance WHERE title = ? AND urgent = ? AND state = ?",
			text, true, []byte{0, '\'', '\\', 255}).Scan(&id, &title, &state, &note, &urgent, &status)
		if err != nil || id != 1<<62+1 || title != text || string(state) != "\x00'\\\xff" || note != nil || !urgent || status != -5 {
			t.Error(id, title, state, note, urgent, status, err)
		}
		for _, other := range []string{strings.TrimRight(text, " "), strings.ToUpper(text)} {
			if n := count(t, d, "SELECT count(*) FROM instance WHERE title = ?", other); n != 0 {
				t.Errorf("%q was taken for %q", other, text)
			}
		}
		err = d.QueryRow(t.Context(), "SELECT id FROM instance WHERE id = ?", 5).Scan(&id)
		if !errors.Is(err, db.ErrNoRows) {
			t.Error(err)
		}
		for _, bad := range []any{"a\x00b", "\xff", 1.5} {
			if _, err := d.Exec(t.Context(), "UPDATE instance SET title = ?", bad); err == nil {
				t.Errorf("%#v was stored", bad)
			}
		}
	})
}
