package engine_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/paceline/paceline/internal/bpmn"
	"github.com/paceline/paceline/internal/engine"
	"github.com/paceline/paceline/internal/feel"
)

// player drives one instance and keeps account of what is open outside.
type player struct {
	*rand.Rand
	def     *engine.Definition
	state   *engine.State
	now     time.Time
	lastID  engine.ID
	drawn   []engine.ID
	history []record
	open    map[engine.ID]string
	started map[string]int
	forming []engine.FormGroup // to be answered before anything else happens
}

// record is one line of a history, as it would be stored.
type record struct {
	event []byte
	now   time.Time
	ids   []engine.ID
}

func (p *player) env() engine.Env {
	p.drawn = nil
	return engine.Env{Now: p.now, NewID: func() engine.ID {
		p.lastID++
		p.drawn = append(p.drawn, p.lastID)
		return p.lastID
	}}
}

// step applies an event through its stored form and checks what must hold after it.
func (p *player) step(ev engine.Event) error {
	stored, err := engine.EncodeEvent(ev)
	if err != nil {
		return err
	}
	if ev, err = engine.DecodeEvent(stored); err != nil {
		return err
	}
	before := mustEncode(p.state)
	next, effects, err := engine.Step(p.def, p.state, ev, p.env())
	if !bytes.Equal(before, mustEncode(p.state)) {
		return errors.New("the state given was changed")
	}
	if err != nil {
		return err
	}
	p.history = append(p.history, record{stored, p.now, p.drawn})
	p.state = next
	for _, e := range effects {
		if err := p.account(e); err != nil {
			return err
		}
	}
	if err := p.check(); err != nil {
		return err
	}
	for len(p.forming) > 0 {
		group := p.forming[0]
		p.forming = p.forming[1:]
		if err := p.step(group.Named()); err != nil {
			return err
		}
	}
	return nil
}

func mustEncode(st *engine.State) []byte {
	if st == nil {
		return nil
	}
	raw, err := st.MarshalBinary()
	if err != nil {
		panic(err)
	}
	return raw
}

func (p *player) account(e engine.Effect) error {
	closeOne := func(id engine.ID) error {
		if _, isOpen := p.open[id]; !isOpen {
			return fmt.Errorf("%#v closes what is not open", e)
		}
		delete(p.open, id)
		return nil
	}
	switch e := e.(type) {
	case engine.FormGroup:
		p.forming = append(p.forming, e)
	case engine.OpenTask:
		p.open[e.Task] = "task"
	case engine.CloseTask:
		return closeOne(e.Task)
	case engine.OpenJob:
		p.open[e.Job] = "job"
	case engine.CloseJob:
		return closeOne(e.Job)
	case engine.ArmTimer:
		p.open[e.Timer] = "armed"
	case engine.DisarmTimer:
		return closeOne(e.Timer)
	case engine.Subscribe:
		p.open[e.Subscription] = "armed"
	case engine.Unsubscribe:
		return closeOne(e.Subscription)
	case engine.OpenIncident:
		return fmt.Errorf("incident at %s: %s", e.Node.ID, e.Message)
	case engine.Trace:
		if e.What == engine.Entered {
			p.started[e.Node.ID]++
		} else if p.started[e.Node.ID]--; p.started[e.Node.ID] < 0 {
			return fmt.Errorf("%s ended more often than it was entered", e.Node.ID)
		}
	}
	return nil
}

// check compares the account with the state: nothing is open that the state does not hold, the
// encoding round-trips, and a running instance can go on.
func (p *player) check() error {
	st := p.state
	raw := mustEncode(st)
	again, err := engine.DecodeState(raw)
	if err != nil || !bytes.Equal(mustEncode(again), raw) {
		return fmt.Errorf("the encoding does not round-trip: %v", err)
	}
	p.state = again // go on from what was stored
	inState := map[engine.ID]string{}
	for _, t := range st.OpenTasks() {
		inState[t.ID] = "task"
	}
	for _, w := range st.Waiting() {
		if w.ID != 0 && inState[w.ID] == "" {
			inState[w.ID] = "job"
		}
	}
	for _, a := range st.Armed() {
		inState[a.ID] = "armed"
	}
	if fmt.Sprint(inState) != fmt.Sprint(p.open) {
		return fmt.Errorf("open outside %v, in the state %v", p.open, inState)
	}
	if _, ended := st.Ended(); ended {
		for id, n := range p.started {
			if n != 0 {
				return fmt.Errorf("%s was entered and never ended", id)
			}
		}
		return nil
	}
	if len(p.open)+len(p.forming) == 0 {
		return errors.New("nothing can happen any more, and the instance has not ended")
	}
	return nil
}

