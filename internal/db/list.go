package db

import (
	"context"
	"fmt"
	"math/bits"
	"strings"
)

// maxList bounds a list in one statement; Oracle takes no more.
const maxList = 1000

// List is an argument that fills the ? of IN (?) with several values.
type List struct {
	values []any
}

// In makes a list of at most 1,000 values for IN (?). An empty list matches nothing.
// The list is padded to a power of two with its last value, so that a database sees few
// different statements.
func In[T any](values []T) List {
	l := List{make([]any, len(values))}
	for i, v := range values {
		l.values[i] = v
	}
	return l
}

func (l List) padded() []any {
	if len(l.values) == 0 {
		return []any{nil}
	}
	width := 1 << bits.Len(uint(len(l.values)-1))
	width = min(width, max(maxList, len(l.values)))
	out := make([]any, width)
	for i := range out {
		out[i] = l.values[min(i, len(l.values)-1)]
	}
	return out
}

// plain brings the values to what drivers take.
func (l List) plain() (List, error) {
	if len(l.values) > maxList {
		return List{}, fmt.Errorf("a list of %d values: at most %d fit one statement", len(l.values), maxList)
	}
	out := List{make([]any, len(l.values))}
	for i, v := range l.values {
		var err error
		if out.values[i], err = plain(v); err != nil {
			return List{}, err
		}
	}
	return out, nil
}

// Pattern is an argument for LIKE ? ESCAPE '!' that finds text as it stands.
type Pattern struct {
	before, text, after string
}

// Contains finds text anywhere. LIKE tells upper from lower case on every database.
func Contains(text string) Pattern { return Pattern{"%", text, "%"} }

// Prefix finds text at the beginning.
func Prefix(text string) Pattern { return Pattern{"", text, "%"} }

func (p Pattern) escaped(d dialect) string {
	var b strings.Builder
	b.WriteString(p.before)
	for i := range len(p.text) {
		if strings.IndexByte(d.wildcards(), p.text[i]) >= 0 {
			b.WriteByte('!')
		}
		b.WriteByte(p.text[i])
	}
	b.WriteString(p.after)
	return b.String()
}

// All reads every row of a query with scan.
func All[T any](ctx context.Context, q Queryer, scan func(Scanner) (T, error), query string, args ...any) ([]T, error) {
	rows, err := q.Query(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []T
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, rows.Err()
}

// Count counts rows up to a limit, so that counting stays cheap where there are many:
// from is all that follows SELECT .. in a query without ORDER BY, such as
// "FROM task WHERE assignee = ?". A result of limit means that many or more.
func Count(ctx context.Context, q Queryer, limit int, from string, args ...any) (n int, err error) {
	args = append(args[:len(args):len(args)], limit)
	err = q.QueryRow(ctx, "SELECT count(*) FROM (SELECT 1 AS one "+from+" {atmost}) counted", args...).Scan(&n)
	return n, err
}

// Now is the database's clock in microseconds, which leases go by.
func Now(ctx context.Context, q Queryer) (micros int64, err error) {
	err = q.QueryRow(ctx, "SELECT {now}{dual}").Scan(&micros)
	return micros, err
}
