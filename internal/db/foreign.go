package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/paceline/paceline/internal/errs"
)

// Foreign is a database of somebody else, of one of the kinds that we know. We make no
// table in it and assume none; statements are its own SQL, and only the placeholder ? is
// spelled for it (?? stands for a question mark).
type Foreign struct{ d *DB }

// OpenForeign connects to the database that the DSN names, as Open does. A file of SQLite
// has to exist and keeps its settings.
func OpenForeign(ctx context.Context, cfg Config) (*Foreign, error) {
	if path, ok := strings.CutPrefix(cfg.DSN, "sqlite:"); ok {
		path, _, _ = strings.Cut(path, "?")
		if _, err := os.Stat(path); err != nil {
			return nil, errs.New(errs.Unavailable, "there is no database %s", path)
		}
	}
	cfg.foreign = true
	d, err := Open(ctx, cfg)
	if err != nil {
		return nil, err
	}
	return &Foreign{d}, nil
}

// Close ends every connection.
func (f *Foreign) Close() error { return f.d.Close() }

// Found is what a statement has read.
type Found struct {
	Columns []ForeignColumn
	Rows    [][]any // nil, bool, int64, float64, string, []byte or time.Time
}

// ForeignColumn is a column of a result.
type ForeignColumn struct {
	Name string
	Type string // as the database calls it
}

// FoundMost bounds the bytes of text that a Read brings back.
const FoundMost = 1 << 20

// Read runs a statement that reads, in a transaction that is rolled back, so that it cannot write.
// More than limit rows are errs.Invalid; so is what the database refuses. Arguments are nil, bool,
// int64, float64, string, []byte and time.Time.
func (f *Foreign) Read(ctx context.Context, statement string, limit int, args ...any) (found Found, err error) {
	text, err := f.place(statement, len(args))
	if err != nil {
		return found, err
	}
	tx, err := f.d.pools.read.BeginTx(ctx, &sql.TxOptions{ReadOnly: f.readOnly()})
	if err != nil {
		return found, f.explain(err)
	}
	defer tx.Rollback()
	rows, err := tx.QueryContext(ctx, text, args...)
	if err != nil {
		return found, f.explain(err)
	}
	defer rows.Close()
	types, err := rows.ColumnTypes()
	if err != nil {
		return found, f.explain(err)
	}
	for _, c := range types {
		found.Columns = append(found.Columns, ForeignColumn{Name: c.Name(), Type: strings.ToUpper(c.DatabaseTypeName())})
	}
	for size := 0; rows.Next(); {
		row, n, err := scanAny(rows, len(types))
		if err != nil {
			return found, f.explain(err)
		}
		if size += n; size > FoundMost || len(found.Rows) == limit {
			return found, errs.New(errs.Invalid, "the statement finds more than %d rows or %d KB", limit, FoundMost>>10).
				WithCure("narrow it, or count in the database")
		}
		found.Rows = append(found.Rows, row)
	}
	return found, f.explain(rows.Err())
}

// Write runs one statement that writes and says how many rows it changed.
func (f *Foreign) Write(ctx context.Context, statement string, args ...any) (affected int64, err error) {
	text, err := f.place(statement, len(args))
	if err != nil {
		return 0, err
	}
	res, err := f.d.pools.write.ExecContext(ctx, text, args...)
	if err != nil {
		return 0, f.explain(err)
	}
	return res.RowsAffected()
}

// readOnly says whether the database takes a transaction that is declared so; where not, the rollback
// and SQLite's query_only do it.
func (f *Foreign) readOnly() bool {
	switch f.d.dialect.(type) {
	case *postgres, *mysql, *oracle:
		return true
	}
	return false
}

func scanAny(rows *sql.Rows, columns int) (values []any, size int, err error) {
	values = make([]any, columns)
	into := make([]any, columns)
	for i := range values {
		into[i] = &values[i]
	}
	if err := rows.Scan(into...); err != nil {
		return nil, 0, err
	}
	for i, v := range values {
		size += 8
		switch v := v.(type) {
		case nil, bool, int64, float64, time.Time:
		case string:
			size += len(v)
		case []byte:
			size += len(v)
		default:
			values[i] = fmt.Sprint(v)
		}
	}
	return values, size, nil
}

// explain tells apart what may succeed later, a duplicate key, and what never will.
func (f *Foreign) explain(err error) error {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	var own *errs.Error
	if e := f.d.explain(err); errors.As(e, &own) {
		return e
	}
	return errs.New(errs.Invalid, "the database refuses the statement: %s", f.d.scrub(err))
}

// place spells the placeholders outside of quotes and comments.
func (f *Foreign) place(statement string, args int) (string, error) {
	var b strings.Builder
	n := 0
	for i := 0; i < len(statement); {
		end := i + 1
		switch c := statement[i]; {
		case c == '\'' || c == '"' || c == '`':
			end = after(statement, i+1, string(c))
		case strings.HasPrefix(statement[i:], "--"):
			end = after(statement, i, "\n")
		case strings.HasPrefix(statement[i:], "/*"):
			end = after(statement, i, "*/")
		case strings.HasPrefix(statement[i:], "??"):
			b.WriteByte('?')
			i += 2
			continue
		case c == '?':
			n++
			b.WriteString(f.d.dialect.placeholder(n))
			i++
			continue
		}
		b.WriteString(statement[i:end])
		i = end
	}
	if n != args {
		return "", errs.New(errs.Invalid, "%d parameters for %d placeholders", args, n)
	}
	return b.String(), nil
}

// after is where the text goes on behind the next mark from i on.
func after(text string, i int, mark string) int {
	if n := strings.Index(text[i:], mark); n >= 0 {
		return i + n + len(mark)
	}
	return len(text)
}