// act does one random thing that is possible.
func (p *player) act(disturb bool) error {
	if disturb && p.Intn(6) == 0 {
		return p.disturb()
	}
	ids := make([]engine.ID, 0, len(p.open))
	for id := range p.open {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	id := ids[p.Intn(len(ids))]
	vars := feel.Vars{"again": disturb && p.Intn(3) == 0, "x": p.Intn(2) == 0, "y": p.Intn(2) == 0}
	switch p.open[id] {
	case "task":
		by := "ann"
		if task, _ := p.state.OpenTask(id); task.Assignee != "" {
			by = task.Assignee
		}
		vote := []string{"agree", "reject", "abstain"}[p.Intn(3)]
		return p.step(engine.TaskCompleted{Task: id, Vars: vars, By: by, Outcome: vote})
	case "job":
		return p.step(engine.JobDone{Job: id, Vars: vars})
	}
	for _, a := range p.state.Armed() {
		if a.ID != id {
			continue
		}
		switch a.Kind {
		case bpmn.TimerEvent:
			if a.Due.After(p.now) {
				p.now = a.Due
			}
			return p.step(engine.TimerFired{Timer: id})
		case bpmn.MessageEvent:
			return p.step(engine.MessageArrived{Subscription: id, Vars: vars})
		case bpmn.SignalEvent:
			if !disturb {
				return nil // these need not come
			}
			return p.step(engine.SignalRaised{Subscription: id})
		}
	}
	return nil
}

// disturb does what people do between: return work, withdraw, claim, suspend. A refusal is an answer.
func (p *player) disturb() error {
	var err error
	tasks, passed := p.state.OpenTasks(), p.state.Passed()
	switch n := p.Intn(7); {
	case n < 2 && len(passed) > 0 && len(tasks) > 0:
		to := passed[p.Intn(len(passed))].Element
		err = p.step(engine.Jump{From: tasks[p.Intn(len(tasks))].Element, To: to, Return: n == 0})
	case n == 2:
		by := "ann"
		if n := len(passed); n > 0 {
			by = passed[n-1].By
		}
		err = p.step(engine.Withdraw{By: by})
	case n == 5 && len(tasks) > 0:
		err = p.step(engine.GroupChanged{Task: tasks[p.Intn(len(tasks))].ID, Add: feel.List{fmt.Sprint("new-", p.lastID)}, Where: engine.Where(p.Intn(3)), By: "ann"})
	case n == 6 && len(tasks) > 0:
		err = p.step(engine.GroupChanged{Task: tasks[p.Intn(len(tasks))].ID, Remove: true, By: "ann"})
	case n == 3 && len(tasks) > 0:
		err = p.step(engine.TaskAssigned{Task: tasks[0].ID, To: "bob", By: "bob"})
	case n == 4:
		if err = p.step(engine.Suspend{}); err == nil {
			err = p.step(engine.Resume{})
		}
	}
	if refused := (*engine.Refused)(nil); errors.As(err, &refused) {
		return nil
	}
	return err
}

// TestSimulation plays random models with random events and people's interventions, and checks after
// every Step that the account of open work matches the state, that each running instance can go on,
// that everything ends in the end, and that the history replays to the same bytes.
func TestSimulation(t *testing.T) {
	models := 600
	if testing.Short() {
		models = 60
	}
	for seed := range int64(models) {
		def, src := randomModel(t, seed)
		p := &player{Rand: rand.New(rand.NewSource(seed)), def: def, now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), open: map[engine.ID]string{}, started: map[string]int{}}
		if err := p.play(); err != nil {
			t.Fatalf("seed %d, after %d events: %v\n%s\n%s", seed, len(p.history), err, strings.Join(p.told(), "\n"), src)
		}
		if err := p.replay(); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
	}
}

func (p *player) play() error {
	if err := p.step(engine.Start{Instance: 1, Vars: feel.Vars{"x": true, "y": false, "again": false}}); err != nil {
		return err
	}
	for range 60 {
		if _, ended := p.state.Ended(); ended {
			return nil
		}
		if err := p.act(true); err != nil {
			return err
		}
	}
	if _, ended := p.state.Ended(); !ended && p.Intn(4) == 0 {
		return p.step(engine.Cancel{Reason: "enough"})
	}
	if _, ended := p.state.Ended(); !ended {
		if err := p.step(engine.VariablesSet{Vars: feel.Vars{"again": false}}); err != nil {
			return err
		}
	}
	for range 5000 {
		if _, ended := p.state.Ended(); ended {
			return nil
		}
		if err := p.act(false); err != nil {
			return err
		}
	}
	return errors.New("it does not end")
}

func (p *player) told() []string {
	var all []string
	for _, r := range p.history {
		all = append(all, string(r.event))
	}
	return all
}

func (p *player) replay() error {
	var st *engine.State
	for i, r := range p.history {
		ev, err := engine.DecodeEvent(r.event)
		if err != nil {
			return err
		}
		ids := r.ids
		env := engine.Env{Now: r.now, NewID: func() engine.ID {
			id := ids[0]
			ids = ids[1:]
			return id
		}}
		if st, _, err = engine.Step(p.def, st, ev, env); err != nil {
			return fmt.Errorf("replaying %d: %w", i, err)
		}
	}
	if !bytes.Equal(mustEncode(st), mustEncode(p.state)) {
		return errors.New("the replay gives another state")
	}
	return nil
}
