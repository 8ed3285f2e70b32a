package engine

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/paceline/paceline/internal/feel"
)

// period is an ISO 8601 duration. Years, months and days are of the calendar, the rest is of the
// clock.
type period struct {
	years, months, days int
	clock               time.Duration
}

func (p period) after(t time.Time) time.Time {
	return t.AddDate(p.years, p.months, p.days).Add(p.clock)
}

// maxPeriodPart keeps periods within what time.Time can add.
const maxPeriodPart = 100_000_000

func parsePeriod(s string) (period, bool) {
	rest, negative := strings.CutPrefix(s, "-")
	rest, ok := strings.CutPrefix(rest, "P")
	if !ok || rest == "" {
		return period{}, false
	}
	var p period
	day, clock, hasClock := strings.Cut(rest, "T")
	ok = eachPart(day, "YMWD", func(n float64, unit byte) {
		switch unit {
		case 'Y':
			p.years = int(n)
		case 'M':
			p.months = int(n)
		case 'W':
			p.days += 7 * int(n)
		case 'D':
			p.days += int(n)
		}
	})
	if !ok || hasClock && clock == "" {
		return period{}, false
	}
	ok = eachPart(clock, "HMS", func(n float64, unit byte) {
		p.clock += time.Duration(n * float64(map[byte]time.Duration{'H': time.Hour, 'M': time.Minute, 'S': time.Second}[unit]))
	})
	if negative {
		p = period{-p.years, -p.months, -p.days, -p.clock}
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

// Instant reads an ISO 8601 duration from now, or a date with or without time and zone.
func Instant(s string, now time.Time) (time.Time, error) { return instantText(s, now) }

// instantText reads a period from now, or a date with or without time and zone; without one it is UTC.
func instantText(s string, now time.Time) (time.Time, error) {
	s = strings.TrimSpace(s)
	if p, ok := parsePeriod(s); ok {
		return p.after(now), nil
	}
	if t, ok := parseInstant(s); ok {
		return t, nil
	}
	return time.Time{}, fail("%q is no ISO 8601 date and no duration", s)
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

// repetition is an ISO 8601 repeating interval: R3/PT10H, R/2026-01-01T00:00:00Z/P1D,
// R2/PT1H/2026-01-02T00:00:00Z or R/start/end.
type repetition struct {
	times int32 // how often it is due; -1: for ever
	start time.Time
	every period
	end   time.Time
}

func isRepetition(s string) bool { return strings.HasPrefix(s, "R") && strings.Contains(s, "/") }

func parseRepetition(s string) (repetition, error) {
	parts := strings.Split(s, "/")
	p := repetition{times: -1}
	if count := parts[0][1:]; count != "" && count != "-1" {
		n, err := strconv.ParseInt(count, 10, 32)
		if err != nil || n < 0 {
			return p, fail("%q is no number of repetitions", count)
		}
		p.times = max(1, int32(n))
	}
	found := false
	for _, part := range parts[1:] {
		if every, ok := parsePeriod(part); ok && !found {
			p.every, found = every, true
			continue
		}
		t, ok := parseInstant(part)
		switch {
		case !ok:
			return p, fail("%q is no date and no duration", part)
		case !found && p.start.IsZero():
			p.start = t
		default:
			p.end = t
		}
	}
	if !found && !p.start.IsZero() && !p.end.IsZero() {
		p.every = period{clock: p.end.Sub(p.start)}
		p.end = time.Time{}
	}
	if t := (time.Time{}); !p.every.after(t).After(t) {
		return p, fail("the repetition %q has no duration between", s)
	}
	return p, nil
}

// untilEnd is how often the repetition is due after a due time until its end; -1: it has none.
func (p repetition) untilEnd(due time.Time) int32 {
	if p.end.IsZero() {
		return -1
	}
	if p.every == (period{clock: p.every.clock}) {
		return int32(min(max(0, p.end.Sub(due)/p.every.clock), math.MaxInt32))
	}
	n := int32(0)
	for due = p.every.after(due); !due.After(p.end) && n < maxMissed; due = p.every.after(due) {
		n++
	}
	return n
}

// maxMissed bounds how many due times of a repetition may lie in the past when it is armed.
const maxMissed = 100_000

// first is when the repetition is due for the first time from now on and how often after that. Due
// times before now are missed, and count; those after its end are not due.
func (p repetition) first(now time.Time) (time.Time, int32, error) {
	due, left := p.start, p.times
	if due.IsZero() {
		due = p.every.after(now)
	}
	if left > 0 {
		left--
	}
	if most := p.untilEnd(due); most >= 0 && (left < 0 || most < left) {
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
		due = p.every.after(due)
	}
	return due, 0, nil // all of it is past: due at once, for the last time
}
