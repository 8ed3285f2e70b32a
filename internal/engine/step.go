package engine

import (
	"fmt"
	"time"

	"github.com/paceline/paceline/internal/bpmn"
)

// MaxMoves bounds what one Step does; a model that loops without ever waiting becomes an incident.
const MaxMoves = 25_000

// Step applies one event. It returns the next state and, in order, what has to happen
// outside. The error is a *Refused: the event does not fit the state and nothing happened.
func Step(def *Definition, st *State, ev Event, env Env) (*State, []Effect, error) {
	r, err := begin(def, st, ev, env)
	if err != nil {
		return nil, nil, err
	}
	if err := ev.apply(r); err != nil {
		return nil, nil, err
	}
	r.settle()
	r.sweep()
	r.rest()
	r.st.write()
	return r.st, r.effects, nil
}

// run is one Step under way: the next state and what is still to move in it.
type run struct {
	def     *Definition
	st      *State
	env     Env
	effects []Effect
	queue   []*activation  // arrived, to be entered
	first   [4]*activation // where queue begins, to save an allocation
	spare   []activation
	late    []*activation // throw events, which throw when nothing else moves
	changed bool          // a variable was written since conditions were looked at
	writes  []write       // all that were written, when somebody waits for that
	joins   bool          // a token moved since inclusive joins were looked at
	moves   int
	deaths  int
	started int  // instances of large loops, in this slice
	closed  int  // cancelled activations, in this slice
	more    bool // there is work for another slice
	view    view
	back    bool // what ends now was sent back: its clock goes on when it comes again
}

func begin(def *Definition, st *State, ev Event, env Env) (*run, error) {
	env.Now = env.Now.UTC().Truncate(time.Microsecond)
	r := &run{def: def, env: env, effects: make([]Effect, 0, 8), joins: true}
	r.queue = r.first[:0]
	if start, ok := ev.(Start); ok {
		if st != nil {
			return nil, refuse("the instance has started already")
		}
		r.st = &State{instance: start.Instance, def: def}
		return r, nil
	}
	switch {
	case st == nil:
		return nil, refuse("the instance has not started")
	case st.how != 0:
		return nil, refuse("the instance has ended")
	case st.ending.How != 0 && !st.isSlice(ev):
		return nil, refuse("the instance is ending")
	case st.suspended && !worksSuspended(ev) && !st.isSlice(ev):
		return nil, &Refused{Suspended: true, Reason: "the instance is suspended"}
	}
	next, spare, err := st.clone(def)
	r.st, r.spare = next, spare
	return r, err
}

// isSlice reports whether an event goes on with what was too much for one Step.
func (s *State) isSlice(ev Event) bool {
	fired, ok := ev.(TimerFired)
	return ok && s.slice != 0 && fired.Timer == s.slice
}

func worksSuspended(ev Event) bool {
	switch ev.(type) {
	case Resume, Cancel, TaskAssigned, VariablesSet, Migrate:
		return true
	}
	return false
}

// settle moves tokens until all of them wait.
func (r *run) settle() {
	for r.st.how == 0 {
		switch {
		case len(r.queue) > 0:
			a := r.queue[0]
			r.queue = r.queue[1:]
			r.enter(a)
		case r.changed && !r.st.suspended:
			r.checkConditions()
		case r.joins:
			r.joins = false
			r.checkJoins()
		case len(r.late) > 0:
			a := r.late[0]
			r.late = r.late[1:]
			if !a.dead {
				a.node.behave.throw(r, a)
			}
		default:
			return
		}
	}
}

// sweep drops the activations and arms that died in this Step.
func (r *run) sweep() {
	if r.deaths == 0 {
		return
	}
	live := r.st.acts[:0]
	for _, a := range r.st.acts {
		if !a.dead {
			live = append(live, a)
		}
	}
	clear(r.st.acts[len(live):])
	r.st.acts = live
}

// place makes a token in a scope that is to enter a node.
func (r *run) place(n *node, scope *activation) *activation {
	a := r.spawn(n, scope)
	r.queue = append(r.queue, a)
	return a
}

