package engine_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"math/rand"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/paceline/paceline/internal/bpmn"
	"github.com/paceline/paceline/internal/dryrun"
	"github.com/paceline/paceline/internal/engine"
	"github.com/paceline/paceline/internal/feel"
)

var (
	simSeed = flag.Int64("sim.seed", 0, "the first case of the simulation")
	simN    = flag.Int("sim.n", 0, "how many cases it plays; 0: the usual number")
)

// TestSimulation plays random models with random events, people's interventions and lost commits, and checks after
// every Step that the account of open work matches the state, that each running instance can go on,
// that everything ends in the end and leaves nothing, that what was split has joined, and that the
// history replays to the same bytes. `make sim SEED=... N=...` plays a case again; a failing one is shrunk.
func TestSimulation(t *testing.T) {
	n := *simN
	switch {
	case n > 0:
	case testing.Short():
		n = 60
	default:
		n = 300
	}
	for seed := range int64(n) {
		seed += *simSeed
		if c := newCase(seed); c.fails(engine.Step) != nil {
			c.shrink(engine.Step)
			t.Fatalf("seed %d, shrunk:\n%s", seed, c.report(engine.Step))
		}
	}
}

// sim is one case: the decisions that make a model, and those that make each act.
type sim struct {
	model draws
	acts  []draws
}

// newCase draws a case from a seed.
func newCase(seed int64) *sim {
	random := rand.New(rand.NewSource(seed))
	c := &sim{model: draws{random: random}, acts: make([]draws, 80)}
	if _, err := buildModel(&c.model); err != nil {
		panic(err)
	}
	for i := range c.acts {
		c.acts[i].random = random
	}
	_, _ = c.play(engine.Step) // draws what it needs
	c.model.random = nil
	for i := range c.acts {
		c.acts[i].random = nil
	}
	return c
}

// fails plays the case and gives what went wrong.
func (c *sim) fails(step stepFunc) error {
	_, err := c.play(step)
	return err
}

// play starts the model, does the acts, sees it through and replays it.
func (c *sim) play(step stepFunc) (p *player, err error) {
	build := draws{random: c.model.random, kept: c.model.kept}
	m, err := buildModel(&build)
	p = newPlayer(m, &draws{})
	p.stepOf = step
	if err != nil {
		return p, err
	}
	p.tell(map[string]any{"start": "main", "vars": map[string]any{"x": true, "y": false, "again": false}})
	if err := p.step(engine.Start{Instance: 1, Vars: feel.Vars{"x": true, "y": false, "again": false}}); err != nil {
		return p, err
	}
	for i := range c.acts {
		if _, ended := p.state.Ended(); ended {
			break
		}
		c.acts[i].next = 0
		p.draws = &c.acts[i]
		if i == 60 && p.Intn(4) == 3 {
			p.tell(map[string]any{"cancel": 1})
			if err := p.step(engine.Cancel{Reason: "enough"}); err != nil {
				return p, err
			}
			continue
		}
		if err := p.act(i < 60); err != nil {
			return p, err
		}
	}
	p.draws = &draws{}
	if _, ended := p.state.Ended(); !ended {
		if err := p.finish(); err != nil {
			return p, err
		}
	}
	return p, p.replay()
}

// shrink makes a failing case smaller for as long as it still fails: acts are left out, decisions cut or
// made the simplest.
func (c *sim) shrink(step stepFunc) {
	still := func(next sim) bool {
		if next.fails(step) == nil {
			return false
		}
		*c = next
		return true
	}
	for smaller := true; smaller; {
		smaller = false
		for size := max(1, len(c.acts)/2); size > 0; size /= 2 {
			for at := 0; at+size <= len(c.acts); {
				next := sim{model: c.model, acts: slices.Delete(slices.Clone(c.acts), at, at+size)}
				if still(next) {
					smaller = true
				} else {
					at += size
				}
			}
		}
		smaller = c.simplify(still) || smaller
	}
}

// simplify cuts the decisions of the model, and then makes each decision the simplest.
func (c *sim) simplify(still func(sim) bool) (smaller bool) {
	for size := max(1, len(c.model.kept)/2); size > 0; size /= 2 {
		for at := 0; at+size <= len(c.model.kept); {
			next := sim{acts: c.acts, model: draws{kept: slices.Delete(slices.Clone(c.model.kept), at, at+size)}}
			if still(next) {
				smaller = true
			} else {
				at += size
			}
		}
	}
	for at := 0; at < len(c.model.kept); at++ {
		smaller = c.lower(at, still) || smaller
	}
	for i := range c.acts {
		for at := range c.acts[i].kept {
			if c.acts[i].kept[at] == 0 {
				continue
			}
			next := sim{model: c.model, acts: slices.Clone(c.acts)}
			next.acts[i] = draws{kept: slices.Clone(c.acts[i].kept)}
			next.acts[i].kept[at] = 0
			smaller = still(next) || smaller
		}
	}
	return smaller
}

