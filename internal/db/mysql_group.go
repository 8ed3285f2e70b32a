package db

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
)

// commit locks, checks and writes in two round trips. The first begins, locks the
// guarded rows in the order of their ids and reads the versions and the claims; the
// second writes what the members that passed have to write, and commits.
func (m *mysql) commit(ctx context.Context, d *DB, g *group) error {
	conn, err := d.pools.hot.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := m.commitOn(ctx, d, conn, g); err != nil {
		_, _ = conn.ExecContext(ctx, "ROLLBACK") // a broken connection has rolled back itself
		return err
	}
	return nil
}

func (m *mysql) commitOn(ctx context.Context, d *DB, conn *sql.Conn, g *group) error {
	text, args := mysqlLocks(g)
	seen := make(versions)
	d.trip(1)
	if err := seen.read(ctx, conn, text, args); err != nil {
		return err
	}
	d.trip(1)
	if !seen.judge(g) {
		_, err := conn.ExecContext(ctx, "ROLLBACK")
		return err
	}
	text, args = mysqlWrites(g)
	_, err := conn.ExecContext(ctx, text, args...)
	return err
}

// mysqlLocks is the first round trip. Every result but that of START TRANSACTION has
// the number of the part, the key, and the version.
func mysqlLocks(g *group) (string, []any) {
	texts := []string{"START TRANSACTION"}
	var args []any
	for n, p := range g.parts {
		key := p.columns[0].Name
		switch p.kind {
		case partGuard:
			texts = append(texts, fmt.Sprintf("SELECT %[1]d, %[2]s, version FROM %[3]s WHERE %[2]s IN (%[4]s) ORDER BY %[2]s FOR UPDATE", n, key, p.table.Name, marks(len(p.rows))))
		case partClaim:
			texts = append(texts, fmt.Sprintf("SELECT %[1]d, %[2]s, 0 FROM %[3]s WHERE %[2]s IN (%[4]s)", n, key, p.table.Name, marks(len(p.rows))))
		default:
			continue
		}
		for _, row := range p.rows {
			args = append(args, row[0])
		}
	}
	return strings.Join(texts, ";\n"), args
}

// versions are the versions of guarded rows, and the claims that are taken, by the
// number of the part and the key.
type versions map[versionKey]int64

type versionKey struct {
	part int
	key  string
}

func (v versions) read(ctx context.Context, conn *sql.Conn, text string, args []any) error {
	rows, err := conn.QueryContext(ctx, text, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for more := true; more; more = rows.NextResultSet() {
		for rows.Next() {
			var key versionKey
			var version int64
			if err := rows.Scan(&key.part, &key.key, &version); err != nil {
				return err
			}
			v[key] = version
		}
	}
	return rows.Err()
}

// judge finds the members all of whose guards hold and whose claims are free, and says
// whether there are any.
func (v versions) judge(g *group) bool {
	for _, m := range g.members {
		m.applied = true
	}
	for n, p := range g.parts {
		if p.kind != partGuard && p.kind != partClaim {
			continue
		}
		for i, row := range p.rows {
			version, found := v[versionKey{n, fmt.Sprint(row[0])}]
			if good := p.kind == partGuard && found && version == row[1] || p.kind == partClaim && !found; !good {
				g.members[p.member[i]].applied = false
			}
		}
	}
	return slices.ContainsFunc(g.members, func(m *member) bool { return m.applied })
}

// mysqlWrites is the second round trip.
func mysqlWrites(g *group) (string, []any) {
	var texts []string
	var args []any
	for _, p := range g.parts {
		rows := g.live(p)
		if len(rows) == 0 {
			continue
		}
		switch p.kind {
		case partGuard:
			texts, args = append(texts, mysqlGuard(p, len(rows))), mysqlGuardArgs(args, rows)
			continue
		case partSet:
			text := mysqlSet(p)
			for _, row := range rows { // the row may be gone, so no INSERT can stand for it
				texts, args = append(texts, text), append(append(args, row[p.keys:]...), row[:p.keys]...)
			}
			continue
		case partGone:
			texts = append(texts, fmt.Sprintf("DELETE FROM %s WHERE %s IN (%s)", p.table.Name, p.columns[0].Name, marks(len(rows))))
		case partIgnore:
			texts = append(texts, "INSERT IGNORE"+strings.TrimPrefix(manyRows(p, len(rows)), "INSERT"))
		default:
			texts = append(texts, manyRows(p, len(rows)))
		}
		for _, row := range rows {
			args = append(args, row...)
		}
	}
	return strings.Join(append(texts, "COMMIT"), ";\n"), args
}

// mysqlGuard changes many rows by one INSERT that always meets their keys: they are
// there and locked. Columns that stay need a value all the same, which is not used.
func mysqlGuard(p *part, n int) string {
	var names, values, sets []string
	for _, c := range p.columns {
		names, values = append(names, c.Name), append(values, "?")
		if len(names) > 1 {
			sets = append(sets, fmt.Sprintf("%[1]s = VALUES(%[1]s)", c.Name))
		}
	}
	for i := range p.table.Columns {
		if c := &p.table.Columns[i]; !c.Null && !slices.Contains(names, c.Name) {
			unused := "0"
			if c.Type == Text || c.Type == Long || c.Type == Bytes {
				unused = "''"
			}
			names, values = append(names, c.Name), append(values, unused)
		}
	}
	row := "(" + strings.Join(values, ", ") + ")"
	return fmt.Sprintf("INSERT INTO %s (%s) VALUES %s ON DUPLICATE KEY UPDATE %s",
		p.table.Name, strings.Join(names, ", "), repeat(row, n), strings.Join(sets, ", "))
}

func mysqlGuardArgs(args []any, rows [][]any) []any {
	for _, row := range rows {
		args = append(args, row[0], row[1].(int64)+1)
		args = append(args, row[2:]...)
	}
	return args
}

func mysqlSet(p *part) string {
	var sets, where []string
	for i, c := range p.columns {
		if i < p.keys {
			where = append(where, c.Name+" = ?")
		} else {
			sets = append(sets, c.Name+" = ?")
		}
	}
	return fmt.Sprintf("UPDATE %s SET %s WHERE %s", p.table.Name, strings.Join(sets, ", "), strings.Join(where, " AND "))
}

func manyRows(p *part, n int) string {
	names := p.table.names()
	return fmt.Sprintf("INSERT INTO %s (%s) VALUES %s", p.table.Name, strings.Join(names, ", "), repeat("("+marks(len(names))+")", n))
}

// repeat is the text n times, with commas.
func repeat(text string, n int) string {
	return strings.TrimSuffix(strings.Repeat(text+", ", n), ", ")
}
