package ticket

import (
	"context"

	"github.com/paceline/paceline/internal/app"
	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/form"
	"github.com/paceline/paceline/internal/org"
)

// TicketView is a ticket as its page shows it.
type TicketView struct {
	Ticket
	Form      *FormView  `json:"form,omitempty" doc:"the form it was opened with, to read"`
	Incidents []Incident `json:"incidents" doc:"what keeps it from going on by itself"`
	Watching  bool       `json:"watching"`
	Suspended bool       `json:"suspended" doc:"an operator has stopped it: nothing in it can be completed until it is resumed"`
	May       []string   `json:"may" doc:"what the asker may do with the whole ticket: withdraw, cancel, repair"`
}

// find reads one ticket that the actor may see.
func (s *Service) find(ctx context.Context, actor *org.Actor, id db.ID) (Ticket, error) {
	if actor == nil {
		return Ticket{}, actor.Require(org.OpenTickets)
	}
	var b builder
	b.add("SELECT "+ticketColumns+" FROM ticket k WHERE k.id = ? AND ", id)
	b.addWith(s.access(actor).sees())
	found, err := db.All(ctx, s.db, s.scanTicket, b.text, b.args...)
	if err != nil {
		return Ticket{}, err
	}
	if len(found) == 0 {
		return Ticket{}, errNoTicket(id)
	}
	return found[0], s.addSteps(ctx, actor, found)
}

// FindByNumber is the id of a ticket that the actor may see.
func (s *Service) FindByNumber(ctx context.Context, actor *org.Actor, number string) (id db.ID, err error) {
	defer errs.Wrap(&err, "ticket.FindByNumber")
	if actor == nil {
		return 0, actor.Require(org.OpenTickets)
	}
	var b builder
	b.add("SELECT k.id FROM ticket k WHERE k.number = ? AND ", number)
	b.addWith(s.access(actor).sees())
	b.add(" ORDER BY k.id DESC {limit}", 1)
	err = s.db.QueryRow(ctx, b.text, b.args...).Scan(&id)
	if errs.Is(err, errs.NotFound) {
		err = errs.New(errs.NotFound, "there is no ticket %s, or you may not see it", number).WithCure("look it up in the list of tickets")
	}
	return id, err
}

// versionOf gives the app version that a ticket runs on.
func (s *Service) versionOf(ctx context.Context, ticket db.ID) (*app.Loaded, error) {
	instance, err := s.query.Instance(ctx, ticket)
	if err != nil {
		return nil, err
	}
	return s.apps.ByDefinition(ctx, instance.Definition)
}

// Show shows a ticket with the data of the form that opened it. A field that a later
// step hides from its people is in that step's form, not here.
func (s *Service) Show(ctx context.Context, actor *org.Actor, id db.ID) (v TicketView, err error) {
	defer errs.Wrap(&err, "ticket.Show")
	if v.Ticket, err = s.find(ctx, actor, id); err != nil {
		return v, err
	}
	live, err := s.versionOf(ctx, id)
	if err != nil {
		return v, err
	}
	_, state, err := s.query.State(ctx, id)
	if err != nil {
		return v, err
	}
	v.Suspended = state.Suspended()
	kind := live.Kind(v.Kind)
	if kind != nil && live.Form(kind.Form) != nil {
		if v.Form, err = viewOf(wordsFor(actor, live), kind.Form, form.ReadAll, state.Vars()); err != nil {
			return v, err
		}
	}
	if v.Incidents, err = s.incidentsOf(ctx, id); err != nil {
		return v, err
	}
	n, err := db.Count(ctx, s.db, 1, "FROM ticket_watcher WHERE ticket = ? AND principal = ?", id, actor.ID)
	v.Watching = n > 0
	v.May = s.mayDo(actor, &v.Ticket, kind)
	return v, err
}

// mayDo lists what the actor may do with a whole ticket.
func (s *Service) mayDo(actor *org.Actor, t *Ticket, kind *app.Kind) []string {
	may := []string{}
	if t.Status != Open {
		return may
	}
	repairs := s.access(actor).repairs()
	own := kind != nil && t.Requester.ID == actor.ID && actor.Can(org.OpenTickets)
	if own && kind.Requester.Withdraw {
		may = append(may, "withdraw")
	}
	if own && kind.Requester.Cancel || repairs {
		may = append(may, "cancel")
	}
	if repairs {
		may = append(may, "repair")
	}
	return may
}
