package record

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/feel"
	"github.com/paceline/paceline/internal/form"
)

// plan says what the columns of a file hold, and how records are found.
type plan struct {
	heading []string
	columns []column // a nil field: nothing
	id      int      // column of _id; -1: none
	key     []string // unique key; nil: records are found by _id, or not at all
	seen    map[string]int
}

// plan reads the headings. A heading is the path of a field, or its label in any of the app's languages, or what the
// sender says it is.
func (v *view) plan(heading []string, in Import) (*plan, []RowProblem) {
	p := &plan{heading: heading, columns: make([]column, len(heading)), id: -1, seen: map[string]int{}}
	var problems []RowProblem
	wrong := func(column, format string, args ...any) {
		problems = append(problems, RowProblem{Row: 1, Column: clip(column, 60), Rule: "column", Message: fmt.Sprintf(format, args...)})
	}
	for name := range in.Columns {
		if !slices.Contains(heading, name) {
			wrong(name, "the file has no such column")
		}
	}
	byName := v.headings()
	taken := map[string]bool{}
	for i, name := range heading {
		target, told := in.Columns[name]
		if !told {
			target = strings.TrimSpace(name)
		}
		switch {
		case target == "-" || target == "" || target == "_version":
			continue
		case target == "_id":
			p.id = i
			continue
		}
		found := byName[fold(target)]
		switch {
		case len(found) == 0:
			wrong(name, "the table has no such field; say which one it is, or - for none")
		case len(found) > 1:
			wrong(name, "several fields are called so; say which one it is")
		case taken[found[0].field.Path]:
			wrong(name, "another column holds the same field")
		default:
			taken[found[0].field.Path] = true
			if found[0].field.Type != form.Expression {
				p.columns[i] = found[0]
			}
		}
	}
	if len(problems) > 0 {
		return nil, problems
	}
	if p.id < 0 || len(in.Key) > 0 {
		if why := p.findBy(v, in.Key, taken); why != "" {
			wrong("", "%s", why)
		}
	}
	return p, problems
}

// findBy chooses the unique key by which records are found.
func (p *plan) findBy(v *view, wanted []string, has map[string]bool) string {
	if len(wanted) == 1 && wanted[0] == "_id" {
		if p.id < 0 {
			return "the file has no column _id"
		}
		return ""
	}
	for _, key := range v.table.Unique {
		whole := !slices.ContainsFunc(key, func(path string) bool { return !has[path] })
		if len(wanted) == 0 && whole || slices.Equal(wanted, key) {
			if !whole {
				return "the file has no columns for all fields of the key " + strings.Join(key, ", ")
			}
			p.key = key
			return ""
		}
	}
	if len(wanted) > 0 {
		return "the table has no unique key " + clip(strings.Join(wanted, ", "), 100)
	}
	return ""
}

// headings are what the fields may be called in a file.
func (v *view) headings() map[string][]column {
	names := map[string][]column{}
	form := "forms." + v.live.FormName(v.table.Form) + "."
	for _, c := range v.columns() {
		called := []string{c.field.Path, c.field.Label}
		for _, texts := range v.live.Texts {
			for _, key := range labelKeys {
				called = append(called, texts[form+c.field.Path+key])
			}
		}
		for i, name := range called {
			called[i] = fold(name)
		}
		slices.Sort(called)
		for _, name := range slices.Compact(called) {
			if name != "" {
				names[name] = append(names[name], c)
			}
		}
	}
	for _, c := range v.columns() {
		names[fold(c.field.Path)] = []column{c} // a path is never taken for a label
	}
	return names
}

// row writes one row, or without a transaction only checks it. Problems are what is wrong with the row, and
// the error what keeps the import from going on.
func (r *importing) row(ctx context.Context, tx *db.Tx, number int, cells []string) (Done, []RowProblem, error) {
	sent, problems := r.values(number, cells)
	if len(problems) > 0 {
		return "", problems, nil
	}
	if tx == nil || r.in.SkipBad {
		if problem := r.twice(number, sent); problem != nil {
			return "", []RowProblem{*problem}, nil
		}
	}
	var q db.Queryer = r.s.db
	if tx != nil {
		q = tx
	}
	done, err := r.one(ctx, q, tx, cells, sent)
	if problems := r.told(number, err); problems != nil {
		return "", problems, nil
	}
	return done, nil, err
}

// values reads the cells.
func (r *importing) values(number int, cells []string) (feel.Vars, []RowProblem) {
	record := feel.NewContext()
	var problems []RowProblem
	for i, c := range r.plan.columns {
		if c.field == nil {
			continue
		}
		cell := ""
		if i < len(cells) {
			cell = cells[i]
		}
		value, err := c.value(r.in.Format, cell)
		if err != nil {
			problems = append(problems, RowProblem{number, r.plan.heading[i], c.field.Path, form.RuleType, err.Error()})
			continue
		}
		record = with(record, strings.Split(c.field.Path, "."), value)
	}
	for i := len(r.plan.columns); i < len(cells); i++ {
		if strings.TrimSpace(cells[i]) != "" {
			problems = append(problems, RowProblem{number, "", "", "column", fmt.Sprintf("cell %d has no heading above it", i+1)})
			break
		}
	}
	sent := feel.Vars{}
	for i := range record.Len() {
		sent[record.At(i).Name] = record.At(i).Value
	}
	return sent, problems
}

