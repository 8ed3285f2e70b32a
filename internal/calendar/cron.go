package calendar

import (
	"fmt"
	"math/bits"
	"strconv"
	"strings"
	"time"
)

// Cron is a schedule in five fields (minute hour day month weekday) or, with seconds first and perhaps
// a year last, six or seven. A day that is restricted both by date and by weekday needs only one of
// them. Quartz's L, W and # are understood; its weekdays (1 is Sunday) are meant where a field is "?".
type Cron struct {
	second, minute, hour, month uint64
	years                       map[int]bool // nil: every year
	days, weekdays              dayRule
}

// dayRule is one of the two fields that pick days.
type dayRule struct {
	any      bool
	set      uint64
	last     bool // L: the last day of the month; nL: its last such weekday
	lastLess int  // L-n
	workday  bool // W: the weekday (Monday to Friday) nearest to the day
	nth      int  // n#k: the k-th such weekday of the month
}

var cronMacros = map[string]string{
	"@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *", "@monthly": "0 0 1 * *",
	"@weekly": "0 0 * * 0", "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@hourly": "0 * * * *",
}

var cronNames = strings.NewReplacer("JAN", "1", "FEB", "2", "MAR", "3", "APR", "4", "MAY", "5", "JUN", "6",
	"JUL", "7", "AUG", "8", "SEP", "9", "OCT", "10", "NOV", "11", "DEC", "12")

// IsCron reports whether text means to be a cron.
func IsCron(s string) bool { return cronMacros[s] != "" || len(strings.Fields(s)) >= 5 }

// ParseCron reads a cron, or one of the macros such as @daily.
func ParseCron(s string) (Cron, error) {
	if macro := cronMacros[s]; macro != "" {
		s = macro
	}
	fields := strings.Fields(strings.ToUpper(s))
	if len(fields) == 5 {
		fields = append([]string{"0"}, fields...)
	}
	if len(fields) < 6 || len(fields) > 7 {
		return Cron{}, fmt.Errorf("%q is no cron", s)
	}
	var c Cron
	p := cronParser{text: s}
	c.second = p.set(fields[0], 0, 59)
	c.minute = p.set(fields[1], 0, 59)
	c.hour = p.set(fields[2], 0, 23)
	c.days = p.days(fields[3])
	c.month = p.set(cronNames.Replace(fields[4]), 1, 12)
	c.weekdays = p.weekdays(fields[5], len(fields) == 7 || strings.Contains(s, "?"))
	if len(fields) == 7 && fields[6] != "*" {
		c.years = p.years(fields[6])
	}
	return c, p.err
}

// cronParser keeps the first error.
type cronParser struct {
	text string
	err  error
}

func (p *cronParser) number(s string, low, high int) int {
	n, err := strconv.Atoi(s)
	if err != nil || n < low || n > high {
		p.err = fmt.Errorf("%q is no cron: %q is not from %d to %d", p.text, s, low, high)
		return low
	}
	return n
}

// span reads one part of a list: a, a-b, *, each with a step.
func (p *cronParser) span(part string, low, high int) (from, to, step int) {
	body, stepText, stepped := strings.Cut(part, "/")
	step = 1
	if stepped {
		step = p.number(stepText, 1, high)
	}
	if body == "*" || body == "?" {
		return low, high, step
	}
	first, last, ranged := strings.Cut(body, "-")
	from = p.number(first, low, high)
	switch {
	case ranged:
		to = p.number(last, low, high)
	case stepped:
		to = high
	default:
		to = from
	}
	return from, to, step
}

func (p *cronParser) set(field string, low, high int) uint64 {
	var set uint64
	for _, part := range strings.Split(field, ",") {
		from, to, step := p.span(part, low, high)
		if to < from { // over the end: FRI-MON
			to += high - low + 1
		}
		for i := from; i <= to; i += step {
			set |= 1 << (low + (i-low)%(high-low+1))
		}
	}
	return set
}

func (p *cronParser) years(field string) map[int]bool {
	all := map[int]bool{}
	for _, part := range strings.Split(field, ",") {
		from, to, step := p.span(part, 1970, 2199)
		for y := from; y <= to; y += step {
			all[y] = true
		}
	}
	return all
}

func (p *cronParser) days(field string) dayRule {
	switch {
	case field == "*" || field == "?":
		return dayRule{any: true}
	case field == "LW":
		return dayRule{last: true, workday: true}
	case strings.HasPrefix(field, "L-"):
		return dayRule{last: true, lastLess: p.number(field[2:], 1, 30)}
	case field == "L":
		return dayRule{last: true}
	}
	day, workday := strings.CutSuffix(field, "W")
	return dayRule{set: p.set(day, 1, 31), workday: workday}
}

func (p *cronParser) weekdays(field string, quartz bool) dayRule {
	if field == "*" || field == "?" {
		return dayRule{any: true}
	}
	for i, name := range []string{"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"} {
		if quartz {
			i++
		}
		field = strings.ReplaceAll(field, name, strconv.Itoa(i))
	}
	rule := dayRule{}
	body, nth, numbered := strings.Cut(field, "#")
	if numbered {
		rule.nth = p.number(nth, 1, 5)
	}
	if len(body) > 1 {
		body, rule.last = strings.CutSuffix(body, "L")
	}
	if body == "L" {
		body = "6"
		if quartz {
			body = "7"
		}
	}
	if quartz {
		rule.set = p.set(body, 1, 7) >> 1
		return rule
	}
	rule.set = p.set(body, 0, 7)
	rule.set = rule.set&0x7f | rule.set>>7
	return rule
}

