package db

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
)

// Lease takes rows for one of several workers that look for work at the same time: at
// most Limit rows for which Where holds are changed as Set says and returned, each to
// one worker only. Rows that another worker is taking are skipped, not waited for.
type Lease struct {
	Table   *Table   // with one BigInt key column
	Where   string   // portable SQL over the table's columns; it may hold sub-queries and {now}
	Args    []any    // of Where
	OrderBy string   // which rows first, such as "due"
	Columns []string // set by Values; a Where that looks at them no longer holds afterwards
	Values  []any
	Limit   int      // at most 1,000
	Returns []string // columns of the rows as they are afterwards
}

// Take performs the lease and reads each row taken with scan, which gets the columns of
// Returns in their order. The rows come in no particular order.
func Take[T any](ctx context.Context, d *DB, l Lease, scan func(Scanner) (T, error)) ([]T, error) {
	if inTx(ctx) {
		return nil, errNested
	}
	if err := l.check(); err != nil {
		return nil, err
	}
	var out []T
	err := d.retry(ctx, func() error {
		out = out[:0]
		return d.dialect.lease(ctx, d, &l, func(row Scanner) error {
			v, err := scan(row)
			out = append(out, v)
			return err
		})
	})
	if err != nil {
		return nil, d.explain(err)
	}
	return out, nil
}

func (l *Lease) check() error {
	switch {
	case l.Table == nil || len(l.Table.Key) != 1 || l.Table.column(l.Table.Key[0]).Type != BigInt:
		return fmt.Errorf("db: a lease needs a table with one BigInt key column")
	case l.Limit < 1 || l.Limit > maxList:
		return fmt.Errorf("db: a lease of %d rows of %s: expected 1 to %d", l.Limit, l.Table.Name, maxList)
	case l.Where == "" || l.OrderBy == "" || len(l.Columns) == 0 || len(l.Columns) != len(l.Values) || len(l.Returns) == 0:
		return fmt.Errorf("db: a lease of %s needs Where, OrderBy, Columns with Values, and Returns", l.Table.Name)
	}
	for _, name := range l.Returns {
		if l.Table.column(name) == nil {
			return fmt.Errorf("db: %s has no column %s", l.Table.Name, name)
		}
	}
	return nil
}

// sets is "a = ?, b = ?".
func (l *Lease) sets() string { return strings.Join(l.Columns, " = ?, ") + " = ?" }

// returns lists the columns asked for, each with a prefix.
func (l *Lease) returns(prefix ...string) string {
	p := strings.Join(prefix, "")
	return p + strings.Join(l.Returns, ", "+p)
}

// args are the arguments of sets, then of Where, then more.
func (l *Lease) args(more ...any) []any {
	args := append([]any{}, l.Values...)
	return append(append(args, l.Args...), more...)
}

// leaseRows runs a portable statement that returns the columns asked for.
func (d *DB) leaseRows(ctx context.Context, to sender, text string, args []any, scan func(Scanner) error) error {
	rows, err := d.query(ctx, to, text, args)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Rows.Err()
}

// leaseKeys reads at most limit keys.
func (d *DB) leaseKeys(ctx context.Context, tx *sql.Tx, text string, args []any, limit int) ([]int64, error) {
	rows, err := d.query(ctx, tx, text, args)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var keys []int64
	for len(keys) < limit && rows.Next() {
		var key int64
		if err := rows.Scan(&key); err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	return keys, rows.Rows.Err()
}

// leaseInSteps is for databases that cannot change rows and return them at once: lock,
// look again, change, read. It looks again because the locking statement judged Where
// by other tables as they were at its beginning; what is locked changes no more.
func (d *DB) leaseInSteps(ctx context.Context, l *Lease, scan func(Scanner) error, lock func(*sql.Tx) ([]int64, error)) error {
	d.trip(1)
	tx, err := d.pools.hot.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	keys, err := lock(tx)
	if err != nil || len(keys) == 0 {
		return err
	}
	table, in := l.Table.Name, " WHERE "+l.Table.Key[0]+" IN (?)"
	again := fmt.Sprintf("SELECT %s FROM %s%s AND (%s)", l.Table.Key[0], table, in, l.Where)
	if keys, err = d.leaseKeys(ctx, tx, again, append([]any{In(keys)}, l.Args...), l.Limit); err != nil || len(keys) == 0 {
		return err
	}
	if _, err := d.exec(ctx, tx, "UPDATE "+table+" SET "+l.sets()+in, append(append([]any{}, l.Values...), In(keys))); err != nil {
		return err
	}
	if err := d.leaseRows(ctx, tx, "SELECT "+l.returns()+" FROM "+table+in, []any{In(keys)}, scan); err != nil {
		return err
	}
	d.trip(1)
	return tx.Commit()
}
