package engine_test

import (
	"fmt"
	"math/rand"
	"strings"
	"testing"

	"github.com/paceline/paceline/internal/bpmn"
	"github.com/paceline/paceline/internal/engine"
)

// builder writes a random model that is made of well-formed blocks, so that it can always end.
type builder struct {
	*rand.Rand
	n     int
	nodes strings.Builder
	tasks []string
}

func (b *builder) id(kind string) string {
	b.n++
	return fmt.Sprintf("%s%d", kind, b.n)
}

func (b *builder) node(tag, id, inner string, attrs ...string) string {
	fmt.Fprintf(&b.nodes, "<%s id=%q %s>%s</%s>\n", tag, id, strings.Join(attrs, " "), inner, tag)
	return id
}

func (b *builder) flow(from, to, condition string) string {
	id := b.id("f")
	if condition != "" {
		condition = `<conditionExpression>= ` + condition + `</conditionExpression>`
	}
	fmt.Fprintf(&b.nodes, "<sequenceFlow id=%q sourceRef=%q targetRef=%q>%s</sequenceFlow>\n", id, from, to, condition)
	return id
}

const loops = `<multiInstanceLoopCharacteristics isSequential="%v"><loopCardinality>%d</loopCardinality>%s</multiInstanceLoopCharacteristics>`

func (b *builder) multi() string {
	if b.Intn(5) > 0 {
		return ""
	}
	completion := ""
	if b.Intn(2) == 0 {
		completion = `<completionCondition>= nrOfCompletedInstances &gt;= 2</completionCondition>`
	}
	return fmt.Sprintf(loops, b.Intn(2) == 0, b.Intn(3)+1, completion)
}

// block writes one block and returns its first and last node.
func (b *builder) block(depth int) (first, last string) {
	if depth == 0 {
		return b.task()
	}
	switch b.Intn(9) {
	case 0, 1:
		first, last = b.block(depth - 1)
		for range b.Intn(2) + 1 {
			in, out := b.block(depth - 1)
			b.flow(last, in, "")
			last = out
		}
		return first, last
	case 2:
		return b.split("parallelGateway", depth, nil)
	case 3:
		return b.split("exclusiveGateway", depth, []string{"x", "y"})
	case 4:
		return b.split("inclusiveGateway", depth, []string{"x", "y"})
	case 5:
		return b.again(depth)
	case 6, 7:
		return b.subProcess(depth)
	case 8:
		return b.events(depth)
	}
	return b.task()
}

func (b *builder) task() (string, string) {
	switch b.Intn(6) {
	case 0:
		id := b.node("serviceTask", b.id("work"), b.multi())
		return id, id
	case 1:
		id := b.node("receiveTask", b.id("receive"), "", `messageRef="m"`)
		return id, id
	case 2:
		id := b.node("intermediateCatchEvent", b.id("timer"), `<timerEventDefinition><timeDuration>PT5M</timeDuration></timerEventDefinition>`)
		return id, id
	}
	if b.Intn(4) == 0 {
		return b.approval()
	}
	id := b.node("userTask", b.id("user"), b.multi())
	b.tasks = append(b.tasks, id)
	return id, id
}

func (b *builder) approval() (string, string) {
	pick := func(of ...string) string { return of[b.Intn(len(of))] }
	group := fmt.Sprintf(`<extensionElements><p:approval mode="%s" rule="%s" reject="%s" early="%s"/></extensionElements>`,
		pick("parallel", "inTurn"), pick("all", "any", "60%", "2"), pick("rule", "first", "majority"), pick("true", "false"))
	id := b.node("userTask", b.id("group"), group, fmt.Sprintf("p:candidateUsers=%q", pick("m1,m2", "m1,m2,m3,m4")), `xmlns:p="https://paceline.dev/bpmn/1.0"`)
	b.tasks = append(b.tasks, id)
	return id, id
}

// split writes a gateway pair; with conditions the last branch is the default.
func (b *builder) split(tag string, depth int, conditions []string) (string, string) {
	fork, join := b.id("fork"), b.id("join")
	fallback := ""
	for i := range b.Intn(2) + 2 {
		in, out := b.block(depth - 1)
		condition := ""
		if i < len(conditions) {
			condition = conditions[i]
		}
		f := b.flow(fork, in, condition)
		if condition == "" && conditions != nil || i == 0 && conditions != nil {
			fallback = f
		}
		b.flow(out, join, "")
	}
	attr := ""
	if fallback != "" {
		attr = fmt.Sprintf("default=%q", fallback)
	}
	b.node(tag, fork, "", attr)
	b.node(tag, join, "")
	return fork, join
}

