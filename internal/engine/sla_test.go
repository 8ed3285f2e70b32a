package engine_test

import (
	"bytes"
	"os"
	"testing"
	"time"

	"github.com/paceline/paceline/internal/bpmn"
	"github.com/paceline/paceline/internal/calendar"
	"github.com/paceline/paceline/internal/engine"
)

// TestClocksAreKept takes the state through its encoding after every event, with a clock that runs, stands, waits
// for its work to come again, and goes on; and holds the due time that tasks are told.
func TestClocksAreKept(t *testing.T) {
	src, err := os.ReadFile("testdata/sla_levels.bpmn")
	must(t, err)
	file, err := bpmn.Parse(src)
	must(t, err)
	def, err := engine.Compile(file, "")
	must(t, err)
	cal, err := calendar.New(calendar.Spec{Zone: "UTC", Week: map[string][]string{"mon": {"09:00-17:00"}, "tue": {"09:00-17:00"}}}, "c@1")
	must(t, err)

	now := time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC) // a Monday
	var id engine.ID
	var state *engine.State
	var told time.Time // the last due time of the task
	step := func(ev engine.Event) {
		t.Helper()
		next, effects, err := engine.Step(def, state, ev, engine.Env{Now: now, NewID: func() engine.ID { id++; return id },
			Calendar: func(string) (*calendar.Calendar, bool) { return cal, true }})
		must(t, err)
		for _, effect := range effects {
			switch e := effect.(type) {
			case engine.OpenTask:
				told = e.Due
			case engine.ChangeDue:
				told = e.Due
			}
		}
		raw, err := next.MarshalBinary()
		must(t, err)
		state, err = engine.DecodeState(raw)
		must(t, err)
		again, err := state.MarshalBinary()
		must(t, err)
		if !bytes.Equal(raw, again) {
			t.Fatalf("%T: the state does not come back", ev)
		}
	}
	due := func(want string) {
		t.Helper()
		if got := told.Format("Mon 02 15:04"); got != want {
			t.Errorf("due %s, want %s", got, want)
		}
	}
	task := func() engine.ID { return state.OpenTasks()[0].ID }

	step(engine.Start{Instance: 1})
	step(engine.TaskCompleted{Task: task()})
	due("Tue 06 17:00") // sixteen hours: two days
	now = now.Add(4 * time.Hour)
	step(engine.Suspend{})
	now = now.AddDate(0, 0, 7)
	step(engine.Resume{})
	due("Tue 13 17:00") // twelve are left on Monday at one
	if armed := state.Armed(); len(armed) != 4 || !armed[0].Due.Equal(time.Date(2026, 1, 13, 13, 0, 0, 0, time.UTC)) {
		t.Errorf("levels %+v", armed)
	}
	step(engine.TimerFired{Timer: state.Armed()[0].ID})
	now = now.Add(2 * time.Hour)
	step(engine.Jump{To: "write"})
	now = now.AddDate(0, 0, 7)
	step(engine.TaskCompleted{Task: task()})
	due("Tue 20 17:00") // ten are left on Monday at three
	if armed := state.Armed(); len(armed) != 3 {
		t.Errorf("a level that has happened is armed again: %+v", armed)
	}
	step(engine.TaskCompleted{Task: task(), Outcome: "approve"})
	if armed := state.Armed(); len(armed) != 0 {
		t.Errorf("left over: %+v", armed)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
