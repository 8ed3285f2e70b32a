package engine

import (
	"slices"
	"time"

	"github.com/paceline/paceline/internal/bpmn"
	"github.com/paceline/paceline/internal/calendar"
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
	cal, err := r.calendarOf(m.node)
	if err != nil {
		return err
	}
	due, cycle, left, err := firstDue(cal, value, r.env.Now)
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
func firstDue(cal *calendar.Calendar, value feel.Value, now time.Time) (due time.Time, cycle string, left int32, err error) {
	s, isText := value.(string)
	switch {
	case isText && calendar.IsRepetition(s):
		p, err := calendar.ParseRepetition(s)
		if err != nil {
			return due, "", 0, err
		}
		due, left, err = p.First(cal, now)
		return due, s, left, err
	case isText && calendar.IsCron(s):
		due, err = nextCron(cal, s, now)
		return due, s, -1, err
	}
	due, err = instant(cal, value, now)
	return due, "", 0, err
}

// maxOffDays bounds how many due times in a row may fall on days without work.
const maxOffDays = 10_000

// nextCron is the next due time of a cron, in the zone of the calendar and on a day that has work there.
func nextCron(cal *calendar.Calendar, text string, after time.Time) (time.Time, error) {
	c, err := calendar.ParseCron(text)
	for range maxOffDays {
		if err != nil {
			return after, err
		}
		if after, err = c.Next(after, cal.Zone()); err == nil && cal.Works(after) {
			return after, nil
		}
	}
	return after, fail("the cron is never due on a day of work")
}

// rearm sets a timer that fired to its next due time, counted from the last, or takes it away.
func (r *run) rearm(i int) {
	m := &r.st.arms[i]
	r.effects = append(r.effects, DisarmTimer{Timer: m.id})
	cal, err := r.calendarOf(m.node)
	due := time.Time{}
	if err == nil {
		due, err = m.nextDue(cal)
	}
	if m.left == 0 || err != nil || !m.mayFireAgain(r.awake(m.owner)) {
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

func (m *arm) nextDue(cal *calendar.Calendar) (time.Time, error) {
	last := time.UnixMicro(m.due).UTC()
	switch {
	case m.left == 0:
		return time.Time{}, nil
	case calendar.IsRepetition(m.cycle):
		p, err := calendar.ParseRepetition(m.cycle)
		if err != nil {
			return time.Time{}, err
		}
		return p.After(cal, last), nil
	}
	return nextCron(cal, m.cycle, last)
}

func armTimer(m arm) ArmTimer {
	return ArmTimer{Timer: m.id, Node: m.node.Node, Due: time.UnixMicro(m.due).UTC()}
}

// instant reads a date, a date and time, or a duration from now in the time of a calendar.
func instant(cal *calendar.Calendar, value feel.Value, now time.Time) (time.Time, error) {
	due, ok := now, true
	switch v := value.(type) {
	case nil:
		return time.Time{}, fail("it is null, not a time")
	case feel.Date:
		return time.Date(v.Year, time.Month(v.Month), v.Day, 0, 0, 0, 0, cal.Zone()).UTC(), nil
	case feel.DateTime:
		return v.Instant().UTC(), nil
	case feel.Duration:
		d, fits := v.Go()
		if !fits {
			return time.Time{}, fail("the duration is too long")
		}
		due, ok = cal.After(now, periodOf(cal, d))
	case feel.MonthDuration:
		due, ok = cal.After(now, calendar.Period{Months: int(v)})
	case string:
		return cal.Instant(v, now)
	default:
		return time.Time{}, fail("%s is no date and no duration", text(value))
	}
	if !ok {
		return time.Time{}, fail("it is never: the calendar has no such work time")
	}
	return due, nil
}

// periodOf splits a FEEL duration as ISO 8601 writes it, so that its days are work days.
func periodOf(cal *calendar.Calendar, d time.Duration) calendar.Period {
	if cal == nil {
		return calendar.Period{Clock: d}
	}
	const day = 24 * time.Hour
	return calendar.Period{Days: int(d / day), Clock: d % day}
}

// calendarOf finds the calendar that the times of an element are counted in: what the model says there or around
// it. Nil: all time counts.
func (r *run) calendarOf(n *node) (*calendar.Calendar, error) { return r.calendarNamed(n.calendar()) }

// The names of calendars that are none.
const (
	noCalendar      = "none"
	defaultCalendar = "default"
)

func (r *run) calendarNamed(name string) (*calendar.Calendar, error) {
	if name == "" || name == noCalendar || r.env.Calendar == nil {
		return nil, nil
	}
	if name == defaultCalendar {
		name = ""
	}
	cal, known := r.env.Calendar(name)
	if !known {
		return nil, fail("there is no calendar %q", name)
	}
	return cal, nil
}

// calendar is the name of the calendar of an element, empty for none.
func (n *node) calendar() string {
	for at := n; at != nil; at = at.scope {
		if at.Calendar == "" && at.host != nil {
			at = at.host
		}
		if at.Calendar != "" {
			return at.Calendar
		}
	}
	return ""
}
