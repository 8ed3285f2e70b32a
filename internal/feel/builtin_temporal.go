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
