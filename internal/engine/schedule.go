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

// StartSchedule reads the timer of a start event of the process, counted from env.Now (BPMN 10.5.2).
func (def *Definition) StartSchedule(element string, env Env) (Schedule, error) {
	n := def.nodes[element]
	if n == nil || n.Kind != bpmn.StartEvent || n.scope != def.root || n.Event == nil || n.Event.Kind != bpmn.TimerEvent {
		return Schedule{}, refuse("the process has no start timer %q", element)
	}
	r := &run{def: def, st: &State{def: def}, env: env}
	m := arm{node: n}
	if err := r.schedule(r.spawn(def.root, nil), &m); err != nil {
		return Schedule{}, err
	}
	return Schedule{Due: time.UnixMicro(m.due).UTC(), Cycle: m.cycle, Left: m.left}, nil
}

// NextSchedule is the schedule of a start timer after its Due; false when there is none.
func (def *Definition) NextSchedule(element string, s Schedule, env Env) (Schedule, bool) {
	n := def.nodes[element]
	if n == nil {
		return Schedule{}, false
	}
	r := &run{def: def, env: env}
	cal, err := r.calendarOf(n)
	if err != nil {
		return Schedule{}, false
	}
	m := arm{due: s.Due.UnixMicro(), cycle: s.Cycle, left: s.Left}
	due, err := m.nextDue(cal)
	if m.left == 0 || err != nil {
		return Schedule{}, false
	}
	if s.Left > 0 {
		s.Left--
	}
	s.Due = due
	return s, true
}
