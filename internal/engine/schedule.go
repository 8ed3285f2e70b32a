package engine

import (
	"time"

	"github.com/paceline/paceline/internal/bpmn"
)

// Schedule is when a start timer of a process is due. Its JSON form can be kept.
type Schedule struct {
	Due   time.Time `json:"due"`
	Cycle string    `json:"cycle,omitempty"` // ISO 8601 repetition or cron; empty: due once
	Left  int32     `json:"left,omitempty"`  // how often it is due after Due; -1: for ever
}

// StartSchedule reads the timer of a start event of the process, counted from now (BPMN 10.5.2).
func (def *Definition) StartSchedule(element string, now time.Time) (Schedule, error) {
	n := def.nodes[element]
	if n == nil || n.Kind != bpmn.StartEvent || n.scope != def.root || n.Event == nil || n.Event.Kind != bpmn.TimerEvent {
		return Schedule{}, refuse("the process has no start timer %q", element)
	}
	r := &run{def: def, st: &State{def: def}, env: Env{Now: now}}
	m := arm{node: n}
	if err := r.schedule(r.spawn(def.root, nil), &m); err != nil {
		return Schedule{}, err
	}
	return Schedule{Due: time.UnixMicro(m.due).UTC(), Cycle: m.cycle, Left: m.left}, nil
}

// Next is the schedule after Due; false when there is none.
func (s Schedule) Next() (Schedule, bool) {
	m := arm{due: s.Due.UnixMicro(), cycle: s.Cycle, left: s.Left}
	due, err := m.nextDue()
	if m.left == 0 || err != nil {
		return Schedule{}, false
	}
	if s.Left > 0 {
		s.Left--
	}
	s.Due = due
	return s, true
}
