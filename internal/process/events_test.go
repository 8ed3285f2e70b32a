package process_test

import (
	"context"
	"testing"
	"time"

	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/engine"
	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/feel"
	"github.com/paceline/paceline/internal/process"
)

type dbid = db.ID

func dbID(t testing.TB, id interface{ String() string }) db.ID {
	t.Helper()
	n, err := db.ParseID(id.String())
	must(t, err)
	return n
}

const wait = `<intermediateCatchEvent id="wait"><timerEventDefinition><timeDuration>PT1H</timeDuration></timerEventDefinition></intermediateCatchEvent>`

func TestTimersFireOnce(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		nodes := []*node{w.node(), w.node()}
		def := w.define(sequence("p", wait))
		var ids []db.ID
		for i := range 30 {
			ids = append(ids, nodes[i%2].start(def, engine.Start{}))
		}
		w.clock.add(59 * time.Minute)
		nodes[0].Wake()
		w.clock.add(time.Minute)
		for _, n := range nodes {
			n.Wake()
		}
		for _, id := range ids {
			w.ends(id, process.Completed)
			if in := w.instance(id); in.Seq != 2 {
				t.Errorf("instance %s has %d transitions, want 2", id, in.Seq)
			}
		}
		w.until("no job is left", func() bool { return w.count("job") == 0 })
	})
}

// A timer that is near is held in memory by the node that set it.
func TestNearTimer(t *testing.T) {
	quick(t, func(t *testing.T, w *world) {
		n := w.node()
		id := n.start(w.define(sequence("p", `<intermediateCatchEvent id="wait"><timerEventDefinition><timeDuration>PT2S</timeDuration></timerEventDefinition></intermediateCatchEvent>`)), engine.Start{})
		if held := w.count("job WHERE owner = 1"); held != 1 {
			t.Errorf("%d timers are held, want 1", held)
		}
		w.clock.add(2 * time.Second)
		n.Wake()
		w.ends(id, process.Completed)
	})
}

func TestBoundaryTimerEndsWithItsTask(t *testing.T) {
	quick(t, func(t *testing.T, w *world) {
		n := w.node()
		id := n.start(w.define(`<process id="p" isExecutable="true"><startEvent id="start"/><sequenceFlow id="f1" sourceRef="start" targetRef="a"/><userTask id="a"/>
			<sequenceFlow id="f2" sourceRef="a" targetRef="end"/><endEvent id="end"/>
			<boundaryEvent id="late" attachedToRef="a"><timerEventDefinition><timeDuration>PT1H</timeDuration></timerEventDefinition></boundaryEvent>
			<sequenceFlow id="f3" sourceRef="late" targetRef="end2"/><endEvent id="end2"/></process>`), engine.Start{})
		if n := w.count("job"); n != 1 {
			t.Errorf("%d jobs, want the timer", n)
		}
		n.complete(id)
		w.ends(id, process.Completed)
		if n := w.count("job"); n != 0 {
			t.Errorf("%d jobs are left", n)
		}
	})
}

const catchMessage = `<intermediateCatchEvent id="paid"><messageEventDefinition messageRef="m"/></intermediateCatchEvent>`

func TestCorrelateOnce(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		a, b := w.node(), w.node()
		def := w.define(`<message id="m" name="payment"/>` + sequence("p", catchMessage))
		one := a.start(def, engine.Start{BusinessKey: "1"})
		two := a.start(def, engine.Start{BusinessKey: "2"})

		once := db.WithOnce(t.Context(), db.Once{Key: "pay", Hash: "h"})
		for _, n := range []*node{a, a, b} {
			res, err := n.Correlate(once, process.Message{Name: "payment", Key: "2", Vars: feel.Vars{"sum": "10"}})
			must(t, err)
			if res.Instance != two {
				t.Errorf("it reached %s, want %s", res.Instance, two)
			}
		}
		w.ends(two, process.Completed)
		if in := w.instance(one); in.Status != process.Running {
			t.Errorf("the other instance is %s", in.Status)
		}
		if _, err := b.Correlate(t.Context(), process.Message{Name: "payment", Key: "2"}); !errs.Is(err, errs.NotFound) {
			t.Errorf("nobody waits any more: %v", err)
		}
	})
}

// A thrown message finds one receiver, also one that begins to wait later.
func TestThrownMessageArrivesOnce(t *testing.T) {
	quick(t, func(t *testing.T, w *world) {
		a, b := w.node(), w.node()
		receive := w.define(`<message id="m" name="order"/>` + sequence("receiver", `<intermediateCatchEvent id="got"><messageEventDefinition messageRef="m"/></intermediateCatchEvent>`, `<userTask id="after"/>`))
		throw := w.define(`<message id="m" name="order"/>` + sequence("sender", `<intermediateThrowEvent id="tell"><messageEventDefinition messageRef="m"/></intermediateThrowEvent>`))

		sender := a.start(throw, engine.Start{BusinessKey: "7"})
		w.ends(sender, process.Completed)
		if n := w.count("job"); n != 1 {
			t.Fatalf("%d jobs, want the message on its way", n)
		}
		first := b.start(receive, engine.Start{BusinessKey: "7"})
		second := b.start(receive, engine.Start{BusinessKey: "7"})
		w.until("the message is taken", func() bool {
			w.clock.add(100 * time.Millisecond)
			a.Wake()
			return w.count("job") == 0
		})
		if n := w.count("task"); n != 1 {
			t.Errorf("%d receivers got it, want 1", n)
		}
		w.task(first)
		if in := w.instance(second); in.Seq != 1 {
			t.Errorf("the second receiver has moved")
		}
	})
}

