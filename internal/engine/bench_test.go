package engine_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/paceline/paceline/internal/bpmn"
	"github.com/paceline/paceline/internal/engine"
	"github.com/paceline/paceline/internal/feel"
)

const head = `<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" targetNamespace="t"><process id="main" isExecutable="true"><startEvent id="start"/>`

func compile(tb testing.TB, body string) *engine.Definition {
	tb.Helper()
	file, err := bpmn.Parse([]byte(head + body + "</process></definitions>"))
	if err != nil {
		tb.Fatal(err)
	}
	def, err := engine.Compile(file, "main")
	if err != nil {
		tb.Fatal(err)
	}
	return def
}

func golden(tb testing.TB, name string) *engine.Definition {
	tb.Helper()
	src, err := os.ReadFile("testdata/" + name + ".bpmn")
	if err != nil {
		tb.Fatal(err)
	}
	file, err := bpmn.Parse(src)
	if err != nil {
		tb.Fatal(err)
	}
	def, err := engine.Compile(file, "")
	if err != nil {
		tb.Fatal(err)
	}
	return def
}

func chain(tasks int) string {
	var b strings.Builder
	last := "start"
	for i := range tasks {
		id := fmt.Sprintf("t%d", i)
		fmt.Fprintf(&b, `<userTask id=%q/><sequenceFlow id="f%d" sourceRef=%q targetRef=%q/>`, id, i, last, id)
		last = id
	}
	return b.String()
}

func form(fields int) feel.Vars {
	vars := feel.Vars{"days": feel.Int(3), "ok": true}
	for i := range fields {
		vars[fmt.Sprintf("field%02d", i)] = strings.Repeat("x", 20)
	}
	return vars
}

// benchmark steps from the same state again and again.
func benchmark(b *testing.B, def *engine.Definition, start feel.Vars, next func(*engine.State) engine.Event) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	id := engine.ID(100)
	env := engine.Env{Now: now, NewID: func() engine.ID { id++; return id }}
	st, _, err := engine.Step(def, nil, engine.Start{Instance: 1, Vars: start}, env)
	if err != nil {
		b.Fatal(err)
	}
	ev := next(st)
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := engine.Step(def, st, ev, env); err != nil {
			b.Fatal(err)
		}
	}
}

func completeFirst(vars feel.Vars) func(*engine.State) engine.Event {
	return func(st *engine.State) engine.Event {
		return engine.TaskCompleted{Task: st.OpenTasks()[0].ID, Vars: vars, By: "ann"}
	}
}

// BenchmarkStep steps ten typical models; `make bench-engine` prints it beside the last run.
func BenchmarkStep(b *testing.B) {
	for _, c := range []struct {
		name string
		def  *engine.Definition
		vars feel.Vars
		next func(*engine.State) engine.Event
	}{
		{"UserTask", compile(b, chain(3)), form(0), completeFirst(feel.Vars{"ok": true})},
		{"UserTaskForm", compile(b, chain(3)), form(20), completeFirst(form(5))},
		{"Gateway", golden(b, "flows"), feel.Vars{"a": true, "b": true}, completeFirst(nil)},
		{"ParallelJoin", golden(b, "parallel_gateway"), nil, completeFirst(nil)},
		{"Votes100", compile(b, votes), nil, completeFirst(nil)},
		{"Timeout", golden(b, "boundary_timer"), nil, completeFirst(nil)},
		{"SubProcess", golden(b, "sub_process"), nil, completeFirst(nil)},
		{"EventGateway", golden(b, "event_gateway"), nil, arrives},
		{"ServiceTask", compile(b, `<serviceTask id="t"/><sequenceFlow id="f" sourceRef="start" targetRef="t"/>`), form(5), jobDone},
		{"Decision", compile(b, decided), feel.Vars{"days": feel.Int(3)}, completeFirst(form(2))},
	} {
		b.Run(c.name, func(b *testing.B) { benchmark(b, c.def, c.vars, c.next) })
	}
}

const votes = `<userTask id="vote"><multiInstanceLoopCharacteristics><loopCardinality>100</loopCardinality>
<completionCondition>= nrOfCompletedInstances &gt; 50</completionCondition></multiInstanceLoopCharacteristics></userTask>
<sequenceFlow id="f" sourceRef="start" targetRef="vote"/>`

const decided = `<userTask id="t"/><sequenceFlow id="f" sourceRef="start" targetRef="t"/><sequenceFlow id="g" sourceRef="t" targetRef="d"/>
<scriptTask id="d" scriptFormat="feel"><script>if days &gt; 10 then "head" else if days &gt; 2 then "superior" else "nobody"</script></scriptTask>
<sequenceFlow id="h" sourceRef="d" targetRef="u"/><userTask id="u"/>`

func arrives(st *engine.State) engine.Event {
	for _, a := range st.Armed() {
		if a.Kind == bpmn.MessageEvent {
			return engine.MessageArrived{Subscription: a.ID}
		}
	}
	return engine.TimerFired{Timer: st.Armed()[0].ID}
}

func jobDone(st *engine.State) engine.Event {
	return engine.JobDone{Job: slices.Collect(st.Waiting())[0].ID}
}

func BenchmarkState(b *testing.B) {
	def := compile(b, chain(3))
	env := engine.Env{Now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), NewID: func() engine.ID { return 7 }}
	st, _, err := engine.Step(def, nil, engine.Start{Instance: 1, Vars: form(20)}, env)
	if err != nil {
		b.Fatal(err)
	}
	raw := mustEncode(st)
	b.Run("Encode", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(int64(len(raw)))
		for b.Loop() {
			mustEncode(st)
		}
	})
	b.Run("Decode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := engine.DecodeState(raw); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("Event", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := engine.EncodeEvent(engine.TaskCompleted{Task: 7, By: "ann", Vars: form(5)}); err != nil {
				b.Fatal(err)
			}
		}
	})
}
