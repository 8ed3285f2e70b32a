package feel

import (
	"strconv"
	"strings"
)

// number reads between least and most digits.
func number(s string, least, most int) (int, bool) {
	if len(s) < least || len(s) > most || !digits(s) {
		return 0, false
	}
	n, err := strconv.Atoi(s)
	return n, err == nil
}

// ParseDate reads [-]YYYY-MM-DD; years of more than four digits have no leading zero.
func ParseDate(s string) (Date, bool) {
	rest, negative := strings.CutPrefix(s, "-")
	parts := strings.Split(rest, "-")
	if len(parts) != 3 || len(parts[0]) > 4 && parts[0][0] == '0' {
		return Date{}, false
	}
	year, ok1 := number(parts[0], 4, 9)
	month, ok2 := number(parts[1], 2, 2)
	day, ok3 := number(parts[2], 2, 2)
	if !ok1 || !ok2 || !ok3 {
		return Date{}, false
	}
	if negative {
		year = -year
	}
	return NewDate(year, month, day)
}

// ParseTime reads hh:mm:ss[.fraction][zone]. The hour 24 is not one.
func ParseTime(s string) (Time, bool) {
	var t Time
	if len(s) < 8 || s[2] != ':' || s[5] != ':' {
		return t, false
	}
	hour, ok1 := number(s[:2], 2, 2)
	minute, ok2 := number(s[3:5], 2, 2)
	second, ok3 := number(s[6:8], 2, 2)
	if !ok1 || !ok2 || !ok3 || hour > 23 || minute > 59 || second > 59 {
		return t, false
	}
	nano, rest, ok := parseFraction(s[8:])
	if !ok {
		return t, false
	}
	zone, ok := parseZone(rest)
	return Time{hour, minute, second, nano, zone}, ok
}

// parseFraction reads .digits as nanoseconds; further digits are dropped.
func parseFraction(s string) (nano int, rest string, ok bool) {
	if !strings.HasPrefix(s, ".") {
		return 0, s, true
	}
	n := 1
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	text := s[1:n]
	if text == "" {
		return 0, s, false
	}
	nano, _ = strconv.Atoi((text + "000000000")[:9])
	return nano, s[n:], true
}

// ParseDateTime reads a date, T and a time; a date alone is its first moment.
func ParseDateTime(s string) (DateTime, bool) {
	day, clock, hasTime := strings.Cut(s, "T")
	d, ok := ParseDate(day)
	if !ok || !hasTime {
		return DateTime{Date: d}, ok
	}
	t, ok := ParseTime(clock)
	return DateTime{d, t}, ok
}

// ParseDuration reads an ISO 8601 duration of years and months (a MonthDuration) or of
// days and a time (a Duration); the two do not mix.
func ParseDuration(s string) (Value, bool) {
	rest, negative := strings.CutPrefix(s, "-")
	rest, ok := strings.CutPrefix(rest, "P")
	if !ok {
		return nil, false
	}
	days, clock, hasTime := strings.Cut(rest, "T")
	if hasTime && clock == "" || rest == "" {
		return nil, false
	}
	if !hasTime && !strings.HasSuffix(days, "D") {
		months, ok := parseMonths(days)
		if negative {
			months = -months
		}
		return months, ok
	}
	d, ok := parseDays(days, clock)
	if negative {
		d = d.neg()
	}
	return d, ok && d.inRange()
}

func parseMonths(s string) (MonthDuration, bool) {
	years, s, ok1 := unit(s, 'Y')
	months, s, ok2 := unit(s, 'M')
	if !ok1 || !ok2 || s != "" || years > maxMonths || months > maxMonths {
		return 0, false
	}
	total := years*12 + months
	return MonthDuration(total), total <= maxMonths
}

func parseDays(days, clock string) (Duration, bool) {
	d, rest, ok := unit(days, 'D')
	if !ok || rest != "" {
		return Duration{}, false
	}
	h, clock, ok1 := unit(clock, 'H')
	m, clock, ok2 := unit(clock, 'M')
	if !ok1 || !ok2 || max(d, h, m) > maxSecs/daySecs {
		return Duration{}, false
	}
	var secs int64
	var nano int
	if clock != "" {
		whole, fraction, _ := strings.Cut(strings.TrimSuffix(clock, "S"), ".")
		n, err := strconv.ParseInt(whole, 10, 60)
		if !strings.HasSuffix(clock, "S") || !digits(whole) || err != nil || n > maxSecs {
			return Duration{}, false
		}
		secs = n
		if fraction != "" {
			var rest string
			if nano, rest, ok = parseFraction("." + fraction); !ok || rest != "" {
				return Duration{}, false
			}
		}
	}
	return Duration{d*daySecs + h*3600 + m*60 + secs, nano}, true
}

// unit reads digits and the unit's letter from the beginning of s, 0 when they are not there.
func unit(s string, letter byte) (n int64, rest string, ok bool) {
	i := strings.IndexByte(s, letter)
	if i < 0 {
		return 0, s, true
	}
	if i == 0 || !digits(s[:i]) {
		return 0, s, false
	}
	n, err := strconv.ParseInt(s[:i], 10, 60)
	return n, s[i+1:], err == nil
}

// ParseTemporal reads a date, time, date and time or duration, as @"..." does; nil when text is none of them.
func ParseTemporal(s string) (Value, bool) {
	if d, ok := ParseDate(s); ok {
		return d, true
	}
	if t, ok := ParseTime(s); ok {
		return t, true
	}
	if dt, ok := ParseDateTime(s); ok {
		return dt, true
	}
	return ParseDuration(s)
}

func atLiteral(s string) Value {
	v, ok := ParseTemporal(s)
	if !ok {
		return nil
	}
	return v
}
