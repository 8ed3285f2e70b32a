package bpmn

func (p *parser) rules(root *element) {}
