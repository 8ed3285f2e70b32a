package bpmn

import (
	"slices"
	"strings"
)

// kinds maps the tags of flow nodes. A subProcess becomes an EventSubProcess when it is
// triggered by an event.
var kinds = map[string]Kind{
	"task":                   UndefinedTask,
	"userTask":               UserTask,
	"serviceTask":            ServiceTask,
	"sendTask":               SendTask,
	"receiveTask":            ReceiveTask,
	"scriptTask":             ScriptTask,
	"manualTask":             ManualTask,
	"businessRuleTask":       BusinessRuleTask,
	"callActivity":           CallActivity,
	"subProcess":             SubProcess,
	"adHocSubProcess":        AdHocSubProcess,
	"transaction":            Transaction,
	"exclusiveGateway":       ExclusiveGateway,
	"parallelGateway":        ParallelGateway,
	"inclusiveGateway":       InclusiveGateway,
	"eventBasedGateway":      EventBasedGateway,
	"complexGateway":         ComplexGateway,
	"startEvent":             StartEvent,
	"intermediateCatchEvent": CatchEvent,
	"intermediateThrowEvent": ThrowEvent,
	"boundaryEvent":          BoundaryEvent,
	"endEvent":               EndEvent,
}

// IsActivity tells tasks, call activities and sub-processes from gateways and events.
func (k Kind) IsActivity() bool { return k >= UndefinedTask && k <= Transaction }

// IsSubProcess is true for every kind that has nodes inside.
func (k Kind) IsSubProcess() bool { return k >= SubProcess && k <= Transaction }

// IsGateway is true for gateways.
func (k Kind) IsGateway() bool { return k >= ExclusiveGateway && k <= ComplexGateway }

// IsEvent is true for events in every position.
func (k Kind) IsEvent() bool { return k >= StartEvent && k <= EndEvent }

// definitions reads the root element: index, then build, then connect, then details,
// then rules. Each pass may use all that the passes before it found.
func (p *parser) definitions(root *element) {
	if slices.Contains(nsDMN, root.space) {
		p.decisions(root)
		return
	}
	if !root.is("definitions") {
		p.fail(root, "15.3", "open a BPMN 2.0 file", "the root element is %s, not BPMN definitions", root.name)
		return
	}
	p.defs.ID = root.attr("id")
	p.defs.TargetNamespace = root.attr("targetNamespace")
	p.defs.Exporter = root.attr("exporter")
	processes := root.children("process")
	p.describes = len(processes) > 0 && !slices.ContainsFunc(processes, func(e *element) bool { return !isFalse(e.attr("isExecutable")) })
	p.lenient = isLenient(root)
	p.index(root)
	p.references(root)
	p.build(root)
	p.decisions(root)
	for _, process := range p.defs.Processes {
		p.connect(&process.Scope)
	}
	p.associate(root)
	for _, process := range p.defs.Processes {
		for n := range process.All {
			p.details(n)
		}
	}
	p.rules(root)
	p.schemaRules(root, shapes()["definitions"])
	p.ownNames(root)
}

func (p *parser) build(root *element) {
	for _, e := range root.kids {
		switch {
		case e.is("process"):
			p.process(e)
		case e.space == nsBPMN && globalTasks[e.name] != "":
			p.globalTask(e)
		}
	}
	if len(p.defs.Processes) == 0 {
		p.fail(root, "10", "add a process", "the file has no process")
	}
}

// index notes every BPMN element that has an id, and the prefixes. In an interchange file the shapes of
// diagrams must have ids of their own too.
func (p *parser) index(e *element) {
	if id, given := e.lookup("", "id"); given && (e.space == nsBPMN || e.space == nsDiagram && !p.lenient) {
		switch first := p.ids[id]; {
		case id == "":
			p.fail(e, "8.3.1", "give it an id", "the id of the %s is empty", e.name)
		case first != nil:
			p.fail(e, "8.3.1", "give each element an id of its own", "the id %q is used by another element, in line %d", id, first.line)
		default:
			p.ids[id] = e
		}
	}
	for _, a := range e.attrs {
		if prefix, declared := declares(a); declared {
			p.prefixes[prefix] = true
		}
	}
	for _, k := range e.kids {
		p.index(k)
	}
}

// references notes the event definitions that events refer to.
func (p *parser) references(e *element) {
	for _, k := range e.kids {
		if k.is("eventDefinitionRef") {
			if target := p.ids[ref(k.trimmed())]; target != nil {
				p.referred[target] = true
			}
		}
		p.references(k)
	}
}

func (p *parser) process(e *element) {
	process := &Process{
		ID:         e.attr("id"),
		Name:       e.attr("name"),
		Executable: !isFalse(e.attr("isExecutable")),
		Line:       e.line,
	}
	if process.ID == "" {
		p.fail(e, "10.2", "give it an id", "the process has no id")
	}
	p.defs.Processes = append(p.defs.Processes, process)
	p.byID[process.ID] = process
	p.scope(e, &process.Scope, nil)
	p.processDetails(process, e)
}

