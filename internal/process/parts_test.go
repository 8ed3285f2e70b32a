package process_test

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/engine"
	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/feel"
	"github.com/paceline/paceline/internal/process"
)

// fourTasks is a process with four user tasks in a row.
func fourTasks() string {
	return sequence("four", `<userTask id="a"/>`, `<userTask id="b"/>`, `<userTask id="c"/>`, `<userTask id="d"/>`)
}

// noise is text that cannot be compressed.
func noise(bytes int, seed uint64) string {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"
	random := rand.New(rand.NewPCG(seed, 1))
	var b strings.Builder
	for range bytes {
		b.WriteByte(letters[random.IntN(len(letters))])
	}
	return b.String()
}

// done completes the open task with variables.
func (n *node) done(instance db.ID, vars feel.Vars) {
	n.w.t.Helper()
	task := n.w.task(instance)
	must(n.w.t, n.submit(instance, engine.TaskCompleted{Task: engine.ID(task.ID), Version: task.Version, Vars: vars}))
}

// state is what the database has of an instance.
func (w *world) state(id db.ID) *engine.State {
	w.t.Helper()
	_, state, err := w.query.State(w.t.Context(), id)
	must(w.t, err)
	return state
}

func TestLargeVariablesAreKeptApart(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		one, other := w.node(), w.node()
		big, next := noise(1<<20, 1), noise(200<<10, 2)
		id := one.start(w.define(fourTasks()), engine.Start{Vars: feel.Vars{"big": big, "copy": big, "small": "x"}})
		if n := w.count("instance_part"); n != 1 {
			t.Errorf("%d parts for one content", n)
		}
		other.done(id, feel.Vars{"small": "y"}) // a node that has never seen it
		if got := w.state(id).Vars(); got["big"] != big || got["copy"] != big || got["small"] != "y" {
			t.Error("another node lost a variable")
		}
		other.done(id, feel.Vars{"copy": next}) // the old content still has a name
		if n := w.count("instance_part"); n != 2 {
			t.Errorf("%d parts for two contents", n)
		}
		must(t, w.query.Replay(t.Context(), id))
		one.done(id, feel.Vars{"big": "gone"}) // and is collected with the last
		if n := w.count("instance_part"); n != 1 {
			t.Errorf("%d parts, when one content is left", n)
		}
		other.done(id, feel.Vars{"big": next})
		w.ends(id, process.Completed)
		if got := w.state(id).Vars(); got["big"] != next || got["copy"] != next {
			t.Error("an ended instance lost a variable")
		}
		entered, _, err := w.query.Entered(t.Context(), id, "b")
		must(t, err)
		if entered["big"] != big {
			t.Error("the history does not give what was there then")
		}
	})
}

func TestHowLargeAVariableMayBe(t *testing.T) {
	quick(t, func(t *testing.T, w *world) {
		n := w.node()
		def := w.define(fourTasks())
		_, err := n.Submit(t.Context(), process.Command{Definition: def, Event: engine.Start{Vars: feel.Vars{"v": strings.Repeat("x", 8<<20+100)}}})
		if !errs.Is(err, errs.Invalid) {
			t.Errorf("more than 8 MB in one variable: %v", err)
		}
		id := n.start(def, engine.Start{Vars: feel.Vars{"v": strings.Repeat("x", 7<<20)}})
		n.done(id, feel.Vars{"w": strings.Repeat("y", 7<<20)})
		if got := w.state(id).Vars(); len(got["v"].(string)) != 7<<20 || len(got["w"].(string)) != 7<<20 {
			t.Error("14 MB in two variables were not kept")
		}
	})
}

// TestWhatATransitionWritesWithALargeVariable gives the figure of docs/performance.md: the bytes of the state that a
// transition writes beside a variable of 1 MB which it does not change.
func TestWhatATransitionWritesWithALargeVariable(t *testing.T) {
	quick(t, func(t *testing.T, w *world) {
		n := w.node()
		id := n.start(w.define(fourTasks()), engine.Start{Vars: feel.Vars{"big": noise(1<<20, 1)}})
		n.done(id, feel.Vars{"small": "y"})
		var written int
		must(t, w.db.QueryRow(t.Context(), "SELECT LENGTH(state) FROM instance WHERE id = ?", id).Scan(&written))
		whole, err := w.state(id).MarshalBinary()
		must(t, err)
		t.Logf("%d bytes of state, and %d where the variable is part of it", written, len(whole))
		if written > 1000 {
			t.Errorf("a transition writes %d bytes of state beside a variable that it does not change", written)
		}
	})
}
