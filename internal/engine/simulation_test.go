package engine_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/paceline/paceline/internal/bpmn"
	"github.com/paceline/paceline/internal/engine"
	"github.com/paceline/paceline/internal/feel"
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
	id := b.node("userTask", b.id("user"), b.multi())
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

// player drives one instance and keeps account of what is open outside.
type player struct {
	*rand.Rand
	def     *engine.Definition
	state   *engine.State
	now     time.Time
	lastID  engine.ID
	drawn   []engine.ID
	history []record
	open    map[engine.ID]string
	started map[string]int
}

// record is one line of a history, as it would be stored.
type record struct {
	event []byte
	now   time.Time
	ids   []engine.ID
}

func (p *player) env() engine.Env {
	p.drawn = nil
	return engine.Env{Now: p.now, NewID: func() engine.ID {
		p.lastID++
		p.drawn = append(p.drawn, p.lastID)
		return p.lastID
	}}
}

// step applies an event through its stored form and checks what must hold after it.
func (p *player) step(ev engine.Event) error {
	stored, err := engine.EncodeEvent(ev)
	if err != nil {
		return err
	}
	if ev, err = engine.DecodeEvent(stored); err != nil {
		return err
	}
	before := mustEncode(p.state)
	next, effects, err := engine.Step(p.def, p.state, ev, p.env())
	if !bytes.Equal(before, mustEncode(p.state)) {
		return errors.New("the state given was changed")
	}
	if err != nil {
		return err
	}
	p.history = append(p.history, record{stored, p.now, p.drawn})
	p.state = next
	for _, e := range effects {
		if err := p.account(e); err != nil {
			return err
		}
	}
	return p.check()
}

func mustEncode(st *engine.State) []byte {
	if st == nil {
		return nil
	}
	raw, err := st.MarshalBinary()
	if err != nil {
		panic(err)
	}
	return raw
}

func (p *player) account(e engine.Effect) error {
	closeOne := func(id engine.ID) error {
		if _, isOpen := p.open[id]; !isOpen {
			return fmt.Errorf("%#v closes what is not open", e)
		}
		delete(p.open, id)
		return nil
	}
	switch e := e.(type) {
	case engine.OpenTask:
		p.open[e.Task] = "task"
	case engine.CloseTask:
		return closeOne(e.Task)
	case engine.OpenJob:
		p.open[e.Job] = "job"
	case engine.CloseJob:
		return closeOne(e.Job)
	case engine.ArmTimer:
		p.open[e.Timer] = "armed"
	case engine.DisarmTimer:
		return closeOne(e.Timer)
	case engine.Subscribe:
		p.open[e.Subscription] = "armed"
	case engine.Unsubscribe:
		return closeOne(e.Subscription)
	case engine.OpenIncident:
		return fmt.Errorf("incident at %s: %s", e.Node.ID, e.Message)
	case engine.Trace:
		if e.What == engine.Entered {
			p.started[e.Node.ID]++
		} else if p.started[e.Node.ID]--; p.started[e.Node.ID] < 0 {
			return fmt.Errorf("%s ended more often than it was entered", e.Node.ID)
		}
	}
	return nil
}

// check compares the account with the state: nothing is open that the state does not hold, the
// encoding round-trips, and a running instance can go on.
func (p *player) check() error {
	st := p.state
	raw := mustEncode(st)
	again, err := engine.DecodeState(raw)
	if err != nil || !bytes.Equal(mustEncode(again), raw) {
		return fmt.Errorf("the encoding does not round-trip: %v", err)
	}
	p.state = again // go on from what was stored
	inState := map[engine.ID]string{}
	for _, t := range st.OpenTasks() {
		inState[t.ID] = "task"
	}
	for _, w := range st.Waiting() {
		if w.ID != 0 && inState[w.ID] == "" {
			inState[w.ID] = "job"
		}
	}
	for _, a := range st.Armed() {
		inState[a.ID] = "armed"
	}
	if fmt.Sprint(inState) != fmt.Sprint(p.open) {
		return fmt.Errorf("open outside %v, in the state %v", p.open, inState)
	}
	if _, ended := st.Ended(); ended {
		for id, n := range p.started {
			if n != 0 {
				return fmt.Errorf("%s was entered and never ended", id)
			}
		}
		return nil
	}
	if len(p.open) == 0 {
		return errors.New("nothing can happen any more, and the instance has not ended")
	}
	return nil
}

