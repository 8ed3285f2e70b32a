package bpmn

// gatewayRules checks one gateway (BPMN 10.6).
func (p *parser) gatewayRules(n *Node, e *element) {
	if n.Kind == ComplexGateway {
		p.fail(e, "10.6.5", "use exclusive, inclusive or parallel gateways, or a multi-instance activity with a completion condition", "complex gateways are not supported")
	}
	if n.Default != nil && (n.Kind == ParallelGateway || n.Kind == EventBasedGateway) {
		p.looser(e, "8.4.13", "remove the attribute", "a %s has no default flow", n.Tag)
		n.Default = nil
	}
	p.direction(n, e)
	if n.Kind == EventBasedGateway {
		p.eventGateway(n, e)
	} else if len(n.In) < 2 && len(n.Out) < 2 {
		p.looser(e, "10.6.1", "remove the gateway, or connect it", "the gateway has neither several incoming nor several outgoing flows")
	}
}

// direction checks gatewayDirection (BPMN 8.4.9).
func (p *parser) direction(n *Node, e *element) {
	switch way := e.attr("gatewayDirection"); {
	case way == "Converging" && len(n.Out) > 1:
		p.looser(e, "8.4.9", "make it Mixed, or split it in two", "a converging gateway has %d outgoing flows", len(n.Out))
	case way == "Diverging" && len(n.In) > 1:
		p.looser(e, "8.4.9", "make it Mixed, or split it in two", "a diverging gateway has %d incoming flows", len(n.In))
	case way == "Mixed" && (len(n.In) < 2 || len(n.Out) < 2):
		p.looser(e, "8.4.9", "make it Converging or Diverging", "a mixed gateway has %d incoming and %d outgoing flows", len(n.In), len(n.Out))
	}
}

// eventGateway checks the configuration behind an event-based gateway (BPMN 10.6.6).
func (p *parser) eventGateway(n *Node, e *element) {
	if e.attr("eventGatewayType") == "Parallel" {
		p.fail(e, "10.6.6", "use an exclusive event-based gateway", "parallel event-based gateways are not supported")
	}
	if n.Instantiate && len(n.In) > 0 {
		p.looser(e, "10.6.6", "remove the incoming flows, or instantiate", "an event-based gateway that starts the process has incoming flows")
	}
	if len(n.Out) < 2 {
		p.looser(e, "10.6.6", "connect two or more events", "an event-based gateway has %d outgoing flows", len(n.Out))
	}
	var messages, receives bool
	for _, f := range n.Out {
		to := f.To
		at := p.source[to]
		switch {
		case to.Kind == ReceiveTask:
			receives = true
			if len(to.Boundary) > 0 {
				p.looser(at, "10.6.6", "remove the boundary events", "a receive task behind an event-based gateway has boundary events")
			}
		case to.Kind == CatchEvent && to.Event != nil && gatewayTriggers[to.Event.Kind]:
			messages = messages || to.Event.Kind == MessageEvent
		default:
			p.fail(p.arrow[f], "10.6.6", "connect it to a message, signal, timer or conditional catch event or a receive task",
				"the event-based gateway leads to %q, a %s", to.ID, to.Tag)
		}
		if len(to.In) > 1 {
			p.looser(at, "10.6.6", "remove the other flows", "an event behind an event-based gateway has other incoming flows")
		}
	}
	if messages && receives {
		p.looser(e, "10.6.6", "use message events or receive tasks, not both", "message events and receive tasks are mixed behind an event-based gateway")
	}
}

var gatewayTriggers = map[EventKind]bool{MessageEvent: true, SignalEvent: true, TimerEvent: true, ConditionalEvent: true}
