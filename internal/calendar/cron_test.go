package calendar

import (
	"testing"
	"time"
)

// TestCronInZones holds what is due when the clocks change: what they skip at the change, what comes twice once,
// and a cron of every hour as hours pass.
func TestCronInZones(t *testing.T) {
	for _, c := range []struct{ cron, zone, after, want string }{
		{"0 9 * * MON-FRI", "Asia/Taipei", "2026-01-30T01:00:00Z", "2026-02-02T01:00:00Z"},
		{"30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", "2026-03-29T01:00:00Z"}, // there is no 02:30
		{"30 2 * * *", "Europe/Berlin", "2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"},
		{"30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", "2026-10-25T00:30:00Z"}, // the first 02:30
		{"30 2 * * *", "Europe/Berlin", "2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"}, // not the second
		{"0 * * * *", "Europe/Berlin", "2026-10-25T00:00:00Z", "2026-10-25T01:00:00Z"},  // 02:00 again
		{"0 * * * *", "Europe/Berlin", "2026-03-29T00:30:00Z", "2026-03-29T01:00:00Z"},
		{"*/20 * * * *", "Australia/Lord_Howe", "2026-04-04T14:45:00Z", "2026-04-04T15:10:00Z"}, // half an hour back
		{"0 0 * * *", "America/Sao_Paulo", "2018-11-03T12:00:00Z", "2018-11-04T03:00:00Z"},      // there is no midnight
		{"0 12 30 12 *", "Pacific/Apia", "2011-01-01T00:00:00Z", "2011-12-30T10:00:00Z"},        // there is no such day: at the change
		{"0 12 L * *", "UTC", "2026-02-01T00:00:00Z", "2026-02-28T12:00:00Z"},
		{"5/15 8-10 1,15 JAN-MAR *", "UTC", "2026-01-15T10:50:00Z", "2026-02-01T08:05:00Z"},
	} {
		cron, err := ParseCron(c.cron)
		if err != nil {
			t.Fatal(err)
		}
		zone, err := time.LoadLocation(c.zone)
		if err != nil {
			t.Fatal(err)
		}
		after, err := time.Parse(time.RFC3339, c.after)
		if err != nil {
			t.Fatal(err)
		}
		got, err := cron.Next(after, zone)
		if err != nil || got.Format(time.RFC3339) != c.want {
			t.Errorf("%s in %s after %s is %s, want %s (%v)", c.cron, c.zone, c.after, got.Format(time.RFC3339), c.want, err)
		}
	}
}

// TestCronEverywhere compares a year of due times with a look at every minute.
func TestCronEverywhere(t *testing.T) {
	for _, name := range []string{"Europe/Berlin", "Australia/Lord_Howe", "America/St_Johns"} {
		zone, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		cron, err := ParseCron("*/30 * * * 0,6")
		if err != nil {
			t.Fatal(err)
		}
		at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		for at.Year() == 2026 {
			want := at.Add(time.Minute)
			for local := want.In(zone); local.Minute()%30 != 0 || local.Weekday() != time.Sunday && local.Weekday() != time.Saturday; local = want.In(zone) {
				want = want.Add(time.Minute)
			}
			got, err := cron.Next(at, zone)
			if err != nil || !got.Equal(want) {
				t.Fatalf("%s: after %s comes %s, want %s (%v)", name, at.In(zone), got.In(zone), want.In(zone), err)
			}
			at = got
		}
	}
}
