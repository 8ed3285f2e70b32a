package cluster

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/db/dbtest"
	"github.com/paceline/paceline/internal/service/servicetest"
)

func TestReadinessKeepsWhatChecksFound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var disk atomic.Value
		var runs atomic.Int32
		var told []string
		r := NewReadiness(time.Second, func(e Event, cause string) { told = append(told, strings.TrimSpace(string(e)+" "+cause)) },
			Check{"disk", func(context.Context) error { runs.Add(1); err, _ := disk.Load().(error); return err }},
			Check{"bus", func(ctx context.Context) error {
				if disk.Load() != nil {
					<-ctx.Done() // hangs
					return ctx.Err()
				}
				return nil
			}})
		if r.Cause("disk") == nil {
			t.Error("good before it was looked at")
		}
		must(t, r.Start(t.Context()))
		synctest.Wait()
		before := runs.Load()
		for range 100 {
			must(t, r.Cause("disk"))
		}
		if runs.Load() != before {
			t.Error("asking runs the check")
		}
		full := errors.New("full")
		disk.Store(full)
		time.Sleep(4 * time.Second)
		if !errors.Is(r.Cause("disk"), full) || r.Cause("bus") == nil || r.Cause("nothing") == nil {
			t.Errorf("disk: %v; bus: %v", r.Cause("disk"), r.Cause("bus"))
		}
		must(t, r.Stop(t.Context()))
		if r.Cause("disk") == nil {
			t.Error("good after the stop")
		}
		if told[0] != "passed" || told[len(told)-1] != "failed disk: full; bus: context deadline exceeded" {
			t.Errorf("told %q", told)
		}
	})
}

func TestReadinessStress(t *testing.T) {
	servicetest.Stress(t, NewReadiness(time.Second, func(Event, string) {}, Check{"disk", func(context.Context) error { return nil }}))
}

func TestChecksNameTheCause(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		ahead := func(by time.Duration) func() time.Time { return func() time.Time { return time.Now().Add(by) } }
		for name, tt := range map[string]struct {
			check Check
			cause string // empty: it is good
		}{
			"database":          {DatabaseCheck(d), ""},
			"schema":            {SchemaCheck(d, Migrations()), fmt.Sprintf("the schema lacks %d migrations", len(Migrations()))},
			"clock":             {ClockCheck(d, time.Now, 2*time.Second), ""},
			"clock that is off": {ClockCheck(d, ahead(-time.Hour), 2*time.Second), "off the database's"},
			"disk":              {DiskCheck(t.TempDir(), 1), ""},
			"full disk":         {DiskCheck(t.TempDir(), math.MaxUint64), "MB are free"},
			"no disk":           {DiskCheck("/no/such/place", 1), "no such file"},
		} {
			err := tt.check.Run(t.Context())
			if (err == nil) != (tt.cause == "") || err != nil && !strings.Contains(err.Error(), tt.cause) {
				t.Errorf("%s: %v", name, err)
			}
		}
		must(t, d.Migrate(t.Context(), Migrations()))
		must(t, SchemaCheck(d, Migrations()).Run(t.Context()))
		must(t, d.Close())
		if err := DatabaseCheck(d).Run(t.Context()); err == nil {
			t.Error("a closed database gives a sign of life")
		}
	})
}

// What a node tells of itself is what others read, also when it says no more.
func TestOthersSeeTheState(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB) {
		m := join(t, d, Config{Name: "a", Roles: []string{"center", "application"}, Version: "1.2"})
		read := func() Node {
			nodes, err := List(t.Context(), d)
			must(t, err)
			return newest(nodes)[0]
		}
		if n := read(); n.State != Joining || n.Version != "1.2" || strings.Join(n.Roles, "+") != "center+application" {
			t.Errorf("%+v", n)
		}
		begin := read().Since
		for _, step := range []struct {
			event Event
			cause string
			want  State
		}{{Failed, "disk: full", Waiting}, {Failed, "clock: off", Waiting}, {Passed, "", Ready}, {Drained, "", Draining}, {Passed, "", Draining}, {Returned, "", Joining}, {Passed, "", Ready}} {
			m.Tell(step.event, step.cause)
			eventually(t, string(step.want)+" is seen", func() bool { n := read(); return n.State == step.want && n.Cause == step.cause })
		}
		if n := read(); !n.Since.After(begin) {
			t.Errorf("ready since %v, and joining since %v", n.Since, begin)
		}
		must(t, m.Stop(t.Context()))
		if n := read(); n.State != Stopped || n.Alive {
			t.Errorf("%+v", n)
		}
	})
}

func TestSilentNodeIsLost(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB) {
		m := join(t, d, Config{Name: "a", TTL: 50 * time.Millisecond, Renew: time.Hour})
		m.Tell(Passed, "")
		eventually(t, "a is lost", func() bool { return stateOf(t, d, "a") == Lost })
		waitLost(t, m)
	})
}

func TestLookShowsLeaderAndNodes(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB) {
		join(t, d, Config{Name: "b"})
		must(t, join(t, d, Config{Name: "a"}).Stop(t.Context()))
		join(t, d, Config{Name: "a"})
		l, err := NewLease(LeaseConfig{Name: "b", Profile: patient}, d, slog.New(slog.DiscardHandler))
		must(t, err)
		o, err := l.Look(t.Context())
		must(t, err)
		if len(o.Nodes) != 2 || o.Nodes[0].Name != "a" || o.Nodes[0].State != Joining || o.Leader != "" {
			t.Errorf("%+v", o)
		}
		must(t, l.Start(t.Context()))
		epoch := waitLeads(t, l)
		if o, err = l.Look(t.Context()); err != nil || o.Leader != "b" || o.Epoch != epoch {
			t.Errorf("%+v, %v", o, err)
		}
		must(t, l.Stop(t.Context()))
		if o, err = l.Look(t.Context()); err != nil || o.Leader != "" || o.Epoch != epoch {
			t.Errorf("%+v, %v", o, err)
		}
	})
}
