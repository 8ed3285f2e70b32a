package db

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// errClaimRace says that another node made one of several claims of a member between
// the check and the insert. Trying again finds the claim.
var errClaimRace = &pgconn.PgError{Code: "40001", Message: "a claim was made in the meantime"}

// commit sends the group as one statement. Every part comes as arrays, one for each
// column and one for the member; the statement answers with the members it applied.
func (p *postgres) commit(ctx context.Context, d *DB, g *group) error {
	text := p.texts.get(g, postgresGroup)
	d.trip(1)
	rows, err := d.pools.hot.QueryContext(ctx, text, postgresArgs(g)...)
	if err != nil {
		return claimRace(err)
	}
	defer rows.Close()
	for rows.Next() {
		var m int
		if err := rows.Scan(&m); err != nil {
			return err
		}
		g.members[m].applied = true
	}
	return claimRace(rows.Err())
}

func claimRace(err error) error {
	var e *pgconn.PgError
	if errors.As(err, &e) && e.Code == "22012" { // the division by zero in applied_
		return errClaimRace
	}
	return err
}

// postgresArgs turns rows into arrays: the members with their numbers of guards and
// claims, then for each part the members and the columns.
func postgresArgs(g *group) []any {
	members := [3][]int64{}
	for i, m := range g.members {
		members[0] = append(members[0], int64(i))
		members[1] = append(members[1], int64(len(m.change.Guards)))
		members[2] = append(members[2], int64(len(m.change.Claims)))
	}
	args := []any{members[0], members[1], members[2]}
	for _, p := range g.parts {
		of := make([]int64, len(p.member))
		for i, m := range p.member {
			of[i] = int64(m)
		}
		args = append(args, of)
		if p.kind == partClaim {
			args = append(args, claimCounts(g, p))
		}
		for i, c := range p.columns {
			args = append(args, columnArray(p.rows, i, c))
		}
	}
	return args
}

// claimCounts says for each claim how many its member has.
func claimCounts(g *group, p *part) []int64 {
	counts := make([]int64, len(p.member))
	for i, m := range p.member {
		counts[i] = int64(len(g.members[m].change.Claims))
	}
	return counts
}

func columnArray(rows [][]any, i int, c *Column) any {
	switch c.Type {
	case Text, Long:
		return pick[string](rows, i, c.Null)
	case Bytes:
		out := make([][]byte, len(rows))
		for j, row := range rows {
			out[j], _ = row[i].([]byte)
		}
		return out
	}
	return pick[int64](rows, i, c.Null)
}

// pick is one column of the rows; of a column with NULLs, pointers.
func pick[T int64 | string](rows [][]any, i int, null bool) any {
	if !null {
		out := make([]T, len(rows))
		for j, row := range rows {
			out[j] = row[i].(T)
		}
		return out
	}
	out := make([]*T, len(rows))
	for j, row := range rows {
		if v, ok := row[i].(T); ok {
			out[j] = &v
		}
	}
	return out
}

func arrayType(c *Column) string {
	switch c.Type {
	case Text, Long:
		return "text[]"
	case Bytes:
		return "bytea[]"
	}
	return "bigint[]"
}

// postgresGroup renders the statement for the shapes of a group:
//
//	member_    the members, with their numbers of guards and claims
//	in1, in2…  the rows of each part, of arrays; claims with the number of their member's
//	lock1…     guarded rows that have their version, locked in the order of ids
//	good_      members all of whose guards hold
//	won_       their claims that nobody has made before
//	applied_   members all of whose claims are won
//	do1, do2…  what the applied members write
//
// Parts of one statement all see the database as it was before it.
func postgresGroup(g *group) string {
	r := pgGroup{gone: make(map[*Table][]string)}
	r.with("member_", "SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[]) AS v(m_, guards_, claims_)", r.arg(), r.arg(), r.arg())
	for i, p := range g.parts {
		r.input(i+1, p)
	}
	r.good(g)
	r.applied(g)
	for i, p := range g.parts {
		r.write(i+1, p)
	}
	return "WITH " + strings.Join(r.ctes, ",\n") + "\nSELECT m_ FROM applied_"
}

// pgGroup collects the statement's common table expressions.
type pgGroup struct {
	ctes []string
	args int
	gone map[*Table][]string // the expressions that delete from a table
}

// afterGone makes an insert wait for the deletes of its table, so that a key can go and
// come again; without it PostgreSQL runs them in any order.
func (r *pgGroup) afterGone(t *Table) string {
	var waits []string
	for _, name := range r.gone[t] {
		waits = append(waits, "(SELECT count(*) FROM "+name+") >= 0")
	}
	if waits == nil {
		return ""
	}
	return " WHERE " + strings.Join(waits, " AND ")
}

func (r *pgGroup) arg() string {
	r.args++
	return fmt.Sprintf("$%d", r.args)
}

