package calendar

import (
	"math/rand/v2"
	"testing"
	"time"
)

// works is the oracle: whether the minute that begins at t is work time, read off the wall clock.
func (c *Calendar) works(t time.Time) bool {
	local := t.In(c.zone)
	minute := local.Hour()*60 + local.Minute()
	for _, s := range c.hours(localDay(t, c.zone)) {
		if s.from <= minute && minute < s.to {
			return true
		}
	}
	return false
}

// slowBetween counts minute by minute. Both moments are whole minutes.
func (c *Calendar) slowBetween(a, b time.Time) time.Duration {
	var sum time.Duration
	for ; a.Before(b); a = a.Add(time.Minute) {
		if c.works(a) {
			sum += time.Minute
		}
	}
	return sum
}

// slowAdd walks minute by minute, forwards or backwards.
func (c *Calendar) slowAdd(t time.Time, d time.Duration) time.Time {
	for ; d > 0; t = t.Add(time.Minute) {
		if c.works(t) {
			d -= time.Minute
		}
	}
	for ; d < 0; t = t.Add(-time.Minute) {
		if c.works(t.Add(-time.Minute)) {
			d += time.Minute
		}
	}
	return t
}

// samples are calendars in zones whose clocks change in all the ways there are: an hour, half an hour, at
// midnight, a minute after it, a whole day.
var samples = map[string]struct {
	spec Spec
	from time.Time // shortly before a change
}{
	"taipei":    {Spec{Zone: "Asia/Taipei"}, time.Date(2026, 2, 10, 0, 0, 0, 0, time.UTC)},
	"berlin":    {Spec{Zone: "Europe/Berlin"}, time.Date(2026, 3, 26, 0, 0, 0, 0, time.UTC)},
	"new york":  {Spec{Zone: "America/New_York"}, time.Date(2026, 10, 29, 0, 0, 0, 0, time.UTC)},
	"lord howe": {Spec{Zone: "Australia/Lord_Howe"}, time.Date(2026, 4, 2, 0, 0, 0, 0, time.UTC)},
	"sao paulo": {Spec{Zone: "America/Sao_Paulo"}, time.Date(2018, 11, 1, 0, 0, 0, 0, time.UTC)},
	"st johns":  {Spec{Zone: "America/St_Johns"}, time.Date(2010, 11, 4, 0, 0, 0, 0, time.UTC)},
	"apia":      {Spec{Zone: "Pacific/Apia"}, time.Date(2011, 12, 27, 0, 0, 0, 0, time.UTC)},
}

// weeks are work hours, among them such that a change of the clocks cuts.
var weeks = []map[string][]string{
	{"mon": {"09:00-12:00", "13:00-18:00"}, "wed": {"09:00-12:00"}, "thu": {"08:30-17:15"}, "fri": {"09:00-16:00"}},
	{"sun": {"01:30-03:30", "22:00-24:00"}, "sat": {"00:00-02:15"}, "mon": {"00:00-06:00"}},
	{"sun": {"00:00-24:00"}, "mon": {"00:00-24:00"}, "tue": {"00:00-24:00"}, "wed": {"00:00-24:00"}, "thu": {"00:00-24:00"}, "fri": {"00:00-24:00"}, "sat": {"00:00-24:00"}},
	{"sat": {"23:00-24:00"}, "sun": {"00:00-00:30", "02:15-02:45"}},
}

