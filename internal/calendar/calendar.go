// Package calendar answers when something is due: by work hours and holidays, by cron, by ISO 8601
// durations and repetitions.
//
// What always holds:
//
//   - It is pure: moments come in and go out, nothing asks a clock.
//   - An instant is work time exactly when its wall clock in the calendar's zone lies in an hour span of its
//     local date. So a span that a change of the clocks shortens or lengthens has so much less or more of it.
//   - A nil *Calendar is one in which all time is work time.
package calendar

import (
	"fmt"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // the same zones on every machine that has none of its own

	"github.com/paceline/paceline/internal/errs"
)

// Spec is a calendar as people write it.
type Spec struct {
	Name     string              `yaml:"name" json:"name,omitempty"`
	Title    string              `yaml:"title,omitempty" json:"title,omitempty"`
	Zone     string              `yaml:"zone" json:"zone"`                             // of the tz database: Asia/Taipei
	Week     map[string][]string `yaml:"week" json:"week"`                             // mon to sun: spans such as 09:00-12:00
	Holidays []Holiday           `yaml:"holidays,omitempty" json:"holidays,omitempty"` // days without work
	Extra    []Extra             `yaml:"extra,omitempty" json:"extra,omitempty"`       // days of work that win over holidays and the week
	Default  bool                `yaml:"default,omitempty" json:"default,omitempty"`   // for all who have no other
	Units    []string            `yaml:"units,omitempty" json:"units,omitempty"`       // for requesters in these units
}

// Holiday is a day, or several in a row, without work: 2026-01-01, or 12-25 for that of every year.
type Holiday struct {
	Date string `yaml:"date" json:"date"`
	To   string `yaml:"to,omitempty" json:"to,omitempty"` // the last of several; only of a date with a year
	Name string `yaml:"name,omitempty" json:"name,omitempty"`
}

// Extra is a day of work. Without hours it has those of the first weekday that has any.
type Extra struct {
	Date  string   `yaml:"date" json:"date"`
	Hours []string `yaml:"hours,omitempty" json:"hours,omitempty"`
	Name  string   `yaml:"name,omitempty" json:"name,omitempty"`
}

// The bounds of a Spec.
const (
	maxDays    = 5000 // holidays, extra days
	maxSpans   = 24   // of a day
	maxUnits   = 200
	maxHoliday = 400 // days in a row
)

// Calendar is a Spec that was checked. It is immutable.
type Calendar struct {
	ref    string
	zone   *time.Location
	week   [7][]span // by time.Weekday
	off    map[int64]bool
	yearly map[monthDay]bool
	extra  map[int64][]span
}

// span is part of a local day, in minutes after midnight.
type span struct{ from, to int }

type monthDay struct {
	month time.Month
	day   int
}

// New checks a Spec. The error is errs.Invalid with every place that is wrong. ref names the calendar and its
// revision, such as tw@3; Ref gives it back.
func New(s Spec, ref string) (*Calendar, error) {
	c := &Calendar{ref: ref, off: map[int64]bool{}, yearly: map[monthDay]bool{}, extra: map[int64][]span{}}
	p := &reader{}
	if strings.TrimSpace(s.Zone) == "" || s.Zone == "Local" {
		p.wrong("zone", "the calendar needs a time zone such as Asia/Taipei")
	} else if zone, err := time.LoadLocation(s.Zone); err != nil {
		p.wrong("zone", "there is no time zone %q", clip(s.Zone))
	} else {
		c.zone = zone
	}
	p.week(c, s.Week)
	p.holidays(c, s.Holidays)
	p.extras(c, s.Extra)
	if len(s.Units) > maxUnits {
		p.wrong("units", "more than %d units", maxUnits)
	}
	if len(p.details) > 0 {
		return nil, errs.New(errs.Invalid, "the calendar %q is not usable", clip(s.Name)).WithDetails(p.details...)
	}
	return c, nil
}

// Ref is what New was given; empty for a nil Calendar.
func (c *Calendar) Ref() string {
	if c == nil {
		return ""
	}
	return c.ref
}

// Zone is where the calendar's hours are; UTC for a nil Calendar.
func (c *Calendar) Zone() *time.Location {
	if c == nil {
		return time.UTC
	}
	return c.zone
}

