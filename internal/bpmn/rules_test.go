package bpmn

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

const plainHead = `<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL"
 xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" targetNamespace="t">
 <itemDefinition id="text" structureRef="String"/><itemDefinition id="texts" structureRef="String" isCollection="true"/>
 <itemDefinition id="number" structureRef="Integer"/>
 <message id="msg" name="hello" itemRef="text"/><signal id="sig" name="stop"/><error id="err" errorCode="E"/><error id="plain"/>
 <escalation id="esc" escalationCode="U"/><escalation id="quiet"/>
 <interface id="if" name="if"><operation id="op" name="op"><inMessageRef>msg</inMessageRef></operation></interface>
 <resource id="res" name="r"><resourceParameter id="par" name="p"/></resource>`

// plain wraps the content of a process into an interchange file, with the lists of
// incoming and outgoing flows filled in.
func plain(content string) string {
	if !strings.Contains(content, "<process") {
		content = `<process id="p" isExecutable="true">` + content + `</process>`
	}
	return plainHead + listFlows(content) + `</definitions>`
}

var (
	flowTag = regexp.MustCompile(`<sequenceFlow id="(\w+)" sourceRef="(\w+)" targetRef="(\w+)"`)
	nodeTag = regexp.MustCompile(`<(\w+) id="(\w+)"([^<>]*?)(/?)>`)
)

func listFlows(content string) string {
	in, out := map[string]string{}, map[string]string{}
	for _, m := range flowTag.FindAllStringSubmatch(content, -1) {
		out[m[2]] += "<outgoing>" + m[1] + "</outgoing>"
		in[m[3]] += "<incoming>" + m[1] + "</incoming>"
	}
	return nodeTag.ReplaceAllStringFunc(content, func(tag string) string {
		m := nodeTag.FindStringSubmatch(tag)
		lists := in[m[2]] + out[m[2]]
		switch {
		case lists == "" || kinds[m[1]] == 0:
			return tag
		case m[4] == "":
			return tag + lists
		}
		return "<" + m[1] + ` id="` + m[2] + `"` + m[3] + ">" + lists + "</" + m[1] + ">"
	})
}

// around puts nodes between a start and an end event: start -> x ... -> end.
func around(first, last, nodes string) string {
	return `<startEvent id="s"/><sequenceFlow id="fs" sourceRef="s" targetRef="` + first + `"/>` + nodes +
		`<sequenceFlow id="fe" sourceRef="` + last + `" targetRef="e"/><endEvent id="e"/>`
}

const formal = ` xsi:type="tFormalExpression"`

