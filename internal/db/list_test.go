package db_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/paceline/paceline/internal/db"
)

func titles(t *testing.T, d *db.DB, query string, args ...any) []string {
	t.Helper()
	out, err := db.All(t.Context(), d, func(s db.Scanner) (v string, err error) { return v, s.Scan(&v) }, query, args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestLists(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB) {
		for i, name := range []string{"alpha", "Alpha", "50%_[x]!", "50 x", "tail"} {
			if err := d.Insert(t.Context(), db.Row{Table: &tasks, Values: []any{i + 1, 1, nil, name}}); err != nil {
				t.Fatal(err)
			}
		}
		const byID = "SELECT name FROM task WHERE id IN (?) AND instance = ? ORDER BY id"
		const like = "SELECT name FROM task WHERE name LIKE ? ESCAPE '!' ORDER BY id"
		for _, c := range []struct {
			query string
			args  []any
			want  []string
		}{
			{byID, []any{db.In([]db.ID{1, 3, 5}), 1}, []string{"alpha", "50%_[x]!", "tail"}},
			{byID, []any{db.In([]int{2}), 1}, []string{"Alpha"}},
			{byID, []any{db.In([]int64{}), 1}, nil},
			{like, []any{db.Contains("%_[x]!")}, []string{"50%_[x]!"}},
			{like, []any{db.Prefix("50")}, []string{"50%_[x]!", "50 x"}},
			{like, []any{db.Contains("lph")}, []string{"alpha", "Alpha"}},
			{like, []any{db.Prefix("a")}, []string{"alpha"}},
			{"SELECT name FROM task WHERE id > ? ORDER BY id {limit}", []any{1, 2}, []string{"Alpha", "50%_[x]!"}},
			{"SELECT name FROM task ORDER BY id {page}", []any{3, 10}, []string{"50 x", "tail"}},
		} {
			if got := titles(t, d, c.query, c.args...); !reflect.DeepEqual(got, c.want) {
				t.Errorf("%s %v: got %q, want %q", c.query, c.args, got, c.want)
			}
		}
		for limit, want := range map[int]int{3: 3, 100: 4} {
			if n, err := db.Count(t.Context(), d, limit, "FROM task WHERE id > ?", 1); n != want || err != nil {
				t.Errorf("count up to %d: %d, %v", limit, n, err)
			}
		}
		now, err := db.Now(t.Context(), d)
		if off := time.Since(db.Time(now)).Abs(); err != nil || off > time.Minute {
			t.Errorf("the database's clock is off by %s, %v", off, err)
		}
	})
}

// A list that grows from one value to a thousand makes eleven statements.
func TestListsArePadded(t *testing.T) {
	seen := map[string]bool{}
	for n := 1; n <= 1000; n++ {
		text, args, err := db.RenderQuery("postgres", "SELECT 1 FROM t WHERE a IN (?)", db.In(make([]int, n)))
		if err != nil || strings.Count(text, "$") != len(args) || len(args) < n {
			t.Fatal(n, err, text)
		}
		seen[text] = true
	}
	if len(seen) != 11 {
		t.Errorf("%d statements", len(seen))
	}
	if _, _, err := db.RenderQuery("postgres", "SELECT 1 FROM t WHERE a IN (?)", db.In(make([]int, 1001))); err == nil {
		t.Error("1,001 values were let through")
	}
}

func TestRenderQuery(t *testing.T) {
	const query = "SELECT level, t.number FROM t WHERE a = ? AND b <> '? {x} level' AND c LIKE ? ESCAPE '!' ORDER BY a {page}"
	args := []any{true, db.Prefix("5[%"), 10, db.ID(20)}
	for name, want := range map[string]struct {
		text string
		args []any
	}{
		"postgres":  {"SELECT level, t.number FROM t WHERE a = $1 AND b <> '? {x} level' AND c LIKE $2 ESCAPE '!' ORDER BY a OFFSET $3 LIMIT $4", []any{int64(1), "5[!%%", int64(10), int64(20)}},
		"sqlserver": {"SELECT level, t.number FROM t WHERE a = @p1 AND b <> '? {x} level' AND c LIKE @p2 ESCAPE '!' ORDER BY a OFFSET @p3 ROWS FETCH NEXT @p4 ROWS ONLY", []any{int64(1), "5![!%%", int64(10), int64(20)}},
		"oracle":    {`SELECT "LEVEL", t."NUMBER" FROM t WHERE a = :1 AND b <> '? {x} level' AND c LIKE :2 ESCAPE '!' ORDER BY a OFFSET :3 ROWS FETCH NEXT :4 ROWS ONLY`, []any{int64(1), "5[!%%", int64(10), int64(20)}},
	} {
		text, flat, err := db.RenderQuery(name, query, args...)
		if err != nil || text != want.text || !reflect.DeepEqual(flat, want.args) {
			t.Errorf("%s: %s %v %v", name, text, flat, err)
		}
	}
	for _, bad := range []string{"SELECT '", "SELECT {nothing}", "SELECT {now", "SELECT ?"} {
		if _, _, err := db.RenderQuery("sqlite", bad); err == nil {
			t.Errorf("%q was let through", bad)
		}
	}
}
