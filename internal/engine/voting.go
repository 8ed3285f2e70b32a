package engine

import (
	"slices"
	"time"
)

// Voting is an approval group under way, as people see it.
type Voting struct {
	Element string
	Members []Voter
}

// Voter is a member of a group and what came of his vote.
type Voter struct {
	Name    string // a login, or a term such as group:NAME
	Weight  int
	Veto    bool
	AddedBy string   // empty for those whom the model named
	After   []string // who votes before
	Removed bool
	Task    ID     // 0 when he is not asked yet, or not any more
	Vote    string // agreed, rejected or abstained; empty before
	By      string // who voted for him, where it was handed over
	Outcome string
	Why     string
	At      time.Time
}

// VotingOf finds the group that an open task is a vote in; false when it is in none.
func (s *State) VotingOf(task ID) (Voting, bool) {
	for _, a := range s.acts {
		if a.id != task || a.task == nil {
			continue
		}
		group := s.above(a)
		if a.loop == 0 || group == nil || group.body == nil || group.body.ballot == nil {
			return Voting{}, false
		}
		return Voting{Element: a.element, Members: s.voters(group)}, true
	}
	return Voting{}, false
}

func (s *State) voters(group *activation) []Voter {
	b := group.body.ballot
	all := make([]Voter, len(b.members))
	for i, m := range b.members {
		v := Voter{Name: m.name, Weight: int(m.weight), Veto: m.veto, AddedBy: m.by, Removed: slices.Contains(group.body.removed, int32(i+1))}
		for _, n := range m.after {
			v.After = append(v.After, b.members[n-1].name)
		}
		all[i] = v
	}
	for _, v := range b.votes {
		of := &all[v.member-1]
		of.Vote, of.By, of.Outcome, of.Why, of.At = choiceNames[v.what], v.by, v.outcome, v.why, time.UnixMicro(v.at).UTC()
	}
	for _, a := range s.acts {
		if a.parent == group.key && a.task != nil && int(a.loop) <= len(all) {
			all[a.loop-1].Task = a.id
		}
	}
	return all
}