// with is data with a value at a path; that there is none is said as null.
func with(data *feel.Context, path []string, value feel.Value) *feel.Context {
	if len(path) > 1 {
		present, _ := data.Get(path[0])
		inner, ok := present.(*feel.Context)
		if !ok {
			inner = feel.NewContext()
		}
		value = with(inner, path[1:], value)
	}
	entries := make([]feel.Entry, 0, data.Len()+1)
	for i := range data.Len() {
		entries = append(entries, data.At(i))
	}
	return feel.NewContext(append(entries, feel.Entry{Name: path[0], Value: value})...)
}

// twice finds a unique key that a row above has too.
func (r *importing) twice(number int, sent feel.Vars) *RowProblem {
	for _, key := range r.v.table.Unique {
		value := keyValue(key, sent)
		if value == "" {
			continue
		}
		name := strings.Join(key, "+") + value
		if above, is := r.plan.seen[name]; is && above != number {
			return &RowProblem{number, r.heading(key[0]), key[0], "unique", fmt.Sprintf("row %d has the same %s", above, strings.Join(key, ", "))}
		}
		r.plan.seen[name] = number
	}
	return nil
}

// one writes or checks the record of a row.
func (r *importing) one(ctx context.Context, q db.Queryer, tx *db.Tx, cells []string, sent feel.Vars) (Done, error) {
	st, err := r.found(ctx, q, cells, sent)
	if err != nil {
		return "", err
	}
	switch {
	case st == nil:
		maps.DeleteFunc(sent, func(_ string, v feel.Value) bool { return v == nil }) // defaults fill empty cells
		if err := r.v.require(create, nil); err != nil {
			return "", err
		}
		if tx != nil {
			w, err := r.s.insert(ctx, tx, r.v, sent, r.by)
			return w.Done, err
		}
		data, err := r.s.fresh(ctx, q, r.v, sent)
		if err != nil {
			return "", err
		}
		return Created, r.s.free(ctx, q, r.v, 0, data)
	case tx != nil:
		if err := r.v.require(change, st); err != nil {
			return "", err
		}
		w, err := r.s.update(ctx, tx, r.v, st, sent, r.by)
		return w.Done, err
	}
	data, changed, err := r.s.apply(ctx, q, r.v, st.data, sent)
	if err != nil {
		return "", err
	}
	if len(changed) == 0 {
		return Unchanged, nil
	}
	if err := r.v.require(change, st); err != nil {
		return "", err
	}
	return Changed, r.s.free(ctx, q, r.v, st.id, data)
}

// found is the record that a row means; nil: a new one.
func (r *importing) found(ctx context.Context, q db.Queryer, cells []string, sent feel.Vars) (*stored, error) {
	if r.plan.id >= 0 && r.plan.key == nil {
		text := ""
		if r.plan.id < len(cells) {
			text = strings.TrimSpace(cells[r.plan.id])
		}
		if text == "" {
			return nil, nil
		}
		id, err := db.ParseID(text)
		if err != nil {
			return nil, err
		}
		return r.s.find(ctx, q, r.v, id)
	}
	if r.plan.key == nil {
		return nil, nil
	}
	value := keyValue(r.plan.key, sent)
	if value == "" {
		return nil, nil
	}
	st, err := r.s.byKey(ctx, q, r.v, r.plan.key, value)
	if errs.Is(err, errs.NotFound) {
		return nil, nil // new, or not the actor's to see: then the key is taken
	}
	return st, err
}

// free checks that no other record has a unique key of the data. Writing checks it again.
func (s *Records) free(ctx context.Context, q db.Queryer, v *view, own db.ID, data feel.Vars) error {
	for _, key := range v.table.Unique {
		value := keyValue(key, data)
		if value == "" {
			continue
		}
		var id db.ID
		err := q.QueryRow(ctx, "SELECT record FROM record_key WHERE name = ? AND value = ?", keyName(v.table, key), value).Scan(&id)
		switch {
		case errors.Is(err, db.ErrNoRows):
		case err != nil:
			return err
		case id != own:
			return errTaken(key)
		}
	}
	return nil
}

// told makes problems of an error that is about the row; nil when it is not.
func (r *importing) told(number int, err error) []RowProblem {
	var e *errs.Error
	if err == nil || !errors.As(err, &e) {
		return nil
	}
	switch e.Kind {
	case errs.Invalid, errs.Denied, errs.NotFound:
	default:
		return nil
	}
	if len(e.Details) == 0 {
		return []RowProblem{{Row: number, Rule: strings.ToLower(e.Kind.String()), Message: e.Error()}}
	}
	var problems []RowProblem
	for _, d := range e.Details {
		problems = append(problems, RowProblem{number, r.heading(d.Place), clip(d.Place, 100), d.Rule, d.Message})
	}
	return problems
}

// heading is what the file calls the column of a field, or of the list that holds it; empty when it has none.
func (r *importing) heading(path string) string {
	path, _, _ = strings.Cut(path, "[")
	for i, c := range r.plan.columns {
		if c.field != nil && c.field.Path == path {
			return r.plan.heading[i]
		}
	}
	return ""
}
