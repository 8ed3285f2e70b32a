package dryrun

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/paceline/paceline/internal/bpmn"
	"github.com/paceline/paceline/internal/engine"
	"github.com/paceline/paceline/internal/feel"
)

// world is everything that exists in one run: the clock, the processes that can be started, the
// instances, and what is still to be carried from one instance to another.
type world struct {
	*printer
	now       time.Time
	alone     bool   // without steps
	folder    string // of the steps
	lastID    engine.ID
	places    int // given numbers of waiting places
	processes []*process
	instances []*instance
	timers    []*startTimer
	mail      []func() // in order of sending
	calendars calendars
}

// process is one that can be started and called.
type process struct {
	id         string
	def        *engine.Definition
	executable bool
	global     bool // a global task: only called
}

// instance is one running or ended process instance.
type instance struct {
	n      int // from 1, in order of start
	proc   *process
	state  *engine.State
	key    string
	parent *instance
	call   engine.ID   // of the parent
	places map[int]int // key of a waiting place -> n
}

func (i *instance) ended() bool {
	_, ended := i.state.Ended()
	return ended
}

// startTimer is an armed timer start event.
type startTimer struct {
	id       engine.ID
	proc     *process
	element  string
	schedule engine.Schedule
}

func newWorld(p *printer, alone bool) *world {
	return &world{printer: p, alone: alone, now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
}

func (w *world) newID() engine.ID {
	w.lastID++
	return w.lastID
}

func (w *world) env() engine.Env {
	return engine.Env{Now: w.now, NewID: w.newID, Calendar: w.calendars.named}
}

func (w *world) overrun() bool {
	if w.alone {
		return w.events >= maxEvents
	}
	return w.events >= maxStepped
}

// process finds a process by id; of several the one loaded last.
func (w *world) process(id string) *process {
	for _, p := range slices.Backward(w.processes) {
		if p.id == id {
			return p
		}
	}
	return nil
}

// start starts an instance and lets everything come to rest.
func (w *world) start(p *process, ev engine.Start, child *instance) error {
	if err := w.startNow(p, ev, child); err != nil {
		return err
	}
	w.deliver()
	return nil
}

// startNow starts an instance without carrying its mail; child carries the call that it answers.
func (w *world) startNow(p *process, ev engine.Start, child *instance) error {
	if len(w.instances) >= maxInstances {
		return fmt.Errorf("more than %d instances", maxInstances)
	}
	ev.Instance = w.newID()
	in := child
	if in == nil {
		in = &instance{}
	}
	in.proc, in.key, in.places = p, ev.BusinessKey, map[int]int{}
	in.n = len(w.instances) + 1
	state, effects, err := engine.Step(p.def, nil, ev, w.env())
	if err != nil {
		return err
	}
	w.instances = append(w.instances, in)
	w.take(in, state, effects)
	return nil
}

// step applies one event to an instance and lets everything come to rest.
func (w *world) step(in *instance, ev engine.Event) error {
	if err := w.stepNow(in, ev); err != nil {
		return err
	}
	w.deliver()
	return nil
}

func (w *world) stepNow(in *instance, ev engine.Event) error {
	state, effects, err := engine.Step(in.proc.def, in.state, ev, w.env())
	if err != nil {
		return err
	}
	w.take(in, state, effects)
	return nil
}

// deliver carries what instances send each other until nothing is under way. What it brings may be
// too late for its receiver; then it is dropped.
func (w *world) deliver() {
	for len(w.mail) > 0 && !w.overrun() {
		carry := w.mail[0]
		w.mail = w.mail[1:]
		carry()
	}
}

// take makes a new state the instance's own, tells what happened, and sends what is to be sent.
func (w *world) take(in *instance, state *engine.State, effects []engine.Effect) {
	in.state = state
	for _, effect := range effects {
		switch e := effect.(type) {
		case engine.Trace:
			w.trace(in, e)
		case engine.OpenIncident:
			w.incident(in, e)
		case engine.Finished:
			w.finished(in, e)
			w.answerCall(in, engine.ChildFinished{Call: in.call, How: e.How, Code: e.Code, All: e.All, Vars: state.Vars()})
		case engine.Escalate:
			w.answerCall(in, engine.ChildEscalated{Call: in.call, Code: e.Code, Vars: e.Vars})
		case engine.OpenJob:
			if !e.Node.Kind.IsActivity() { // the sending of an event is done at once
				w.send(func() { w.hand(in, engine.JobDone{Job: e.Job}) })
			}
		case engine.ArmTimer:
			if e.Slice {
				w.send(func() { w.hand(in, engine.TimerFired{Timer: e.Timer}) })
			}
		case engine.FormGroup:
			formed := standIns(e)
			w.send(func() { w.hand(in, formed) })
		case engine.HandOver:
			w.send(func() { w.hand(in, engine.TaskAssigned{Task: e.Task, To: successor(e)}) })
		case engine.StartChild:
			w.send(func() { w.startChild(in, e) })
		case engine.CancelChild:
			w.send(func() { w.cancelChild(in, e.Call) })
		case engine.Throw:
			w.send(func() { w.throw(in, e) })
		}
	}
	for p := range state.Waiting() {
		if sending := p.ID != 0 && !p.Node.Kind.IsActivity(); in.places[p.Key] == 0 && !sending {
			w.places++
			in.places[p.Key] = w.places
		}
	}
}

func (w *world) send(carry func()) { w.mail = append(w.mail, carry) }

func (w *world) answerCall(in *instance, ev engine.Event) {
	if in.parent == nil {
		return
	}
	w.send(func() { w.hand(in.parent, ev) })
}

// hand applies an event that may have come too late.
func (w *world) hand(in *instance, ev engine.Event) {
	err := w.stepNow(in, ev)
	if refused := (*engine.Refused)(nil); err != nil && !errors.As(err, &refused) {
		panic(err) // Step promises no other error
	}
}

func (w *world) startChild(parent *instance, e engine.StartChild) {
	p := w.process(e.Process)
	err := fmt.Errorf("there is no process %q to call", e.Process)
	if p != nil {
		child := &instance{parent: parent, call: e.Call}
		err = w.startNow(p, engine.Start{Vars: e.Vars, BusinessKey: e.BusinessKey, Parent: parent.state.Instance(), ParentCall: e.Call}, child)
	}
	if err != nil {
		w.hand(parent, engine.ChildFinished{Call: e.Call, How: engine.EndFailed, Message: err.Error()})
	}
}

func (w *world) cancelChild(parent *instance, call engine.ID) {
	for _, in := range w.instances {
		if in.parent == parent && in.call == call && !in.ended() {
			w.hand(in, engine.Cancel{Reason: "the calling activity was cancelled"})
		}
	}
}

// throw brings what an instance threw to every other that waits for it, and starts what it starts. The
// thrower has served itself.
func (w *world) throw(from *instance, t engine.Throw) {
	for _, hit := range w.subscribed(t.Kind, t.Name, t.Key, target{}) {
		if hit.in != from {
			w.hand(hit.in, arrival(t.Kind, hit.armed.ID, t.Vars))
		}
	}
	for _, s := range w.starting(t.Kind, t.Name, "") {
		if err := w.startNow(s.proc, engine.Start{Element: s.trigger.Element, BusinessKey: t.Key, Vars: t.Vars}, nil); err != nil {
			return // the bound on instances is reached; the run ends by its own bound
		}
	}
}

func arrival(kind bpmn.EventKind, id engine.ID, vars feel.Vars) engine.Event {
	if kind == bpmn.SignalEvent {
		return engine.SignalRaised{Subscription: id, Vars: vars}
	}
	return engine.MessageArrived{Subscription: id, Vars: vars}
}

// armed is something that an outside event can trigger, with its instance.
type armed struct {
	in *instance
	engine.Armed
}

// armedAll lists what outside events can trigger, oldest first.
func (w *world) armedAll() []armed {
	var all []armed
	for _, in := range w.instances {
		if in.ended() {
			continue
		}
		for _, a := range in.state.Armed() {
			all = append(all, armed{in, a})
		}
	}
	slices.SortFunc(all, func(a, b armed) int { return int(a.ID - b.ID) })
	return all
}

type subscription struct {
	in    *instance
	armed engine.Armed
}

// subscribed finds who waits for a message or signal. An empty key matches every instance.
func (w *world) subscribed(kind bpmn.EventKind, name, key string, only target) []subscription {
	var hits []subscription
	for _, a := range w.armedAll() {
		if a.Kind == kind && a.Name == name && (key == "" || key == a.Key) && only.fits(a.in, a.Element) {
			hits = append(hits, subscription{a.in, a.Armed})
		}
	}
	return hits
}

// fits compares the instance and element that a step may name.
func (t target) fits(in *instance, element string) bool {
	return (t.Instance == 0 || t.Instance == in.n) && (t.Element == "" || t.Element == element)
}

type starting struct {
	proc    *process
	trigger engine.Trigger
}

// starting finds the processes that an event starts.
func (w *world) starting(kind bpmn.EventKind, name, element string) []starting {
	var all []starting
	for _, p := range w.processes {
		for _, t := range p.def.Triggers() {
			if p.executable && t.Kind == kind && (name == "" || t.Name == name) && (element == "" || element == t.Element) {
				all = append(all, starting{p, t})
			}
		}
	}
	return all
}

// scheduleStarts arms the timer start events of all processes.
func (w *world) scheduleStarts() {
	for _, s := range w.starting(bpmn.TimerEvent, "", "") {
		schedule, err := s.proc.def.StartSchedule(s.trigger.Element, w.env())
		if err == nil {
			w.timers = append(w.timers, &startTimer{w.newID(), s.proc, s.trigger.Element, schedule})
		}
	}
}
