package engine

import (
	"slices"

	"github.com/paceline/paceline/internal/bpmn"
)

// ballot is an approval under way: who is asked, in which order, and how they voted. It hangs on the body
// of the loop whose instances are the members' tasks. It is replaced, never changed.
type ballot struct {
	formed  bool     // the members are known
	members []member // by number of the instance, from 1
	votes   []vote   // in the order in which they came
	forced  verdict  // decided without members, by a policy
	reason  string   // of forced
}

// member is one who has a vote.
type member struct {
	name   string
	weight int32
	veto   bool
	by     string  // who added the member while the vote was under way
	after  []int32 // numbers of those who vote before
}

// vote is what one member said.
type vote struct {
	member  int32 // number
	what    choice
	by      string // who pressed the button
	outcome string
	why     string
	at      int64 // microseconds since 1970
}

type choice uint8

const (
	agreed choice = iota + 1
	disagreed
	abstained
)

var choiceNames = [...]string{"", "agreed", "rejected", "abstained"}

// verdict is what a group has decided.
type verdict uint8

const (
	undecided verdict = iota
	approved
	rejected
)

var verdictNames = [...]string{"", "agreed", "rejected"}

// tally counts votes, by heads and by weight, of all who are still members.
type tally struct {
	members, open, voted int
	heads                [4]int // by choice
	weight, openWeight   int
	weights              [4]int // by choice
	vetoed               bool
}

func (b *ballot) tally(removed []int32) tally {
	t := tally{members: len(b.members) - len(removed)}
	for _, m := range b.members {
		t.weight += int(m.weight)
	}
	for _, n := range removed {
		t.weight -= int(b.members[n-1].weight)
	}
	for _, v := range b.votes {
		m := b.members[v.member-1]
		t.voted++
		t.heads[v.what]++
		t.weights[v.what] += int(m.weight)
		t.vetoed = t.vetoed || m.veto && v.what == disagreed
	}
	t.open = t.members - t.voted
	t.openWeight = t.weight - t.weights[agreed] - t.weights[disagreed] - t.weights[abstained]
	return t
}

// canAgree reports whether the members could agree at all, if nobody had voted yet.
func (t tally) canAgree(a *bpmn.Approval) bool {
	return met(a.Rule, t.members, t.weight, t.members, t.weight)
}

// decide applies the rules to the votes so far. Those who abstain count neither for nor against. It is
// decided as soon as the votes still to come cannot change it, unless the model wants them all.
func decide(a *bpmn.Approval, t tally) verdict {
	waits := t.open > 0
	base := t.weight - t.weights[abstained]
	switch {
	case t.vetoed, a.Reject == bpmn.RejectByFirst && t.heads[disagreed] > 0:
		return rejected
	case waits && a.Late:
		return undecided
	case a.Reject == bpmn.RejectByMajority && 2*t.weights[disagreed] > base:
		return rejected
	case met(a.Rule, t.heads[agreed], t.weights[agreed], t.members-t.heads[abstained], base):
		return approved
	case !waits:
		return rejected
	case !met(a.Rule, t.heads[agreed]+t.open, t.weights[agreed]+t.openWeight, t.members-t.heads[abstained], base):
		return rejected
	}
	return undecided
}

// met reports whether so many agreeing heads, of so much weight, are enough of all that do not abstain.
func met(rule bpmn.ApprovalRule, heads, weight, of, ofWeight int) bool {
	if heads == 0 {
		return false
	}
	switch rule.Kind {
	case bpmn.AllAgree:
		return heads == of
	case bpmn.AnyAgrees:
		return true
	case bpmn.RatioAgrees:
		return 100*weight >= rule.N*ofWeight
	case bpmn.CountAgrees:
		return heads >= rule.N
	}
	return weight >= rule.N
}

// keptVotes are the votes that stand when a group is asked again.
type keptVotes struct {
	element string
	votes   []keptVote
}

type keptVote struct {
	name string // of the member
	vote
}

