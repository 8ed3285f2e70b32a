package intake_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/paceline/paceline/internal/db/dbtest"
	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/intake"
)

// TestEachDueTimeOnce lets four nodes look at the same time, hour after hour, while every third time one of them
// dies right after what it has done and before it could note it. Each due time has its ticket, and one only.
func TestEachDueTimeOnce(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		deaths := 0
		var mu sync.Mutex
		dies := func() bool {
			mu.Lock()
			defer mu.Unlock()
			deaths++
			return deaths%3 == 1
		}
		nodes := []*intake.Intake{w.node(1, dies), w.node(2, dies), w.node(3, dies), w.node(4, dies)}
		_, err := nodes[0].PutSchedule(t.Context(), admin, spec(t, "hourly", "0 * * * *"))
		must(t, err)
		const hours = 20
		start := w.clock()
		look := func() {
			var group sync.WaitGroup
			for _, n := range nodes {
				group.Go(func() {
					if err := n.Look(t.Context()); err != nil && !errs.Is(err, errs.Unavailable) {
						t.Error(err)
					}
				})
			}
			group.Wait()
		}
		for h := 1; h <= hours; h++ {
			w.set(start.Add(time.Duration(h) * time.Hour))
			look()
			w.set(w.clock().Add(2 * time.Minute)) // what a dead node has begun is taken over
			look()
		}
		got := w.tickets()
		if len(got) != hours {
			t.Fatalf("%d tickets for %d due times:\n%s", len(got), hours, strings.Join(got, "\n"))
		}
		seen := map[string]bool{}
		for _, text := range got {
			seen[text] = true
		}
		if len(seen) != hours || deaths == 0 {
			t.Errorf("%d different due times, %d deaths", len(seen), deaths)
		}
		runs, err := nodes[1].Runs(t.Context(), admin, "hourly", 100)
		must(t, err)
		for _, r := range runs {
			if r.State != "done" || r.Ticket == 0 {
				t.Errorf("%+v", r)
			}
		}
	})
}

// TestMissed holds what happens to due times at which nothing ran.
func TestMissed(t *testing.T) {
	for _, c := range []struct {
		missed string
		most   int
		late   time.Duration // after the last due time
		want   int
	}{
		{"skip", 0, 10 * time.Minute, 0},
		{"skip", 0, 10 * time.Second, 1},
		{"once", 0, 10 * time.Minute, 1},
		{"", 0, 10 * time.Minute, 1},
		{"all", 0, 10 * time.Minute, 10},
		{"all", 100, 10 * time.Minute, 24},
		{"all", 3, 10 * time.Minute, 3},
	} {
		w := newWorld(t, dbtest.Open(t, "sqlite"))
		n := w.node(1, nil)
		_, err := n.PutSchedule(t.Context(), admin, spec(t, "hourly", "0 * * * *", func(s *intake.ScheduleSpec) { s.Missed, s.Most = c.missed, c.most }))
		must(t, err)
		w.set(w.clock().Add(24*time.Hour + c.late))
		must(t, n.Look(t.Context()))
		must(t, n.Look(t.Context()))
		if got := w.tickets(); len(got) != c.want {
			t.Errorf("%+v: %d tickets", c, len(got))
		}
		s, err := n.Schedule(t.Context(), admin, "hourly")
		must(t, err)
		if want := w.clock().Truncate(time.Hour).Add(time.Hour); !s.Next.Equal(want) {
			t.Errorf("%+v: next %s, want %s", c, s.Next, want)
		}
	}
}

