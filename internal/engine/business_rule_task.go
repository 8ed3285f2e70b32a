package engine

import (
	"github.com/paceline/paceline/internal/bpmn"
	"github.com/paceline/paceline/internal/feel"
)

// A business-rule task whose decision is in the file is decided inside the transition
// (DMN 1.5); any other is work for a machine.
var businessRuleTask = &behaviour{enter: func(r *run, a *activation) error {
	w := a.node.Work
	switch {
	case w != nil && w.Script != nil:
		return r.evaluateWork(a)
	case w != nil && w.DecisionExpr != nil:
		id, err := r.evalString(a, w.DecisionExpr)
		if err != nil {
			return err
		}
		d := r.def.decision(id)
		if d == nil {
			return fail("the file has no decision %q", id)
		}
		return r.decideTask(a, d)
	case w == nil || w.Decision == "" || r.def.decision(w.Decision) == nil:
		return r.openJob(a)
	}
	return r.decideTask(a, r.def.decision(w.Decision))
}}

// decideTask takes a decision of the file and completes the task.
func (r *run) decideTask(a *activation, d *bpmn.Decision) error {
	w := a.node.Work
	value, err := r.decideAll(a, d)
	if err != nil {
		return err
	}
	if w.ResultVar != "" {
		r.assign(a, w.ResultVar, mapResult(d, w.MapResult, value))
	}
	r.complete(a)
	return nil
}

// mapResult gives a decision's result the form that a model asks for.
func mapResult(d *bpmn.Decision, form string, value feel.Value) feel.Value {
	rows, many := value.(feel.List)
	if !many && value != nil {
		rows = feel.List{value}
	}
	switch form {
	case "singleEntry", "singleResult":
		if len(rows) == 0 {
			return nil
		}
		if form == "singleResult" {
			return asResult(d, rows[0])
		}
		return rows[0]
	case "collectEntries":
		return rows
	case "resultList":
		results := make(feel.List, len(rows))
		for i, row := range rows {
			results[i] = asResult(d, row)
		}
		return results
	}
	return value
}

// asResult is one row as a context, also when the table has a single output.
func asResult(d *bpmn.Decision, row feel.Value) feel.Value {
	if d.Table == nil || len(d.Table.Outputs) != 1 {
		return row
	}
	return feel.NewContext(feel.Entry{Name: d.Table.Outputs[0].Name, Value: row})
}

func (def *Definition) decision(id string) *bpmn.Decision {
	for _, d := range def.file.Decisions {
		if d.ID == id {
			return d
		}
	}
	return nil
}