// invalid are models that break one rule each, with a part of the problem.
var invalid = []struct{ name, src, want string }{
	{"no XML", `<definitions`, "no well-formed XML"},
	{"empty", ``, "empty"},
	{"other root", `<html/>`, "not BPMN definitions"},
	{"doctype", `<!DOCTYPE x [<!ENTITY a "b">]>` + plain(around("a", "a", `<task id="a"/>`)), "document type"},
	{"attribute twice", `<a b="1" b="2"/>`, "given twice"},
	{"two roots", `<a/><b/>`, "second root"},
	{"entity", plain(around("a", "a", `<task id="a" name="&xxe;"/>`)), "entity"},
	{"encoding", `<?xml version="1.0" encoding="klingon"?><a/>`, "klingon"},
	{"no process", plainHead + `</definitions>`, "no process"},
	{"empty process", plain(``), "no nodes"},
	{"process without id", plain(`<process isExecutable="true">` + around("a", "a", `<task id="a"/>`) + `</process>`), "process has no id"},
	{"node without id", plain(around("a", "a", `<task id="a"/><task/>`)), "task has no id"},
	{"flow without id", plain(around("a", "a", `<task id="a"/><sequenceFlow sourceRef="a" targetRef="a"/>`)), "flow has no id"},
	{"id twice", plain(around("a", "a", `<task id="a"/><dataObject id="a"/>`)), "used by another element"},
	{"shape id twice", plain(around("a", "a", `<task id="a"/>`) + `<d:BPMNShape xmlns:d="http://www.omg.org/spec/BPMN/20100524/DI" id="a"/>`), "used by another element"},
	{"no target namespace", strings.Replace(plain(around("a", "a", `<task id="a"/>`)), `targetNamespace="t"`, "", 1), "no targetNamespace"},
	{"import", plain(`<import location="x.bpmn"/><process id="p">` + around("a", "a", `<task id="a"/>`) + `</process>`), "is not read"},
	{"operation without message", plain(`<interface id="i2"><operation id="o2"/></interface><process id="p">` + around("a", "a", `<task id="a"/>`) + `</process>`), "no input message"},
	{"public process", plain(`<process id="p" processType="Public">` + around("a", "a", `<task id="a"/>`) + `</process>`), "Public process"},

	{"flow to nowhere", plain(around("a", "b", `<task id="a"/>`)), "does not exist"},
	{"flow from artifact", plain(around("a", "t", `<task id="a"/><textAnnotation id="t"/>`)), "is no activity"},
	{"flow without target", plain(around("a", "a", `<task id="a"/><sequenceFlow id="x" sourceRef="a"/>`)), "no targetRef"},
	{"flow across a sub-process", plain(around("a", "b", `<subProcess id="a"><startEvent id="is"/><sequenceFlow id="i" sourceRef="is" targetRef="b"/><task id="b"/></subProcess>`)), "crosses the border"},
	{"flow not listed", strings.Replace(plain(around("a", "a", `<task id="a"/>`)), "<incoming>fs</incoming>", "", 1), "not listed as incoming"},
	{"list of nothing", strings.Replace(plain(around("a", "a", `<task id="a"/>`)), "<incoming>fs</incoming>", "<incoming>fs</incoming><incoming>no</incoming>", 1), "no such flow"},
	{"default of another", plain(around("a", "a", `<task id="a" default="fs"/>`)), "does not leave this element"},
	{"default with condition", plain(around("g", "g", `<exclusiveGateway id="g" default="x"/><sequenceFlow id="x" sourceRef="g" targetRef="e"><conditionExpression`+formal+`>a</conditionExpression></sequenceFlow>`)), "default flow of"},
	{"condition behind start", plain(`<startEvent id="s"/><sequenceFlow id="x" sourceRef="s" targetRef="e"><conditionExpression` + formal + `>a</conditionExpression></sequenceFlow><endEvent id="e"/>`), "leaves an event"},
	{"only flow has condition", plain(`<startEvent id="s"/><sequenceFlow id="y" sourceRef="s" targetRef="a"/><task id="a"/><sequenceFlow id="x" sourceRef="a" targetRef="e"><conditionExpression` + formal + `>a</conditionExpression></sequenceFlow><endEvent id="e"/>`), "only flow"},
	{"not immediate", plain(`<startEvent id="s"/><sequenceFlow id="x" sourceRef="s" targetRef="e" isImmediate="false"/><endEvent id="e"/>`), "isImmediate"},
	{"flow into event sub-process", plain(around("a", "a", `<subProcess id="a" triggeredByEvent="true"><startEvent id="is"><signalEventDefinition signalRef="sig"/></startEvent><sequenceFlow id="i" sourceRef="is" targetRef="ie"/><endEvent id="ie"/></subProcess>`)), "connected to the event sub-process"},

	{"flow into start", plain(around("a", "a", `<task id="a"/><sequenceFlow id="x" sourceRef="a" targetRef="s"/>`)), "start event has an incoming"},
	{"flow out of end", plain(around("a", "a", `<task id="a"/><sequenceFlow id="x" sourceRef="e" targetRef="a"/>`)), "end event has an outgoing"},
	{"start without end", plain(`<startEvent id="s"/><sequenceFlow id="x" sourceRef="s" targetRef="a"/><task id="a"/>`), "no end event"},
	{"end without start", plain(`<task id="a"/><sequenceFlow id="x" sourceRef="a" targetRef="e"/><endEvent id="e"/>`), "no start event"},
	{"start alone", plain(around("a", "a", `<task id="a"/><startEvent id="s2"/>`)), "start event has no outgoing"},
	{"end alone", plain(around("a", "a", `<task id="a"/><endEvent id="e2"/>`)), "end event has no incoming"},
	{"never reached", plain(around("a", "a", `<task id="a"/><task id="b"/><sequenceFlow id="x" sourceRef="b" targetRef="e"/>`)), "never reached"},
	{"no way on", plain(around("a", "a", `<task id="a"/><task id="b"/><sequenceFlow id="x" sourceRef="a" targetRef="b"/>`)), "no outgoing sequence flow although"},

	{"throw event out of nothing", plain(`<intermediateThrowEvent id="c"><signalEventDefinition signalRef="sig"/></intermediateThrowEvent><sequenceFlow id="x" sourceRef="c" targetRef="a"/><task id="a"/>`), "must have an incoming and an outgoing"},
	{"catch event into nothing", plain(`<task id="a"/><sequenceFlow id="x" sourceRef="a" targetRef="c"/>` + catchSignal), "must have an incoming and an outgoing"},

	{"complex gateway", plain(around("g", "g", `<complexGateway id="g"/><sequenceFlow id="x" sourceRef="g" targetRef="e"/>`)), "not supported"},
	{"idle gateway", plain(around("g", "g", `<exclusiveGateway id="g"/>`)), "neither several"},
	{"converging", plain(around("g", "g", `<exclusiveGateway id="g" gatewayDirection="Converging"/><sequenceFlow id="x" sourceRef="g" targetRef="e"/>`)), "converging gateway has 2"},
	{"diverging", plain(around("g", "g", `<exclusiveGateway id="g" gatewayDirection="Diverging"/><sequenceFlow id="x" sourceRef="g" targetRef="g"/>`)), "diverging gateway has 2"},
	{"mixed", plain(around("g", "g", `<exclusiveGateway id="g" gatewayDirection="Mixed"/><sequenceFlow id="x" sourceRef="g" targetRef="e"/>`)), "mixed gateway"},

	{"event gateway with one way", plain(around("g", "c", `<eventBasedGateway id="g"/><sequenceFlow id="x" sourceRef="g" targetRef="c"/>`+catchSignal)), "1 outgoing flows"},
	{"event gateway to task", plain(around("g", "a", `<eventBasedGateway id="g"/><sequenceFlow id="x" sourceRef="g" targetRef="a"/><task id="a"/>`)), "leads to \"a\""},
	{"event gateway mixes", plain(around("g", "r", eventGateway+`<receiveTask id="r" messageRef="msg"/><sequenceFlow id="x" sourceRef="g" targetRef="r"/>`)), "are mixed"},
	{"event behind gateway with other flow", plain(around("g", "a", eventGateway+`<task id="a"/><sequenceFlow id="x" sourceRef="a" targetRef="c"/>`)), "other incoming flows"},
	{"condition behind event gateway", strings.Replace(plain(around("g", "c", eventGateway)), `targetRef="c"/>`, `targetRef="c"><conditionExpression`+formal+`>a</conditionExpression></sequenceFlow>`, 1), "from an event-based gateway has a condition"},
	{"instantiating gateway with incoming", strings.Replace(plain(around("g", "c", eventGateway)), `id="g"`, `id="g" instantiate="true"`, 1), "starts the process has incoming"},
	{"parallel event gateway", strings.Replace(plain(around("g", "c", eventGateway)), `id="g"`, `id="g" eventGatewayType="Parallel"`, 1), "parallel event-based"},
	{"boundary on receive behind gateway", plain(around("g", "r", `<eventBasedGateway id="g"/><receiveTask id="r" messageRef="msg"/><sequenceFlow id="x" sourceRef="g" targetRef="r"/>`+boundarySignal("r"))), "has boundary events"},

	{"error start", plain(startWith(`<errorEventDefinition errorRef="err"/>`)), "error event is not allowed as the start event of a process"},
	{"start with trigger in sub-process", plain(around("a", "a", `<subProcess id="a">`+strings.NewReplacer(`"s"`, `"is"`, `"e"`, `"ie"`, `"f"`, `"if1"`).Replace(startWith(`<signalEventDefinition signalRef="sig"/>`))+`</subProcess>`)), "start event of a sub-process"},
	{"event sub-process without trigger", plain(around("a", "a", `<task id="a"/><subProcess id="h" triggeredByEvent="true"><startEvent id="is"/><sequenceFlow id="i" sourceRef="is" targetRef="ie"/><endEvent id="ie"/></subProcess>`)), "needs a trigger"},
	{"event sub-process with two starts", plain(around("a", "a", `<task id="a"/><subProcess id="h" triggeredByEvent="true"><startEvent id="is"><signalEventDefinition signalRef="sig"/></startEvent><startEvent id="it"><signalEventDefinition signalRef="sig"/></startEvent><sequenceFlow id="i" sourceRef="is" targetRef="ie"/><sequenceFlow id="j" sourceRef="it" targetRef="ie"/><endEvent id="ie"/></subProcess>`)), "has 2 start events"},
	{"non-interrupting error start", plain(around("a", "a", `<task id="a"/><subProcess id="h" triggeredByEvent="true"><startEvent id="is" isInterrupting="false"><errorEventDefinition errorRef="err"/></startEvent><sequenceFlow id="i" sourceRef="is" targetRef="ie"/><endEvent id="ie"/></subProcess>`)), "always interrupts"},
	{"catch without trigger", plain(around("c", "c", `<intermediateCatchEvent id="c"/>`)), "needs a trigger"},
	{"compensation catch", plain(around("c", "c", `<intermediateCatchEvent id="c"><compensateEventDefinition/></intermediateCatchEvent>`)), "not allowed as an intermediate catch"},
	{"timer throw", plain(around("c", "c", `<intermediateThrowEvent id="c">`+timerOf("timeDuration", "PT1S")+`</intermediateThrowEvent>`)), "not allowed as an intermediate throw"},
	{"link end", plain(strings.Replace(around("a", "a", `<task id="a"/>`), `<endEvent id="e"/>`, `<endEvent id="e"><linkEventDefinition name="x"/></endEvent>`, 1)), "not allowed as an end"},
	{"two definitions", plain(around("c", "c", `<intermediateThrowEvent id="c"><signalEventDefinition signalRef="sig"/><escalationEventDefinition escalationRef="esc"/></intermediateThrowEvent>`)), "multiple event"},
	{"definition of nothing", plain(around("c", "c", `<intermediateThrowEvent id="c"><eventDefinitionRef>no</eventDefinitionRef></intermediateThrowEvent>`)), `event definition "no" does not exist`},

	{"boundary without host", plain(around("a", "a", `<task id="a"/>`+boundarySignal("no"))), "attached to \"no\""},
	{"boundary on gateway", plain(around("a", "a", `<task id="a"/>`+boundarySignal("s"))), "a startEvent"},
	{"boundary without trigger", plain(around("a", "a", `<task id="a"/><boundaryEvent id="b" attachedToRef="a"/><sequenceFlow id="x" sourceRef="b" targetRef="e"/>`)), "a boundary event needs a trigger"},
	{"terminate boundary", plain(around("a", "a", `<task id="a"/><boundaryEvent id="b" attachedToRef="a"><terminateEventDefinition/></boundaryEvent><sequenceFlow id="x" sourceRef="b" targetRef="e"/>`)), "not allowed as a boundary"},
	{"cancel boundary on task", plain(around("a", "a", `<task id="a"/><boundaryEvent id="b" attachedToRef="a"><cancelEventDefinition/></boundaryEvent><sequenceFlow id="x" sourceRef="b" targetRef="e"/>`)), "no transaction"},
	{"non-interrupting error boundary", plain(around("a", "a", `<task id="a"/><boundaryEvent id="b" attachedToRef="a" cancelActivity="false"><errorEventDefinition errorRef="err"/></boundaryEvent><sequenceFlow id="x" sourceRef="b" targetRef="e"/>`)), "always interrupts"},
	{"boundary without flow", plain(around("a", "a", `<task id="a"/><boundaryEvent id="b" attachedToRef="a"><signalEventDefinition signalRef="sig"/></boundaryEvent>`)), "boundary event has no outgoing"},
	{"flow into boundary", plain(around("a", "a", `<task id="a"/>`+boundarySignal("a")+`<sequenceFlow id="y" sourceRef="a" targetRef="b"/>`)), "leads to the boundary event"},
	{"compensation boundary without handler", plain(around("a", "a", `<task id="a"/><boundaryEvent id="b" attachedToRef="a"><compensateEventDefinition/></boundaryEvent>`)), "no compensation activity"},
	{"compensation boundary with flow", plain(around("a", "a", `<task id="a"/><boundaryEvent id="b" attachedToRef="a"><compensateEventDefinition/></boundaryEvent><sequenceFlow id="x" sourceRef="b" targetRef="e"/>`)), "has an outgoing sequence flow"},
	{"handler not marked", plain(around("a", "a", `<task id="a"/><boundaryEvent id="b" attachedToRef="a"><compensateEventDefinition/></boundaryEvent><task id="h"/><association id="as" sourceRef="b" targetRef="h"/>`)), "not marked as one"},
	{"two handlers", plain(around("a", "a", `<task id="a"/><boundaryEvent id="b" attachedToRef="a"><compensateEventDefinition/></boundaryEvent><task id="h" isForCompensation="true"/><task id="i" isForCompensation="true"/><association id="as" sourceRef="b" targetRef="h"/><association id="at" sourceRef="b" targetRef="i"/>`)), "second compensation activity"},
	{"flow to handler", plain(around("a", "a", `<task id="a" isForCompensation="true"/>`)), "connected to the compensation activity"},
	{"compensate nothing", plain(around("c", "c", `<intermediateThrowEvent id="c"><compensateEventDefinition activityRef="no"/></intermediateThrowEvent>`)), "to compensate does not exist"},
	{"compensate elsewhere", plain(around("c", "q", `<intermediateThrowEvent id="c"><compensateEventDefinition activityRef="in"/></intermediateThrowEvent><subProcess id="q"><task id="in"/></subProcess><sequenceFlow id="x" sourceRef="c" targetRef="q"/>`)), "not in the scope"},

	{"caught twice", plain(around("a", "a", `<task id="a"/>`+boundaryError("b1")+boundaryError("b2"))), "waits at the same place for the same error"},
	{"started twice", plain(startWith(`<messageEventDefinition messageRef="msg"><operationRef>op</operationRef></messageEventDefinition>`) + `<startEvent id="s2"><messageEventDefinition messageRef="msg"><operationRef>op</operationRef></messageEventDefinition></startEvent><sequenceFlow id="g" sourceRef="s2" targetRef="e"/>`), "waits at the same place for the same message"},
	{"handled twice", plain(around("a", "a", `<task id="a"/>`+errorHandler("h1")+errorHandler("h2"))), "waits at the same place for the same error"},

	{"message of nothing", plain(around("c", "c", `<intermediateCatchEvent id="c"><messageEventDefinition messageRef="no"><operationRef>op</operationRef></messageEventDefinition></intermediateCatchEvent>`)), `message "no" does not exist`},
	{"message not named", plain(around("c", "c", `<intermediateCatchEvent id="c"><messageEventDefinition><operationRef>op</operationRef></messageEventDefinition></intermediateCatchEvent>`)), "names no message"},
	{"message without operation", plain(around("c", "c", `<intermediateCatchEvent id="c"><messageEventDefinition messageRef="msg"/></intermediateCatchEvent>`)), "names no operation"},
	{"operation of nothing", plain(around("c", "c", `<intermediateCatchEvent id="c"><messageEventDefinition messageRef="msg"><operationRef>no</operationRef></messageEventDefinition></intermediateCatchEvent>`)), "operation \"no\""},
	{"signal not named", plain(around("c", "c", `<intermediateThrowEvent id="c"><signalEventDefinition/></intermediateThrowEvent>`)), "names no signal"},
	{"error without code", plain(endWith(`<errorEventDefinition errorRef="plain"/>`)), "no error code"},
	{"escalation without code", plain(endWith(`<escalationEventDefinition escalationRef="quiet"/>`)), "has no code"},
	{"conditional without condition", plain(around("c", "c", `<intermediateCatchEvent id="c"><conditionalEventDefinition/></intermediateCatchEvent>`)), "no condition"},
	{"cancel end outside", plain(endWith(`<cancelEventDefinition/>`)), "not inside a transaction"},
	{"throw definition shared", plain(around("c", "d", `<intermediateThrowEvent id="c"><signalEventDefinition id="sd" signalRef="sig"/></intermediateThrowEvent><sequenceFlow id="x" sourceRef="c" targetRef="d"/><intermediateThrowEvent id="d"><eventDefinitionRef>sd</eventDefinitionRef></intermediateThrowEvent>`)), "used by another event"},
	{"timer empty", plain(around("c", "c", `<intermediateCatchEvent id="c"><timerEventDefinition/></intermediateCatchEvent>`)), "the timer has 0"},
	{"timer double", plain(around("c", "c", `<intermediateCatchEvent id="c"><timerEventDefinition><timeDuration`+formal+`>PT1S</timeDuration><timeDate`+formal+`>2026-01-01</timeDate></timerEventDefinition></intermediateCatchEvent>`)), "the timer has 2"},
	{"timer cycle", plain(around("c", "c", `<intermediateCatchEvent id="c">`+timerOf("timeCycle", "INVALID")+`</intermediateCatchEvent>`)), "cannot be read"},
	{"timer duration", plain(around("c", "c", `<intermediateCatchEvent id="c">`+timerOf("timeDuration", "P1X")+`</intermediateCatchEvent>`)), "cannot be read"},
	{"timer date", plain(around("c", "c", `<intermediateCatchEvent id="c">`+timerOf("timeDate", "2026-13-01")+`</intermediateCatchEvent>`)), "cannot be read"},
	{"link without target", plain(`<startEvent id="s"/><sequenceFlow id="f" sourceRef="s" targetRef="c"/><intermediateThrowEvent id="c"><linkEventDefinition id="l" name="x"/></intermediateThrowEvent><endEvent id="e"/>`), "names no target"},
	{"link target elsewhere", plain(linked(`<target>no</target>`, `<source>l1</source>`)), "has no target in this scope"},
	{"link one-sided", plain(linked(`<target>l2</target>`, `<source>other</source>`)), "does not name this link"},
	{"link source missing", plain(linked(`<target>l2</target>`, ``)), "names no source"},
	{"link throw goes on", plain(linked(`<target>l2</target>`, `<source>l1</source>`) + `<sequenceFlow id="x" sourceRef="c" targetRef="e"/>`), "link throw event has an outgoing"},

	{"condition in words", plain(around("g", "g", `<exclusiveGateway id="g"/><sequenceFlow id="x" sourceRef="g" targetRef="e"><conditionExpression>if it rains</conditionExpression></sequenceFlow>`)), "natural language"},
	{"condition empty", plain(around("g", "g", `<exclusiveGateway id="g"/><sequenceFlow id="x" sourceRef="g" targetRef="e"><conditionExpression`+formal+`/></sequenceFlow>`)), "empty"},
	{"condition wrong", plain(around("g", "g", `<exclusiveGateway id="g"/><sequenceFlow id="x" sourceRef="g" targetRef="e"><conditionExpression`+formal+`>=a +</conditionExpression></sequenceFlow>`)), "does not compile"},
	{"condition language", plain(around("g", "g", `<exclusiveGateway id="g"/><sequenceFlow id="x" sourceRef="g" targetRef="e"><conditionExpression`+formal+` language="%$!">a</conditionExpression></sequenceFlow>`)), "is no URI"},
	{"condition of another engine", plain(around("g", "g", `<exclusiveGateway id="g"/><sequenceFlow id="x" sourceRef="g" targetRef="e"><conditionExpression`+formal+`>${bean.ask(1, 2)}</conditionExpression></sequenceFlow>`)), "cannot be read as FEEL"},

	{"quantity zero", plain(around("a", "a", `<task id="a" startQuantity="0"/>`)), "startQuantity"},
	{"completion quantity", plain(around("a", "a", `<task id="a" completionQuantity="-5"/>`)), "completionQuantity"},
	{"loop maximum", plain(around("a", "a", `<task id="a"><standardLoopCharacteristics loopMaximum="-1"/></task>`)), "loopMaximum is -1"},
	{"loop of nothing", plain(around("a", "a", `<task id="a"><standardLoopCharacteristics/></task>`)), "neither a condition nor a maximum"},
	{"multi-instance of nothing", plain(around("a", "a", `<task id="a"><multiInstanceLoopCharacteristics/></task>`)), "neither a cardinality nor a collection"},
	{"cardinality negative", plain(around("a", "a", `<task id="a"><multiInstanceLoopCharacteristics><loopCardinality`+formal+`>-1</loopCardinality></multiInstanceLoopCharacteristics></task>`)), "cardinality is -1"},
	{"collection not an input", plain(around("a", "a", `<task id="a"><multiInstanceLoopCharacteristics><loopDataInputRef>no</loopDataInputRef></multiInstanceLoopCharacteristics></task>`)), "no data input of the activity"},
	{"behavior without event", plain(around("a", "a", `<task id="a"><multiInstanceLoopCharacteristics behavior="One"><loopCardinality`+formal+`>2</loopCardinality></multiInstanceLoopCharacteristics></task>`)), "loop behavior does not exist"},
	{"item of another type", plain(around("a", "a", `<task id="a"><ioSpecification><dataInput id="di" isCollection="true" itemSubjectRef="texts"/><inputSet><dataInputRefs>di</dataInputRefs></inputSet><outputSet/></ioSpecification><multiInstanceLoopCharacteristics><loopDataInputRef>di</loopDataInputRef><inputDataItem id="it" itemSubjectRef="number"/></multiInstanceLoopCharacteristics></task>`)), "not of the type of the members"},
	{"ad hoc empty", plain(around("a", "a", `<adHocSubProcess id="a"/>`)), "has no activity"},
	{"ad hoc with start", plain(around("a", "a", `<adHocSubProcess id="a"><startEvent id="is"/><task id="t"/></adHocSubProcess>`)), "has start or end events"},
	{"sub-process with io", plain(around("a", "a", `<subProcess id="a"><ioSpecification><inputSet/><outputSet/></ioSpecification><task id="t"/></subProcess>`)), "has an ioSpecification"},
	{"call nothing", plain(around("a", "a", `<callActivity id="a"/>`)), "calls nothing"},
	{"call a task", plain(around("a", "a", `<callActivity id="a" calledElement="s"/>`)), "a startEvent"},
	{"called without none start", plain(`<process id="p">` + around("a", "a", `<callActivity id="a" calledElement="q"/>`) + `</process><process id="q">` + strings.NewReplacer(`"s"`, `"qs"`, `"e"`, `"qe"`, `"f"`, `"qf"`).Replace(startWith(`<signalEventDefinition signalRef="sig"/>`)) + `</process>`), "without a trigger"},
	{"instantiating receive with flow", plain(around("a", "a", `<receiveTask id="a" messageRef="msg" instantiate="true"/>`)), "starts the process has an incoming"},
	{"choreography inside", plain(around("a", "a", `<task id="a"/><choreographyTask id="ch"/>`)), "not allowed in a process"},
	{"resource twice", plain(around("a", "a", `<task id="a"><performer id="pf"><resourceRef>res</resourceRef><resourceAssignmentExpression><formalExpression>x</formalExpression></resourceAssignmentExpression></performer></task>`)), "both a resource"},
	{"resource of nothing", plain(around("a", "a", `<task id="a"><performer id="pf"><resourceRef>no</resourceRef></performer></task>`)), "resource \"no\""},
	{"parameter of nothing", plain(around("a", "a", `<task id="a"><performer id="pf"><resourceRef>res</resourceRef><resourceParameterBinding parameterRef="no"/></performer></task>`)), "no parameter"},
	{"parameter without resource", plain(around("a", "a", `<task id="a"><performer id="pf"><resourceParameterBinding parameterRef="par"/></performer></task>`)), "of no resource"},

	{"complex behavior of nothing", plain(around("a", "a", `<task id="a"><multiInstanceLoopCharacteristics behavior="Complex"><loopCardinality`+formal+`>2</loopCardinality></multiInstanceLoopCharacteristics></task>`)), "complex loop behavior has no definition"},
	{"item of nothing", plain(around("a", "a", `<task id="a"/><dataObject id="do" itemSubjectRef="no"/>`)), `itemDefinition "no" does not exist`},
	{"association of nothing", plain(around("a", "a", `<task id="a"/><association id="as" sourceRef="a" targetRef="no"/>`)), "of the association does not exist"},
	{"collections differ", plain(around("a", "a", `<task id="a"/><dataObject id="do" itemSubjectRef="texts"/>`)), "isCollection differs"},
	{"data object reference", plain(around("a", "a", `<task id="a"/><dataObjectReference id="dr" dataObjectRef="no"/>`)), "data object \"no\""},
	{"data object reference name", plain(around("a", "a", `<task id="a"/><dataObject id="do" name="x"/><dataObjectReference id="dr" name="y" dataObjectRef="do"/>`)), "is named \"y\""},
	{"property at the root", plainHead + `<property id="pr"/><process id="p"><task id="a"/></process></definitions>`, "a property is not allowed"},
	{"text format", plain(around("a", "a", `<task id="a"/><textAnnotation id="t" textFormat="words"/>`)), "MIME"},
	{"input in no set", plain(around("a", "a", `<task id="a"><ioSpecification><dataInput id="di"/><inputSet/><outputSet/></ioSpecification></task>`)), "no inputSet names"},
	{"output in no set", plain(around("a", "a", `<task id="a"><ioSpecification><dataOutput id="do"/><inputSet/><outputSet/></ioSpecification></task>`)), "no outputSet names"},
	{"optional not listed", plain(around("a", "a", `<task id="a"><ioSpecification><dataInput id="di"/><dataInput id="dj"/><inputSet><dataInputRefs>di</dataInputRefs><dataInputRefs>dj</dataInputRefs></inputSet><inputSet><dataInputRefs>di</dataInputRefs><optionalInputRefs>dj</optionalInputRefs></inputSet><outputSet/></ioSpecification></task>`)), "not listed as dataInputRefs"},
	{"sets one-sided", plain(around("a", "a", `<task id="a"><ioSpecification><inputSet id="is"><outputSetRefs>os</outputSetRefs></inputSet><outputSet id="os"/></ioSpecification></task>`)), "does not refer back"},
	{"association into input", plain(around("a", "a", `<task id="a"><ioSpecification><dataInput id="di"/><dataOutput id="do"/><inputSet><dataInputRefs>di</dataInputRefs></inputSet><outputSet><dataOutputRefs>do</dataOutputRefs></outputSet></ioSpecification><dataOutputAssociation id="da"><sourceRef>do</sourceRef><targetRef>di</targetRef></dataOutputAssociation></task>`)), "a data input is the target"},
	{"association of two types", plain(around("a", "a", `<dataObject id="ob" itemSubjectRef="number"/><task id="a"><ioSpecification><dataInput id="di" itemSubjectRef="text"/><inputSet><dataInputRefs>di</dataInputRefs></inputSet><outputSet/></ioSpecification><dataInputAssociation id="da"><sourceRef>ob</sourceRef><targetRef>di</targetRef></dataInputAssociation></task>`)), "different types"},
	{"association of two sources", plain(around("a", "a", `<dataObject id="ob"/><dataObject id="oc"/><task id="a"><ioSpecification><dataInput id="di"/><inputSet><dataInputRefs>di</dataInputRefs></inputSet><outputSet/></ioSpecification><dataInputAssociation id="da"><sourceRef>ob</sourceRef><sourceRef>oc</sourceRef><targetRef>di</targetRef></dataInputAssociation></task>`)), "several sources"},
	{"operation without input set", plain(around("a", "a", `<serviceTask id="a" operationRef="op"/>`)), "0 input sets"},
	{"operation of another type", plain(around("a", "a", `<serviceTask id="a" operationRef="op"><ioSpecification><dataInput id="di" itemSubjectRef="number"/><inputSet><dataInputRefs>di</dataInputRefs></inputSet><outputSet/></ioSpecification></serviceTask>`)), "has not the type of the message"},
	{"send with two inputs", plain(around("a", "a", `<sendTask id="a" messageRef="msg"><ioSpecification><dataInput id="di" itemSubjectRef="text"/><dataInput id="dj" itemSubjectRef="text"/><inputSet><dataInputRefs>di</dataInputRefs><dataInputRefs>dj</dataInputRefs></inputSet><outputSet/></ioSpecification></sendTask>`)), "2 dataInput"},
	{"event data", plain(around("c", "c", `<intermediateThrowEvent id="c"><dataInput id="di"/><dataInput id="dj"/><signalEventDefinition signalRef="sig"/></intermediateThrowEvent>`)), "1 event definitions but 2"},
	{"event data type", plain(around("c", "c", `<intermediateCatchEvent id="c"><dataOutput id="di" itemSubjectRef="number"/><messageEventDefinition messageRef="msg"><operationRef>op</operationRef></messageEventDefinition></intermediateCatchEvent>`)), "not the type of what the event carries"},
	{"interface not bound", plain(`<process id="p"><supportedInterfaceRef>if</supportedInterfaceRef>` + around("a", "a", `<task id="a"/>`) + `</process>`), "binds no operation"},

	{"multiplicity", plain(pools(`<participant id="x" processRef="p"><participantMultiplicity minimum="3" maximum="2"/></participant>`)), "multiplicity"},
	{"pool of nothing", plain(pools(`<participant id="x" processRef="no"/>`)), "of the pool does not exist"},
	{"message flow inside", plain(pools(`<messageFlow id="mf" sourceRef="a" targetRef="b"/>`)), "does not connect two pools"},
	{"message flow to itself", plain(pools(`<participant id="x"/><messageFlow id="mf" sourceRef="x" targetRef="x"/>`)), "does not connect two pools"},
	{"message flow to nothing", plain(pools(`<messageFlow id="mf" sourceRef="a" targetRef="no"/>`)), "of the message flow does not exist"},
	{"message flow from start", plain(pools(`<participant id="x"/><messageFlow id="mf" sourceRef="s" targetRef="x"/>`)), "starts at a catching event"},
	{"message flow to end", plain(pools(`<participant id="x"/><messageFlow id="mf" sourceRef="x" targetRef="e"/>`)), "ends at a throwing event"},
	{"message flow to event without message", plain(pools(`<participant id="x"/><messageFlow id="mf" sourceRef="x" targetRef="s"/>`)), "has no message"},
	{"global conversation", plain(pools("") + `<globalConversation id="gc"><choreographyRef>ch</choreographyRef></globalConversation>`), "refers to a choreography"},
	{"lane of nothing", plain(`<laneSet id="ls"><lane id="l"><flowNodeRef>no</flowNodeRef></lane></laneSet>` + around("a", "a", `<task id="a"/>`)), "the lane holds"},

	{"unknown element", plain(around("a", "a", `<task id="a"/><emailTask id="m"/>`)), "no element emailTask"},
	{"element of another place", plain(around("a", "a", `<task id="a"><startEvent id="s2"/></task>`)), "a startEvent is not allowed in a task"},
	{"foreign element outside extensions", plain(around("a", "a", `<task id="a"/><note xmlns="urn:x"/>`)), "of another namespace"},
	{"order", plain(around("a", "a", `<task id="a"/><laneSet id="ls"/>`)), "the laneSet must stand before the flowElement"},
	{"order in a node", plain(around("a", "a", `<task id="a"><documentation>d</documentation></task>`)), "the documentation must stand before the outgoing"},
	{"second child", plain(around("c", "c", `<intermediateCatchEvent id="c">`+strings.Replace(timerOf("timeDuration", "PT1S"), "</timer", "<timeDuration"+formal+">PT1S</timeDuration></timer", 1)+`</intermediateCatchEvent>`)), "a second timeDuration"},
	{"child missing", plain(around("a", "a", `<task id="a"><ioSpecification><inputSet/></ioSpecification></task>`)), "the ioSpecification has no outputSet"},
	{"unknown attribute", plain(around("a", "a", `<task id="a" assignee="ann"/>`)), "the task has no attribute assignee"},
	{"attribute of the formal expression", plain(around("g", "g", `<exclusiveGateway id="g"/><sequenceFlow id="x" sourceRef="g" targetRef="e"><conditionExpression language="x">a</conditionExpression></sequenceFlow>`)), "no attribute language"},
	{"attribute missing", plain(`<interface id="i2"><operation id="o2" name="o"><inMessageRef>msg</inMessageRef></operation></interface><process id="p">` + around("a", "a", `<task id="a"/>`) + `</process>`), "the interface has no name"},
	{"no boolean", plain(around("a", "a", `<task id="a" isForCompensation="yes"/>`)), `"yes" is no boolean`},
	{"no integer", plain(around("a", "a", `<task id="a" startQuantity="two"/>`)), `"two" is no integer`},
	{"no word of the list", plain(around("g", "g", `<exclusiveGateway id="g" gatewayDirection="Sideways"/><sequenceFlow id="x" sourceRef="g" targetRef="e"/>`)), "is none of Unspecified, Converging"},
	{"id that is no name", plain(around("a", "a", `<task id="a"/><dataObject id="1 2"/>`)), "is no name"},
	{"reference that is no name", plain(around("a", "a", `<callActivity id="a" calledElement="a b"/>`)), "is no QName"},
	{"prefix of nothing", plain(around("a", "a", `<task id="a"/><dataObject id="do" itemSubjectRef="x:y"/>`)), "which no xmlns:x declares"},
	{"text between elements", plain(around("a", "a", `<task id="a"/>then`)), "text directly inside the process"},
	{"elements in a reference", plain(`<process id="p">` + around("a", "a", `<task id="a"/>`) + `</process><partnerRole id="pr"><participantRef><text/></participantRef></partnerRole>`), "has no elements inside"},

	{"decision twice", dmnFile(`<decision id="d"><literalExpression><text>1</text></literalExpression></decision><decision id="d"><literalExpression><text>1</text></literalExpression></decision>`), "is there twice"},
	{"hit policy", dmnFile(`<decision id="d"><decisionTable hitPolicy="LUCKY"><output name="x"/></decisionTable></decision>`), "hit policy"},
	{"rule too short", dmnFile(`<decision id="d"><decisionTable><input><inputExpression><text>a</text></inputExpression></input><output name="x"/><rule><outputEntry><text>1</text></outputEntry></rule></decisionTable></decision>`), "0 of 1 inputs"},
}

