package dryrun

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/paceline/paceline/internal/bpmn"
	"github.com/paceline/paceline/internal/calendar"
	"github.com/paceline/paceline/internal/engine"
	"github.com/paceline/paceline/internal/feel"
)

// apply does one step (section 2). An error means that it cannot be applied and nothing was changed;
// false that an expectation does not hold.
func (w *world) apply(s step) (held bool, err error) {
	if s.err != nil {
		return false, s.err
	}
	switch s.verb {
	case "start":
		err = w.startStep(s)
	case "deploy":
		err = errors.New("deploy comes before all other steps")
	case "complete":
		err = w.complete(s)
	case "job":
		err = w.job(s)
	case "fail":
		err = w.fail(s)
	case "message":
		err = w.message(s)
	case "signal":
		w.signal(s)
	case "advance":
		err = w.advance(s)
	case "fire":
		err = w.fire(s)
	case "set":
		err = w.set(s)
	case "cancel":
		err = w.cancel(s)
	case "suspend":
		err = w.tell(s.Suspend, engine.Suspend{})
	case "resume":
		err = w.tell(s.Resume, engine.Resume{})
	case "return":
		err = w.tell(max(s.Instance, 1), engine.Jump{From: s.From, To: s.Return, Return: s.Straight})
	case "withdraw":
		err = w.tell(max(s.Instance, 1), engine.Withdraw{By: s.Withdraw})
	case "assign":
		err = w.assign(s)
	case "sign":
		err = w.sign(s)
	case "migrate":
		err = w.migrate(s)
	case "expect":
		return w.expect(s), nil
	}
	return true, err
}

