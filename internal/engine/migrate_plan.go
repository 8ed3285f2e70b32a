package engine

import (
	"fmt"
	"maps"
	"slices"

	"github.com/paceline/paceline/internal/bpmn"
)

// Plan says where the elements of a definition are in another one that instances migrate to.
type Plan struct {
	// Map gives elements and sequence flows of the old definition their id in the new one. What it does
	// not name keeps its id; a flow that has none of its id is the one flow between the same elements.
	// An element without a counterpart, or mapped to "", is one that nothing can wait at any more.
	Map map[string]string
	// Renew names events of the new definition that are armed again from the new model. Others keep the
	// due time, or the name and correlation key, that they were armed with.
	Renew []string
}

// Fit is what becomes of one element in a migration.
type Fit struct {
	From, Name, Tag string
	To              string // empty: nowhere
	Why             string // what waits here cannot follow; empty: it can
	Chosen          bool   // by Plan.Map
}

// Fits lists what a plan makes of the elements of a definition, in order of the file.
func (p Plan) Fits(from, to *Definition) []Fit {
	m := newMapping(from, to, p)
	var all []Fit
	var add func(scope *node)
	add = func(scope *node) {
		for _, n := range scope.inner {
			f := Fit{From: n.ID, Name: n.Name, Tag: n.Tag}
			_, f.Chosen = p.Map[n.ID]
			if image, err := m.image(n); err != nil {
				f.Why = err.Error()
			} else {
				f.To = image.ID
			}
			all = append(all, f)
			add(n)
		}
	}
	add(from.root)
	return all
}

// Check finds what is wrong with the choices of a plan: ids that are not there, and elements that do not
// fit each other.
func (p Plan) Check(from, to *Definition) (problems []string) {
	m := newMapping(from, to, p)
	for _, id := range slices.Sorted(maps.Keys(p.Map)) {
		n, f := from.nodes[id], from.flows[id]
		switch {
		case n != nil && p.Map[id] != "":
			if _, err := m.image(n); err != nil {
				problems = append(problems, id+": "+err.Error())
			}
		case f != nil:
			if _, err := m.flow(f); err != nil {
				problems = append(problems, id+": "+err.Error())
			}
		case n == nil:
			problems = append(problems, id+": the old version has no such element")
		}
	}
	for _, id := range p.Renew {
		if n := to.nodes[id]; n == nil || n.Event == nil || !armable[n.Event.Kind] {
			problems = append(problems, id+": the new version has no such event that waits for something")
		}
	}
	return problems
}

// mapping is a plan between two definitions, worked out as far as it was asked.
type mapping struct {
	Plan
	from, to *Definition
	images   map[*node]imaged
}

type imaged struct {
	n   *node
	why error
}

func newMapping(from, to *Definition, p Plan) *mapping {
	return &mapping{Plan: p, from: from, to: to, images: map[*node]imaged{from.root: {n: to.root}}}
}

// image finds the counterpart of an element, which has the same kind and is in the counterpart of the scope.
func (m *mapping) image(n *node) (*node, error) {
	if known, ok := m.images[n]; ok {
		return known.n, known.why
	}
	to, err := m.find(n)
	m.images[n] = imaged{to, err}
	return to, err
}

func (m *mapping) find(n *node) (*node, error) {
	id, chosen := m.Map[n.ID]
	if !chosen {
		id = n.ID
	}
	to := m.to.nodes[id]
	switch {
	case id == "":
		return nil, fmt.Errorf("the plan leads it nowhere")
	case to == nil:
		return nil, fmt.Errorf("the new version has no element %q", id)
	}
	scope, err := m.image(n.scope)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s, which it is in, cannot follow: %w", n.scope.ID, err)
	case to.scope != scope:
		return nil, fmt.Errorf("%s is in %s in the new version, not in %s", id, to.scope.ID, scope.ID)
	}
	if err := sameKind(n, to); err != nil {
		return nil, err
	}
	if n.host != nil {
		if host, err := m.image(n.host); err != nil || host != to.host {
			return nil, fmt.Errorf("%s is attached to %s in the new version", id, to.host.ID)
		}
	}
	return to, nil
}

// sameKind says why what waits at one element could not wait at the other.
func sameKind(a, b *node) error {
	switch {
	case a.Kind != b.Kind:
		return fmt.Errorf("%s is a %s in the new version, not a %s", b.ID, b.Tag, a.Tag)
	case eventKind(a) != eventKind(b):
		return fmt.Errorf("%s waits for something else in the new version", b.ID)
	case loopShape(a.Loop) != loopShape(b.Loop):
		return fmt.Errorf("%s is %s in the new version, not %s", b.ID, loopShape(b.Loop), loopShape(a.Loop))
	case max(1, a.StartQuantity) != max(1, b.StartQuantity):
		return fmt.Errorf("%s takes another number of tokens in the new version", b.ID)
	case a.ForCompensation != b.ForCompensation:
		return fmt.Errorf("%s is for compensation in one version only", b.ID)
	}
	return nil
}

func eventKind(n *node) bpmn.EventKind {
	if n.Event == nil {
		return 0
	}
	return n.Event.Kind
}

func loopShape(l *bpmn.Loop) string {
	switch {
	case l == nil:
		return "done once"
	case l.Standard:
		return "a loop"
	case l.Approval != nil:
		return "an approval"
	case l.Sequential:
		return "done one after the other"
	}
	return "done all at once"
}

// flow finds the counterpart of a sequence flow.
func (m *mapping) flow(f *flow) (*flow, error) {
	from, err := m.image(f.from)
	if err != nil {
		return nil, err
	}
	to, err := m.image(f.to)
	if err != nil {
		return nil, err
	}
	id, chosen := m.Map[f.ID]
	if !chosen {
		id = f.ID
	}
	if g := m.to.flows[id]; g != nil && g.to == to && (chosen || g.from == from) {
		return g, nil
	}
	if chosen {
		return nil, fmt.Errorf("the new version has no flow %q to %s", id, to.ID)
	}
	var found *flow
	for _, g := range to.in {
		if g.from == from {
			if found != nil {
				return nil, fmt.Errorf("several flows lead from %s to %s in the new version; the plan has to say which", from.ID, to.ID)
			}
			found = g
		}
	}
	if found == nil {
		return nil, fmt.Errorf("no flow leads from %s to %s in the new version", from.ID, to.ID)
	}
	return found, nil
}

// Has reports whether the process has an element or a sequence flow of the id.
func (def *Definition) Has(id string) bool { return def.nodes[id] != nil || def.flows[id] != nil }
