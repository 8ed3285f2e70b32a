package record

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/feel"
	"github.com/paceline/paceline/internal/form"
	"github.com/paceline/paceline/internal/org"
)

// Query narrows and orders the records of a table.
type Query struct {
	Mine   bool   // only those that the actor made
	Search string // in the title and the searchable texts, in any case of letters
	Fields []Filter
	Sort   string // newest, oldest, or the path of a searchable field, with - before it downwards
	After  string
	Limit  int // 1 to 200; 0: 50
}

// Filter narrows by a searchable field.
type Filter struct {
	Name string
	// Op is eq, ne, in (values parted by |), prefix, contains, lt, le, gt, ge, or empty (true or false).
	// A record without a value is found by ne and empty only.
	Op    string
	Value string
}

// Page is a part of a list, in a stable order.
type Page[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next,omitempty" doc:"Pass it as after to get the following items; absent at the end."`
}

// Bounds of a query: each filter costs a look-up per row.
const (
	maxFilters = 8
	maxIn      = 200
	maxPage    = 200
	usualPage  = 50
)

// List lists the records that the actor may see.
func (s *Records) List(ctx context.Context, actor *org.Actor, appName, table string, q Query) (page Page[Item], err error) {
	defer errs.Wrap(&err, "record.List")
	v, err := s.open(actor, appName, table)
	if err != nil {
		return page, err
	}
	rows, next, err := s.list(ctx, v, q)
	if err != nil {
		return page, err
	}
	page = Page[Item]{Items: make([]Item, len(rows)), Next: next}
	for i, st := range rows {
		if page.Items[i], err = s.shown(v, st); err != nil {
			return page, err
		}
	}
	return page, nil
}

// list reads one page, and the cursor of the next; empty at the end.
func (s *Records) list(ctx context.Context, v *view, q Query) (rows []*stored, next string, err error) {
	limit := q.Limit
	if limit == 0 {
		limit = usualPage
	}
	if limit < 1 || limit > maxPage {
		return nil, "", wrong("limit", "range", "the limit is 1 to %d", maxPage)
	}
	o, err := v.order(q)
	if err != nil {
		return nil, "", err
	}
	var b builder
	o.from(&b, v)
	v.sees(&b)
	if err := v.narrow(&b, q); err != nil {
		return nil, "", err
	}
	b.add(o.by+" {limit}", limit+1)
	found, err := db.All(ctx, s.db, o.scan, b.text, b.args...)
	if err != nil {
		return nil, "", err
	}
	if len(found) > limit {
		found = found[:limit]
		next = o.cursor(found[limit-1])
	}
	for _, f := range found {
		rows = append(rows, f.stored)
	}
	return rows, next, nil
}

// builder collects portable SQL with its arguments.
type builder struct {
	text string
	args []any
}

func (b *builder) add(text string, args ...any) {
	b.text += text
	b.args = append(b.args, args...)
}

// narrow adds the filters.
func (v *view) narrow(b *builder, q Query) error {
	if q.Mine && v.actor != nil {
		b.add(" AND k.owner = ?", v.actor.ID)
	}
	if q.Search != "" {
		v.search(b, q.Search)
	}
	if len(q.Fields) > maxFilters {
		return wrong("field", "maxItems", "at most %d fields can be filtered at once", maxFilters)
	}
	for _, f := range q.Fields {
		if err := v.filter(b, f); err != nil {
			return err
		}
	}
	return nil
}

// search finds text in what the actor may see of a record.
func (v *view) search(b *builder, text string) {
	like := db.Contains(strings.ToLower(text))
	var names []string
	for _, f := range v.table.SearchFields() {
		if f.Type == form.SearchText && !v.hides(f.Path) {
			names = append(names, f.Path)
		}
	}
	title := "LOWER(k.title) LIKE ? ESCAPE '!'"
	if v.titleTells() {
		title = "1 = 0"
	} else {
		b.args = append(b.args, like)
	}
	b.text += " AND (" + title + " OR EXISTS (SELECT 1 FROM record_field f WHERE f.record = k.id AND f.name IN (?) AND LOWER(f.txt) LIKE ? ESCAPE '!'))"
	b.args = append(b.args, db.In(names), like)
}

