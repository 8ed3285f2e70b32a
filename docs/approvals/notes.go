package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/paceline/paceline/internal/bpmn"
)

// note is a line under a task.
type note struct {
	text   string
	person bool // what people do, not what the model says
}

// declared is what a model says of a task beyond BPMN, in words.
func declared(n *bpmn.Node) []note {
	if n.User == nil || !n.Kind.IsActivity() {
		return nil
	}
	var lines []string
	add := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	if who := whoOf(n.User); who != "" {
		add("for %s", who)
	}
	if n.Loop != nil && n.Loop.Approval != nil {
		lines = append(lines, approvalLines(n.Loop.Approval)...)
	}
	for _, p := range n.User.Policies {
		do := string(p.Do)
		if p.To != "" {
			do += " to " + p.To
		}
		add("%s: %s", caseWords[p.When], do)
	}
	for _, c := range n.CC {
		at := ""
		if c.AtEnd {
			at = " at the end"
		}
		add("copy to %s%s", plain(c.To), at)
	}
	if sla := n.User.SLA; sla != nil {
		add("due %s", plain(sla.Due))
		for _, l := range sla.Levels {
			do := string(l.Do)
			if l.To != nil {
				do += " to " + plain(l.To)
			}
			add("%s: %s", levelTime(l.At), do)
		}
	}
	notes := make([]note, len(lines))
	for i, line := range lines {
		notes[i] = note{text: line}
	}
	return notes
}

var caseWords = map[bpmn.PolicyCase]string{
	bpmn.PolicyNobody: "nobody found", bpmn.PolicyRequester: "is the requester", bpmn.PolicyRepeat: "did the step before",
}

func whoOf(u *bpmn.User) string {
	var who []string
	for _, e := range []*bpmn.Expression{u.Assignee, u.CandidateUsers, u.CandidateGroups} {
		if e != nil {
			who = append(who, plain(e))
		}
	}
	if u.Assignment != "" {
		who = append(who, u.Assignment)
	}
	return strings.Join(who, ", ")
}

func approvalLines(a *bpmn.Approval) []string {
	mode, rule := "all at once", "all agree"
	if a.InTurn {
		mode = "one after the other"
	}
	switch a.Rule.Kind {
	case bpmn.AnyAgrees:
		rule = "one agrees"
	case bpmn.RatioAgrees:
		rule = strconv.Itoa(a.Rule.N) + " % agree"
	case bpmn.CountAgrees:
		rule = strconv.Itoa(a.Rule.N) + " agree"
	case bpmn.WeightAgrees:
		rule = "weight " + strconv.Itoa(a.Rule.N) + " agrees"
	}
	lines := []string{mode + "; agreed when " + rule}
	switch a.Reject {
	case bpmn.RejectByFirst:
		lines = append(lines, "refused by the first")
	case bpmn.RejectByMajority:
		lines = append(lines, "refused by more than half")
	}
	for _, v := range a.Voters {
		line := v.Is + " weighs " + strconv.Itoa(v.Weight)
		if v.Veto {
			line += ", has a veto"
		}
		lines = append(lines, line)
	}
	return lines
}

func levelTime(at string) string {
	if before, ok := strings.CutPrefix(at, "-"); ok {
		return before + " before"
	}
	if at == "" {
		return "then"
	}
	return strings.TrimPrefix(at, "+") + " after"
}

// plain is an expression as people would write it down.
func plain(e *bpmn.Expression) string {
	if e == nil {
		return ""
	}
	return strings.TrimPrefix(strings.Trim(e.Text, `"`), "=")
}
