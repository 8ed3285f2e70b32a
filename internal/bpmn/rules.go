package bpmn

// rules checks what the standard asks of a file, beyond what the reading itself found.
// Each rule names its section of BPMN 2.0.2.
func (p *parser) rules(root *element) {
	if root.attr("targetNamespace") == "" {
		p.looser(root, "8.1.1", "give it one", "the definitions have no targetNamespace")
	}
	for _, process := range p.defs.Processes {
		if process.Global {
			continue
		}
		p.scopeRules(&process.Scope, nil)
		p.processRules(process)
	}
	p.callRules()
	p.treeRules(root)
	p.dataRules(root)
	p.collaborationRules(root)
}

func (p *parser) processRules(process *Process) {
	e := p.scopes[&process.Scope]
	if e.attr("processType") == "Public" {
		p.looser(e, "10.2", "make it Private or None", "a Public process cannot be executable")
	}
	if len(process.Nodes) == 0 {
		p.fail(e, "10.2", "add a start event and what follows", "the process has no nodes")
	}
}

// scopeRules checks the nodes and flows directly inside a process or sub-process.
func (p *parser) scopeRules(s *Scope, parent *Node) {
	p.startsAndEnds(s, parent)
	p.links(s)
	for _, f := range s.Flows {
		p.flowRules(f)
	}
	if !p.lenient {
		p.listRules(s)
	}
	p.triggers(s)
	starts, ends := len(ofKind(s, StartEvent)) > 0, len(ofKind(s, EndEvent)) > 0
	for _, n := range s.Nodes {
		e := p.source[n]
		p.connected(n, e, starts, ends)
		switch {
		case n.Kind.IsGateway():
			p.gatewayRules(n, e)
		case n.Kind.IsEvent():
			p.eventRules(n, e)
		default:
			p.activityRules(n, e)
		}
		if n.Inner != nil {
			p.subProcessRules(n, e)
			p.scopeRules(n.Inner, n)
		}
	}
}

// startsAndEnds checks that a scope has both or neither (BPMN 10.5.2, 10.5.3).
func (p *parser) startsAndEnds(s *Scope, parent *Node) {
	starts, ends := ofKind(s, StartEvent), ofKind(s, EndEvent)
	e := p.scopes[s]
	if len(starts) == 0 && len(ends) > 0 {
		p.looser(p.source[ends[0]], "10.5.3", "add a start event, or remove the end events", "there is an end event but no start event in this scope")
	}
	if len(ends) == 0 && len(starts) > 0 {
		p.looser(p.source[starts[0]], "10.5.2", "add an end event", "there is a start event but no end event in this scope")
	}
	none := 0
	for _, n := range starts {
		if len(p.definitionsOf(p.source[n])) == 0 {
			none++
		}
	}
	if none > 1 && (parent == nil || parent.Kind != EventSubProcess) {
		p.warn(e, "10.5.2", "keep one, or give the others triggers", "there are %d start events without a trigger; the first one is used", none)
	}
}

func ofKind(s *Scope, k Kind) []*Node {
	var found []*Node
	for _, n := range s.Nodes {
		if n.Kind == k {
			found = append(found, n)
		}
	}
	return found
}