// act does one random thing that is possible.
func (p *player) act(disturb bool) error {
	if disturb && p.Intn(6) == 0 {
		return p.disturb()
	}
	ids := make([]engine.ID, 0, len(p.open))
	for id := range p.open {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	id := ids[p.Intn(len(ids))]
	vars := feel.Vars{"again": disturb && p.Intn(3) == 0, "x": p.Intn(2) == 0, "y": p.Intn(2) == 0}
	switch p.open[id] {
	case "task":
		return p.step(engine.TaskCompleted{Task: id, Vars: vars, By: "ann"})
	case "job":
		return p.step(engine.JobDone{Job: id, Vars: vars})
	}
	for _, a := range p.state.Armed() {
		if a.ID != id {
			continue
		}
		switch a.Kind {
		case bpmn.TimerEvent:
			if a.Due.After(p.now) {
				p.now = a.Due
			}
			return p.step(engine.TimerFired{Timer: id})
		case bpmn.MessageEvent:
			return p.step(engine.MessageArrived{Subscription: id, Vars: vars})
		case bpmn.SignalEvent:
			if !disturb {
				return nil // these need not come
			}
			return p.step(engine.SignalRaised{Subscription: id})
		}
	}
	return nil
}

// disturb does what people do between: return work, withdraw, claim, suspend. A refusal is an answer.
func (p *player) disturb() error {
	var err error
	tasks, passed := p.state.OpenTasks(), p.state.Passed()
	switch n := p.Intn(5); {
	case n < 2 && len(passed) > 0 && len(tasks) > 0:
		to := passed[p.Intn(len(passed))].Element
		err = p.step(engine.Jump{From: tasks[p.Intn(len(tasks))].Element, To: to, Return: n == 0})
	case n == 2:
		err = p.step(engine.Withdraw{By: "ann"})
	case n == 3 && len(tasks) > 0:
		err = p.step(engine.TaskAssigned{Task: tasks[0].ID, To: "bob", By: "bob"})
	case n == 4:
		if err = p.step(engine.Suspend{}); err == nil {
			err = p.step(engine.Resume{})
		}
	}
	if refused := (*engine.Refused)(nil); errors.As(err, &refused) {
		return nil
	}
	return err
}

// TestSimulation plays random models with random events and people's interventions, and checks after
// every Step that the account of open work matches the state, that each running instance can go on,
// that everything ends in the end, and that the history replays to the same bytes.
func TestSimulation(t *testing.T) {
	models := 600
	if testing.Short() {
		models = 60
	}
	for seed := range int64(models) {
		def, src := randomModel(t, seed)
		p := &player{Rand: rand.New(rand.NewSource(seed)), def: def, now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), open: map[engine.ID]string{}, started: map[string]int{}}
		if err := p.play(); err != nil {
			t.Fatalf("seed %d, after %d events: %v\n%s\n%s", seed, len(p.history), err, strings.Join(p.told(), "\n"), src)
		}
		if err := p.replay(); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
	}
}

func (p *player) play() error {
	if err := p.step(engine.Start{Instance: 1, Vars: feel.Vars{"x": true, "y": false, "again": false}}); err != nil {
		return err
	}
	for range 60 {
		if _, ended := p.state.Ended(); ended {
			return nil
		}
		if err := p.act(true); err != nil {
			return err
		}
	}
	if _, ended := p.state.Ended(); !ended && p.Intn(4) == 0 {
		return p.step(engine.Cancel{Reason: "enough"})
	}
	if _, ended := p.state.Ended(); !ended {
		if err := p.step(engine.VariablesSet{Vars: feel.Vars{"again": false}}); err != nil {
			return err
		}
	}
	for range 5000 {
		if _, ended := p.state.Ended(); ended {
			return nil
		}
		if err := p.act(false); err != nil {
			return err
		}
	}
	return errors.New("it does not end")
}

func (p *player) told() []string {
	var all []string
	for _, r := range p.history {
		all = append(all, string(r.event))
	}
	return all
}

func (p *player) replay() error {
	var st *engine.State
	for i, r := range p.history {
		ev, err := engine.DecodeEvent(r.event)
		if err != nil {
			return err
		}
		ids := r.ids
		env := engine.Env{Now: r.now, NewID: func() engine.ID {
			id := ids[0]
			ids = ids[1:]
			return id
		}}
		if st, _, err = engine.Step(p.def, st, ev, env); err != nil {
			return fmt.Errorf("replaying %d: %w", i, err)
		}
	}
	if !bytes.Equal(mustEncode(st), mustEncode(p.state)) {
		return errors.New("the replay gives another state")
	}
	return nil
}
