package calendar

import "time"

const (
	daySeconds = 24 * 60 * 60
	// horizon bounds how far work time is looked for, in days: a century.
	horizon = 36600
)

// stretch is a piece of work time, in seconds since 1970.
type stretch struct{ from, to int64 }

// hours are the spans of a local date, given as days since 1970.
func (c *Calendar) hours(day int64) []span {
	if extra, ok := c.extra[day]; ok {
		return extra
	}
	date := time.Unix(day*daySeconds, 0).UTC()
	if c.off[day] || c.yearly[monthDay{date.Month(), date.Day()}] {
		return nil
	}
	return c.week[date.Weekday()]
}

// stretches appends the work time of one UTC day to all, in order. The offset from UTC is constant between
// two changes of the clocks, and there wall clock and instant differ by it.
func (c *Calendar) stretches(all []stretch, utcDay int64) []stretch {
	end := (utcDay + 1) * daySeconds
	for low := utcDay * daySeconds; low < end; {
		at := time.Unix(low, 0).In(c.zone)
		_, offset := at.Zone()
		high := end
		if _, until := at.ZoneBounds(); !until.IsZero() {
			high = min(end, until.Unix())
		}
		all = c.between(all, low, high, int64(offset))
		low = high
	}
	return all
}

// between appends the work time from low to high, where the offset from UTC does not change.
func (c *Calendar) between(all []stretch, low, high, offset int64) []stretch {
	for day := floorDay(low + offset); day*daySeconds < high+offset; day++ {
		midnight := day*daySeconds - offset
		for _, s := range c.hours(day) {
			from, to := max(low, midnight+int64(s.from)*60), min(high, midnight+int64(s.to)*60)
			if from < to {
				all = append(all, stretch{from, to})
			}
		}
	}
	return all
}

func floorDay(seconds int64) int64 {
	if seconds < 0 {
		return (seconds - daySeconds + 1) / daySeconds
	}
	return seconds / daySeconds
}

// Add gives the moment that is d of work time after t, or before it where d is negative: the earliest such
// moment, or the latest before. False: there is none within a century.
func (c *Calendar) Add(t time.Time, d time.Duration) (time.Time, bool) {
	switch {
	case c == nil || d == 0:
		return t.Add(d), true
	case d < 0:
		return c.before(t, -d)
	}
	var buf [8]stretch
	first := floorDay(t.Unix())
	for day := first; day < first+horizon; day++ {
		for _, s := range c.stretches(buf[:0], day) {
			from, to := time.Unix(s.from, 0), time.Unix(s.to, 0)
			if from.Before(t) {
				from = t
			}
			have := to.Sub(from)
			if have >= d {
				return from.Add(d).UTC(), true
			}
			d -= max(0, have)
		}
	}
	return t, false
}

func (c *Calendar) before(t time.Time, d time.Duration) (time.Time, bool) {
	var buf [8]stretch
	last := floorDay(t.Unix())
	for day := last; day > last-horizon; day-- {
		all := c.stretches(buf[:0], day)
		for i := len(all) - 1; i >= 0; i-- {
			from, to := time.Unix(all[i].from, 0), time.Unix(all[i].to, 0)
			if to.After(t) {
				to = t
			}
			have := to.Sub(from)
			if have >= d {
				return to.Add(-d).UTC(), true
			}
			d -= max(0, have)
		}
	}
	return t, false
}

// Between is the work time from a to b; negative when b is before a. More than a century counts as one.
func (c *Calendar) Between(a, b time.Time) time.Duration {
	switch {
	case c == nil:
		return b.Sub(a)
	case b.Before(a):
		return -c.Between(b, a)
	}
	var buf [8]stretch
	var sum time.Duration
	first := floorDay(a.Unix())
	for day := first; day <= floorDay(b.Unix()) && day < first+horizon; day++ {
		for _, s := range c.stretches(buf[:0], day) {
			from, to := time.Unix(s.from, 0), time.Unix(s.to, 0)
			if from.Before(a) {
				from = a
			}
			if to.After(b) {
				to = b
			}
			sum += max(0, to.Sub(from))
		}
	}
	return sum
}

// Works reports whether the local date of t has work hours.
func (c *Calendar) Works(t time.Time) bool {
	return c == nil || len(c.hours(localDay(t, c.zone))) > 0
}

// AddDays gives the n-th work day after the local date of t, or before it where n is negative, at the same
// time of day. Days count from one of work: where that of t is none, from the next work time, or from the
// last before it. False: there is none within a century.
func (c *Calendar) AddDays(t time.Time, n int) (time.Time, bool) {
	if c == nil {
		return t.AddDate(0, 0, n), true
	}
	step := 1
	if n < 0 {
		step, n = -1, -n
	}
	if !c.Works(t) {
		const instant = time.Nanosecond
		near, ok := c.Add(t, time.Duration(step)*instant)
		if !ok {
			return t, false
		}
		t = near.Add(-time.Duration(step) * instant)
	}
	local := t.In(c.zone)
	shift := 0
	for day, looked := localDay(t, c.zone), 0; n > 0; looked++ {
		if looked > horizon {
			return t, false
		}
		shift += step
		if len(c.hours(day+int64(shift))) > 0 {
			n--
		}
	}
	return local.AddDate(0, 0, shift).UTC(), true
}

// localDay is the date of an instant in a zone, as days since 1970.
func localDay(t time.Time, zone *time.Location) int64 {
	y, m, d := t.In(zone).Date()
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Unix() / daySeconds
}

// After gives the moment a period after t: years, months and weeks are of the wall calendar, days are work
// days and the rest is work time. False: there is none within a century.
func (c *Calendar) After(t time.Time, p Period) (time.Time, bool) {
	if c == nil {
		return t.AddDate(p.Years, p.Months, 7*p.Weeks+p.Days).Add(p.Clock), true
	}
	if p.Years != 0 || p.Months != 0 || p.Weeks != 0 {
		t = t.In(c.zone).AddDate(p.Years, p.Months, 7*p.Weeks).UTC()
	}
	ok := true
	if p.Days != 0 {
		t, ok = c.AddDays(t, p.Days)
	}
	if ok && p.Clock != 0 {
		t, ok = c.Add(t, p.Clock)
	}
	return t, ok
}
