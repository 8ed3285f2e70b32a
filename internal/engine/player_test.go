package engine_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/paceline/paceline/internal/bpmn"
	"github.com/paceline/paceline/internal/engine"
	"github.com/paceline/paceline/internal/feel"
)

// player drives one instance, keeps account of what is open outside, and writes down what it does as
// steps for `paceline bpmn run`.
type player struct {
	*draws
	model
	stepOf  stepFunc
	state   *engine.State
	now     time.Time
	lastID  engine.ID
	drawn   []engine.ID
	history []record
	open    map[engine.ID]string
	over    []engine.ID // tasks that are not open any more
	started map[string]int
	done    map[string]int     // completed, by element
	upset   bool               // something was cancelled or moved: tokens need not pair any more
	forming []engine.FormGroup // to be answered before anything else happens
	places  map[int]int        // numbers of the waiting places, as the run gives them
	steps   []string
}

// stepFunc is engine.Step, or one with a fault that the simulation has to find.
type stepFunc func(*engine.Definition, *engine.State, engine.Event, engine.Env) (*engine.State, []engine.Effect, error)

func newPlayer(m model, d *draws) *player {
	return &player{draws: d, model: m, stepOf: engine.Step, now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
		open: map[engine.ID]string{}, started: map[string]int{}, done: map[string]int{}, places: map[int]int{}}
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
	if err := p.conflict(ev); err != nil {
		return err
	}
	next, effects, err := p.stepOf(p.def, p.state, ev, p.env())
	if !bytes.Equal(before, mustEncode(p.state)) {
		return errors.New("the state given was changed")
	}
	if err != nil {
		return err
	}
	p.history = append(p.history, record{stored, p.now, p.drawn})
	p.state = next
	p.number()
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

// conflict applies the event as a node does whose commit then fails: at another time, with other ids, and
// thrown away. What is left must not depend on it. An event for what is over must be refused.
func (p *player) conflict(ev engine.Event) error {
	lost := engine.ID(1 << 40)
	env := engine.Env{Now: p.now.Add(time.Hour), NewID: func() engine.ID { lost++; return lost }}
	_, _, _ = p.stepOf(p.def, p.state, ev, env)
	for _, id := range p.over {
		_, _, err := p.stepOf(p.def, p.state, engine.TaskCompleted{Task: id}, env)
		if refused := (*engine.Refused)(nil); !errors.As(err, &refused) {
			return fmt.Errorf("the task %d is over and was completed again", id)
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
		p.over = append(p.over[max(0, len(p.over)-1):], e.Task)
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
		switch e.What {
		case engine.Completed:
			p.done[e.Node.ID]++
		case engine.Cancelled:
			p.upset = true
		case engine.Entered: // an event sub-process may take the token of who threw the event
			p.upset = p.upset || e.Node.Kind == bpmn.EventSubProcess
		}
		if e.What > engine.Cancelled { // it goes on
			return nil
		}
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
	for w := range st.Waiting() {
		if w.ID != 0 && inState[w.ID] == "" {
			inState[w.ID] = "job"
		}
	}
	for _, a := range st.Armed() {
		if a.Kind != bpmn.ConditionalEvent { // nobody outside knows of these
			inState[a.ID] = "armed"
		}
	}
	if fmt.Sprint(inState) != fmt.Sprint(p.open) {
		return fmt.Errorf("open outside %v, in the state %v", p.open, inState)
	}
	if _, ended := st.Ended(); ended {
		return p.checkEnd()
	}
	if len(p.open)+len(p.forming) == 0 {
		return errors.New("nothing can happen any more, and the instance has not ended")
	}
	return nil
}

// checkEnd holds that nothing is left of an ended instance, and that each token that was split has joined.
func (p *player) checkEnd() error {
	if len(p.open) > 0 {
		return fmt.Errorf("the instance has ended, but these are open: %v", p.open)
	}
	for id, n := range p.started {
		if n != 0 {
			return fmt.Errorf("%s was entered and never ended", id)
		}
	}
	for _, pair := range p.pairs {
		if fork, join := p.done[pair[0]], p.done[pair[1]]; fork != join && !p.upset {
			return fmt.Errorf("%s was passed %d times, but the join %s %d times", pair[0], fork, pair[1], join)
		}
	}
	return nil
}

// tell writes a step for `paceline bpmn run`.
func (p *player) tell(step map[string]any) {
	line, err := json.Marshal(step)
	if err != nil {
		panic(err)
	}
	p.steps = append(p.steps, string(line))
}

// number gives new waiting places their numbers, as the run does after each Step.
func (p *player) number() {
	for w := range p.state.Waiting() {
		if p.places[w.Key] == 0 {
			p.places[w.Key] = len(p.places) + 1
		}
	}
}

// place is the number of the open task or job.
func (p *player) place(id engine.ID) int {
	for w := range p.state.Waiting() {
		if w.ID == id {
			return p.places[w.Key]
		}
	}
	return 0
}

// act does one random thing that is possible.
func (p *player) act(disturb bool) error {
	if disturb && p.Intn(6) == 5 {
		return p.disturb()
	}
	ids := make([]engine.ID, 0, len(p.open))
	for id := range p.open {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return p.use(ids[p.Intn(len(ids))], disturb)
}

// use does what an open task, job or event waits for.
func (p *player) use(id engine.ID, disturb bool) error {
	values := map[string]any{"again": disturb && p.Intn(3) == 2, "x": p.Intn(2) == 1, "y": p.Intn(2) == 1}
	switch p.open[id] {
	case "task":
		by := "ann"
		task, _ := p.state.OpenTask(id)
		if task.Assignee != "" {
			by = task.Assignee
		}
		if _, votes := p.state.VotingOf(id); votes {
			values["outcome"] = []string{"agree", "reject", "abstain"}[p.Intn(3)]
		}
		p.tell(map[string]any{"complete": p.place(id), "vars": values, "by": by})
		return p.step(engine.TaskCompleted{Task: id, Vars: asVars(values), By: by})
	case "job":
		p.tell(map[string]any{"job": p.place(id), "vars": values})
		return p.step(engine.JobDone{Job: id, Vars: asVars(values)})
	}
	return p.trigger(id, values, disturb)
}

func asVars(values map[string]any) feel.Vars {
	vars := feel.Vars{}
	for name, v := range values {
		vars[name] = v
	}
	return vars
}

// trigger lets happen what something armed waits for: of several at the element the oldest, as a step can
// say only the element. The clock stands still.
func (p *player) trigger(id engine.ID, values map[string]any, disturb bool) error {
	armed := p.state.Armed()
	slices.SortFunc(armed, func(a, b engine.Armed) int { return cmp.Compare(a.ID, b.ID) })
	chosen := armed[slices.IndexFunc(armed, func(a engine.Armed) bool { return a.ID == id })]
	armed = slices.DeleteFunc(armed, func(a engine.Armed) bool { return a.Element != chosen.Element || a.Kind != chosen.Kind })
	switch chosen.Kind {
	case bpmn.TimerEvent:
		p.tell(map[string]any{"fire": chosen.Element})
		return p.step(engine.TimerFired{Timer: armed[0].ID})
	case bpmn.MessageEvent:
		p.tell(map[string]any{"message": chosen.Name, "element": chosen.Element, "vars": values})
		return p.step(engine.MessageArrived{Subscription: armed[0].ID, Vars: asVars(values)})
	}
	if !disturb {
		return nil // signals need not come
	}
	p.tell(map[string]any{"signal": chosen.Name, "element": chosen.Element})
	for _, a := range armed {
		if err := p.allowed(p.step(engine.SignalRaised{Subscription: a.ID})); err != nil {
			return err
		}
	}
	return nil
}

// allowed takes a refusal for an answer.
func (p *player) allowed(err error) error {
	if refused := (*engine.Refused)(nil); errors.As(err, &refused) {
		return nil
	}
	return err
}

// disturb does what people do between: return work, withdraw, claim, suspend. A refusal is an answer, and no
// step of the run.
func (p *player) disturb() error {
	tasks, passed := p.state.OpenTasks(), p.state.Passed()
	kind := p.Intn(7)
	if len(tasks) == 0 {
		return nil
	}
	task := tasks[p.Intn(len(tasks))]
	switch {
	case kind == 0:
		return p.try(map[string]any{"assign": p.place(task.ID), "to": "bob", "by": "bob"}, engine.TaskAssigned{Task: task.ID, To: "bob", By: "bob"})
	case kind == 1:
		name := fmt.Sprint("new-", p.lastID)
		where := engine.Where(p.Intn(3))
		return p.try(map[string]any{"sign": p.place(task.ID), "add": []string{name}, "where": where.String(), "by": "ann"},
			engine.GroupChanged{Task: task.ID, Add: feel.List{name}, Where: where, By: "ann"})
	case kind == 2:
		return p.try(map[string]any{"sign": p.place(task.ID), "remove": true, "by": "ann"}, engine.GroupChanged{Task: task.ID, Remove: true, By: "ann"})
	case kind == 3:
		if err := p.try(map[string]any{"suspend": 1}, engine.Suspend{}); err != nil {
			return err
		}
		return p.try(map[string]any{"resume": 1}, engine.Resume{})
	case len(passed) == 0:
		return nil
	case kind == 4:
		p.upset = true
		by := passed[len(passed)-1].By
		return p.try(map[string]any{"withdraw": by}, engine.Withdraw{By: by})
	}
	p.upset = true
	to, straight := passed[p.Intn(len(passed))].Element, kind == 5
	return p.try(map[string]any{"return": to, "from": task.Element, "straight": straight}, engine.Jump{From: task.Element, To: to, Return: straight})
}

// try does what may be refused.
func (p *player) try(step map[string]any, ev engine.Event) error {
	told := len(p.steps)
	p.tell(step)
	err := p.step(ev)
	if p.allowed(err) == nil && err != nil {
		p.steps = p.steps[:told]
		return nil
	}
	return err
}

// finish sees the instance through, by the oldest first.
func (p *player) finish() error {
	values := map[string]any{"again": false}
	p.tell(map[string]any{"set": values})
	if err := p.step(engine.VariablesSet{Vars: asVars(values)}); err != nil {
		return err
	}
	for range 5000 {
		if _, ended := p.state.Ended(); ended {
			return nil
		}
		if err := p.use(p.oldest(), false); err != nil {
			return err
		}
	}
	return errors.New("it does not end")
}

// oldest is what has been open longest; what is only armed waits, and a signal need not come at all.
func (p *player) oldest() engine.ID {
	signals := map[engine.ID]bool{}
	for _, a := range p.state.Armed() {
		signals[a.ID] = a.Kind == bpmn.SignalEvent
	}
	rank := func(id engine.ID) int {
		switch {
		case signals[id]:
			return 2
		case p.open[id] == "armed":
			return 1
		}
		return 0
	}
	var best engine.ID
	for id := range p.open {
		if best == 0 || cmp.Or(cmp.Compare(rank(id), rank(best)), cmp.Compare(id, best)) < 0 {
			best = id
		}
	}
	return best
}

// replay does the history again: it must give the same state.
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
		if st, _, err = p.stepOf(p.def, st, ev, env); err != nil {
			return fmt.Errorf("replaying %d: %w", i, err)
		}
	}
	if !bytes.Equal(mustEncode(st), mustEncode(p.state)) {
		return errors.New("the replay gives another state")
	}
	return nil
}
