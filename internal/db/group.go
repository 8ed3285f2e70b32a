package db

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// group is what the dialects commit: the members, and their rows sorted into parts of
// one shape. The parts come in the order in which they are written.
type group struct {
	members []*member
	parts   []*part
	clock   int64 // dates the claims
}

// partKind says what happens to the rows of a part. The order is that of writing:
// rows go before others come, so that a key can be given again.
type partKind uint8

const (
	partGuard  partKind = iota // check: key, version; then set the rest
	partClaim                  // insert into command; there already: the member is refused
	partGone                   // delete where the column has the value
	partSet                    // key columns, then the columns to set
	partInsert                 // full rows
	partIgnore                 // full rows, unless the key exists
)

var partNames = [...]string{"guard", "claim", "gone", "set", "insert", "ignore"}

// part is every row of the group that is written by one shape of statement.
type part struct {
	kind    partKind
	table   *Table
	keys    int       // how many of the columns are the key (guard: 1, and the version follows)
	columns []*Column // of each row's values
	rows    [][]any   // values as plain makes them
	member  []int     // rows[i] is of members[member[i]]
	shape   string    // names kind, table and columns
}

// named notes the name of the part's shape, once its columns are known.
func (p *part) named() {
	names := make([]string, len(p.columns))
	for i, c := range p.columns {
		names[i] = c.Name
	}
	p.shape = partNames[p.kind] + " " + p.table.Name + " " + strings.Join(names, " ")
}

// newGroup sorts the members' rows into parts. A member with a wrong value gets its
// outcome and is left out.
func newGroup(members []*member, now int64) *group {
	g := &group{members: make([]*member, 0, len(members)), clock: now}
	b := builder{group: g, parts: make(map[partKey]*part)}
	for _, m := range members {
		if err := b.add(m); err != nil {
			m.outcome = err
			b.drop(len(g.members))
			continue
		}
		g.members = append(g.members, m)
	}
	g.sort()
	return g
}

// sort puts the parts into one order for all nodes, and leaves out what has no rows.
func (g *group) sort() {
	slices.SortFunc(g.parts, func(a, b *part) int {
		return cmp.Or(cmp.Compare(a.kind, b.kind), cmp.Compare(a.shape, b.shape))
	})
	g.parts = slices.DeleteFunc(g.parts, func(p *part) bool { return len(p.rows) == 0 })
}

// key names the set of shapes: two groups with the same key are written by the same text.
func (g *group) key() string {
	var b strings.Builder
	for _, p := range g.parts {
		b.WriteString(p.shape)
		b.WriteByte('\n')
	}
	return b.String()
}

// end gives every member the same outcome.
func (g *group) end(outcome error) {
	for _, m := range g.members {
		m.applied, m.outcome = false, outcome
	}
}

// reset forgets what an attempt found out.
func (g *group) reset() { g.end(nil) }

// each calls fn for every row of the part whose member is applied.
func (g *group) each(p *part, fn func(row []any) error) error {
	for i, row := range p.rows {
		if g.members[p.member[i]].applied {
			if err := fn(row); err != nil {
				return err
			}
		}
	}
	return nil
}

// live are the rows of the part whose member is applied.
func (g *group) live(p *part) [][]any {
	rows := make([][]any, 0, len(p.rows))
	_ = g.each(p, func(row []any) error { rows = append(rows, row); return nil })
	return rows
}

// groupTexts keeps the rendered statements of a dialect by the key of the group.
type groupTexts struct {
	mu   sync.RWMutex
	text map[string]string
}

func (t *groupTexts) get(g *group, render func(*group) string) string {
	key := g.key()
	t.mu.RLock()
	text, ok := t.text[key]
	t.mu.RUnlock()
	if ok {
		return text
	}
	text = render(g)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.text == nil {
		t.text = make(map[string]string)
	}
	if len(t.text) < maxStatements {
		t.text[key] = text
	}
	return text
}

// builder sorts rows into parts.
type builder struct {
	group *group
	parts map[partKey]*part
}

// partKey finds a part without comparing names: columns that are declared once have
// one address.
type partKey struct {
	kind    partKind
	table   *Table
	columns *string
	count   int
}

