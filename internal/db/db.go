// Package db is the only door to the database: pool, dialects, schema, transactions
// and group commit. Nobody else imports database/sql or a driver.
//
// What always holds:
//
//   - Every statement is READ COMMITTED or stronger. What must hold against a race
//     carries its guard (a version, an epoch, a unique key) in the same transaction.
//   - Times are BIGINT microseconds since 1970 UTC, ids are BIGINT, booleans SMALLINT,
//     in every dialect, so that no driver and no server converts anything.
//   - Subjects write portable SQL with ? placeholders for reads and small writes, and
//     Changes for the hot path. A dialect's name appears in no other package.
//   - Commit applies each Change whole or not at all, and tells each its own outcome:
//     a stale member drops out and the others of its group are not hurt.
//   - A write that gets no answer because the connection broke is ErrUnknown, never a
//     plain failure: a version or an idempotency key tells what became of it.
//
// Portable SQL is what all five databases understand, with names in lower case, ? for
// arguments, and these fragments for what they spell differently:
//
//	{now}     the database's clock in microseconds
//	{limit}   at the end, after ORDER BY: at most ? rows
//	{page}    at the end, after ORDER BY: skip ? rows, then at most ? rows
//	{atmost}  as {limit}, where there is no ORDER BY
//	{dual}    after a SELECT without a table
//
// Text within '...' is left alone. An argument made by In, Contains or Prefix is
// expanded where its ? stands. A table gets no AS before its alias, and nothing is
// compared with empty text (both Oracle). LIKE tells upper from lower case.
package db

// Type of a column.
type Type uint8

const (
	BigInt Type = iota + 1 // ids, counts, times (microseconds UTC)
	Int
	Bool  // SMALLINT 0 or 1
	Text  // up to Size characters, compared byte by byte
	Long  // text without a practical limit
	Bytes // binary without a practical limit
)

// Column of a table. Columns are NOT NULL unless Null is set.
type Column struct {
	Name  string
	Type  Type
	Size  int // Text: characters
	Null  bool
	Since int // the migration that added it; 0: with the table
}

// Table describes one table: for CREATE TABLE, and for the group commit.
type Table struct {
	Name    string
	Columns []Column
	Key     []string // primary key, names of columns
	Indexes []Index
	// Rewritten says that rows are changed often after they were inserted, as those of a
	// table with guards are: where a database gains by it, room is left for that.
	Rewritten bool
}

// Index of a table. Where is a portable condition for a partial index; dialects
// without partial indexes leave it out.
type Index struct {
	Name    string
	Columns []string
	Unique  bool
	Where   string
	Since   int
}

// Row is a full row for Insert: one value per column of the table, in order.
type Row struct {
	Table  *Table
	Values []any
}

// Set updates columns of the row whose key is Key. Columns is shared by all Sets of
// one shape: declare it once as a package variable.
type Set struct {
	Table   *Table
	Columns []string // the columns that Values are for, key columns not among them
	Key     []any
	Values  []any
}

// Gone deletes every row whose Column equals Value.
type Gone struct {
	Table  *Table
	Column string
	Value  int64
}

// Guard holds one row to a version: the row Key of Table must still have Version; it
// becomes Version+1 together with the Columns given.
type Guard struct {
	Table   *Table // has a BigInt column "version"; its key is one BigInt column
	Key     int64
	Version int64
	Columns []string
	Values  []any
}

// Claim makes a command happen once: Key is unique for ever (until swept).
type Claim struct {
	Key    string // at most 200 characters, already scoped to its actor
	Hash   string // of the request; another request under the same key is refused
	Answer []byte // what a repeat is answered
}

// Change is what one transition writes: all of it, or nothing.
//
// It is the difference between before and after, so it names no row twice: a row that
// is inserted and then set is inserted as it ends. Gones come first: they delete rows
// that were there before the Change, never ones it inserts, and a key may go and come
// again. Changes of one group that name the same row are applied in their order; between
// others no order is promised.
type Change struct {
	Guards  []Guard
	Claims  []Claim
	Inserts []Row
	Ignores []Row // inserted unless the key exists
	Sets    []Set
	Gones   []Gone
}
