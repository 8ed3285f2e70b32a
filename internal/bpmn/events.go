package bpmn

import "strings"

// eventTags maps the tags of event definitions.
var eventTags = map[string]EventKind{
	"timerEventDefinition":       TimerEvent,
	"messageEventDefinition":     MessageEvent,
	"signalEventDefinition":      SignalEvent,
	"conditionalEventDefinition": ConditionalEvent,
	"errorEventDefinition":       ErrorEvent,
	"escalationEventDefinition":  EscalationEvent,
	"terminateEventDefinition":   TerminateEvent,
	"linkEventDefinition":        LinkEvent,
	"compensateEventDefinition":  CompensationEvent,
	"cancelEventDefinition":      CancelEvent,

	"variableListenerEventDefinition": VariableEvent, // of Flowable's namespace
}

var eventNames = map[EventKind]string{
	TimerEvent: "timer", MessageEvent: "message", SignalEvent: "signal",
	ConditionalEvent: "conditional", ErrorEvent: "error", EscalationEvent: "escalation",
	TerminateEvent: "terminate", LinkEvent: "link", CompensationEvent: "compensation",
	CancelEvent: "cancel", VariableEvent: "variable",
}

// String is the name of the event kind as the standard has it.
func (k EventKind) String() string { return eventNames[k] }

const variableListener = "variableListenerEventDefinition"

// definitionsOf are the event definitions of an event: its own, and those that it
// refers to by eventDefinitionRef.
func (p *parser) definitionsOf(e *element) []*element {
	found := append(e.inside(nsVendor, variableListener), e.extensions(variableListener, nsVendor...)...)
	for _, k := range e.kids {
		if k.space != nsBPMN {
			continue
		}
		if eventTags[k.name] != 0 && k.name != variableListener {
			found = append(found, k)
		}
		if k.name != "eventDefinitionRef" {
			continue
		}
		target := p.ids[ref(k.trimmed())]
		if target == nil || eventTags[target.name] == 0 {
			p.fail(k, "10.5.1", "name an event definition of the file", "the event definition %q does not exist", k.trimmed())
			continue
		}
		found = append(found, target)
	}
	return found
}

// event reads what an event waits for or throws. More than one definition is a multiple
// event, which does not run here.
func (p *parser) event(n *Node, e *element) {
	all := p.definitionsOf(e)
	if len(all) == 0 {
		n.Event = registered(e)
		return
	}
	if len(all) > 1 {
		p.fail(e, "10.5.5", "use one event per trigger, or an event-based gateway",
			"an event with %d definitions (multiple event) is not supported", len(all))
	}
	x := all[0]
	d := &EventDefinition{Kind: eventTags[x.name]}
	n.Event = d
	switch d.Kind {
	case TimerEvent:
		d.Timer = p.timer(x)
	case MessageEvent:
		p.messageEvent(d, x)
	case SignalEvent:
		p.signalEvent(d, x)
	case ErrorEvent:
		p.errorEvent(d, x)
	case EscalationEvent:
		d.Name, d.NameExpr = p.eventName(x, "escalationRef", "escalation", "escalationCode")
		d.CodeVariable = x.vendor("escalationCodeVariable")
	case ConditionalEvent:
		if c := x.child("condition"); c != nil {
			d.Condition = p.condition(c)
		}
	case LinkEvent:
		d.Name = x.attr("name")
	case TerminateEvent:
		d.TerminateAll = isTrue(x.vendor("terminateAll"))
		d.TerminateLoop = isTrue(x.vendor("terminateMultiInstance"))
	case CompensationEvent:
		p.compensationEvent(d, n, x)
	case VariableEvent:
		p.variableEvent(d, x)
	}
	p.eventPayload(d, x)
}

// registered is the event that an element waits for by Flowable's event registry: a message of that name.
func registered(e *element) *EventDefinition {
	x := e.extension("eventType", nsVendor...)
	if x == nil || x.trimmed() == "" || e.is("intermediateThrowEvent") || e.is("endEvent") {
		return nil
	}
	return &EventDefinition{Kind: MessageEvent, Name: x.trimmed()}
}

// changes maps the kinds of writes that a variable listener names.
var changes = map[string]string{"": "", "all": "", "create": "create", "update": "update", "update-create": "", "create-update": ""}

func (p *parser) variableEvent(d *EventDefinition, x *element) {
	d.Name = firstOf(x.attr("variableName"), x.vendor("variableName"))
	if d.Name == "" {
		p.fail(x, "10.5.5", "name it in variableName", "the variable listener names no variable")
	}
	kind := firstOf(x.attr("variableChangeType"), x.vendor("variableChangeType"))
	change, known := changes[kind]
	if !known {
		p.fail(x, "10.5.5", "use all, create, update or update-create", "the variable listener waits for %q, which does not happen here", kind)
	}
	d.Change = change
}

// eventName resolves the message, signal, error or escalation that an event definition
// refers to; attr is the attribute of it that decides what is caught. Camunda's signals
// may have an expression as name.
func (p *parser) eventName(x *element, refAttr, tag, attr string) (string, *Expression) {
	id := ref(x.attr(refAttr))
	if id == "" {
		return "", nil
	}
	target := p.ids[id]
	if target == nil || !target.is(tag) {
		if p.lenient && target == nil {
			p.warn(x, "10.5.5", "add the "+tag+" to the definitions", "the %s %q does not exist; its id is taken as its name", tag, id)
			return id, nil
		}
		p.fail(x, "10.5.5", "add the "+tag+" to the definitions", "the %s %q does not exist", tag, id)
		return "", nil
	}
	name := target.attr(attr)
	if name == "" && tag != "escalation" && tag != "error" {
		name = target.attr("id")
	}
	if isTemplate(name) {
		return "", p.template(target, name, Error)
	}
	return name, nil
}

