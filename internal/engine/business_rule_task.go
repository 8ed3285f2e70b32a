package engine

import "github.com/paceline/paceline/internal/bpmn"

// A business-rule task whose decision is in the file is decided inside the transition
// (DMN 1.5); any other is work for a machine.
var businessRuleTask = &behaviour{enter: func(r *run, a *activation) error {
	w := a.node.Work
	switch {
	case w != nil && w.Script != nil:
		return r.evaluateWork(a)
	case w == nil || w.Decision == "" || r.def.decision(w.Decision) == nil:
		return r.openJob(a)
	}
	d := r.def.decision(w.Decision)
	value, err := r.decideAll(a, d)
	if err != nil {
		return err
	}
	if w.ResultVar != "" {
		r.assign(a, w.ResultVar, value)
	}
	r.complete(a)
	return nil
}}

func (def *Definition) decision(id string) *bpmn.Decision {
	for _, d := range def.file.Decisions {
		if d.ID == id {
			return d
		}
	}
	return nil
}