// field finds a searchable field that the actor may see. Another one is not known here.
func (v *view) field(place, name string) (form.SearchField, error) {
	fields := v.table.SearchFields()
	i := slices.IndexFunc(fields, func(f form.SearchField) bool { return f.Path == name })
	if i < 0 || v.hides(name) {
		return form.SearchField{}, wrong(place, "unknown", "%q is no field of the table that can be searched", clip(name, 60))
	}
	return fields[i], nil
}

var comparisons = map[string]string{"eq": "=", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}

// filter adds the condition of one field.
func (v *view) filter(b *builder, f Filter) error {
	field, err := v.field("query.field", f.Name)
	if err != nil {
		return err
	}
	has := " AND EXISTS (SELECT 1 FROM record_field f WHERE f.record = k.id AND f.name = ? AND "
	column := "f.txt"
	if field.Type != form.SearchText {
		column = "f.num"
	}
	switch f.Op {
	case "empty":
		if f.Value != "true" && f.Value != "false" {
			return wrong("query.field", "format", "empty is true or false")
		}
		b.add(has+"f.absent = ?)", f.Name, f.Value == "true")
		return nil
	case "prefix", "contains":
		if field.Type != form.SearchText {
			return wrong("query.field", "op", "%s is for texts, and %s is none", f.Op, f.Name)
		}
		like := db.Prefix(strings.ToLower(f.Value))
		if f.Op == "contains" {
			like = db.Contains(strings.ToLower(f.Value))
		}
		b.add(has+"LOWER(f.txt) LIKE ? ESCAPE '!')", f.Name, like)
		return nil
	case "in":
		return v.among(b, has+column, field, f.Value)
	case "ne":
		value, err := compared(field, f.Value)
		b.add(strings.Replace(has, "EXISTS", "NOT EXISTS", 1)+column+" = ?)", f.Name, value)
		return err
	}
	compare, known := comparisons[f.Op]
	if !known {
		return wrong("query.field", "op", "%q is not known; use eq, ne, in, prefix, contains, lt, le, gt, ge or empty", clip(f.Op, 20))
	}
	value, err := compared(field, f.Value)
	b.add(has+column+" "+compare+" ?)", f.Name, value)
	return err
}

func (v *view) among(b *builder, condition string, field form.SearchField, text string) error {
	parts := strings.Split(text, "|")
	if len(parts) > maxIn {
		return wrong("query.field", "maxItems", "in takes at most %d values", maxIn)
	}
	if field.Type == form.SearchText {
		for i := range parts {
			parts[i] = clip(parts[i], 200)
		}
		b.add(condition+" IN (?))", field.Path, db.In(parts))
		return nil
	}
	var numbers []int64
	for _, part := range parts {
		value, err := compared(field, part)
		if err != nil {
			return err
		}
		numbers = append(numbers, value.(int64))
	}
	b.add(condition+" IN (?))", field.Path, db.In(numbers))
	return nil
}

// compared is a value as the column of its field has it.
func compared(field form.SearchField, text string) (any, error) {
	switch field.Type {
	case form.SearchNumber:
		n, ok := feel.ParseNumber(text)
		if !ok {
			return nil, wrong("query.field", "format", "%s is a number, and %q is none", field.Path, clip(text, 40))
		}
		return form.TenThousandths(n), nil
	case form.SearchTime:
		for _, layout := range []string{time.DateOnly, time.RFC3339Nano, "2006-01-02T15:04:05"} {
			if t, err := time.Parse(layout, text); err == nil {
				return t.UnixMicro(), nil
			}
		}
		return nil, wrong("query.field", "format", "%s is a date or time such as 2026-03-01, and %q is none", field.Path, clip(text, 40))
	}
	if r := []rune(text); len(r) > 200 { // as long as search keeps
		text = string(r[:200])
	}
	return strings.TrimSpace(text), nil
}

// order is how a page is ordered, and where it begins.
type order struct {
	sort   string
	field  form.SearchField // Path empty: by id
	column string           // of the field's value
	down   bool
	by     string // ORDER BY
	after  *place
}

