package bpmn

// trigger is what an event waits for, as far as it can be told without running.
type trigger struct {
	kind      EventKind
	name, key string
}

// takenByOne are the kinds of events of which each occurrence goes to one receiver.
var takenByOne = map[EventKind]bool{MessageEvent: true, ErrorEvent: true, EscalationEvent: true, CancelEvent: true, CompensationEvent: true}

// triggers checks that no two events wait at the same place for the same thing, of which the second
// would never have any (BPMN 10.5.1): at the start of a process, at the starts of the event
// sub-processes of a scope, and at the border of an activity.
func (p *parser) triggers(s *Scope) {
	var inside []*Node
	for _, n := range s.Nodes {
		p.distinct(n.Boundary)
		if n.Kind == EventSubProcess {
			inside = append(inside, ofKind(n.Inner, StartEvent)...)
		}
	}
	p.distinct(inside)
	p.distinct(ofKind(s, StartEvent))
}

func (p *parser) distinct(events []*Node) {
	first := map[trigger]*Node{}
	for _, n := range events {
		if n.Event == nil || !takenByOne[n.Event.Kind] || n.Event.NameExpr != nil {
			continue
		}
		t := trigger{kind: n.Event.Kind, name: n.Event.Name}
		if key := n.Event.CorrelationKey; key != nil {
			t.key = key.Source
		}
		if other := first[t]; other != nil {
			p.fail(p.source[n], "10.5.1", "keep one of them", "the event %q waits at the same place for the same %s", other.ID, t.kind)
			continue
		}
		first[t] = n
	}
}
