package feel

import (
	"strings"
	"time"
)

// conversionFunctions: DMN 1.5 section 10.3.4.1.
var conversionFunctions = map[string][]form{
	"date": {
		sig("from: string", func(_ *machine, a []Value) Value { return orNull(ParseDate(a[0].(string))) }),
		sig("from: date", func(_ *machine, a []Value) Value { return a[0] }),
		sig("from: moment", func(_ *machine, a []Value) Value { return a[0].(DateTime).Date }),
		sig("year: number, month: number, day: number", dateOf),
	},
	"time": {
		sig("from: string", func(_ *machine, a []Value) Value { return orNull(ParseTime(a[0].(string))) }),
		sig("from: time", func(_ *machine, a []Value) Value { return a[0] }),
		sig("from: moment", func(_ *machine, a []Value) Value { return a[0].(DateTime).Time }),
		sig("hour: number, minute: number, second: number, offset: duration?", timeOf),
	},
	"date and time": {
		sig("from: string", func(_ *machine, a []Value) Value { return orNull(ParseDateTime(a[0].(string))) }),
		sig("from: moment", func(_ *machine, a []Value) Value { return a[0] }),
		sig("date: date, time: time", func(_ *machine, a []Value) Value { return DateTime{a[0].(Date), a[1].(Time)} }),
		sig("date: moment, time: time", func(_ *machine, a []Value) Value { return DateTime{a[0].(DateTime).Date, a[1].(Time)} }),
		sig("date: moment, timezone: string", inZone),
		sig("year: number, month: number, day: number, hour: number, minute: number, second: number, offset: duration?", momentOf),
		sig("year: number, month: number, day: number, hour: number, minute: number, second: number, timezone: string", momentOf),
	},
	"duration": {sig("from: string", func(_ *machine, a []Value) Value { return orNull(ParseDuration(a[0].(string))) })},
	"years and months duration": {
		sig("from: date, to: date", monthsBetween),
		sig("from: moment, to: moment", monthsBetween),
	},
	"number": {
		sig("from: string, grouping separator: string?, decimal separator: string?", numberOf),
		sig("from: number", func(_ *machine, a []Value) Value { return a[0] }),
	},
	"string": {
		sig("from: any", func(m *machine, a []Value) Value {
			if a[0] == nil {
				return nil
			}
			return m.text(m.format(a[0]))
		}),
	},
}

// wholes are arguments as small whole numbers.
func wholes(a []Value) ([]int, bool) {
	ns := make([]int, len(a))
	for i, v := range a {
		n, ok := v.(Number).Int64()
		if !ok || n > maxYear || n < -maxYear {
			return nil, false
		}
		ns[i] = int(n)
	}
	return ns, true
}

func dateOf(_ *machine, a []Value) Value {
	n, ok := wholes(a[:3])
	if !ok {
		return nil
	}
	return orNull(NewDate(n[0], n[1], n[2]))
}

// timeOf takes seconds with a fraction.
func timeOf(_ *machine, a []Value) Value {
	n, ok := wholes(a[:2])
	second, ok2 := durationOfNumber(a[2].(Number))
	if !ok || !ok2 || n[0] < 0 || n[0] > 23 || n[1] < 0 || n[1] > 59 || second.Seconds < 0 || second.Seconds > 59 {
		return nil
	}
	t := Time{Hour: n[0], Minute: n[1], Second: int(second.Seconds), Nano: second.Nano}
	switch zone := a[3].(type) {
	case Duration:
		if zone.Nano != 0 || zone.abs().Seconds > maxOffset {
			return nil
		}
		t.Zone, _ = OffsetZone(int(zone.Seconds))
	case string:
		if t.Zone, ok = NamedZone(zone); !ok {
			return nil
		}
	}
	return t
}

func momentOf(m *machine, a []Value) Value {
	d, ok1 := dateOf(m, a).(Date)
	t, ok2 := timeOf(m, a[3:]).(Time)
	return orNull(DateTime{d, t}, ok1 && ok2)
}

// inZone is the local date and time with a zone, or the same moment in another one.
func inZone(_ *machine, a []Value) Value {
	dt := a[0].(DateTime)
	zone, ok := NamedZone(a[1].(string))
	if !ok {
		return nil
	}
	if dt.Zone.IsZero() {
		dt.Zone = zone
		return dt
	}
	return DateTimeOf(dt.Instant(), zone)
}

// monthsBetween is the number of whole months, as the calendar shows them: the time of day does not count.
func monthsBetween(_ *machine, a []Value) Value {
	from, to := calendarDay(a[0]), calendarDay(a[1])
	months := int64(to.Year-from.Year)*12 + int64(to.Month-from.Month)
	switch {
	case months > 0 && to.Day < from.Day:
		months--
	case months < 0 && to.Day > from.Day:
		months++
	}
	return MonthDuration(months)
}

func calendarDay(v Value) Date {
	if d, ok := v.(Date); ok {
		return d
	}
	return v.(DateTime).Date
}

// numberOf reads a number with separators; both are optional, and differ.
func numberOf(_ *machine, a []Value) Value {
	text := a[0].(string)
	grouping, _ := a[1].(string)
	decimal, _ := a[2].(string)
	switch {
	case grouping != "" && grouping != " " && grouping != "," && grouping != ".",
		decimal != "" && decimal != "," && decimal != ".",
		a[1] == "" || a[2] == "",
		grouping != "" && grouping == decimal:
		return nil
	}
	if grouping != "" {
		text = strings.ReplaceAll(text, grouping, "")
	}
	if decimal == "," {
		if strings.Contains(text, ".") {
			return nil
		}
		text = strings.Replace(text, ",", ".", 1)
	}
	return orNull(ParseNumber(text))
}

// now is the Scope's clock.
func (m *machine) now() (time.Time, bool) {
	c, ok := m.scope.(Clock)
	if !ok {
		return time.Time{}, false
	}
	return c.Now(), true
}