const (
	catchSignal  = `<intermediateCatchEvent id="c"><signalEventDefinition signalRef="sig"/></intermediateCatchEvent>`
	eventGateway = `<eventBasedGateway id="g"/><sequenceFlow id="g1" sourceRef="g" targetRef="c"/><sequenceFlow id="g2" sourceRef="g" targetRef="m"/>` +
		catchSignal + `<intermediateCatchEvent id="m"><messageEventDefinition messageRef="msg"><operationRef>op</operationRef></messageEventDefinition></intermediateCatchEvent><sequenceFlow id="g3" sourceRef="m" targetRef="e"/>`
)

func boundarySignal(host string) string {
	return `<boundaryEvent id="b" attachedToRef="` + host + `"><signalEventDefinition signalRef="sig"/></boundaryEvent><sequenceFlow id="bf" sourceRef="b" targetRef="e"/>`
}

func boundaryError(id string) string {
	return `<boundaryEvent id="` + id + `" attachedToRef="a"><errorEventDefinition errorRef="err"/></boundaryEvent><sequenceFlow id="` + id + `f" sourceRef="` + id + `" targetRef="e"/>`
}

func errorHandler(id string) string {
	return `<subProcess id="` + id + `" triggeredByEvent="true">` + strings.NewReplacer(`"s"`, `"`+id+`s"`, `"e"`, `"`+id+`e"`, `"f"`, `"`+id+`f"`).Replace(startWith(`<errorEventDefinition errorRef="err"/>`)) + `</subProcess>`
}

