package bpmn

import (
	"slices"
	"strconv"
	"strings"
)

// treeRules checks what does not hang on a node of the graph, element by element.
func (p *parser) treeRules(e *element) {
	for _, k := range e.kids {
		if k.space != nsBPMN || k.name == "extensionElements" {
			continue
		}
		p.placeRules(k)
		p.treeRules(k)
	}
	p.expressionRules(e)
	p.referenceRules(e)
}

// referenceTargets are the references, as attributes or as elements, whose target must be
// in the file, and what it must be. References with checks of their own are not here.
var referenceTargets = map[string]string{
	"itemSubjectRef":     "itemDefinition",
	"itemRef":            "itemDefinition",
	"evaluatesToTypeRef": "itemDefinition",
	"dataStoreRef":       "dataStore",
	"inMessageRef":       "message",
	"outMessageRef":      "message",
	"categoryValueRef":   "categoryValue",
}

func (p *parser) referenceRules(e *element) {
	for _, a := range e.attrs {
		if a.Name.Space == "" {
			p.reference(e, a.Name.Local, a.Value)
		}
	}
	if len(e.kids) == 0 {
		p.reference(e, e.name, e.trimmed())
	}
	if e.is("association") {
		for _, end := range []string{"sourceRef", "targetRef"} {
			if p.ids[ref(e.attr(end))] == nil {
				p.looser(e, "8.4.1", "connect it to an element of the file", "the %s %q of the association does not exist", end, e.attr(end))
			}
		}
	}
}

// reference checks one reference; one with a prefix may point into another file.
func (p *parser) reference(e *element, name, value string) {
	want := referenceTargets[name]
	if want == "" || value == "" || strings.Contains(value, ":") {
		return
	}
	if target := p.ids[value]; target == nil || !target.is(want) {
		p.looser(e, "8.1.2", "add it to the definitions", "the %s %q does not exist", want, value)
	}
}

var choreographies = map[string]bool{"choreographyTask": true, "subChoreography": true, "callChoreography": true}

// holdsProperties tells what may have properties (BPMN 10.4.1).
func holdsProperties(e *element) bool {
	kind := kinds[e.name]
	return e.is("process") || kind.IsActivity() || kind.IsEvent()
}

// placeRules checks that an element may stand where it stands.
func (p *parser) placeRules(e *element) {
	switch {
	case choreographies[e.name] && (e.parent.is("process") || kinds[e.parent.name].IsSubProcess()):
		p.fail(e, "11.5", "use a task", "a %s is not allowed in a process", e.name)
	case e.name == "property" && !holdsProperties(e.parent):
		p.looser(e, "10.4.1", "move it into a process, activity or event", "a property is not allowed in %s", e.parent.name)
	case e.name == "textAnnotation":
		if format := e.attr("textFormat"); format != "" && !strings.Contains(format, "/") {
			p.looser(e, "8.4.1", "write a MIME type such as text/plain", "the text format %q is no MIME type", format)
		}
	case e.name == "import":
		p.looser(e, "8.1.2", "put all into one file", "the import of %q is not read", e.attr("location"))
	case e.name == "operation" && e.child("inMessageRef") == nil:
		p.looser(e, "8.4.3", "name its message in inMessageRef", "the operation has no input message")
	case e.name == "participantMultiplicity":
		p.multiplicity(e)
	case (e.name == "choreography" || e.name == "globalConversation") && e.child("choreographyRef") != nil:
		p.looser(e, "9.5", "remove choreographyRef", "a %s refers to a choreography", e.name)
	case e.name == "dataObjectReference":
		p.dataObjectReference(e)
	case e.child("supportedInterfaceRef") != nil && e.child("ioBinding") == nil:
		p.looser(e, "10.3.6", "add an ioBinding", "%s supports an interface but binds no operation", e.name)
	}
}

func (p *parser) multiplicity(e *element) {
	low, high := 0, 1
	if text := e.attr("minimum"); text != "" {
		low, _ = strconv.Atoi(text)
	}
	if text := e.attr("maximum"); text != "" {
		high, _ = strconv.Atoi(text)
	} else {
		high = max(1, low)
	}
	if low < 0 || high < 1 || high < low {
		p.looser(e, "9.3.1", "write a minimum of 0 or more and a maximum of 1 or more that is not less", "the multiplicity of the participant is %d to %d", low, high)
	}
}

