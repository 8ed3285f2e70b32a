package engine_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/paceline/paceline/internal/engine"
	"github.com/paceline/paceline/internal/feel"
)

// game plays one instance in a test and remembers the effects of the last event.
type game struct {
	*testing.T
	def     *engine.Definition
	state   *engine.State
	effects []engine.Effect
	now     time.Time
	lastID  engine.ID
}

func play(t *testing.T, def *engine.Definition, vars feel.Vars) *game {
	t.Helper()
	g := &game{T: t, def: def, now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	g.must(engine.Start{Instance: 1, Vars: vars, Initiator: "ann"})
	return g
}

func (g *game) try(ev engine.Event) error {
	next, effects, err := engine.Step(g.def, g.state, ev, engine.Env{Now: g.now, NewID: func() engine.ID { g.lastID++; return g.lastID }})
	if err == nil {
		g.state, g.effects = next, effects
	}
	return err
}

func (g *game) must(ev engine.Event) {
	g.Helper()
	if err := g.try(ev); err != nil {
		g.Fatalf("%T: %v", ev, err)
	}
}

func (g *game) refused(ev engine.Event, stale bool) {
	g.Helper()
	var refused *engine.Refused
	if err := g.try(ev); !errors.As(err, &refused) || refused.Stale != stale {
		g.Fatalf("%T: %v, wanted a refusal with stale=%v", ev, err, stale)
	}
}

func (g *game) task(element string) engine.Task {
	g.Helper()
	for _, t := range g.state.OpenTasks() {
		if t.Element == element {
			return t
		}
	}
	g.Fatalf("no open task %s in %v", element, g.state.OpenTasks())
	return engine.Task{}
}

func (g *game) open() string {
	var all []string
	for _, t := range g.state.OpenTasks() {
		all = append(all, t.Element)
	}
	return fmt.Sprint(all)
}

func (g *game) wantOpen(want string) {
	g.Helper()
	if got := g.open(); got != want {
		g.Fatalf("open are %s, not %s", got, want)
	}
}

func effect[E engine.Effect](g *game) E {
	g.Helper()
	for _, e := range g.effects {
		if e, ok := e.(E); ok {
			return e
		}
	}
	var none E
	g.Fatalf("no %T in %v", none, g.effects)
	return none
}

const approve = `<userTask id="approve"/><userTask id="pay"/>
<sequenceFlow id="f1" sourceRef="start" targetRef="approve"/><sequenceFlow id="f2" sourceRef="approve" targetRef="pay"/>`

func TestClaimNamesTheVersionSeen(t *testing.T) {
	g := play(t, compile(t, approve), nil)
	task := g.task("approve")
	g.must(engine.TaskAssigned{Task: task.ID, Version: task.Version, To: "bob", By: "bob"})
	if e := effect[engine.ChangeTask](g); e.Assignee != "bob" || e.Version != task.Version+1 {
		t.Errorf("%+v", e)
	}
	g.refused(engine.TaskAssigned{Task: task.ID, Version: task.Version, To: "eve", By: "eve"}, true)
	g.refused(engine.TaskCompleted{Task: task.ID, Version: task.Version, By: "eve"}, true)
	g.must(engine.TaskCompleted{Task: task.ID, Version: task.Version + 1, By: "bob", Outcome: "yes"})
	g.refused(engine.TaskCompleted{Task: task.ID, By: "bob"}, true)
	if got := g.state.Vars()["outcome"]; got != "yes" {
		t.Errorf("outcome %v", got)
	}
}

func TestDelegatedTaskComesBack(t *testing.T) {
	g := play(t, compile(t, approve), nil)
	id := g.task("approve").ID
	g.refused(engine.TaskAssigned{Task: id, To: "cid", Delegate: true}, false)
	g.must(engine.TaskAssigned{Task: id, To: "bob", By: "bob"})
	g.must(engine.TaskAssigned{Task: id, To: "cid", Delegate: true, By: "bob"})
	g.must(engine.TaskAssigned{Task: id, To: "dan", Delegate: true, By: "cid"})
	if got := g.task("approve"); got.Assignee != "dan" || got.Owner != "cid" {
		t.Errorf("%+v", got)
	}
	g.must(engine.TaskCompleted{Task: id, By: "dan", Vars: feel.Vars{"opinion": "fine"}})
	g.must(engine.TaskCompleted{Task: id, By: "cid"})
	if got := g.task("approve"); got.Assignee != "bob" || got.Owner != "" {
		t.Errorf("%+v", got)
	}
	if g.state.Vars()["opinion"] != "fine" {
		t.Error("what the delegate wrote is lost")
	}
	g.must(engine.TaskCompleted{Task: id, By: "bob"})
	g.wantOpen("[pay]")
}

func TestWithdraw(t *testing.T) {
	g := play(t, compile(t, approve), nil)
	g.refused(engine.Withdraw{By: "bob"}, false)
	g.must(engine.TaskCompleted{Task: g.task("approve").ID, By: "bob"})
	g.refused(engine.Withdraw{By: "eve"}, false)
	g.must(engine.Withdraw{By: "bob"})
	g.wantOpen("[approve]")
	g.refused(engine.Withdraw{By: "bob"}, false)
	g.must(engine.TaskCompleted{Task: g.task("approve").ID, By: "bob"})
	g.must(engine.TaskAssigned{Task: g.task("pay").ID, To: "eve", By: "eve"})
	g.refused(engine.Withdraw{By: "bob"}, true)
}

func TestWithdrawnVoteLeavesTheOthers(t *testing.T) {
	for _, sequential := range []bool{false, true} {
		g := play(t, compile(t, fmt.Sprintf(`<userTask id="vote"><multiInstanceLoopCharacteristics isSequential="%v"><loopCardinality>3</loopCardinality></multiInstanceLoopCharacteristics></userTask><userTask id="after"/>
<sequenceFlow id="f1" sourceRef="start" targetRef="vote"/><sequenceFlow id="f2" sourceRef="vote" targetRef="after"/>`, sequential)), nil)
		for _, by := range []string{"ann", "bob"} {
			g.must(engine.TaskCompleted{Task: g.task("vote").ID, By: by})
		}
		g.must(engine.Withdraw{By: "bob"})
		g.must(engine.TaskCompleted{Task: g.task("vote").ID, By: "bob"})
		g.wantOpen("[vote]")
		g.must(engine.TaskCompleted{Task: g.task("vote").ID, By: "cid"})
		g.wantOpen("[after]")
	}
}

const branches = `<userTask id="fill"/><parallelGateway id="split"/><userTask id="a1"/><userTask id="a2"/><userTask id="b1"/><parallelGateway id="join"/><userTask id="after"/>
<sequenceFlow id="f0" sourceRef="start" targetRef="fill"/><sequenceFlow id="f1" sourceRef="fill" targetRef="split"/>
<sequenceFlow id="f2" sourceRef="split" targetRef="a1"/><sequenceFlow id="f3" sourceRef="a1" targetRef="a2"/><sequenceFlow id="f4" sourceRef="a2" targetRef="join"/>
<sequenceFlow id="f5" sourceRef="split" targetRef="b1"/><sequenceFlow id="f6" sourceRef="b1" targetRef="join"/><sequenceFlow id="f7" sourceRef="join" targetRef="after"/>`

func TestReturnInsideABranchLeavesTheOthers(t *testing.T) {
	g := play(t, compile(t, branches), nil)
	for _, id := range []string{"fill", "a1"} {
		g.must(engine.TaskCompleted{Task: g.task(id).ID, By: "ann"})
	}
	g.must(engine.Jump{From: "a2", To: "a1"})
	g.wantOpen("[b1 a1]")
	g.refused(engine.Jump{From: "b1", To: "a1"}, false)
	g.must(engine.Jump{From: "b1", To: "fill"})
	g.wantOpen("[fill]")
}

func TestReturnFromAfterTheJoinDoesOneBranchAgain(t *testing.T) {
	g := play(t, compile(t, branches), nil)
	for _, id := range []string{"fill", "a1", "b1", "a2"} {
		g.must(engine.TaskCompleted{Task: g.task(id).ID, By: "ann"})
	}
	g.must(engine.Jump{From: "after", To: "a2"})
	g.wantOpen("[a2]")
	g.must(engine.TaskCompleted{Task: g.task("a2").ID, By: "ann"})
	g.wantOpen("[after]")
}

func TestReturnStraightBack(t *testing.T) {
	g := play(t, compile(t, branches), nil)
	for _, id := range []string{"fill", "a1"} {
		g.must(engine.TaskCompleted{Task: g.task(id).ID, By: "ann"})
	}
	g.must(engine.Jump{From: "a2", To: "fill", Return: true, Vars: feel.Vars{"why": "amount is missing"}})
	g.wantOpen("[fill]")
	g.must(engine.TaskCompleted{Task: g.task("fill").ID, By: "ann"})
	g.wantOpen("[b1 a2]")
	if g.state.Vars()["why"] != "amount is missing" {
		t.Error("the reason is lost")
	}
}

func TestSuspendedInstanceTakesNoEvents(t *testing.T) {
	g := play(t, compile(t, approve), nil)
	id := g.task("approve").ID
	g.must(engine.Suspend{})
	g.refused(engine.TaskCompleted{Task: id, By: "bob"}, false)
	g.must(engine.Resume{})
	g.must(engine.TaskCompleted{Task: id, By: "bob"})
	g.must(engine.Suspend{})
	g.must(engine.Cancel{Reason: "no more"})
	if how, _ := g.state.Ended(); how != engine.EndCancelled {
		t.Error(how)
	}
	g.refused(engine.Resume{}, false)
}

func TestRetryDoesAgainWhatFailed(t *testing.T) {
	g := play(t, compile(t, `<exclusiveGateway id="x"/><userTask id="a"/><sequenceFlow id="f1" sourceRef="start" targetRef="x"/><sequenceFlow id="f2" sourceRef="x" targetRef="a"><conditionExpression>= ok</conditionExpression></sequenceFlow>`), nil)
	incident := effect[engine.OpenIncident](g).Incident
	g.must(engine.VariablesSet{Vars: feel.Vars{"ok": true}})
	g.must(engine.Retry{Incident: incident})
	g.wantOpen("[a]")
	if len(g.state.Incidents()) != 0 {
		t.Error(g.state.Incidents())
	}
	g.refused(engine.Retry{Incident: incident}, false)
}

// An input of the name of its source sees what has been repaired, and so does one that
// replaces the member of a collection.
func TestRetryEvaluatesInputsAnew(t *testing.T) {
	const work = `<serviceTask id="a" xmlns:camunda="http://camunda.org/schema/1.0/bpmn" xmlns:paceline="https://paceline.dev/bpmn/1.0" camunda:type="external" camunda:topic="w"><extensionElements>
<paceline:input target="tray" source="= tray"/><paceline:input target="n" source="= n.id"/></extensionElements>%s</serviceTask><sequenceFlow id="f1" sourceRef="start" targetRef="a"/>`
	for name, def := range map[string]*engine.Definition{
		"once": compile(t, fmt.Sprintf(work, "")),
		"each": compile(t, fmt.Sprintf(work, `<multiInstanceLoopCharacteristics><extensionElements><paceline:loop inputCollection="= [n]" inputElement="n"/></extensionElements></multiInstanceLoopCharacteristics>`)),
	} {
		g := play(t, def, feel.Vars{"n": feel.NewContext(feel.Entry{Name: "id", Value: "x"})})
		g.must(engine.JobFailed{Job: effect[engine.OpenJob](g).Job, Message: "no tray"})
		incident := effect[engine.OpenIncident](g).Incident
		g.must(engine.VariablesSet{Vars: feel.Vars{"tray": "2"}})
		g.must(engine.Retry{Incident: incident})
		again := effect[engine.OpenJob](g)
		if again.Vars["tray"] != "2" || again.Vars["n"] != "x" {
			t.Errorf("%s: the second attempt sees %v", name, again.Vars)
		}
	}
}

func TestLaneIsTheDefaultGroup(t *testing.T) {
	g := play(t, compile(t, `<laneSet id="ls"><lane id="l" name="Accounting"><flowNodeRef>start</flowNodeRef><flowNodeRef>a</flowNodeRef></lane></laneSet>
<userTask id="a"/><sequenceFlow id="f1" sourceRef="start" targetRef="a"/>`), nil)
	if got := effect[engine.OpenTask](g).CandidateGroups; fmt.Sprint(got) != "[Accounting]" {
		t.Error(got)
	}
}

func TestVotesDoNotOverwriteEachOther(t *testing.T) {
	g := play(t, compile(t, `<userTask id="vote"><multiInstanceLoopCharacteristics><loopCardinality>2</loopCardinality></multiInstanceLoopCharacteristics></userTask><sequenceFlow id="f1" sourceRef="start" targetRef="vote"/>`), nil)
	g.must(engine.TaskCompleted{Task: g.state.OpenTasks()[0].ID, Outcome: "yes", By: "ann"})
	if _, leaked := g.state.Vars()["outcome"]; leaked {
		t.Error("a vote is visible outside of its instance")
	}
}

func TestGroupGrowsAndShrinks(t *testing.T) {
	const group = `<userTask id="sign"><multiInstanceLoopCharacteristics isSequential="%v"><extensionElements><zeebe:loopCharacteristics xmlns:zeebe="http://camunda.org/schema/zeebe/1.0" inputCollection="= people" inputElement="person" outputCollection="signed" outputElement="= person"/></extensionElements></multiInstanceLoopCharacteristics></userTask><userTask id="after"/>
<sequenceFlow id="f1" sourceRef="start" targetRef="sign"/><sequenceFlow id="f2" sourceRef="sign" targetRef="after"/>`
	for _, sequential := range []bool{false, true} {
		g := play(t, compile(t, fmt.Sprintf(group, sequential)), feel.Vars{"people": feel.List{"ann", "bob"}})
		g.must(engine.GroupChanged{Task: g.task("sign").ID, Add: feel.List{"cid"}, By: "ann"})
		g.must(engine.GroupChanged{Task: g.task("sign").ID, Remove: true, By: "ann"})
		g.must(engine.TaskCompleted{Task: g.task("sign").ID, By: "bob"})
		g.must(engine.TaskCompleted{Task: g.task("sign").ID, By: "cid"})
		g.wantOpen("[after]")
		if got := fmt.Sprint(g.state.Vars()["signed"]); got != "[bob cid]" {
			t.Errorf("sequential %v: signed %s", sequential, got)
		}
		g.refused(engine.GroupChanged{Task: g.task("after").ID, Remove: true}, false)
	}
}

func TestFunctionIsNoVariable(t *testing.T) {
	g := play(t, compile(t, `<scriptTask id="s" scriptFormat="feel" xmlns:camunda="http://camunda.org/schema/1.0/bpmn" camunda:resultVariable="f"><script>[function(x) x + 1]</script></scriptTask><sequenceFlow id="f1" sourceRef="start" targetRef="s"/>`), nil)
	if n := len(g.state.Incidents()); n != 1 {
		t.Error(n, "incidents")
	}
	mustEncode(g.state)
}

func TestHotLoopIsAnIncident(t *testing.T) {
	g := play(t, compile(t, `<exclusiveGateway id="x"/><task id="a"/><sequenceFlow id="f1" sourceRef="start" targetRef="x"/><sequenceFlow id="f2" sourceRef="x" targetRef="a"/><sequenceFlow id="f3" sourceRef="a" targetRef="x"/>`), nil)
	if n := len(g.state.Incidents()); n != 1 {
		t.Error(n, "incidents")
	}
}

func TestBuiltInNames(t *testing.T) {
	def := compile(t, `<userTask id="first"/><scriptTask id="s" scriptFormat="feel" xmlns:camunda="http://camunda.org/schema/1.0/bpmn" camunda:resultVariable="who"><script>initiator + passed.first</script></scriptTask><userTask id="next"/>
<sequenceFlow id="f1" sourceRef="start" targetRef="first"/><sequenceFlow id="f2" sourceRef="first" targetRef="s"/><sequenceFlow id="f3" sourceRef="s" targetRef="next"/>`)
	g := play(t, def, nil)
	g.must(engine.TaskCompleted{Task: g.task("first").ID, By: "bob"})
	if got := g.state.Vars()["who"]; got != "annbob" {
		t.Errorf("%v", got)
	}
}

// What fails is tried again within the same activity: its reminder was sent and is not sent again, and
// its deadline counts from when it began, also where another attempt fails before it waits.
func TestBoundaryEventsAreArmedOnce(t *testing.T) {
	g := play(t, compile(t, `<callActivity id="work" calledElement="${process}"/>
		<boundaryEvent id="remind" attachedToRef="work" cancelActivity="false"><timerEventDefinition><timeDuration>PT1H</timeDuration></timerEventDefinition></boundaryEvent>
		<boundaryEvent id="late" attachedToRef="work"><timerEventDefinition><timeDuration>PT9H</timeDuration></timerEventDefinition></boundaryEvent>
		<boundaryEvent id="called" attachedToRef="work"><messageEventDefinition messageRef="m"/></boundaryEvent>
		<userTask id="reminder"/><userTask id="escalate"/><userTask id="answer"/>
		<sequenceFlow id="f1" sourceRef="start" targetRef="work"/><sequenceFlow id="f2" sourceRef="remind" targetRef="reminder"/>
		<sequenceFlow id="f3" sourceRef="late" targetRef="escalate"/><sequenceFlow id="f4" sourceRef="called" targetRef="answer"/>`), feel.Vars{"process": "sub"})
	armed := func(want string) {
		t.Helper()
		var all []string
		for _, a := range g.state.Armed() {
			all = append(all, a.Element)
		}
		if got := fmt.Sprint(all); got != want {
			t.Fatalf("armed are %s, not %s", got, want)
		}
	}
	armed("[remind late called]")
	deadline := g.state.Armed()[1].ID
	g.must(engine.TimerFired{Timer: g.state.Armed()[0].ID})
	g.wantOpen("[reminder]")

	fail := func() engine.ID {
		g.must(engine.ChildFinished{Call: slices.Collect(g.state.Waiting())[0].ID, How: engine.EndFailed, Message: "no connection"})
		return effect[engine.OpenIncident](g).Incident
	}
	incident := fail()
	armed("[late called]")
	g.must(engine.VariablesSet{Vars: feel.Vars{"process": ""}})
	g.must(engine.Retry{Incident: incident})
	incident = effect[engine.OpenIncident](g).Incident
	g.must(engine.VariablesSet{Vars: feel.Vars{"process": "sub"}})
	g.must(engine.Retry{Incident: incident})
	armed("[late called]")
	g.must(engine.Retry{Incident: fail()})
	g.must(engine.TimerFired{Timer: deadline})
	armed("[]")
	g.wantOpen("[reminder escalate]")
}