func timerOf(tag, value string) string {
	return "<timerEventDefinition><" + tag + formal + ">" + value + "</" + tag + "></timerEventDefinition>"
}

func startWith(definition string) string {
	return `<startEvent id="s">` + definition + `</startEvent><sequenceFlow id="f" sourceRef="s" targetRef="e"/><endEvent id="e"/>`
}

func endWith(definition string) string {
	return `<startEvent id="s"/><sequenceFlow id="f" sourceRef="s" targetRef="e"/><endEvent id="e">` + definition + `</endEvent>`
}

func linked(target, source string) string {
	return `<startEvent id="s"/><sequenceFlow id="f" sourceRef="s" targetRef="c"/><intermediateThrowEvent id="c"><linkEventDefinition id="l1" name="x">` + target +
		`</linkEventDefinition></intermediateThrowEvent><intermediateCatchEvent id="d"><linkEventDefinition id="l2" name="x">` + source +
		`</linkEventDefinition></intermediateCatchEvent><sequenceFlow id="g" sourceRef="d" targetRef="e"/><endEvent id="e"/>`
}

func pools(content string) string {
	return `<collaboration id="co">` + content + `</collaboration><process id="p">` +
		around("a", "b", `<task id="a"/><sequenceFlow id="ab" sourceRef="a" targetRef="b"/><task id="b"/>`) + `</process>`
}

