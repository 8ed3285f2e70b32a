package engine

import (
	"slices"
	"strings"
	"time"

	"github.com/paceline/paceline/internal/feel"
)

// A user task with an approval is a group (bpmn.Approval): the body of the loop asks outside who the
// members are, each member gets a task when it is his turn, and the body completes when the votes have decided.
// A member's task is a user task like any other: it is delegated, transferred and returned as such.

// maxMembers bounds an approval group.
const maxMembers = 1000

// Where a new member of a group stands in relation to the one who adds him.
type Where uint8

const (
	Beside Where = iota // both are asked at the same time
	Before              // the new one first; who adds is asked again after him
	After               // the new one when who adds has voted
)

// String is before, beside or after.
func (w Where) String() string { return [...]string{"beside", "before", "after"}[w%3] }

func (r *run) isMember(a *activation) bool { return a.loop > 0 && a.up.body.ballot != nil }

// enterApproval asks who the members are. GroupFormed answers.
func (r *run) enterApproval(a *activation) error {
	var open OpenTask
	if err := r.address(a, &open); err != nil {
		return err
	}
	if a.body == nil {
		if err := r.await(a); err != nil {
			return err
		}
	}
	copies, err := r.copies(a, false)
	if err != nil {
		return err
	}
	r.effects = append(r.effects, copies...)
	if r.keepsClock(a) && !a.node.User.SLA.Each {
		if _, err := r.startClock(a); err != nil {
			return err
		}
	}
	a.body = &loopBody{ballot: &ballot{}}
	a.phase = holding
	r.effects = append(r.effects, FormGroup{
		Group: ID(a.key), Node: a.node.Node, Assignee: open.Assignee,
		CandidateUsers: open.CandidateUsers, CandidateGroups: open.CandidateGroups,
	})
	return nil
}

// Named answers a FormGroup where nobody knows an organisation: each name is one member, and a group
// stands for one of its people.
func (e FormGroup) Named() GroupFormed {
	var names []string
	if e.Assignee != "" {
		names = append(names, e.Assignee)
	}
	names = append(names, e.CandidateUsers...)
	for _, group := range e.CandidateGroups {
		names = append(names, "group:"+group)
	}
	if u := e.Node.User; u != nil && u.Assignment != "" {
		names = append(names, texts(u.Assignment)...)
	}
	formed := GroupFormed{Group: e.Group}
	for _, name := range names {
		m := Member{Name: name, Weight: 1}
		for _, v := range e.Node.Loop.Approval.Voters {
			if v.Is == name || v.Is == "user:"+name {
				m.Weight, m.Veto = v.Weight, m.Veto || v.Veto
			}
		}
		formed.Members = append(formed.Members, m)
	}
	return formed
}

func (ev GroupFormed) apply(r *run) error {
	body := r.awake(uint32(ev.Group))
	if body == nil || body.body == nil || body.body.ballot == nil || body.body.ballot.formed || body.phase != holding {
		return &Refused{Stale: true, Reason: "no group waits for its members"}
	}
	if len(ev.Members) > maxMembers {
		r.stick(body, entering, fail("the group has %d members, more than %d", len(ev.Members), maxMembers))
		return nil
	}
	b := &ballot{formed: true, forced: ev.Verdict.verdict(), reason: ev.Reason}
	for _, m := range ev.Members {
		if b.numberOf(m.Name) > 0 {
			continue
		}
		next := member{name: m.Name, weight: int32(m.Weight), veto: m.Veto}
		if n := len(b.members); n > 0 && body.node.Loop.Approval.InTurn {
			next.after = []int32{int32(n)}
		}
		b.members = append(b.members, next)
	}
	if len(b.members) == 0 && b.forced == undecided {
		r.stick(body, entering, fail("the group has no members"))
		return nil
	}
	if b.forced == undecided && !b.tally(nil).canAgree(body.node.Loop.Approval) {
		r.stick(body, entering, fail("the group has %d members, who cannot meet its rule even when all agree", len(b.members)))
		return nil
	}
	if body.node.Loop.Approval.Keep && b.forced == undecided {
		r.takeKept(body, b)
	}
	body.body.ballot, body.body.total = b, int32(len(b.members))
	r.count(body)
	return nil
}

