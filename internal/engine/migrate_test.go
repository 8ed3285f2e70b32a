package engine_test

import (
	"errors"
	"fmt"
	"math/rand"
	"strings"
	"testing"
	"time"

	"github.com/paceline/paceline/internal/engine"
	"github.com/paceline/paceline/internal/feel"
)

// TestMigrateToTheSameModelChangesNothing plays random models and migrates after every move to the same model,
// parsed anew. Whatever waits then waits as before, and the instance runs on to its end.
func TestMigrateToTheSameModelChangesNothing(t *testing.T) {
	for seed := range int64(150) {
		def, src := randomModel(t, seed)
		again, err := compileText(src)
		if err != nil {
			t.Fatal(err)
		}
		p := newPlayer(model{def: def, src: src}, &draws{random: rand.New(rand.NewSource(seed))})
		if err := p.playMigrating(again); err != nil {
			t.Fatalf("seed %d: %v\n%s", seed, err, src)
		}
	}
}

func (p *player) playMigrating(again *engine.Definition) error {
	if err := p.step(engine.Start{Instance: 1, Vars: feel.Vars{"x": true, "y": false, "again": false}}); err != nil {
		return err
	}
	for i := range 5000 {
		if _, ended := p.state.Ended(); ended {
			return nil
		}
		if err := p.act(i < 30); err != nil {
			return err
		}
		if _, ended := p.state.Ended(); !ended && i == 30 {
			if err := p.step(engine.VariablesSet{Vars: feel.Vars{"again": false}}); err != nil {
				return err
			}
		}
		if _, ended := p.state.Ended(); ended {
			return nil
		}
		before := p.waiting()
		next, effects, err := engine.Step(p.def, p.state, engine.Migrate{To: again}, p.env())
		if err != nil {
			return err
		}
		for _, e := range effects {
			if _, ok := e.(engine.Reattach); !ok {
				return fmt.Errorf("it does %T %+v", e, e)
			}
		}
		p.state, p.def, again = next, again, p.def
		if after := p.waiting(); after != before {
			return fmt.Errorf("before\n%s\nafter\n%s", before, after)
		}
	}
	return errors.New("it does not end")
}

// waiting tells of everything that waits.
func (p *player) waiting() string {
	var b strings.Builder
	for w := range p.state.Waiting() {
		fmt.Fprintln(&b, w.Key, w.ID, w.Element, w.Assignee, w.Loop, w.Incident)
	}
	fmt.Fprintln(&b, p.state.Armed(), p.state.Incidents(), p.state.Vars())
	return b.String()
}

// moved is the game after a migration to another model.
func (g *game) moved(body string, plan engine.Plan) error {
	g.Helper()
	to := compile(g.T, body)
	err := g.try(engine.Migrate{To: to, Plan: plan})
	if err == nil {
		g.def = to
	}
	return err
}

const signed = `<userTask id="sign" xmlns:p="https://paceline.dev/bpmn/1.0" p:candidateUsers="asked"><extensionElements>%s</extensionElements></userTask><userTask id="after"/>
<sequenceFlow id="f1" sourceRef="start" targetRef="sign"/><sequenceFlow id="f2" sourceRef="sign" targetRef="after"/>`

func TestMigratedVotesCountByTheNewRule(t *testing.T) {
	g := voting(t, parallel, "ann", "bob", "cid")
	g.vote("ann", "")
	if err := g.moved(fmt.Sprintf(signed, `<p:approval rule="any"/>`), engine.Plan{}); err != nil {
		t.Fatal(err)
	}
	g.wantOpen("[after]")

	g = voting(t, parallel, "ann", "bob")
	err := g.moved(fmt.Sprintf(signed, `<p:approval rule="5"/>`), engine.Plan{})
	if refused := (*engine.Refused)(nil); !errors.As(err, &refused) || refused.Element != "sign" {
		t.Errorf("a rule that cannot be met: %v", err)
	}
	g.wantAsked("[ann bob]")
}

func TestMigratedTaskHasANewVersion(t *testing.T) {
	g := play(t, compile(t, `<userTask id="a"/><sequenceFlow id="f" sourceRef="start" targetRef="a"/>`), nil)
	old := g.task("a")
	g.must(engine.TaskAssigned{Task: old.ID, To: "ann"})
	if err := g.moved(`<userTask id="b"/><sequenceFlow id="f" sourceRef="start" targetRef="b"/>`, engine.Plan{Map: map[string]string{"a": "b"}}); err != nil {
		t.Fatal(err)
	}
	now := g.task("b")
	if now.ID != old.ID || now.Assignee != "ann" || now.Version != 3 {
		t.Errorf("the task is %+v", now)
	}
	g.refused(engine.TaskCompleted{Task: now.ID, Version: 2}, true)
	g.must(engine.TaskCompleted{Task: now.ID, Version: 3})
}

