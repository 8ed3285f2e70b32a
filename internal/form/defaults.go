package form

import (
	"time"

	"github.com/paceline/paceline/internal/feel"
)

// defaultValue takes a component's default, which has to be of the component's type.
func (p *parser) defaultValue(place string, c *Component, raw any) feel.Value {
	v := feel.From(raw)
	if v == nil || c.Type == Expression || c.Type == DynamicList {
		p.problem(place, RuleForm, "a %s cannot have this default", c.Type)
		return nil
	}
	if empty(v) {
		return nil
	}
	return v
}

// checkDefaults holds defaults against the types of their components, once all
// properties are read.
func (p *parser) checkDefaults() {
	for _, c := range p.form.fields {
		if c.Default == nil {
			continue
		}
		typed, rule, message := convert(c, c.Default)
		if rule != "" {
			p.problem(c.Place+".defaultValue", RuleType, "%s", message)
			continue
		}
		c.Default = typed
		if c.Options != nil && c.Options.known != nil {
			p.checkDefaultChoice(c)
		}
	}
}

func (p *parser) checkDefaultChoice(c *Component) {
	chosen, isList := c.Default.(feel.List)
	if !isList {
		chosen = feel.List{c.Default}
	}
	for _, v := range chosen {
		if key, _ := optionKey(v); !c.Options.known[key] {
			p.problem(c.Place+".defaultValue", RuleOption, "the default is not one of the choices")
		}
	}
}

// Defaults are the variables a new submission begins with: what is given, and beside it
// the default of every field that has no value yet, with computed fields worked out
// and values left out that a condition hides.
func (f *Form) Defaults(given feel.Vars, now time.Time) (feel.Vars, error) {
	r := &run{form: f}
	before := record(given)
	top := &frame{old: before, data: before, now: now}
	r.defaults(top)
	r.settle(top)
	if len(r.problems) > 0 {
		return nil, r.failure("the form's defaults cannot be worked out", "Correct the expressions of the form.")
	}
	vars := feel.Vars{}
	for i := range top.data.Len() {
		if e := top.data.At(i); e.Value != nil {
			vars[e.Name] = e.Value
		}
	}
	return vars, nil
}

func (r *run) defaults(fr *frame) {
	for _, c := range r.form.inFrame[fr.list] {
		if present, _ := find(fr.data, c.keys); present != nil {
			continue
		}
		switch {
		case c.Type == DynamicList:
			rows := make(feel.List, c.StartRows)
			for i := range rows {
				child := fr.child(c, i, feel.NewContext(), feel.NewContext())
				r.defaults(child)
				rows[i] = child.data
			}
			fr.data = set(fr.data, c.keys, rows)
		case c.Default != nil:
			fr.data = set(fr.data, c.keys, c.Default)
		}
	}
}
