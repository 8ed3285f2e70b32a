package bpmn

import "strings"

// details reads what a node does, beyond where it stands in the graph.
func (p *parser) details(n *Node) {
	e := p.source[n]
	n.Calendar = e.paceline("calendar")
	switch {
	case n.Kind.IsEvent():
		p.eventNode(n, e)
	case n.Kind == EventBasedGateway:
		n.Instantiate = isTrue(e.attr("instantiate"))
	case n.Kind.IsActivity():
		p.activity(n, e)
	}
	p.listeners(n, e)
}

func (p *parser) eventNode(n *Node, e *element) {
	p.event(n, e)
	for _, x := range p.definitionsOf(e) {
		n.Calendar = firstOf(n.Calendar, x.paceline("calendar"))
	}
	n.Inputs, n.Outputs = p.mappings(e)
	if n.Kind == StartEvent {
		n.Initiator = firstOf(e.paceline("initiator"), e.vendor("initiator"))
		if hasForm(e) {
			n.User = p.user(e)
		}
	}
	switch {
	case n.Event == nil:
	case n.Kind == ThrowEvent || n.Kind == EndEvent:
		n.Event.Payload = append(n.Event.Payload, p.vendorMappings(e, "out")...)
		if n.Event.Kind == MessageEvent {
			p.thrownMessage(n, e)
		}
	default: // what a caught event carries becomes variables
		n.Outputs = append(n.Outputs, p.vendorMappings(e, "in")...)
	}
}

// thrownMessage finds the work that a message event carries: vendor models implement the
// sending like a service task.
func (p *parser) thrownMessage(n *Node, e *element) {
	holder := e
	for _, x := range p.definitionsOf(e) {
		if implemented(x) {
			holder = x
		}
	}
	if implemented(holder) {
		n.Work = p.work(n, holder)
	}
}

func (p *parser) activity(n *Node, e *element) {
	n.ForCompensation = isTrue(e.attr("isForCompensation"))
	n.Inputs, n.Outputs = p.mappings(e)
	n.Loop = p.loop(e)
	n.Skip = p.skip(e, "")
	p.copies(n, e)
	if n.Kind.IsSubProcess() {
		n.Inputs = append(p.dataObjects(e), n.Inputs...)
	}
	switch n.Kind {
	case UserTask:
		n.User = p.user(e)
		if a := p.approval(n, e); a != nil {
			n.Loop = &Loop{Approval: a}
		}
		n.User.SLA = p.sla(n, e)
	case ReceiveTask:
		n.Instantiate = isTrue(e.attr("instantiate"))
		n.Event = p.taskMessage(e)
	case SendTask:
		if n.Event = p.taskMessage(e); n.Event == nil || implemented(e) {
			n.Work = p.work(n, e)
		}
	case ServiceTask, ScriptTask, BusinessRuleTask:
		n.Work = p.work(n, e)
	case CallActivity:
		n.Call = p.call(n, e)
	case AdHocSubProcess:
		n.AdHoc = p.adHoc(e)
	}
}

// skipping is what must be true for skip expressions to count, as Flowable has it.
const skipping = "(_FLOWABLE_SKIP_EXPRESSION_ENABLED = true or _ACTIVITI_SKIP_EXPRESSION_ENABLED = true)"

// skip reads a skipExpression; otherwise is the FEEL that counts where skipping is not switched on, empty for none.
func (p *parser) skip(e *element, otherwise string) *Expression {
	text := e.vendor("skipExpression")
	if text == "" {
		return nil
	}
	source, err := reduceTemplate(text)
	if err != nil {
		p.fail(e, "8.3.5", "write it in FEEL", "the skipExpression %s cannot be read as FEEL: %v", text, err)
		return nil
	}
	if otherwise == "" {
		return p.compile(e, text, skipping+" and ("+source+")", Error)
	}
	return p.compile(e, text, "if "+skipping+" then ("+source+") else ("+otherwise+")", Error)
}

// taskMessage is the message of a send or receive task, nil when it names none.
func (p *parser) taskMessage(e *element) *EventDefinition {
	if e.attr("messageRef") == "" {
		return registered(e)
	}
	d := &EventDefinition{Kind: MessageEvent}
	p.messageEvent(d, e)
	return d
}

