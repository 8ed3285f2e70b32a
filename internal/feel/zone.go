package feel

import (
	"fmt"
	"strings"
	"sync"
	"time"
	_ "time/tzdata" // the same zones on every machine that has none of its own
)

// Zone is a time zone: none (the zero value), an offset from UTC, or a named one.
type Zone struct {
	name   string // of the tz database, or "" for an offset
	offset int    // seconds east of UTC
	loc    *time.Location
}

// maxOffset is the largest offset from UTC, in seconds.
const maxOffset = 18 * 3600

// UTC is the zone written Z.
func UTC() Zone { return Zone{loc: time.UTC} }

// OffsetZone is a fixed number of seconds east of UTC.
func OffsetZone(seconds int) (Zone, bool) {
	if seconds == 0 {
		return UTC(), true
	}
	return Zone{offset: seconds, loc: time.FixedZone("", seconds)}, seconds >= -maxOffset && seconds <= maxOffset
}

// zones remembers the zones loaded, at most those of the tz database.
var zones sync.Map

// NamedZone finds a zone of the tz database, as Europe/Paris.
func NamedZone(name string) (Zone, bool) {
	if z, ok := zones.Load(name); ok {
		return z.(Zone), true
	}
	if name == "" || name == "Local" {
		return Zone{}, false
	}
	loc, err := time.LoadLocation(name)
	if err != nil {
		return Zone{}, false
	}
	z := Zone{name: name, loc: loc}
	zones.Store(name, z)
	return z, true
}

// IsZero reports whether there is no zone.
func (z Zone) IsZero() bool { return z.loc == nil }

// Name is the name of a named zone, else "".
func (z Zone) Name() string { return z.name }

func (z Zone) location() *time.Location {
	if z.loc == nil {
		return time.UTC
	}
	return z.loc
}

// usualOffset is the offset of a time of day that belongs to no date: for a named zone the
// one it had at the beginning of 1970.
func (z Zone) usualOffset() int { return z.offsetAt(time.Unix(0, 0)) }

func (z Zone) offsetAt(t time.Time) int {
	if z.name == "" {
		return z.offset
	}
	_, offset := t.In(z.loc).Zone()
	return offset
}

// suffix is what follows the time of day in text.
func (z Zone) suffix() string {
	switch {
	case z.IsZero():
		return ""
	case z.name != "":
		return "@" + z.name
	case z.offset == 0:
		return "Z"
	}
	sign, o := '+', z.offset
	if o < 0 {
		sign, o = '-', -o
	}
	s := fmt.Sprintf("%c%02d:%02d", sign, o/3600, o/60%60)
	if o%60 != 0 {
		s += fmt.Sprintf(":%02d", o%60)
	}
	return s
}

// parseZone reads what follows a time of day: nothing, Z, +hh:mm[:ss] or @name.
func parseZone(s string) (Zone, bool) {
	switch {
	case s == "":
		return Zone{}, true
	case s == "Z" || s == "z":
		return UTC(), true
	case s[0] == '@':
		return NamedZone(s[1:])
	case s[0] != '+' && s[0] != '-':
		return Zone{}, false
	}
	parts := strings.Split(s[1:], ":")
	if len(parts) < 2 || len(parts) > 3 {
		return Zone{}, false
	}
	offset := 0
	for i, part := range parts {
		n, ok := number(part, 2, 2)
		if !ok || i > 0 && n > 59 {
			return Zone{}, false
		}
		offset = offset*60 + n
	}
	if len(parts) == 2 {
		offset *= 60
	}
	if s[0] == '-' {
		offset = -offset
	}
	return OffsetZone(offset)
}
