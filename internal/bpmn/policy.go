package bpmn

import "slices"

// Policy says what happens to a user task in a case that offices have rules for. In the model:
//
//	<paceline:policy when="nobody | requester | repeat" do="wait | pass | reject | superior | assign" to="role:hr" outcome="approve"/>
type Policy struct {
	When    PolicyCase
	Do      PolicyAction
	To      string // PolicyAssign: terms as in candidates
	Outcome string // PolicyPass and PolicyReject: how the task is completed
}

// PolicyCase is when a Policy applies.
type PolicyCase string

// The cases. The last two are about a task that one person alone would have.
const (
	PolicyNobody    PolicyCase = "nobody"    // nobody could be found for it
	PolicyRequester PolicyCase = "requester" // who would have it opened the ticket
	PolicyRepeat    PolicyCase = "repeat"    // who would have it completed the step before
)

// PolicyAction is what a Policy does.
type PolicyAction string

// The actions. In an approval group, pass and reject leave out a member whom they are about, and decide for
// the group when it has no members.
const (
	PolicyWait     PolicyAction = "wait"     // nothing, which is also what happens without a policy
	PolicyPass     PolicyAction = "pass"     // completes the task
	PolicyReject   PolicyAction = "reject"   // completes it the other way
	PolicySuperior PolicyAction = "superior" // gives it to the superior of who would have it, or of the requester
	PolicyAssign   PolicyAction = "assign"   // gives it to somebody named
)

// CC tells people of a step without asking anything of them. In the model, on any activity:
//
//	<paceline:cc to="role:hr, ${assistant}" at="start | end"/>
type CC struct {
	To    *Expression // terms as in candidates
	AtEnd bool
}

// Policy finds the policy of a task for a case; the zero one when it has none.
func (u *User) Policy(when PolicyCase) Policy {
	if i := slices.IndexFunc(u.Policies, func(p Policy) bool { return p.When == when }); i >= 0 {
		return u.Policies[i]
	}
	return Policy{}
}

func (p *parser) policies(u *User, e *element) {
	for _, x := range e.extensions("policy", nsPaceline) {
		policy := Policy{When: PolicyCase(x.attr("when")), Do: PolicyAction(x.attr("do")), To: x.attr("to"), Outcome: x.attr("outcome")}
		switch policy.When {
		case PolicyNobody, PolicyRequester, PolicyRepeat:
		default:
			p.fail(x, "", "write nobody, requester or repeat", "the case %q is not known", policy.When)
		}
		switch policy.Do {
		case PolicyWait, PolicySuperior:
		case PolicyPass:
			policy.Outcome = p.policyOutcome(u, x, policy.Outcome, u.Outcomes)
		case PolicyReject:
			words := slices.DeleteFunc(slices.Clone(u.Outcomes), func(o string) bool { return !slices.Contains([]string{"reject", "disagree", "no"}, o) })
			policy.Outcome = p.policyOutcome(u, x, policy.Outcome, words)
			if policy.Outcome == "" {
				p.fail(x, "", "write the outcome", "it is not clear how to reject this task")
			}
		case PolicyAssign:
			if policy.To == "" {
				p.fail(x, "", `write to whom, such as to="role:hr"`, "the policy does not say who gets the task")
			}
		default:
			p.fail(x, "", "write wait, pass, reject, superior or assign", "the action %q is not known", policy.Do)
		}
		if u.Policy(policy.When).Do != "" {
			p.fail(x, "", "keep one of them", "there are two policies for the case %q", policy.When)
		}
		u.Policies = append(u.Policies, policy)
	}
}

func (p *parser) policyOutcome(u *User, x *element, given string, words []string) string {
	switch {
	case given != "" && !slices.Contains(u.Outcomes, given):
		p.fail(x, "", "name one of the task's outcomes", "the task has no outcome %q", given)
	case given == "" && len(words) > 0:
		return words[0]
	}
	return given
}

func (p *parser) copies(n *Node, e *element) {
	for _, x := range e.extensions("cc", nsPaceline) {
		cc := CC{To: p.names(x, x.attr("to"))}
		switch at := x.attr("at"); at {
		case "", "start":
		case "end":
			cc.AtEnd = true
		default:
			p.fail(x, "", "write start or end", "the moment %q is not known", at)
		}
		if cc.To == nil {
			p.fail(x, "", `write to whom, such as to="role:hr"`, "the cc goes to nobody")
			continue
		}
		n.CC = append(n.CC, cc)
	}
}
