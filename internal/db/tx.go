package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/paceline/paceline/internal/errs"
)

// Tx is a transaction. It is used by the function it was given to, and by no other
// goroutine. After an error of a statement it is over on some databases, so the function
// returns that error.
type Tx struct {
	d  *DB
	tx *sql.Tx
}

// ErrUnknown says that the connection broke during a commit: the write happened whole
// or not at all, and only reading (the version, the claim) tells which.
var ErrUnknown = errs.New(errs.Unavailable, "the connection broke during the commit; the write may have happened").
	WithCure("read again: the version or the idempotency key tells")

var errNested = errors.New("db: a write of its own within a transaction would wait for it for ever; use the Tx")

type inTxKey struct{}

func inTx(ctx context.Context) bool { return ctx.Value(inTxKey{}) != nil }

// Tx runs fn in a transaction, and commits when it returns nil. After a deadlock, a
// serialization failure or a busy database fn runs again, so it must not do what a
// rollback does not undo. Isolation is READ COMMITTED; on SQLite nobody else writes
// meanwhile, so fn is short and waits for nothing else.
func (d *DB) Tx(ctx context.Context, fn func(ctx context.Context, tx *Tx) error) error {
	if inTx(ctx) {
		return errNested
	}
	err := d.retry(ctx, func() error { return d.txOnce(ctx, fn) })
	return d.explain(err)
}

// txOnce begins apart from ctx, so that an ended ctx stops the statements and what comes
// after them, but does not cut off the commit.
func (d *DB) txOnce(ctx context.Context, fn func(ctx context.Context, tx *Tx) error) error {
	conn, err := d.pools.write.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	d.trip(1)
	tx, err := conn.BeginTx(d.finishing(ctx), nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // after Commit it does nothing
	if err := fn(context.WithValue(ctx, inTxKey{}, true), &Tx{d, tx}); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	d.trip(1)
	if err = tx.Commit(); err == nil {
		return nil
	}
	if d.cutOff(ctx) {
		return &refusal{ErrUnknown, d.scrub(err)}
	}
	switch d.dialect.fault(err) {
	case faultLost, faultStale, faultAway:
		return &refusal{ErrUnknown, d.scrub(err)}
	}
	return err
}

// finishing is the context for what is better finished than cut off in the middle.
func (d *DB) finishing(ctx context.Context) context.Context {
	if d.cfg.Patience > 0 {
		return ctx
	}
	return context.WithoutCancel(ctx)
}

// cutOff says that a write failed because ctx ended, so that its outcome is unknown.
func (d *DB) cutOff(ctx context.Context) bool { return d.cfg.Patience > 0 && ctx.Err() != nil }

// Query reads rows within the transaction. Read them before the next statement.
func (tx *Tx) Query(ctx context.Context, query string, args ...any) (*Rows, error) {
	rows, err := tx.d.query(ctx, tx.tx, query, args)
	return rows, tx.d.explain(err)
}

// QueryRow reads one row within the transaction.
func (tx *Tx) QueryRow(ctx context.Context, query string, args ...any) Scanner {
	return tx.d.queryRow(ctx, tx.tx, query, args)
}

// Exec writes within the transaction.
func (tx *Tx) Exec(ctx context.Context, query string, args ...any) (affected int64, err error) {
	affected, err = tx.d.exec(ctx, tx.tx, query, args)
	return affected, tx.d.explain(err)
}

// Insert writes full rows.
func (tx *Tx) Insert(ctx context.Context, rows ...Row) error {
	for _, row := range rows {
		values, err := fitRow(row)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, insertText(row.Table), values...); err != nil {
			return err
		}
	}
	return nil
}

// InsertIgnore writes the row unless its key exists, and says whether it did.
func (tx *Tx) InsertIgnore(ctx context.Context, row Row) (inserted bool, err error) {
	values, err := fitRow(row)
	if err != nil {
		return false, err
	}
	n, err := tx.Exec(ctx, tx.d.dialect.insertIgnore(row.Table), values...)
	return n == 1, err
}

func insertText(t *Table) string {
	return "INSERT INTO " + t.Name + " (" + strings.Join(t.names(), ", ") + ") VALUES (" + marks(len(t.Columns)) + ")"
}

// marks is n placeholders.
func marks(n int) string { return strings.TrimSuffix(strings.Repeat("?, ", n), ", ") }

func fitRow(row Row) ([]any, error) {
	if len(row.Values) != len(row.Table.Columns) {
		return nil, fmt.Errorf("db: %d values for the %d columns of %s", len(row.Values), len(row.Table.Columns), row.Table.Name)
	}
	values := make([]any, len(row.Values))
	for i := range row.Values {
		var err error
		if values[i], err = row.Table.Columns[i].fit(row.Values[i]); err != nil {
			return nil, place(row.Table, &row.Table.Columns[i], err)
		}
	}
	return values, nil
}

// place says which column an error is about.
func place(t *Table, c *Column, err error) error {
	var own *errs.Error
	if errors.As(err, &own) {
		return errs.New(own.Kind, "%s.%s: %w", t.Name, c.Name, err)
	}
	return fmt.Errorf("db: %s.%s: %w", t.Name, c.Name, err)
}

const (
	maxTries  = 12 // while the database is busy: about a second and a half
	maxBroken = 40 // connections; more than a restarted server leaves broken in a pool
)

// retry runs op again while the database says that trying again may help.
func (d *DB) retry(ctx context.Context, op func() error) error {
	busy, broken := 0, 0
	for {
		err := op()
		if err == nil {
			return nil
		}
		switch d.dialect.fault(err) {
		case faultRetry:
			if busy++; busy == maxTries || pause(ctx, busy) != nil {
				return err
			}
		case faultStale: // at once, on the next connection
			if broken++; broken == maxBroken {
				return err
			}
		default:
			return err
		}
		d.stats.retries.Add(1)
	}
}

// pause waits 1 to 2 ms after the first try, up to a quarter of a second later on.
func pause(ctx context.Context, try int) error {
	base := min(time.Millisecond<<(try-1), 128*time.Millisecond)
	select {
	case <-time.After(base + rand.N(base)):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