func dmnFile(content string) string {
	return `<definitions xmlns="https://www.omg.org/spec/DMN/20191111/MODEL/">` + content + `</definitions>`
}

func TestInvalid(t *testing.T) {
	for _, c := range invalid {
		t.Run(c.name, func(t *testing.T) {
			d, err := Parse([]byte(c.src))
			if err == nil {
				t.Fatalf("accepted; problems: %v", d.Problems)
			}
			for _, p := range d.Problems {
				if p.Severity == Error && strings.Contains(p.text(), c.want) {
					if p.Line < 1 {
						t.Errorf("no line: %v", p)
					}
					return
				}
			}
			t.Errorf("no error says %q: %v", c.want, d.Problems)
		})
	}
}

// TestValid holds that the helpers above make valid models, so that each invalid one
// fails for its own reason.
func TestValid(t *testing.T) {
	for name, content := range map[string]string{
		"task":                         around("a", "a", `<task id="a"/>`),
		"event gateway":                around("g", "c", eventGateway),
		"links":                        linked(`<target>l2</target>`, `<source>l1</source>`),
		"boundary":                     around("a", "a", `<task id="a"/>`+boundarySignal("a")),
		"definition outside the event": `<process id="p">` + endWith(`<eventDefinitionRef>shared</eventDefinitionRef>`) + `</process><errorEventDefinition id="shared" errorRef="err"/>`,
		"one handler":                  around("a", "a", `<task id="a"/>`+errorHandler("h1")+boundaryError("b1")),
		"error end":                    endWith(`<errorEventDefinition errorRef="err"/>`),
		"message start":                startWith(`<messageEventDefinition messageRef="msg"><operationRef>op</operationRef></messageEventDefinition>`),
		"timer":                        around("c", "c", `<intermediateCatchEvent id="c">`+timerOf("timeCycle", "R4/PT1S")+`</intermediateCatchEvent>`),
		"instantiating receive task":   `<receiveTask id="r" messageRef="msg" instantiate="true"/><sequenceFlow id="f" sourceRef="r" targetRef="a"/><task id="a"/>`,
		"pools":                        pools(`<participant id="x" processRef="p"/><participant id="y"/><messageFlow id="mf" sourceRef="y" targetRef="a"/>`),
		"conditions behind a parallel gateway": around("g", "a", `<parallelGateway id="g"/><sequenceFlow id="x" sourceRef="g" targetRef="a"><conditionExpression`+formal+
			`>test.contains("a")</conditionExpression></sequenceFlow><task id="a"/><sequenceFlow id="y" sourceRef="g" targetRef="e"/>`),
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := Parse([]byte(plain(content))); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestLenient holds that a file written for an engine may leave out what the engine does
// not need.
func TestLenient(t *testing.T) {
	content := `<process id="p"><startEvent id="s"/><sequenceFlow sourceRef="s" targetRef="g"/><exclusiveGateway id="g"/>` +
		`<sequenceFlow sourceRef="g" targetRef="c"/><intermediateCatchEvent id="c"><messageEventDefinition messageRef="msg"/></intermediateCatchEvent></process>`
	d, err := Parse([]byte(plainHead + content + `</definitions>`))
	if err != nil {
		t.Fatal(err)
	}
	if len(d.Problems) == 0 {
		t.Error("no warnings")
	}
	if d.Processes[0].Flows[0].ID == "" {
		t.Error("a flow without id got none")
	}
}

// TestMisplacedFlow holds that a flow written outside the sub-process of its nodes is
// found among them.
func TestMisplacedFlow(t *testing.T) {
	content := `<process id="p"><startEvent id="s"/><sequenceFlow id="f" sourceRef="s" targetRef="q"/><sequenceFlow id="g" sourceRef="a" targetRef="b"/>` +
		`<subProcess id="q"><task id="a"/><task id="b"/></subProcess></process>`
	d, err := Parse([]byte(plainHead + content + `</definitions>`))
	if err != nil {
		t.Fatal(err)
	}
	p := d.Process("p")
	if len(p.Flows) != 1 || len(p.Node("q").Inner.Flows) != 1 || len(p.Node("a").Out) != 1 {
		t.Errorf("outside %d, inside %d", len(p.Flows), len(p.Node("q").Inner.Flows))
	}
}

// TestLenientBy holds what makes a file one that is written for an engine.
func TestLenientBy(t *testing.T) {
	src := strings.Replace(plain(`<startEvent id="s"/><sequenceFlow id="f" sourceRef="s" targetRef="a"/><task id="a"/>`), "<definitions", "<definitions %s", 1)
	for attr, lenient := range map[string]bool{
		"": false,
		`xmlns:xsd="http://www.w3.org/2001/XMLSchema"`:                   false,
		`exporter="An Editor"`:                                           false,
		`exporter="bpmn-js (https://demo.bpmn.io)"`:                      true,
		`xmlns:flowable="http://flowable.org/bpmn"`:                      true,
		`xmlns:x="http://www.trisotech.com/2015/triso/modeling"`:         true,
		`xmlns:x="http://www.omg.org/spec/BPMN/non-normative/color/1.0"`: true,
	} {
		if _, err := Parse([]byte(strings.Replace(src, "%s", attr, 1))); (err == nil) != lenient {
			t.Errorf("%q: %v", attr, err)
		}
	}
}

// TestLenientSchema holds that of a file written for an engine only unknown names and values are told, as warnings.
func TestLenientSchema(t *testing.T) {
	src := strings.Replace(plain(`<startEvent id="s"/><task id="a" colour="red" isForCompensation="no"><extensionElements/><documentation>d</documentation><glyph/></task><laneSet id="1"/>`+
		`<sequenceFlow id="f" sourceRef="s" targetRef="a"/>`), "<definitions", `<definitions xmlns:camunda="http://camunda.org/schema/1.0/bpmn"`, 1)
	d, err := Parse([]byte(src))
	if err != nil {
		t.Fatal(err)
	}
	var told []string
	for _, p := range d.Problems {
		if p.Rule == schemaRule {
			told = append(told, p.Message)
		}
	}
	want := []string{"the task has no attribute colour", `the isForCompensation "no" is no boolean`, "there is no element glyph in a task"}
	if !slices.Equal(told, want) {
		t.Errorf("%q", told)
	}
}

// TestDescriptive holds that a process that says it is not executable has only warnings.
func TestDescriptive(t *testing.T) {
	src := plain(`<process id="p" isExecutable="false"><complexGateway id="g"/></process><process id="q">` + around("a", "a", `<task id="a"/>`) + `</process>`)
	d, err := Parse([]byte(src))
	if err != nil {
		t.Fatal(err)
	}
	if got := d.Process(""); got == nil || got.ID != "q" {
		t.Errorf("the first executable process is %v", got)
	}
}
