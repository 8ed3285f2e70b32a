package form

import (
	"fmt"
	"strings"
	"time"

	"github.com/paceline/paceline/internal/feel"
)

// Submission is what a person sends back.
type Submission struct {
	Current feel.Vars // the instance's variables now
	Values  feel.Vars // what was sent; an absent value stays as it is, null clears it
	Rights  Rights    // of the step
	Now     time.Time
	// Chosen tells whether a value is among the records that a field offers (Options.Records).
	// Where it is nil none is.
	Chosen func(from *RecordSource, v feel.Value) bool
}

// Apply checks a submission and gives the variables it changes, each with its whole
// new value. Nothing is changed when anything is wrong: the error is then Invalid, with
// one Detail for each wrong place: the field's path ("lines[0].amount", rows from 0), a
// rule code and a sentence.
//
//   - Unknown fields are refused. Hidden and read-only fields may come back only as
//     they were; a hidden one not at all.
//   - Computed fields are worked out here; what the client sent for them is not looked at.
//   - What a condition hides is not checked, and loses its value if the step could write it.
//   - A value that is required has to be there when the field shows.
func (f *Form) Apply(s Submission) (feel.Vars, error) {
	r := &run{form: f, rights: s.Rights, chosen: s.Chosen}
	current := record(s.Current)
	top := &frame{old: current, data: current, now: s.Now}
	r.write(top, record(s.Values))
	if len(r.problems) == 0 {
		r.settle(top)
	}
	if len(r.problems) == 0 {
		r.check(top, f.Components)
	}
	if len(r.problems) > 0 {
		return nil, r.failure("the form is not filled in correctly", "Correct the fields named and send the form again.")
	}
	changed := feel.Vars{}
	for i := range top.data.Len() {
		e := top.data.At(i)
		if before, _ := current.Get(e.Name); !same(before, e.Value) {
			changed[e.Name] = e.Value
		}
	}
	return changed, nil
}

// write puts what was sent into the record, as far as rights and types allow.
func (r *run) write(fr *frame, sent *feel.Context) {
	r.unknown(fr, sent, "")
	for _, c := range r.form.inFrame[fr.list] {
		v, present := find(sent, c.keys)
		if !present || c.Type == Expression {
			continue
		}
		old, _ := find(fr.old, c.keys)
		right := r.rights.of(c)
		switch {
		case right == Hide:
			if v != nil {
				r.problem(fr.at(c), RuleHidden, "the field is hidden at this step and cannot be written")
			}
		case c.Type == DynamicList:
			fr.data = set(fr.data, c.keys, r.writeRows(fr, c, v))
		case !right.writes() || c.ReadOnly.On:
			if !same(old, v) {
				r.problem(fr.at(c), RuleReadOnly, "the field cannot be changed at this step")
			}
		default:
			if typed, ok := r.typed(fr, c, v); ok && !same(old, typed) {
				fr.data = set(fr.data, c.keys, typed)
			}
		}
	}
}

// unknown refuses names that are no field and lead to none.
func (r *run) unknown(fr *frame, sent *feel.Context, prefix string) {
	names := r.form.names[fr.list]
	for i := range sent.Len() {
		e := sent.At(i)
		path := prefix + e.Name
		isField, known := names[path]
		inner, isRecord := e.Value.(*feel.Context)
		switch {
		case !known:
			r.problem(fr.place+clip(path), RuleUnknown, "the form has no such field")
		case isField:
		case isRecord:
			r.unknown(fr, inner, path+".")
		case e.Value != nil:
			r.problem(fr.place+path, RuleType, "an object with fields of the form is expected")
		}
	}
}

// clip keeps a hostile name from filling the answer.
func clip(s string) string {
	if r := []rune(s); len(r) > 80 {
		return string(r[:80]) + "…"
	}
	return s
}

// writeRows writes the rows of a dynamic list. A row is known by its place, so a list
// whose rows hold something the sender could not see or change can grow but not shrink.
func (r *run) writeRows(fr *frame, list *Component, v feel.Value) feel.Value {
	before := rowsOf(fr.old, list)
	sent, isList := v.(feel.List)
	right := r.rights.of(list)
	switch {
	case v != nil && !isList:
		r.problem(fr.at(list), RuleType, "a list of rows is expected")
		return v
	case len(sent) > MaxRows:
		r.problem(fr.at(list), RuleMaxItems, fmt.Sprintf("there are more than %d rows", MaxRows))
		return v
	case len(sent) != len(before) && (!right.writes() || list.FixedRows || list.ReadOnly.On):
		r.problem(fr.at(list), RuleRows, "rows can be neither added nor removed at this step")
		return v
	case len(sent) < len(before) && r.guarded(list.Children):
		r.problem(fr.at(list), RuleRows, "rows cannot be removed at this step, because they hold fields that may not be changed")
		return v
	}
	rows := make(feel.List, len(sent))
	for i, member := range sent {
		row, isRecord := member.(*feel.Context)
		if !isRecord {
			r.problem(fmt.Sprintf("%s[%d]", fr.at(list), i), RuleType, "a row is an object with the fields of the list")
			continue
		}
		old := rowAt(before, i)
		child := fr.child(list, i, old, old)
		r.write(child, row)
		rows[i] = child.data
	}
	return rows
}

// guarded tells whether a row holds a value that this step cannot write.
func (r *run) guarded(components []*Component) bool {
	found := false
	walk(components, func(c *Component) {
		if c.Path != "" && c.Type != Expression && !r.rights.of(c).writes() {
			found = true
		}
	})
	return found
}

// check holds every field that shows and may be written against its rules.
func (r *run) check(fr *frame, components []*Component) {
	for _, c := range components {
		right := r.rights.of(c)
		if right == Hide || r.hidden(fr, c) {
			continue
		}
		if c.Path != "" && c.Type != Expression {
			r.checkField(fr, c, right)
		}
		if c.Type != DynamicList {
			r.check(fr, c.Children)
			continue
		}
		before := rowsOf(fr.old, c)
		for i, row := range rowsOf(fr.data, c) {
			r.check(fr.child(c, i, rowAt(before, i), row), c.Children)
		}
	}
}

func (r *run) checkField(fr *frame, c *Component, right Right) {
	v, _ := find(fr.data, c.keys)
	old, _ := find(fr.old, c.keys)
	switch {
	case !right.writes():
		return
	case r.flag(fr, c, c.ReadOnly):
		if !same(v, old) {
			r.problem(fr.at(c), RuleReadOnly, "the field cannot be changed, because a condition of the form makes it read-only")
		}
		return
	}
	if missing(c, v) {
		if right == Required || r.flag(fr, c, c.Rules.Required) {
			r.problem(fr.at(c), RuleRequired, "a value is needed here")
			return
		}
		if v == nil {
			return
		}
	}
	if _, rule, message := convert(c, v); rule != "" { // it came from elsewhere, not with this submission
		r.problem(fr.at(c), rule, message)
		return
	}
	r.rules(fr, c, v)
}

// missing tells whether a required field would count as not filled in. A required
// checkbox has to be ticked.
func missing(c *Component, v feel.Value) bool {
	switch v := v.(type) {
	case nil:
		return true
	case string:
		return strings.TrimSpace(v) == ""
	case bool:
		return c.Type == Checkbox && !v
	case feel.List:
		return len(v) == 0
	}
	return false
}
