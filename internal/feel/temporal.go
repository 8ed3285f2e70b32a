package feel

import (
	"strconv"
	"strings"
	"time"
)

// Date is a calendar day (DMN 1.5 section 10.3.2.3.4). Years go from -999999999 to 999999999.
type Date struct {
	Year, Month, Day int
}

// Time is a time of day, with or without a zone (section 10.3.2.3.5).
type Time struct {
	Hour, Minute, Second, Nano int
	Zone                       Zone
}

// DateTime is a moment in a zone, or a local one without (section 10.3.2.3.6).
type DateTime struct {
	Date
	Time
}

// MonthDuration is a years and months duration, in months.
type MonthDuration int64

// Duration is a days and time duration: Seconds + Nano/1e9, Nano from 0 to 999999999.
type Duration struct {
	Seconds int64
	Nano    int
}

const (
	maxYear   = 999_999_999
	daySecs   = 86_400
	nanos     = 1_000_000_000
	maxMonths = 12 * 2 * (maxYear + 1)
	maxSecs   = maxMonths / 12 * 366 * daySecs
)

// NewDate reports false when there is no such day.
func NewDate(year, month, day int) (Date, bool) {
	d := Date{year, month, day}
	return d, year >= -maxYear && year <= maxYear && month >= 1 && month <= 12 && day >= 1 && day <= monthDays(year, month)
}

func monthDays(year, month int) int {
	switch month {
	case 4, 6, 9, 11:
		return 30
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	}
	return 31
}

// Compare orders days.
func (d Date) Compare(o Date) int {
	switch {
	case d.Year != o.Year:
		return sign(d.Year - o.Year)
	case d.Month != o.Month:
		return sign(d.Month - o.Month)
	}
	return sign(d.Day - o.Day)
}

func sign(i int) int { return max(-1, min(1, i)) }

// midnight is the day's first moment in UTC.
func (d Date) midnight() time.Time {
	return time.Date(d.Year, time.Month(d.Month), d.Day, 0, 0, 0, 0, time.UTC)
}

// DateOf is the calendar day of t in t's zone.
func DateOf(t time.Time) Date {
	y, m, d := t.Date()
	return Date{y, int(m), d}
}

