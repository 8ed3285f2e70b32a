package db

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
)

// commit sends the group as one batch. Every part is one argument, a JSON array of
// rows that begin with the number of their member; bytes are base64 there, which
// OPENJSON decodes. The batch answers with the members it applied.
func (s *sqlserver) commit(ctx context.Context, d *DB, g *group) error {
	args, err := sqlserverArgs(g)
	if err != nil {
		return err
	}
	d.trip(1)
	rows, err := d.pools.hot.QueryContext(ctx, s.texts.get(g, sqlserverGroup), args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var m int
		if err := rows.Scan(&m); err != nil {
			return err
		}
		g.members[m].applied = true
	}
	return rows.Err()
}

func sqlserverArgs(g *group) ([]any, error) {
	members := make([][]any, len(g.members))
	for i, m := range g.members {
		members[i] = []any{i, len(m.change.Guards)}
	}
	lists := [][][]any{members}
	for _, p := range g.parts {
		rows := make([][]any, len(p.rows))
		for i, row := range p.rows {
			rows[i] = append([]any{p.member[i]}, row...)
		}
		lists = append(lists, rows)
	}
	args := make([]any, len(lists))
	for i, rows := range lists {
		text, err := json.Marshal(rows)
		if err != nil {
			return nil, err
		}
		args[i] = string(text)
	}
	return args, nil
}

// sqlserverGroup renders the batch for the shapes of a group. An error anywhere rolls
// all of it back, because XACT_ABORT is on.
func sqlserverGroup(g *group) string {
	texts := []string{
		"SET NOCOUNT ON",
		"SET XACT_ABORT ON",
		"DECLARE @held TABLE (m_ int NOT NULL)",
		"DECLARE @applied TABLE (m_ int NOT NULL PRIMARY KEY)",
		"BEGIN TRANSACTION",
	}
	for i, p := range g.parts {
		if p.kind == partGuard {
			texts = append(texts, fmt.Sprintf("INSERT INTO @held SELECT v.m_ FROM %s JOIN %s t WITH (UPDLOCK, ROWLOCK) ON t.%[3]s = v.%[3]s AND t.version = v.version",
				openJSON(i, p), p.table.Name, p.columns[0].Name))
		}
	}
	texts = append(texts, "INSERT INTO @applied SELECT v.m_ FROM OPENJSON(@p1) WITH (m_ int '$[0]', guards_ int '$[1]') v WHERE v.guards_ = (SELECT count(*) FROM @held h WHERE h.m_ = v.m_)")
	for i, p := range g.parts {
		if p.kind == partClaim {
			texts = append(texts, fmt.Sprintf("DELETE a FROM @applied a JOIN %s ON v.m_ = a.m_ JOIN command t WITH (UPDLOCK, HOLDLOCK) ON %s", openJSON(i, p), sqlserverSame(p.columns[0])))
		}
	}
	for i, p := range g.parts {
		texts = append(texts, sqlserverWrite(i, p))
	}
	return strings.Join(append(texts, "COMMIT", "SELECT m_ FROM @applied"), ";\n")
}

// openJSON reads the rows of part i, whose argument follows that of the members.
func openJSON(i int, p *part) string {
	columns := []string{"m_ int '$[0]'"}
	for n, c := range p.columns {
		kind, _, _ := strings.Cut((&sqlserver{}).columnType(c), " COLLATE")
		columns = append(columns, fmt.Sprintf("%s %s '$[%d]'", c.Name, kind, n+1))
	}
	return fmt.Sprintf("OPENJSON(@p%d) WITH (%s) v", i+2, strings.Join(columns, ", "))
}

// sqlserverSame compares a column with that of the JSON, which has the collation of the
// database and not ours.
func sqlserverSame(c *Column) string {
	same := fmt.Sprintf("t.%[1]s = v.%[1]s", c.Name)
	if c.Type == Text || c.Type == Long {
		same += " COLLATE " + sqlserverCollation
	}
	return same
}

func sqlserverWrite(i int, p *part) string {
	from := openJSON(i, p) + " JOIN @applied a ON a.m_ = v.m_"
	var sets, same []string
	for n, c := range p.columns {
		term := sqlserverSame(c)
		if n < p.keys {
			same = append(same, term)
		} else if p.kind == partGuard && n == 1 {
			sets = append(sets, "version = v.version + 1")
		} else {
			sets = append(sets, fmt.Sprintf("%[1]s = v.%[1]s", c.Name))
		}
	}
	join := fmt.Sprintf("FROM %s t JOIN %s ON %s", p.table.Name, openJSON(i, p), strings.Join(same, " AND ")) + " JOIN @applied a ON a.m_ = v.m_"
	switch p.kind {
	case partGuard, partSet:
		return "UPDATE t SET " + strings.Join(sets, ", ") + " " + join
	case partGone:
		return "DELETE t " + join
	}
	names := p.table.names()
	distinct := ""
	if p.kind == partIgnore {
		distinct = "DISTINCT " // two members may bring the same row
	}
	text := fmt.Sprintf("INSERT INTO %s (%s) SELECT %sv.%s FROM %s", p.table.Name, strings.Join(names, ", "), distinct, strings.Join(names, ", v."), from)
	if p.kind == partIgnore {
		text += fmt.Sprintf(" WHERE NOT EXISTS (SELECT 1 FROM %s t WITH (UPDLOCK, HOLDLOCK) WHERE %s)", p.table.Name, strings.Join(same, " AND "))
	}
	return text
}