// lower makes one decision of the model a simpler one, and with it leaves out decisions that followed from it.
func (c *sim) lower(at int, still func(sim) bool) bool {
	for value := range c.model.kept[at] {
		for without := range min(10, len(c.model.kept)-at) {
			next := sim{acts: c.acts, model: draws{kept: slices.Delete(slices.Clone(c.model.kept), at+1, at+1+without)}}
			next.model.kept[at] = value
			if still(next) {
				return true
			}
		}
	}
	return false
}

// TestSimulationSteps holds that the steps that the simulation writes down do the same in a run.
func TestSimulationSteps(t *testing.T) {
	for seed := range int64(60) {
		p, err := newCase(seed).play(engine.Step)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if out, status := runSteps(t, p); status != 0 || !strings.Contains(out, `{"event":"variables","ended":true`) {
			t.Fatalf("seed %d, status %d\n%s\n%s\n%s", seed, status, p.src, strings.Join(p.steps, "\n"), out)
		}
	}
}

func runSteps(t *testing.T, p *player) (out string, status int) {
	t.Helper()
	model, steps := filepath.Join(t.TempDir(), "sim.bpmn"), filepath.Join(t.TempDir(), "sim.steps")
	if err := errors.Join(os.WriteFile(model, []byte(p.src), 0o644), os.WriteFile(steps, []byte(strings.Join(p.steps, "\n")), 0o644)); err != nil {
		t.Fatal(err)
	}
	var buf bytes.Buffer
	status, err := dryrun.Load(model).Run(dryrun.Options{Steps: steps, JSON: true}, &buf)
	if err != nil {
		t.Fatal(err)
	}
	return buf.String(), status
}

// TestSimulationFindsFaults holds that the simulation finds an interpreter that is broken on purpose, and shrinks the
// case to a few steps that a run takes.
func TestSimulationFindsFaults(t *testing.T) {
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for seed := range int64(100) {
				c := newCase(seed)
				if c.fails(fault.step) == nil {
					continue
				}
				c.shrink(fault.step)
				p, err := c.play(fault.step)
				if nodes := strings.Count(p.src, " id="); err == nil || len(p.steps) > fault.steps || nodes > 20 {
					t.Fatalf("seed %d was shrunk to %d steps, %d elements:\n%s", seed, len(p.steps), nodes, c.report(fault.step))
				}
				if out, status := runSteps(t, p); status != 0 {
					t.Fatalf("the run does not take it:\n%s\n%s", c.report(fault.step), out)
				}
				t.Logf("seed %d: %s", seed, c.report(fault.step))
				return
			}
			t.Fatal("not found")
		})
	}
}

// report is a failing case as a model and steps that `paceline bpmn run` takes, and what went wrong.
func (c *sim) report(step stepFunc) string {
	p, err := c.play(step)
	return fmt.Sprintf("%v\n-- sim.bpmn\n%s-- sim.steps, for paceline bpmn run sim.bpmn --steps sim.steps\n%s\n", err, p.src, strings.Join(p.steps, "\n"))
}

// faults are interpreters that are broken on purpose.
var faults = map[string]struct {
	step  stepFunc
	steps int // that a shrunk case needs at most
}{
	"a cancelled task stays open": {faulty(func(e engine.Effect) bool {
		closed, ok := e.(engine.CloseTask)
		return ok && !closed.Completed
	}), 4},
	"a timer stays armed": {faulty(func(e engine.Effect) bool {
		_, ok := e.(engine.DisarmTimer)
		return ok
	}), 4},
	"a gateway is not told to be left": {faulty(func(e engine.Effect) bool {
		trace, ok := e.(engine.Trace)
		return ok && trace.What == engine.Completed && trace.Node.Kind == bpmn.ParallelGateway
	}), 4},
	"work is done differently each time": {func() stepFunc {
		done := 0
		return func(def *engine.Definition, st *engine.State, ev engine.Event, env engine.Env) (*engine.State, []engine.Effect, error) {
			if job, ok := ev.(engine.JobDone); ok {
				done++
				job.Vars["done"] = feel.Int(int64(done))
				ev = job
			}
			return engine.Step(def, st, ev, env)
		}
	}(), 4},
}

// faulty is a Step that loses some effects.
func faulty(loses func(engine.Effect) bool) stepFunc {
	return func(def *engine.Definition, st *engine.State, ev engine.Event, env engine.Env) (*engine.State, []engine.Effect, error) {
		next, effects, err := engine.Step(def, st, ev, env)
		return next, slices.DeleteFunc(effects, loses), err
	}
}
