package bpmn

import (
	"slices"
	"strings"
)

// plainTypes are the local names of the schema types whose values are written as FEEL writes them.
var plainTypes = []string{"int", "integer", "long", "short", "float", "double", "decimal", "boolean"}

// dataObjects reads the values that vendor models give to the data objects of a process or
// sub-process (BPMN 10.4.1 has the objects, but no values): they are variables of it from its
// beginning.
func (p *parser) dataObjects(e *element) []Mapping {
	var values []Mapping
	for _, object := range e.children("dataObject") {
		x := object.extension("value", nsVendor...)
		if x == nil {
			continue
		}
		text := x.trimmed()
		source := quote(text)
		if _, kind, _ := strings.Cut(object.attr("itemSubjectRef"), ":"); slices.Contains(plainTypes, kind) {
			source = text
		}
		if value := p.compile(x, text, source, Warning); value != nil {
			values = append(values, Mapping{Source: value, Target: firstOf(object.attr("name"), object.attr("id"))})
		}
	}
	return values
}