func TestSignalReachesAllOnce(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		nodes := []*node{w.node(), w.node()}
		def := w.define(`<signal id="s" name="stop"/>` + sequence("p", `<intermediateCatchEvent id="got"><signalEventDefinition signalRef="s"/></intermediateCatchEvent>`))
		var ids []db.ID
		for i := range 10 {
			ids = append(ids, nodes[i%2].start(def, engine.Start{}))
		}
		_, err := nodes[0].RaiseSignal(t.Context(), process.Signal{Name: "stop"})
		must(t, err)
		for _, id := range ids {
			w.ends(id, process.Completed)
		}
		w.until("the signal is over", func() bool { return w.count("job") == 0 })
	})
}

func TestStartsByMessageSignalAndTimer(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		nodes := []*node{w.node(), w.node()}
		starts := func(id, event string) db.ID {
			return w.define(`<message id="m" name="order"/><signal id="s" name="alarm"/><process id="` + id + `" isExecutable="true"><startEvent id="s1">` + event + `</startEvent>
				<sequenceFlow id="f1" sourceRef="s1" targetRef="a"/><userTask id="a"/><sequenceFlow id="f2" sourceRef="a" targetRef="end"/><endEvent id="end"/></process>`)
		}
		byMessage := starts("m1", `<messageEventDefinition messageRef="m"/>`)
		bySignal := starts("s1p", `<signalEventDefinition signalRef="s"/>`)
		byTimer := starts("t1", `<timerEventDefinition><timeCycle>R2/PT1H</timeCycle></timerEventDefinition>`)
		set := func(defs ...db.ID) {
			live := map[db.ID]*engine.Definition{}
			for _, id := range defs {
				live[id] = w.defs.byID[id]
			}
			must(t, w.db.Tx(t.Context(), func(ctx context.Context, tx *db.Tx) error { return nodes[0].SetStarts(ctx, tx, 1, live) }))
		}
		set(byTimer)
		set(byMessage, bySignal, byTimer) // again, as the next version does
		if n := w.count("job"); n != 1 {
			t.Errorf("%d start timers, want 1", n)
		}

		res, err := nodes[1].Correlate(t.Context(), process.Message{Name: "order", Key: "55"})
		must(t, err)
		if in := w.instance(res.Instance); in.Definition != byMessage || in.BusinessKey != "55" {
			t.Errorf("the message started %+v", in)
		}
		_, err = nodes[1].RaiseSignal(t.Context(), process.Signal{Name: "alarm"})
		must(t, err)
		of := func(def db.ID) int { return w.count("instance WHERE definition = " + def.String()) }
		w.until("the signal has started one", func() bool { return of(bySignal) == 1 })

		for hour := 1; hour <= 4; hour++ {
			w.clock.add(time.Hour)
			for _, n := range nodes {
				n.Wake()
			}
			want := min(hour, 2)
			w.until("the timer has started one more", func() bool { return of(byTimer) == want })
		}
		w.until("no job is left", func() bool { return w.count("job") == 0 })
		set()
		if n := w.count("process_start"); n != 0 {
			t.Errorf("%d starts are left", n)
		}
	})
}

func TestCallActivity(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		n := w.node()
		parent := w.define(sequence("parent", `<callActivity id="call" calledElement="child"/>`, `<userTask id="after"/>`))
		child := w.define(sequence("child", `<userTask id="inner"/>`))
		id := n.start(parent, engine.Start{Vars: feel.Vars{"x": "in"}})
		w.until("the child runs", func() bool { return w.count("task WHERE root = "+id.String()) == 1 })
		family, err := w.query.Family(t.Context(), id, 10)
		must(t, err)
		if len(family) != 2 || family[1].Definition != child || family[1].Parent != id || family[1].Root != id {
			t.Fatalf("the family is %+v", family)
		}
		called := family[1].ID
		task := w.task(called)
		must(t, n.submit(called, engine.TaskCompleted{Task: engine.ID(task.ID), Vars: feel.Vars{"y": "out"}}))
		w.ends(called, process.Completed)
		w.until("the parent goes on", func() bool { return w.instance(id).Seq == 2 })
		if task := w.task(id); task.Node != "after" {
			t.Errorf("the parent is at %s", task.Node)
		}
		_, state, err := w.query.State(t.Context(), id)
		must(t, err)
		if state.Vars()["y"] != "out" {
			t.Errorf("the parent has %v", state.Vars())
		}
		n.complete(id)
		w.ends(id, process.Completed)
		w.until("no job is left", func() bool { return w.count("job") == 0 })
	})
}

func TestCancelReachesTheChild(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		n := w.node()
		parent := w.define(sequence("parent", `<callActivity id="call" calledElement="child"/>`))
		w.define(sequence("child", `<userTask id="inner"/>`))
		id := n.start(parent, engine.Start{})
		must(t, n.submit(id, engine.Cancel{Reason: "not needed"})) // whether or not the child has started
		w.ends(id, process.Cancelled)
		w.until("no child runs", func() bool {
			return w.count("job") == 0 && w.count("instance WHERE status = 1") == 0 && w.count("task") == 0
		})
	})
}

func TestCalledProcessThatDoesNotExist(t *testing.T) {
	quick(t, func(t *testing.T, w *world) {
		n := w.node()
		id := n.start(w.define(sequence("parent", `<callActivity id="call" calledElement="nowhere"/>`)), engine.Start{})
		w.until("there is an incident", func() bool { return w.count("incident") == 1 })
		incidents, err := w.query.IncidentsOf(t.Context(), id)
		must(t, err)
		if incidents[0].Node != "call" || incidents[0].Message == "" {
			t.Errorf("the incident is %+v", incidents[0])
		}
	})
}
