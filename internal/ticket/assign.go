package ticket

import (
	"context"
	"errors"
	"strings"

	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/engine"
	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/feel"
	"github.com/paceline/paceline/internal/org"
	"github.com/paceline/paceline/internal/process"
)

// Assign finds the people for a task that opens: process asks it inside a lane, before
// the task is written. Names that mean nobody leave a problem on the task, which
// whoever repairs tickets sees and cures by a transfer.
func (s *Service) Assign(ctx context.Context, a process.Assignment) (process.Assigned, error) {
	requester, err := s.requesterOf(ctx, a.Transition)
	if err != nil {
		return process.Assigned{}, err
	}
	want := org.Want{
		Requester: requester, Assignee: a.Task.Assignee,
		CandidateUsers: a.Task.CandidateUsers, CandidateGroups: a.Task.CandidateGroups,
	}
	user, loop := a.Task.Node.User, a.Task.Node.Loop
	vote := loop != nil && loop.Approval != nil // whose members are known already
	if user != nil && !vote {
		want.Assignment = user.Assignment
	}
	dir := s.org.Directory()
	found, out := dir.Resolve(want), process.Assigned{}
	if user != nil && !vote && len(user.Policies) > 0 {
		p := s.policiesOf(a.Transition, a.Task.Node, requester)
		found, out.Then = p.apply(a.Task, found)
		out.Why = p.why()
	}
	out.Assignee, out.Candidates, out.Problem = found.Assignee, found.Candidates, found.Problem
	u := dir.User(found.Assignee)
	if _, done := out.Then.(engine.TaskCompleted); u != nil && !done {
		instead, why, err := s.substitute(ctx, a.Transition, a.Task.Task, u.ID)
		if err != nil {
			return process.Assigned{}, err
		}
		if instead != nil {
			u, out.Assignee, out.Then = instead, instead.ID, engine.TaskAssigned{Task: a.Task.Task, To: instead.Login}
			out.Why = strings.TrimPrefix(out.Why+"; "+why, "; ")
		}
	}
	if u != nil {
		out.AssigneeName, out.Login = u.Name, u.Login
	}
	return out, nil
}

// Person finds the user behind a name in the engine's state.
func (s *Service) Person(_ context.Context, login string) (db.ID, string, error) {
	id, name := s.named(login)
	return id, name, nil
}

// named finds who signs in with a name; an unknown one is nobody of that name.
func (s *Service) named(login string) (db.ID, string) {
	u := s.org.Directory().UserByLogin(login)
	if u == nil {
		return 0, login
	}
	return u.ID, u.Name
}

// requesterOf knows who opened the ticket: from its own variable, from who started the
// instance, else from the ticket's row.
func (s *Service) requesterOf(ctx context.Context, t *process.Transition) (db.ID, error) {
	dir := s.org.Directory()
	for _, login := range []string{requesterIn(t.After.Vars()), t.After.Initiator()} {
		if u := dir.UserByLogin(login); u != nil {
			return u.ID, nil
		}
	}
	if t.Before == nil && t.Parent == 0 {
		return t.Actor, nil // its row is about to be written
	}
	var requester db.ID
	err := s.db.QueryRow(ctx, "SELECT requester FROM ticket WHERE id = ?", t.Root).Scan(&requester)
	if errors.Is(err, db.ErrNoRows) {
		return 0, errs.New(errs.Internal, "instance %s belongs to no ticket", t.Root)
	}
	return requester, err
}

func requesterIn(vars feel.Vars) string {
	c, ok := vars[about].(*feel.Context)
	if !ok {
		return ""
	}
	v, _ := c.Get("requester")
	login, _ := v.(string)
	return login
}
