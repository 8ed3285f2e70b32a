package record

import (
	"context"
	"errors"

	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/feel"
	"github.com/paceline/paceline/internal/form"
	"github.com/paceline/paceline/internal/org"
)

// maxChoices that a form offers at once; a search finds the others.
const maxChoices = 100

// source finds the table and the field that a field of a form in an app takes its choices from. People
// choose among the records that they may see.
func (s *Records) source(actor *org.Actor, appName string, from *form.RecordSource) (*view, string, error) {
	if from.App != "" {
		appName = from.App
	}
	var v *view
	var err error
	if actor == nil {
		v, err = s.reach(appName, from.Table)
	} else {
		v, err = s.open(actor, appName, from.Table)
	}
	if err != nil {
		return nil, "", err
	}
	field := from.Value
	if field == "" {
		field = v.table.KeyField()
	}
	if field == "" || v.hides(field) {
		return nil, "", errs.New(errs.NotFound, "the table %s has no field to choose by", tableName(v.table))
	}
	return v, field, nil
}

// Choices are the choices of a field among the records that the actor may see and whose title or searchable
// texts contain a text.
func (s *Records) Choices(ctx context.Context, actor *org.Actor, appName string, from *form.RecordSource, search string) (choices []form.Choice, err error) {
	defer errs.Wrap(&err, "record.Choices")
	v, field, err := s.source(actor, appName, from)
	if err != nil {
		return nil, err
	}
	rows, _, err := s.list(ctx, v, Query{Search: search, Sort: "oldest", Limit: maxChoices})
	if err != nil {
		return nil, err
	}
	choices = []form.Choice{}
	for _, st := range rows {
		value := valueAt(st.data, field)
		if value == nil {
			continue
		}
		text := feel.String(value)
		label := v.title(st)
		if label == "" {
			label = text
		}
		choices = append(choices, form.Choice{Label: label, Value: text})
	}
	return choices, nil
}

// FormChoices are the first choices of every field of a form that takes them from records and that
// rights do not hide, by path; nil without such fields. A table that the actor may not see offers none.
func (s *Records) FormChoices(ctx context.Context, actor *org.Actor, appName string, f *form.Form, rights form.Rights) (map[string][]form.Choice, error) {
	var all map[string][]form.Choice
	for _, field := range f.RecordFields() {
		if f.Hides(rights, field.Path) {
			continue
		}
		choices, err := s.Choices(ctx, actor, appName, field.Options.Records, "")
		if err != nil && !errs.Is(err, errs.NotFound) && !errs.Is(err, errs.Denied) {
			return nil, err
		}
		if all == nil {
			all = map[string][]form.Choice{}
		}
		all[field.Path] = append([]form.Choice{}, choices...)
	}
	return all, nil
}

// Chosen gives the check that Apply of a form in an app asks: whether the actor may choose a value. The
// error it met, if any, is told by failed.
func (s *Records) Chosen(ctx context.Context, actor *org.Actor, appName string) (check func(*form.RecordSource, feel.Value) bool, failed func() error) {
	var broken error
	check = func(from *form.RecordSource, value feel.Value) bool {
		ok, err := s.chosen(ctx, s.db, actor, appName, from, value)
		broken = errors.Join(broken, err)
		return ok
	}
	return check, func() error { return broken }
}

// chosen tells whether a value is that of a record that the actor may see. A field that is a unique key
// is looked up by it, another one has to be searchable.
func (s *Records) chosen(ctx context.Context, q db.Queryer, actor *org.Actor, appName string, from *form.RecordSource, value feel.Value) (bool, error) {
	v, field, err := s.source(actor, appName, from)
	if errs.Is(err, errs.NotFound) || errs.Is(err, errs.Denied) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	var b builder
	b.add("SELECT k.id FROM ")
	value = v.asField(field, value)
	if key := v.uniqueBy(field); key != nil {
		b.add("record_key u JOIN record k ON k.id = u.record WHERE u.name = ? AND u.value = ? AND ", keyName(v.table, key), keyValue(key, nested(field, value)))
		v.sees(&b)
	} else {
		b.add("record k WHERE ")
		v.sees(&b)
		if err := v.filter(&b, Filter{Name: field, Op: "eq", Value: feel.String(value)}); err != nil {
			return false, err
		}
	}
	b.add(" ORDER BY k.id {limit}", 1)
	var id db.ID
	err = q.QueryRow(ctx, b.text, b.args...).Scan(&id)
	if errors.Is(err, db.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

// asField is a value as the field of a table holds it: choices are texts, also of numbers.
func (v *view) asField(path string, value feel.Value) feel.Value {
	text, isText := value.(string)
	if field := v.table.Schema().Field(path); isText && field != nil && field.Type == form.Number && !field.AsString {
		if n, ok := feel.ParseNumber(text); ok {
			return n
		}
	}
	return value
}

// uniqueBy is the unique key that is this one field; nil when there is none.
func (v *view) uniqueBy(field string) []string {
	for _, key := range v.table.Unique {
		if len(key) == 1 && key[0] == field {
			return key
		}
	}
	return nil
}
