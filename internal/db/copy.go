package db

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/paceline/paceline/internal/errs"
)

// Copy brings all rows of one database into another, of any dialect. Nothing is written to
// the source, in which nothing may change meanwhile; our tables in the target have to be
// empty or missing. It takes small steps, each noted in the target in its own transaction: who is
// killed begins again where it was. Until all is there and verified, the target's schema
// is one that no server takes for its own.
type Copy struct {
	From, To   *DB
	Migrations []Migration                 // of the program, as for Migrate
	Idle       func(context.Context) error // says who works on the source, before and after; nobody may
	Told       func(Progress)              // is called now and then
}

// Progress of a copy.
type Progress struct {
	Table string
	Check bool  // the rows are read again to be compared; else they are being copied
	Rows  int64 // done in this table
	Of    int64 // in this table
}

// Copied is a table that is the same on both sides.
type Copied struct {
	Table string `json:"table"`
	Rows  int64  `json:"rows"`
	Hash  string `json:"hash"` // over all rows, in any order
}

// OpenExisting opens a database that must be there already: a file of SQLite is not made.
func OpenExisting(ctx context.Context, cfg Config) (*DB, error) {
	cfg.foreign = true
	return Open(ctx, cfg)
}

// copyTable is where a copy stands: a row for each table, and one for the source. It is in
// the target as long as the copy is not finished.
var copyTable = Table{
	Name: "schema_copy",
	Columns: []Column{
		{Name: "id", Type: BigInt},
		{Name: "version", Type: BigInt},
		{Name: "name", Type: Text, Size: 2000}, // the table; of row 0 the source
		{Name: "position", Type: Long},         // key of the last row copied, as a JSON array; empty: none
		{Name: "copied", Type: BigInt},         // rows
		{Name: "done", Type: Bool},
	},
	Key: []string{"id"},
}

// copying is applied to the target first and taken back last. A server does not know it,
// and so does not start on half the data.
var copying = Migration{ID: 2, Name: "copy of another database, not finished", Up: []DDL{CreateTable(&copyTable)}}

// stand is a row of copyTable.
type stand struct {
	id, version, copied int64
	name, position      string
	done                bool
}

// Run copies what is not copied yet, and verifies all of it. A source whose schema is not
// that of the program is errs.Unavailable or errs.Unsupported, a target with other data
// errs.Conflict.
func (c *Copy) Run(ctx context.Context) (all []Copied, err error) {
	defer errs.Wrap(&err, "db.Copy")
	if err := c.From.CheckSchema(ctx, c.Migrations); err != nil {
		return nil, err
	}
	if err := c.idle(ctx); err != nil {
		return nil, err
	}
	tables := tablesOf(slices.Concat(own, c.Migrations))
	stands, err := c.prepare(ctx, tables)
	if err != nil {
		return nil, err
	}
	for i, t := range tables {
		if err := c.copy(ctx, t, stands[i]); err != nil {
			return nil, err
		}
	}
	for _, t := range tables {
		same, err := c.verify(ctx, t)
		if err != nil {
			return nil, err
		}
		all = append(all, same)
	}
	if err := c.idle(ctx); err != nil {
		return nil, err
	}
	return all, c.finish(ctx)
}

func (c *Copy) idle(ctx context.Context) error {
	if c.Idle == nil {
		return nil
	}
	return c.Idle(ctx)
}

// tablesOf are the tables that migrations make, in their order.
func tablesOf(migrations []Migration) (tables []*Table) {
	for _, m := range migrations {
		for _, step := range m.Up {
			if c, ok := step.(createTable); ok {
				tables = append(tables, c.table)
			}
		}
	}
	return tables
}

// prepare makes the target's schema and says where the copy of each table stands.
func (c *Copy) prepare(ctx context.Context, tables []*Table) ([]stand, error) {
	under, err := c.underWay(ctx)
	if err != nil {
		return nil, err
	}
	if !under {
		if err := c.empty(ctx, tables); err != nil {
			return nil, err
		}
	}
	if err := c.To.Migrate(ctx, slices.Concat([]Migration{copying}, c.Migrations)); err != nil {
		return nil, err
	}
	stands, err := c.stands(ctx)
	if err != nil {
		return nil, err
	}
	source, err := c.From.cfg.Address()
	if err != nil {
		return nil, err
	}
	source = Redact(source)
	if len(stands) == 0 {
		return c.begin(ctx, source, tables)
	}
	if stands[0].name != source {
		return nil, errs.New(errs.Conflict, "the target has a part of another database in it: %s", stands[0].name).
			WithCure("go on with that one, or empty the target")
	}
	stands = stands[1:]
	for i, t := range tables {
		if i >= len(stands) || stands[i].name != t.Name {
			return nil, errs.New(errs.Conflict, "the copy was begun by another version of the program").WithCure("empty the target and begin again")
		}
	}
	return stands, nil
}

// underWay says whether the target has a copy in it that is not finished.
func (c *Copy) underWay(ctx context.Context) (bool, error) {
	conn, err := c.To.pools.read.Conn(ctx)
	if err != nil {
		return false, c.To.explain(err)
	}
	defer conn.Close()
	applied, err := c.To.applied(ctx, conn)
	_, under := applied[copying.ID]
	return under, c.To.explain(err)
}

