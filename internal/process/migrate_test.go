package process_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/paceline/paceline/internal/bpmn"
	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/engine"
	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/feel"
	"github.com/paceline/paceline/internal/process"
)

// everywhere waits in all kinds of places: a task with a timer, work outside, a message, an incident.
const everywhere = `<message id="paid" name="paid"/><process id="%s" isExecutable="true"><startEvent id="start"/><parallelGateway id="split"/>
<userTask id="draft" name="Draft"/><boundaryEvent id="late" attachedToRef="draft"><timerEventDefinition><timeDuration>PT1H</timeDuration></timerEventDefinition></boundaryEvent>
<serviceTask id="print" paceline:type="print"/><intermediateCatchEvent id="pay"><messageEventDefinition messageRef="paid"/></intermediateCatchEvent>
<exclusiveGateway id="sum"/><endEvent id="end"/>
<sequenceFlow id="f0" sourceRef="start" targetRef="split"/><sequenceFlow id="f1" sourceRef="split" targetRef="draft"/><sequenceFlow id="f2" sourceRef="split" targetRef="print"/>
<sequenceFlow id="f3" sourceRef="split" targetRef="pay"/><sequenceFlow id="f4" sourceRef="split" targetRef="sum"/><sequenceFlow id="f5" sourceRef="late" targetRef="end"/>
<sequenceFlow id="f6" sourceRef="sum" targetRef="end"><conditionExpression>=text != null</conditionExpression></sequenceFlow></process>`

func (w *world) migrate(n *node, instance, from, to db.ID, plan engine.Plan) error {
	return n.submit(instance, engine.Migrate{Source: engine.ID(from), Target: engine.ID(to), Plan: plan})
}

func TestMigrationMovesEveryRow(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		old := w.define(fmt.Sprintf(everywhere, "old"))
		renamed := strings.NewReplacer(`id="draft" name="Draft"`, `id="compose" name="Compose"`, `"draft"`, `"compose"`, `"sum"`, `"total"`,
			`"print"`, `"copy"`, `"late"`, `"overdue"`, `"pay"`, `"money"`)
		to := w.define(renamed.Replace(fmt.Sprintf(everywhere, "new")))
		plan := engine.Plan{Map: map[string]string{"draft": "compose", "sum": "total", "print": "copy", "late": "overdue", "pay": "money"}}
		n, other := w.node(), w.node()
		id := n.start(old, engine.Start{Vars: feel.Vars{"text": nil}})
		must(t, other.submit(id, engine.VariablesSet{Vars: feel.Vars{"seen": true}})) // it is in the memory of both

		if err := w.migrate(n, id, old, to, engine.Plan{}); !errs.Is(err, errs.Conflict) || !strings.Contains(err.Error(), "cannot follow") {
			t.Fatalf("without a plan: %v", err)
		}
		must(t, w.migrate(n, id, old, to, plan))
		if err := w.migrate(other, id, old, to, plan); !errs.Is(err, errs.Conflict) {
			t.Errorf("a second time: %v", err)
		}
		if in := w.instance(id); in.Definition != to {
			t.Errorf("the instance is %+v", in)
		}
		task := w.task(id)
		if task.Node != "compose" || task.Name != "Compose" || task.Definition != to || task.Version != 2 {
			t.Errorf("the task is %+v", task)
		}
		jobs, err := w.query.JobsOf(t.Context(), id)
		must(t, err)
		for _, j := range jobs {
			if j.Node != "overdue" && j.Node != "copy" {
				t.Errorf("a job is %+v", j)
			}
		}
		stuck, err := w.query.IncidentsOf(t.Context(), id)
		must(t, err)
		if len(stuck) != 1 || stuck[0].Node != "total" || stuck[0].Definition != to || w.count("subscription WHERE node = 'money'") != 1 {
			t.Errorf("stuck %+v", stuck)
		}
		must(t, w.query.Replay(t.Context(), id))
		for name, there := range map[string]bool{"compose": true, "copy": true, "draft": false, "split": true} {
			if _, seq, err := w.query.Entered(t.Context(), id, name); there != (err == nil && seq == 1) {
				t.Errorf("%s was entered at %d, %v", name, seq, err)
			}
		}

		// What was open goes on from where it was, on every node.
		_, err = other.Correlate(t.Context(), process.Message{Name: "paid"})
		must(t, err)
		must(t, other.submit(id, engine.VariablesSet{Vars: feel.Vars{"text": "3"}}))
		must(t, n.submit(id, engine.Retry{Incident: engine.ID(stuck[0].ID)}))
		fetched, err := other.FetchJobs(t.Context(), process.Fetch{Types: []string{"print"}, Limit: 1, Lock: time.Minute})
		must(t, err)
		if len(fetched) != 1 || fetched[0].Node.ID != "copy" {
			t.Fatalf("fetched %+v", fetched)
		}
		_, err = other.CompleteJob(t.Context(), process.Held{Job: fetched[0].Job.ID, Lock: fetched[0].Lock}, nil)
		must(t, err)
		w.clock.add(2 * time.Hour)
		w.ends(id, process.Completed)
		entries, err := w.query.History(t.Context(), id, 0, 100)
		must(t, err)
		moved := 0
		for _, e := range entries {
			if e.Kind == "migrate" && e.Detail.Definition == to {
				moved++
			}
		}
		if moved != 1 {
			t.Errorf("the history tells of %d migrations", moved)
		}
	})
}