func (r *pgGroup) with(name, format string, args ...any) {
	r.ctes = append(r.ctes, name+" AS ("+fmt.Sprintf(format, args...)+")")
}

func (r *pgGroup) input(n int, p *part) {
	arrays, names := []string{r.arg() + "::bigint[]"}, []string{"m_"}
	if p.kind == partClaim {
		arrays, names = append(arrays, r.arg()+"::bigint[]"), append(names, "of_")
	}
	for _, c := range p.columns {
		arrays = append(arrays, r.arg()+"::"+arrayType(c))
		names = append(names, c.Name)
	}
	r.with(fmt.Sprintf("in%d", n), "SELECT * FROM unnest(%s) AS v(%s)", strings.Join(arrays, ", "), strings.Join(names, ", "))
}

func (r *pgGroup) good(g *group) {
	var locks []string
	unclaimed := ""
	for i, p := range g.parts {
		switch p.kind {
		case partGuard:
			key := p.columns[0].Name
			r.with(fmt.Sprintf("lock%d", i+1),
				"SELECT v.m_ FROM in%d v JOIN %s t ON t.%[3]s = v.%[3]s AND t.version = v.version ORDER BY t.%[3]s FOR NO KEY UPDATE OF t",
				i+1, p.table.Name, key)
			locks = append(locks, fmt.Sprintf("SELECT m_ FROM lock%d", i+1))
		case partClaim:
			// A member with several claims must not make one and lose another.
			unclaimed = fmt.Sprintf(" AND (claims_ < 2 OR m_ NOT IN (SELECT v.m_ FROM in%d v JOIN command t ON t.command_key = v.command_key))", i+1)
		}
	}
	if locks == nil {
		r.with("good_", "SELECT m_, claims_ FROM member_ WHERE guards_ = 0%s", unclaimed)
		return
	}
	r.with("good_", "SELECT m_, claims_ FROM member_ LEFT JOIN (SELECT m_, count(*) AS held_ FROM (%s) l GROUP BY m_) h USING (m_) WHERE coalesce(held_, 0) = guards_%s",
		strings.Join(locks, " UNION ALL "), unclaimed)
}

func (r *pgGroup) applied(g *group) {
	for i, p := range g.parts {
		if p.kind != partClaim {
			continue
		}
		r.with("won_", "INSERT INTO command (%[1]s) SELECT %[2]s FROM in%[3]d v JOIN good_ USING (m_) ORDER BY v.command_key ON CONFLICT DO NOTHING RETURNING command_key",
			strings.Join(p.table.names(), ", "), "v."+strings.Join(p.table.names(), ", v."), i+1)
		// No join: expecting one row, the planner would compare each with each. IS TRUE
		// keeps it from making one. A member that won some of its claims divides by zero.
		r.with("applied_", "SELECT m_ FROM good_ WHERE claims_ = 0 UNION ALL SELECT m_ FROM in%d WHERE (command_key IN (SELECT command_key FROM won_)) IS TRUE "+
			"GROUP BY m_, of_ HAVING CASE WHEN count(*) = of_ THEN true ELSE 1 / (of_ * 0) = 0 END", i+1)
		return
	}
	r.with("applied_", "SELECT m_ FROM good_")
}

func (r *pgGroup) write(n int, p *part) {
	name, table := fmt.Sprintf("do%d", n), p.table.Name
	key := p.columns[0].Name
	switch p.kind {
	case partGuard:
		set := []string{"version = t.version + 1"}
		for _, c := range p.columns[2:] {
			set = append(set, c.Name+" = v."+c.Name)
		}
		r.with(name, "UPDATE %s t SET %s FROM in%d v JOIN applied_ USING (m_) WHERE t.%[4]s = v.%[4]s AND t.version = v.version",
			table, strings.Join(set, ", "), n, key)
	case partGone:
		r.with(name, "DELETE FROM %s t USING in%d v JOIN applied_ USING (m_) WHERE t.%[3]s = v.%[3]s RETURNING 1", table, n, key)
		r.gone[p.table] = append(r.gone[p.table], name)
	case partSet:
		var set, where []string
		for i, c := range p.columns {
			if i < p.keys {
				where = append(where, fmt.Sprintf("t.%[1]s = v.%[1]s", c.Name))
			} else {
				set = append(set, fmt.Sprintf("%[1]s = v.%[1]s", c.Name))
			}
		}
		r.with(name, "UPDATE %s t SET %s FROM in%d v JOIN applied_ USING (m_) WHERE %s", table, strings.Join(set, ", "), n, strings.Join(where, " AND "))
	case partInsert, partIgnore:
		end := r.afterGone(p.table)
		if p.kind == partIgnore {
			end += " ON CONFLICT DO NOTHING"
		}
		names := p.table.names()
		r.with(name, "INSERT INTO %s (%s) SELECT %s FROM in%d v JOIN applied_ USING (m_)%s", table, strings.Join(names, ", "), "v."+strings.Join(names, ", v."), n, end)
	}
}
