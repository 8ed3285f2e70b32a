package operation

import (
	"context"
	"encoding/json"

	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/org"
	"github.com/paceline/paceline/internal/ticket"
)

// The bounds of one bulk operation; a migration has none.
const (
	MostTickets = 10_000
	MostNamed   = 1000
)

// Bulk is an operation on the tickets that a filter finds.
type Bulk struct {
	Do      ticket.Verb
	Reason  string
	Element string
	From    string
	Vars    json.RawMessage
	Filter  ticket.Query // its paging is not looked at
	Tickets []db.ID      // only these, at most MostNamed
	Limit   int          // the oldest so many; 0: 1000, at most MostTickets
}

func (b Bulk) operation() ticket.Operation {
	return ticket.Operation{Do: b.Do, Reason: b.Reason, Element: b.Element, From: b.From, Vars: b.Vars}
}

// Counted answers Count.
type Counted struct {
	Tickets int  `json:"tickets" doc:"that the operation would be done to"`
	More    bool `json:"more" doc:"the filter finds more than the limit"`
}

// Count says how many tickets an operation would be done to. Nothing is changed.
func (s *Service) Count(ctx context.Context, actor *org.Actor, b Bulk) (c Counted, err error) {
	defer errs.Wrap(&err, "operation.Count")
	ids, more, err := s.choose(ctx, actor, b)
	return Counted{Tickets: len(ids), More: more}, err
}

// Begin begins an operation on many tickets.
func (s *Service) Begin(ctx context.Context, actor *org.Actor, b Bulk) (run Run, err error) {
	defer errs.Wrap(&err, "operation.Begin")
	ids, _, err := s.choose(ctx, actor, b)
	if err != nil {
		return run, err
	}
	return s.begin(ctx, actor, Run{Do: b.Do, App: b.Filter.App, Reason: b.Reason}, b, ids)
}

func (s *Service) choose(ctx context.Context, actor *org.Actor, b Bulk) (ids []db.ID, more bool, err error) {
	if err := actor.Require(org.RepairTickets); err != nil {
		return nil, false, err
	}
	if b.Do == ticket.Migrate {
		return nil, false, errs.New(errs.Invalid, "tickets are migrated by a plan").WithCure("use migrations")
	}
	if err := b.operation().Check(); err != nil {
		return nil, false, err
	}
	limit := min(b.Limit, MostTickets)
	if limit <= 0 {
		limit = 1000
	}
	if len(b.Tickets) > MostNamed {
		return nil, false, errs.New(errs.Invalid, "at most %d tickets can be named", MostNamed).WithCure("use a filter, or several operations")
	}
	if len(b.Tickets) == 0 && b.Filter.Status == "" && b.Do != ticket.Restart {
		b.Filter.Status = ticket.Open
	}
	ids, err = s.deps.Tickets.Choose(ctx, actor, b.Filter, b.Tickets, limit+1)
	if len(ids) > limit {
		ids, more = ids[:limit], true
	}
	return ids, more, err
}
