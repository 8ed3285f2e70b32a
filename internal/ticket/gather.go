package ticket

import (
	"context"
	"slices"
	"strings"

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
	p := s.policiesOf(g.Transition, g.Group.Node, requester)
	e := electorate{dir: dir, approval: approval, policies: p}
	for _, v := range approval.Voters {
		e.voters = append(e.voters, dir.Resolve(org.Want{Requester: requester, CandidateUsers: []string{v.Is}}).Candidates)
	}
	if found.Assignee != 0 {
		e.add(found.Assignee)
	}
	for _, principal := range found.Candidates {
		e.add(principal)
	}
	formed := engine.GroupFormed{Group: g.Group.Group}
	if len(e.members) == 0 {
		formed.Verdict = e.without()
	}
	formed.Members, formed.Reason = e.members, strings.Join(append(p.reasons, found.Problem), "; ")
	formed.Reason = strings.TrimSuffix(formed.Reason, "; ")
	return formed, nil
}

// electorate collects members, each once.
type electorate struct {
	dir      *org.Directory
	approval *bpmn.Approval
	policies *policies
	voters   [][]db.ID // the principals that each of the approval's voters means
	members  []engine.Member
	skipped  engine.Verdict // what a policy did to the last member that it left out
}

// add adds what a principal stands for: a person, all people of a group, or one of them.
func (e *electorate) add(principal db.ID) {
	g := e.dir.Group(principal)
	if g != nil && !e.approval.Expand {
		e.join(string(g.Kind)+":"+g.Name, []db.ID{principal})
		return
	}
	for _, u := range e.dir.Members(principal) {
		e.person(u)
	}
}

// person adds a person, or whom a policy wants instead. A member whom a policy passes is left out.
func (e *electorate) person(u *org.User) {
	e.policies.applied = map[bpmn.PolicyCase]bool{}
	for {
		policy := e.policies.judge(u.ID)
		switch policy.Do {
		case "":
			e.join(u.Login, e.dir.Principals(u.ID))
			return
		case bpmn.PolicyPass, bpmn.PolicyReject:
			e.skipped = verdicts[policy.Do]
			return
		}
		instead, one := sole(e.dir, e.policies.instead(policy, u.ID))
		if !one || instead == 0 {
			return
		}
		u = e.dir.User(instead)
	}
}

var verdicts = map[bpmn.PolicyAction]engine.Verdict{bpmn.PolicyPass: engine.Passes, bpmn.PolicyReject: engine.Rejects}

// without decides for a group without members: as the policy did that left them out, else by the policy
// for nobody.
func (e *electorate) without() engine.Verdict {
	if e.skipped != "" {
		return e.skipped
	}
	policy := e.policies.judge(0)
	switch policy.Do {
	case "":
	case bpmn.PolicyPass, bpmn.PolicyReject:
		return verdicts[policy.Do]
	default:
		found := e.policies.instead(policy, 0)
		for _, principal := range append(found.Candidates, found.Assignee) {
			for _, u := range e.dir.Members(principal) {
				e.join(u.Login, e.dir.Principals(u.ID))
			}
		}
	}
	return ""
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