// keepVotes remembers who agreed in a group that ends, when the model wants these not to be asked again.
func (r *run) keepVotes(body *activation) {
	k := keptVotes{element: body.element}
	b := body.body.ballot
	for _, v := range b.votes {
		if v.what == agreed {
			k.votes = append(k.votes, keptVote{b.members[v.member-1].name, v})
		}
	}
	kept := slices.DeleteFunc(slices.Clone(r.st.kept), func(old keptVotes) bool { return old.element == k.element })
	r.st.kept = append(kept, k)
}

// takeKept lets the votes stand that members gave when the group was asked before. When these alone
// decide, the work would pass unseen: then all are asked anew.
func (r *run) takeKept(body *activation, b *ballot) {
	for _, k := range r.st.kept {
		if k.element != body.element {
			continue
		}
		for _, v := range k.votes {
			if n := b.numberOf(v.name); n > 0 && !slices.ContainsFunc(b.votes, func(other vote) bool { return other.by == v.by }) {
				v.member = n
				b.votes = append(b.votes, v.vote)
			}
		}
	}
	if len(b.votes) == len(b.members) || decide(body.node.Loop.Approval, b.tally(nil)) != undecided {
		b.votes = nil
	}
	body.body.started, body.body.completed = int32(len(b.votes)), int32(len(b.votes))
}

// voteOf finds the vote of a member.
func (b *ballot) voteOf(number int32) (vote, bool) {
	i := slices.IndexFunc(b.votes, func(v vote) bool { return v.member == number })
	if i < 0 {
		return vote{}, false
	}
	return b.votes[i], true
}

// numberOf finds a member by name; 0 when there is none.
func (b *ballot) numberOf(name string) int32 {
	return int32(slices.IndexFunc(b.members, func(m member) bool { return m.name == name }) + 1)
}

// next says by number whose turn it is of those who have not voted.
func (b *ballot) next(removed []int32) []bool {
	voted := make([]bool, len(b.members)+1)
	for _, v := range b.votes {
		voted[v.member] = true
	}
	for _, n := range removed {
		voted[n] = true
	}
	turn := make([]bool, len(b.members)+1)
	for i, m := range b.members {
		waits := slices.ContainsFunc(m.after, func(n int32) bool { return !voted[n] })
		turn[i+1] = !voted[i+1] && !waits
	}
	return turn
}

// add puts new members in, in relation to number, and returns the changed ballot. A new one before it
// takes over what it waited for; one beside it is waited for by all who wait for it; one after it comes between.
func (b *ballot) add(names []string, where Where, number int32, by string) *ballot {
	next := *b
	next.members = slices.Clone(b.members)
	anchor := next.members[number-1]
	var added []int32
	for _, name := range names {
		m := member{name: name, weight: 1, by: by, after: anchor.after}
		if where == After {
			m.after = []int32{number}
		}
		next.members = append(next.members, m)
		added = append(added, int32(len(next.members)))
	}
	switch where {
	case Before:
		next.members[number-1].after = added
	default:
		for i, m := range b.members {
			if !slices.Contains(m.after, number) {
				continue
			}
			after := slices.Concat(m.after, added)
			if where == After {
				after = slices.DeleteFunc(after, func(n int32) bool { return n == number })
			}
			next.members[i].after = after
		}
	}
	return &next
}

// takeBack gives the ballot without a member's vote.
func (b *ballot) takeBack(number int32) *ballot {
	next := *b
	next.votes = slices.DeleteFunc(slices.Clone(b.votes), func(v vote) bool { return v.member == number })
	return &next
}

// has reports whether an instance may have the number: a member's must be in the ballot.
func (b *loopBody) has(number int32) bool {
	return b.ballot == nil || int(number) <= len(b.ballot.members)
}

// fits checks that the body is that of an approval or of none, and that those removed are members, each once.
func (b *loopBody) fits(approval *bpmn.Approval) bool {
	if (b.ballot != nil) != (approval != nil) {
		return false
	}
	seen := map[int32]bool{}
	for _, n := range b.removed {
		if b.ballot != nil && (n < 1 || int(n) > len(b.ballot.members) || seen[n]) {
			return false
		}
		seen[n] = true
	}
	return true
}
