package db_test

import (
	"sync"
	"testing"

	"github.com/paceline/paceline/internal/db"
)

// Two workers take until nothing is left: every row is taken, none by both.
func TestTake(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB) {
		const n = 200
		var rows []db.Row
		for i := range n {
			rows = append(rows, db.Row{Table: &jobs, Values: []any{i + 1, i % 7, nil, "mail"}})
		}
		rows = append(rows, db.Row{Table: &jobs, Values: []any{1000, int64(1) << 60, nil, "later"}}, db.Row{Table: &jobs, Values: []any{1001, 1, 77, "owned"}})
		if err := d.Insert(t.Context(), rows...); err != nil {
			t.Fatal(err)
		}
		taken := make([][]int64, 2)
		var wg sync.WaitGroup
		for w := range taken {
			wg.Go(func() {
				for dry := 0; dry < 3; { // rows in the hands of the other are passed over, so nothing once is no proof
					got, err := take(t, d, w+1)
					if err != nil {
						t.Error(err)
						return
					}
					taken[w] = append(taken[w], got...)
					if len(got) == 0 {
						dry++
					}
				}
			})
		}
		wg.Wait()
		seen := map[int64]bool{}
		for w, ids := range taken {
			for _, id := range ids {
				if seen[id] {
					t.Errorf("row %d was taken twice", id)
				}
				seen[id] = true
			}
			if got := count(t, d, "SELECT count(*) FROM job WHERE owner = ?", w+1); got != len(ids) {
				t.Errorf("worker %d took %d and owns %d", w+1, len(ids), got)
			}
		}
		if len(seen) != n {
			t.Errorf("%d of %d rows taken", len(seen), n)
		}
	})
}

func take(t *testing.T, d *db.DB, worker int) ([]int64, error) {
	return db.Take(t.Context(), d, db.Lease{
		Table:   &jobs,
		Where:   "due <= {now} AND due >= ? AND (owner IS NULL OR NOT EXISTS (SELECT 1 FROM job o WHERE o.owner = job.owner))",
		Args:    []any{0},
		OrderBy: "due",
		Columns: []string{"owner"},
		Values:  []any{worker},
		Limit:   9,
		Returns: []string{"id", "kind", "owner"},
	}, func(s db.Scanner) (id int64, err error) {
		var kind string
		var owner int
		err = s.Scan(&id, &kind, &owner)
		if kind != "mail" || owner != worker {
			t.Errorf("worker %d got a row of %d, kind %q", worker, owner, kind)
		}
		return id, err
	})
}
