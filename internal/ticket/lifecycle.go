package ticket

import (
	"context"

	"github.com/paceline/paceline/internal/app"
	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/engine"
	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/org"
	"github.com/paceline/paceline/internal/process"
)

// Ended answers Withdraw and Cancel.
type Ended struct {
	Ticket db.ID  `json:"ticket"`
	Status Status `json:"status" enum:"open,closed,cancelled,failed"`
}

// Withdraw takes back the actor's last step of a ticket, when nobody has acted since.
// For a requester who has only opened it, and whose ticket's kind allows it, that
// ends the ticket.
func (s *Service) Withdraw(ctx context.Context, actor *org.Actor, ticket db.ID, note string) (ended Ended, err error) {
	defer errs.Wrap(&err, "ticket.Withdraw")
	defer recall(ctx, s, &ended, &err)
	t, policy, err := s.own(ctx, actor, ticket)
	if err != nil {
		return ended, err
	}
	_, state, err := s.query.State(ctx, ticket)
	if err != nil {
		return ended, err
	}
	switch {
	case len(state.Passed()) > 0 || t.Requester.ID != actor.ID:
		return s.end(ctx, actor, ticket, note, engine.Withdraw{By: actor.Login})
	case policy.Withdraw:
		return s.end(ctx, actor, ticket, note, engine.Cancel{Reason: "withdrawn"})
	}
	return ended, errs.New(errs.Denied, "%s tickets cannot be withdrawn", t.Kind).WithCure("ask who has it now to return it, or cancel it")
}

// Cancel ends a ticket. The requester needs the leave of the ticket's kind; others have
// to be among those who repair tickets.
func (s *Service) Cancel(ctx context.Context, actor *org.Actor, ticket db.ID, reason string) (ended Ended, err error) {
	defer errs.Wrap(&err, "ticket.Cancel")
	defer recall(ctx, s, &ended, &err)
	t, policy, err := s.own(ctx, actor, ticket)
	if err != nil {
		return ended, err
	}
	if !(t.Requester.ID == actor.ID && policy.Cancel) && !s.access(actor).repairs() {
		return ended, errs.New(errs.Denied, "%s may not cancel this ticket", actor.Login).WithCure("ask an operator, or its requester where the app allows it")
	}
	if reason, err = cleanText("reason", reason, true); err != nil {
		return ended, err
	}
	return s.end(ctx, actor, ticket, reason, engine.Cancel{Reason: reason})
}

// own reads a ticket that the actor may see and what its kind lets its requester do.
func (s *Service) own(ctx context.Context, actor *org.Actor, id db.ID) (t Ticket, policy app.RequesterPolicy, err error) {
	if err := actor.Require(org.OpenTickets); err != nil {
		return t, policy, err
	}
	if t, err = s.find(ctx, actor, id); err != nil {
		return t, policy, err
	}
	live, err := s.versionOf(ctx, id)
	if err != nil {
		return t, policy, err
	}
	if kind := live.Kind(t.Kind); kind != nil {
		policy = kind.Requester
	}
	return t, policy, nil
}

func (s *Service) end(ctx context.Context, actor *org.Actor, ticket db.ID, note string, event engine.Event) (Ended, error) {
	res, err := s.process.Submit(ctx, process.Command{
		Instance: ticket, Event: event, Actor: actor.ID, By: actor.Name, Note: note,
		Answer: func(t *process.Transition) any { return Ended{Ticket: ticket, Status: statusOf(t.After)} },
	})
	if err != nil {
		return Ended{}, err
	}
	return answer[Ended](res)
}
