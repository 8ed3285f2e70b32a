package bpmn

import (
	"slices"
	"strconv"
	"strings"
)

// Approval makes a user task one of a group: each member has a task and a vote, and a rule says when the
// group has decided. The members are the task's assignee, candidates and assignment. It is no part of
// BPMN; it stands in the model as
//
//	<paceline:approval mode="parallel | inTurn" rule="all | any | 60% | 2 | weight 5" reject="rule | first | majority"
//	                   returned="restart | keep" expand="true" early="false" agree="yes" disagree="no" abstain="abstain" result="approval">
//	  <paceline:voter is="role:cfo" weight="3" veto="true"/>
//	</paceline:approval>
type Approval struct {
	InTurn bool // one after the other, in the order of the members
	Expand bool // a group, unit, post or role means each of its people, not one of them
	Late   bool // decided only when everybody has voted
	Keep   bool // who agreed is not asked again when the group is entered again
	Rule   ApprovalRule
	Reject RejectRule

	// Which outcome of the task is which vote. The first of Agree and of Disagree is also the
	// outcome of the whole.
	Agree, Disagree, Abstain []string

	Result string // the variable that takes the votes and their sum
	Voters []Voter
}

// ApprovalRule says how many have to agree.
type ApprovalRule struct {
	Kind RuleKind
	N    int // percent, members or weight
}

// RuleKind is a kind of ApprovalRule.
type RuleKind uint8

const (
	AllAgree     RuleKind = iota // all who do not abstain
	AnyAgrees                    // one
	RatioAgrees                  // N percent of the weight that does not abstain
	CountAgrees                  // N members
	WeightAgrees                 // members that weigh N together
)

// RejectRule says when the group has refused, beside when it cannot agree any more and when one with a
// veto disagrees.
type RejectRule uint8

const (
	RejectByRule     RejectRule = iota // only then
	RejectByFirst                      // as soon as one disagrees
	RejectByMajority                   // as soon as more than half of the weight that does not abstain disagrees
)

// Voter gives those members who are, or are in, what a term names a weight or a veto.
type Voter struct {
	Is     string // a term as in candidates: a login, role:NAME, group:NAME ...
	Weight int    // 1 unless the model says more
	Veto   bool   // to disagree is to refuse for the whole group
}

// maxWeight bounds a voter's weight and the numbers in rules.
const maxWeight = 10_000

// approval reads the approval of a user task; nil when it has none.
func (p *parser) approval(n *Node, e *element) *Approval {
	x := e.extension("approval", nsPaceline)
	if x == nil {
		return nil
	}
	if n.Loop != nil {
		p.fail(x, "", "keep one of the two", "the task has both an approval and loop characteristics")
		return nil
	}
	a := &Approval{
		Expand:   isTrue(x.attr("expand")),
		Late:     isFalse(x.attr("early")),
		Agree:    splitNames(firstOf(x.attr("agree"), "approve, agree, yes")),
		Disagree: splitNames(firstOf(x.attr("disagree"), "reject, disagree, no")),
		Abstain:  splitNames(firstOf(x.attr("abstain"), "abstain")),
		Result:   firstOf(x.attr("result"), "approval"),
	}
	switch mode := x.attr("mode"); mode {
	case "", "parallel":
	case "inTurn":
		a.InTurn = true
	default:
		p.fail(x, "", "write parallel or inTurn", "the mode %q is not known", mode)
	}
	switch returned := x.attr("returned"); returned {
	case "", "restart":
	case "keep":
		a.Keep = true
	default:
		p.fail(x, "", "write restart or keep", "what becomes of the votes when work is returned, %q, is not known", returned)
	}
	a.Rule = p.approvalRule(x)
	switch reject := x.attr("reject"); reject {
	case "", "rule":
	case "first":
		a.Reject = RejectByFirst
	case "majority":
		a.Reject = RejectByMajority
	default:
		p.fail(x, "", "write rule, first or majority", "the reject rule %q is not known", reject)
	}
	a.Voters = p.voters(x)
	p.voteOutcomes(a, n.User, x)
	return a
}

func (p *parser) approvalRule(x *element) ApprovalRule {
	text := strings.TrimSpace(firstOf(x.attr("rule"), "all"))
	kind, digits, most := CountAgrees, text, maxWeight
	switch {
	case text == "all":
		return ApprovalRule{Kind: AllAgree}
	case text == "any":
		return ApprovalRule{Kind: AnyAgrees}
	case strings.HasSuffix(text, "%"):
		kind, digits, most = RatioAgrees, strings.TrimSuffix(text, "%"), 100
	case strings.HasPrefix(text, "weight"):
		kind, digits = WeightAgrees, strings.TrimPrefix(text, "weight")
	}
	n, err := strconv.Atoi(strings.TrimSpace(digits))
	if err != nil || n < 1 || n > most {
		p.fail(x, "", "write all, any, a percentage such as 60%, a number of members, or weight and a number", "the rule %q is not understood", text)
	}
	return ApprovalRule{Kind: kind, N: n}
}

func (p *parser) voters(x *element) []Voter {
	var all []Voter
	for _, v := range x.kids {
		if v.space != nsPaceline || v.name != "voter" {
			continue
		}
		voter := Voter{Is: v.attr("is"), Weight: 1, Veto: isTrue(v.attr("veto"))}
		if voter.Is == "" {
			p.fail(v, "", `write who it is about, such as is="role:cfo"`, "the voter has no is")
		}
		if text := v.attr("weight"); text != "" {
			n, err := strconv.Atoi(text)
			if err != nil || n < 0 || n > maxWeight {
				p.fail(v, "", "write a whole number from 0", "the weight %q is not understood", text)
			}
			voter.Weight = n
		}
		all = append(all, voter)
	}
	return all
}

// voteOutcomes keeps of the words for a vote those that the task offers, and holds that each outcome is a vote.
func (p *parser) voteOutcomes(a *Approval, u *User, x *element) {
	for _, outcome := range u.Outcomes {
		if !slices.Contains(slices.Concat(a.Agree, a.Disagree, a.Abstain), outcome) {
			p.fail(x, "", "name it in agree, disagree or abstain", "the outcome %q is no vote", outcome)
		}
	}
	if len(u.Outcomes) == 0 {
		return
	}
	missing := func(outcome string) bool { return !slices.Contains(u.Outcomes, outcome) }
	a.Agree = slices.DeleteFunc(a.Agree, missing)
	a.Disagree = slices.DeleteFunc(a.Disagree, missing)
	a.Abstain = slices.DeleteFunc(a.Abstain, missing)
	if len(a.Agree) == 0 || len(a.Disagree) == 0 {
		p.fail(x, "", "offer an outcome for each", "the outcomes leave no way to agree or no way to disagree")
	}
}