func sample(t testing.TB, spec Spec, week map[string][]string, from time.Time) *Calendar {
	t.Helper()
	spec.Week = week
	spec.Holidays = []Holiday{{Date: from.AddDate(0, 0, 1).Format(time.DateOnly)}, {Date: from.AddDate(0, 0, 8).Format("01-02")}}
	spec.Extra = []Extra{{Date: from.AddDate(0, 0, 2).Format(time.DateOnly), Hours: []string{"01:00-03:00", "10:00-11:00"}}, {Date: from.AddDate(0, 0, 8).Format(time.DateOnly)}}
	c, err := New(spec, "sample@1")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestAgainstOracle compares Add and Between with walking minute by minute, around changes of the clocks.
func TestAgainstOracle(t *testing.T) {
	for name, s := range samples {
		t.Run(name, func(t *testing.T) {
			random := rand.New(rand.NewPCG(1, 2))
			for _, week := range weeks {
				c := sample(t, s.spec, week, s.from)
				for range 50 {
					a := s.from.Add(time.Duration(random.IntN(10*24*60)) * time.Minute)
					b := a.Add(time.Duration(random.IntN(6*24*60)) * time.Minute)
					work := c.slowBetween(a, b)
					if got := c.Between(a, b); got != work {
						t.Fatalf("Between(%s, %s) is %s, want %s", a, b, got, work)
					}
					if got := c.Between(b, a); got != -work {
						t.Fatalf("Between(%s, %s) is %s, want %s", b, a, got, -work)
					}
					if work == 0 {
						continue
					}
					for _, d := range []time.Duration{work, -work} {
						from := a
						if d < 0 {
							from = b
						}
						want := c.slowAdd(from, d)
						if got, ok := c.Add(from, d); !ok || !got.Equal(want) {
							t.Fatalf("%s + %s is %s, want %s", from, d, got, want)
						}
					}
				}
			}
		})
	}
}

// FuzzWork holds what every calendar has in common, to the nanosecond.
func FuzzWork(f *testing.F) {
	f.Add(int64(1_774_500_000), int64(5*time.Hour), uint8(1), uint8(0))
	f.Add(int64(1_288_900_000), int64(-77*time.Minute), uint8(5), uint8(3))
	names := []string{"taipei", "berlin", "new york", "lord howe", "sao paulo", "st johns", "apia"}
	f.Fuzz(func(t *testing.T, seconds, d int64, zone, week uint8) {
		s := samples[names[int(zone)%len(names)]]
		c := sample(t, s.spec, weeks[int(week)%len(weeks)], s.from)
		from := time.Unix(seconds%4_000_000_000, d%1000)
		work := time.Duration(d % int64(2000*time.Hour))
		to, ok := c.Add(from, work)
		if !ok {
			t.Fatalf("%s after %s is never", work, from)
		}
		if got := c.Between(from, to); got != work {
			t.Errorf("from %s to %s is %s of work, not %s", from, to, got, work)
		}
		half, _ := c.Add(from, work/2)
		if again, _ := c.Add(half, work-work/2); work != 0 && work/2 != 0 && !again.Equal(to) {
			t.Errorf("%s in two parts is %s, in one %s", work, again, to)
		}
	})
}

// TestDays holds what a day, a week and an hour are in a period.
func TestDays(t *testing.T) {
	c, err := New(Spec{Zone: "Asia/Taipei", Week: map[string][]string{
		"mon": {"09:00-18:00"}, "tue": {"09:00-18:00"}, "wed": {"09:00-18:00"}, "thu": {"09:00-18:00"}, "fri": {"09:00-18:00"}},
		Holidays: []Holiday{{Date: "2026-02-16", To: "2026-02-20"}, {Date: "10-10"}},
		Extra:    []Extra{{Date: "2026-02-14"}}}, "tw@1")
	if err != nil {
		t.Fatal(err)
	}
	at := func(text string) time.Time {
		when, err := time.ParseInLocation("2006-01-02 15:04", text, c.Zone())
		if err != nil {
			t.Fatal(err)
		}
		return when
	}
	for _, x := range []struct{ from, period, want string }{
		{"2026-02-13 15:00", "P1D", "2026-02-14 15:00"},    // a Saturday of work
		{"2026-02-13 15:00", "P2D", "2026-02-23 15:00"},    // behind the holidays
		{"2026-02-13 15:00", "PT4H", "2026-02-14 10:00"},   // three on Friday, one on Saturday
		{"2026-02-13 15:00", "PT3H", "2026-02-13 18:00"},   // the end of the day, not the next morning
		{"2026-02-13 15:00", "P1W", "2026-02-20 15:00"},    // a week is one of the wall calendar
		{"2026-02-13 15:00", "P1DT4H", "2026-02-23 10:00"}, // a day, then hours
		{"2026-02-23 10:00", "-PT2H", "2026-02-14 17:00"},  // one on Monday, one on the Saturday before
		{"2026-02-15 12:00", "P1D", "2026-02-24 09:00"},    // from a Sunday: a day from Monday morning
		{"2026-02-15 12:00", "-P1D", "2026-02-13 18:00"},   //
		{"2026-02-23 15:00", "-P1D", "2026-02-14 15:00"},   //
		{"2026-02-13 15:00", "PT0S", "2026-02-13 15:00"},   //
		{"2026-10-09 17:00", "PT2H", "2026-10-12 10:00"},   // a holiday of every year
		{"2026-02-13 15:00", "P1MT2H", "2026-03-13 17:00"}, //
		{"2026-02-13 15:00", "-P1Y2D", "2025-02-11 15:00"}, //
	} {
		p, ok := ParsePeriod(x.period)
		if !ok {
			t.Fatal(x.period)
		}
		got, ok := c.After(at(x.from), p)
		if text := got.In(c.Zone()).Format("2006-01-02 15:04"); !ok || text != x.want {
			t.Errorf("%s after %s is %s, want %s", x.period, x.from, text, x.want)
		}
	}
	if (*Calendar)(nil).Between(at("2026-02-14 10:00"), at("2026-02-15 10:00")) != 24*time.Hour {
		t.Error("without a calendar all time counts")
	}
}

// TestRefused holds that each mistake is named with its place.
func TestRefused(t *testing.T) {
	for place, spec := range map[string]Spec{
		"zone":        {Zone: "Asia/Atlantis", Week: weeks[0]},
		"week":        {Zone: "UTC"},
		"week.monday": {Zone: "UTC", Week: map[string][]string{"monday": {"09:00-10:00"}, "tue": {"09:00-10:00"}}},
		"week.mon":    {Zone: "UTC", Week: map[string][]string{"mon": {"22:00-06:00"}, "tue": {"09:00-10:00"}}},
		"week.tue":    {Zone: "UTC", Week: map[string][]string{"tue": {"09:00-10:00", "09:30-11:00"}}},
		"holidays[0]": {Zone: "UTC", Week: weeks[0], Holidays: []Holiday{{Date: "2026-02-30"}}},
		"extra[0]":    {Zone: "UTC", Week: weeks[0], Extra: []Extra{{Date: "tomorrow"}}},
	} {
		r := &reader{}
		c := &Calendar{off: map[int64]bool{}, yearly: map[monthDay]bool{}, extra: map[int64][]span{}}
		r.week(c, spec.Week)
		r.holidays(c, spec.Holidays)
		r.extras(c, spec.Extra)
		if _, err := New(spec, ""); err == nil {
			t.Errorf("%s is taken", place)
		}
		if place != "zone" && (len(r.details) != 1 || r.details[0].Place != place) {
			t.Errorf("%s: %v", place, r.details)
		}
	}
}
