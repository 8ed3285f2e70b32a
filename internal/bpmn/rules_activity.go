package bpmn

import (
	"slices"
	"strconv"
	"strings"
)

// activityRules checks one activity (BPMN 10.3).
func (p *parser) activityRules(n *Node, e *element) {
	n.StartQuantity = p.quantity(e, "startQuantity")
	n.EndQuantity = p.quantity(e, "completionQuantity")
	if x := e.child("standardLoopCharacteristics"); x != nil {
		if count, err := strconv.Atoi(x.attr("loopMaximum")); err == nil && count < 0 {
			p.fail(x, "10.3.8", "write a number of 0 or more", "loopMaximum is %d", count)
		}
		if x.child("loopCondition") == nil && x.attr("loopMaximum") == "" {
			p.looser(x, "10.3.8", "write a loopCondition or loopMaximum", "the loop has neither a condition nor a maximum")
		}
	}
	if x := e.child("multiInstanceLoopCharacteristics"); x != nil {
		p.multiInstanceRules(n, e, x)
	}
	if n.Instantiate && len(n.In) > 0 {
		p.looser(e, "10.3.3", "remove the flow, or instantiate", "a receive task that starts the process has an incoming sequence flow")
	}
	for _, x := range e.kids {
		if x.space == nsBPMN && resourceRoles[x.name] {
			p.resourceRules(x)
		}
	}
}

// quantity reads startQuantity and completionQuantity, which are at least 1 (BPMN 10.3.1).
func (p *parser) quantity(e *element, name string) int {
	text := e.attr(name)
	if text == "" {
		return 1
	}
	count, err := strconv.Atoi(text)
	if err != nil || count < 1 {
		p.fail(e, "10.3.1", "write a number of 1 or more", "%s is %q", name, text)
		return 1
	}
	return count
}

func (p *parser) multiInstanceRules(n *Node, e, x *element) {
	l := n.Loop
	if x.child("loopCardinality") == nil && x.child("loopDataInputRef") == nil && l.Collection == nil && x.vendor("collection") == "" {
		p.fail(x, "10.3.8", "write a loopCardinality or name a collection", "the multi-instance activity has neither a cardinality nor a collection")
	}
	if l.Cardinality != nil {
		if count, err := strconv.Atoi(l.Cardinality.Text); err == nil && count < 0 {
			p.fail(x, "10.3.8", "write a number of 0 or more", "the loop cardinality is %d", count)
		}
	}
	if p.lenient {
		return
	}
	io := e.child("ioSpecification")
	input := p.ids[ref(x.childText("loopDataInputRef"))]
	if x.child("loopDataInputRef") != nil && !n.Kind.IsSubProcess() && (input == nil || input.parent != io) {
		p.fail(x, "10.3.8", "name a data input of this activity", "loopDataInputRef names no data input of the activity")
	}
	output := p.ids[ref(x.childText("loopDataOutputRef"))]
	p.scalarOf(x.child("inputDataItem"), input)
	p.scalarOf(x.child("outputDataItem"), output)
}

// scalarOf checks that the item of a loop has the type of the members of its collection.
func (p *parser) scalarOf(item, list *element) {
	if item == nil || list == nil {
		return
	}
	definition := p.item(item)
	if definition == nil && p.item(list) == nil {
		return
	}
	if !p.sameType(item, list) || isTrue(item.attr("isCollection")) {
		p.fail(item, "10.3.8", "give it the type of the collection's members", "the item is not of the type of the members of %q", list.attr("id"))
	}
}

var resourceRoles = map[string]bool{"resourceRole": true, "performer": true, "humanPerformer": true, "potentialOwner": true}

// resourceRules checks a resource role (BPMN 10.3.1): a resource with parameters, or an
// expression, not both.
func (p *parser) resourceRules(x *element) {
	name := x.childText("resourceRef")
	bindings := x.children("resourceParameterBinding")
	resource := p.ids[ref(name)]
	switch {
	case name != "" && x.child("resourceAssignmentExpression") != nil:
		p.looser(x, "10.3.1", "keep one of them", "the %s has both a resource and an assignment expression", x.name)
	case name == "" && len(bindings) > 0:
		p.looser(x, "10.3.1", "name the resource", "the %s binds parameters of no resource", x.name)
	case name != "" && (resource == nil || !resource.is("resource")):
		p.looser(x, "10.3.1", "add it to the definitions", "the resource %q does not exist", name)
	case resource != nil:
		for _, b := range bindings {
			if target := p.ids[ref(b.attr("parameterRef"))]; target == nil || target.parent != resource {
				p.looser(b, "10.3.1", "name a parameter of the resource", "%q is no parameter of the resource %q", b.attr("parameterRef"), name)
			}
		}
	}
}

