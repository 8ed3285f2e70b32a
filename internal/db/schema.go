package db

import (
	"fmt"
	"slices"
)

// names are the columns' names, in order.
func (t *Table) names() []string {
	names := make([]string, len(t.Columns))
	for i := range t.Columns {
		names[i] = t.Columns[i].Name
	}
	return names
}

// column finds a column by its name.
func (t *Table) column(name string) *Column {
	for i := range t.Columns {
		if t.Columns[i].Name == name {
			return &t.Columns[i]
		}
	}
	return nil
}

// versioned says that rows of the table are guarded: they have a version, and one
// number for a key. They are updated often, and hold state.
func (t *Table) versioned() bool {
	v := t.column("version")
	return v != nil && v.Type == BigInt && len(t.Key) == 1 && t.column(t.Key[0]).Type == BigInt
}

// check finds what would fail later, or on another database only.
func (t *Table) check() error {
	if err := checkName(t.Name); err != nil {
		return err
	}
	seen := map[string]bool{}
	for i := range t.Columns {
		c := &t.Columns[i]
		if err := checkName(c.Name); err != nil {
			return fmt.Errorf("%s: %w", t.Name, err)
		}
		switch {
		case seen[c.Name]:
			return fmt.Errorf("%s.%s is there twice", t.Name, c.Name)
		case c.Type < BigInt || c.Type > Bytes:
			return fmt.Errorf("%s.%s has no type", t.Name, c.Name)
		case c.Type == Text && (c.Size < 1 || c.Size > maxText):
			return fmt.Errorf("%s.%s: Text needs a size of 1 to %d; Long has none", t.Name, c.Name, maxText)
		}
		seen[c.Name] = true
	}
	if len(t.Key) == 0 {
		return fmt.Errorf("%s has no key", t.Name)
	}
	if err := t.checkKeyed(t.Key, "key"); err != nil {
		return err
	}
	for _, x := range t.Indexes {
		if err := checkName(x.Name); err != nil {
			return fmt.Errorf("%s: %w", t.Name, err)
		}
		if err := t.checkKeyed(x.Columns, "index "+x.Name); err != nil {
			return err
		}
		if x.Unique && x.Where != "" {
			return fmt.Errorf("%s: index %s is unique for a part of the rows only, which MySQL has not", t.Name, x.Name)
		}
	}
	return nil
}

const (
	maxText      = 4000 // SQL Server's nvarchar
	maxIndexText = 700  // MySQL: 3072 bytes of a key
)

func (t *Table) checkKeyed(columns []string, where string) error {
	size := 0
	for _, name := range columns {
		c := t.column(name)
		switch {
		case c == nil:
			return fmt.Errorf("%s: %s names %s, which is no column", t.Name, where, name)
		case c.Type == Long || c.Type == Bytes:
			return fmt.Errorf("%s: %s: column %s is too long for one", t.Name, where, name)
		case c.Type == Text:
			size += c.Size
		}
	}
	if size > maxIndexText {
		return fmt.Errorf("%s: %s is longer than %d characters", t.Name, where, maxIndexText)
	}
	return nil
}

// maxName is Oracle's before 12.2, and leaves room for what a dialect puts in front.
const maxName = 30

func checkName(name string) error {
	if len(name) == 0 || len(name) > maxName || name[0] < 'a' || name[0] > 'z' {
		return fmt.Errorf("name %q: expected 1 to %d of a-z, 0-9 and _, a letter first", name, maxName)
	}
	for i := range len(name) {
		if c := name[i]; !isWord(c) || 'A' <= c && c <= 'Z' {
			return fmt.Errorf("name %q: expected 1 to %d of a-z, 0-9 and _, a letter first", name, maxName)
		}
	}
	if _, found := slices.BinarySearch(reserved, name); found {
		return fmt.Errorf("name %q is a word of SQL in one of the databases; choose another", name)
	}
	return nil
}

// reserved words of PostgreSQL, MySQL, MariaDB and SQL Server that someone might want
// for a name. Oracle's own are quoted by its dialect.
var reserved = []string{
	"add", "all", "alter", "analyze", "and", "any", "as", "asc", "authorization", "backup", "before", "begin", "between", "both",
	"browse", "bulk", "by", "call", "cascade", "case", "change", "check", "checkpoint", "close", "collate", "column", "commit",
	"condition", "constraint", "contains", "continue", "convert", "create", "cross", "cube", "current", "current_date", "current_time",
	"current_user", "cursor", "database", "databases", "deallocate", "declare", "default", "delete", "deny", "desc", "describe",
	"disk", "distinct", "do", "double", "drop", "dump", "each", "else", "empty", "end", "escape", "except", "exec", "execute",
	"exists", "exit", "explain", "external", "false", "fetch", "file", "fillfactor", "for", "force", "foreign", "freetext", "from",
	"full", "function", "generated", "get", "goto", "grant", "group", "grouping", "groups", "having", "holdlock", "identity", "if",
	"ignore", "in", "index", "infile", "initially", "inner", "insert", "int", "intersect", "interval", "into", "is", "iterate", "join",
	"key", "keys", "kill", "lateral", "lead", "leading", "leave", "left", "like", "limit", "lineno", "lines", "load", "localtime",
	"lock", "long", "loop", "manual", "master_bind", "match", "maxvalue", "member", "merge", "mod", "national", "natural", "nocheck", "not",
	"null", "numeric", "of", "off", "offset", "offsets", "on", "only", "open", "optimize", "option", "or", "order", "out", "outer",
	"over", "overlaps", "partition", "percent", "placing", "plan", "precision", "primary", "print", "proc", "procedure", "public",
	"purge", "raiserror", "range", "rank", "read", "reads", "real", "reconfigure", "recursive", "references", "release", "rename",
	"repeat", "replace", "replication", "require", "resignal", "restore", "restrict", "return", "returning", "revert", "revoke", "right",
	"rollback", "row", "rows", "rule", "save", "schema", "schemas", "select", "session_user", "set", "show", "shutdown", "signal",
	"similar", "some", "specific", "sql", "ssl", "starting", "statistics", "stored", "symmetric", "system", "system_user", "table",
	"terminated", "textsize", "then", "to", "top", "trailing", "tran", "transaction", "trigger", "true", "truncate", "undo", "union",
	"unique", "unlock", "unpivot", "unsigned", "update", "usage", "use", "user", "using", "values", "variadic", "varying", "verbose",
	"view", "virtual", "waitfor", "when", "where", "while", "window", "with", "within", "write", "xor",
}
