package engine_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/paceline/paceline/internal/engine"
	"github.com/paceline/paceline/internal/feel"
)

func everyValue() feel.Vars {
	date, _ := feel.ParseDate("2026-01-31")
	clock, _ := feel.ParseTime("09:00:00+01:00")
	at, _ := feel.ParseDateTime("2026-01-31T09:00:00@Europe/Paris")
	long, _ := feel.ParseNumber("123456789012345678901234567890.5000")
	span, _ := feel.ParseDuration("-P1DT2H0.25S")
	return feel.Vars{
		"null": nil, "yes": true, "no": false, "text": "täxt", "int": feel.Int(-7), "long": long,
		"date": date, "time": clock, "at": at, "months": feel.MonthDuration(-14), "span": span,
		"list":    feel.List{feel.Int(1), feel.List{}, nil},
		"context": feel.NewContext(feel.Entry{Name: "z", Value: date}, feel.Entry{Name: "a", Value: feel.NewContext()}),
		"marked":  feel.NewContext(feel.Entry{Name: "@", Value: "date"}, feel.Entry{Name: "is", Value: "no date"}),
		"range":   &feel.Range{Low: feel.Int(1), High: nil, LowClosed: true},
		"test":    &feel.Range{Low: feel.Int(1), High: feel.Int(1), Op: "!="},
	}
}

// TestStateRoundTrips holds that the encoding and the JSON give back the same state, values of every
// type included.
func TestStateRoundTrips(t *testing.T) {
	g := play(t, golden(t, "boundary_timer"), everyValue())
	raw := mustEncode(g.state)
	again, err := engine.DecodeState(raw)
	if err != nil || !bytes.Equal(mustEncode(again), raw) {
		t.Fatalf("binary: %v", err)
	}
	text, err := json.Marshal(g.state)
	if err != nil {
		t.Fatal(err)
	}
	var fromJSON engine.State
	if err := json.Unmarshal(text, &fromJSON); err != nil || !bytes.Equal(mustEncode(&fromJSON), raw) {
		t.Fatalf("JSON: %v", err)
	}
	for _, s := range []*engine.State{again, &fromJSON} {
		if vars := s.Vars(); !feel.Equal(vars["test"], everyValue()["test"]) {
			t.Errorf("a range lost its operator: %v", vars["test"])
		}
	}
}

func TestEventRoundTrips(t *testing.T) {
	for _, ev := range []engine.Event{
		engine.Start{Instance: 1 << 62, Element: "s", BusinessKey: "k", Vars: everyValue(), Parent: 2, ParentCall: 3, Initiator: "ann"},
		engine.TaskCompleted{Task: 1, Version: 2, Outcome: "yes", Vars: everyValue(), By: "bob", Note: "why"},
		engine.TaskAssigned{Task: 1, Version: 2, To: "x", Delegate: true, By: "y"},
		engine.GroupChanged{Task: 1, Add: feel.List{"x", nil}, Remove: true, By: "y"},
		engine.GroupChanged{Task: 1, Add: feel.List{"x"}, Where: engine.Before, Member: "z", By: "y"},
		engine.GroupFormed{Group: 1, Members: []engine.Member{{Name: "x", Weight: 2, Veto: true}}, Verdict: engine.Passes, Reason: "r"},
		engine.TaskFailed{Task: 1, Code: "c", Message: "m", Vars: everyValue()},
		engine.JobDone{Job: 1, Vars: everyValue()}, engine.JobFailed{Job: 1, Code: "c", Message: "m"},
		engine.TimerFired{Timer: 1}, engine.MessageArrived{Subscription: 1}, engine.SignalRaised{Subscription: 1},
		engine.ChildFinished{Call: 1, How: engine.EndFailed, Code: "c", Message: "m", All: true}, engine.ChildEscalated{Call: 1, Code: "c"},
		engine.VariablesSet{Element: "e"}, engine.Jump{From: "a", To: "b", Return: true}, engine.Withdraw{By: "a"},
		engine.Cancel{Reason: "r"}, engine.Retry{Incident: 1}, engine.Suspend{}, engine.Resume{},
	} {
		raw, err := engine.EncodeEvent(ev)
		if err != nil {
			t.Fatalf("%T: %v", ev, err)
		}
		again, err := engine.DecodeEvent(raw)
		if err != nil {
			t.Fatalf("%T: %v", ev, err)
		}
		if second, err := engine.EncodeEvent(again); err != nil || !bytes.Equal(raw, second) {
			t.Errorf("%s became %s, %v", raw, second, err)
		}
	}
}

// FuzzDecodeState feeds damaged states: they are refused, or stepped without a panic.
func FuzzDecodeState(f *testing.F) {
	defs := map[string]*engine.Definition{}
	for _, name := range []string{"boundary_timer", "multi_instance_scope", "compensation_of_one", "inclusive_gateway"} {
		defs[name] = golden(f, name)
		st, _, err := engine.Step(defs[name], nil, engine.Start{Instance: 1, Vars: feel.Vars{"a": true, "b": true}}, engine.Env{NewID: func() engine.ID { return 9 }})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(name, mustEncode(st))
	}
	defs["approval_in_turn"] = golden(f, "approval_in_turn")
	f.Add("approval_in_turn", votingState(f, defs["approval_in_turn"]))
	f.Fuzz(func(_ *testing.T, name string, raw []byte) {
		st, err := engine.DecodeState(raw)
		def := defs[name]
		if err != nil || def == nil {
			return
		}
		id := engine.ID(1000)
		env := engine.Env{NewID: func() engine.ID { id++; return id }}
		for _, task := range st.OpenTasks() {
			_, _, _ = engine.Step(def, st, engine.TaskCompleted{Task: task.ID}, env)
			_, _, _ = engine.Step(def, st, engine.GroupChanged{Task: task.ID, Add: feel.List{"x"}, Where: engine.Before}, env)
			_, _, _ = engine.Step(def, st, engine.GroupChanged{Task: task.ID, Remove: true}, env)
			st.VotingOf(task.ID)
		}
		for _, a := range st.Armed() {
			_, _, _ = engine.Step(def, st, engine.TimerFired{Timer: a.ID}, env)
			_, _, _ = engine.Step(def, st, engine.MessageArrived{Subscription: a.ID}, env)
		}
		_, _, _ = engine.Step(def, st, engine.VariablesSet{}, env)
		_, _, _ = engine.Step(def, st, engine.Cancel{}, env)
	})
}

// votingState is a group of which one member has voted.
func votingState(f *testing.F, def *engine.Definition) []byte {
	id := engine.ID(8)
	env := engine.Env{NewID: func() engine.ID { id++; return id }}
	st, effects, err := engine.Step(def, nil, engine.Start{Instance: 1}, env)
	for _, e := range effects {
		if group, ok := e.(engine.FormGroup); ok && err == nil {
			st, _, err = engine.Step(def, st, group.Named(), env)
		}
	}
	if err == nil {
		st, _, err = engine.Step(def, st, engine.TaskCompleted{Task: st.OpenTasks()[0].ID}, env)
	}
	if err != nil {
		f.Fatal(err)
	}
	return mustEncode(st)
}
