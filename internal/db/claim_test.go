package db_test

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/errs"
)

func claimed(instance, version int64, keys ...string) *db.Change {
	c := step(instance, version)
	for _, key := range keys {
		c.Claims = append(c.Claims, db.Claim{Key: key, Hash: "hash of " + key, Answer: []byte("answer to " + key)})
	}
	return c
}

func commitOne(t *testing.T, d *db.DB, c *db.Change) error {
	t.Helper()
	return d.Commit(t.Context(), []*db.Change{c})[0]
}

// A claim that was taken is told before a stale guard: what was done already is stale
// too, and the caller has to learn that it was done.
func TestClaimIsToldBeforeStale(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB) {
		addInstances(t, d, 1)
		if err := commitOne(t, d, claimed(1, 1, "a")); err != nil {
			t.Fatal(err)
		}
		for _, version := range []int64{1, 2} {
			var was *db.Claimed
			err := commitOne(t, d, claimed(1, version, "a"))
			if !errors.As(err, &was) || was.Key != "a" || was.Hash != "hash of a" || string(was.Answer) != "answer to a" {
				t.Errorf("version %d: %v", version, err)
			}
		}
		if n := count(t, d, "SELECT count(*) FROM history"); n != 1 {
			t.Errorf("%d rows of history", n)
		}
	})
}

func TestOneTakenClaimRefusesTheWholeChange(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB) {
		addInstances(t, d, 3)
		if err := commitOne(t, d, claimed(1, 1, "b")); err != nil {
			t.Fatal(err)
		}
		outcomes := d.Commit(t.Context(), []*db.Change{claimed(2, 1, "a", "b", "c"), claimed(3, 1, "d", "e")})
		var was *db.Claimed
		if !errors.As(outcomes[0], &was) || was.Key != "b" || outcomes[1] != nil {
			t.Error(outcomes)
		}
		if n := count(t, d, "SELECT count(*) FROM command WHERE command_key IN ('a', 'c')"); n != 0 {
			t.Errorf("%d claims of the refused change remain", n)
		}
		if n := count(t, d, "SELECT version FROM instance WHERE id = 2"); n != 1 {
			t.Errorf("version %d of the refused change's row", n)
		}
	})
}

// Eight nodes do the same command at once, on rows of their own so that nothing but the
// claim decides.
func TestConcurrentClaims(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB) {
		addInstances(t, d, 8)
		for round := range 4 {
			var won, lost atomic.Int64
			var wg sync.WaitGroup
			for i := range int64(8) {
				wg.Go(func() {
					// One key is contended, one is not: none may be left half.
					c := claimed(i+1, 1, fmt.Sprint("shared ", round), fmt.Sprint("own ", round, i))
					c.Guards[0].Columns, c.Guards[0].Values = nil, nil
					c.Guards, c.Inserts, c.Gones, c.Ignores = nil, []db.Row{{Table: &history, Values: []any{100 + round, i, nil}}}, nil, nil
					err := d.Commit(t.Context(), []*db.Change{c})[0]
					var was *db.Claimed
					switch {
					case err == nil:
						won.Add(1)
					case errors.As(err, &was):
						lost.Add(1)
					default:
						t.Error(err)
					}
				})
			}
			wg.Wait()
			if won.Load() != 1 || lost.Load() != 7 {
				t.Errorf("%d won, %d lost", won.Load(), lost.Load())
			}
			if n := count(t, d, "SELECT count(*) FROM history WHERE instance = ?", 100+round); n != 1 {
				t.Errorf("%d rows written", n)
			}
			if n := count(t, d, "SELECT count(*) FROM command WHERE command_key LIKE ? ESCAPE '!'", db.Prefix(fmt.Sprint("own ", round))); n != 1 {
				t.Errorf("%d of the uncontended claims remain", n)
			}
		}
	})
}

// Changes of one group that share a row are applied one after the other.
func TestSharedRowsInOneGroup(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB) {
		addInstances(t, d, 2)
		second := step(1, 2)
		second.Gones = nil
		second.Inserts = []db.Row{{Table: &history, Values: []any{1, 3, nil}}}
		outcomes := d.Commit(t.Context(), []*db.Change{step(1, 1), claimed(2, 1, "k"), second, claimed(2, 2, "k"), step(1, 1)})
		var was *db.Claimed
		if outcomes[0] != nil || outcomes[1] != nil || outcomes[2] != nil || !errors.As(outcomes[3], &was) || !errors.Is(outcomes[4], db.ErrStale) {
			t.Error(outcomes)
		}
		if n := count(t, d, "SELECT version FROM instance WHERE id = 1"); n != 3 {
			t.Errorf("version %d", n)
		}
	})
}

// A row that one Change inserts can be set and go by later ones of the same group.
func TestRowsOfEarlierChanges(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB) {
		set := func(id int64, name string) *db.Change {
			return &db.Change{Sets: []db.Set{{Table: &tasks, Columns: []string{"name"}, Key: []any{db.ID(id)}, Values: []any{name}}}}
		}
		insert := &db.Change{Inserts: []db.Row{{Table: &tasks, Values: []any{1, 1, nil, "a"}}, {Table: &tasks, Values: []any{2, 1, nil, "a"}}, {Table: &history, Values: []any{1, 2, nil}}, {Table: &history, Values: []any{12, 0, nil}}}}
		gone := &db.Change{Gones: []db.Gone{{Table: &tasks, Column: "id", Value: 2}}}
		for i, err := range d.Commit(t.Context(), []*db.Change{insert, set(1, "b"), gone, set(1, "c")}) {
			if err != nil {
				t.Errorf("change %d: %v", i, err)
			}
		}
		if got := titles(t, d, "SELECT name FROM task ORDER BY id"); len(got) != 1 || got[0] != "c" {
			t.Errorf("tasks %q", got)
		}
		twice := set(1, "d")
		twice.Sets = append(twice.Sets, twice.Sets[0])
		if err := commitOne(t, d, twice); err == nil {
			t.Error("a Change that sets a row twice was let through")
		}
	})
}

