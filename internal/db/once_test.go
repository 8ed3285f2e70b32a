package db_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/db/dbtest"
	"github.com/paceline/paceline/internal/errs"
)

type opened struct {
	Number int   `json:"number"`
	ID     db.ID `json:"id"`
}

// addHistory is a write that would be seen if it happened twice.
func addHistory(seq *atomic.Int64) func(context.Context, *db.Tx) (opened, error) {
	return func(ctx context.Context, tx *db.Tx) (opened, error) {
		n := seq.Add(1)
		err := tx.Insert(ctx, db.Row{Table: &history, Values: []any{1, n, nil}})
		return opened{int(n), db.ID(n << 40)}, err
	}
}

func TestDoOnce(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB) {
		var seq atomic.Int64
		ctx := db.WithOnce(t.Context(), db.Once{Key: "u1/k", Hash: "h"})
		first, err := db.Do(ctx, d, addHistory(&seq))
		if err != nil || first.Number != 1 {
			t.Fatal(first, err)
		}
		again, err := db.Do(ctx, d, addHistory(&seq))
		if err != nil || again != first {
			t.Errorf("repeat: %v, %v", again, err)
		}
		_, err = db.Do(db.WithOnce(t.Context(), db.Once{Key: "u1/k", Hash: "other"}), d, addHistory(&seq))
		if !errors.Is(err, db.ErrKeyReused) || !errs.Is(err, errs.Invalid) {
			t.Errorf("other request: %v", err)
		}
		if _, err = db.Do(t.Context(), d, addHistory(&seq)); err != nil {
			t.Errorf("without a key: %v", err)
		}
		if n := count(t, d, "SELECT count(*) FROM history"); n != 2 {
			t.Errorf("%d writes", n)
		}
	})
}

func TestDoStoresNoFailure(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB) {
		ctx := db.WithOnce(t.Context(), db.Once{Key: "k", Hash: "h"})
		cause := errs.New(errs.Denied, "not yours")
		_, err := db.Do(ctx, d, func(ctx context.Context, tx *db.Tx) (opened, error) {
			if err := tx.Insert(ctx, db.Row{Table: &history, Values: []any{1, 1, nil}}); err != nil {
				t.Error(err)
			}
			return opened{7, 7}, cause
		})
		if !errors.Is(err, cause) {
			t.Error(err)
		}
		if n := count(t, d, "SELECT count(*) FROM history") + count(t, d, "SELECT count(*) FROM command"); n != 0 {
			t.Errorf("%d rows remain of what failed", n)
		}
		var seq atomic.Int64
		if got, err := db.Do(ctx, d, addHistory(&seq)); err != nil || got.Number != 1 {
			t.Errorf("afterwards: %v, %v", got, err)
		}
	})
}

func TestDoIsBusyWhileTheFirstRuns(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB) {
		ctx := db.WithOnce(t.Context(), db.Once{Key: "k", Hash: "h"})
		_, err := db.Do(ctx, d, func(context.Context, *db.Tx) (opened, error) {
			_, err := db.Do(ctx, d, func(context.Context, *db.Tx) (opened, error) { return opened{}, errors.New("ran twice") })
			if !errors.Is(err, db.ErrKeyBusy) || !errs.Is(err, errs.Conflict) {
				t.Error(err)
			}
			return opened{}, nil
		})
		if err != nil {
			t.Error(err)
		}
	})
}

// Several nodes get the same request at once: one does it, all answer alike.
func TestDoOnSeveralNodes(t *testing.T) {
	for _, kind := range dbtest.Kinds() {
		t.Run(kind, func(t *testing.T) {
			dsn := dbtest.DSN(t, kind)
			var nodes []*db.DB
			for range 4 {
				nodes = append(nodes, dbtest.OpenDSN(t, dsn))
			}
			if err := nodes[0].Migrate(t.Context(), migrations()); err != nil {
				t.Fatal(err)
			}
			ctx := db.WithOnce(t.Context(), db.Once{Key: "k", Hash: "h"})
			var seq atomic.Int64
			results := make([]opened, len(nodes))
			var wg sync.WaitGroup
			for i, node := range nodes {
				wg.Go(func() {
					var err error
					if results[i], err = db.Do(ctx, node, addHistory(&seq)); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			for _, r := range results {
				if r != results[0] {
					t.Errorf("answers differ: %v", results)
				}
			}
			if n := count(t, nodes[0], "SELECT count(*) FROM history"); n != 1 {
				t.Errorf("done %d times", n)
			}
		})
	}
}

func TestForgetCommands(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB) {
		var seq atomic.Int64
		for _, key := range []string{"a", "b", "c"} {
			if _, err := db.Do(db.WithOnce(t.Context(), db.Once{Key: key}), d, addHistory(&seq)); err != nil {
				t.Fatal(err)
			}
		}
		if n, err := d.ForgetCommands(t.Context(), time.Hour, 10); n != 0 || err != nil {
			t.Errorf("young: %d, %v", n, err)
		}
		if n, err := d.ForgetCommands(t.Context(), -time.Hour, 2); n != 2 || err != nil {
			t.Errorf("old: %d, %v", n, err)
		}
	})
}
