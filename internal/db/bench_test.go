package db_test

import (
	"context"
	"crypto/rand"
	"fmt"
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
			b.Run("transactions", func(b *testing.B) { benchCommit(b, kind, 16, 1, single) })
			b.Run("group=1", func(b *testing.B) { benchCommit(b, kind, 1, 1, grouped) })
			b.Run("group=64", func(b *testing.B) { benchCommit(b, kind, 1, 64, grouped) })
			b.Run("group=256", func(b *testing.B) { benchCommit(b, kind, 1, 256, grouped) })
			b.Run("group=256/committers=2", func(b *testing.B) { benchCommit(b, kind, 2, 256, grouped) })
		})
	}
}

const benchRows = 20_000

func benchCommit(b *testing.B, kind string, workers, size int, write func(*testing.B, *db.DB, []*db.Change)) {
	d, server := benchOpen(b, kind)
	state := make([]byte, 2048)
	_, _ = rand.Read(state)
	// Every worker has rows of its own, and goes round over them.
	versions := make([]int64, benchRows)
	var worker, next atomic.Int64
	before, cpu := d.Stats(), server.CPU()
	b.SetParallelism(workers) // per core
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		w := int(worker.Add(1) - 1)
		all := workers * 8
		for at := w; pb.Next(); {
			var group []*db.Change
			for len(group) < size && (len(group) == 0 || pb.Next()) {
				if at += all; at >= benchRows {
					at = w
				}
				versions[at]++
				group = append(group, benchChange(int64(at+1), versions[at], 1_000_000+next.Add(1), state))
			}
			write(b, d, group)
		}
	})
	b.StopTimer()
	after := d.Stats()
	b.ReportMetric(float64(after.RoundTrips-before.RoundTrips)/float64(b.N), "trips/op")
	b.ReportMetric(float64((server.CPU()-cpu).Microseconds())/float64(b.N), "server-µs/op")
}

func benchOpen(b *testing.B, kind string) (*db.DB, *dbtest.Server) {
	dsn, server := "sqlite:"+b.TempDir()+"/bench.db", (*dbtest.Server)(nil)
	if kind != "sqlite" {
		server = dbtest.Own(b, kind, dbtest.Options{Fsync: true})
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
	return d, server
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