// connected checks that a node can be reached and left (BPMN 10.5.2, 10.5.3): where a
// scope has a start event, every node has an incoming flow, but for those that start by
// themselves; where it has an end event, every node has an outgoing one.
func (p *parser) connected(n *Node, e *element, starts, ends bool) {
	standsApart := n.Kind == EventSubProcess || n.ForCompensation
	caught := n.Event != nil && (n.Event.Kind == LinkEvent || n.Event.Kind == CompensationEvent)
	switch n.Kind {
	case StartEvent:
		if len(n.In) > 0 {
			p.fail(e, "10.5.2", "remove the flow", "a start event has an incoming sequence flow")
		}
		if len(n.Out) == 0 {
			p.looser(e, "10.5.2", "connect it", "the start event has no outgoing sequence flow")
		}
		return
	case EndEvent:
		if len(n.Out) > 0 {
			p.fail(e, "10.5.3", "remove the flow", "an end event has an outgoing sequence flow")
		}
		if len(n.In) == 0 {
			p.looser(e, "10.5.3", "connect it", "the end event has no incoming sequence flow")
		}
		return
	case BoundaryEvent:
		return // boundaryRules
	}
	if intermediate := n.Kind == ThrowEvent || n.Kind == CatchEvent && !caught; intermediate && !p.lenient && (len(n.In) == 0 && !starts || len(n.Out) == 0 && !ends && !caught) {
		p.fail(e, "10.5.4", "connect it on both sides", "an intermediate event must have an incoming and an outgoing sequence flow, also where there are no start and end events")
	}
	if starts && len(n.In) == 0 && !standsApart && !n.Instantiate && !(n.Kind == CatchEvent && caught) {
		p.looser(e, "10.5.2", "connect it, or remove it", "the %s has no incoming sequence flow and is never reached", n.Tag)
	}
	if ends && len(n.Out) == 0 && !standsApart && !(n.Kind == ThrowEvent && caught) {
		p.looser(e, "10.5.3", "connect it to an end event", "the %s has no outgoing sequence flow although there are end events", n.Tag)
	}
}

// flowRules checks one sequence flow (BPMN 8.4.13).
func (p *parser) flowRules(f *Flow) {
	e := p.arrow[f]
	p.flowEnds(f, e)
	if isFalse(e.attr("isImmediate")) {
		p.looser(e, "8.4.13", "remove the attribute", "isImmediate=\"false\" is not allowed in an executable process")
	}
	if f.Condition == nil {
		return
	}
	switch from := f.From; {
	case from.Default == f:
		p.looser(e, "8.4.13", "remove the condition", "the default flow of %q has a condition", from.ID)
		f.Condition = nil
	case from.Kind == ParallelGateway:
		p.warn(e, "10.6.4", "remove the condition", "a condition behind a parallel gateway is ignored")
		f.Condition = nil
	case from.Kind == EventBasedGateway:
		p.looser(e, "10.6.6", "remove the condition", "a flow from an event-based gateway has a condition")
		f.Condition = nil
	case from.Kind.IsEvent():
		p.looser(e, "8.4.13", "put a gateway behind the event", "a conditional flow leaves an event")
	case from.Kind.IsActivity() && len(from.Out) == 1:
		p.looser(e, "8.4.13", "add a default flow", "the only flow that leaves %q has a condition", from.ID)
	}
}

func (p *parser) flowEnds(f *Flow, e *element) {
	for _, n := range []*Node{f.From, f.To} {
		if n.Kind == EventSubProcess {
			p.fail(e, "10.3.5", "remove the flow; the start event triggers it", "a sequence flow is connected to the event sub-process %q", n.ID)
		}
		if n.ForCompensation {
			p.fail(e, "10.7.2", "connect it to its boundary event by an association", "a sequence flow is connected to the compensation activity %q", n.ID)
		}
	}
	if f.To.Kind == BoundaryEvent {
		p.fail(e, "10.5.4", "remove the flow", "a sequence flow leads to the boundary event %q", f.To.ID)
	}
}

// listRules checks the lists of incoming and outgoing flows (BPMN 8.4.13) of a file that
// has them: both directions must tell the same.
func (p *parser) listRules(s *Scope) {
	for _, n := range s.Nodes {
		e := p.source[n]
		p.listed(e, "incoming", n.In)
		p.listed(e, "outgoing", n.Out)
	}
}

func (p *parser) listed(e *element, list string, flows []*Flow) {
	unlisted := make(map[string]bool, len(flows))
	for _, f := range flows {
		unlisted[f.ID] = true
	}
	for _, x := range e.children(list) {
		id := ref(x.trimmed())
		if _, known := unlisted[id]; !known {
			p.fail(x, "8.4.13", "correct the list", "%q is listed as %s but is no such flow", id, list)
		}
		unlisted[id] = false
	}
	for _, f := range flows {
		if unlisted[f.ID] {
			p.fail(e, "8.4.13", "list it", "the flow %q is not listed as %s", f.ID, list)
		}
	}
}
