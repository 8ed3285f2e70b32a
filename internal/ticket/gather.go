package ticket

import (
	"context"
	"slices"

	"github.com/paceline/paceline/internal/bpmn"
	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/engine"
	"github.com/paceline/paceline/internal/org"
	"github.com/paceline/paceline/internal/process"
)

// Gather finds the members of an approval group: process asks it inside a lane, and the
// answer stands in the history. Who could not be found is named in the reason.
func (s *Service) Gather(ctx context.Context, g process.Gathering) (engine.GroupFormed, error) {
	requester, err := s.requesterOf(ctx, g.Transition)
	if err != nil {
		return engine.GroupFormed{}, err
	}
	dir, approval := s.org.Directory(), g.Group.Node.Loop.Approval
	found := dir.Resolve(org.Want{
		Requester: requester, Assignee: g.Group.Assignee, Assignment: g.Group.Node.User.Assignment,
		CandidateUsers: g.Group.CandidateUsers, CandidateGroups: g.Group.CandidateGroups,
	})
	e := electorate{dir: dir, approval: approval}
	for _, v := range approval.Voters {
		e.voters = append(e.voters, dir.Resolve(org.Want{Requester: requester, CandidateUsers: []string{v.Is}}).Candidates)
	}
	if found.Assignee != 0 {
		e.add(found.Assignee)
	}
	for _, principal := range found.Candidates {
		e.add(principal)
	}
	return engine.GroupFormed{Group: g.Group.Group, Members: e.members, Reason: found.Problem}, nil
}

// electorate collects members, each once.
type electorate struct {
	dir      *org.Directory
	approval *bpmn.Approval
	voters   [][]db.ID // the principals that each of the approval's voters means
	members  []engine.Member
}

// add adds what a principal stands for: a person, all people of a group, or one of them.
func (e *electorate) add(principal db.ID) {
	g := e.dir.Group(principal)
	if g != nil && !e.approval.Expand {
		e.join(string(g.Kind)+":"+g.Name, []db.ID{principal})
		return
	}
	for _, u := range e.dir.Members(principal) {
		e.join(u.Login, e.dir.Principals(u.ID))
	}
}

// join adds a member who is, or is in, the principals.
func (e *electorate) join(name string, principals []db.ID) {
	if slices.ContainsFunc(e.members, func(m engine.Member) bool { return m.Name == name }) {
		return
	}
	m := engine.Member{Name: name, Weight: 1}
	for i, v := range e.approval.Voters {
		if slices.ContainsFunc(principals, func(p db.ID) bool { return slices.Contains(e.voters[i], p) }) {
			m.Weight, m.Veto = v.Weight, m.Veto || v.Veto
		}
	}
	e.members = append(e.members, m)
}
