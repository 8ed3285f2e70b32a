package process_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/db/dbtest"
	"github.com/paceline/paceline/internal/engine"
	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/process"
	"github.com/paceline/paceline/internal/service/servicetest"
)

func TestRefusals(t *testing.T) {
	quick(t, func(t *testing.T, w *world) {
		n := w.node()
		id := n.start(w.define(sequence("p", `<userTask id="a"/>`, `<userTask id="b"/>`)), engine.Start{})
		task := w.task(id)
		stale := n.submit(id, engine.TaskCompleted{Task: engine.ID(task.ID), Version: task.Version + 1})
		must(t, n.submit(id, engine.TaskCompleted{Task: engine.ID(task.ID), Version: task.Version}))

		for name, tt := range map[string]struct {
			err  error
			kind errs.Kind
		}{
			"another version of the task": {stale, errs.Conflict},
			"a task that is over":         {n.submit(id, engine.TaskCompleted{Task: engine.ID(task.ID)}), errs.Conflict},
			"no such instance":            {n.submit(404, engine.Cancel{}), errs.NotFound},
			"no such definition":          {submitStart(n, 404), errs.NotFound},
		} {
			if !errs.Is(tt.err, tt.kind) {
				t.Errorf("%s: got %v, want %s", name, tt.err, tt.kind)
			}
		}
		if in := w.instance(id); in.Version != 2 || in.Seq != 2 {
			t.Errorf("a refused command left something: %+v", in)
		}
	})
}

func submitStart(n *node, def db.ID) error {
	_, err := n.Submit(n.w.t.Context(), process.Command{Definition: def, Event: engine.Start{}})
	return err
}

// Many commands on one instance at the same time are few updates of its row, and each is in the
// history.
func TestCommandsOnOneInstanceCollapse(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		n := w.node()
		const signers = 60
		id := n.start(w.define(sequence("p", `<userTask id="sign"><multiInstanceLoopCharacteristics><loopCardinality>60</loopCardinality></multiInstanceLoopCharacteristics></userTask>`)), engine.Start{})
		tasks, err := w.query.TasksOf(t.Context(), id)
		must(t, err)
		if len(tasks) != signers {
			t.Fatalf("%d tasks", len(tasks))
		}
		var all sync.WaitGroup
		for _, task := range tasks {
			all.Go(func() {
				if err := n.submit(id, engine.TaskCompleted{Task: engine.ID(task.ID), Version: 1}); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		w.ends(id, process.Completed)
		in := w.instance(id)
		if in.Seq != 1+signers {
			t.Errorf("%d transitions, want %d", in.Seq, 1+signers)
		}
		if in.Version >= in.Seq {
			t.Errorf("%d updates for %d transitions: nothing collapsed", in.Version, in.Seq)
		}
	})
}

// Two nodes work on the same instances, each with a cache that the other makes old.
func TestStaleCommandsRunAgain(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		nodes := []*node{w.node(), w.node()}
		id := nodes[0].start(w.define(sequence("p", `<userTask id="sign"><multiInstanceLoopCharacteristics><loopCardinality>40</loopCardinality></multiInstanceLoopCharacteristics></userTask>`)), engine.Start{})
		tasks, err := w.query.TasksOf(t.Context(), id)
		must(t, err)
		var all sync.WaitGroup
		for i, task := range tasks {
			all.Go(func() {
				if err := nodes[i%2].submit(id, engine.TaskCompleted{Task: engine.ID(task.ID), Version: 1}); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		w.ends(id, process.Completed)
		if in := w.instance(id); in.Seq != 41 {
			t.Errorf("%d transitions, want 41", in.Seq)
		}
	})
}

// A task that another node opened is unknown to the state that this node has kept.
func TestAnOldCacheRefusesNothing(t *testing.T) {
	quick(t, func(t *testing.T, w *world) {
		a, b := w.node(), w.node()
		id := a.start(w.define(sequence("p", `<userTask id="a"/>`, `<userTask id="b"/>`, `<userTask id="c"/>`)), engine.Start{})
		b.complete(id)
		a.complete(id)
		b.complete(id)
		w.ends(id, process.Completed)
	})
}

func TestARepeatGetsTheFirstAnswer(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		a, b := w.node(), w.node()
		def := w.define(sequence("p", `<userTask id="a"/>`))
		start := process.Command{Definition: def, Event: engine.Start{},
			Answer: func(t *process.Transition) any { return map[string]any{"ticket": t.Instance} }}
		once := db.WithOnce(t.Context(), db.Once{Key: "u1:open", Hash: "h"})

		first, err := a.Submit(once, start)
		must(t, err)
		for name, n := range map[string]*node{"same node": a, "other node": b} {
			again, err := n.Submit(once, start)
			must(t, err)
			if !again.Replayed || again.Instance != first.Instance || string(again.Answer) != string(first.Answer) {
				t.Errorf("%s: got %+v, want that of %+v", name, again, first)
			}
		}
		if _, err := b.Submit(db.WithOnce(t.Context(), db.Once{Key: "u1:open", Hash: "other"}), start); !errors.Is(err, db.ErrKeyReused) {
			t.Errorf("another request under the key: %v", err)
		}
		if n := w.count("instance"); n != 1 {
			t.Errorf("%d instances, want 1", n)
		}

		// The task is over after the first time, so the repeat does not fit the state.
		task := w.task(first.Instance)
		done := process.Command{Instance: first.Instance, Event: engine.TaskCompleted{Task: engine.ID(task.ID), Version: 1}}
		once = db.WithOnce(t.Context(), db.Once{Key: "u1:complete", Hash: "h"})
		for _, n := range []*node{a, a, b} {
			if _, err := n.Submit(once, done); err != nil {
				t.Error(err)
			}
		}
		w.ends(first.Instance, process.Completed)
		if res, ok, err := b.Recall(once); err != nil || !ok || res.Instance != first.Instance {
			t.Errorf("recall: %+v, %v, %v", res, ok, err)
		}
	})
}

