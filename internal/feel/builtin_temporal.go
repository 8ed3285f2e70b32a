package feel

import "time"

// temporalFunctions: DMN 1.5 sections 10.3.4.7 and 10.3.4.10.
var temporalFunctions = map[string][]form{
	"now": {sig("", func(m *machine, _ []Value) Value {
		t, ok := m.now()
		if !ok {
			return nil
		}
		return DateTimeOf(t, zoneOf(t))
	})},
	"today": {sig("", func(m *machine, _ []Value) Value {
		t, ok := m.now()
		return orNull(DateOf(t), ok)
	})},
	"day of year": dayFunction(func(t time.Time) Value { return Int(int64(t.YearDay())) }),
	"day of week": dayFunction(func(t time.Time) Value { return t.Weekday().String() }),
	"month of year": dayFunction(func(t time.Time) Value {
		return t.Month().String()
	}),
	"week of year": dayFunction(func(t time.Time) Value {
		_, week := t.ISOWeek()
		return Int(int64(week))
	}),
}

func dayFunction(f func(time.Time) Value) []form {
	return []form{
		sig("date: date", func(_ *machine, a []Value) Value { return f(a[0].(Date).midnight()) }),
		sig("date: moment", func(_ *machine, a []Value) Value { return f(a[0].(DateTime).Date.midnight()) }),
	}
}

// zoneOf is the zone of a time.Time: its name when the tz database has it, else its offset.
func zoneOf(t time.Time) Zone {
	if t.Location() == time.UTC {
		return UTC()
	}
	if z, ok := NamedZone(t.Location().String()); ok {
		return z
	}
	_, offset := t.Zone()
	z, _ := OffsetZone(offset)
	return z
}

// property is v.name: an entry of a context, the entries of a list of contexts, or a part of
// a date, time, duration or range (DMN 1.5 tables 64 to 66).
func (m *machine) property(v Value, name string) Value {
	switch v := v.(type) {
	case *Context:
		x, _ := v.Get(name)
		return known(x)
	case List:
		m.items(len(v))
		l := make(List, len(v))
		for i, x := range v {
			l[i] = m.property(x, name)
		}
		return l
	case Date:
		return dateProperty(v, name)
	case Time:
		return timeProperty(v, name, v.Zone.usualOffset())
	case DateTime:
		if p := dateProperty(v.Date, name); p != nil {
			return p
		}
		return timeProperty(v.Time, name, v.Zone.offsetAt(v.Instant()))
	case MonthDuration:
		switch name {
		case "years":
			return Int(int64(v / 12))
		case "months":
			return Int(int64(v % 12))
		}
	case Duration:
		return durationProperty(v, name)
	case *Range:
		return rangeProperty(v, name)
	}
	return nil
}

func dateProperty(d Date, name string) Value {
	switch name {
	case "year":
		return Int(int64(d.Year))
	case "month":
		return Int(int64(d.Month))
	case "day":
		return Int(int64(d.Day))
	case "weekday":
		return Int(int64((int(d.midnight().Weekday())+6)%7 + 1))
	}
	return nil
}

func timeProperty(t Time, name string, offset int) Value {
	switch name {
	case "hour":
		return Int(int64(t.Hour))
	case "minute":
		return Int(int64(t.Minute))
	case "second":
		return Int(int64(t.Second))
	case "time offset":
		return orNull(Duration{Seconds: int64(offset)}, !t.Zone.IsZero())
	case "timezone":
		return orNull(t.Zone.name, t.Zone.name != "")
	}
	return nil
}

func durationProperty(d Duration, name string) Value {
	sign, abs := int64(1), d.abs()
	if d.negative() {
		sign = -1
	}
	switch name {
	case "days":
		return Int(sign * (abs.Seconds / daySecs))
	case "hours":
		return Int(sign * (abs.Seconds / 3600 % 24))
	case "minutes":
		return Int(sign * (abs.Seconds / 60 % 60))
	case "seconds":
		return Int(sign * (abs.Seconds % 60))
	}
	return nil
}

func rangeProperty(r *Range, name string) Value {
	switch name {
	case "start":
		return r.Low
	case "end":
		return r.High
	case "start included":
		return r.LowClosed
	case "end included":
		return r.HighClosed
	}
	return nil
}
