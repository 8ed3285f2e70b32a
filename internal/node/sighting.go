package node

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/paceline/paceline/internal/bus"
	"github.com/paceline/paceline/internal/cluster"
)

// heard is a beat, as the leader took it in.
type heard struct {
	bus.Beat
	skew  time.Duration // the node's clock is so far ahead of ours, give or take the way of the beat
	at    time.Time
	alarm string
}

const (
	maxMembers   = 10_000           // bounds what is kept of beats
	silentAfter  = 5 * time.Second  // a process that says nothing for so long counts as lost
	forgetSilent = 10 * time.Minute // and is not shown any more after that
)

// note keeps a beat. It says whether the node is another than before, and what of it is to be looked at when
// that is new.
func (l *lead) note(b bus.Beat, now time.Time) (changed bool, alarm string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.members == nil {
		l.members = make(map[string]heard)
	}
	if len(l.members) >= maxMembers {
		clear(l.members) // somebody makes names up; the living come back within a second
	}
	h := heard{Beat: b, skew: b.Wall.Sub(now), at: now}
	if h.skew.Abs() > mostSkew {
		h.alarm = "its clock is " + h.skew.Abs().Round(100*time.Millisecond).String() + ahead(h.skew) + " the leader's: keep the clocks right with NTP"
	}
	key := b.Host + "/" + b.Role
	was := l.members[key]
	l.members[key] = h
	if h.alarm != "" && was.alarm == "" {
		alarm = h.alarm
	}
	return was.State != b.State || was.Address != b.Address || was.Epoch != b.Epoch, alarm
}

func ahead(skew time.Duration) string {
	if skew > 0 {
		return " ahead of"
	}
	return " behind"
}

// sightings are the latest of each node, by name.
func (l *lead) sightings(now time.Time) []cluster.Sighting {
	l.mu.Lock()
	defer l.mu.Unlock()
	maps.DeleteFunc(l.members, func(_ string, h heard) bool { return now.Sub(h.at) > forgetSilent })
	all := make([]cluster.Sighting, 0, len(l.members))
	for name, h := range l.members {
		s := cluster.Sighting{
			Name: name, Host: h.Host, Role: h.Role, Version: h.Version, State: cluster.State(h.State), Cause: h.Cause, Address: h.Address,
			Load: h.Load, Skew: h.skew.Milliseconds(), Zone: h.Zone, Seen: h.at.UTC(), Alarm: h.alarm,
		}
		if silent := now.Sub(h.at); silent > silentAfter {
			s.State, s.Cause = cluster.Lost, fmt.Sprintf("it has said nothing for %v", silent.Round(time.Second))
		}
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b cluster.Sighting) int { return strings.Compare(a.Name, b.Name) })
	return all
}
