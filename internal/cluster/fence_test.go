package cluster

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/paceline/paceline/internal/db"
)

// journal is what leaders write to in these tests. The count is one row that every write
// changes, so ids are in the order of commits.
var (
	journal = &db.Table{
		Name:    "journal",
		Columns: []db.Column{{Name: "id", Type: db.BigInt}, {Name: "epoch", Type: db.BigInt}, {Name: "name", Type: db.Text, Size: 40}},
		Key:     []string{"id"},
	}
	journalCount = &db.Table{
		Name:    "journal_count",
		Columns: []db.Column{{Name: "id", Type: db.BigInt}, {Name: "n", Type: db.BigInt}},
		Key:     []string{"id"},
	}
	journalMigration = db.Migration{ID: 1000, Name: "journal", Up: []db.DDL{db.CreateTable(journal), db.CreateTable(journalCount),
		db.SQL("INSERT INTO journal_count (id, n) SELECT 1, 0{dual} WHERE NOT EXISTS (SELECT 1 FROM journal_count)")}}
)

// write adds a line to the journal.
func write(ctx context.Context, tx *db.Tx, epoch int64, name string) error {
	if _, err := tx.Exec(ctx, "UPDATE journal_count SET n = n + 1"); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, "INSERT INTO journal (id, epoch, name) SELECT n, ?, ? FROM journal_count", epoch, name)
	return err
}

// disorder counts the lines that were committed after one with a higher epoch.
func disorder(t *testing.T, d *db.DB) (lines, bad int) {
	t.Helper()
	epochs, err := db.All(t.Context(), d, func(s db.Scanner) (e int64, err error) { return e, s.Scan(&e) }, "SELECT epoch FROM journal ORDER BY id")
	must(t, err)
	var highest int64
	for _, e := range epochs {
		if e < highest {
			bad++
		}
		highest = max(highest, e)
	}
	return len(epochs), bad
}

// fenceOf is the fence of the term that a lease is in.
func fenceOf(t *testing.T, l *Lease) Fence {
	t.Helper()
	waitLeads(t, l)
	return l.current().fence
}

func TestFenceRefusesTheSuperseded(t *testing.T) {
	arenas(t, func(t *testing.T, a arena) {
		old := a.contender(t, LeaseConfig{Name: "a", Profile: patient})
		was := fenceOf(t, old)
		must(t, was.Tx(t.Context(), func(ctx context.Context, tx *db.Tx) error { return write(ctx, tx, was.Epoch, "a") }))
		next := a.contender(t, LeaseConfig{Name: "b", Profile: patient})
		next.ProveDead(was.Epoch)
		waitLeads(t, next)
		err := was.Tx(t.Context(), func(ctx context.Context, tx *db.Tx) error { return write(ctx, tx, was.Epoch, "a, late") })
		if !errors.Is(err, ErrFenced) {
			t.Errorf("a late write: %v", err)
		}
		if lines, _ := disorder(t, a.db); lines != 1 {
			t.Errorf("%d lines", lines)
		}
		// A database that lost its last commits gives one epoch twice; the nonce differs.
		twin := next.current().fence
		twin.nonce = was.nonce
		if err := twin.Tx(t.Context(), func(context.Context, *db.Tx) error { return nil }); !errors.Is(err, ErrFenced) {
			t.Errorf("the same epoch, acquired by another: %v", err)
		}
	})
}

// Between the fence's check and the commit nobody begins to lead. With a plain read in
// place of the check somebody does, and the commit comes late.
func TestNobodyLeadsBetweenCheckAndCommit(t *testing.T) {
	arenas(t, func(t *testing.T, a arena) {
		old := a.contender(t, LeaseConfig{Name: "a", Profile: patient})
		for _, locked := range []bool{true, false} {
			was := fenceOf(t, old)
			next := a.lease(t, LeaseConfig{Name: "b", Profile: patient})
			var taken <-chan time.Time
			var early bool
			err := old.db.Tx(t.Context(), func(ctx context.Context, tx *db.Tx) error {
				if err := tx.Insert(ctx, db.Row{Table: journal, Values: []any{1000 + was.Epoch, was.Epoch, "a"}}); err != nil {
					return err
				}
				var err error
				if locked {
					err = was.Check(ctx, tx)
				} else {
					var epoch int64
					err = tx.QueryRow(ctx, "SELECT epoch FROM cluster_epoch").Scan(&epoch)
				}
				if err != nil {
					return err
				}
				next.ProveDead(was.Epoch)
				taken = takeOver(t, next)
				select {
				case <-taken:
					early = true
				case <-time.After(300 * time.Millisecond):
				}
				return nil
			})
			must(t, err)
			if early == locked && !a.db.Local() { // a file has one writer at a time
				t.Errorf("locked %v: another node led before the commit: %v", locked, early)
			}
			if !early {
				<-taken
			}
			must(t, next.Stop(t.Context()))
			eventually(t, "a leads again", func() bool { return old.Epoch() > was.Epoch+1 })
		}
	})
}

// takeOver starts the lease and tells when it leads.
func takeOver(t *testing.T, l *Lease) <-chan time.Time {
	must(t, l.Start(context.WithoutCancel(t.Context())))
	led := make(chan time.Time, 1)
	go func() {
		for end := time.Now().Add(15 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
			if l.Epoch() > 0 {
				break
			}
		}
		led <- time.Now()
	}()
	return led
}