func TestConcurrentRepeatsHappenOnce(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		nodes := []*node{w.node(), w.node()}
		def := w.define(sequence("p", `<userTask id="a"/>`))
		once := db.WithOnce(t.Context(), db.Once{Key: "k", Hash: "h"})
		var all sync.WaitGroup
		var mu sync.Mutex
		answers := map[db.ID]int{}
		for i := range 40 {
			all.Go(func() {
				res, err := nodes[i%2].Submit(once, process.Command{Definition: def, Event: engine.Start{}})
				if errors.Is(err, db.ErrKeyBusy) {
					return
				}
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				defer mu.Unlock()
				answers[res.Instance]++
			})
		}
		all.Wait()
		if len(answers) != 1 || w.count("instance") != 1 {
			t.Errorf("answers %v, %d instances; want one", answers, w.count("instance"))
		}
	})
}

// The keys are what makes a repeat harmless: without them it happens again.
func TestARepeatWithoutKeysHappensAgain(t *testing.T) {
	quick(t, func(t *testing.T, w *world) {
		n := w.node(func(c *process.Config, _ *process.Deps) { c.Unkeyed = true })
		def := w.define(sequence("p", `<userTask id="a"/>`))
		once := db.WithOnce(t.Context(), db.Once{Key: "k", Hash: "h"})
		for range 2 {
			_, err := n.Submit(once, process.Command{Definition: def, Event: engine.Start{}})
			must(t, err)
		}
		if got := w.count("instance"); got != 2 {
			t.Errorf("%d instances, want 2", got)
		}
	})
}

