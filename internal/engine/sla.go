package engine

import (
	"slices"
	"time"

	"github.com/paceline/paceline/internal/bpmn"
	"github.com/paceline/paceline/internal/calendar"
)

// clock is how far the time of a user task or an approval group has run. It is replaced, never changed.
type clock struct {
	due     int64  // microseconds since 1970; of no meaning while it stands
	stands  bool   // the instance is suspended
	left    int64  // while it stands: microseconds of work time until it is due, negative when it was late
	reached uint32 // a bit for each level that has happened
}

// stoppedClock is one whose work was sent back. It goes on when the work comes to the element again.
type stoppedClock struct {
	element string
	loop    int32
	left    int64
	reached uint32
}

// maxStopped bounds the clocks that wait for their work to come again.
const maxStopped = 100

// whyLate is the reason of what happens by itself because time ran out.
const whyLate = "overdue"

// keepsClock reports whether a has the clock of its SLA itself: a task by itself, or the body of a group.
func (r *run) keepsClock(a *activation) bool {
	u := a.node.User
	return u != nil && u.SLA != nil && (!r.isMember(a) || u.SLA.Each)
}

// startClock begins to count, or goes on where a clock stopped when the work was sent back. It gives the due
// time, zero when there is none.
func (r *run) startClock(a *activation) (time.Time, error) {
	sla := a.node.User.SLA
	cal, err := r.slaCalendar(a.node)
	if err != nil {
		return time.Time{}, err
	}
	if a.clock != nil { // it was tried before, and an incident came between
		return time.UnixMicro(a.clock.due).UTC(), nil
	}
	if s, ok := r.takeStopped(a); ok {
		a.clock = &clock{due: later(cal, r.env.Now, s.left), reached: s.reached}
	} else {
		value, err := r.eval(a, sla.Due)
		if err != nil || value == nil {
			return time.Time{}, err
		}
		due, err := instant(cal, value, r.env.Now)
		if err != nil {
			return time.Time{}, fail("%s: %v", sla.Due.Text, err)
		}
		a.clock = &clock{due: due.UnixMicro()}
	}
	r.armLevels(a, cal)
	return time.UnixMicro(a.clock.due).UTC(), nil
}

// slaCalendar is the calendar that an SLA counts by: what it names, what the model says around it, else the default.
func (r *run) slaCalendar(n *node) (*calendar.Calendar, error) {
	name := n.User.SLA.Calendar
	if name == "" {
		name = n.calendar()
	}
	if name == "" {
		name = defaultCalendar
	}
	return r.calendarNamed(name)
}

// later is so much work time, in microseconds, after a moment. What a calendar without work never reaches is now.
func later(cal *calendar.Calendar, now time.Time, left int64) int64 {
	due, _ := cal.Add(now, time.Duration(left)*time.Microsecond)
	return due.UnixMicro()
}

func (r *run) takeStopped(a *activation) (stoppedClock, bool) {
	i := slices.IndexFunc(r.st.stopped, func(s stoppedClock) bool { return s.element == a.element && s.loop == a.loop })
	if i < 0 {
		return stoppedClock{}, false
	}
	s := r.st.stopped[i]
	r.st.stopped = slices.Delete(slices.Clone(r.st.stopped), i, i+1)
	return s, true
}

// armLevels arms a timer for each level that has not happened.
func (r *run) armLevels(a *activation, cal *calendar.Calendar) {
	for i, l := range a.node.User.SLA.Levels {
		if a.clock.reached&(1<<i) != 0 {
			continue
		}
		due := time.UnixMicro(a.clock.due).UTC()
		if p, ok := calendar.ParsePeriod(l.At); ok {
			due, _ = cal.After(due, p)
		}
		m := arm{id: r.env.NewID(), owner: a.key, element: a.element, node: a.node, kind: bpmn.TimerEvent, due: due.UnixMicro(), level: int32(i + 1)}
		r.st.arms = append(r.st.arms, m)
		r.effects = append(r.effects, armTimer(m))
	}
}