// count decides, or asks those whose turn it is.
func (r *run) count(body *activation) {
	b := body.body.ballot
	if r.verdictOf(body) != undecided {
		r.cancelInside(body, nil)
		r.complete(body)
		return
	}
	turn := b.next(body.body.removed)
	for _, a := range r.st.all() {
		switch {
		case a.up != body || a.dead:
		case turn[a.loop]:
			turn[a.loop] = false // has a task
		default: // is not to vote yet, because somebody was put before him
			body.body.started--
			r.cancel(a)
		}
	}
	for n, ask := range turn {
		if ask {
			body.body.started++
			r.instance(body, int32(n))
		}
	}
}

func (r *run) verdictOf(body *activation) verdict {
	b := body.body.ballot
	if b.forced != undecided {
		return b.forced
	}
	return decide(body.node.Loop.Approval, b.tally(body.body.removed))
}

// addressMember makes the task that of one member: a person has it, of a group somebody takes it.
func (a *activation) addressMember(open *OpenTask) {
	name := a.up.body.ballot.members[a.loop-1].name
	open.Assignee, open.CandidateUsers, open.CandidateGroups = "", nil, nil
	if IsPerson(name) {
		open.Assignee = name
	} else {
		open.CandidateGroups = []string{name}
	}
}

// IsPerson tells a login from a term such as group:NAME.
func IsPerson(name string) bool { return !strings.Contains(name, ":") }

// cast takes the vote of a member's task that is completed.
func (r *run) cast(a *activation, ev TaskCompleted) error {
	outcome := ev.Outcome
	if outcome == "" {
		outcome, _ = ev.Vars["outcome"].(string)
	}
	approval, body := a.node.Loop.Approval, a.up.body
	v := vote{member: a.loop, by: ev.By, outcome: outcome, why: ev.Note, at: r.env.Now.UnixMicro()}
	switch {
	case outcome == "" || slices.Contains(approval.Agree, outcome):
		v.what = agreed
	case slices.Contains(approval.Disagree, outcome):
		v.what = disagreed
	case slices.Contains(approval.Abstain, outcome):
		v.what = abstained
	default:
		return refuse("the outcome %q is no vote", outcome)
	}
	b := body.ballot
	if ev.By != "" && slices.ContainsFunc(b.votes, func(v vote) bool { return v.by == ev.By }) {
		return refuse("%s has voted here already; one person has one vote", ev.By)
	}
	if v.by == "" {
		v.by = b.members[a.loop-1].name
	}
	next := *b
	next.votes = append(slices.Clip(b.votes), v)
	body.ballot = &next
	return nil
}

// mayVote refuses a vote to who has one already.
func (r *run) mayVote(a *activation, to string) error {
	b := a.up.body.ballot
	own := b.members[a.loop-1].name
	switch {
	case to == "" && IsPerson(own):
		return refuse("the task is the vote of %s; transfer it instead", own)
	case to == "" || to == own:
		return nil
	}
	has := slices.ContainsFunc(b.votes, func(v vote) bool { return v.by == to })
	for i, m := range b.members {
		has = has || m.name == to && !slices.Contains(a.up.body.removed, int32(i+1))
	}
	for _, other := range r.st.all() {
		has = has || other.up == a.up && other != a && other.task != nil && other.task.assignee == to
	}
	if has {
		return refuse("%s has a vote in this group already", to)
	}
	return nil
}

// leaveBallot ends the task of a member who has voted.
func (r *run) leaveBallot(a *activation) {
	body := a.up
	r.end(a, Completed)
	r.remove(a)
	body.body.completed++
	r.count(body)
}

// closeBallot hands out what the group has decided, before outputs and flows see it.
func (r *run) closeBallot(a *activation) {
	approval, v := a.node.Loop.Approval, r.verdictOf(a)
	words := approval.Agree
	if v == rejected {
		words = approval.Disagree
	}
	if len(words) > 0 {
		r.assign(a.up, "outcome", words[0])
	}
	r.assign(a.up, approval.Result, a.body.account(v))
}

