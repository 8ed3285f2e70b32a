package engine

import (
	"slices"

	"github.com/paceline/paceline/internal/bpmn"
)

// An ad-hoc sub-process runs the activities inside it without an order of its own, all at
// once or one after the other, until its completion condition holds or nothing is left (BPMN 13.3.5).
var adHocSubProcess = &behaviour{
	enter:   enterAdHoc,
	emptied: func(r *run, scope *activation) { r.nextAdHoc(scope) },
}

func enterAdHoc(r *run, a *activation) error {
	begin, err := r.adHocStarts(a)
	if err != nil {
		return err
	}
	if err := r.openScope(a); err != nil {
		return err
	}
	if a.node.AdHoc != nil && a.node.AdHoc.Sequential {
		a.later = begin
		r.nextAdHoc(a)
		return nil
	}
	for _, id := range begin {
		r.place(r.def.nodes[id], a)
	}
	if len(begin) == 0 {
		r.complete(a)
	}
	return nil
}

// adHocStarts lists the elements to start with: those that the model names, else all without incoming
// flow.
func (r *run) adHocStarts(a *activation) ([]string, error) {
	if adHoc := a.node.AdHoc; adHoc != nil && adHoc.Active != nil {
		ids, err := r.evalStrings(a, adHoc.Active)
		if err != nil {
			return nil, err
		}
		for _, id := range ids {
			if n := r.def.nodes[id]; n == nil || n.scope != a.node {
				return nil, fail("there is no %q in this ad-hoc sub-process", id)
			}
		}
		return ids, nil
	}
	var ids []string
	for _, n := range a.node.starts {
		ids = append(ids, n.ID)
	}
	return ids, nil
}

func (r *run) nextAdHoc(scope *activation) {
	if len(scope.later) == 0 || scope.taken {
		r.complete(scope)
		return
	}
	next := scope.later[0]
	scope.later = scope.later[1:]
	r.place(r.def.nodes[next], scope)
}

// doneInAdHoc is called when an activity directly inside an ad-hoc sub-process has completed. It
// reports whether the completion condition ends the sub-process.
func (r *run) doneInAdHoc(a *activation) (bool, error) {
	scope := a.up
	if scope == nil || scope.node.Kind != bpmn.AdHocSubProcess || scope.node.AdHoc == nil || scope.node.AdHoc.Completion == nil {
		return false, nil
	}
	return r.holds(scope, scope.node.AdHoc.Completion)
}

// closeAdHoc ends an ad-hoc sub-process whose completion condition holds.
func (r *run) closeAdHoc(scope, last *activation) {
	scope.later = slices.Clip(scope.later[:0])
	if scope.node.AdHoc.CancelRemaining {
		r.cancelInside(scope, last)
	}
}