// call reads the called process and what travels there and back.
func (p *parser) call(n *Node, e *element) *Call {
	c := &Call{}
	called := e.attr("calledElement")
	if z := e.extension("calledElement", nsZeebe); z != nil {
		called = z.attr("processId")
		c.Version = z.attr("versionTag")
		if !isFalse(z.attr("propagateAllParentVariables")) {
			n.Inputs = append([]Mapping{{All: true}}, n.Inputs...)
		}
		if !isFalse(z.attr("propagateAllChildVariables")) {
			n.Outputs = append([]Mapping{{All: true}}, n.Outputs...)
		}
	}
	switch {
	case called == "":
		p.fail(e, "10.3.6", "name the called process", "the call activity calls nothing")
	case isTemplate(called):
		c.ProcessExpr = p.template(e, called, Error)
	default:
		c.Process = ref(called)
	}
	c.Version = firstOf(c.Version, e.vendor("calledElementVersionTag"), e.vendor("calledElementVersion"), e.paceline("version"))
	if isTrue(e.vendor("inheritVariables")) {
		n.Inputs = append(n.Inputs, Mapping{All: true})
	}
	key := firstOf(e.vendor("businessKey"), e.paceline("businessKey"))
	for _, in := range e.extensions("in", nsVendor...) {
		key = firstOf(key, in.attr("businessKey"))
	}
	if key != "" {
		c.BusinessKey = p.template(e, key, Warning)
	}
	return c
}

func (p *parser) adHoc(e *element) *AdHoc {
	a := &AdHoc{
		Sequential:      e.attr("ordering") == "Sequential",
		CancelRemaining: !isFalse(e.attr("cancelRemainingInstances")),
	}
	if c := e.child("completionCondition"); c != nil {
		a.Completion = p.condition(c)
	}
	if z := e.extension("adHoc", nsZeebe); z != nil && z.attr("activeElementsCollection") != "" {
		a.Active = p.expression(z, z.attr("activeElementsCollection"), Error)
	}
	return a
}

// loop reads the loop characteristics of an activity; nil when there are none.
func (p *parser) loop(e *element) *Loop {
	if x := e.child("standardLoopCharacteristics"); x != nil {
		return p.standardLoop(x)
	}
	if x := e.child("multiInstanceLoopCharacteristics"); x != nil {
		return p.multiInstance(e, x)
	}
	return nil
}

func (p *parser) standardLoop(x *element) *Loop {
	l := &Loop{Standard: true, TestBefore: isTrue(x.attr("testBefore"))}
	if c := x.child("loopCondition"); c != nil {
		l.While = p.condition(c)
	}
	if text := x.attr("loopMaximum"); text != "" {
		l.Maximum = p.expression(x, text, Error)
	}
	return l
}

func (p *parser) multiInstance(e, x *element) *Loop {
	l := &Loop{Sequential: isTrue(x.attr("isSequential"))}
	if c := x.child("loopCardinality"); c != nil {
		l.Cardinality = p.condition(c)
	}
	if c := x.child("completionCondition"); c != nil {
		l.Completion = p.condition(c)
	}
	l.ElementVar = x.vendor("elementVariable")
	if collection := firstOf(x.vendor("collection"), p.dataName(x.childText("loopDataInputRef"))); collection != "" {
		l.Collection = p.expression(x, collection, Error)
	}
	if item := x.child("inputDataItem"); item != nil && l.ElementVar == "" {
		l.ElementVar = firstOf(item.attr("name"), item.attr("id"))
	}
	l.OutputList = p.dataName(x.childText("loopDataOutputRef"))
	if item := x.child("outputDataItem"); item != nil && l.OutputList != "" {
		l.OutputItem = p.expression(item, firstOf(item.attr("name"), item.attr("id")), Warning)
	}
	if own := firstElement(x.extension("loopCharacteristics", nsZeebe), x.extension("loop", nsPaceline)); own != nil {
		p.ownLoop(l, own)
	}
	l.IndexVar = x.vendor("elementIndexVariable")
	p.aggregation(l, x)
	p.behavior(l, x)
	return l
}