// place is the last record of the page before.
type place struct {
	Sort   string  `json:"s"`
	ID     db.ID   `json:"i"`
	Absent bool    `json:"a,omitempty"`
	Text   *string `json:"t,omitempty"`
	Number *int64  `json:"n,omitempty"`
}

func (v *view) order(q Query) (*order, error) {
	o := &order{sort: q.Sort}
	switch q.Sort {
	case "", "newest":
		o.sort, o.down = "newest", true
	case "oldest":
	default:
		name, down := strings.CutPrefix(q.Sort, "-")
		field, err := v.field("query.sort", name)
		if err != nil {
			return nil, err
		}
		o.field, o.down, o.column = field, down, "f.txt"
		if field.Type != form.SearchText {
			o.column = "f.num"
		}
	}
	direction := ""
	if o.down {
		direction = " DESC"
	}
	o.by = " ORDER BY k.id" + direction
	if o.field.Path != "" {
		o.by = " ORDER BY f.absent" + direction + ", " + o.column + direction + ", f.record" + direction
	}
	if q.After == "" {
		return o, nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(q.After)
	o.after = &place{}
	if err != nil || json.Unmarshal(raw, o.after) != nil || o.after.Sort != o.sort ||
		o.field.Path != "" && !o.after.Absent && (o.field.Type == form.SearchText && o.after.Text == nil || o.field.Type != form.SearchText && o.after.Number == nil) {
		return nil, errs.New(errs.Invalid, "this cursor does not belong to this list").WithCure("leave out after, and begin with the first page")
	}
	return o, nil
}

// from begins the query, up to where the condition of what is visible follows.
func (o *order) from(b *builder, v *view) {
	past := ">"
	if o.down {
		past = "<"
	}
	if o.field.Path == "" {
		b.add("SELECT " + storedColumns + " FROM record k WHERE ")
		if o.after != nil {
			b.add("k.id "+past+" ? AND ", o.after.ID)
		}
		return
	}
	b.add("SELECT "+storedColumns+", f.absent, f.txt, f.num FROM record_field f JOIN record k ON k.id = f.record WHERE f.tbl = ? AND f.name = ? AND ",
		tableName(v.table), o.field.Path)
	if o.after == nil {
		return
	}
	// Upwards those without a value come last, downwards first.
	switch {
	case o.after.Absent && o.down:
		b.add("(f.absent = ? OR f.absent = ? AND f.record < ?) AND ", false, true, o.after.ID)
	case o.after.Absent:
		b.add("f.absent = ? AND f.record > ? AND ", true, o.after.ID)
	default:
		value := o.after.value()
		b.add("(f.absent = ? AND ("+o.column+" "+past+" ? OR "+o.column+" = ? AND f.record "+past+" ?)", false, value, value, o.after.ID)
		if !o.down {
			b.add(" OR f.absent = ?", true)
		}
		b.add(") AND ")
	}
}

func (p *place) value() any {
	if p.Text != nil {
		return *p.Text
	}
	return *p.Number
}

// listed is a row with what it was sorted by.
type listed struct {
	*stored
	place
}

func (o *order) scan(row db.Scanner) (listed, error) {
	if o.field.Path == "" {
		st, err := scanStored(row)
		return listed{stored: st}, err
	}
	l := listed{}
	st, err := scanStored(scanMore{row, []any{&l.Absent, &l.Text, &l.Number}})
	l.stored = st
	return l, err
}

// scanMore scans further columns after those asked for.
type scanMore struct {
	row  db.Scanner
	more []any
}

func (s scanMore) Scan(dest ...any) error { return s.row.Scan(append(dest, s.more...)...) }

// cursor names the place right after a row. It is opaque to clients.
func (o *order) cursor(last listed) string {
	p := last.place
	p.Sort, p.ID = o.sort, last.id
	text, _ := json.Marshal(p) // plain values
	return base64.RawURLEncoding.EncodeToString(text)
}

func wrong(place, rule, format string, args ...any) error {
	e := errs.New(errs.Invalid, format, args...)
	return e.WithDetails(errs.Detail{Place: place, Rule: rule, Message: e.Error()})
}