// scope builds the nodes and flows directly inside a process or sub-process.
func (p *parser) scope(e *element, s *Scope, parent *Node) {
	p.scopes[s] = e
	for _, k := range e.kids {
		switch {
		case k.space != nsBPMN:
		case k.name == "sequenceFlow":
			f := &Flow{ID: k.attr("id"), Name: k.attr("name"), Line: k.line}
			s.Flows = append(s.Flows, f)
			p.flowAt[k], p.arrow[f] = f, k
		case kinds[k.name] != 0:
			p.node(k, s, parent)
		}
	}
}

func (p *parser) node(e *element, s *Scope, parent *Node) {
	n := &Node{
		ID:     e.attr("id"),
		Name:   e.attr("name"),
		Kind:   kinds[e.name],
		Tag:    e.name,
		Line:   e.line,
		Parent: parent,
		Doc:    e.childText("documentation"),
	}
	if n.ID == "" {
		p.fail(e, "8.3.1", "give it an id", "the %s has no id", e.name)
	}
	if n.Kind == SubProcess && isTrue(e.attr("triggeredByEvent")) {
		n.Kind = EventSubProcess
	}
	s.Nodes = append(s.Nodes, n)
	if p.nodes[n.ID] == nil {
		p.nodes[n.ID] = n
	}
	p.source[n], p.home[n] = e, s
	if n.Kind.IsSubProcess() {
		n.Inner = &Scope{}
		p.scope(e, n.Inner, n)
	}
}

// globalTasks maps the tags of global tasks to the task that does the work of one.
var globalTasks = map[string]string{
	"globalTask":             "task",
	"globalUserTask":         "userTask",
	"globalScriptTask":       "scriptTask",
	"globalManualTask":       "manualTask",
	"globalBusinessRuleTask": "businessRuleTask",
}

// globalTask makes a global task what a call activity can call: a process whose only
// node does the work of it (BPMN 10.3.6).
func (p *parser) globalTask(e *element) {
	task := *e
	task.name = globalTasks[e.name]
	process := &Process{ID: e.attr("id"), Name: e.attr("name"), Executable: true, Global: true, Line: e.line}
	p.defs.Processes = append(p.defs.Processes, process)
	p.byID[process.ID] = process
	p.scopes[&process.Scope] = e
	p.node(&task, &process.Scope, nil)
}

// dialects are the namespaces of tools and engines whose files follow their own practice
// where the standard is stricter than an engine needs.
var dialects = append([]string{
	nsPaceline, nsZeebe,
	"http://camunda.org/schema/modeler/1.0",
	"http://bpmn.io/schema/bpmn",
	"http://bpmn.io/schema/bpmn/biocolor/1.0",
	"http://www.jboss.org/drools",
}, nsVendor...)

// makers are how the namespaces of other tools for drawing and running begin.
var makers = []string{
	"http://spiffworkflow.org/", "http://www.trisotech.com/", "http://www.bizagi.com/", "http://www.ibm.com/xmlns/bpmnx", "http://xmlns.oracle.com/bpm",
	"http://www.boc-group.com/", "http://www.signavio.com", "http://www.omg.org/spec/BPMN/non-normative/color",
}

func isDialect(namespace string) bool {
	return slices.Contains(dialects, namespace) || slices.ContainsFunc(makers, func(m string) bool { return strings.HasPrefix(namespace, m) })
}

// isLenient tells whether a file is written for an engine: it names the namespace of
// one, or it leaves out the lists of incoming and outgoing flows, which complete
// interchange files have (BPMN 8.4.13). Everything else is held to the letter of the
// standard; here what changes nothing when the model runs is only a warning.
func isLenient(root *element) bool {
	for _, a := range root.attrs {
		if (a.Name.Space == "xmlns" || a.Name.Local == "targetNamespace") && isDialect(a.Value) {
			return true
		}
	}
	if strings.HasPrefix(root.attr("exporter"), "bpmn-js") || strings.HasPrefix(root.attr("exporter"), "Camunda") {
		return true
	}
	flows, lists := countLists(root)
	return flows > 0 && lists == 0
}

func countLists(e *element) (flows, lists int) {
	for _, k := range e.kids {
		if k.space != nsBPMN {
			continue
		}
		switch k.name {
		case "sequenceFlow":
			flows++
		case "incoming", "outgoing":
			lists++
		}
		f, l := countLists(k)
		flows, lists = flows+f, lists+l
	}
	return flows, lists
}

func isTrue(s string) bool { return s == "true" || s == "1" }

func isFalse(s string) bool { return s == "false" || s == "0" }
