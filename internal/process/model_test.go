package process_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/paceline/paceline/internal/bpmn"
	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/db/dbtest"
	"github.com/paceline/paceline/internal/engine"
	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/feel"
	"github.com/paceline/paceline/internal/process"
)

// everything has a fork with a task, a task for three and a job, a join, a task with a deadline, a call and
// a message.
const everything = `<message id="m" name="paid"/>
<process id="all" isExecutable="true"><startEvent id="start"/><sequenceFlow id="f0" sourceRef="start" targetRef="fork"/>
 <parallelGateway id="fork"/>
 <sequenceFlow id="f1" sourceRef="fork" targetRef="one"/><userTask id="one"/><sequenceFlow id="f2" sourceRef="one" targetRef="join"/>
 <sequenceFlow id="f3" sourceRef="fork" targetRef="three"/><userTask id="three"><multiInstanceLoopCharacteristics><loopCardinality>3</loopCardinality></multiInstanceLoopCharacteristics></userTask><sequenceFlow id="f4" sourceRef="three" targetRef="join"/>
 <sequenceFlow id="f5" sourceRef="fork" targetRef="work"/>` + service + `<sequenceFlow id="f6" sourceRef="work" targetRef="join"/>
 <parallelGateway id="join"/><sequenceFlow id="f7" sourceRef="join" targetRef="decide"/>
 <userTask id="decide"/><boundaryEvent id="late" attachedToRef="decide"><timerEventDefinition><timeDuration>PT1H</timeDuration></timerEventDefinition></boundaryEvent>
 <sequenceFlow id="f8" sourceRef="decide" targetRef="merge"/><sequenceFlow id="f9" sourceRef="late" targetRef="merge"/>
 <exclusiveGateway id="merge"/><sequenceFlow id="f10" sourceRef="merge" targetRef="call"/>
 <callActivity id="call" calledElement="inner"/><sequenceFlow id="f11" sourceRef="call" targetRef="paid"/>
 <intermediateCatchEvent id="paid"><messageEventDefinition messageRef="m"/></intermediateCatchEvent><sequenceFlow id="f12" sourceRef="paid" targetRef="end"/>
 <endEvent id="end"/></process>`

var seed = flag.Uint64("seed", 20260302, "of the random commands of TestModel")

// once are the elements that each instance of everything completes exactly once, however the
// commands came.
var once = []string{"one", "work", "join", "merge", "call", "paid", "end"}

// TestModel drives random commands, with duplicates, late and concurrent ones, from several nodes on one
// database, one of which goes and is replaced. Whatever happened, what is stored must fit together.
func TestModel(t *testing.T) {
	for _, kind := range []string{"sqlite", "postgres"} {
		t.Run(kind, func(t *testing.T) {
			m := newModel(t, dbtest.Open(t, kind), *seed)
			m.drive(8, 80)
			m.checkRows()
			m.drain()
			m.check()
		})
	}
}

type model struct {
	*world
	t     *testing.T
	def   db.ID
	seed  uint64
	mu    sync.Mutex
	nodes []*node
	tries int
	past  []attempt         // commands that were sent, to be repeated or to come late
	done  map[string]string // accepted completions: key -> task

	started map[string]bool // keys of accepted starts
}

// attempt is a command with its key.
type attempt struct {
	key string
	cmd process.Command
}

func newModel(t *testing.T, d *db.DB, seed uint64) *model {
	m := &model{world: newWorld(t, d), t: t, seed: seed, done: map[string]string{}, started: map[string]bool{}}
	m.def = m.define(everything)
	m.define(sequence("inner", `<userTask id="inside"/>`))
	for range 3 {
		m.join()
	}
	return m
}

func (m *model) join() {
	n := m.node(handles(func(context.Context, process.Job) (feel.Vars, error) { return feel.Vars{"worked": true}, nil }),
		func(c *process.Config, _ *process.Deps) { c.PollEvery = 100 * time.Millisecond })
	m.mu.Lock()
	defer m.mu.Unlock()
	m.nodes = append(m.nodes, n)
}

// replace ends a node and starts another; its jobs are orphans until then.
func (m *model) replace() {
	m.mu.Lock()
	old := m.nodes[0]
	m.nodes = m.nodes[1:]
	m.mu.Unlock()
	if err := old.Stop(m.t.Context()); err != nil {
		m.t.Error(err)
	}
	old.lease.die()
	m.join()
}

func (m *model) drive(workers, steps int) {
	var all sync.WaitGroup
	for i := range workers {
		all.Go(func() {
			rng := rand.New(rand.NewPCG(m.seed, uint64(i)))
			for range steps {
				m.step(rng)
			}
		})
	}
	m.replace()
	m.replace()
	all.Wait()
}