// empty makes sure that none of our tables in the target has a row.
func (c *Copy) empty(ctx context.Context, tables []*Table) error {
	conn, err := c.To.pools.read.Conn(ctx)
	if err != nil {
		return c.To.explain(err)
	}
	defer conn.Close()
	for _, t := range tables {
		n, err := c.To.dialect.tableCount(ctx, conn, t.Name)
		if err == nil && n > 0 {
			n, err = Count(ctx, c.To, 1, "FROM "+t.Name)
		}
		if err != nil {
			return c.To.explain(err)
		}
		if n > 0 {
			return errs.New(errs.Conflict, "the target is not empty: there are rows in its table %s", t.Name).
				WithCure("name an empty database; what is in this one was not touched")
		}
	}
	return nil
}

func (c *Copy) stands(ctx context.Context) ([]stand, error) {
	return All(ctx, c.To, func(s Scanner) (st stand, err error) {
		return st, s.Scan(&st.id, &st.version, &st.name, &st.position, &st.copied, &st.done)
	}, "SELECT id, version, name, position, copied, done FROM schema_copy ORDER BY id")
}

func (c *Copy) begin(ctx context.Context, source string, tables []*Table) (stands []stand, err error) {
	rows := []Row{{&copyTable, []any{0, 0, source, "", 0, false}}}
	for i, t := range tables {
		stands = append(stands, stand{id: int64(i + 1), name: t.Name})
		rows = append(rows, Row{&copyTable, []any{i + 1, 0, t.Name, "", 0, false}})
	}
	return stands, c.To.Insert(ctx, rows...)
}

var standColumns = []string{"position", "copied", "done"}

// copy brings over what is missing of a table. The place it got to is written with the
// rows, and guarded: of two that copy into one target the second one stops.
func (c *Copy) copy(ctx context.Context, t *Table, s stand) error {
	of, err := size(ctx, c.From, t)
	if err != nil {
		return err
	}
	page := newPages(c.From, t)
	if page.after, err = t.parseKey(s.position); err != nil {
		return err
	}
	for !s.done {
		rows, err := page.next(ctx)
		if err != nil {
			return err
		}
		s.done, s.copied = len(rows) == 0, s.copied+int64(len(rows))
		if s.position, err = t.printKey(page.after); err != nil {
			return err
		}
		change := &Change{
			Guards:  []Guard{{Table: &copyTable, Key: s.id, Version: s.version, Columns: standColumns, Values: []any{s.position, s.copied, s.done}}},
			Inserts: rows,
		}
		if err := c.To.Commit(ctx, []*Change{change})[0]; err != nil {
			return fmt.Errorf("%s after %d rows: %w", t.Name, s.copied-int64(len(rows)), err)
		}
		s.version++
		c.tell(Progress{Table: t.Name, Rows: s.copied, Of: of})
	}
	return nil
}

// verify reads a table on both sides, rows in whatever order each side has them.
func (c *Copy) verify(ctx context.Context, t *Table) (Copied, error) {
	of, err := size(ctx, c.From, t)
	if err != nil {
		return Copied{}, err
	}
	var sums [2]sum
	for i, d := range []*DB{c.From, c.To} {
		page := newPages(d, t)
		for {
			rows, err := page.next(ctx)
			if err != nil {
				return Copied{}, err
			}
			if len(rows) == 0 {
				break
			}
			for _, row := range rows {
				sums[i].add(row)
			}
			c.tell(Progress{Table: t.Name, Check: true, Rows: (sums[0].rows + sums[1].rows) / 2, Of: of})
		}
	}
	if sums[0] != sums[1] {
		return Copied{}, errs.New(errs.Conflict, "%s is not the same on both sides: %d rows with hash %s, and %d with %s",
			t.Name, sums[0].rows, sums[0].text(), sums[1].rows, sums[1].text()).
			WithCure("the source was changed meanwhile: stop what writes to it, empty the target, begin again")
	}
	return Copied{Table: t.Name, Rows: sums[0].rows, Hash: sums[0].text()}, nil
}

// finish makes the target a database like any other.
func (c *Copy) finish(ctx context.Context) error {
	if _, err := c.To.Exec(ctx, "DELETE FROM schema_migration WHERE version = ?", copying.ID); err != nil {
		return err
	}
	_, err := c.To.Exec(ctx, "DROP TABLE schema_copy")
	return err
}

func (c *Copy) tell(p Progress) {
	if c.Told != nil {
		c.Told(p)
	}
}

func size(ctx context.Context, d *DB, t *Table) (n int64, err error) {
	return n, d.QueryRow(ctx, "SELECT COUNT(*) FROM "+t.Name).Scan(&n)
}

// printKey and parseKey keep a key as JSON.
func (t *Table) printKey(key []any) (string, error) {
	if key == nil {
		return "", nil
	}
	text, err := json.Marshal(key)
	return string(text), err
}

func (t *Table) parseKey(text string) (key []any, err error) {
	if text == "" {
		return nil, nil
	}
	var parts []json.RawMessage
	if err := json.Unmarshal([]byte(text), &parts); err != nil || len(parts) != len(t.Key) {
		return nil, errs.New(errs.Internal, "the place %q in %s cannot be read", text, t.Name)
	}
	for i, name := range t.Key {
		into := t.column(name).place()
		if err := json.Unmarshal(parts[i], into); err != nil {
			return nil, err
		}
		key = append(key, stored(into))
	}
	return key, nil
}
