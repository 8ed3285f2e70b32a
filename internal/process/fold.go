package process

import (
	"fmt"
	"slices"

	"github.com/paceline/paceline/internal/db"
)

// fold brings a Change that several transitions have written in turn to what db.Commit wants: no
// row twice. A row that is set after its insert is inserted as it ends; one that is deleted
// after its insert was never there; of two Sets the later wins, column by column.
func fold(c *db.Change) {
	if len(c.Gones) > 0 {
		gones := newGoneSet(c.Gones)
		c.Gones = gones.distinct
		c.Inserts = slices.DeleteFunc(c.Inserts, gones.takesRow)
		c.Ignores = slices.DeleteFunc(c.Ignores, gones.takesRow)
		c.Sets = slices.DeleteFunc(c.Sets, gones.takesSet)
	}
	if len(c.Sets) > 0 {
		c.Sets = foldSets(c)
	}
}

// goneSet answers whether a row is among those deleted.
type goneSet struct {
	distinct []db.Gone
	all      map[db.Gone]bool
	columns  map[*db.Table][]string // by which rows of a table are deleted
}

func newGoneSet(gones []db.Gone) *goneSet {
	s := &goneSet{all: make(map[db.Gone]bool, len(gones)), columns: map[*db.Table][]string{}}
	for _, g := range gones {
		if s.all[g] {
			continue
		}
		s.all[g] = true
		s.distinct = append(s.distinct, g)
		if !slices.Contains(s.columns[g.Table], g.Column) {
			s.columns[g.Table] = append(s.columns[g.Table], g.Column)
		}
	}
	return s
}

func (s *goneSet) takesRow(row db.Row) bool {
	for _, name := range s.columns[row.Table] {
		if s.all[db.Gone{Table: row.Table, Column: name, Value: number(row.Values[column(row.Table, name)])}] {
			return true
		}
	}
	return false
}

func (s *goneSet) takesSet(set db.Set) bool {
	for _, name := range s.columns[set.Table] {
		at := slices.Index(set.Table.Key, name)
		if at >= 0 && s.all[db.Gone{Table: set.Table, Column: name, Value: number(set.Key[at])}] {
			return true
		}
	}
	return false
}

// foldSets merges the Sets into the inserts they belong to, and into each other.
func foldSets(c *db.Change) []db.Set {
	inserted := make(map[string]int, len(c.Inserts))
	for i, row := range c.Inserts {
		key := make([]any, len(row.Table.Key))
		for k, name := range row.Table.Key {
			key[k] = row.Values[column(row.Table, name)]
		}
		inserted[rowName(row.Table, key)] = i
	}
	var kept []db.Set
	at := map[string]int{}
	for _, s := range c.Sets {
		name := rowName(s.Table, s.Key)
		if i, ok := inserted[name]; ok {
			row := &c.Inserts[i]
			row.Values = slices.Clone(row.Values)
			for k, col := range s.Columns {
				row.Values[column(s.Table, col)] = s.Values[k]
			}
			continue
		}
		if i, ok := at[name]; ok {
			kept[i] = later(kept[i], s)
			continue
		}
		at[name] = len(kept)
		kept = append(kept, s)
	}
	return kept
}

// later is a with the columns of b on top.
func later(a, b db.Set) db.Set {
	if slices.Equal(a.Columns, b.Columns) {
		return b
	}
	a.Columns, a.Values = slices.Clone(a.Columns), slices.Clone(a.Values)
	for k, col := range b.Columns {
		if i := slices.Index(a.Columns, col); i >= 0 {
			a.Values[i] = b.Values[k]
			continue
		}
		a.Columns, a.Values = append(a.Columns, col), append(a.Values, b.Values[k])
	}
	return a
}

// join appends what b writes to a.
func join(a, b *db.Change) {
	a.Guards = append(a.Guards, b.Guards...)
	a.Claims = append(a.Claims, b.Claims...)
	a.Inserts = append(a.Inserts, b.Inserts...)
	a.Ignores = append(a.Ignores, b.Ignores...)
	a.Sets = append(a.Sets, b.Sets...)
	a.Gones = append(a.Gones, b.Gones...)
}

func column(t *db.Table, name string) int {
	return slices.IndexFunc(t.Columns, func(c db.Column) bool { return c.Name == name })
}

func rowName(t *db.Table, key []any) string {
	name := t.Name
	for _, v := range key {
		name += fmt.Sprint("\x00", v)
	}
	return name
}

func number(v any) int64 {
	switch v := v.(type) {
	case int64:
		return v
	case db.ID:
		return int64(v)
	case int:
		return int64(v)
	}
	return 0
}
