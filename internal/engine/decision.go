package engine

import (
	"maps"
	"slices"

	"github.com/paceline/paceline/internal/bpmn"
	"github.com/paceline/paceline/internal/feel"
)

// maxDecisions bounds how many decisions one decision may lead to.
const maxDecisions = 100

// deciding is one evaluation of a decision with those it requires (DMN 1.5 chapter 8 and 10.4).
type deciding struct {
	r     *run
	at    *activation
	known feel.Vars // results so far, by the decision's name, id and variable
	open  map[string]bool
}

func (r *run) decideAll(a *activation, d *bpmn.Decision) (feel.Value, error) {
	x := &deciding{r: r, at: a, known: feel.Vars{}, open: map[string]bool{}}
	return x.decide(d)
}

func (x *deciding) decide(d *bpmn.Decision) (feel.Value, error) {
	if x.open[d.ID] || len(x.open) > maxDecisions {
		return nil, fail("the decision %s requires itself, or too many others", d.ID)
	}
	x.open[d.ID] = true
	for _, id := range d.Requires {
		need := x.r.def.decision(id)
		if need == nil {
			return nil, fail("the decision %s requires %s, which is not in the file", d.ID, id)
		}
		if _, done := x.known[need.ID]; done {
			continue
		}
		if _, err := x.decide(need); err != nil {
			return nil, err
		}
	}
	value, err := x.result(d)
	if err != nil {
		return nil, err
	}
	delete(x.open, d.ID)
	for _, name := range []string{d.ID, d.Name, d.ResultVar} {
		if name != "" {
			x.known[name] = value
		}
	}
	return value, nil
}

func (x *deciding) result(d *bpmn.Decision) (feel.Value, error) {
	switch {
	case d.Literal != nil:
		return x.r.evalWith(x.at, x.known, d.Literal)
	case d.Table != nil:
		return x.table(d)
	}
	return nil, fail("the decision %s has neither a table nor an expression", d.ID)
}

func (x *deciding) table(d *bpmn.Decision) (feel.Value, error) {
	t := d.Table
	inputs := make([]feel.Vars, len(t.Inputs))
	for i, in := range t.Inputs {
		value, err := x.input(in)
		if err != nil {
			return nil, err
		}
		inputs[i] = x.testing(value)
	}
	var hits []feel.List
	for _, rule := range t.Rules {
		hit, err := x.matches(rule, inputs)
		if err != nil {
			return nil, err
		}
		if !hit {
			continue
		}
		row := make(feel.List, len(rule.Then))
		for i, then := range rule.Then {
			if then == nil {
				continue
			}
			if row[i], err = x.cell(then, t.Outputs[i].Values); err != nil {
				return nil, err
			}
		}
		hits = append(hits, row)
		if t.HitPolicy == "F" {
			break
		}
	}
	return x.pick(d, hits)
}

// input evaluates the input of a column. Variables that came as JSON have text where the column has dates.
func (x *deciding) input(in bpmn.DecisionInput) (feel.Value, error) {
	value, err := x.r.evalWith(x.at, x.known, in.Expr)
	if err != nil {
		return nil, err
	}
	if text, ok := value.(string); ok && in.Temporal {
		if read, ok := feel.ParseTemporal(text); ok {
			value = read
		}
	}
	return x.allow(value, in.Values)
}

// cell evaluates what stands in an output column.
func (x *deciding) cell(expr, allowed *bpmn.Expression) (feel.Value, error) {
	value, err := x.r.evalWith(x.at, x.known, expr)
	if err != nil {
		return nil, err
	}
	return x.allow(value, allowed)
}

// allow is the value, or null when it is none of its column's allowed values.
func (x *deciding) allow(value feel.Value, allowed *bpmn.Expression) (feel.Value, error) {
	if value == nil || allowed == nil {
		return value, nil
	}
	passes, err := x.r.evalWith(x.at, x.testing(value), allowed)
	if err != nil || passes != true {
		return nil, err
	}
	return value, nil
}