func TestMigrationKeepsWhatCanBeCompensated(t *testing.T) {
	const done = `<userTask id="book"/><boundaryEvent id="undo" attachedToRef="book"><compensateEventDefinition/></boundaryEvent>
<userTask id="unbook" isForCompensation="true"/><association id="as" associationDirection="One" sourceRef="undo" targetRef="unbook"/>`
	const rest = `<userTask id="wait"/><endEvent id="give_up"><compensateEventDefinition/></endEvent>
<sequenceFlow id="f" sourceRef="start" targetRef="book"/><sequenceFlow id="g" sourceRef="book" targetRef="wait"/><sequenceFlow id="h" sourceRef="wait" targetRef="give_up"/>`
	g := play(t, compile(t, done+rest), nil)
	g.must(engine.TaskCompleted{Task: g.task("book").ID})
	err := g.moved(`<userTask id="book"/>`+strings.ReplaceAll(rest, "<compensateEventDefinition/>", ""), engine.Plan{})
	if err == nil || !strings.Contains(err.Error(), "book is done and has no compensation") {
		t.Errorf("without its handler: %v", err)
	}
	if err := g.moved(strings.ReplaceAll(done+rest, "unbook", "release"), engine.Plan{}); err != nil {
		t.Fatal(err)
	}
	g.must(engine.TaskCompleted{Task: g.task("wait").ID})
	g.wantOpen("[release]")
}

func TestMigratedLoopCollectsResults(t *testing.T) {
	const plain = `<userTask id="a"><multiInstanceLoopCharacteristics xmlns:c="http://camunda.org/schema/1.0/bpmn" c:collection="=[1,2]" c:elementVariable="x"/></userTask><userTask id="after"/>
<sequenceFlow id="f" sourceRef="start" targetRef="a"/><sequenceFlow id="g" sourceRef="a" targetRef="after"/>`
	g := play(t, compile(t, plain), nil)
	g.must(engine.TaskCompleted{Task: g.task("a").ID})
	if err := g.moved(strings.Replace(plain, "<multiInstance", `<standardLoop`, 1), engine.Plan{}); err == nil {
		t.Error("instances that run at once became a loop")
	}
	if err := g.moved(plain, engine.Plan{}); err != nil {
		t.Fatal(err)
	}
	g.must(engine.TaskCompleted{Task: g.task("a").ID})
	g.wantOpen("[after]")
}

func TestBeginAnywhere(t *testing.T) {
	def := compile(t, `<parallelGateway id="split"/><userTask id="a"/><userTask id="b"/><subProcess id="sub"><startEvent id="in"/><userTask id="c"/><sequenceFlow id="i" sourceRef="in" targetRef="c"/></subProcess>
<parallelGateway id="join"/><userTask id="d"/><boundaryEvent id="e" attachedToRef="d"><timerEventDefinition><timeDuration>PT1H</timeDuration></timerEventDefinition></boundaryEvent>
<sequenceFlow id="f1" sourceRef="start" targetRef="split"/><sequenceFlow id="f2" sourceRef="split" targetRef="a"/><sequenceFlow id="f3" sourceRef="split" targetRef="sub"/>
<sequenceFlow id="f4" sourceRef="a" targetRef="b"/><sequenceFlow id="f5" sourceRef="b" targetRef="join"/><sequenceFlow id="f6" sourceRef="sub" targetRef="join"/><sequenceFlow id="f7" sourceRef="join" targetRef="d"/>`)
	begin := func(at string) (*game, error) {
		g := &game{T: t, def: def, now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
		return g, g.try(engine.Start{Instance: 1, At: at, Vars: feel.Vars{"n": feel.Int(1)}})
	}
	for _, at := range []string{"b", "c"} {
		g, err := begin(at)
		if err != nil {
			t.Fatal(err)
		}
		g.wantOpen("[" + at + "]")
		g.must(engine.TaskCompleted{Task: g.task(at).ID})
		g.wantOpen("[d]") // the join does not wait for the branch beside
	}
	for _, at := range []string{"e", "nowhere"} {
		if _, err := begin(at); err == nil {
			t.Errorf("it begins at %s", at)
		}
	}
}

func TestSuspendedInstanceTakesVariables(t *testing.T) {
	g := play(t, compile(t, `<intermediateCatchEvent id="paid"><conditionalEventDefinition><condition>=sum &gt; 0</condition></conditionalEventDefinition></intermediateCatchEvent><userTask id="a"/>
<sequenceFlow id="f" sourceRef="start" targetRef="paid"/><sequenceFlow id="g" sourceRef="paid" targetRef="a"/>`), nil)
	g.must(engine.Suspend{})
	g.must(engine.VariablesSet{Vars: feel.Vars{"sum": feel.Int(1)}})
	g.wantOpen("[]")
	g.must(engine.Resume{})
	g.wantOpen("[a]")
}
