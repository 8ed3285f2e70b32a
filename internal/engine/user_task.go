package engine

import (
	"slices"
	"time"

	"github.com/paceline/paceline/internal/bpmn"
	"github.com/paceline/paceline/internal/feel"
)

// A user task waits for a person (BPMN 13.3.3). Who may take it is decided when it opens:
// assignee, candidates, else the innermost lane's name as candidate group.
var userTask = &behaviour{enter: openUserTask}

// task is the part of an open task that its version counts. It is replaced, never changed.
type task struct {
	version  int
	assignee string
	owners   []string // who delegated it, last first to get it back
}

func openUserTask(r *run, a *activation) error {
	open := OpenTask{Node: a.node.Node, Loop: int(a.loop)}
	if err := r.address(a, &open); err != nil {
		return err
	}
	if r.isMember(a) {
		a.addressMember(&open)
	}
	if r.keepsClock(a) {
		due, err := r.startClock(a)
		if err != nil {
			return err
		}
		open.Due = due
	} else if r.isMember(a) && a.up.clock != nil {
		open.Due = time.UnixMicro(a.up.clock.due).UTC()
	}
	if err := r.listen(a, "create"); err != nil {
		return err
	}
	return r.openTask(a, open)
}

// openTask opens a user or receive task outside.
func (r *run) openTask(a *activation, open OpenTask) error {
	if err := r.await(a); err != nil {
		return err
	}
	a.id = r.env.NewID()
	a.task = &task{version: 1, assignee: open.Assignee}
	open.Task = a.id
	r.effects = append(r.effects, open)
	return nil
}

// address finds out whom the task is for and when it is due.
func (r *run) address(a *activation, open *OpenTask) (err error) {
	u := a.node.User
	if u == nil {
		u = &bpmn.User{}
	}
	if open.Assignee, err = r.evalString(a, u.Assignee); err != nil {
		return err
	}
	if open.CandidateUsers, err = r.evalStrings(a, u.CandidateUsers); err != nil {
		return err
	}
	if open.CandidateGroups, err = r.evalStrings(a, u.CandidateGroups); err != nil {
		return err
	}
	nobody := open.Assignee == "" && len(open.CandidateUsers)+len(open.CandidateGroups) == 0 && u.Assignment == ""
	if lane := a.node.Lane; nobody && lane != nil {
		open.CandidateGroups = []string{laneName(lane)}
	}
	if open.Due, err = r.evalTime(a, u.Due); err != nil {
		return err
	}
	if open.FollowUp, err = r.evalTime(a, u.FollowUp); err != nil {
		return err
	}
	if u.Priority != nil {
		value, err := r.eval(a, u.Priority)
		if err != nil {
			return err
		}
		if open.Priority, err = whole(value); err != nil {
			return fail("priority: %v", err)
		}
	}
	return nil
}

func laneName(l *bpmn.Lane) string {
	if l.Name != "" {
		return l.Name
	}
	return l.ID
}

// evalTime evaluates to an instant; a duration counts from now.
func (r *run) evalTime(a *activation, x *bpmn.Expression) (time.Time, error) {
	if x == nil {
		return time.Time{}, nil
	}
	value, err := r.eval(a, x)
	if err != nil || value == nil {
		return time.Time{}, err
	}
	cal, err := r.calendarOf(a.node)
	if err != nil {
		return time.Time{}, err
	}
	return instant(cal, value, r.env.Now)
}

// taskAt finds an open task and checks the version that the caller saw; 0 matches any.
func (r *run) taskAt(id ID, version int) (*activation, error) {
	for i, a := range r.st.acts {
		if a.id != id || a.task == nil || a.phase != waiting {
			continue
		}
		if version != 0 && version != a.task.version {
			return nil, &Refused{Stale: true, Reason: "the task has changed since it was read"}
		}
		return r.own(i), nil
	}
	return nil, &Refused{Stale: true, Reason: "the task is not open any more"}
}

func (ev TaskCompleted) apply(r *run) error {
	a, err := r.taskAt(ev.Task, ev.Version)
	if err != nil {
		return err
	}
	if n := len(a.task.owners); n > 0 {
		r.assignAll(a, ev.Vars)
		r.give(a, &task{version: a.task.version + 1, assignee: a.task.owners[n-1], owners: a.task.owners[:n-1]})
		r.st.acted = true
		return nil
	}
	if r.isMember(a) {
		if err := r.cast(a, ev); err != nil {
			return err
		}
	}
	if ev.Outcome != "" {
		r.setOutcome(a, ev.Outcome)
	}
	r.assignAll(a, ev.Vars)
	r.pass(a, ev.By)
	if err := r.listen(a, "complete"); err != nil {
		r.stick(a, leaving, err)
		return nil
	}
	r.complete(a)
	return nil
}

// setOutcome makes the pressed button the variable "outcome". The instances of a multi-instance
// task each have their own, so that votes do not overwrite each other.
func (r *run) setOutcome(a *activation, outcome string) {
	if a.loop > 0 {
		r.declare(a, "outcome", outcome)
		return
	}
	r.assign(a, "outcome", outcome)
}

// pass remembers who completed a user task, for return and withdrawal.
func (r *run) pass(a *activation, by string) {
	if a.node.Kind != bpmn.UserTask {
		return
	}
	r.st.acted = false
	passed := r.st.passed
	if len(passed) == maxPassed {
		passed = passed[1:]
	}
	p := Pass{Task: a.id, Element: a.element, Loop: int(a.loop), By: by, At: r.env.Now}
	if a.loop > 0 {
		p.group = a.parent
	}
	r.st.passed = append(slices.Clip(passed), p)
}

func (ev TaskAssigned) apply(r *run) error {
	a, err := r.taskAt(ev.Task, ev.Version)
	if err != nil {
		return err
	}
	t := &task{version: a.task.version + 1, assignee: ev.To, owners: a.task.owners}
	if ev.Delegate {
		if a.task.assignee == "" {
			return refuse("nobody has the task, so nobody can delegate it")
		}
		t.owners = append(slices.Clip(t.owners), a.task.assignee)
	}
	if r.isMember(a) && !ev.Delegate {
		if err := r.mayVote(a, ev.To); err != nil {
			return err
		}
	}
	r.give(a, t)
	if ev.By != "" {
		r.st.acted = true
	}
	if err := r.listen(a, "assignment"); err != nil {
		return refuse("%v", err)
	}
	return nil
}

func (r *run) give(a *activation, t *task) {
	a.task = t
	now := a.openTask()
	r.effects = append(r.effects, ChangeTask{Task: a.id, Version: now.Version, Assignee: now.Assignee, Owner: now.Owner})
}

func (ev TaskFailed) apply(r *run) error {
	a, err := r.taskAt(ev.Task, 0)
	if err != nil {
		return err
	}
	r.st.acted = true
	r.failWork(a, ev.Code, ev.Message, ev.Vars)
	return nil
}

// failWork ends a task or job with a BPMN error, or without a code as a technical incident.
func (r *run) failWork(a *activation, code, message string, vars feel.Vars) {
	if code != "" && r.throwError(a, code, message, vars) {
		return
	}
	switch {
	case code != "":
		message = uncaught(code, message)
	case message == "":
		message = "the work failed"
	}
	r.stick(a, entering, &failure{code: code, text: message})
	a.incident.work = true
}
