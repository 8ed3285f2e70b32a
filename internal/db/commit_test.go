package db_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/paceline/paceline/internal/db"
)

var stateColumns = []string{"state", "status"}

// addInstances inserts instances 1 to n with version 1 and one task each, 1000+id.
func addInstances(t *testing.T, d *db.DB, n int) {
	t.Helper()
	var rows []db.Row
	for i := 1; i <= n; i++ {
		rows = append(rows,
			db.Row{Table: &instances, Values: []any{i, 1, 0, fmt.Sprint("instance ", i), []byte("s"), nil, false}},
			db.Row{Table: &tasks, Values: []any{1000 + i, i, nil, "first"}})
	}
	if err := d.Insert(t.Context(), rows...); err != nil {
		t.Fatal(err)
	}
}

// step is a transition of one instance: its row guarded, the old task gone, a new one.
func step(instance, version int64) *db.Change {
	return &db.Change{
		Guards:  []db.Guard{{Table: &instances, Key: instance, Version: version, Columns: stateColumns, Values: []any{[]byte{0, 1, 255}, 2}}},
		Inserts: []db.Row{{Table: &history, Values: []any{instance, version + 1, []byte("e")}}, {Table: &tasks, Values: []any{2000 + instance, instance, 7, "second"}}},
		Ignores: []db.Row{{Table: &candidates, Values: []any{2000 + instance, 5}}},
		Gones:   []db.Gone{{Table: &tasks, Column: "id", Value: 1000 + instance}},
	}
}

func count(t *testing.T, d *db.DB, query string, args ...any) int {
	t.Helper()
	var n int
	if err := d.QueryRow(t.Context(), query, args...).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestCommitRefusesTheStaleOnly(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB) {
		addInstances(t, d, 10)
		var group []*db.Change
		for i := int64(1); i <= 10; i++ {
			version := int64(1)
			if i%4 == 1 { // 1, 5, 9
				version = 7
			}
			group = append(group, step(i, version))
		}
		for i, err := range d.Commit(t.Context(), group) {
			if stale := (i+1)%4 == 1; stale != errors.Is(err, db.ErrStale) || !stale && err != nil {
				t.Errorf("change %d: %v", i+1, err)
			}
		}
		for query, want := range map[string]int{
			"SELECT count(*) FROM history":                                        7,
			"SELECT count(*) FROM instance WHERE version = 2 AND status = 2":      7,
			"SELECT count(*) FROM instance WHERE version = 1 AND status = 0":      3,
			"SELECT count(*) FROM task WHERE id < 2000":                           3,
			"SELECT count(*) FROM task WHERE id > 2000 AND assignee = 7":          7,
			"SELECT count(*) FROM task_candidate":                                 7,
			"SELECT count(*) FROM task WHERE instance IN (1, 5, 9) AND id > 2000": 0,
		} {
			if got := count(t, d, query); got != want {
				t.Errorf("%s: got %d, want %d", query, got, want)
			}
		}
		var state []byte
		if err := d.QueryRow(t.Context(), "SELECT state FROM instance WHERE id = ?", 2).Scan(&state); err != nil || string(state) != "\x00\x01\xff" {
			t.Errorf("state %q, %v", state, err)
		}
	})
}
