package node

import (
	"strings"
	"testing"
	"time"

	"github.com/paceline/paceline/internal/bus"
	"github.com/paceline/paceline/internal/cluster"
)

// The leader shows every process as it said it is, finds clocks that are wrong, and who fell silent.
func TestTheLeaderSeesEveryProcess(t *testing.T) {
	var l lead
	now := time.Now()
	beat := func(role string, wall time.Time) bus.Beat {
		return bus.Beat{Node: "h/" + role, Host: "h", Role: role, Version: "7", State: "ready", Load: 0.5, Wall: wall, Zone: "CET"}
	}
	if changed, alarm := l.note(beat("agent", now.Add(-5*time.Second)), now); !changed || !strings.Contains(alarm, "5s behind") {
		t.Errorf("changed %v, alarm %q", changed, alarm)
	}
	if changed, alarm := l.note(beat("agent", now.Add(-5*time.Second)), now); changed || alarm != "" {
		t.Errorf("again: changed %v, alarm %q", changed, alarm)
	}
	if _, alarm := l.note(beat("gateway", now.Add(time.Second)), now); alarm != "" {
		t.Error(alarm)
	}
	later := now.Add(4 * time.Second)
	l.note(beat("gateway", later.Add(time.Second)), later)
	all := l.sightings(now.Add(7 * time.Second))
	if len(all) != 2 || all[0].Name != "h/agent" || all[0].State != cluster.Lost || all[0].Skew != -5000 || all[0].Alarm == "" || all[0].Zone != "CET" {
		t.Fatalf("%+v", all)
	}
	if g := all[1]; g.State != cluster.Ready || g.Skew != 1000 || g.Alarm != "" || g.Load != 0.5 || g.Version != "7" {
		t.Errorf("%+v", g)
	}
	if left := l.sightings(now.Add(time.Hour)); len(left) != 0 {
		t.Errorf("%+v", left)
	}
}

func TestLoadIsAShare(t *testing.T) {
	var l load
	now := time.Now()
	if s := l.share(now); s != 0 {
		t.Errorf("at first %v", s)
	}
	for until := time.Now().Add(20 * time.Millisecond); time.Now().Before(until); {
		_ = strings.Repeat("x", 100)
	}
	if s := l.share(time.Now()); s < 0 || s > 1 {
		t.Errorf("%v", s)
	}
}
