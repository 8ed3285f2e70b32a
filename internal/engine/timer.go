package engine

import (
	"slices"
	"time"

	"github.com/paceline/paceline/internal/bpmn"
	"github.com/paceline/paceline/internal/feel"
)

// schedule finds when a timer is due first and how it goes on (BPMN 10.5.5: a date, a
// duration or a cycle; text decides where a model confuses them).
func (r *run) schedule(a *activation, m *arm) error {
	x := timerExpression(m.node.Event.Timer)
	if x == nil {
		return fail("the timer says no time")
	}
	value, err := r.eval(a, x)
	if err != nil {
		return err
	}
	due, cycle, left, err := firstDue(value, r.env.Now)
	if err != nil {
		return fail("%s: %v", x.Text, err)
	}
	m.due, m.cycle, m.left = due.UnixMicro(), cycle, left
	return nil
}

func timerExpression(t *bpmn.Timer) *bpmn.Expression {
	switch {
	case t == nil:
		return nil
	case t.Date != nil:
		return t.Date
	case t.Duration != nil:
		return t.Duration
	}
	return t.Cycle
}

// firstDue reads a timer's value: when it is due first, and for a cycle its text and how
// often it is due after that (-1: for ever).
func firstDue(value feel.Value, now time.Time) (due time.Time, cycle string, left int32, err error) {
	s, isText := value.(string)
	switch {
	case isText && isRepetition(s):
		p, err := parseRepetition(s)
		if err != nil {
			return due, "", 0, err
		}
		due, left, err = p.first(now)
		return due, s, left, err
	case isText && isCron(s):
		c, err := parseCron(s)
		if err != nil {
			return due, "", 0, err
		}
		due, err = c.next(now)
		return due, s, -1, err
	}
	due, err = instant(value, now)
	return due, "", 0, err
}

// rearm sets a timer that fired to its next due time, counted from the last, or takes it away.
func (r *run) rearm(i int) {
	m := &r.st.arms[i]
	r.effects = append(r.effects, DisarmTimer{Timer: m.id})
	due, err := m.nextDue()
	if m.left == 0 || err != nil || !m.mayFireAgain(r.st.find(m.owner)) {
		r.st.arms = slices.Delete(r.st.arms, i, i+1)
		return
	}
	if m.left > 0 {
		m.left--
	}
	m.due = due.UnixMicro()
	m.id = r.env.NewID()
	r.effects = append(r.effects, armTimer(*m))
}

// mayFireAgain reports whether what armed the timer goes on when it fires. A catch event on a cycle
// gives one token each time; on a cycle without end it would never be left, so that counts once.
func (m *arm) mayFireAgain(owner *activation) bool {
	switch n := m.node; n.Kind {
	case bpmn.BoundaryEvent, bpmn.StartEvent:
		return !n.Interrupting
	default:
		return m.left > 0 && owner.node == n
	}
}

func (m *arm) nextDue() (time.Time, error) {
	last := time.UnixMicro(m.due).UTC()
	switch {
	case m.left == 0:
		return time.Time{}, nil
	case isRepetition(m.cycle):
		p, err := parseRepetition(m.cycle)
		return p.every.after(last), err
	}
	c, err := parseCron(m.cycle)
	if err != nil {
		return time.Time{}, err
	}
	return c.next(last)
}

func armTimer(m arm) ArmTimer {
	return ArmTimer{Timer: m.id, Node: m.node.Node, Due: time.UnixMicro(m.due).UTC()}
}

// instant reads a date, a date and time, or a duration from now.
func instant(value feel.Value, now time.Time) (time.Time, error) {
	switch v := value.(type) {
	case nil:
		return time.Time{}, fail("it is null, not a time")
	case feel.Date:
		return time.Date(v.Year, time.Month(v.Month), v.Day, 0, 0, 0, 0, time.UTC), nil
	case feel.DateTime:
		return v.Instant().UTC(), nil
	case feel.Duration:
		d, ok := v.Go()
		if !ok {
			return time.Time{}, fail("the duration is too long")
		}
		return now.Add(d), nil
	case feel.MonthDuration:
		return now.AddDate(0, int(v), 0), nil
	case string:
		return instantText(v, now)
	}
	return time.Time{}, fail("%s is no date and no duration", text(value))
}