func TestMigrationsAmongCompletes(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		steps := func(name string) string {
			return sequence(name, `<userTask id="a"/>`, `<userTask id="b"/>`, `<userTask id="c"/>`)
		}
		old, to := w.define(steps("old")), w.define(steps("new"))
		nodes := []*node{w.node(), w.node()}
		const instances = 20
		ids := make([]db.ID, instances)
		for i := range ids {
			ids[i] = nodes[i%2].start(old, engine.Start{})
		}
		var all sync.WaitGroup
		for i, id := range ids {
			all.Go(func() { // three completes, each again until it counts
				for done := 0; done < 3; {
					tasks, err := w.query.TasksOf(t.Context(), id)
					if err != nil || len(tasks) != 1 {
						t.Error(tasks, err)
						return
					}
					err = nodes[i%2].submit(id, engine.TaskCompleted{Task: engine.ID(tasks[0].ID), Version: tasks[0].Version})
					switch {
					case err == nil:
						done++
					case !errs.Is(err, errs.Conflict):
						t.Error(err)
						return
					}
				}
			})
			all.Go(func() {
				if err := w.migrate(nodes[(i+1)%2], id, old, to, engine.Plan{}); err != nil && !errs.Is(err, errs.Conflict) {
					t.Error(err)
				}
			})
		}
		all.Wait()
		moved := 0
		for _, id := range ids {
			w.ends(id, process.Completed)
			if in := w.instance(id); in.Definition == to {
				moved++
			}
		}
		if n := w.count("history WHERE kind = 'migrate'"); n != moved {
			t.Errorf("%d instances moved, %d migrations", moved, n)
		}
	})
}

func TestSuspendedWorkWaits(t *testing.T) {
	quick(t, func(t *testing.T, w *world) {
		def := w.define(sequence("p", `<userTask id="a"/>`, `<serviceTask id="mail" camunda:type="external" camunda:topic="mail"/>`))
		n := w.node()
		id := n.start(def, engine.Start{})
		n.complete(id)
		must(t, n.submit(id, engine.Suspend{}))
		fetch := process.Fetch{Types: []string{"mail"}, Limit: 1, Lock: time.Minute}
		if got, err := n.FetchJobs(t.Context(), fetch); err != nil || len(got) != 0 {
			t.Errorf("fetched %+v, %v", got, err)
		}
		must(t, n.submit(id, engine.Resume{}))
		w.clock.add(2 * time.Minute)
		got, err := n.FetchJobs(t.Context(), fetch)
		if err != nil || len(got) != 1 {
			t.Fatalf("fetched %+v, %v", got, err)
		}
	})
}

func TestVariablesWhenAnElementWasEntered(t *testing.T) {
	quick(t, func(t *testing.T, w *world) {
		def := w.define(sequence("p", `<userTask id="a"/>`, `<userTask id="b"/>`, `<userTask id="c"/>`))
		n := w.node()
		id := n.start(def, engine.Start{Vars: feel.Vars{"x": "start"}})
		for _, x := range []string{"a", "b", "c"} {
			task := w.task(id)
			must(t, n.submit(id, engine.TaskCompleted{Task: engine.ID(task.ID), Vars: feel.Vars{"x": x}}))
		}
		vars, seq, err := w.query.Entered(t.Context(), id, "b")
		if err != nil || vars["x"] != "a" || seq != 2 {
			t.Errorf("at b it had %v, seq %d, %v", vars, seq, err)
		}
		if _, _, err := w.query.Entered(t.Context(), id, "z"); !errs.Is(err, errs.NotFound) {
			t.Errorf("an element that never was: %v", err)
		}
		again := n.start(def, engine.Start{At: "b", Again: engine.ID(id), Vars: vars})
		if task := w.task(again); task.Node != "b" || task.Kind != bpmn.UserTask {
			t.Errorf("it begins at %+v", task)
		}
	})
}
