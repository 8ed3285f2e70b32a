package engine

import (
	"time"

	"github.com/paceline/paceline/internal/bpmn"
	"github.com/paceline/paceline/internal/feel"
)

// Trigger is an event that starts a new instance of the process when it comes: pass its
// Element to Start. Whoever runs definitions waits for it.
type Trigger struct {
	Element string
	Kind    bpmn.EventKind // TimerEvent, MessageEvent, SignalEvent or ConditionalEvent
	Name    string         // of the message or signal
	event   *bpmn.EventDefinition
}

// Triggers lists the events that start the process, in order of the file.
func (def *Definition) Triggers() []Trigger {
	var all []Trigger
	for _, n := range def.root.inner {
		if n.Event == nil || n.Kind != bpmn.StartEvent && !n.instantiates() {
			continue
		}
		t := Trigger{Element: n.ID, Kind: n.Event.Kind, Name: n.Event.Name, event: n.Event}
		if x := n.Event.NameExpr; x != nil {
			name, err := x.FEEL.Eval(feel.Vars{})
			if err != nil {
				continue // a name that needs an instance cannot start one
			}
			t.Name = text(name)
		}
		all = append(all, t)
	}
	return all
}

// StartsByItself reports whether the process can be started without a trigger: by a none start event,
// or because it begins with something that has no incoming flow.
func (def *Definition) StartsByItself() bool { return len(def.root.starts) > 0 }

// Holds evaluates the condition of a conditional start event.
func (t Trigger) Holds(vars feel.Vars, now time.Time) bool {
	if t.event.Condition == nil {
		return false
	}
	value, err := t.event.Condition.FEEL.Eval(instantVars{vars, now})
	return err == nil && value == true
}

type instantVars struct {
	feel.Vars
	now time.Time
}

func (v instantVars) Now() time.Time { return v.now }
