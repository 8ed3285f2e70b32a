package engine

import (
	"testing"
	"time"
)

// TestFirstDue holds the forms of timers: ISO 8601 dates, durations and repetitions, and cron.
func TestFirstDue(t *testing.T) {
	now := time.Date(2026, 1, 30, 10, 20, 30, 0, time.UTC) // a Friday
	for _, c := range []struct {
		text string
		due  string
		left int32
	}{
		{"PT10H", "2026-01-30T20:20:30Z", 0},
		{"P1M", "2026-03-02T10:20:30Z", 0},
		{"P1Y2M3DT4H5M6.5S", "2027-04-02T14:25:36.5Z", 0},
		{"P2W", "2026-02-13T10:20:30Z", 0},
		{"2026-02-01", "2026-02-01T00:00:00Z", 0},
		{"2026-02-01T08:00:00+02:00", "2026-02-01T06:00:00Z", 0},
		{"2026-02-01T08:00:00", "2026-02-01T08:00:00Z", 0},
		{"R3/PT10H", "2026-01-30T20:20:30Z", 2},
		{"R/PT10H", "2026-01-30T20:20:30Z", -1},
		{"R/2026-02-01T00:00:00Z/P1D", "2026-02-01T00:00:00Z", -1},
		{"R5/2026-01-29T00:00:00Z/P1D", "2026-01-31T00:00:00Z", 2},
		{"R2/2026-02-01T00:00:00Z/2026-02-01T06:00:00Z", "2026-02-01T00:00:00Z", 1},
		{"0 9 * * 1-5", "2026-02-02T09:00:00Z", -1},
		{"*/15 * * * *", "2026-01-30T10:30:00Z", -1},
		{"0 0 12 1 * ?", "2026-02-01T12:00:00Z", -1},
		{"0 0 12 ? * MON", "2026-02-02T12:00:00Z", -1},
		{"0 0 12 L * ?", "2026-01-31T12:00:00Z", -1},
		{"0 0 12 LW * ?", "2026-01-30T12:00:00Z", -1},
		{"0 0 12 ? * 6#1", "2026-02-06T12:00:00Z", -1},
		{"0 0 12 ? * 6L", "2026-01-30T12:00:00Z", -1},
		{"0 0 12 1W * ?", "2026-02-02T12:00:00Z", -1},
		{"0 0 0 29 2 ?", "2028-02-29T00:00:00Z", -1},
		{"0 0 0 1 1 ? 2030", "2030-01-01T00:00:00Z", -1},
		{"@daily", "2026-01-31T00:00:00Z", -1},
		{"*/10 * * * * *", "2026-01-30T10:20:40Z", -1},
	} {
		due, _, left, err := firstDue(c.text, now)
		if err != nil || due.Format(time.RFC3339Nano) != c.due || left != c.left {
			t.Errorf("%s: due %s, %d left, %v; want %s, %d", c.text, due.Format(time.RFC3339Nano), left, err, c.due, c.left)
		}
	}
	for _, bad := range []string{"", "soon", "P", "PT", "P1", "R3/", "R3/x", "R/PT0S", "99 * * * *", "0 0 31 2 *", "a b c d e"} {
		if due, _, _, err := firstDue(bad, now); err == nil {
			t.Errorf("%q is due %s", bad, due)
		}
	}
}