// dataObjectReference checks the naming convention "name [state]" and that the type is
// left to the data object (BPMN 10.4.1).
func (p *parser) dataObjectReference(e *element) {
	if e.attr("itemSubjectRef") != "" {
		p.looser(e, "10.4.1", "set it on the data object", "a data object reference has a type of its own")
	}
	object := p.ids[ref(e.attr("dataObjectRef"))]
	if object == nil || !object.is("dataObject") {
		p.looser(e, "10.4.1", "name a data object", "the data object %q does not exist", e.attr("dataObjectRef"))
		return
	}
	name := e.attr("name")
	if name == "" || p.lenient {
		return
	}
	want := object.attr("name")
	if state := e.child("dataState"); state != nil {
		want += " [" + state.attr("name") + "]"
	}
	if name != want {
		p.fail(e, "10.4.1", "name it "+strconv.Quote(want), "the data object reference is named %q", name)
	}
}

// dataRules checks item definitions, input and output specifications and data
// associations. Nothing of it runs here; in an interchange file it must be consistent.
func (p *parser) dataRules(root *element) {
	if p.lenient {
		return
	}
	p.eachElement(root, func(e *element) {
		switch e.name {
		case "dataObject", "dataInput", "dataOutput":
			p.collectionMatches(e)
		case "ioSpecification":
			p.specification(e)
		case "dataInputAssociation", "dataOutputAssociation":
			p.dataAssociation(e)
		case "serviceTask":
			p.serviceData(e)
		case "sendTask":
			p.taskData(e, "inputSet", "dataInput")
		case "receiveTask":
			p.taskData(e, "outputSet", "dataOutput")
		case "startEvent", "intermediateCatchEvent", "boundaryEvent":
			p.eventData(e, "dataOutput")
		case "intermediateThrowEvent", "endEvent":
			p.eventData(e, "dataInput")
		case "ioBinding":
			p.binding(e)
		}
	})
}

func (p *parser) eachElement(e *element, visit func(*element)) {
	for _, k := range e.kids {
		if k.space == nsBPMN && k.name != "extensionElements" {
			visit(k)
			p.eachElement(k, visit)
		}
	}
}

// item is the item definition of an element, directly or through what it refers to.
func (p *parser) item(e *element) *element {
	for hops := 0; e != nil && hops < 4; hops++ {
		switch {
		case e.is("itemDefinition"):
			return e
		case e.attr("itemSubjectRef") != "":
			e = p.ids[ref(e.attr("itemSubjectRef"))]
		case e.attr("itemRef") != "":
			e = p.ids[ref(e.attr("itemRef"))]
		case e.attr("dataObjectRef") != "":
			e = p.ids[ref(e.attr("dataObjectRef"))]
		case e.attr("dataStoreRef") != "":
			e = p.ids[ref(e.attr("dataStoreRef"))]
		case e.attr("structureRef") != "": // errors, signals, escalations
			e = p.ids[ref(e.attr("structureRef"))]
		default:
			return nil
		}
	}
	return nil
}

// sameType tells whether two elements have the same item definition or structure.
func (p *parser) sameType(a, b *element) bool {
	x, y := p.item(a), p.item(b)
	if x == nil || y == nil {
		return false
	}
	return x == y || x.attr("structureRef") != "" && x.attr("structureRef") == y.attr("structureRef")
}

// collectionMatches checks isCollection against the item definition (BPMN 10.4.1).
func (p *parser) collectionMatches(e *element) {
	definition := p.ids[ref(e.attr("itemSubjectRef"))]
	if definition == nil {
		return
	}
	if isTrue(e.attr("isCollection")) != isTrue(definition.attr("isCollection")) {
		p.fail(e, "10.4.1", "make both agree", "isCollection differs from that of the item definition %q", definition.attr("id"))
	}
}

