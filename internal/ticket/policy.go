package ticket

import (
	"fmt"
	"strings"

	"github.com/paceline/paceline/internal/bpmn"
	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/engine"
	"github.com/paceline/paceline/internal/org"
	"github.com/paceline/paceline/internal/process"
)

// policies applies a step's assignment policies to whom the organisation gives for it. What they do stands in the
// history as a transition of its own with the reason as its note.
type policies struct {
	dir       *org.Directory
	user      *bpmn.User
	element   string
	state     *engine.State
	requester db.ID
	again     bool // the work came back to the step: nobody is skipped
	applied   map[bpmn.PolicyCase]bool
	reasons   []string
}

func (s *Service) policiesOf(t *process.Transition, node *bpmn.Node, requester db.ID) *policies {
	p := &policies{dir: s.org.Directory(), user: node.User, element: node.ID, state: t.After, requester: requester, applied: map[bpmn.PolicyCase]bool{}}
	switch t.Event.(type) {
	case engine.Jump, engine.Withdraw:
		p.again = true
	}
	return p
}

// judge finds the policy for who would have the task; person is 0 when nobody would.
func (p *policies) judge(person db.ID) bpmn.Policy {
	when, why := bpmn.PolicyCase(""), ""
	switch {
	case person == 0:
		when, why = bpmn.PolicyNobody, "nobody was found for the step"
	case person == p.requester && p.user.Policy(bpmn.PolicyRequester).Do != "" && !p.applied[bpmn.PolicyRequester]:
		when, why = bpmn.PolicyRequester, p.dir.Name(person)+" is the requester"
	case p.repeats(person):
		when, why = bpmn.PolicyRepeat, p.dir.Name(person)+" completed the step before"
	}
	policy := p.user.Policy(when)
	if policy.Do == "" || policy.Do == bpmn.PolicyWait || p.applied[when] || p.again && when != bpmn.PolicyNobody {
		return bpmn.Policy{}
	}
	p.applied[when] = true
	p.reasons = append(p.reasons, why+": "+string(policy.Do))
	return policy
}

// repeats says whether the person completed the step before this one.
func (p *policies) repeats(person db.ID) bool {
	passed := p.state.Passed()
	if len(passed) == 0 || passed[len(passed)-1].Element == p.element {
		return false
	}
	u := p.dir.UserByLogin(passed[len(passed)-1].By)
	return u != nil && u.ID == person
}

// instead finds to whom a policy gives what a person, or nobody, would have.
func (p *policies) instead(policy bpmn.Policy, person db.ID) org.Resolved {
	if policy.Do == bpmn.PolicyAssign {
		return p.dir.Resolve(org.Want{Requester: p.requester, Assignment: policy.To})
	}
	if person == 0 {
		person = p.requester
	}
	if u := p.dir.Superior(person, 1); u != nil {
		return org.Resolved{Assignee: u.ID}
	}
	return org.Resolved{Problem: fmt.Sprintf("nobody stands above %q", p.dir.Name(person))}
}

func (p *policies) why() string { return strings.Join(p.reasons, "; ") }

// sole is the one person who would have a task; false when several might take it.
func sole(dir *org.Directory, found org.Resolved) (db.ID, bool) {
	if found.Assignee != 0 {
		return found.Assignee, true
	}
	only := db.ID(0)
	for _, principal := range found.Candidates {
		for _, u := range dir.Members(principal) {
			if only != 0 && only != u.ID {
				return 0, false
			}
			only = u.ID
		}
	}
	return only, true
}

// apply settles who has a task, or what happens to it instead.
func (p *policies) apply(task *engine.OpenTask, found org.Resolved) (org.Resolved, engine.Event) {
	for {
		person, one := sole(p.dir, found)
		if !one {
			break
		}
		policy := p.judge(person)
		switch policy.Do {
		case "":
			return found, p.handOver(task, found)
		case bpmn.PolicyPass, bpmn.PolicyReject:
			by := ""
			if u := p.dir.User(person); u != nil {
				by = u.Login
			}
			return found, engine.TaskCompleted{Task: task.Task, Outcome: policy.Outcome, By: by, Note: p.why()}
		}
		found = p.instead(policy, person)
	}
	return found, p.handOver(task, found)
}

// handOver tells the engine of a change that a policy has made.
func (p *policies) handOver(task *engine.OpenTask, found org.Resolved) engine.Event {
	if len(p.reasons) == 0 {
		return nil
	}
	to := ""
	if u := p.dir.User(found.Assignee); u != nil {
		to = u.Login
	}
	return engine.TaskAssigned{Task: task.Task, To: to}
}