// Next is the first due time after t by the wall clock of a zone. A time of day that a change of the clocks
// skips is due when the clocks change; one that comes twice is due the first time. A cron of every hour counts
// hours as they pass.
func (c Cron) Next(t time.Time, zone *time.Location) (time.Time, error) {
	t = t.Truncate(time.Second).Add(time.Second)
	y, m, d := t.In(zone).Date()
	day := time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
	for range 366 * 28 { // the leap day on a given weekday comes back within 28 years
		if c.on(day) {
			if at, found := c.onDay(day, t, zone); found {
				return at.UTC(), nil
			}
		}
		day = day.AddDate(0, 0, 1)
	}
	return time.Time{}, fmt.Errorf("the cron is never due")
}

// onDay is the first due time from t on of a local date, given as its midnight in UTC.
func (c Cron) onDay(day, t time.Time, zone *time.Location) (time.Time, bool) {
	y, m, d := day.Date()
	start := time.Date(y, m, d, 0, 0, 0, 0, zone)
	end := time.Date(y, m, d+1, 0, 0, 0, 0, zone)
	_, before := start.Zone()
	_, after := end.Zone()
	if before == after && end.Sub(start) == 24*time.Hour {
		at, found := c.within(max(0, t.Sub(start)))
		return start.Add(at), found
	}
	return c.onChange(day, t, zone)
}

// onChange is onDay where the clocks change: it looks at each time of day by itself.
func (c Cron) onChange(day, t time.Time, zone *time.Location) (first time.Time, found bool) {
	for from := time.Duration(0); ; from += time.Second {
		at, more := c.within(from)
		if !more {
			return first, found
		}
		for _, due := range c.instants(day.Add(at), zone) {
			if !due.Before(t) && (!found || due.Before(first)) {
				first, found = due, true
			}
		}
		from = at
	}
}

// instants are when a wall clock, given as if it were UTC, shows a due time.
func (c Cron) instants(wall time.Time, zone *time.Location) []time.Time {
	var all []time.Time
	changed := time.Time{} // when the clocks jump over it
	for at := wall.Add(-16 * time.Hour).In(zone); !at.After(wall.Add(16 * time.Hour)); {
		_, offset := at.Zone()
		from, until := at.ZoneBounds()
		due := wall.Add(-time.Duration(offset) * time.Second)
		switch starts, ends := !from.After(due), until.IsZero() || due.Before(until); {
		case starts && ends:
			all = append(all, due)
		case !ends:
			changed = until
		}
		if until.IsZero() {
			break
		}
		at = until
	}
	switch everyHour := c.hour == 1<<24-1; {
	case len(all) > 1 && !everyHour:
		return all[:1]
	case len(all) == 0 && !everyHour && !changed.IsZero():
		return []time.Time{changed}
	}
	return all
}

func (c Cron) on(day time.Time) bool {
	if c.month&(1<<int(day.Month())) == 0 || c.years != nil && !c.years[day.Year()] {
		return false
	}
	byDate, byWeekday := c.days.dateFits(day), c.weekdays.weekdayFits(day)
	switch {
	case c.days.any:
		return byWeekday
	case c.weekdays.any:
		return byDate
	}
	return byDate || byWeekday
}

func (d dayRule) dateFits(day time.Time) bool {
	end := day.AddDate(0, 1, -day.Day()).Day()
	switch {
	case d.any:
		return true
	case d.last && d.workday:
		return day.Day() == nearestWorkday(day, end)
	case d.last:
		return day.Day() == end-d.lastLess
	case d.workday:
		return day.Day() == nearestWorkday(day, min(end, bits.TrailingZeros64(d.set)))
	}
	return d.set&(1<<day.Day()) != 0
}

// nearestWorkday is the Monday to Friday nearest to a date, within its month.
func nearestWorkday(day time.Time, date int) int {
	end := day.AddDate(0, 1, -day.Day()).Day()
	switch day.AddDate(0, 0, date-day.Day()).Weekday() {
	case time.Saturday:
		if date == 1 {
			return 3
		}
		return date - 1
	case time.Sunday:
		if date == end {
			return date - 2
		}
		return date + 1
	}
	return date
}

func (d dayRule) weekdayFits(day time.Time) bool {
	switch {
	case d.any:
		return true
	case d.set&(1<<int(day.Weekday())) == 0:
		return false
	case d.nth > 0:
		return (day.Day()-1)/7+1 == d.nth
	case d.last:
		return day.AddDate(0, 0, 7).Month() != day.Month()
	}
	return true
}

// within is the first due time of a day from the given offset on.
func (c Cron) within(from time.Duration) (time.Duration, bool) {
	start := int(from / time.Second)
	for h := start / 3600; h < 24; h++ {
		if c.hour&(1<<h) == 0 {
			continue
		}
		for m := 0; m < 60; m++ {
			if c.minute&(1<<m) == 0 || (h*60+m+1)*60 <= start {
				continue
			}
			for s := 0; s < 60; s++ {
				if at := (h*60+m)*60 + s; c.second&(1<<s) != 0 && at >= start {
					return time.Duration(at) * time.Second, true
				}
			}
		}
	}
	return 0, false
}