// messageEvent resolves the message, how it is correlated and, for a thrown one, the
// work that sends it.
func (p *parser) messageEvent(d *EventDefinition, x *element) {
	d.Name, d.NameExpr = p.eventName(x, "messageRef", "message", "name")
	d.CorrelationKey = p.correlationKey(x)
	p.vendorName(d, x, "messageExpression")
}

// signalEvent resolves the signal and whom it reaches.
func (p *parser) signalEvent(d *EventDefinition, x *element) {
	d.Name, d.NameExpr = p.eventName(x, "signalRef", "signal", "name")
	p.vendorName(d, x, "signalExpression")
	if signal := p.ids[ref(x.attr("signalRef"))]; signal != nil {
		d.Local = signal.vendor("scope") == "processInstance"
	}
}

// vendorName is the name that an expression of Flowable's makes.
func (p *parser) vendorName(d *EventDefinition, x *element, attr string) {
	if text := x.vendor(attr); text != "" && d.Name == "" && d.NameExpr == nil {
		d.NameExpr = p.template(x, text, Error)
	}
}

// correlationKey is the zeebe:subscription of the message that x refers to.
func (p *parser) correlationKey(x *element) *Expression {
	message := p.ids[ref(x.attr("messageRef"))]
	if message == nil {
		return nil
	}
	if sub := message.extension("subscription", nsZeebe); sub != nil && sub.attr("correlationKey") != "" {
		return p.expression(sub, sub.attr("correlationKey"), Error)
	}
	if key := message.paceline("correlationKey"); key != "" {
		return p.expression(message, key, Error)
	}
	return nil
}

// errorEvent resolves the error, and the variables that take what was thrown.
func (p *parser) errorEvent(d *EventDefinition, x *element) {
	d.Name, d.NameExpr = p.eventName(x, "errorRef", "error", "errorCode")
	d.CodeVariable = x.vendor("errorCodeVariable")
	if d.CodeVariable == "" {
		d.CodeVariable = x.vendor("errorVariableName")
	}
	d.MessageVar = x.vendor("errorMessageVariable")
	if target := p.ids[ref(x.attr("errorRef"))]; target != nil && target.vendor("errorMessage") != "" {
		d.Message = p.template(target, target.vendor("errorMessage"), Warning)
	}
}

func (p *parser) compensationEvent(d *EventDefinition, n *Node, x *element) {
	d.WaitCompletion = !isFalse(x.attr("waitForCompletion"))
	id := ref(x.attr("activityRef"))
	if id == "" {
		return
	}
	d.Activity = p.nodes[id]
	switch {
	case d.Activity == nil || !d.Activity.Kind.IsActivity():
		d.Activity = nil
		p.fail(x, "10.5.5", "name an activity", "the activity %q to compensate does not exist", id)
	case !inScopeOf(d.Activity, n):
		p.fail(x, "10.5.5", "name an activity of the same scope",
			"the activity %q to compensate is not in the scope of this event", id)
	}
}

// inScopeOf tells whether a compensation thrown by n reaches the activity: it is beside
// n, or, for a throw in an event sub-process, beside that sub-process.
func inScopeOf(activity, n *Node) bool {
	if activity.Parent == n.Parent {
		return true
	}
	return n.Parent != nil && n.Parent.Kind == EventSubProcess && activity.Parent == n.Parent.Parent
}

// eventPayload reads the variables that travel with a thrown signal or message, and those
// that a catching event takes over.
func (p *parser) eventPayload(d *EventDefinition, x *element) {
	for _, in := range x.extensions("in", nsVendor...) {
		if m, ok := p.vendorMapping(in); ok {
			d.Payload = append(d.Payload, m)
		}
	}
}

// timer reads a timer event definition: exactly one of date, duration and cycle.
func (p *parser) timer(x *element) *Timer {
	t := &Timer{}
	found := 0
	for _, k := range x.kids {
		form := timerForms[k.name]
		if k.space != nsBPMN || form == 0 {
			continue
		}
		found++
		text := k.trimmed()
		if end := k.vendor("endDate"); end != "" && form == timerCycle && strings.HasPrefix(text, "R") {
			text += "/" + end
		}
		e := p.timerText(k, form, text)
		switch {
		case e == nil:
		case form == timerDate && !strings.HasPrefix(text, "P"):
			t.Date = e
		case form == timerCycle || strings.HasPrefix(text, "R"):
			t.Cycle = e
		default:
			t.Duration = e
		}
	}
	if found != 1 {
		p.fail(x, "10.5.5", "give one of timeDate, timeDuration and timeCycle", "the timer has %d of timeDate, timeDuration and timeCycle", found)
	}
	return t
}

// timerText compiles one timer: literal text must be ISO 8601 or cron, all else is an
// expression.
func (p *parser) timerText(k *element, form timerForm, text string) *Expression {
	switch {
	case text == "":
		p.fail(k, "10.5.5", "write an ISO 8601 value or an expression", "the %s is empty", k.name)
		return nil
	case isTemplate(text):
		return p.template(k, text, Error)
	}
	err := checkTimer(form, text)
	if err == nil {
		return p.literal(k, text)
	}
	if strings.ContainsAny(text, "(\"") || isName(text) && p.lenient {
		return p.expression(k, text, Error)
	}
	p.fail(k, "10.5.5", "write PT1H, R3/PT10M, 2026-01-31T09:00:00Z, cron, or an expression with a leading =",
		"the %s %q cannot be read: %v", k.name, shorten(text), err)
	return nil
}