// subProcessRules checks one sub-process (BPMN 10.3.5).
func (p *parser) subProcessRules(n *Node, e *element) {
	starts := ofKind(n.Inner, StartEvent)
	switch n.Kind {
	case EventSubProcess:
		if len(starts) != 1 {
			p.fail(e, "10.3.5", "give it one start event with a trigger", "the event sub-process has %d start events", len(starts))
		}
	case AdHocSubProcess:
		p.adHocRules(n, e, starts)
	default:
		if len(n.Inner.Nodes) == 0 {
			p.warn(e, "10.3.5", "add its content, or use a task", "the sub-process is empty")
		}
	}
	if e.child("ioSpecification") != nil {
		p.looser(e, "10.4.2", "remove it", "a sub-process has an ioSpecification")
	}
}

func (p *parser) adHocRules(n *Node, e *element, starts []*Node) {
	if len(starts)+len(ofKind(n.Inner, EndEvent)) > 0 {
		p.looser(e, "10.3.5", "remove them", "an ad-hoc sub-process has start or end events")
	}
	if !slices.ContainsFunc(n.Inner.Nodes, func(x *Node) bool { return x.Kind.IsActivity() && x.Kind != EventSubProcess }) {
		p.fail(e, "10.3.5", "add an activity", "an ad-hoc sub-process has no activity")
	}
}

// callRules checks call activities against the processes of the file that they call.
func (p *parser) callRules() {
	for _, process := range p.defs.Processes {
		for n := range process.All {
			if n.Call == nil || n.Call.Process == "" {
				continue
			}
			if target := p.byID[n.Call.Process]; target != nil {
				p.called(n, target)
			} else {
				p.notCallable(n)
			}
		}
	}
}

// notCallable reports a called element of the file that is no process or global task; one
// of another file is found when the call is made.
func (p *parser) notCallable(n *Node) {
	if target := p.ids[n.Call.Process]; target != nil {
		p.fail(p.source[n], "10.3.6", "name a process or global task", "the call activity calls %q, a %s", n.Call.Process, target.name)
	}
}

func (p *parser) called(n *Node, target *Process) {
	e := p.source[n]
	if target.Global {
		return
	}
	starts := ofKind(&target.Scope, StartEvent)
	if !slices.ContainsFunc(starts, func(s *Node) bool { return s.Event == nil }) {
		report := p.fail
		if len(starts) == 0 {
			report = p.looser
		}
		report(e, "10.3.6", "give the called process a start event without a trigger", "the called process %q has no start event without a trigger", target.ID)
	}
	mine, theirs := e.child("ioSpecification"), p.scopes[&target.Scope].child("ioSpecification")
	for _, part := range []string{"dataInput", "dataOutput", "inputSet", "outputSet"} {
		if countOf(mine, part) != countOf(theirs, part) {
			p.looser(e, "10.3.6", "give both the same inputs and outputs", "the call activity and the called process %q differ in their %s elements", target.ID, part)
		}
	}
}

func countOf(e *element, name string) int {
	if e == nil {
		return 0
	}
	return len(e.children(name))
}

// formalElements are the expressions that must be formal in an executable process.
var formalElements = map[string]bool{
	"conditionExpression": true, "completionCondition": true, "loopCondition": true, "loopCardinality": true,
	"condition": true, "timeDate": true, "timeDuration": true, "timeCycle": true, "activationCondition": true,
	"from": true, "to": true,
}

// mustHaveText are the expressions that cannot be empty.
var mustHaveText = map[string]bool{"dataPath": true, "messagePath": true, "transformation": true}

// expressionRules checks one element that is an expression (BPMN 8.3.5): an executable
// process has formal ones, and they say something.
func (p *parser) expressionRules(e *element) {
	kind, _ := e.lookup(nsXSI, "type")
	isFormal := ref(kind) == "tFormalExpression"
	empty := e.trimmed() == ""
	if empty && (isFormal || mustHaveText[e.name]) {
		p.looser(e, "8.3.5", "write it", "the %s is an empty expression", e.name)
	}
	if formalElements[e.name] && !isFormal && !p.lenient && !(e.name == "condition" && e.parent.is("complexBehaviorDefinition")) {
		p.fail(e, "8.3.5", "write xsi:type=\"tFormalExpression\" and a FEEL expression, or set isExecutable=\"false\"",
			"the %s is in natural language, which cannot be executed", e.name)
	}
	if language := e.attr("expressionLanguage"); strings.ContainsAny(language, " <>") {
		p.looser(e, "8.1.1", "write a URI", "the expression language %q is no URI", language)
	}
}