// aggregation is Flowable's way to collect the results of the instances: a context of
// variables from each.
func (p *parser) aggregation(l *Loop, x *element) {
	all := x.extension("variableAggregation", nsVendor...)
	if all == nil || l.OutputList != "" {
		return
	}
	var entries []string
	for _, v := range all.kids {
		source := v.attr("source")
		if text := v.attr("sourceExpression"); text != "" {
			source, _ = reduceTemplate(text)
		}
		if v.name == "variable" && source != "" {
			entries = append(entries, quote(firstOf(v.attr("target"), v.attr("source")))+": "+source)
		}
	}
	l.OutputList = all.attr("target")
	l.OutputItem = p.compile(all, "", "{"+strings.Join(entries, ", ")+"}", Warning)
}

// ownLoop reads Zeebe's loop characteristics and ours, which have the same attributes.
func (p *parser) ownLoop(l *Loop, x *element) {
	if text := x.attr("inputCollection"); text != "" {
		l.Collection = p.expression(x, text, Error)
	}
	if text := x.attr("outputElement"); text != "" {
		l.OutputItem = p.expression(x, text, Error)
	}
	l.ElementVar = firstOf(x.attr("inputElement"), l.ElementVar)
	l.OutputList = firstOf(x.attr("outputCollection"), l.OutputList)
}

// dataName is the variable behind a reference to a data input, output or object: its
// name, or the reference itself where vendor models name the variable directly.
func (p *parser) dataName(id string) string {
	target := p.ids[ref(id)]
	for hops := 0; target != nil && target.attr("dataObjectRef") != "" && hops < 2; hops++ {
		target = p.ids[ref(target.attr("dataObjectRef"))]
	}
	if target != nil && target.attr("name") != "" && !strings.Contains(target.attr("name"), " ") {
		return target.attr("name")
	}
	return id
}

var behaviors = map[string]LoopBehavior{"All": BehaviorAll, "One": BehaviorOne, "None": BehaviorNone, "Complex": BehaviorComplex}

// behavior reads the events that a multi-instance activity throws at its own boundary.
func (p *parser) behavior(l *Loop, x *element) {
	l.Behavior = behaviors[x.attr("behavior")]
	switch l.Behavior {
	case BehaviorOne:
		p.loopThrow(l, x, x.attr("oneBehaviorEventRef"), nil)
	case BehaviorNone:
		p.loopThrow(l, x, x.attr("noneBehaviorEventRef"), nil)
	case BehaviorComplex:
		if x.child("complexBehaviorDefinition") == nil {
			p.fail(x, "13.3.7", "add a complexBehaviorDefinition", "a complex loop behavior has no definition")
		}
		for _, c := range x.children("complexBehaviorDefinition") {
			var when *Expression
			if condition := c.child("condition"); condition != nil {
				when = p.condition(condition)
			}
			if event := c.child("event"); event != nil {
				for _, definition := range p.definitionsOf(event) {
					l.Throws = append(l.Throws, LoopThrow{when, p.thrown(definition)})
				}
			}
		}
	}
}

func (p *parser) loopThrow(l *Loop, x *element, id string, when *Expression) {
	target := p.ids[ref(id)]
	if target == nil || eventTags[target.name] == 0 {
		p.fail(x, "13.3.7", "name an event definition of the file", "the event definition %q of the loop behavior does not exist", id)
		return
	}
	l.Throws = append(l.Throws, LoopThrow{when, p.thrown(target)})
}

// thrown reads an event definition that stands apart from an event.
func (p *parser) thrown(x *element) *EventDefinition {
	holder := &Node{Kind: ThrowEvent}
	around := &element{space: nsBPMN, name: "intermediateThrowEvent", line: x.line, kids: []*element{x}}
	p.event(holder, around)
	return holder.Event
}

func firstOf(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}

func firstElement(elements ...*element) *element {
	for _, e := range elements {
		if e != nil {
			return e
		}
	}
	return nil
}
