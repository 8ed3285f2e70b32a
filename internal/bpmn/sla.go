package bpmn

import (
	"slices"
	"strings"
)

// SLA is until when a user task, or an approval group, is to be done and what happens when time runs out. Its clock
// stands still while the instance is suspended and while the work was sent back. In the model:
//
//	<paceline:sla due="PT16H" calendar="tw" each="false">
//	  <paceline:level before="PT4H" do="warn"/>
//	  <paceline:level do="escalate" to="superior, role:hr"/>
//	  <paceline:level after="PT8H" do="transfer" to="superior"/>
//	  <paceline:level after="P2D" do="reject" outcome="no"/>
//	</paceline:sla>
type SLA struct {
	Due      *Expression // a duration or a date; nil: the task's own
	Calendar string      // empty: that of the element, else the default; none: all time counts
	Each     bool        // of an approval group: each member's task has a clock of its own
	Levels   []Level     // in the order of the model
}

// Level is one thing that happens at, before or after the due time.
type Level struct {
	At      string // ISO 8601 duration from the due time, negative before it; empty: at it
	Do      LevelAction
	To      *Expression // terms as in candidates; nil: see LevelAction
	Outcome string      // LevelPass and LevelReject: how the task is completed
}

// LevelAction is what happens at a Level.
type LevelAction string

// The actions.
const (
	LevelWarn     LevelAction = "warn"     // tells To, else those who have or may take the task
	LevelEscalate LevelAction = "escalate" // tells To, else their superiors, that it is late
	LevelTransfer LevelAction = "transfer" // gives the task to To, else to the superior of who has it
	LevelPass     LevelAction = "pass"     // completes the task
	LevelReject   LevelAction = "reject"   // completes it the other way
)

const maxLevels = 20

// sla reads the SLA of a user task; nil when it has none. The loop is known by then.
func (p *parser) sla(n *Node, e *element) *SLA {
	x := e.extension("sla", nsPaceline)
	if x == nil {
		return nil
	}
	s := &SLA{Calendar: strings.TrimSpace(x.attr("calendar")), Each: isTrue(x.attr("each")), Due: n.User.Due}
	if due := x.attr("due"); due != "" {
		s.Due = p.template(x, due, Error)
	}
	if s.Due == nil {
		p.fail(x, "", `write due="PT16H", or a due date on the task`, "the sla has no due time")
	}
	for _, l := range x.kids {
		if l.space != nsPaceline || l.name != "level" {
			continue
		}
		if len(s.Levels) == maxLevels {
			p.fail(l, "", "leave some out", "an sla has at most %d levels", maxLevels)
			break
		}
		s.Levels = append(s.Levels, p.level(n, l))
	}
	return s
}

func (p *parser) level(n *Node, x *element) Level {
	l := Level{Do: LevelAction(x.attr("do")), Outcome: x.attr("outcome"), To: p.names(x, x.attr("to"))}
	before, after := x.attr("before"), x.attr("after")
	for _, text := range []string{before, after} {
		if text != "" && (checkDuration(text) != nil || strings.HasPrefix(text, "-")) {
			p.fail(x, "", "write a duration such as PT4H", "%q is no time before or after the due time", text)
		}
	}
	switch {
	case before != "" && after != "":
		p.fail(x, "", "keep one of them", "the level has both before and after")
	case before != "":
		l.At = "-" + before
	default:
		l.At = after
	}
	switch l.Do {
	case LevelWarn, LevelEscalate, LevelTransfer:
	case LevelPass:
		l.Outcome = p.policyOutcome(n.User, x, l.Outcome, n.User.Outcomes)
	case LevelReject:
		words := slices.DeleteFunc(slices.Clone(n.User.Outcomes), func(o string) bool { return !slices.Contains([]string{"reject", "disagree", "no"}, o) })
		l.Outcome = p.policyOutcome(n.User, x, l.Outcome, words)
		if l.Outcome == "" && n.approval() == nil {
			p.fail(x, "", "write the outcome", "it is not clear how to reject this task")
		}
	default:
		p.fail(x, "", "write warn, escalate, transfer, pass or reject", "the action %q is not known", l.Do)
	}
	return l
}

// approval is the approval of a user task; nil when it has none.
func (n *Node) approval() *Approval {
	if n.Loop == nil {
		return nil
	}
	return n.Loop.Approval
}