// testing is what unary tests of a value see.
func (x *deciding) testing(value feel.Value) feel.Vars {
	vars := feel.Vars{"?": value}
	maps.Copy(vars, x.known)
	return vars
}

func (x *deciding) matches(rule bpmn.DecisionRule, inputs []feel.Vars) (bool, error) {
	for i, when := range rule.When {
		if when == nil {
			continue
		}
		hit, err := x.r.evalWith(x.at, inputs[i], when)
		if err != nil || hit != true {
			return false, err
		}
	}
	return true, nil
}

// pick applies the hit policy (DMN 1.5 section 8.2.8) to the outputs of the rules that matched.
func (x *deciding) pick(d *bpmn.Decision, hits []feel.List) (feel.Value, error) {
	t := d.Table
	if len(hits) == 0 {
		return x.fallback(t)
	}
	switch t.HitPolicy {
	case "U", "":
		if len(hits) > 1 {
			return nil, fail("%d rules of the decision %s match, where only one may", len(hits), d.ID)
		}
	case "A":
		for _, other := range hits[1:] {
			if !feel.Equal(other, hits[0]) {
				return nil, fail("rules of the decision %s match with different results", d.ID)
			}
		}
	case "P", "O":
		if err := x.rank(t, hits); err != nil {
			return nil, err
		}
	}
	switch t.HitPolicy {
	case "C", "R", "O":
		return x.collect(t, hits)
	}
	return shape(t, hits[0]), nil
}

// shape makes one result of a row: the value of a single output, else a context.
func shape(t *bpmn.DecisionTable, row feel.List) feel.Value {
	if len(row) == 1 {
		return row[0]
	}
	entries := make([]feel.Entry, len(row))
	for i, value := range row {
		entries[i] = feel.Entry{Name: t.Outputs[i].Name, Value: value}
	}
	return feel.NewContext(entries...)
}

// fallback is the result when no rule matches: the defaults, else no row where the hit policy collects rows.
func (x *deciding) fallback(t *bpmn.DecisionTable) (feel.Value, error) {
	row := make(feel.List, len(t.Outputs))
	given := false
	for i, out := range t.Outputs {
		if out.Default == nil {
			continue
		}
		given = true
		var err error
		if row[i], err = x.r.evalWith(x.at, x.known, out.Default); err != nil {
			return nil, err
		}
	}
	switch {
	case given:
		return shape(t, row), nil
	case t.HitPolicy == "C" || t.HitPolicy == "R" || t.HitPolicy == "O":
		return x.collect(t, nil)
	}
	return nil, nil
}

// rank sorts rows by the order of the outputs' allowed values, the first output first.
func (x *deciding) rank(t *bpmn.DecisionTable, hits []feel.List) error {
	orders := make([]feel.List, len(t.Outputs))
	for i, out := range t.Outputs {
		if out.Order == nil {
			continue
		}
		value, err := x.r.evalWith(x.at, nil, out.Order)
		if err != nil {
			return err
		}
		orders[i], _ = value.(feel.List)
	}
	slices.SortStableFunc(hits, func(a, b feel.List) int {
		for i, order := range orders {
			if c := place(order, a[i]) - place(order, b[i]); c != 0 {
				return c
			}
		}
		return 0
	})
	return nil
}

func place(order feel.List, value feel.Value) int {
	for i, v := range order {
		if feel.Equal(v, value) {
			return i
		}
	}
	return len(order)
}

var aggregations = map[string]string{"SUM": "sum(rows)", "MIN": "min(rows)", "MAX": "max(rows)", "COUNT": "count(rows)"}

func (x *deciding) collect(t *bpmn.DecisionTable, hits []feel.List) (feel.Value, error) {
	rows := make(feel.List, len(hits))
	for i, row := range hits {
		rows[i] = shape(t, row)
	}
	source, aggregated := aggregations[t.Aggregation]
	if !aggregated || t.HitPolicy != "C" {
		return rows, nil
	}
	sum, err := feel.Compile(source)
	if err != nil {
		return nil, err
	}
	return sum.Eval(feel.Vars{"rows": rows})
}