// specification checks that the sets of an ioSpecification name its inputs and outputs
// and agree with each other (BPMN 10.4.2).
func (p *parser) specification(io *element) {
	p.sets(io, "dataInput", "inputSet", "dataInputRefs", "optionalInputRefs", "whileExecutingInputRefs")
	p.sets(io, "dataOutput", "outputSet", "dataOutputRefs", "optionalOutputRefs", "whileExecutingOutputRefs")
	p.setPairs(io, "inputSet", "outputSetRefs", "outputSet", "inputSetRefs")
	p.setPairs(io, "outputSet", "inputSetRefs", "inputSet", "outputSetRefs")
}

// sets checks the sets of one side against its data elements.
func (p *parser) sets(io *element, data, set, refs, optional, executing string) {
	all := io.children(set)
	if len(all) == 0 {
		p.fail(io, "10.4.2", "add one, it may be empty", "the ioSpecification has no %s", set)
	}
	named := map[string]bool{}
	for _, s := range all {
		inSet := map[string]bool{}
		for _, r := range s.children(refs) {
			id := ref(r.trimmed())
			named[id], inSet[id] = true, true
			if target := p.ids[id]; target == nil || !target.is(data) {
				p.fail(r, "10.4.2", "name a "+data, "the %s %q does not exist", data, id)
			}
		}
		for _, r := range append(s.children(optional), s.children(executing)...) {
			if !inSet[ref(r.trimmed())] {
				p.fail(r, "10.4.2", "list it as "+refs+" too", "%q is not listed as %s", r.trimmed(), refs)
			}
		}
	}
	for _, x := range io.children(data) {
		if !named[x.attr("id")] {
			p.fail(x, "10.4.2", "name it in a set", "no %s names the %s %q", set, data, x.attr("id"))
		}
	}
}

// setPairs checks that input and output sets that refer to each other do so both ways.
func (p *parser) setPairs(io *element, mine, refs, theirs, back string) {
	for _, s := range io.children(mine) {
		for _, r := range s.children(refs) {
			other := p.ids[ref(r.trimmed())]
			if other == nil || !other.is(theirs) || !names(other, back, s.attr("id")) {
				p.fail(r, "10.4.2", "refer to each other", "the %s %q does not refer back to %q", theirs, r.trimmed(), s.attr("id"))
			}
		}
	}
}

// names tells whether e has a child of that name with that text.
func names(e *element, child, text string) bool {
	return slices.ContainsFunc(e.children(child), func(x *element) bool { return ref(x.trimmed()) == text })
}

// dataAssociation checks the ends of a data association (BPMN 10.4.2).
func (p *parser) dataAssociation(e *element) {
	if e.child("transformation") == nil && len(e.children("sourceRef")) > 1 {
		p.fail(e, "10.4.2", "write a transformation, or keep one source", "a data association without a transformation has several sources")
	}
	target := p.ids[ref(e.childText("targetRef"))]
	source := p.ids[ref(e.childText("sourceRef"))]
	switch {
	case e.child("sourceRef") != nil && source == nil:
		p.fail(e, "10.4.2", "name a data element", "the source %q does not exist", e.childText("sourceRef"))
	case e.child("targetRef") != nil && target == nil:
		p.fail(e, "10.4.2", "name a data element", "the target %q does not exist", e.childText("targetRef"))
	case e.is("dataOutputAssociation") && target != nil && target.is("dataInput"):
		p.fail(e, "10.4.2", "name a data object, data output or property", "a data input is the target of a data output association")
	case e.is("dataInputAssociation") && source != nil && source.is("dataOutput"):
		p.fail(e, "10.4.2", "name a data object, data input or property", "a data output is the source of a data input association")
	case source == nil || target == nil || e.child("transformation") != nil:
	case p.item(source) != nil && p.item(target) != nil && !p.sameType(source, target):
		p.fail(e, "10.4.2", "write a transformation", "source and target of the data association have different types")
	}
}

