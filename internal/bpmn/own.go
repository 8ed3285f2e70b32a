package bpmn

import (
	"slices"
	"strings"
)

// ownAttributes are those of our namespace, on whatever element.
var ownAttributes = []string{
	"assignee", "assignment", "businessKey", "calendar", "candidateGroups", "candidateStarter", "candidateStarters", "candidateUsers",
	"correlationKey", "decision", "due", "followUp", "form", "initiator", "outcomes", "priority", "result", "retries", "returnable", "type", "version",
}

// ownElements are those of our namespace, each with its attributes.
var ownElements = map[string][]string{
	"approval":   {"mode", "rule", "reject", "returned", "expand", "early", "agree", "disagree", "abstain", "result"},
	"voter":      {"is", "weight", "veto"},
	"policy":     {"when", "do", "to", "outcome"},
	"sla":        {"due", "calendar", "each"},
	"level":      {"before", "after", "do", "to", "outcome"},
	"cc":         {"to", "at"},
	"field":      {"key", "right"},
	"header":     {"key", "value"},
	"input":      {"source", "target", "all"},
	"output":     {"source", "target", "all"},
	"loop":       {"inputCollection", "inputElement", "outputCollection", "outputElement"},
	"property":   {"name", "value"},
	"properties": {},
}

// ownNames warns of names in our namespace that mean nothing, since a slip of the pen there would be ignored in
// silence.
func (p *parser) ownNames(e *element) {
	var attributes []string
	if e.space == nsPaceline {
		known := false
		if attributes, known = ownElements[e.name]; !known {
			p.warn(e, "", likeliest(e.name, ownElementNames()), "there is no paceline:%s; it is ignored", e.name)
			return
		}
	}
	for _, a := range e.attrs {
		name := a.Name.Local
		switch {
		case a.Name.Space == nsPaceline && !slices.Contains(ownAttributes, name):
			p.warn(e, "", likeliest(name, ownAttributes), "there is no attribute paceline:%s; it is ignored", name)
		case a.Name.Space == "" && e.space == nsPaceline && name != "xmlns" && name != "id" && !slices.Contains(attributes, name):
			p.warn(e, "", likeliest(name, attributes), "paceline:%s has no attribute %s; it is ignored", e.name, name)
		}
	}
	for _, k := range e.kids {
		p.ownNames(k)
	}
}

func ownElementNames() []string {
	names := make([]string, 0, len(ownElements))
	for name := range ownElements {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// likeliest is the cure for a wrong name: the known one that has the same letters or the same beginning, else all.
func likeliest(name string, known []string) string {
	letters := func(s string) string {
		sorted := []rune(strings.ToLower(s))
		slices.Sort(sorted)
		return string(sorted)
	}
	for _, k := range known {
		if letters(k) == letters(name) || len(name) > 2 && strings.HasPrefix(k, name[:len(name)-1]) {
			return "write " + k
		}
	}
	if len(known) == 0 {
		return "remove it"
	}
	return "use one of " + strings.Join(known, ", ")
}
