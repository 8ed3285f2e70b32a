package db_test

import (
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/paceline/paceline/internal/db"
)

// Writers with caches of their own, stale most of the time, meet on a few rows. What
// was accepted must be what is there: no transition lost, none doubled.
func TestRace(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB) {
		const rows, writers, rounds, size = 20, 6, 25, 8
		addInstances(t, d, rows)
		var accepted, stale atomic.Int64
		var wg sync.WaitGroup
		for w := range uint64(writers) {
			wg.Go(func() {
				r := rand.New(rand.NewPCG(w, 1))
				cache := make(map[int64]int64)
				for range rounds {
					group := raceGroup(t, d, r, cache, rows, size)
					for i, err := range d.Commit(t.Context(), group) {
						id := group[i].Guards[0].Key
						switch {
						case err == nil:
							accepted.Add(1)
							for _, g := range group[i].Guards {
								cache[g.Key] = g.Version + 1
							}
						case errors.Is(err, db.ErrStale):
							stale.Add(1)
							for _, g := range group[i].Guards {
								delete(cache, g.Key)
							}
						default:
							t.Errorf("instance %d: %v", id, err)
						}
					}
				}
			})
		}
		wg.Wait()
		guards := count(t, d, "SELECT sum(version - 1) FROM instance")
		written := count(t, d, "SELECT count(*) FROM history")
		wrong := count(t, d, "SELECT count(*) FROM instance i WHERE i.version - 1 <> (SELECT count(*) FROM history h WHERE h.instance = i.id)")
		t.Logf("accepted %d, stale %d, tried again %d", accepted.Load(), stale.Load(), d.Stats().Retries)
		if guards != written || wrong != 0 || accepted.Load() == 0 || stale.Load() == 0 {
			t.Errorf("versions %d, history %d, rows where they differ %d", guards, written, wrong)
		}
		if n := count(t, d, "SELECT count(*) FROM task_candidate"); int64(n) != accepted.Load() {
			t.Errorf("%d changes accepted, %d written", accepted.Load(), n)
		}
	})
}

var raceSerial atomic.Int64

// raceGroup makes transitions of random rows, every fourth of two rows at once.
func raceGroup(t *testing.T, d *db.DB, r *rand.Rand, cache map[int64]int64, rows, size int64) []*db.Change {
	var group []*db.Change
	ids := r.Perm(int(rows))
	for i := range size {
		c := &db.Change{Ignores: []db.Row{{Table: &candidates, Values: []any{raceSerial.Add(1), 1}}}}
		take := []int{ids[i]}
		if i%4 == 0 {
			take = append(take, ids[size+i])
		}
		for _, n := range take {
			id := int64(n) + 1
			version, ok := cache[id]
			if !ok {
				if err := d.QueryRow(t.Context(), "SELECT version FROM instance WHERE id = ?", id).Scan(&version); err != nil {
					t.Error(err)
				}
				cache[id] = version
			}
			c.Guards = append(c.Guards, db.Guard{Table: &instances, Key: id, Version: version, Columns: stateColumns, Values: []any{[]byte("x"), i}})
			c.Inserts = append(c.Inserts, db.Row{Table: &history, Values: []any{id, version + 1, nil}})
		}
		group = append(group, c)
	}
	return group
}