// serviceData checks a service task against its operation (BPMN 10.3.3).
func (p *parser) serviceData(e *element) {
	if e.attr("operationRef") == "" {
		return
	}
	operation := p.ids[ref(e.attr("operationRef"))]
	if operation == nil || !operation.is("operation") {
		p.fail(e, "10.3.3", "name an operation of an interface", "the operation %q does not exist", e.attr("operationRef"))
		return
	}
	io := e.child("ioSpecification")
	if countOf(io, "inputSet") != 1 {
		p.fail(e, "10.3.3", "give it one input set", "a service task with an operation has %d input sets", countOf(io, "inputSet"))
	}
	if countOf(io, "outputSet") > 1 {
		p.fail(e, "10.3.3", "give it one output set", "a service task with an operation has %d output sets", countOf(io, "outputSet"))
	}
	p.carries(e, io, "dataInput", p.ids[ref(operation.childText("inMessageRef"))])
	if out := operation.childText("outMessageRef"); out != "" && countOf(io, "dataOutput") == 0 {
		p.fail(e, "10.3.3", "add a data output", "the operation has an output message but the service task no data output")
	}
	p.carries(e, io, "dataOutput", p.ids[ref(operation.childText("outMessageRef"))])
}

// carries checks that the data elements of an ioSpecification have the type of a message.
func (p *parser) carries(e, io *element, data string, message *element) {
	if io == nil || message == nil {
		return
	}
	all := io.children(data)
	if len(all) > 0 && !slices.ContainsFunc(all, func(x *element) bool { return p.sameType(x, message) }) {
		p.fail(e, "10.3.3", "give both the same item definition", "the %s has not the type of the message %q", data, message.attr("id"))
	}
}

// taskData checks a send or receive task against its message (BPMN 10.3.3).
func (p *parser) taskData(e *element, set, data string) {
	io := e.child("ioSpecification")
	if e.attr("messageRef") == "" || io == nil {
		return
	}
	for _, part := range []string{set, data} {
		if countOf(io, part) > 1 {
			p.fail(e, "10.3.3", "keep one", "a task with a message has %d %s elements", countOf(io, part), part)
		}
	}
	p.carries(e, io, data, p.ids[ref(e.attr("messageRef"))])
}

// eventData checks the data of an event against its definitions (BPMN 10.5.1): one for
// each, of the type that the definition carries.
func (p *parser) eventData(e *element, data string) {
	all := e.children(data)
	definitions := p.definitionsOf(e)
	if len(all) == 0 {
		return
	}
	if len(all) != len(definitions) {
		p.fail(e, "10.5.1", "give each event definition one", "the event has %d event definitions but %d %s elements", len(definitions), len(all), data)
		return
	}
	for i, x := range definitions {
		carrier := p.ids[ref(firstOf(x.attr("messageRef"), x.attr("signalRef"), x.attr("errorRef"), x.attr("escalationRef")))]
		if carrier != nil && p.item(carrier) != nil && !p.sameType(all[i], carrier) {
			p.fail(all[i], "10.5.1", "give both the same item definition", "the %s has not the type of what the event carries", data)
		}
	}
}

// binding checks an ioBinding against its operation (BPMN 10.3.6).
func (p *parser) binding(e *element) {
	operation := p.ids[ref(e.attr("operationRef"))]
	if operation == nil || !operation.is("operation") {
		p.fail(e, "10.3.6", "name an operation of an interface", "the operation %q does not exist", e.attr("operationRef"))
		return
	}
	for _, end := range []struct{ data, message string }{{"inputDataRef", "inMessageRef"}, {"outputDataRef", "outMessageRef"}} {
		data, message := p.boundData(e, end.data), p.ids[ref(operation.childText(end.message))]
		if message != nil && (data == nil || !p.sameType(data, message)) {
			p.fail(e, "10.3.6", "bind data of the message's type", "%s does not fit the operation", end.data)
		}
	}
}

// boundData is the data element that a binding refers to, through its set or directly.
func (p *parser) boundData(e *element, attr string) *element {
	data := p.ids[ref(e.attr(attr))]
	if data == nil {
		return nil
	}
	if inner := firstOf(data.childText("dataInputRefs"), data.childText("dataOutputRefs")); inner != "" {
		return p.ids[ref(inner)]
	}
	return data
}