func (m *model) step(rng *rand.Rand) {
	switch p := rng.IntN(100); {
	case p < 8:
		m.send(rng, attempt{m.newKey(), process.Command{Definition: m.def, Event: engine.Start{BusinessKey: strconv.Itoa(rng.IntN(1e9))}}})
	case p < 70:
		if task, ok := m.anyTask(rng); ok {
			event := engine.Event(engine.TaskCompleted{Task: engine.ID(task.ID), Version: task.Version})
			if rng.IntN(4) == 0 {
				event = engine.TaskAssigned{Task: engine.ID(task.ID), Version: task.Version, To: "u" + strconv.Itoa(rng.IntN(9))}
			}
			m.send(rng, attempt{m.newKey(), process.Command{Instance: task.Instance, Event: event}})
		}
	case p < 90:
		m.mu.Lock()
		var old attempt
		if len(m.past) > 0 {
			old = m.past[rng.IntN(len(m.past))]
		}
		m.mu.Unlock()
		if old.key == "" {
			return
		}
		if _, start := old.cmd.Event.(engine.Start); !start && rng.IntN(2) == 0 {
			old.key = m.newKey() // the same wish, late and as a new command
		}
		m.send(rng, old)
	default:
		m.clock.add(time.Duration(rng.IntN(600)) * time.Second)
	}
}

func (m *model) newKey() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.tries++
	return "k" + strconv.Itoa(m.tries)
}

func (m *model) anyTask(rng *rand.Rand) (process.Task, bool) {
	tasks, err := m.openTasks()
	if err != nil || len(tasks) == 0 {
		return process.Task{}, false
	}
	return tasks[rng.IntN(len(tasks))], true
}

func (m *model) openTasks() ([]process.Task, error) {
	return db.All(m.t.Context(), m.db, func(s db.Scanner) (process.Task, error) { return process.ScanTask(s) },
		"SELECT "+process.TaskColumns+" FROM task ORDER BY id {limit}", 50)
}

// send gives a command to one node, sometimes to two at once.
func (m *model) send(rng *rand.Rand, a attempt) {
	m.mu.Lock()
	m.past = append(m.past, a)
	to := []*node{m.nodes[rng.IntN(len(m.nodes))]}
	if rng.IntN(5) == 0 {
		to = append(to, m.nodes[rng.IntN(len(m.nodes))])
	}
	m.mu.Unlock()
	ctx := db.WithOnce(m.t.Context(), db.Once{Key: a.key, Hash: "h"})
	var all sync.WaitGroup
	for _, n := range to {
		all.Go(func() {
			_, err := n.Submit(ctx, a.cmd)
			switch {
			case err == nil:
				m.accepted(a)
			case errs.Is(err, errs.Conflict), errs.Is(err, errs.Unavailable):
				// too late, busy, or the node is going: as it should be
			default:
				m.t.Errorf("%T: %v", a.cmd.Event, err)
			}
		})
	}
	all.Wait()
}

func (m *model) accepted(a attempt) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch ev := a.cmd.Event.(type) {
	case engine.Start:
		m.started[a.key] = true
	case engine.TaskCompleted:
		m.done[a.key] = strconv.FormatInt(ev.Task, 10)
	}
}

// drain brings every instance to its end.
func (m *model) drain() {
	m.until("all instances have ended", func() bool {
		tasks, err := m.openTasks()
		must(m.t, err)
		waiting, err := db.All(m.t.Context(), m.db, func(s db.Scanner) (key string, err error) { return key, s.Scan(&key) },
			"SELECT correlation FROM subscription ORDER BY id {limit}", 50)
		must(m.t, err)
		var all sync.WaitGroup
		for _, task := range tasks {
			all.Go(func() {
				m.send(rand.New(rand.NewPCG(m.seed, uint64(task.ID))), attempt{m.newKey(), process.Command{
					Instance: task.Instance, Event: engine.TaskCompleted{Task: engine.ID(task.ID), Version: task.Version}}})
			})
		}
		for _, key := range waiting {
			all.Go(func() {
				_, err := m.nodes[0].Correlate(m.t.Context(), process.Message{Name: "paid", Key: key})
				if err != nil && !errs.Is(err, errs.NotFound) {
					m.t.Error(err)
				}
			})
		}
		all.Wait()
		m.clock.add(time.Second)
		m.nodes[0].Wake()
		return m.count("instance WHERE status = 1")+m.count("job") == 0
	})
}

