package db

import (
	"fmt"
	"sort"
	"strings"
	"testing"
)

var dialects = map[string]dialect{"sqlite": &sqlite{}, "postgres": &postgres{}, "mysql": &mysql{}, "sqlserver": &sqlserver{}, "oracle": &oracle{}}

// DialectNames are all five, sorted.
func DialectNames() []string {
	var names []string
	for name := range dialects {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

// RenderDDL is every statement of the migrations, those of this package first.
func RenderDDL(name string, migrations []Migration) string {
	d := dialects[name]
	var b strings.Builder
	first := append([]Migration{{Name: "before all", Up: []DDL{CreateTable(&migrationTable)}}}, own...)
	for _, m := range append(first, migrations...) {
		fmt.Fprintf(&b, "-- %d %s\n", m.ID, m.Name)
		for _, step := range m.Up {
			for _, text := range step.render(d, m.ID) {
				b.WriteString(text + ";\n")
			}
		}
	}
	return b.String()
}

// RenderCommit is what Commit would send for a group of which all members apply, with
// the shapes of the arguments where they are not values of a row.
func RenderCommit(t *testing.T, name string, changes []*Change) string {
	t.Helper()
	var members []*member
	for i, c := range changes {
		members = append(members, &member{index: i, change: c, applied: true})
	}
	g := newGroup(members, 1)
	for _, m := range members {
		if m.outcome != nil {
			t.Fatal(m.outcome)
		}
		m.applied = true
	}
	var b strings.Builder
	say := func(text string, args ...any) {
		b.WriteString(text + ";\n")
		for i, a := range args {
			fmt.Fprintf(&b, "--   %d: %T %s\n", i+1, a, short(a))
		}
	}
	switch name {
	case "sqlite":
		for _, p := range g.parts {
			check, write := sqlitePart(p)
			if check != "" {
				say(check)
			}
			say(write)
		}
	case "postgres":
		say(postgresGroup(g), postgresArgs(g)...)
	case "mysql":
		text, args := mysqlLocks(g)
		say(text, args...)
		text, args = mysqlWrites(g)
		say(text, args...)
	case "sqlserver":
		args, err := sqlserverArgs(g)
		if err != nil {
			t.Fatal(err)
		}
		say(sqlserverGroup(g), args...)
	case "oracle":
		for _, p := range g.parts {
			if p.kind == partGuard || p.kind == partClaim {
				say(oracleLook(p))
			}
		}
		for _, p := range g.parts {
			say(oracleWrite(p), oracleArrays(p, g.live(p))...)
		}
	}
	return b.String()
}

func short(a any) string {
	text := fmt.Sprintf("%v", a)
	if s, ok := a.(string); ok {
		text = fmt.Sprintf("%q", s)
	}
	if strings.Contains(fmt.Sprintf("%T", a), "*") { // pointers print as addresses
		text = "(with NULLs)"
	}
	return text
}

// RenderQuery is portable SQL in a dialect, and its arguments.
func RenderQuery(name, query string, args ...any) (string, []any, error) {
	return (&DB{dialect: dialects[name]}).bind(query, args)
}

// CheckTable is what Migrate does first.
func CheckTable(t *Table) error { return t.check() }

// Waiting is how many keys wait to be read.
func (l *Lookup[K, V]) Waiting() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.waiting)
}

// RenderLock is what ReadLocked sends.
func RenderLock(name string, mode LockMode, t *Table, columns []string, key ...any) (string, []any, error) {
	return RenderQuery(name, lockText(dialects[name], mode, t, columns), key...)
}
