package db

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/paceline/paceline/internal/errs"
)

// Queryer reads and writes with portable SQL: a DB does each statement by itself, a Tx
// does it within the transaction.
//
// Arguments are int64 and other integers, ID, string, []byte, bool, named types of
// these, nil, and pointers to them where a nil pointer is NULL; also In, Contains and
// Prefix. Results are scanned into pointers to the same types, and NULL into a pointer
// to a pointer.
type Queryer interface {
	Query(ctx context.Context, query string, args ...any) (*Rows, error)
	QueryRow(ctx context.Context, query string, args ...any) Scanner
	Exec(ctx context.Context, query string, args ...any) (affected int64, err error)
	Insert(ctx context.Context, rows ...Row) error
	InsertIgnore(ctx context.Context, row Row) (inserted bool, err error)
}

// Scanner gives the columns of one row.
type Scanner interface {
	Scan(dest ...any) error
}

var (
	// ErrNoRows is what QueryRow's Scan returns when there is no row.
	ErrNoRows = errs.New(errs.NotFound, "no such row")

	// ErrDuplicate is wrapped by the error of a write that meets a unique key.
	ErrDuplicate = errs.New(errs.Conflict, "a row with this key exists already")
)

// Rows are the result of Query. Close them, or read them to the end.
type Rows struct {
	*sql.Rows
	d *DB
}

// Scan reads the row that Next moved to.
func (r *Rows) Scan(dest ...any) error { return r.Rows.Scan(r.d.dests(dest)...) }

// Err is what ended the rows before their end.
func (r *Rows) Err() error { return r.d.explain(r.Rows.Err()) }

// oneRow is a row, or why there is none.
type oneRow struct {
	row *sql.Row
	d   *DB
	err error
}

func (r oneRow) Scan(dest ...any) error {
	if r.err != nil {
		return r.err
	}
	err := r.row.Scan(r.d.dests(dest)...)
	if errors.Is(err, sql.ErrNoRows) {
		return ErrNoRows
	}
	return r.d.explain(err)
}

// dests lets a database that has no empty text (Oracle) be read like the others.
func (d *DB) dests(dest []any) []any {
	b, ok := d.dialect.(blanker)
	if !ok {
		return dest
	}
	for i, v := range dest {
		if s, ok := v.(*string); ok {
			dest[i] = b.blank(s)
		}
	}
	return dest
}

// sender is a pool or a transaction of database/sql.
type sender interface {
	QueryContext(context.Context, string, ...any) (*sql.Rows, error)
	QueryRowContext(context.Context, string, ...any) *sql.Row
	ExecContext(context.Context, string, ...any) (sql.Result, error)
}

func (d *DB) query(ctx context.Context, to sender, query string, args []any) (*Rows, error) {
	text, flat, err := d.bind(query, args)
	if err != nil {
		return nil, err
	}
	d.trip(1)
	rows, err := to.QueryContext(ctx, text, flat...)
	if err != nil {
		return nil, err
	}
	return &Rows{rows, d}, nil
}

func (d *DB) queryRow(ctx context.Context, to sender, query string, args []any) Scanner {
	text, flat, err := d.bind(query, args)
	if err != nil {
		return oneRow{err: err}
	}
	d.trip(1)
	return oneRow{row: to.QueryRowContext(ctx, text, flat...), d: d}
}

func (d *DB) exec(ctx context.Context, to sender, query string, args []any) (int64, error) {
	text, flat, err := d.bind(query, args)
	if err != nil {
		return 0, err
	}
	d.trip(1)
	res, err := to.ExecContext(ctx, text, flat...)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

// Query reads rows.
func (d *DB) Query(ctx context.Context, query string, args ...any) (*Rows, error) {
	rows, err := d.query(ctx, d.pools.read, query, args)
	return rows, d.explain(err)
}

// QueryRow reads one row; without one, its Scan returns ErrNoRows.
func (d *DB) QueryRow(ctx context.Context, query string, args ...any) Scanner {
	return d.queryRow(ctx, d.pools.read, query, args)
}

// Exec writes with one statement, which is a transaction by itself. Once it is sent, an
// ended ctx does not cut it off (but see Config.Patience).
func (d *DB) Exec(ctx context.Context, query string, args ...any) (affected int64, err error) {
	if inTx(ctx) {
		return 0, errNested
	}
	err = d.retry(ctx, func() error {
		conn, err := d.pools.write.Conn(ctx)
		if err != nil {
			return err
		}
		defer conn.Close()
		affected, err = d.exec(d.finishing(ctx), conn, query, args)
		return err
	})
	if err != nil && (d.dialect.fault(err) == faultLost || d.cutOff(ctx)) {
		err = &refusal{ErrUnknown, d.scrub(err)}
	}
	return affected, d.explain(err)
}

// Insert writes full rows in one transaction.
func (d *DB) Insert(ctx context.Context, rows ...Row) error {
	return d.Tx(ctx, func(ctx context.Context, tx *Tx) error { return tx.Insert(ctx, rows...) })
}

// InsertIgnore writes the row unless its key exists, and says whether it did.
func (d *DB) InsertIgnore(ctx context.Context, row Row) (inserted bool, err error) {
	err = d.Tx(ctx, func(ctx context.Context, tx *Tx) (err error) {
		inserted, err = tx.InsertIgnore(ctx, row)
		return err
	})
	return inserted, err
}

// explain puts our words on an error of a driver. Errors that are ours stay.
func (d *DB) explain(err error) error {
	var own *errs.Error
	if err == nil || errors.As(err, &own) {
		return err
	}
	switch d.dialect.fault(err) {
	case faultDuplicate:
		return &refusal{ErrDuplicate, d.scrub(err)}
	case faultAway, faultStale, faultLost:
		return errs.New(errs.Unavailable, "the database is away: %s", d.scrub(err)).RetryAfter(time.Second)
	case faultRetry:
		return errs.New(errs.Unavailable, "the database is too busy: %w", err).RetryAfter(time.Second) // retry looks for the cause
	}
	return err
}

// refusal is one of our errors with what the database said.
type refusal struct {
	error
	said string
}

func (r *refusal) Error() string { return r.error.Error() + ": " + r.said }
func (r *refusal) Unwrap() error { return r.error }