// checkRows compares the rows that others search with the states, in the middle of the work.
func (m *model) checkRows() {
	ids, err := db.All(m.t.Context(), m.db, func(s db.Scanner) (id db.ID, err error) { return id, s.Scan(&id) }, "SELECT id FROM instance WHERE status = 1 ORDER BY id")
	must(m.t, err)
	for _, id := range ids {
		m.until("the rows of an instance are those of its state", func() bool {
			in, state, err := m.query.State(m.t.Context(), id)
			must(m.t, err)
			var inState, inRows []string
			for _, task := range state.OpenTasks() {
				inState = append(inState, fmt.Sprint("task ", task.ID, task.Version))
			}
			for _, armed := range state.Armed() {
				inState = append(inState, fmt.Sprint(armed.Kind, armed.ID))
			}
			tasks, err := m.query.TasksOf(m.t.Context(), id)
			must(m.t, err)
			for _, task := range tasks {
				inRows = append(inRows, fmt.Sprint("task ", task.ID, task.Version))
			}
			armed, err := db.All(m.t.Context(), m.db, func(s db.Scanner) (string, error) {
				var kind bpmn.EventKind
				var id engine.ID
				err := s.Scan(&kind, &id)
				return fmt.Sprint(kind, id), err
			}, "SELECT kind, id FROM subscription WHERE instance = ? UNION ALL SELECT 1, id FROM job WHERE kind = 3 AND instance = ?", id, id)
			must(m.t, err)
			inRows = append(inRows, armed...)
			slices.Sort(inState)
			slices.Sort(inRows)
			if m.instance(id).Version != in.Version {
				return false // a job has moved it meanwhile: look again
			}
			if !slices.Equal(inState, inRows) {
				m.t.Fatalf("instance %s has %v, and rows %v", id, inState, inRows)
			}
			return true
		})
	}
}

func (m *model) check() {
	for _, table := range []string{"task", "task_candidate", "subscription", "incident"} {
		if n := m.count(table); n != 0 {
			m.t.Errorf("%d rows of %s are left", n, table)
		}
	}
	completions := map[string]bool{}
	for key, task := range m.done {
		if completions[task] {
			m.t.Errorf("task %s was completed twice, the second time by %s", task, key)
		}
		completions[task] = true
	}
	if n := m.count("history WHERE kind = 'taskCompleted'"); n != len(completions) {
		m.t.Errorf("%d completions are in the history, %d were accepted", n, len(completions))
	}
	ids, err := db.All(m.t.Context(), m.db, func(s db.Scanner) (id db.ID, err error) { return id, s.Scan(&id) }, "SELECT id FROM instance ORDER BY id")
	must(m.t, err)
	parents := 0
	for _, id := range ids {
		if err := m.checkInstance(id); err != nil {
			m.t.Errorf("instance %s: %v", id, err)
		}
		if m.instance(id).Parent == 0 {
			parents++
		}
	}
	if parents != len(m.started) {
		m.t.Errorf("%d instances, %d starts were accepted", parents, len(m.started))
	}
	if children := len(ids) - parents; children != parents {
		m.t.Errorf("%d instances called %d", parents, children)
	}
	m.t.Logf("%d instances, %d commands, %d completions", len(ids), m.tries, len(completions))
}

func (m *model) checkInstance(id db.ID) error {
	in := m.instance(id)
	if err := m.query.Replay(m.t.Context(), id); err != nil {
		return err
	}
	if rows := m.count("history WHERE instance = " + id.String()); int64(rows) != in.Seq {
		return fmt.Errorf("%d history rows for %d transitions", rows, in.Seq)
	}
	// Each update of the row has one mark, so the version has risen by one with each.
	var updates int64
	if err := m.db.QueryRow(m.t.Context(), "SELECT count(DISTINCT mark) FROM history WHERE instance = ?", id).Scan(&updates); err != nil {
		return err
	}
	if updates != in.Version {
		return fmt.Errorf("version %d after %d updates", in.Version, updates)
	}
	if in.Status != process.Completed {
		return errors.New("it is " + in.Status.String())
	}
	if in.Parent != 0 {
		return nil
	}
	moments := m.moments(id)
	for _, element := range once {
		n := 0
		for _, moment := range moments {
			if moment == "completed "+element {
				n++
			}
		}
		if n != 1 {
			return fmt.Errorf("%s completed %d times: %v", element, n, moments)
		}
	}
	if three := slices.DeleteFunc(moments, func(s string) bool { return s != "completed three" }); len(three) != 3 {
		return fmt.Errorf("the task for three was completed %d times", len(three))
	}
	return nil
}