// reader collects what is wrong with a Spec.
type reader struct{ details []errs.Detail }

func (p *reader) wrong(place, format string, args ...any) {
	if len(p.details) < 50 {
		p.details = append(p.details, errs.Detail{Place: place, Rule: "calendar", Message: fmt.Sprintf(format, args...)})
	}
}

var weekdays = map[string]time.Weekday{"sun": time.Sunday, "mon": time.Monday, "tue": time.Tuesday, "wed": time.Wednesday,
	"thu": time.Thursday, "fri": time.Friday, "sat": time.Saturday}

func (p *reader) week(c *Calendar, week map[string][]string) {
	worked := false
	for name, hours := range week {
		day, known := weekdays[name]
		if !known {
			p.wrong("week."+clip(name), "the days are mon, tue, wed, thu, fri, sat, sun")
			continue
		}
		c.week[day] = p.spans("week."+name, hours)
		worked = worked || len(c.week[day]) > 0
	}
	if !worked {
		p.wrong("week", "no day of the week has work hours")
	}
}

// spans reads hour spans of one day, in order and apart from each other.
func (p *reader) spans(place string, hours []string) []span {
	if len(hours) > maxSpans {
		p.wrong(place, "more than %d spans in a day", maxSpans)
		return nil
	}
	var all []span
	for _, text := range hours {
		from, to, ok := strings.Cut(text, "-")
		s := span{minutes(from), minutes(to)}
		if !ok || s.from < 0 || s.to <= s.from {
			p.wrong(place, "%q is no span such as 09:00-17:30; one over midnight is written as two", clip(text))
			continue
		}
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b span) int { return a.from - b.from })
	for i := 1; i < len(all); i++ {
		if all[i].from < all[i-1].to {
			p.wrong(place, "the spans overlap")
		}
	}
	return all
}

// minutes reads 09:30; -1 when it is none. 24:00 is the end of the day.
func minutes(text string) int {
	text = strings.TrimSpace(text)
	if text == "24:00" {
		return 24 * 60
	}
	t, err := time.Parse("15:04", text)
	if err != nil || len(text) != 5 {
		return -1
	}
	return t.Hour()*60 + t.Minute()
}

func (p *reader) holidays(c *Calendar, all []Holiday) {
	if len(all) > maxDays {
		p.wrong("holidays", "more than %d holidays", maxDays)
		return
	}
	for i, h := range all {
		place := fmt.Sprintf("holidays[%d]", i)
		if t, err := time.Parse("2006-01-02", "2000-"+h.Date); err == nil && h.To == "" { // a leap year
			c.yearly[monthDay{t.Month(), t.Day()}] = true
			continue
		}
		from, ok := parseDay(h.Date)
		to := from
		if ok && h.To != "" {
			to, ok = parseDay(h.To)
		}
		if !ok || to < from || to-from > maxHoliday {
			p.wrong(place, "write a date such as 2026-01-01, with a later one in to for several days, or 12-25 for every year")
			continue
		}
		for day := from; day <= to; day++ {
			c.off[day] = true
		}
	}
}

func (p *reader) extras(c *Calendar, all []Extra) {
	if len(all) > maxDays {
		p.wrong("extra", "more than %d extra days", maxDays)
		return
	}
	for i, x := range all {
		place := fmt.Sprintf("extra[%d]", i)
		day, ok := parseDay(x.Date)
		if !ok {
			p.wrong(place, "write a date such as 2026-02-07")
			continue
		}
		hours := p.spans(place, x.Hours)
		for d := time.Monday; len(x.Hours) == 0 && len(hours) == 0 && d < time.Monday+7; d++ {
			hours = c.week[d%7]
		}
		c.extra[day] = hours
	}
}

// parseDay reads a date as days since 1970.
func parseDay(text string) (int64, bool) {
	t, err := time.Parse("2006-01-02", text)
	return t.Unix() / daySeconds, err == nil && t.Year() >= 1970
}

func clip(s string) string {
	if r := []rune(s); len(r) > 60 {
		return string(r[:59]) + "…"
	}
	return s
}
