package db

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
)

// commit locks the guarded rows, reads the claims, and writes every part with one
// statement whose arguments are arrays. The driver drops the row counts of such
// statements, which is why the versions are compared here.
func (o *oracle) commit(ctx context.Context, d *DB, g *group) error {
	d.trip(1)
	tx, err := d.pools.hot.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	seen := make(versions)
	for n, p := range g.parts {
		if p.kind != partGuard && p.kind != partClaim {
			continue
		}
		for from := 0; from < len(p.rows); from += maxList {
			if err := o.look(ctx, d, tx, seen, n, p, p.rows[from:min(from+maxList, len(p.rows))]); err != nil {
				return err
			}
		}
	}
	if !seen.judge(g) {
		return nil
	}
	for _, p := range g.parts {
		rows := g.live(p)
		if len(rows) == 0 {
			continue
		}
		d.trip(1)
		if _, err := tx.ExecContext(ctx, oracleWrite(p), oracleArrays(p, rows)...); err != nil {
			return err
		}
	}
	d.trip(1)
	if err := tx.Commit(); err != nil {
		if d.dialect.fault(err) == faultStale { // the driver says so of every connection that broke
			return fmt.Errorf("%w: %w", errLost, err)
		}
		return err
	}
	return nil
}

// look locks and reads guarded rows, or reads the claims that are taken.
func (o *oracle) look(ctx context.Context, d *DB, tx *sql.Tx, seen versions, n int, p *part, rows [][]any) error {
	keys := make([]any, len(rows))
	for i, row := range rows {
		keys[i] = row[0]
	}
	found, err := d.query(ctx, tx, oracleLook(p), []any{In(keys)})
	if err != nil {
		return err
	}
	defer found.Close()
	for found.Next() {
		key := versionKey{part: n}
		var version int64
		if err := found.Scan(&key.key, &version); err != nil {
			return err
		}
		seen[key] = version
	}
	return found.Rows.Err()
}

// oracleLook is portable SQL.
func oracleLook(p *part) string {
	key := p.columns[0].Name
	if p.kind == partClaim {
		return "SELECT command_key, 0 FROM command WHERE command_key IN (?)"
	}
	return fmt.Sprintf("SELECT %[1]s, version FROM %[2]s WHERE %[1]s IN (?) ORDER BY %[1]s FOR UPDATE", key, p.table.Name)
}

// oracleWrite is the statement of a part; its arguments are arrays, in the order of
// oracleArrays.
func oracleWrite(p *part) string {
	o := &oracle{}
	arg := 0
	terms := func(columns []*Column) []string {
		var out []string
		for _, c := range columns {
			arg++
			out = append(out, o.name(c.Name)+" = "+o.placeholder(arg))
		}
		return out
	}
	table := o.name(p.table.Name)
	switch p.kind {
	case partGuard, partSet:
		sets := strings.Join(terms(p.columns[p.keys:]), ", ")
		return fmt.Sprintf("UPDATE %s SET %s WHERE %s", table, sets, strings.Join(terms(p.columns[:p.keys]), " AND "))
	case partGone:
		return fmt.Sprintf("DELETE FROM %s WHERE %s", table, terms(p.columns)[0])
	}
	text := insertText(p.table)
	if p.kind == partIgnore {
		text = o.insertIgnore(p.table)
	}
	st, _ := parse(o, text) // a text of ours
	return st.whole
}

// oracleArrays is one array for each placeholder of oracleWrite.
func oracleArrays(p *part, rows [][]any) []any {
	order := make([]int, len(p.columns))
	for i := range order {
		order[i] = i
		if p.kind == partGuard || p.kind == partSet { // keys go last
			order[i] = (i + p.keys) % len(p.columns)
		}
	}
	arrays := make([]any, len(order))
	for i, column := range order {
		array := make([]any, len(rows))
		for j, row := range rows {
			array[j] = row[column]
			if p.kind == partGuard && column == 1 {
				array[j] = row[1].(int64) + 1
			}
		}
		arrays[i] = array
	}
	return arrays
}