// addMonths keeps the day, or takes the last one of a shorter month.
func (d Date) addMonths(n int64) (Date, bool) {
	if n > maxMonths || n < -maxMonths {
		return d, false
	}
	months := int64(d.Year)*12 + int64(d.Month) - 1 + n
	year := int(floorDiv(months, 12))
	month := int(months-int64(year)*12) + 1
	return NewDate(year, month, min(d.Day, monthDays(year, month)))
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// clock is the time of day in seconds from midnight.
func (t Time) clock() int { return t.Hour*3600 + t.Minute*60 + t.Second }

func timeOfClock(secs, nano int, z Zone) Time {
	return Time{secs / 3600, secs / 60 % 60, secs % 60, nano, z}
}

// sinceMidnight is the time of day in UTC, or as it is for one without a zone.
func (t Time) sinceMidnight() Duration {
	return Duration{int64(t.clock() - t.Zone.usualOffset()), t.Nano}
}

// Compare orders times of day, those with a zone by their UTC time; false when only one has a zone.
func (t Time) Compare(o Time) (int, bool) {
	if t.Zone.IsZero() != o.Zone.IsZero() {
		return 0, false
	}
	return t.sinceMidnight().Compare(o.sinceMidnight()), true
}

// add moves the time of day around the clock.
func (t Time) add(d Duration) Time {
	nano := t.Nano + d.Nano
	secs := int64(t.clock()) + d.Seconds%daySecs + int64(nano/nanos)
	secs = ((secs % daySecs) + daySecs) % daySecs
	return timeOfClock(int(secs), nano%nanos, t.Zone)
}

// Instant is the moment as a time.Time; without a zone it is read as UTC.
func (dt DateTime) Instant() time.Time {
	return time.Date(dt.Year, time.Month(dt.Month), dt.Day, dt.Hour, dt.Minute, dt.Second, dt.Nano, dt.Zone.location())
}

// DateTimeOf is t with the zone z.
func DateTimeOf(t time.Time, z Zone) DateTime {
	t = t.In(z.location())
	h, m, s := t.Clock()
	return DateTime{DateOf(t), Time{h, m, s, t.Nanosecond(), z}}
}

// Compare orders moments; false when only one has a zone.
func (dt DateTime) Compare(o DateTime) (int, bool) {
	if dt.Zone.IsZero() != o.Zone.IsZero() {
		return 0, false
	}
	return dt.Instant().Compare(o.Instant()), true
}

func (dt DateTime) add(d Duration) (DateTime, bool) {
	t := dt.Instant()
	secs, nano := t.Unix()+d.Seconds, t.Nanosecond()+d.Nano
	r := DateTimeOf(time.Unix(secs, int64(nano)), dt.Zone)
	return r, r.Year >= -maxYear && r.Year <= maxYear
}

// sub is the time from o to dt, false when only one has a zone.
func (dt DateTime) sub(o DateTime) (Duration, bool) {
	a, b := dt.Instant(), o.Instant()
	return NewDuration(a.Unix()-b.Unix(), int64(a.Nanosecond()-b.Nanosecond())), dt.Zone.IsZero() == o.Zone.IsZero()
}

// NewDuration carries nanoseconds of any size and sign over to the seconds.
func NewDuration(secs, nano int64) Duration {
	carry := floorDiv(nano, nanos)
	return Duration{secs + carry, int(nano - carry*nanos)}
}

// DurationOf converts from Go.
func DurationOf(d time.Duration) Duration {
	return NewDuration(int64(d/time.Second), int64(d%time.Second))
}

// Go is the duration in Go's form, false when it does not fit (about 292 years).
func (d Duration) Go() (time.Duration, bool) {
	const most = int64(1<<63-1) / nanos
	if d.Seconds >= most || d.Seconds <= -most {
		return 0, false
	}
	return time.Duration(d.Seconds)*time.Second + time.Duration(d.Nano), true
}

// Compare orders durations.
func (d Duration) Compare(o Duration) int {
	switch {
	case d.Seconds < o.Seconds:
		return -1
	case d.Seconds > o.Seconds:
		return 1
	}
	return sign(d.Nano - o.Nano)
}

func (d Duration) negative() bool { return d.Seconds < 0 }

func (d Duration) neg() Duration { return NewDuration(-d.Seconds, -int64(d.Nano)) }

func (d Duration) abs() Duration {
	if d.negative() {
		return d.neg()
	}
	return d
}

func (d Duration) inRange() bool { return d.Seconds <= maxSecs && d.Seconds >= -maxSecs }

func (d Date) String() string {
	b := make([]byte, 0, 10)
	return string(d.append(b))
}

func (d Date) append(b []byte) []byte {
	year := d.Year
	if year < 0 {
		b = append(b, '-')
		year = -year
	}
	b = padded(b, year, 4)
	b = padded(append(b, '-'), d.Month, 2)
	return padded(append(b, '-'), d.Day, 2)
}

func padded(b []byte, n, width int) []byte {
	s := strconv.Itoa(n)
	for range width - len(s) {
		b = append(b, '0')
	}
	return append(b, s...)
}

func (t Time) String() string { return string(t.append(nil)) }

func (t Time) append(b []byte) []byte {
	b = padded(b, t.Hour, 2)
	b = padded(append(b, ':'), t.Minute, 2)
	b = padded(append(b, ':'), t.Second, 2)
	b = fraction(b, t.Nano)
	return append(b, t.Zone.suffix()...)
}

func fraction(b []byte, nano int) []byte {
	if nano == 0 {
		return b
	}
	digits := padded(nil, nano, 9)
	return append(append(b, '.'), strings.TrimRight(string(digits), "0")...)
}

func (dt DateTime) String() string {
	return string(dt.Time.append(append(dt.Date.append(nil), 'T')))
}

func (m MonthDuration) String() string {
	if m == 0 {
		return "P0M"
	}
	sign := ""
	if m < 0 {
		sign, m = "-", -m
	}
	s := sign + "P"
	if m >= 12 {
		s += strconv.FormatInt(int64(m/12), 10) + "Y"
	}
	if m%12 != 0 {
		s += strconv.FormatInt(int64(m%12), 10) + "M"
	}
	return s
}

func (d Duration) String() string {
	if d == (Duration{}) {
		return "PT0S"
	}
	var b []byte
	if d.negative() {
		b, d = append(b, '-'), d.neg()
	}
	b = append(b, 'P')
	unit := func(n int64, letter byte) {
		if n != 0 {
			b = append(strconv.AppendInt(b, n, 10), letter)
		}
	}
	unit(d.Seconds/daySecs, 'D')
	if d.Seconds%daySecs == 0 && d.Nano == 0 {
		return string(b)
	}
	b = append(b, 'T')
	unit(d.Seconds/3600%24, 'H')
	unit(d.Seconds/60%60, 'M')
	if d.Seconds%60 != 0 || d.Nano != 0 {
		b = fraction(strconv.AppendInt(b, d.Seconds%60, 10), d.Nano)
		b = append(b, 'S')
	}
	return string(b)
}