// account is the variable that tells how the vote went.
func (b *loopBody) account(v verdict) feel.Value {
	t := b.ballot.tally(b.removed)
	votes := make(feel.List, len(b.ballot.votes))
	for i, v := range b.ballot.votes {
		m := b.ballot.members[v.member-1]
		at, _ := feel.ParseDateTime(time.UnixMicro(v.at).UTC().Format(time.RFC3339Nano))
		votes[i] = feel.NewContext(
			feel.Entry{Name: "member", Value: m.name}, feel.Entry{Name: "by", Value: v.by},
			feel.Entry{Name: "vote", Value: choiceNames[v.what]}, feel.Entry{Name: "outcome", Value: v.outcome},
			feel.Entry{Name: "weight", Value: number(m.weight)}, feel.Entry{Name: "why", Value: v.why},
			feel.Entry{Name: "at", Value: at},
		)
	}
	return feel.NewContext(
		feel.Entry{Name: "decision", Value: verdictNames[v]},
		feel.Entry{Name: "members", Value: feel.Int(int64(t.members))},
		feel.Entry{Name: "agreed", Value: feel.Int(int64(t.heads[agreed]))},
		feel.Entry{Name: "rejected", Value: feel.Int(int64(t.heads[disagreed]))},
		feel.Entry{Name: "abstained", Value: feel.Int(int64(t.heads[abstained]))},
		feel.Entry{Name: "reason", Value: b.ballot.reason},
		feel.Entry{Name: "votes", Value: votes},
	)
}

// changeBallot adds and removes members of a group that is voting.
func (r *run) changeBallot(ev GroupChanged, a *activation) error {
	group := a.up
	number := a.loop
	if ev.Member != "" {
		if number = group.body.ballot.numberOf(ev.Member); number == 0 {
			return refuse("%s is no member of this group", ev.Member)
		}
	}
	if len(ev.Add) > 0 {
		if err := r.addSigners(ev, group, a.loop); err != nil {
			return err
		}
	}
	if ev.Remove {
		if err := r.removeSigner(group, number); err != nil {
			return err
		}
	}
	r.st.acted = true
	r.count(group)
	return nil
}

func (r *run) addSigners(ev GroupChanged, group *activation, number int32) error {
	b := group.body
	if len(ev.Add) > maxMembers-len(b.ballot.members) {
		return refuse("more than %d members", maxMembers)
	}
	var names []string
	for _, value := range ev.Add {
		name := text(value)
		if n := b.ballot.numberOf(name); name == "" || n > 0 && !slices.Contains(b.removed, n) || slices.Contains(names, name) {
			return refuse("%q is a member of this group already", name)
		}
		if slices.ContainsFunc(b.ballot.votes, func(v vote) bool { return v.by == name }) {
			return refuse("%s has voted here already", name)
		}
		names = append(names, name)
	}
	b.ballot = b.ballot.add(names, ev.Where, number, ev.By)
	b.total = int32(len(b.ballot.members))
	return nil
}

func (r *run) removeSigner(group *activation, number int32) error {
	b := group.body
	if _, voted := b.ballot.voteOf(number); voted || slices.Contains(b.removed, number) {
		return refuse("%s has voted already, or is no member any more", b.ballot.members[number-1].name)
	}
	if len(b.removed)+1 == len(b.ballot.members) {
		return refuse("%s is the last member; a group needs one", b.ballot.members[number-1].name)
	}
	removed := append(slices.Clip(b.removed), number)
	if !b.ballot.tally(removed).canAgree(group.node.Loop.Approval) {
		return refuse("without %s the group could not meet its rule even when all agree", b.ballot.members[number-1].name)
	}
	next := *b.ballot
	next.members = slices.Clone(b.ballot.members)
	gone := next.members[number-1]
	for i, m := range next.members { // who waited for the one waits for whom he waited for
		if slices.Contains(m.after, number) {
			after := slices.DeleteFunc(slices.Clone(m.after), func(n int32) bool { return n == number })
			next.members[i].after = append(after, gone.after...)
		}
	}
	b.ballot = &next
	b.removed = removed
	for _, a := range r.st.all() {
		if a.up == group && a.loop == number && !a.dead {
			b.started--
			r.cancel(a)
		}
	}
	b.started++ // those removed count as started, as in every loop
	return nil
}