// spawn makes an activation. It counts as being in the scope from now on.
func (r *run) spawn(n *node, scope *activation) *activation {
	r.st.lastKey++
	a := r.room()
	a.key, a.element, a.node, a.step = r.st.lastKey, n.ID, n, r.st.step
	if scope != nil {
		a.parent, a.up = scope.key, scope
		scope.kids++
	}
	r.st.acts = append(r.st.acts, a)
	r.joins = true
	return a
}

// room is memory for one more activation.
func (r *run) room() *activation {
	if len(r.spare) == 0 {
		r.spare = make([]activation, spareActivations)
	}
	a := &r.spare[0]
	r.spare = r.spare[1:]
	return a
}

// enter lets a token into its node.
func (r *run) enter(a *activation) {
	if a.dead {
		return
	}
	if r.moves++; r.moves > MaxMoves {
		r.stick(a, entering, fail("more than %d moves without waiting: the model loops", MaxMoves))
		return
	}
	n := a.node
	if n.behave.merge != nil && n.behave.merge(r, a) {
		return
	}
	if n.StartQuantity > 1 && a.loop == 0 && a.via != "" && !r.enough(a) {
		return
	}
	if n.Loop != nil && a.loop == 0 {
		r.attempt(a, entering, r.enterLoop)
		return
	}
	r.tellEntered(a)
	r.attempt(a, entering, r.perform)
}

// perform does what entering a node means. It may be repeated after an incident.
func (r *run) perform(a *activation) error {
	if a.node.Skip != nil {
		if skips, err := r.holds(a, a.node.Skip); err != nil || skips {
			if skips {
				r.complete(a)
			}
			return err
		}
	}
	if err := r.mapAll(a, a.node.Inputs, func(name string, v any) { r.declare(a, name, v) }); err != nil {
		return err
	}
	if err := r.listen(a, "start"); err != nil {
		return err
	}
	copies, err := r.copies(a, false)
	if err != nil {
		return err
	}
	r.effects = append(r.effects, copies...)
	return a.node.behave.enter(r, a)
}

// attempt runs one part of an activation's life; when it fails, the activation sticks.
func (r *run) attempt(a *activation, at point, part func(*activation) error) {
	if err := part(a); err != nil && !a.dead {
		r.stick(a, at, err)
	}
}

// complete ends an activation normally and sends its token on.
func (r *run) complete(a *activation) { r.attempt(a, leaving, r.leave) }

// leave may be repeated after an incident: nothing is told before all that can fail is done.
func (r *run) leave(a *activation) error {
	group := a.body != nil && a.body.ballot != nil
	if group {
		r.closeBallot(a)
	}
	if group || a.body == nil && !r.isMember(a) {
		if err := r.conclude(a); err != nil {
			return err
		}
	}
	copies, err := r.copies(a, true)
	if err != nil {
		return err
	}
	if a.loop > 0 {
		r.effects = append(r.effects, copies...)
		return r.leaveLoop(a)
	}
	if a.body != nil {
		r.closeBody(a)
	}
	flows, err := r.choose(a)
	if err != nil {
		return err
	}
	enough, err := r.doneInAdHoc(a)
	if err != nil {
		return err
	}
	r.effects = append(r.effects, copies...)
	r.end(a, Completed)
	if enough {
		r.closeAdHoc(a.up, a)
		flows = nil
	}
	r.depart(a, flows)
	return nil
}

// conclude evaluates what the model wants evaluated when an element is done.
func (r *run) conclude(a *activation) error {
	if err := r.listen(a, "end"); err != nil {
		return err
	}
	if a.node.Kind == bpmn.CallActivity {
		return nil // its outputs were taken from the called instance
	}
	return r.mapAll(a, a.node.Outputs, func(name string, v any) { r.assign(a.up, name, v) })
}