// Whom Assign finds is in the engine's state too, so that he can delegate and gets the task back.
func TestTheEngineKnowsWhomAssignHasFound(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		n := w.node(func(_ *process.Config, d *process.Deps) {
			d.Assign = func(context.Context, process.Assignment) (process.Assigned, error) {
				return process.Assigned{Assignee: 70, AssigneeName: "Ms Ann", Login: "ann", Candidates: []db.ID{70, 71, 70}}, nil
			}
			d.Person = func(_ context.Context, login string) (db.ID, string, error) {
				return map[string]db.ID{"ann": 70, "bob": 71}[login], "Name of " + login, nil
			}
		})
		id := n.start(w.define(sequence("p", `<userTask id="a"/>`)), engine.Start{})
		task := w.task(id)
		if task.Assignee != 70 || task.Version != 2 || task.AssigneeName != "Name of ann" {
			t.Fatalf("the task is %+v", task)
		}
		candidates, err := w.query.CandidatesOf(t.Context(), task.ID)
		must(t, err)
		if !slices.Equal(candidates, []db.ID{70, 71}) {
			t.Errorf("the candidates are %v", candidates)
		}
		must(t, n.submit(id, engine.TaskAssigned{Task: engine.ID(task.ID), Version: 2, To: "bob", Delegate: true}))
		if task := w.task(id); task.Assignee != 71 || task.Owner != 70 {
			t.Errorf("the delegated task is %+v", task)
		}
		n.complete(id)
		if task := w.task(id); task.Assignee != 70 || task.Owner != 0 {
			t.Errorf("the task that came back is %+v", task)
		}
		n.complete(id)
		w.ends(id, process.Completed)
	})
}

// One bad command of a group hurts no other of it, also when only the database sees that it is bad.
func TestABadCommandFailsAlone(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		n := w.node()
		def := w.define(sequence("p", `<userTask id="sign"><multiInstanceLoopCharacteristics><loopCardinality>12</loopCardinality></multiInstanceLoopCharacteristics></userTask>`))
		id := n.start(def, engine.Start{})
		tasks, err := w.query.TasksOf(t.Context(), id)
		must(t, err)
		bad := map[int]func(*process.Transition, *db.Change) error{
			2: func(*process.Transition, *db.Change) error { return errs.New(errs.Denied, "no") },
			5: func(*process.Transition, *db.Change) error { panic("broken") },
			8: func(_ *process.Transition, c *db.Change) error { // a key that exists
				c.Inserts = append(c.Inserts, db.Row{Table: process.Candidates, Values: []any{1, 1}}, db.Row{Table: process.Candidates, Values: []any{1, 1}})
				return nil
			},
		}
		var all sync.WaitGroup
		failed := make([]error, len(tasks))
		for i, task := range tasks {
			all.Go(func() {
				_, failed[i] = n.Submit(t.Context(), process.Command{Instance: id, Event: engine.TaskCompleted{Task: engine.ID(task.ID)}, With: bad[i]})
			})
		}
		all.Wait()
		for i, err := range failed {
			if (err != nil) != (bad[i] != nil) {
				t.Errorf("command %d: %v", i, err)
			}
		}
		tasks, err = w.query.TasksOf(t.Context(), id)
		must(t, err)
		if len(tasks) != len(bad) {
			t.Errorf("%d tasks are left, want %d", len(tasks), len(bad))
		}
		must(t, w.query.Replay(t.Context(), id))
	})
}

func TestBackPressure(t *testing.T) {
	quick(t, func(t *testing.T, w *world) {
		hold := make(chan struct{})
		n := w.node(func(c *process.Config, d *process.Deps) {
			c.Lanes, c.LaneQueue = 1, 3
			d.Project = func(*process.Transition, *db.Change) error {
				<-hold
				return nil
			}
		})
		def := w.define(sequence("p", `<userTask id="a"/>`))
		results := make(chan error, 10)
		for range 10 {
			go func() { results <- submitStart(n, def) }()
		}
		for range 10 - 3 - 3 { // up to three are held as a group, three wait, the others are turned away
			var e *errs.Error
			if err := <-results; !errors.As(err, &e) || e.Kind != errs.Exhausted || e.Retry == 0 || e.Cure == "" {
				t.Errorf("got %v, want Exhausted with a time to come back and the cause", err)
			}
		}
		close(hold)
		accepted := 0
		for range 6 {
			if <-results == nil {
				accepted++
			}
		}
		if accepted < 3 || w.count("instance") != accepted {
			t.Errorf("%d accepted, %d instances", accepted, w.count("instance"))
		}
	})
}

func TestStress(t *testing.T) {
	d := dbtest.Open(t, "sqlite")
	w := newWorld(t, d)
	ids := db.NewIDs(1, w.clock.Now)
	servicetest.Stress(t, process.New(process.Config{}, process.Deps{DB: d, NewID: ids.Next, Lease: w.nodes.join(), Definitions: w.defs}))
}