func (w *world) startStep(s step) error {
	p := w.process(s.Start)
	if p == nil {
		return fmt.Errorf("there is no process %q", s.Start)
	}
	return w.start(p, engine.Start{Vars: feel.Vars(s.Vars), BusinessKey: deref(s.Key), At: s.At}, nil)
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// place is a waiting place with its instance and number.
type place struct {
	in *instance
	n  int
	engine.Place
}

// placesAll lists where tokens wait, oldest first.
func (w *world) placesAll() []place {
	all := make([]place, 0, 8)
	for _, in := range w.instances {
		for p := range in.state.Waiting() {
			all = append(all, place{in, in.places[p.Key], p})
		}
	}
	slices.SortFunc(all, func(a, b place) int { return a.n - b.n })
	return all
}

func (p place) isTask() bool {
	return p.Node.Kind == bpmn.UserTask || p.Node.Kind == bpmn.ReceiveTask
}

// isWork reports whether a job waits here, one that failed included.
func (p place) isWork() bool {
	return !p.isTask() && p.Node.Kind.IsActivity() && p.Node.Kind != bpmn.CallActivity
}

// targets finds what a step means among the places that suit it.
func (w *world) targets(t *target, all bool, what string, suits func(place) bool) ([]place, error) {
	var hits []place
	for _, p := range w.placesAll() {
		if suits(p) && t.fits(p.in, p.Element) && (t.n == 0 || t.n == p.n) && (t.Name == "" || t.Name == p.Node.Name) {
			hits = append(hits, p)
		}
	}
	if len(hits) == 0 {
		return nil, fmt.Errorf("no %s is open for %s", what, t)
	}
	if !all {
		hits = hits[:1]
	}
	return hits, nil
}

// each applies a step to all targets. What an earlier one has ended is left out.
func (w *world) each(hits []place, do func(place, engine.ID) error) error {
	for i, p := range hits {
		id, err := w.open(p)
		if err == nil {
			err = do(p, id)
		}
		if refused := (*engine.Refused)(nil); errors.As(err, &refused) && i > 0 {
			continue
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (w *world) complete(s step) error {
	hits, err := w.targets(s.Complete, s.All, "task", place.isTask)
	if err != nil {
		return err
	}
	return w.each(hits, func(p place, id engine.ID) error {
		return w.step(p.in, engine.TaskCompleted{Task: id, Vars: feel.Vars(s.Vars), By: s.By})
	})
}

// assign gives a task to somebody, or to nobody.
func (w *world) assign(s step) error {
	hits, err := w.targets(s.Assign, false, "task", place.isTask)
	if err != nil {
		return err
	}
	return w.each(hits, func(p place, id engine.ID) error {
		return w.step(p.in, engine.TaskAssigned{Task: id, To: s.To, Delegate: s.Delegate, By: s.By})
	})
}

var wheres = map[string]engine.Where{"": engine.Beside, "beside": engine.Beside, "before": engine.Before, "after": engine.After}

// sign adds signers to the group that a task is a vote in, or takes its own out.
func (w *world) sign(s step) error {
	where, known := wheres[s.Where]
	if !known {
		return fmt.Errorf("where is beside, before or after, not %q", s.Where)
	}
	hits, err := w.targets(s.Sign, false, "task", place.isTask)
	if err != nil {
		return err
	}
	change := engine.GroupChanged{Where: where, Remove: s.Remove, By: s.By}
	for _, name := range s.Add {
		change.Add = append(change.Add, name)
	}
	return w.each(hits, func(p place, id engine.ID) error {
		change.Task = id
		return w.step(p.in, change)
	})
}

func (w *world) job(s step) error {
	hits, err := w.targets(s.Job, s.All, "work", place.isWork)
	if err != nil {
		return err
	}
	return w.each(hits, func(p place, id engine.ID) error {
		return w.step(p.in, engine.JobDone{Job: id, Vars: feel.Vars(s.Vars)})
	})
}

// open is the id of the task or job at a place. One that failed is opened again.
func (w *world) open(p place) (engine.ID, error) {
	if p.Incident == 0 {
		return p.ID, nil
	}
	if err := w.step(p.in, engine.Retry{Incident: p.Incident}); err != nil {
		return 0, err
	}
	for again := range p.in.state.Waiting() {
		if again.Key == p.Key {
			return again.ID, nil
		}
	}
	return 0, fmt.Errorf("%s is not open any more", p.Element)
}

func (w *world) fail(s step) error {
	hits, err := w.targets(s.Fail, false, "work or user task", func(p place) bool {
		return p.isWork() || p.Node.Kind == bpmn.UserTask
	})
	if err != nil {
		return err
	}
	return w.each(hits, func(p place, id engine.ID) error {
		if p.isTask() {
			return w.step(p.in, engine.TaskFailed{Task: id, Code: s.Error, Message: s.Message, Vars: feel.Vars(s.Vars)})
		}
		return w.step(p.in, engine.JobFailed{Job: id, Code: s.Error, Message: s.Message, Vars: feel.Vars(s.Vars)})
	})
}

func (w *world) message(s step) error {
	only := target{Instance: s.Instance, Element: s.Element}
	if hits := w.subscribed(bpmn.MessageEvent, s.Message, deref(s.Key), only); len(hits) > 0 {
		return w.step(hits[0].in, engine.MessageArrived{Subscription: hits[0].armed.ID, Vars: feel.Vars(s.Vars)})
	}
	if starts := w.starting(bpmn.MessageEvent, s.Message, s.Element); len(starts) > 0 && s.Instance == 0 {
		return w.start(starts[0].proc, engine.Start{Element: starts[0].trigger.Element, BusinessKey: deref(s.Key), Vars: feel.Vars(s.Vars)}, nil)
	}
	return fmt.Errorf("nobody waits for the message %q", s.Message)
}

func (w *world) signal(s step) {
	hits := w.subscribed(bpmn.SignalEvent, s.Signal, "", target{Instance: s.Instance, Element: s.Element})
	var starts []starting
	if s.Instance == 0 {
		starts = w.starting(bpmn.SignalEvent, s.Signal, s.Element)
	}
	for _, hit := range hits {
		w.hand(hit.in, engine.SignalRaised{Subscription: hit.armed.ID, Vars: feel.Vars(s.Vars)})
	}
	for _, start := range starts {
		if err := w.startNow(start.proc, engine.Start{Element: start.trigger.Element, Vars: feel.Vars(s.Vars)}, nil); err != nil {
			break // the bound on instances
		}
	}
	w.deliver()
}

func (w *world) fire(s step) error {
	for _, a := range w.armedAll() {
		if a.Kind == bpmn.TimerEvent && a.Element == s.Fire && (s.Instance == 0 || s.Instance == a.in.n) {
			return w.step(a.in, engine.TimerFired{Timer: a.ID})
		}
	}
	for i, t := range w.timers {
		if t.element == s.Fire && s.Instance == 0 {
			return w.fireStart(i)
		}
	}
	return fmt.Errorf("no timer of %q is armed", s.Fire)
}

func (w *world) set(s step) error {
	err := errors.New("no instance is running")
	for _, in := range w.instances {
		if in.ended() || s.Instance != 0 && s.Instance != in.n {
			continue
		}
		if err = w.step(in, engine.VariablesSet{Element: s.Element, Vars: feel.Vars(s.Set)}); err == nil {
			return nil
		}
	}
	if s.Instance != 0 || s.Element != "" {
		return err
	}
	return w.startByCondition(feel.Vars(s.Set), err)
}

// startByCondition starts what begins when its condition holds; none is the error of no such start.
func (w *world) startByCondition(vars feel.Vars, none error) error {
	err := none
	for _, start := range w.starting(bpmn.ConditionalEvent, "", "") {
		if !start.trigger.Holds(vars, w.now) {
			continue
		}
		if err = w.startNow(start.proc, engine.Start{Element: start.trigger.Element, Vars: vars}, nil); err != nil {
			break
		}
	}
	w.deliver()
	return err
}

func (w *world) cancel(s step) error {
	return w.tell(s.Cancel, engine.Cancel{})
}

// tell gives an event to one running instance.
func (w *world) tell(instance int, ev engine.Event) error {
	for _, in := range w.instances {
		if in.n == instance && !in.ended() {
			return w.step(in, ev)
		}
	}
	return fmt.Errorf("there is no running instance %d", instance)
}

// completeOldest does the oldest thing that can be done by itself.
func (w *world) completeOldest() bool {
	for _, p := range w.placesAll() {
		var ev engine.Event
		switch {
		case p.Incident != 0:
			continue
		case p.isTask():
			ev = engine.TaskCompleted{Task: p.ID}
		case p.isWork():
			ev = engine.JobDone{Job: p.ID}
		default:
			continue
		}
		return w.step(p.in, ev) == nil
	}
	return false
}

// fireEarliest moves the clock to the next due time and fires what is due.
func (w *world) fireEarliest() bool {
	due, fire := w.earliest()
	return fire != nil && w.fireAt(due, fire) == nil
}

func (w *world) fireAt(due time.Time, fire func() error) error {
	if due.After(w.now) {
		w.now = due
	}
	return fire()
}

// earliest finds the timer that is due first; of several the oldest.
func (w *world) earliest() (due time.Time, fire func() error) {
	for _, a := range w.armedAll() {
		if a.Kind == bpmn.TimerEvent && (fire == nil || a.Due.Before(due)) {
			due, fire = a.Due, func() error { return w.step(a.in, engine.TimerFired{Timer: a.ID}) }
		}
	}
	for i, t := range w.timers {
		if fire == nil || t.schedule.Due.Before(due) {
			due, fire = t.schedule.Due, func() error { return w.fireStart(i) }
		}
	}
	return due, fire
}

// fireStart starts a process by its timer.
func (w *world) fireStart(i int) error {
	t := w.timers[i]
	next, more := t.proc.def.NextSchedule(t.element, t.schedule, w.env())
	if more {
		t.schedule = next
	} else {
		w.timers = append(w.timers[:i:i], w.timers[i+1:]...)
	}
	return w.start(t.proc, engine.Start{Element: t.element}, nil)
}

// advance moves the clock; what is due on the way fires in order of due time.
func (w *world) advance(s step) error {
	if s.Advance == "next" {
		due, fire := w.earliest()
		if fire == nil {
			return errors.New("no timer is armed")
		}
		return w.advanceTo(due)
	}
	to, err := (*calendar.Calendar)(nil).Instant(s.Advance, w.now)
	if err != nil {
		return err
	}
	return w.advanceTo(to)
}

func (w *world) advanceTo(to time.Time) error {
	for !w.overrun() {
		due, fire := w.earliest()
		if fire == nil || due.After(to) {
			break
		}
		if err := w.fireAt(due, fire); err != nil {
			return err
		}
	}
	if to.After(w.now) {
		w.now = to
	}
	return nil
}
