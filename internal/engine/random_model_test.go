package engine_test

import (
	"fmt"
	"math/rand"
	"strings"
	"testing"

	"github.com/paceline/paceline/internal/bpmn"
	"github.com/paceline/paceline/internal/engine"
)

// draws are the random decisions of one model or one act: new ones are kept, and a list of kept ones
// makes them again. A list that was cut ends in zeros, and zero is always the simplest choice; so
// a failing case is shrunk by cutting its lists.
type draws struct {
	random *rand.Rand // nil: only those kept
	kept   []int
	next   int
}

func (d *draws) Intn(n int) int {
	if d.next == len(d.kept) {
		if d.random == nil {
			return 0
		}
		d.kept = append(d.kept, d.random.Intn(n))
	}
	d.next++
	return d.kept[d.next-1] % n
}

// builder writes a random model that is made of well-formed blocks, so that it can always end.
type builder struct {
	*draws
	n     int
	nodes strings.Builder
	tasks []string
	pairs [][2]string // splits and their joins: one completion of the one makes one of the other
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
	if b.Intn(5) < 4 {
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
	switch b.Intn(13) {
	case 1, 2:
		first, last = b.block(depth - 1)
		for range b.Intn(2) + 1 {
			in, out := b.block(depth - 1)
			b.flow(last, in, "")
			last = out
		}
		return first, last
	case 3:
		return b.split("parallelGateway", depth, nil)
	case 4:
		return b.split("exclusiveGateway", depth, []string{"x", "y"})
	case 5:
		return b.split("inclusiveGateway", depth, []string{"x", "y"})
	case 6:
		return b.again(depth)
	case 7, 8, 9:
		return b.subProcess(depth)
	case 10:
		return b.events(depth)
	case 11:
		return b.undo(depth)
	case 12:
		return b.raise(depth)
	}
	return b.task()
}

// undo writes a compensation throw event behind a block.
func (b *builder) undo(depth int) (string, string) {
	first, last := b.block(depth - 1)
	waits := b.Intn(2) == 0
	event := b.node("intermediateThrowEvent", b.id("undo"), fmt.Sprintf(`<compensateEventDefinition waitForCompletion="%v"/>`, waits))
	b.flow(last, event, "")
	return first, event
}

// undone gives an activity a compensation handler.
func (b *builder) undone(id string) {
	boundary := b.node("boundaryEvent", b.id("boundary"), `<compensateEventDefinition/>`, fmt.Sprintf("attachedToRef=%q", id))
	handler := b.node("userTask", b.id("handler"), "", `isForCompensation="true"`)
	fmt.Fprintf(&b.nodes, "<association id=%q sourceRef=%q targetRef=%q/>\n", b.id("a"), boundary, handler)
}

func (b *builder) task() (string, string) {
	switch b.Intn(6) {
	case 3:
		id := b.node("serviceTask", b.id("work"), b.multi())
		return id, id
	case 1:
		id := b.node("receiveTask", b.id("receive"), "", `messageRef="m"`)
		return id, id
	case 2:
		id := b.node("intermediateCatchEvent", b.id("timer"), `<timerEventDefinition><timeDuration>PT5M</timeDuration></timerEventDefinition>`)
		return id, id
	}
	if b.Intn(4) == 3 {
		return b.approval()
	}
	id := b.node("userTask", b.id("user"), b.multi())
	if b.Intn(5) == 4 {
		b.undone(id)
	}
	b.tasks = append(b.tasks, id)
	return id, id
}

func (b *builder) approval() (string, string) {
	pick := func(of ...string) string { return of[b.Intn(len(of))] }
	group := fmt.Sprintf(`<extensionElements><p:approval mode="%s" rule="%s" reject="%s" early="%s" returned="%s"/>%s</extensionElements>`,
		pick("parallel", "inTurn"), pick("all", "any", "60%", "2"), pick("rule", "first", "majority"), pick("true", "false"), pick("restart", "keep"),
		pick("", `<p:sla due="PT5M"><p:level before="PT1M" do="warn"/><p:level do="transfer"/><p:level after="PT1M" do="pass"/></p:sla>`,
			`<p:sla due="PT5M" each="true"><p:level do="escalate"/><p:level after="PT1M" do="reject"/></p:sla>`))
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
	b.pairs = append(b.pairs, [2]string{fork, join})
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

const (
	condition  = `<conditionalEventDefinition><condition>= x and y</condition></conditionalEventDefinition>`
	escalation = `<escalationEventDefinition escalationRef="u"/>`
)

// raise writes an escalation throw event behind a block.
func (b *builder) raise(depth int) (string, string) {
	first, last := b.block(depth - 1)
	event := b.node("intermediateThrowEvent", b.id("raise"), escalation)
	b.flow(last, event, "")
	return first, event
}

func (b *builder) subProcess(depth int) (string, string) {
	id, outer := b.id("sub"), b.nodes
	b.nodes = strings.Builder{}
	start := b.node("startEvent", b.id("start"), "")
	in, out := b.block(depth - 1)
	b.flow(start, in, "")
	tag, ends := "subProcess", []string{"", `<terminateEventDefinition/>`, `<errorEventDefinition errorRef="e"/>`}
	if b.Intn(4) == 3 {
		tag, ends = "transaction", []string{"", `<cancelEventDefinition/>`}
	}
	thrown := b.ends(out, ends)
	if b.Intn(4) == 3 {
		esp := b.nodes
		b.nodes = strings.Builder{}
		trigger := []string{`<signalEventDefinition signalRef="s"/>`, condition, escalation}[b.Intn(3)]
		s := b.node("startEvent", b.id("start"), trigger, fmt.Sprintf(`isInterrupting="%v"`, b.Intn(2) == 0))
		u := b.node("userTask", b.id("user"), "")
		b.flow(s, u, "")
		inner := b.nodes.String()
		b.nodes = esp
		b.node("subProcess", b.id("event"), inner, `triggeredByEvent="true"`)
	}
	inner := b.nodes.String()
	b.nodes = outer
	b.node(tag, id, b.multi()+inner)
	if b.Intn(3) == 2 { // a branch beside, with an end of its own
		trigger := []string{`<timerEventDefinition><timeDuration>PT7M</timeDuration></timerEventDefinition>`, condition, escalation}[b.Intn(3)]
		beside := b.node("boundaryEvent", b.id("boundary"), trigger, fmt.Sprintf("attachedToRef=%q", id), `cancelActivity="false"`)
		u := b.node("userTask", b.id("user"), "")
		b.flow(beside, u, "")
		b.flow(u, b.node("endEvent", b.id("end"), ""), "")
	}
	if b.Intn(2) == 0 && thrown == "" {
		return id, id
	}
	merge := b.node("exclusiveGateway", b.id("merge"), "")
	b.flow(id, merge, "")
	if thrown != "" {
		caught := b.node("boundaryEvent", b.id("boundary"), thrown, fmt.Sprintf("attachedToRef=%q", id))
		b.flow(caught, merge, "")
	}
	boundary := b.node("boundaryEvent", b.id("boundary"), `<timerEventDefinition><timeDuration>PT20M</timeDuration></timerEventDefinition>`, fmt.Sprintf("attachedToRef=%q", id))
	b.flow(boundary, merge, "")
	return id, merge
}

// ends ends a sub-process: plainly, or by choice with one of the events. It gives the event that may
// leave the sub-process, empty for none.
func (b *builder) ends(last string, events []string) (thrown string) {
	event := events[b.Intn(len(events))]
	end := b.node("endEvent", b.id("end"), "")
	if event == "" {
		b.flow(last, end, "")
		return ""
	}
	choice := b.id("choice")
	b.flow(last, choice, "")
	b.flow(choice, b.node("endEvent", b.id("end"), event), "x")
	f := b.flow(choice, end, "")
	b.node("exclusiveGateway", choice, "", fmt.Sprintf("default=%q", f))
	if strings.Contains(event, "terminate") {
		return ""
	}
	return event
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
	m, err := buildModel(&draws{random: rand.New(rand.NewSource(seed))})
	if err != nil {
		t.Fatalf("seed %d: %v\n%s", seed, err, m.src)
	}
	return m.def, m.src
}

// model is a generated model with its text.
type model struct {
	def   *engine.Definition
	src   string
	pairs [][2]string
}

func buildModel(d *draws) (model, error) {
	b := &builder{draws: d}
	start := b.node("startEvent", "start", "")
	in, out := b.block(3)
	b.flow(start, in, "")
	b.flow(out, b.node("endEvent", "end", ""), "")
	m := model{pairs: b.pairs, src: `<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" targetNamespace="t">
<message id="m" name="m"/><signal id="s" name="s"/><error id="e" errorCode="E"/><escalation id="u" escalationCode="U"/><process id="main" isExecutable="true">
` + b.nodes.String() + `</process></definitions>
`}
	file, err := bpmn.Parse([]byte(m.src))
	if err == nil {
		m.def, err = engine.Compile(file, "main")
	}
	return m, err
}
