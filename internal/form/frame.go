package form

import (
	"strconv"
	"strings"
	"time"

	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/feel"
)

// frame is one record that fields are written into: the form's data, or one row of a
// dynamic list. It is the scope of the expressions inside it, where this is the row,
// parent the record around it and i the row's number, from 1.
type frame struct {
	list  *Component // the dynamic list of the row; nil: the form's data
	place string     // prefix of field paths in problems: "lines[0]."
	row   int
	old   *feel.Context // before the submission
	data  *feel.Context // as it will be
	outer *frame
	now   time.Time
}

// Lookup makes a frame a feel.Scope.
func (fr *frame) Lookup(name string) (feel.Value, bool) {
	if v, ok := fr.data.Get(name); ok {
		return v, true
	}
	if fr.outer == nil {
		return nil, false
	}
	switch name {
	case "this":
		return fr.data, true
	case "parent":
		return fr.outer.data, true
	case "i":
		return feel.Int(int64(fr.row + 1)), true
	}
	return fr.outer.Lookup(name)
}

// Now makes a frame a feel.Clock.
func (fr *frame) Now() time.Time { return fr.now }

// at is the path of a field of the frame, with the row's number where there is one.
func (fr *frame) at(c *Component) string { return fr.place + strings.Join(c.keys, ".") }

// child is the frame of one row of a list in this frame.
func (fr *frame) child(list *Component, row int, old, data *feel.Context) *frame {
	return &frame{
		list: list, row: row, old: old, data: data, outer: fr, now: fr.now,
		place: fr.at(list) + "[" + strconv.Itoa(row) + "].",
	}
}

// rowsOf are the rows of a list in a record; what is no record among them counts as an empty one.
func rowsOf(data *feel.Context, list *Component) []*feel.Context {
	v, _ := find(data, list.keys)
	members, _ := v.(feel.List)
	rows := make([]*feel.Context, len(members))
	for i, m := range members {
		rows[i], _ = m.(*feel.Context)
		if rows[i] == nil {
			rows[i] = feel.NewContext()
		}
	}
	return rows
}

func rowAt(rows []*feel.Context, i int) *feel.Context {
	if i < len(rows) {
		return rows[i]
	}
	return feel.NewContext()
}

// run is one pass of data through a form.
type run struct {
	form     *Form
	rights   Rights
	problems []errs.Detail
}

func (r *run) problem(place, rule, message string) {
	if len(r.problems) < 200 {
		r.problems = append(r.problems, errs.Detail{Place: place, Rule: rule, Message: message})
	}
}

// failure is everything wrong as one error.
func (r *run) failure(message, cure string) error {
	return errs.New(errs.Invalid, "%s", message).WithDetails(r.problems...).WithCure("%s", cure)
}

// eval evaluates an expression of a component. Only a bound can make it fail.
func (r *run) eval(fr *frame, c *Component, x *feel.Expr) feel.Value {
	v, err := x.Eval(fr)
	if err != nil {
		place := c.Place
		if c.Path != "" {
			place = fr.at(c)
		}
		r.problem(place, RuleExpression, "an expression of the field could not be evaluated: "+err.Error())
	}
	return v
}

func (r *run) flag(fr *frame, c *Component, f Flag) bool {
	if f.Expr == nil {
		return f.On
	}
	return feel.Truth(r.eval(fr, c, f.Expr))
}

func (r *run) hidden(fr *frame, c *Component) bool {
	return c.Hide != nil && feel.Truth(r.eval(fr, c, c.Hide))
}

// settlePasses bounds how often conditions and computed fields that depend on one
// another are worked out again.
const settlePasses = 8

// settle works out computed fields and drops what conditions hide, until nothing changes.
func (r *run) settle(top *frame) {
	for range settlePasses {
		if !r.pass(top, r.form.Components) || len(r.problems) > 0 {
			return
		}
	}
	r.problem("", RuleExpression, "conditions and computed fields depend on one another in a circle")
}

// pass does settle's work once for one record and tells whether anything changed.
func (r *run) pass(fr *frame, components []*Component) bool {
	p := &settling{run: r, fr: fr, shown: map[string]bool{}}
	p.walk(components, false)
	for _, c := range p.dropped {
		if !p.shown[c.Path] {
			p.put(c, nil)
		}
	}
	return p.changed
}

type settling struct {
	*run
	fr      *frame
	shown   map[string]bool
	dropped []*Component // hidden by a condition, and the person's to write
	changed bool
}

func (p *settling) put(c *Component, v feel.Value) {
	if old, _ := find(p.fr.data, c.keys); !same(old, v) {
		p.fr.data = set(p.fr.data, c.keys, v)
		p.changed = true
	}
}

func (p *settling) walk(components []*Component, hidden bool) {
	for _, c := range components {
		hide := hidden || p.hidden(p.fr, c)
		switch {
		case c.Path != "" && !hide:
			p.shown[c.Path] = true
		case c.Path != "" && (c.Type == Expression || p.rights.of(c).writes()):
			p.dropped = append(p.dropped, c)
		}
		switch {
		case c.Type == DynamicList && !hide:
			p.rows(c)
		case c.Type == Expression && !hide:
			p.put(c, p.eval(p.fr, c, c.Compute))
		case c.Type != DynamicList:
			p.walk(c.Children, hide)
		}
	}
}

func (p *settling) rows(list *Component) {
	rows := rowsOf(p.fr.data, list)
	before := rowsOf(p.fr.old, list)
	settled, changed := make(feel.List, len(rows)), false
	for i, row := range rows {
		child := p.fr.child(list, i, rowAt(before, i), row)
		changed = p.pass(child, list.Children) || changed
		settled[i] = child.data
	}
	if changed {
		p.fr.data = set(p.fr.data, list.keys, settled)
		p.changed = true
	}
}