func (b *builder) add(m *member) error {
	c := m.change
	for i := range c.Guards {
		if err := b.guard(&c.Guards[i]); err != nil {
			return err
		}
	}
	for i := range c.Claims {
		k := &c.Claims[i]
		p, err := b.part(partClaim, &commandTable, nil)
		if err == nil {
			err = b.row(p, []any{k.Key, k.Hash, k.Answer, b.group.clock})
		}
		if err != nil {
			return err
		}
	}
	for i := range c.Gones {
		gone := &c.Gones[i]
		p, err := b.gone(gone)
		if err == nil {
			err = b.row(p, []any{gone.Value})
		}
		if err != nil {
			return err
		}
	}
	for i := range c.Sets {
		s := &c.Sets[i]
		p, err := b.part(partSet, s.Table, s.Columns)
		if err == nil {
			err = b.row(p, slices.Concat(s.Key, s.Values))
		}
		if err != nil {
			return err
		}
	}
	if err := b.insert(partInsert, c.Inserts); err != nil {
		return err
	}
	return b.insert(partIgnore, c.Ignores)
}

func (b *builder) insert(kind partKind, rows []Row) error {
	for _, r := range rows {
		p, err := b.part(kind, r.Table, nil)
		if err == nil {
			err = b.row(p, r.Values)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (b *builder) guard(g *Guard) error {
	p, err := b.part(partGuard, g.Table, g.Columns)
	if err != nil {
		return err
	}
	values := make([]any, 0, 2+len(g.Values))
	values = append(values, g.Key, g.Version)
	return b.row(p, append(values, g.Values...))
}

// part finds or makes the part for rows of this shape.
func (b *builder) part(kind partKind, t *Table, columns []string) (*part, error) {
	if t == nil {
		return nil, fmt.Errorf("db: a %s without a table", partNames[kind])
	}
	key := partKey{kind: kind, table: t, count: len(columns)}
	if len(columns) > 0 {
		key.columns = &columns[0]
	}
	if p := b.parts[key]; p != nil {
		return p, nil
	}
	p := &part{kind: kind, table: t}
	var names []string
	switch kind {
	case partGuard:
		if !t.versioned() {
			return nil, fmt.Errorf("db: %s cannot be guarded: it needs a BigInt version and one BigInt key", t.Name)
		}
		p.keys, names = 1, append([]string{t.Key[0], "version"}, columns...)
	case partSet:
		if len(columns) == 0 {
			return nil, fmt.Errorf("db: a set of %s without columns", t.Name)
		}
		p.keys, names = len(t.Key), slices.Concat(t.Key, columns)
	default:
		p.keys, names = len(t.Key), t.names()
	}
	for _, name := range names {
		c := t.column(name)
		if c == nil {
			return nil, fmt.Errorf("db: %s has no column %s", t.Name, name)
		}
		p.columns = append(p.columns, c)
	}
	b.parts[key] = b.sameShape(p)
	return b.parts[key], nil
}

// sameShape finds a part like p that was made for another list of the same columns, or
// adds p.
func (b *builder) sameShape(p *part) *part {
	p.named()
	for _, other := range b.group.parts {
		if other.table == p.table && other.shape == p.shape {
			return other
		}
	}
	b.group.parts = append(b.group.parts, p)
	return p
}

func (b *builder) gone(gone *Gone) (*part, error) {
	if gone.Table == nil {
		return nil, fmt.Errorf("db: a gone without a table")
	}
	c := gone.Table.column(gone.Column)
	if c == nil || c.Type != BigInt {
		return nil, fmt.Errorf("db: %s has no BigInt column %q", gone.Table.Name, gone.Column)
	}
	for _, p := range b.group.parts {
		if p.kind == partGone && p.columns[0] == c {
			return p, nil
		}
	}
	return b.sameShape(&part{kind: partGone, table: gone.Table, keys: 1, columns: []*Column{c}}), nil
}

// row adds the values of the member that is being added.
func (b *builder) row(p *part, values []any) error {
	if len(values) != len(p.columns) {
		return fmt.Errorf("db: %d values for the %d columns of %s", len(values), len(p.columns), p.shape)
	}
	row := make([]any, len(values))
	for i, c := range p.columns {
		var err error
		if row[i], err = c.fit(values[i]); err != nil {
			return place(p.table, c, err)
		}
	}
	p.rows = append(p.rows, row)
	p.member = append(p.member, len(b.group.members))
	return nil
}

// drop takes out the rows of a member that turned out wrong.
func (b *builder) drop(member int) {
	for _, p := range b.group.parts {
		n := len(p.member)
		for n > 0 && p.member[n-1] == member {
			n--
		}
		p.rows, p.member = p.rows[:n], p.member[:n]
	}
}
