package db

import (
	"fmt"
	"strings"
)

// DDL is one step of a migration: CreateTable, AddColumns or SQL.
type DDL interface {
	// render gives the statements for a dialect, as step of the migration with this ID.
	render(d dialect, migration int) []string

	// describe is the step in words that are the same on every database and do not
	// change when the table grows in later migrations; the checksum is made of it.
	describe(migration int) string

	check() error
}

type createTable struct{ table *Table }

// CreateTable makes the table with the columns and indexes whose Since is 0.
func CreateTable(t *Table) DDL { return createTable{t} }

func (c createTable) check() error { return c.table.check() }

func (c createTable) render(d dialect, _ int) []string {
	texts := d.createTable(c.table, since(c.table, 0))
	return append(texts, indexTexts(d, c.table, 0)...)
}

func (c createTable) describe(int) string {
	return fmt.Sprintf("create %s key %v: %s", c.table.Name, c.table.Key, describeSince(c.table, 0))
}

type addColumns struct{ table *Table }

// AddColumns adds the columns and indexes whose Since is the ID of the migration. A
// column that is not Null gets 0 or nothing in the rows that are there.
func AddColumns(t *Table) DDL { return addColumns{t} }

func (a addColumns) check() error { return a.table.check() }

func (a addColumns) render(d dialect, migration int) []string {
	var texts []string
	for _, c := range since(a.table, migration) {
		text := "ALTER TABLE " + d.name(a.table.Name) + " ADD " + d.name(c.Name) + " " + d.columnType(&c)
		if !c.Null {
			text += " DEFAULT " + d.columnDefault(&c) + notNull(d, &c)
		}
		texts = append(texts, text)
	}
	return append(texts, indexTexts(d, a.table, migration)...)
}

func (a addColumns) describe(migration int) string {
	return fmt.Sprintf("add to %s: %s", a.table.Name, describeSince(a.table, migration))
}

// SQL is one statement of portable SQL, for changes of data. MySQL and Oracle cannot
// roll back a migration, so it must be harmless when it runs twice.
type SQL string

func (s SQL) check() error { return nil }

func (s SQL) render(d dialect, _ int) []string {
	st, err := parse(d, string(s))
	if err != nil || len(st.pieces) != 1 {
		return []string{string(s)} // the database will say what is wrong
	}
	return []string{st.whole}
}

func (s SQL) describe(int) string { return "sql " + string(s) }

func since(t *Table, migration int) []Column {
	var columns []Column
	for _, c := range t.Columns {
		if c.Since == migration {
			columns = append(columns, c)
		}
	}
	return columns
}

func describeSince(t *Table, migration int) string {
	var b strings.Builder
	for _, c := range since(t, migration) {
		fmt.Fprintf(&b, "%s %d(%d) %t; ", c.Name, c.Type, c.Size, c.Null)
	}
	for _, x := range t.Indexes {
		if x.Since == migration {
			fmt.Fprintf(&b, "index %s %v %t %s; ", x.Name, x.Columns, x.Unique, x.Where)
		}
	}
	return b.String()
}

// tableText is CREATE TABLE up to what a dialect puts at its end.
func tableText(d dialect, t *Table, columns []Column, end string) string {
	var b strings.Builder
	b.WriteString("CREATE TABLE " + d.name(t.Name) + " (\n")
	for i := range columns {
		c := &columns[i]
		b.WriteString("  " + d.name(c.Name) + " " + d.columnType(c))
		if !c.Null {
			b.WriteString(notNull(d, c))
		}
		b.WriteString(",\n")
	}
	b.WriteString("  PRIMARY KEY (" + nameList(d, t.Key) + ")\n" + end)
	return b.String()
}

// notNull is left out where a database takes empty text for NULL.
func notNull(d dialect, c *Column) string {
	if _, blank := d.(blanker); blank && (c.Type == Text || c.Type == Long) {
		return ""
	}
	return " NOT NULL"
}

func indexTexts(d dialect, t *Table, migration int) []string {
	var texts []string
	for _, x := range t.Indexes {
		if x.Since != migration {
			continue
		}
		text := "CREATE INDEX "
		if x.Unique {
			text = "CREATE UNIQUE INDEX "
		}
		text += d.name(x.Name) + " ON " + d.name(t.Name) + " (" + nameList(d, x.Columns) + ")"
		if x.Where != "" && d.partialIndexes() {
			text += " WHERE " + SQL(x.Where).render(d, 0)[0]
		}
		texts = append(texts, text)
	}
	return texts
}

func nameList(d dialect, names []string) string {
	quoted := make([]string, len(names))
	for i, n := range names {
		quoted[i] = d.name(n)
	}
	return strings.Join(quoted, ", ")
}