// end closes what the activation opened and tells how it ended. The token is still there.
func (r *run) end(a *activation, what Moment) {
	from := len(r.effects)
	if a.body != nil && a.body.ballot != nil && a.node.Loop.Approval.Keep {
		r.keepVotes(a)
	}
	if r.back && a.clock != nil && what == Cancelled {
		r.keepClock(a)
	}
	r.close(a, what == Completed)
	if a.entered {
		r.effects = append(r.effects, Trace{What: what, Node: a.node.Node, Loop: int(a.loop)})
	}
	if what == Completed {
		r.remember(a)
		return
	}
	if r.closed++; r.closed > sliceSize {
		r.postpone(from)
	}
}

// depart moves the token of an ended activation along the flows.
func (r *run) depart(a *activation, flows []*flow) {
	for _, f := range flows {
		for range max(1, min(a.node.EndQuantity, maxQuantity)) {
			r.place(f.to, a.up).via = f.ID
		}
	}
	switch {
	case a.detour != nil:
		r.endDetour(a)
	case a.node.link != nil:
		r.place(a.node.link, a.up)
	}
	r.vanish(a)
}

// vanish removes an ended activation; the scope it leaves may be empty then.
func (r *run) vanish(a *activation) {
	r.remove(a)
	if a.undoFor != 0 {
		r.undone(a)
		return
	}
	r.checkEmpty(a.up)
}

// checkEmpty ends a scope in which nothing is left.
func (r *run) checkEmpty(scope *activation) {
	if scope != nil && scope.kids == 0 && !scope.dead {
		scope.node.behave.emptied(r, scope)
	}
}

func (r *run) remove(a *activation) {
	if a.dead {
		return
	}
	a.dead = true
	r.deaths++
	r.joins = true
	if a.up != nil {
		a.up.kids--
	}
}

// cancel ends an activation and all inside it from without. The caller sees to the scope around it.
func (r *run) cancel(a *activation) {
	if a.dead {
		return
	}
	r.cancelInside(a, nil)
	if a.phase == undoing {
		r.cancelHandlers(a)
	}
	r.end(a, Cancelled)
	r.remove(a)
}

// cancelHandlers cancels the compensation handlers that an activation waits for.
func (r *run) cancelHandlers(by *activation) {
	for _, a := range r.st.acts {
		if a.undoFor == by.key {
			r.cancel(a)
		}
	}
}

// cancelInside cancels everything in a scope but one activation.
func (r *run) cancelInside(scope, but *activation) {
	if scope.kids == 0 {
		return
	}
	for _, a := range r.st.all() {
		if a.up == scope && a != but {
			r.cancel(a)
		}
	}
}

// close closes whatever the activation opened outside.
func (r *run) close(a *activation, done bool) {
	r.disarm(a)
	if a.incident != nil {
		r.effects = append(r.effects, CloseIncident{Incident: a.incident.id})
		a.incident = nil
	}
	r.closeWork(a, done)
}

func (r *run) closeWork(a *activation, done bool) {
	if a.id == 0 {
		return
	}
	switch {
	case a.task != nil:
		r.effects = append(r.effects, CloseTask{Task: a.id, Node: a.node.Node, Completed: done})
	case a.node.Kind != bpmn.CallActivity:
		r.effects = append(r.effects, CloseJob{Job: a.id, Done: done})
	case !done:
		r.effects = append(r.effects, CancelChild{Call: a.id})
	}
	a.id, a.task = 0, nil
}

func (r *run) tellEntered(a *activation) {
	if a.entered {
		return
	}
	a.entered = true
	r.effects = append(r.effects, Trace{What: Entered, Node: a.node.Node, Loop: int(a.loop)})
}

// finish ends the instance.
func (r *run) finish(how How, code string) {
	root := r.st.acts[0]
	r.cancelInside(root, nil)
	r.disarm(root)
	root.phase = over
	root.undo = nil
	r.st.how = how
	r.st.ending = Finished{Code: code} // told when all is closed
}

// failure is why an element cannot go on; it becomes an incident.
type failure struct {
	code string // of a BPMN error that nothing catches
	text string
}

func (f *failure) Error() string { return f.text }

func fail(format string, args ...any) *failure { return &failure{text: fmt.Sprintf(format, args...)} }

func refuse(format string, args ...any) error {
	return &Refused{Reason: fmt.Sprintf(format, args...)}
}
