package bpmn

// collaborationRules checks pools and message flows (BPMN 9.3, 9.4). They describe; only
// the processes run.
func (p *parser) collaborationRules(root *element) {
	for _, c := range root.children("collaboration") {
		for _, x := range c.children("participant") {
			id := ref(x.attr("processRef"))
			if target := p.ids[id]; id != "" && (target == nil || !target.is("process")) {
				p.looser(x, "9.3", "name a process of the file", "the process %q of the pool does not exist", id)
			}
		}
		for _, f := range c.children("messageFlow") {
			p.messageFlow(f)
		}
	}
}

func (p *parser) messageFlow(f *element) {
	source, target := p.flowPoint(f, "sourceRef"), p.flowPoint(f, "targetRef")
	if source == nil || target == nil {
		return
	}
	if pool := p.poolOf(source); pool != nil && pool == p.poolOf(target) || source == target {
		p.looser(f, "9.4", "use a sequence flow inside a pool", "the message flow does not connect two pools")
	}
	switch {
	case source.is("startEvent") || source.is("intermediateCatchEvent") || source.is("boundaryEvent"):
		p.looser(f, "9.4", "let it start at a throwing event, task or pool", "a message flow starts at a catching event")
	case target.is("endEvent") || target.is("intermediateThrowEvent"):
		p.looser(f, "9.4", "let it end at a catching event, task or pool", "a message flow ends at a throwing event")
	case kinds[source.name].IsGateway() || kinds[target.name].IsGateway():
		p.looser(f, "9.4", "connect events, tasks or pools", "a message flow is connected to a gateway")
	}
	for _, end := range []*element{source, target} {
		if kinds[end.name].IsEvent() && !p.hasMessage(end) {
			p.looser(f, "9.4", "give the event a message", "a message flow is connected to the event %q, which has no message", end.attr("id"))
		}
	}
}

// flowPoint resolves one end of a message flow: a pool, activity or event.
func (p *parser) flowPoint(f *element, attr string) *element {
	id := ref(f.attr(attr))
	e := p.ids[id]
	switch {
	case e == nil:
		p.looser(f, "9.4", "name a pool, activity or event", "the %s %q of the message flow does not exist", attr, id)
		return nil
	case e.is("participant") || kinds[e.name] != 0:
		return e
	}
	p.looser(f, "9.4", "name a pool, activity or event", "the %s %q of the message flow is a %s", attr, id, e.name)
	return nil
}

// poolOf is the process of a pool or of a node in it; of a pool without a process, the
// pool itself.
func (p *parser) poolOf(e *element) *element {
	if e.is("participant") {
		if process := p.ids[ref(e.attr("processRef"))]; process != nil {
			return process
		}
		return e
	}
	for e != nil && !e.is("process") {
		e = e.parent
	}
	return e
}

func (p *parser) hasMessage(e *element) bool {
	for _, x := range p.definitionsOf(e) {
		if x.is("messageEventDefinition") {
			return true
		}
	}
	return false
}
