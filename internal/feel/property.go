package feel

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

// descendants is v...name: all entries of that name in v and in what v contains, outer before inner,
// without those that are null.
func (m *machine) descendants(found List, v Value, name string, depth int) List {
	m.deep(depth)
	m.spend(1)
	switch v := v.(type) {
	case List:
		for _, x := range v {
			found = m.descendants(found, x, name, depth+1)
		}
	case *Context:
		for _, e := range v.entries {
			if e.Name == name && e.Value != nil {
				m.items(1)
				found = append(found, e.Value)
			}
			found = m.descendants(found, e.Value, name, depth+1)
		}
	}
	return found
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