// reachLevel does what the model wants at a level, whose timer is at index i.
func (r *run) reachLevel(i int) {
	m := r.st.arms[i]
	r.st.arms = slices.Delete(r.st.arms, i, i+1)
	r.effects = append(r.effects, DisarmTimer{Timer: m.id})
	a := r.awake(m.owner)
	level := a.node.User.SLA.Levels[m.level-1]
	next := *a.clock
	next.reached |= 1 << (m.level - 1)
	a.clock = &next
	to, err := r.evalStrings(a, level.To)
	if err != nil {
		to = nil // then those whom the action means by itself
	}
	tell := func(what Moment) {
		r.effects = append(r.effects, Trace{What: what, Node: a.node.Node, Loop: int(a.loop)})
	}
	switch level.Do {
	case bpmn.LevelWarn, bpmn.LevelEscalate:
		what := Warned
		if level.Do == bpmn.LevelEscalate {
			what = Escalated
		}
		tell(what)
		r.effects = append(r.effects, Remind{Node: a.node.Node, Tasks: r.openUnder(a), Escalates: what == Escalated, To: to, Due: time.UnixMicro(next.due).UTC()})
	case bpmn.LevelTransfer:
		tell(Transferred)
		for _, task := range r.openUnder(a) {
			r.effects = append(r.effects, HandOver{Task: task.ID, Node: a.node.Node, From: task.Assignee, To: to})
		}
	default:
		r.decideLate(a, level)
	}
}

// openUnder lists the open tasks that the clock of a is about.
func (r *run) openUnder(a *activation) []Task {
	var open []Task
	for _, t := range r.st.all() {
		if (t == a || t.up == a) && t.task != nil && t.phase == waiting && !t.dead {
			open = append(open, t.openTask())
		}
	}
	return open
}

// decideLate completes a task, or decides for a group, because time ran out.
func (r *run) decideLate(a *activation, level bpmn.Level) {
	rejects := level.Do == bpmn.LevelReject
	switch {
	case a.body != nil && a.body.ballot != nil:
		if !a.body.ballot.formed || a.phase != holding {
			return
		}
		b := *a.body.ballot
		b.forced, b.reason = approved, whyLate
		if rejects {
			b.forced = rejected
		}
		a.body.ballot = &b
		r.count(a)
		return
	case a.task == nil || a.phase != waiting:
		return // an incident keeps it
	}
	done := TaskCompleted{Task: a.id, Outcome: level.Outcome, Note: whyLate}
	if r.isMember(a) {
		words := a.node.Loop.Approval.Agree
		if rejects {
			words = a.node.Loop.Approval.Disagree
		}
		if done.Outcome == "" && len(words) > 0 {
			done.Outcome = words[0]
		}
	}
	a.task = &task{version: a.task.version, assignee: a.task.assignee} // who delegated it does not get it back
	if err := done.apply(r); err != nil {
		r.stick(a, leaving, err)
	}
}

// stopClocks lets the clocks of the instance stand, because it is suspended.
func (r *run) stopClocks() {
	for _, a := range r.st.acts {
		if a.clock == nil || a.clock.stands {
			continue
		}
		a.clock = &clock{stands: true, left: r.left(a), reached: a.clock.reached}
		live := r.st.arms[:0]
		for _, m := range r.st.arms {
			if m.owner == a.key && m.level > 0 {
				r.tellDisarmed(m)
				continue
			}
			live = append(live, m)
		}
		r.st.arms = live
	}
}

// startClocks lets them go on.
func (r *run) startClocks() {
	for _, a := range r.st.acts {
		if a.clock == nil || !a.clock.stands {
			continue
		}
		cal, err := r.slaCalendar(a.node)
		if err != nil {
			cal = nil // a calendar that is gone: all time counts
		}
		a.clock = &clock{due: later(cal, r.env.Now, a.clock.left), reached: a.clock.reached}
		r.armLevels(a, cal)
		for _, t := range r.openUnder(a) {
			r.effects = append(r.effects, ChangeDue{Task: t.ID, Due: time.UnixMicro(a.clock.due).UTC()})
		}
	}
}

// keepClock remembers the clock of an activation that ends because its work is sent back.
func (r *run) keepClock(a *activation) {
	stopped := slices.Clone(r.st.stopped)
	if len(stopped) == maxStopped {
		stopped = stopped[1:]
	}
	r.st.stopped = append(stopped, stoppedClock{element: a.element, loop: a.loop, left: r.left(a), reached: a.clock.reached})
}

// left is the work time until a clock is due, in microseconds.
func (r *run) left(a *activation) int64 {
	if a.clock.stands {
		return a.clock.left
	}
	cal, err := r.slaCalendar(a.node)
	if err != nil {
		cal = nil
	}
	return cal.Between(r.env.Now, time.UnixMicro(a.clock.due)).Microseconds()
}