func (b *builder) again(depth int) (string, string) {
	head, tail := b.id("head"), b.id("tail")
	in, out := b.block(depth - 1)
	b.flow(head, in, "")
	b.flow(out, tail, "")
	b.flow(tail, head, "again")
	exit := b.node("manualTask", b.id("exit"), "")
	f := b.flow(tail, exit, "")
	b.node("exclusiveGateway", head, "")
	b.node("exclusiveGateway", tail, "", fmt.Sprintf("default=%q", f))
	return head, exit
}

func (b *builder) subProcess(depth int) (string, string) {
	id, outer := b.id("sub"), b.nodes
	b.nodes = strings.Builder{}
	start := b.node("startEvent", b.id("start"), "")
	in, out := b.block(depth - 1)
	b.flow(start, in, "")
	thrown := b.ends(out)
	if b.Intn(4) == 0 {
		esp := b.nodes
		b.nodes = strings.Builder{}
		s := b.node("startEvent", b.id("start"), `<signalEventDefinition signalRef="s"/>`, fmt.Sprintf(`isInterrupting="%v"`, b.Intn(2) == 0))
		u := b.node("userTask", b.id("user"), "")
		b.flow(s, u, "")
		inner := b.nodes.String()
		b.nodes = esp
		b.node("subProcess", b.id("event"), inner, `triggeredByEvent="true"`)
	}
	inner := b.nodes.String()
	b.nodes = outer
	b.node("subProcess", id, b.multi()+inner)
	if b.Intn(3) == 0 { // a branch beside, with an end of its own
		beside := b.node("boundaryEvent", b.id("boundary"), `<timerEventDefinition><timeDuration>PT7M</timeDuration></timerEventDefinition>`, fmt.Sprintf("attachedToRef=%q", id), `cancelActivity="false"`)
		u := b.node("userTask", b.id("user"), "")
		b.flow(beside, u, "")
		b.flow(u, b.node("endEvent", b.id("end"), ""), "")
	}
	if b.Intn(2) == 0 && !thrown {
		return id, id
	}
	merge := b.node("exclusiveGateway", b.id("merge"), "")
	b.flow(id, merge, "")
	if thrown {
		caught := b.node("boundaryEvent", b.id("boundary"), `<errorEventDefinition errorRef="e"/>`, fmt.Sprintf("attachedToRef=%q", id))
		b.flow(caught, merge, "")
	}
	boundary := b.node("boundaryEvent", b.id("boundary"), `<timerEventDefinition><timeDuration>PT20M</timeDuration></timerEventDefinition>`, fmt.Sprintf("attachedToRef=%q", id))
	b.flow(boundary, merge, "")
	return id, merge
}

// ends ends a sub-process: plainly, or by choice with a terminate or an error end event. It reports
// whether an error may leave the sub-process.
func (b *builder) ends(last string) (thrown bool) {
	event := []string{"", `<terminateEventDefinition/>`, `<errorEventDefinition errorRef="e"/>`}[b.Intn(3)]
	end := b.node("endEvent", b.id("end"), "")
	if event == "" {
		b.flow(last, end, "")
		return false
	}
	choice := b.id("choice")
	b.flow(last, choice, "")
	b.flow(choice, b.node("endEvent", b.id("end"), event), "x")
	f := b.flow(choice, end, "")
	b.node("exclusiveGateway", choice, "", fmt.Sprintf("default=%q", f))
	return strings.Contains(event, "error")
}

func (b *builder) events(depth int) (string, string) {
	gateway := b.node("eventBasedGateway", b.id("first"), "")
	merge := b.node("exclusiveGateway", b.id("merge"), "")
	for _, event := range []string{`<messageEventDefinition messageRef="m"/>`, `<timerEventDefinition><timeDuration>PT10M</timeDuration></timerEventDefinition>`} {
		c := b.node("intermediateCatchEvent", b.id("catch"), event)
		b.flow(gateway, c, "")
		in, out := b.block(depth - 1)
		b.flow(c, in, "")
		b.flow(out, merge, "")
	}
	return gateway, merge
}

func randomModel(t *testing.T, seed int64) (*engine.Definition, string) {
	t.Helper()
	b := &builder{Rand: rand.New(rand.NewSource(seed))}
	start := b.node("startEvent", "start", "")
	in, out := b.block(3)
	b.flow(start, in, "")
	b.flow(out, b.node("endEvent", "end", ""), "")
	src := `<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" targetNamespace="t">
<message id="m" name="m"/><signal id="s" name="s"/><error id="e" errorCode="E"/><process id="main" isExecutable="true">` + b.nodes.String() + `</process></definitions>`
	file, err := bpmn.Parse([]byte(src))
	if err != nil {
		t.Fatalf("seed %d: %v\n%s", seed, err, src)
	}
	def, err := engine.Compile(file, "main")
	if err != nil {
		t.Fatalf("seed %d: %v\n%s", seed, err, src)
	}
	return def, src
}
