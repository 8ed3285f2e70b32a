package bpmn

import (
	"slices"
	"strings"
)

// position is where an event stands; it decides which triggers are allowed.
type position struct {
	name    string
	section string
	kinds   []EventKind
	none    bool // may stand without a trigger
}

// The positions of table 10.93.
var (
	topStart     = position{"the start event of a process", "10.5.2", []EventKind{MessageEvent, TimerEvent, ConditionalEvent, SignalEvent}, true}
	innerStart   = position{"the start event of a sub-process", "10.5.2", nil, true}
	triggerStart = position{"the start event of an event sub-process", "10.5.2", []EventKind{MessageEvent, TimerEvent, EscalationEvent, ErrorEvent, CompensationEvent, ConditionalEvent, SignalEvent, VariableEvent}, false}
	catching     = position{"an intermediate catch event", "10.5.4", []EventKind{MessageEvent, TimerEvent, ConditionalEvent, LinkEvent, SignalEvent, VariableEvent}, false}
	boundary     = position{"a boundary event", "10.5.4", []EventKind{MessageEvent, TimerEvent, EscalationEvent, ErrorEvent, CancelEvent, CompensationEvent, ConditionalEvent, SignalEvent, VariableEvent}, false}
	throwing     = position{"an intermediate throw event", "10.5.4", []EventKind{MessageEvent, EscalationEvent, LinkEvent, CompensationEvent, SignalEvent}, true}
	ending       = position{"an end event", "10.5.3", []EventKind{MessageEvent, EscalationEvent, ErrorEvent, CancelEvent, CompensationEvent, SignalEvent, TerminateEvent}, true}
)

func positionOf(n *Node) position {
	switch {
	case n.Kind == CatchEvent:
		return catching
	case n.Kind == BoundaryEvent:
		return boundary
	case n.Kind == ThrowEvent:
		return throwing
	case n.Kind == EndEvent:
		return ending
	case n.Parent == nil:
		return topStart
	case n.Parent.Kind == EventSubProcess:
		return triggerStart
	}
	return innerStart
}

// eventRules checks one event: its trigger and what the trigger needs.
func (p *parser) eventRules(n *Node, e *element) {
	at := positionOf(n)
	all := p.definitionsOf(e)
	if len(all) == 0 && !at.none && n.Event == nil {
		p.fail(e, at.section, "give it a trigger: "+kindList(at.kinds), "%s needs a trigger", at.name)
	}
	for _, x := range all {
		if kind := eventTags[x.name]; !slices.Contains(at.kinds, kind) {
			cure := "use one of: " + kindList(at.kinds)
			if len(at.kinds) == 0 {
				cure = "remove the trigger, or make it an event sub-process"
			}
			p.fail(x, at.section, cure, "a %s event is not allowed as %s", kind, at.name)
		}
		p.triggerRules(n, x)
	}
	if n.Kind == BoundaryEvent {
		p.boundaryRules(n, e)
	}
	if n.Kind == StartEvent && n.Event != nil && !n.Interrupting && mustInterrupt(n.Event.Kind) && n.Parent != nil {
		p.looser(e, "10.5.2", "set isInterrupting=\"true\"", "a start event with a trigger of kind %s always interrupts", n.Event.Kind)
		n.Interrupting = true
	}
}

func kindList(kinds []EventKind) string {
	var names []string
	for _, k := range kinds {
		if k != VariableEvent { // not of the standard
			names = append(names, k.String())
		}
	}
	return strings.Join(names, ", ")
}

func mustInterrupt(k EventKind) bool {
	return k == ErrorEvent || k == CompensationEvent || k == CancelEvent
}

func (p *parser) boundaryRules(n *Node, e *element) {
	if n.Event == nil {
		return
	}
	kind := n.Event.Kind
	if !n.Interrupting && mustInterrupt(kind) {
		p.looser(e, "10.5.4", "remove cancelActivity=\"false\"", "a boundary event with a trigger of kind %s always interrupts", kind)
		n.Interrupting = true
	}
	if kind == CancelEvent && n.AttachedTo != nil && n.AttachedTo.Kind != Transaction {
		p.fail(e, "10.5.4", "attach it to a transaction", "a cancel boundary event is attached to %q, which is no transaction", n.AttachedTo.ID)
	}
	switch {
	case kind != CompensationEvent && len(n.Out) == 0:
		p.looser(e, "10.5.4", "connect it", "the boundary event has no outgoing sequence flow")
	case kind == CompensationEvent && len(n.Out) > 0:
		p.looser(e, "10.5.4", "connect it to the compensation activity by an association", "a compensation boundary event has an outgoing sequence flow")
	case kind == CompensationEvent && n.AttachedTo != nil && n.AttachedTo.CompensatedBy == nil:
		p.looser(e, "10.7.2", "connect it by an association to an activity with isForCompensation=\"true\"", "the compensation boundary event has no compensation activity")
	}
}

