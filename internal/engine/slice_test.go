package engine_test

import (
	"bytes"
	"runtime"
	"testing"

	"github.com/paceline/paceline/internal/bpmn"
	"github.com/paceline/paceline/internal/engine"
	"github.com/paceline/paceline/internal/feel"
)

const manyTasks = `<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" targetNamespace="t"><process id="p">
 <startEvent id="s"/><sequenceFlow id="a" sourceRef="s" targetRef="t"/>
 <userTask id="t"><multiInstanceLoopCharacteristics><loopCardinality>n</loopCardinality>
  <completionCondition>numberOfCompletedInstances &gt;= enough</completionCondition></multiInstanceLoopCharacteristics></userTask>
 <boundaryEvent id="b" attachedToRef="t"><timerEventDefinition><timeDuration>P1D</timeDuration></timerEventDefinition></boundaryEvent>
 <sequenceFlow id="c" sourceRef="t" targetRef="after"/><sequenceFlow id="d" sourceRef="b" targetRef="late"/>
 <userTask id="after"/><userTask id="late"/></process></definitions>`

// ledger counts what many Steps open and close, and holds that none of them is huge.
type ledger struct {
	*game
	open    map[engine.ID]bool
	slices  int
	waiting engine.ID // timer of the next slice
	most    int       // effects of one Step
	ended   bool
}

const large = 10_000

func playMany(t *testing.T, members, enough int64) *ledger {
	t.Helper()
	file, err := bpmn.Parse([]byte(manyTasks))
	if err != nil {
		t.Fatal(err)
	}
	def, err := engine.Compile(file, "")
	if err != nil {
		t.Fatal(err)
	}
	l := &ledger{game: &game{T: t, def: def}, open: map[engine.ID]bool{}}
	l.do(engine.Start{Instance: 1, Vars: feel.Vars{"n": feel.Int(members), "enough": feel.Int(enough)}})
	return l
}

func (l *ledger) do(ev engine.Event) {
	l.Helper()
	l.must(ev)
	l.most = max(l.most, len(l.effects))
	for _, e := range l.effects {
		switch e := e.(type) {
		case engine.OpenTask:
			l.open[e.Task] = true
		case engine.CloseTask:
			if !l.open[e.Task] {
				l.Fatalf("task %d is closed twice", e.Task)
			}
			delete(l.open, e.Task)
		case engine.ArmTimer:
			if e.Slice {
				l.waiting = e.Timer
			}
		case engine.Finished:
			l.ended = true
		}
	}
	raw := mustEncode(l.state)
	again, err := engine.DecodeState(raw)
	if err != nil {
		l.Fatal(err)
	}
	l.state = again
}

func (l *ledger) allSlices() {
	l.Helper()
	for l.waiting != 0 {
		timer := l.waiting
		l.waiting = 0
		l.slices++
		l.do(engine.TimerFired{Timer: timer})
	}
}

// TestLargeLoop holds that a loop over many members is started in slices, counts each completion once
// and goes on after the last.
func TestLargeLoop(t *testing.T) {
	const members = 3000 // a Step looks at them all, so doing all of 10,000 takes long
	l := playMany(t, members, members)
	if len(l.open) >= members {
		t.Fatal("all instances were started in one Step")
	}
	l.do(engine.TaskCompleted{Task: l.state.OpenTasks()[0].ID}) // before all have started
	l.allSlices()
	if len(l.open) != members-1 || l.slices < 5 || l.most > 2500 {
		t.Fatalf("%d open after %d slices, a Step has up to %d effects", len(l.open), l.slices, l.most)
	}
	tasks := l.state.OpenTasks()
	for _, task := range tasks[1:] {
		l.must(engine.TaskCompleted{Task: task.ID})
	}
	if open := l.state.OpenTasks(); len(open) != 1 || open[0].Element != "t" {
		t.Fatalf("open before the last: %v", open)
	}
	l.must(engine.TaskCompleted{Task: tasks[0].ID})
	if open := l.state.OpenTasks(); len(open) != 1 || open[0].Element != "after" {
		t.Fatalf("open after the last: %v", open)
	}
}

// TestLargeLoopEnds holds that, whatever ends 10,000 open tasks, the process goes on at once and the tasks are
// closed in slices, each once, and that the instance is over only then.
func TestLargeLoopEnds(t *testing.T) {
	for name, c := range map[string]struct {
		end  func(*ledger)
		next string // the task after it
	}{
		"by condition": {func(l *ledger) {
			for _, task := range l.state.OpenTasks()[:3] {
				l.do(engine.TaskCompleted{Task: task.ID})
			}
		}, "after"},
		"by timer":  {func(l *ledger) { l.do(engine.TimerFired{Timer: l.state.Armed()[0].ID}) }, "late"},
		"by cancel": {func(l *ledger) { l.do(engine.Cancel{}) }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			l := playMany(t, large, 3)
			l.allSlices()
			c.end(l)
			if left, timer := l.state.Closing(); left == 0 || timer == 0 || len(l.open) < large/2 {
				t.Fatalf("%d left, %d open: it was not done in slices", left, len(l.open))
			}
			if open := l.state.OpenTasks(); (len(open) == 1 && open[0].Element == c.next) != (c.next != "") {
				t.Fatalf("open for the process: %v", open)
			}
			if c.next == "" {
				if l.ended {
					t.Fatal("the end was told while tasks are open")
				}
				l.refused(engine.VariablesSet{}, false)
			}
			l.allSlices()
			if want := min(1, len(c.next)); len(l.open) != want || l.most > 2500 || l.ended != (c.next == "") {
				t.Fatalf("%d open, a Step has up to %d effects, ended: %v", len(l.open), l.most, l.ended)
			}
		})
	}
}

// TestLargeLoopIsShared holds that one of 10,000 open tasks is completed without copying the others, that the state given
// stays as it was, and that the next one is what it would be without sharing.
func TestLargeLoopIsShared(t *testing.T) {
	l := playMany(t, large, large)
	l.allSlices()
	tasks := l.state.OpenTasks()
	step := func(st *engine.State, task int) (next *engine.State, bytes uint64) {
		id := engine.ID(1 << 40)
		env := engine.Env{NewID: func() engine.ID { id++; return id }}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		next, _, err := engine.Step(l.def, st, engine.TaskCompleted{Task: tasks[task].ID}, env)
		runtime.ReadMemStats(&after)
		if err != nil {
			t.Fatal(err)
		}
		return next, after.TotalAlloc - before.TotalAlloc
	}
	first, _ := step(l.state, 4000) // it was stored and read: nothing is shared yet
	given := mustEncode(first)
	second, used := step(first, 5000)
	if used > 200_000 { // the list of them takes 80,000
		t.Errorf("%d bytes for one step", used)
	}
	if !bytes.Equal(mustEncode(first), given) {
		t.Error("the state given was changed")
	}
	again, err := engine.DecodeState(given)
	if err != nil {
		t.Fatal(err)
	}
	if alone, _ := step(again, 5000); !bytes.Equal(mustEncode(alone), mustEncode(second)) {
		t.Error("the next state is another one")
	}
	if read, err := engine.DecodeState(mustEncode(second)); err != nil || !bytes.Equal(mustEncode(read), mustEncode(second)) {
		t.Error("what sleeps was written otherwise", err)
	}
}
