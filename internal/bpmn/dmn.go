package bpmn

import "slices"

// decisions reads the DMN decisions that stand directly in root.
func (p *parser) decisions(root *element) {
	for _, e := range root.kids {
		if !slices.Contains(nsDMN, e.space) {
			continue
		}
		if e.name == "definitions" {
			p.decisions(e)
		}
	}
}
