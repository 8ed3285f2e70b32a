package calendar

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/paceline/paceline/internal/feel"
)

// Period is an ISO 8601 duration: P1Y2M3W4DT5H6M. A calendar says what its days and hours are, see
// Calendar.After; without one all but the clock's part is of the wall calendar in UTC.
type Period struct {
	Years, Months, Weeks, Days int
	Clock                      time.Duration
}

// Negative is the same period the other way.
func (p Period) Negative() Period { return Period{-p.Years, -p.Months, -p.Weeks, -p.Days, -p.Clock} }

// plain is the moment a period after t without any calendar.
func (p Period) plain(t time.Time) time.Time {
	t, _ = (*Calendar)(nil).After(t, p)
	return t
}

// maxPeriodPart keeps periods within what time.Time can add.
const maxPeriodPart = 100_000_000

// ParsePeriod reads an ISO 8601 duration.
func ParsePeriod(s string) (Period, bool) {
	rest, negative := strings.CutPrefix(s, "-")
	rest, ok := strings.CutPrefix(rest, "P")
	if !ok || rest == "" {
		return Period{}, false
	}
	var p Period
	day, clock, hasClock := strings.Cut(rest, "T")
	ok = eachPart(day, "YMWD", func(n float64, unit byte) {
		switch unit {
		case 'Y':
			p.Years = int(n)
		case 'M':
			p.Months = int(n)
		case 'W':
			p.Weeks = int(n)
		case 'D':
			p.Days = int(n)
		}
	})
	if !ok || hasClock && clock == "" {
		return Period{}, false
	}
	ok = eachPart(clock, "HMS", func(n float64, unit byte) {
		p.Clock += time.Duration(n * float64(map[byte]time.Duration{'H': time.Hour, 'M': time.Minute, 'S': time.Second}[unit]))
	})
	if negative {
		p = p.Negative()
	}
	return p, ok
}

// eachPart reads numbers that are followed by one of the units, in the units' order.
func eachPart(s, units string, set func(n float64, unit byte)) bool {
	for s != "" {
		i := strings.IndexFunc(s, func(c rune) bool { return c != '.' && c != ',' && (c < '0' || c > '9') })
		if i <= 0 {
			return false
		}
		n, err := strconv.ParseFloat(strings.Replace(s[:i], ",", ".", 1), 64)
		at := strings.IndexByte(units, s[i])
		if err != nil || at < 0 || n > maxPeriodPart {
			return false
		}
		set(n, s[i])
		units, s = units[at+1:], s[i+1:]
	}
	return true
}

// Instant reads a period from now, in the time of c, or a date with or without time and zone; without one it is UTC.
func (c *Calendar) Instant(s string, now time.Time) (time.Time, error) {
	s = strings.TrimSpace(s)
	if p, ok := ParsePeriod(s); ok {
		t, ok := c.After(now, p)
		if !ok {
			return t, fmt.Errorf("%q is never: the calendar has no such work time", s)
		}
		return t, nil
	}
	if t, ok := parseInstant(s); ok {
		return t, nil
	}
	return time.Time{}, fmt.Errorf("%q is no ISO 8601 date and no duration", s)
}

func parseInstant(s string) (time.Time, bool) {
	if v, ok := feel.ParseDateTime(s); ok {
		return v.Instant().UTC(), true
	}
	for _, layout := range []string{"2006-01-02T15:04:05Z0700", "2006-01-02T15:04:05Z07", "2006-01-02T15:04Z07:00", "2006-01-02T15:04", "2006-01-02Z07:00"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}

// Repetition is an ISO 8601 repeating interval: R3/PT10H, R/2026-01-01T00:00:00Z/P1D,
// R2/PT1H/2026-01-02T00:00:00Z or R/start/end.
type Repetition struct {
	times int32 // how often it is due; -1: for ever
	start time.Time
	every Period
	end   time.Time
}

// IsRepetition reports whether text means to be a repetition.
func IsRepetition(s string) bool { return strings.HasPrefix(s, "R") && strings.Contains(s, "/") }

// ParseRepetition reads a repetition.
func ParseRepetition(s string) (Repetition, error) {
	parts := strings.Split(s, "/")
	p := Repetition{times: -1}
	if count := parts[0][1:]; count != "" && count != "-1" {
		n, err := strconv.ParseInt(count, 10, 32)
		if err != nil || n < 0 {
			return p, fmt.Errorf("%q is no number of repetitions", count)
		}
		p.times = max(1, int32(n))
	}
	found := false
	for _, part := range parts[1:] {
		if every, ok := ParsePeriod(part); ok && !found {
			p.every, found = every, true
			continue
		}
		t, ok := parseInstant(part)
		switch {
		case !ok:
			return p, fmt.Errorf("%q is no date and no duration", part)
		case !found && p.start.IsZero():
			p.start = t
		default:
			p.end = t
		}
	}
	if !found && !p.start.IsZero() && !p.end.IsZero() {
		p.every = Period{Clock: p.end.Sub(p.start)}
		p.end = time.Time{}
	}
	if t := (time.Time{}); !p.every.plain(t).After(t) {
		return p, fmt.Errorf("the repetition %q has no duration between", s)
	}
	return p, nil
}

// untilEnd is how often the repetition is due after a due time until its end; -1: it has none.
func (p Repetition) untilEnd(c *Calendar, due time.Time) int32 {
	if p.end.IsZero() {
		return -1
	}
	if c == nil && p.every == (Period{Clock: p.every.Clock}) {
		return int32(min(max(0, p.end.Sub(due)/p.every.Clock), math.MaxInt32))
	}
	n := int32(0)
	for due = p.After(c, due); !due.After(p.end) && n < maxMissed; due = p.After(c, due) {
		n++
	}
	return n
}

// After is the due time that follows another.
func (p Repetition) After(c *Calendar, due time.Time) time.Time {
	next, ok := c.After(due, p.every)
	if !ok {
		return due.AddDate(100, 0, 0) // in a calendar without work: not in anybody's time
	}
	return next
}

// maxMissed bounds how many due times of a repetition may lie in the past when it is armed.
const maxMissed = 100_000

// First is when the repetition is due for the first time from now on and how often after that. Due
// times before now are missed, and count; those after its end are not due.
func (p Repetition) First(c *Calendar, now time.Time) (time.Time, int32, error) {
	due, left := p.start, p.times
	if due.IsZero() {
		due = p.After(c, now)
	}
	if left > 0 {
		left--
	}
	if most := p.untilEnd(c, due); most >= 0 && (left < 0 || most < left) {
		left = most
	}
	for range maxMissed {
		if !due.Before(now) {
			return due, left, nil
		}
		if left == 0 {
			break
		}
		if left > 0 {
			left--
		}
		due = p.After(c, due)
	}
	return due, 0, nil // all of it is past: due at once, for the last time
}
