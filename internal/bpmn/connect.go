package bpmn

import (
	"slices"
	"strconv"
)

// connect resolves the references between the nodes of a scope and of those inside it.
func (p *parser) connect(s *Scope) {
	e := p.scopes[s]
	for _, k := range e.children("sequenceFlow") {
		p.connectFlow(k, s)
	}
	s.Flows = slices.DeleteFunc(s.Flows, func(f *Flow) bool { return f.From == nil || f.To == nil || p.home[f.From] != s })
	for _, n := range s.Nodes {
		p.connectNode(n)
		if n.Inner != nil {
			p.connect(n.Inner)
		}
	}
}

func (p *parser) connectFlow(e *element, s *Scope) {
	f := p.flowAt[e]
	f.From, f.To = p.flowEnd(e, "sourceRef"), p.flowEnd(e, "targetRef")
	if f.From == nil || f.To == nil || !p.sameScope(f, e, s) {
		f.From = nil
		return
	}
	if f.ID == "" {
		p.nameFlow(f, e)
	}
	f.From.Out = append(f.From.Out, f)
	f.To.In = append(f.To.In, f)
	p.noListeners(e)
	if c := e.child("conditionExpression"); c != nil && (c.trimmed() != "" || !p.lenient) {
		f.Condition = p.condition(c)
	}
	if skips := p.skip(e, conditionOf(f)); skips != nil {
		f.Condition = skips
	}
}

func conditionOf(f *Flow) string {
	if f.Condition == nil {
		return "true"
	}
	return f.Condition.Source
}

// nameFlow gives an id to a flow that has none, as hand-written models leave it out.
func (p *parser) nameFlow(f *Flow, e *element) {
	if !p.lenient {
		p.fail(e, "8.3.1", "give it an id", "the sequence flow has no id")
	}
	name := f.From.ID + "-" + f.To.ID
	for f.ID = name; p.ids[f.ID] != nil; {
		p.flowNames[name]++
		f.ID = name + "-" + strconv.Itoa(p.flowNames[name]+1)
	}
	p.ids[f.ID] = e
}

// sameScope checks that a flow connects two nodes of its own scope, so that none crosses
// the border of a process or sub-process. A flow that was written into another scope than
// its nodes is moved to them.
func (p *parser) sameScope(f *Flow, e *element, s *Scope) bool {
	home := p.home[f.From]
	if home != p.home[f.To] {
		p.fail(e, "7.6.1", "use an event, or a message flow between pools",
			"the sequence flow crosses the border of a process or sub-process: %q and %q are not in the same one", f.From.ID, f.To.ID)
		return false
	}
	if home != s {
		p.looser(e, "7.6.1", "move it to its nodes", "the sequence flow stands outside the sub-process of its nodes")
		home.Flows = append(home.Flows, f)
	}
	return true
}

// flowEnd resolves one end of a sequence flow.
func (p *parser) flowEnd(e *element, end string) *Node {
	id := ref(e.attr(end))
	if id == "" {
		p.fail(e, "8.4.13", "name the node", "the sequence flow has no %s", end)
		return nil
	}
	n := p.nodes[id]
	if n == nil {
		what := "which does not exist"
		if other := p.ids[id]; other != nil {
			what = "a " + other.name + ", which is no activity, gateway or event"
		}
		p.fail(e, "8.4.13", "connect it to a node of the same process", "the %s of the sequence flow is %q, %s", end, id, what)
	}
	return n
}

func (p *parser) connectNode(n *Node) {
	e := p.source[n]
	if id := ref(e.attr("default")); id != "" {
		for _, f := range n.Out {
			if f.ID == id {
				n.Default = f
			}
		}
		if n.Default == nil {
			p.fail(e, "8.4.13", "name one of the outgoing flows", "the default flow %q does not leave this element", id)
		}
	}
	if n.Kind == BoundaryEvent {
		n.Interrupting = !isFalse(e.attr("cancelActivity"))
		p.attach(n, e)
	}
	if n.Kind == StartEvent && n.Parent != nil && n.Parent.Kind == EventSubProcess {
		n.Interrupting = !isFalse(e.attr("isInterrupting"))
	}
}

func (p *parser) attach(n *Node, e *element) {
	id := ref(e.attr("attachedToRef"))
	to := p.nodes[id]
	switch {
	case to == nil:
		p.fail(e, "10.5.4", "name the activity in attachedToRef", "the boundary event is attached to %q, which does not exist", id)
	case !to.Kind.IsActivity() || to.Kind == EventSubProcess:
		p.fail(e, "10.5.4", "attach it to a task, call activity or sub-process", "the boundary event is attached to %q, a %s", id, to.Tag)
	case p.source[to].parent != e.parent:
		p.fail(e, "10.5.4", "attach it to an activity of the same scope", "the boundary event is attached to %q, which is in another scope", id)
	default:
		n.AttachedTo = to
		to.Boundary = append(to.Boundary, n)
	}
}

// associate finds the compensation activities: an association leads to each from a
// compensation boundary event (BPMN 10.7.2).
func (p *parser) associate(e *element) {
	for _, k := range e.kids {
		if k.is("association") {
			from, to := p.nodes[ref(k.attr("sourceRef"))], p.nodes[ref(k.attr("targetRef"))]
			if from != nil && from.Kind != BoundaryEvent {
				from, to = to, from
			}
			p.compensate(k, from, to)
		}
		if k.space == nsBPMN {
			p.associate(k)
		}
	}
}

func (p *parser) compensate(k *element, from, to *Node) {
	if from == nil || to == nil || from.Kind != BoundaryEvent || from.AttachedTo == nil || !to.Kind.IsActivity() {
		return
	}
	isForCompensation := isTrue(p.source[to].attr("isForCompensation"))
	switch {
	case !p.compensates(from):
		return
	case !isForCompensation:
		p.fail(k, "10.7.2", "set isForCompensation=\"true\"", "the compensation activity %q is not marked as one", to.ID)
	}
	if other := from.AttachedTo.CompensatedBy; other != nil && other != to {
		p.looser(k, "10.7.2", "keep one, or make a sub-process of them", "%q has a second compensation activity", from.AttachedTo.ID)
		return
	}
	from.AttachedTo.CompensatedBy = to
}

func (p *parser) compensates(n *Node) bool {
	for _, x := range p.definitionsOf(p.source[n]) {
		if x.is("compensateEventDefinition") {
			return true
		}
	}
	return false
}