// triggerRules checks that an event definition names what it needs when it runs.
func (p *parser) triggerRules(n *Node, x *element) {
	throws := n.Kind == ThrowEvent || n.Kind == EndEvent
	switch eventTags[x.name] {
	case MessageEvent:
		p.messageRules(n, x, throws)
	case SignalEvent:
		if x.attr("signalRef") == "" && n.Event.NameExpr == nil {
			p.fail(x, "10.5.5", "name a signal in signalRef", "the signal event names no signal")
		}
	case ErrorEvent:
		if throws && n.Event.Name == "" && n.Event.NameExpr == nil {
			p.fail(x, "10.5.5", "name an error that has an errorCode", "the error end event has no error code")
		}
	case EscalationEvent:
		if throws && n.Event.Name == "" && n.Event.NameExpr == nil {
			p.fail(x, "10.5.5", "name an escalation that has an escalationCode", "the escalation that is thrown has no code")
		}
	case ConditionalEvent:
		if x.child("condition") == nil {
			p.fail(x, "10.5.5", "write the condition", "the conditional event has no condition")
		}
	case CancelEvent:
		if n.Kind == EndEvent && !insideTransaction(n) {
			p.fail(x, "10.5.3", "use it inside a transaction", "a cancel end event is not inside a transaction")
		}
	}
	if throws && p.referred[x] && x.parent == p.source[n] {
		p.looser(x, "10.5.1", "define it in the definitions, or do not refer to it", "an event definition that belongs to a throwing event is used by another event")
	}
}

func (p *parser) messageRules(n *Node, x *element, throws bool) {
	named := x.attr("messageRef") != "" || n.Event.NameExpr != nil || n.Event.Name != ""
	switch {
	case !named && throws:
		p.looser(x, "10.5.5", "name a message in messageRef", "the message event names no message")
	case !named:
		p.fail(x, "10.5.5", "name a message in messageRef", "the message event names no message")
	}
	if operation := x.childText("operationRef"); operation == "" {
		if !p.lenient {
			p.fail(x, "10.5.5", "name the operation in operationRef, or declare the namespace of the engine that the file is written for",
				"the message event names no operation, as it must in an executable process of a plain interchange file")
		}
	} else if target := p.ids[ref(operation)]; target == nil || !target.is("operation") {
		p.looser(x, "10.5.5", "name an operation of an interface", "the operation %q does not exist", operation)
	}
}

func insideTransaction(n *Node) bool {
	for n = n.Parent; n != nil; n = n.Parent {
		if n.Kind == Transaction {
			return true
		}
	}
	return false
}

// links pairs the link events of a scope (BPMN 10.5.5): by their target and source
// elements in interchange files, else by name.
func (p *parser) links(s *Scope) {
	byName, byDefinition := map[string]*Node{}, map[*element]*Node{}
	for _, n := range linkEvents(s, CatchEvent) {
		e := p.source[n]
		if len(n.In) > 0 {
			p.looser(e, "10.5.4", "remove the flow", "a link catch event has an incoming sequence flow")
		}
		x := p.definitionsOf(e)[0]
		if !p.lenient && x.child("source") == nil {
			p.fail(x, "10.5.5", "name the sources", "the link catch event names no source")
		}
		if byName[linkName(n)] != nil {
			p.fail(e, "10.5.5", "give each target a name of its own", "two link catch events are named %q", linkName(n))
		}
		byName[linkName(n)], byDefinition[x] = n, n
	}
	for _, n := range linkEvents(s, ThrowEvent) {
		e := p.source[n]
		if len(n.Out) > 0 {
			p.looser(e, "10.5.4", "remove the flow", "a link throw event has an outgoing sequence flow")
		}
		x := p.definitionsOf(e)[0]
		n.Event.LinkTo = byName[linkName(n)]
		if target := x.child("target"); target != nil {
			n.Event.LinkTo = p.linkTarget(x, target, byDefinition)
		} else if !p.lenient {
			p.fail(x, "10.5.5", "name the target", "the link throw event names no target")
		}
		if n.Event.LinkTo == nil {
			p.fail(e, "10.5.5", "add a link catch event of that name to the same scope", "the link %q has no target in this scope", linkName(n))
		}
	}
}

func linkEvents(s *Scope, k Kind) []*Node {
	var found []*Node
	for _, n := range ofKind(s, k) {
		if n.Event != nil && n.Event.Kind == LinkEvent {
			found = append(found, n)
		}
	}
	return found
}

func linkName(n *Node) string { return firstOf(n.Event.Name, n.Name) }

// linkTarget resolves the target element of a link, which must name its source in turn.
func (p *parser) linkTarget(x, target *element, byDefinition map[*element]*Node) *Node {
	definition := p.ids[ref(target.trimmed())]
	if definition == nil || !definition.is("linkEventDefinition") {
		return nil
	}
	if !names(definition, "source", x.attr("id")) {
		p.looser(x, "10.5.5", "name each other", "the link target does not name this link as a source")
	}
	return byDefinition[definition]
}
