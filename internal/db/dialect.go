package db

import (
	"context"
	"database/sql"
)

// dialect is what differs between the five databases. Each has one file, which is the
// only place that knows its SQL, its driver and its error codes.
type dialect interface {
	kind() string
	// open makes the connection pools; it does not connect.
	open(cfg Config) (pools, error)

	placeholder(n int) string
	fragment(name string) (string, bool) // {now}, {limit}, {page}
	name(word string) string             // a word of portable SQL, quoted where it must be
	wildcards() string                   // the characters that LIKE gives a meaning

	columnType(c *Column) string
	columnDefault(c *Column) string // for a column that is added to a table with rows
	createTable(t *Table, columns []Column) []string
	partialIndexes() bool
	exists(err error) bool                                                     // what DDL was to make is there already, left by a crash
	tableCount(ctx context.Context, conn *sql.Conn, table string) (int, error) // 1 if it exists

	// lock lets one process at a time change the schema. Where DDL is part of
	// transactions it begins one on conn, and unlock commits it when all went well.
	lock(ctx context.Context, conn *sql.Conn) (unlock func(ctx context.Context, well bool) error, err error)

	fault(err error) fault
	insertIgnore(t *Table) string // portable text that inserts a row unless its key exists
	// lockHints are what locks the row that a SELECT reads: after the table, and at the end.
	lockHints(mode LockMode) (hint, end string)
	incarnation(ctx context.Context, d *DB) (string, error)
	commit(ctx context.Context, d *DB, g *group) error
	lease(ctx context.Context, d *DB, l *Lease, scan func(Scanner) error) error
}

// blanker is a dialect whose database takes empty text for NULL; its rows are read
// as if it did not.
type blanker interface {
	blank(into *string) sql.Scanner
}

// pools are the handles of one database. They may be one and the same.
type pools struct {
	read  *sql.DB // single statements that read
	write *sql.DB // transactions, single statements that write
	hot   *sql.DB // only Commit and Lease
}

func (p pools) all() []*sql.DB {
	all := []*sql.DB{p.read}
	for _, db := range []*sql.DB{p.write, p.hot} {
		if db != all[len(all)-1] && db != p.read {
			all = append(all, db)
		}
	}
	return all
}