// TestPreview holds cycles, zones and days without work.
func TestPreview(t *testing.T) {
	w := newWorld(t, dbtest.Open(t, "sqlite"))
	n := w.node(1, nil)
	for _, c := range []struct {
		name string
		spec intake.ScheduleSpec
		want string
	}{
		{"in a zone", intake.ScheduleSpec{Cycle: "0 9 * * MON-FRI", Zone: "Asia/Taipei"}, "02T01:00 03T01:00 04T01:00 05T01:00"},
		{"days off are skipped", intake.ScheduleSpec{Cycle: "0 9 * * *", Calendar: "tw"}, "02T01:00 03T01:00 05T01:00 06T01:00"},
		{"days off move it", intake.ScheduleSpec{Cycle: "0 9 * * 3,6", Calendar: "tw", Off: "next"}, "05T01:00 09T01:00 11T01:00 16T01:00"},
		{"what days off move together is due once", intake.ScheduleSpec{Cycle: "0 9 * * *", Calendar: "tw", Off: "next"}, "02T01:00 03T01:00 05T01:00 06T01:00"},
		{"a repetition", intake.ScheduleSpec{Cycle: "R3/2026-03-02T12:00:00Z/P1D"}, "02T12:00 03T12:00 04T12:00"},
		{"a repetition in work time", intake.ScheduleSpec{Cycle: "R/PT6H", Calendar: "tw"}, "02T07:00 03T04:00 03T10:00 05T07:00"},
	} {
		c.spec.Name, c.spec.Target = "p", spec(t, "p", "").Target
		due, err := n.Preview(t.Context(), admin, c.spec, 4)
		must(t, err)
		var got []string
		for _, at := range due {
			got = append(got, at.Format("02T15:04"))
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: %v, want %s", c.name, got, c.want)
		}
	}
	for _, bad := range []intake.ScheduleSpec{{Cycle: "0 9 * *"}, {Cycle: "0 0 31 2 *"}, {Cycle: "@daily", Zone: "Moon"}, {Cycle: "@daily", Off: "maybe"}, {Cycle: "@daily", Missed: "x"}} {
		bad.Name, bad.Target = "p", spec(t, "p", "").Target
		if _, err := n.Preview(t.Context(), admin, bad, 1); !errs.Is(err, errs.Invalid) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
	if _, err := intake.ParseSchedule([]byte("name: p\ncycle: '@daily'\nopen: {requester: ann, data: {x: '= 1 +'}}")); !errs.Is(err, errs.Invalid) {
		t.Errorf("a broken expression: %v", err)
	}
}

// TestPauseRunNow holds that what would have been due during a pause was not missed, and that run-now is one more.
func TestPauseRunNow(t *testing.T) {
	w := newWorld(t, dbtest.Open(t, "sqlite"))
	n := w.node(1, nil)
	_, err := n.PutSchedule(t.Context(), admin, spec(t, "hourly", "0 * * * *", func(s *intake.ScheduleSpec) { s.Missed = "all" }))
	must(t, err)
	s, err := n.Pause(t.Context(), admin, "hourly", true)
	must(t, err)
	if !s.Paused || !s.Next.IsZero() {
		t.Errorf("paused: %+v", s)
	}
	w.set(w.clock().Add(5 * time.Hour))
	must(t, n.Look(t.Context()))
	_, err = n.Pause(t.Context(), admin, "hourly", false)
	must(t, err)
	must(t, n.Look(t.Context()))
	if got := w.tickets(); len(got) != 0 {
		t.Errorf("a pause was missed: %v", got)
	}
	_, err = n.RunNow(t.Context(), admin, "hourly")
	must(t, err)
	must(t, n.Look(t.Context()))
	w.set(w.clock().Add(time.Hour))
	must(t, n.Look(t.Context()))
	if got := w.tickets(); len(got) != 2 {
		t.Errorf("one by hand and one by time: %v", got)
	}
}

// TestFailing holds that what cannot succeed is noted at once, and what may is tried again.
func TestFailing(t *testing.T) {
	w := newWorld(t, dbtest.Open(t, "sqlite"))
	n := w.node(1, nil)
	for _, kind := range []string{"broken", "away"} {
		_, err := n.PutSchedule(t.Context(), admin, spec(t, kind, "0 * * * *", func(s *intake.ScheduleSpec) { s.Ticket.Kind = kind }))
		must(t, err)
	}
	w.set(w.clock().Add(time.Hour))
	states := func(name string) string {
		runs, err := n.Runs(context.Background(), admin, name, 10)
		must(t, err)
		return runs[0].State
	}
	must(t, n.Look(t.Context()))
	if states("broken") != "failed" || states("away") != "pending" {
		t.Errorf("broken %s, away %s", states("broken"), states("away"))
	}
	w.set(w.clock().AddDate(0, 0, 91))
	must(t, n.Sweep(t.Context()))
	if runs, err := n.Runs(t.Context(), admin, "broken", 10); err != nil || len(runs) > 0 {
		t.Errorf("kept: %+v, %v", runs, err)
	}
}

// TestTriedTenTimes holds that what stays away fails at last.
func TestTriedTenTimes(t *testing.T) {
	w := newWorld(t, dbtest.Open(t, "sqlite"))
	n := w.node(1, nil)
	_, err := n.PutSchedule(t.Context(), admin, spec(t, "away", "0 * * * *", func(s *intake.ScheduleSpec) { s.Ticket.Kind = "away" }))
	must(t, err)
	w.set(w.clock().Add(time.Hour))
	for range 12 {
		must(t, n.Look(t.Context()))
		w.set(w.clock().Add(2 * time.Minute))
	}
	runs, err := n.Runs(t.Context(), admin, "away", 10)
	must(t, err)
	if runs[0].State != "failed" {
		t.Errorf("away for long: %+v", runs)
	}
}