func TestBadMembersHurtNoOther(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB) {
		addInstances(t, d, 30)
		if err := d.Insert(t.Context(), db.Row{Table: &tasks, Values: []any{500, 1, nil, "first"}}); err != nil {
			t.Fatal(err)
		}
		var group []*db.Change
		for i := int64(1); i <= 30; i++ {
			group = append(group, step(i, 1))
		}
		duplicate, long, missing, unknown, null := 7, 11, 13, 17, 19
		group[duplicate].Inserts = append(group[duplicate].Inserts, db.Row{Table: &tasks, Values: []any{500, 1, nil, "there already"}})
		group[long].Guards[0].Columns, group[long].Guards[0].Values = []string{"title"}, []any{"0123456789012345678901234567890123456789x"}
		group[missing].Inserts = append(group[missing].Inserts, db.Row{Table: &tasks, Values: []any{1}})
		group[unknown].Sets = []db.Set{{Table: &tasks, Columns: []string{"colour"}, Key: []any{1}, Values: []any{1}}}
		group[null].Inserts = append(group[null].Inserts, db.Row{Table: &tasks, Values: []any{5000, nil, nil, "x"}})
		outcomes := d.Commit(t.Context(), group)
		for i, err := range outcomes {
			switch i {
			case duplicate:
				if !errors.Is(err, db.ErrDuplicate) || !errs.Is(err, errs.Conflict) {
					t.Errorf("duplicate: %v", err)
				}
			case long, null:
				if !errs.Is(err, errs.Invalid) {
					t.Errorf("change %d: %v", i, err)
				}
			case missing, unknown:
				if err == nil {
					t.Errorf("change %d: no error", i)
				}
			default:
				if err != nil {
					t.Errorf("change %d: %v", i, err)
				}
			}
		}
		if n := count(t, d, "SELECT count(*) FROM history"); n != 25 {
			t.Errorf("%d rows of history, want 25", n)
		}
	})
}

// What is put into the text of a statement, as MySQL's driver does, stays a value.
func TestOddTextInAChange(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB) {
		addInstances(t, d, 1)
		for i, odd := range []string{`it's \`, `\'; DELETE FROM task; --`, "\n\x1a\t?{now}", `" $1 @p1 :1`, "入力 🙂"} {
			c := &db.Change{
				Claims:  []db.Claim{{Key: odd, Answer: []byte(odd)}},
				Inserts: []db.Row{{Table: &tasks, Values: []any{i + 1, 1, nil, odd}}, {Table: &history, Values: []any{1, i, []byte(odd + "\x00\xff")}}},
			}
			if err := commitOne(t, d, c); err != nil {
				t.Fatalf("%q: %v", odd, err)
			}
			var name string
			var event []byte
			err := d.QueryRow(t.Context(), "SELECT t.name, h.event FROM task t JOIN history h ON h.seq = ? WHERE t.name = ?", i, odd).Scan(&name, &event)
			if err != nil || name != odd || string(event) != odd+"\x00\xff" {
				t.Errorf("%q came back as %q and %q, %v", odd, name, event, err)
			}
			var was *db.Claimed
			if err := commitOne(t, d, c); !errors.As(err, &was) || string(was.Answer) != odd {
				t.Errorf("%q again: %v", odd, err)
			}
		}
		if n := count(t, d, "SELECT count(*) FROM task"); n != 6 {
			t.Errorf("%d tasks", n)
		}
	})
}

func TestWritesOfAChange(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB) {
		addInstances(t, d, 3)
		if err := d.Insert(t.Context(), db.Row{Table: &candidates, Values: []any{1001, 5}}); err != nil {
			t.Fatal(err)
		}
		c := &db.Change{
			Gones:   []db.Gone{{Table: &tasks, Column: "instance", Value: 1}},
			Inserts: []db.Row{{Table: &tasks, Values: []any{1001, 1, 9, "given again"}}}, // a key that goes and comes
			Ignores: []db.Row{{Table: &candidates, Values: []any{1001, 5}}, {Table: &candidates, Values: []any{1001, 6}}},
			Sets: []db.Set{
				{Table: &tasks, Columns: []string{"assignee", "name"}, Key: []any{1002}, Values: []any{4, "set"}},
				{Table: &tasks, Columns: []string{"assignee", "name"}, Key: []any{1003}, Values: []any{nil, "set too"}},
				{Table: &tasks, Columns: []string{"assignee", "name"}, Key: []any{9999}, Values: []any{1, "not there"}},
			},
		}
		same := &db.Change{Ignores: []db.Row{{Table: &candidates, Values: []any{1001, 6}}}}
		for _, err := range d.Commit(t.Context(), []*db.Change{c, same}) {
			if err != nil {
				t.Fatal(err)
			}
		}
		for query, want := range map[string]int{
			"SELECT count(*) FROM task WHERE instance = 1 AND name = 'given again'": 1,
			"SELECT count(*) FROM task WHERE id = 1002 AND assignee = 4":            1,
			"SELECT count(*) FROM task WHERE assignee IS NULL AND name = 'set too'": 1,
			"SELECT count(*) FROM task":                                             3,
			"SELECT count(*) FROM task_candidate":                                   2,
		} {
			if got := count(t, d, query); got != want {
				t.Errorf("%s: got %d, want %d", query, got, want)
			}
		}
	})
}
