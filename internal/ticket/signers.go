package ticket

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/engine"
	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/feel"
	"github.com/paceline/paceline/internal/org"
)

// Signer is a member of an approval group and what came of the vote.
type Signer struct {
	Member  string    `json:"member" doc:"a login, or group:NAME, unit:NAME ... for one of its people"`
	Name    string    `json:"name"`
	Weight  int       `json:"weight"`
	Veto    bool      `json:"veto,omitempty"`
	AddedBy string    `json:"addedBy,omitempty" doc:"login of who added them"`
	After   []string  `json:"after,omitempty" doc:"members who vote before"`
	State   string    `json:"state" enum:"waits,asked,agreed,rejected,abstained,removed"`
	By      string    `json:"by,omitempty" doc:"login of who voted"`
	Outcome string    `json:"outcome,omitempty"`
	Why     string    `json:"why,omitempty"`
	At      time.Time `json:"at,omitzero"`
}

// signers lists the group that a task is a vote in; nil when it is in none.
func (s *Service) signers(state *engine.State, task db.ID) []Signer {
	voting, ok := state.VotingOf(engine.ID(task))
	if !ok {
		return nil
	}
	all := make([]Signer, len(voting.Members))
	for i, m := range voting.Members {
		all[i] = Signer{
			Member: m.Name, Name: s.memberName(m.Name), Weight: m.Weight, Veto: m.Veto, AddedBy: m.AddedBy, After: m.After,
			State: "waits", By: m.By, Outcome: m.Outcome, Why: m.Why, At: m.At,
		}
		switch {
		case m.Removed:
			all[i].State = "removed"
		case m.Vote != "":
			all[i].State = m.Vote
		case m.Task != 0:
			all[i].State = "asked"
		}
	}
	return all
}

func (s *Service) memberName(member string) string {
	dir := s.org.Directory()
	if kind, name, ok := strings.Cut(member, ":"); ok {
		if g := dir.GroupByName(org.Kind(kind), name); g != nil {
			return dir.Name(g.ID)
		}
	} else if u := dir.UserByLogin(member); u != nil {
		return dir.Name(u.ID)
	}
	return member
}

// Where says when a new signer votes.
type Where string

// The places, in relation to who adds.
const (
	Before Where = "before"
	Beside Where = "beside"
	After  Where = "after"
)

var wheres = map[Where]engine.Where{"": engine.Beside, Beside: engine.Beside, Before: engine.Before, After: engine.After}

// AddSigners asks more people in the approval group of a task. Who has the task may; a signer put before
// him votes first, and then he is asked again.
func (s *Service) AddSigners(ctx context.Context, actor *org.Actor, id db.ID, seen int, logins []string, where Where, note string) (acted Acted, err error) {
	defer errs.Wrap(&err, "ticket.AddSigners")
	defer recall(ctx, s, &acted, &err)
	t, _, err := s.signing(ctx, actor, id, seen)
	if err != nil {
		return acted, err
	}
	if err := s.access(actor).may(transfer, t); err != nil {
		return acted, err
	}
	at, known := wheres[where]
	if !known {
		return acted, wrongField("where", "enum", "write before, beside or after")
	}
	var add feel.List
	for _, login := range logins {
		u := s.org.Directory().UserByLogin(login)
		if u == nil || u.Disabled {
			return acted, wrongField("who", "exists", "there is no user %q who can sign", login)
		}
		add = append(add, u.Login)
	}
	if len(add) == 0 {
		return acted, wrongField("who", "required", "name at least one user")
	}
	return s.act(ctx, actor, t, note, engine.GroupChanged{Task: engine.ID(t.ID), Add: add, Where: at, By: actor.Login})
}

// RemoveSigner takes somebody who has not voted out of the approval group of an open task, which need not be the
// actor's own: who put a signer before himself has none until that one has voted. Who added a signer takes him out;
// who repairs tickets takes out anybody.
func (s *Service) RemoveSigner(ctx context.Context, actor *org.Actor, id db.ID, seen int, member, note string) (acted Acted, err error) {
	defer errs.Wrap(&err, "ticket.RemoveSigner")
	defer recall(ctx, s, &acted, &err)
	t, signers, err := s.signing(ctx, actor, id, seen)
	if err != nil {
		return acted, err
	}
	if err := actor.Require(org.WorkTasks); err != nil {
		return acted, err
	}
	i := slices.IndexFunc(signers, func(g Signer) bool { return g.Member == member && g.State != "removed" })
	if i < 0 {
		return acted, wrongField("who", "member", "%q is not in this group", member)
	}
	if !s.access(actor).repairs() && signers[i].AddedBy != actor.Login {
		return acted, errs.New(errs.Denied, "%s did not add %s to this group", actor.Login, member).WithCure("ask who did, or an operator")
	}
	return s.act(ctx, actor, t, note, engine.GroupChanged{Task: engine.ID(t.ID), Remove: true, Member: member, By: actor.Login})
}

// signing reads a task and the group it is a vote in.
func (s *Service) signing(ctx context.Context, actor *org.Actor, id db.ID, seen int) (*task, []Signer, error) {
	t, err := s.findTask(ctx, actor, id)
	if err != nil {
		return nil, nil, err
	}
	if seen != 0 && seen != t.Version {
		return nil, nil, errs.New(errs.Conflict, "the task has changed since it was shown").WithCure("look at it again")
	}
	step, err := s.step(ctx, t)
	if err != nil {
		return nil, nil, err
	}
	signers := s.signers(step.state, t.ID)
	if signers == nil {
		return nil, nil, errs.New(errs.Conflict, "the task %s is decided by one person, not by a group", t.Name).
			WithCure("delegate or transfer it; only steps that their model makes an approval take more signers")
	}
	return t, signers, nil
}
