package db_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/db/dbtest"
)

// BenchmarkCommit writes transitions (2 KB of state guarded, one row of history, one
// task gone, one new, one claim) to servers whose commits reach the disk: in groups, and
// beside it the same rows with one transaction for each transition and one statement
// for each row. An operation is one transition.
//
//	go test -run '^$' -bench Commit -benchtime 2s ./internal/db
func BenchmarkCommit(b *testing.B) {
	for _, kind := range []string{"sqlite", "postgres", "mariadb"} {
		b.Run(kind, func(b *testing.B) {
			var server *dbtest.Server
			if kind != "sqlite" {
				server = dbtest.Own(b, kind, dbtest.Options{Fsync: true})
			}
			b.Run("transactions", func(b *testing.B) { benchCommit(b, server, 32, 1, single) })
			b.Run("group=1", func(b *testing.B) { benchCommit(b, server, 2, 1, grouped) })
			b.Run("group=64", func(b *testing.B) { benchCommit(b, server, 2, 64, grouped) })
			b.Run("group=256", func(b *testing.B) { benchCommit(b, server, 2, 256, grouped) })
		})
	}
}

const benchRows = 5_000

// benchCommit has a number of workers write groups of a size.
func benchCommit(b *testing.B, server *dbtest.Server, workers, size int, write func(*testing.B, *db.DB, []*db.Change)) {
	d := benchOpen(b, server)
	state := make([]byte, 2048)
	_, _ = rand.Read(state)
	versions := make([]int64, benchRows)
	left := atomic.Int64{}
	left.Store(int64(b.N))
	before, cpu := d.Stats(), server.CPU()
	var wg sync.WaitGroup
	b.ResetTimer()
	for w := range workers {
		wg.Go(func() { // every worker has rows of its own, and goes round over them
			at := w
			for {
				var group []*db.Change
				for len(group) < size {
					n := left.Add(-1)
					if n < 0 {
						break
					}
					versions[at]++
					group = append(group, benchChange(int64(at+1), versions[at], 1_000_000+n, state))
					if at += workers; at >= benchRows {
						at = w
					}
				}
				if len(group) == 0 {
					return
				}
				write(b, d, group)
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	after := d.Stats()
	b.ReportMetric(float64(after.RoundTrips-before.RoundTrips)/float64(b.N), "trips/op")
	b.ReportMetric(float64((server.CPU()-cpu).Microseconds())/float64(b.N), "server-µs/op")
}

// benchOpen makes a database with rows to work on; without a server, a SQLite file.
func benchOpen(b *testing.B, server *dbtest.Server) *db.DB {
	dsn := "sqlite:" + b.TempDir() + "/bench.db"
	if server != nil {
		var err error
		if dsn, _, err = server.Create(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
	d := dbtest.OpenDSN(b, dsn)
	if err := d.Migrate(b.Context(), migrations()); err != nil {
		b.Fatal(err)
	}
	for from := 0; from < benchRows; from += 500 {
		c := &db.Change{}
		for i := from + 1; i <= from+500; i++ {
			c.Inserts = append(c.Inserts, db.Row{Table: &instances, Values: []any{i, 1, 0, "bench", make([]byte, 2048), nil, false}}, db.Row{Table: &tasks, Values: []any{i, i, nil, "t"}})
		}
		if err := d.Commit(b.Context(), []*db.Change{c})[0]; err != nil {
			b.Fatal(err)
		}
	}
	return d
}

func benchChange(id, version, serial int64, state []byte) *db.Change {
	return &db.Change{
		Guards:  []db.Guard{{Table: &instances, Key: id, Version: version, Columns: stateColumns, Values: []any{state, 2}}},
		Claims:  []db.Claim{{Key: fmt.Sprint("u1/", serial), Hash: "0123456789abcdef", Answer: []byte(`{"ok":true}`)}},
		Inserts: []db.Row{{Table: &history, Values: []any{id, version + 1, state[:200]}}, {Table: &tasks, Values: []any{serial, id, 7, "t"}}},
		Gones:   []db.Gone{{Table: &tasks, Column: "instance", Value: id}},
	}
}

func grouped(b *testing.B, d *db.DB, group []*db.Change) {
	for _, err := range d.Commit(b.Context(), group) {
		if err != nil {
			b.Error(err)
		}
	}
}

// single is the usual way: one transaction for each transition.
func single(b *testing.B, d *db.DB, group []*db.Change) {
	for _, c := range group {
		err := d.Tx(b.Context(), func(ctx context.Context, tx *db.Tx) error {
			g, claim := c.Guards[0], c.Claims[0]
			n, err := tx.Exec(ctx, "UPDATE instance SET version = version + 1, state = ?, status = ? WHERE id = ? AND version = ?", g.Values[0], g.Values[1], g.Key, g.Version)
			if err == nil && n != 1 {
				err = db.ErrStale
			}
			if err == nil {
				_, err = tx.Exec(ctx, "INSERT INTO command (command_key, hash, answer, at) VALUES (?, ?, ?, ?)", claim.Key, claim.Hash, claim.Answer, 1)
			}
			if err == nil {
				_, err = tx.Exec(ctx, "DELETE FROM task WHERE instance = ?", c.Gones[0].Value)
			}
			if err == nil {
				err = tx.Insert(ctx, c.Inserts...)
			}
			return err
		})
		if err != nil {
			b.Error(err)
		}
	}
}
