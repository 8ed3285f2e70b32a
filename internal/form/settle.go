package form

import "github.com/paceline/paceline/internal/feel"

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
