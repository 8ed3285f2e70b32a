package api

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/ticket"
)

// TicketFilter narrows a list of tickets, and an export of them.
type TicketFilter struct {
	App       string   `query:"app"`
	Kind      string   `query:"kind"`
	Status    string   `query:"status" enum:"open,closed,cancelled,failed"`
	Requester idParam  `query:"requester" doc:"Only what this user opened."`
	Watching  bool     `query:"watching" doc:"Only what the caller watches."`
	Search    string   `query:"search" maxLength:"200" doc:"Part of the number or title."`
	Field     []string `query:"field,explode" maxItems:"5" doc:"NAME:OP:VALUE for a searchable field of the form; OP is eq, prefix, lt, le, gt or ge. Repeatable."`
	Sort      string   `query:"sort" enum:"newest,oldest" default:"newest"`
}

// query is the filter as the use case takes it.
func (f TicketFilter) query() (ticket.Query, error) {
	q := ticket.Query{App: f.App, Kind: f.Kind, Status: ticket.Status(f.Status), Requester: f.Requester.ID, Watching: f.Watching,
		Search: f.Search, Sort: ticket.Sort(f.Sort)}
	for _, text := range f.Field {
		part := strings.SplitN(text, ":", 3)
		if len(part) != 3 {
			return q, errs.New(errs.Invalid, "the filter is not usable").
				WithDetails(errs.Detail{Place: "query.field", Rule: "format", Message: "expected NAME:OP:VALUE, such as priority:eq:high"})
		}
		q.Fields = append(q.Fields, ticket.FieldFilter{Name: part[0], Op: part[1], Value: part[2]})
	}
	return q, nil
}

type ticketsInput struct {
	PageInput
	TicketFilter
}

type openInput struct {
	Body struct {
		App  string          `json:"app" minLength:"1" maxLength:"63"`
		Kind string          `json:"kind" minLength:"1" maxLength:"63"`
		Data json.RawMessage `json:"data,omitempty" doc:"Object: the values of the form that opens a ticket."`
		Note string          `json:"note,omitempty" maxLength:"2000" doc:"A remark for the history."`
	}
}

type offerInput struct {
	App  string `path:"app" maxLength:"63"`
	Kind string `path:"kind" maxLength:"63"`
}

// StartForm is the form that opens a ticket of a kind.
type StartForm struct {
	Form *ticket.FormView `json:"form,omitempty" doc:"Absent where a ticket of the kind is opened without one."`
}

type byNumber struct {
	Number string `path:"number" maxLength:"60"`
}

type endInput struct {
	ID   idParam `path:"id"`
	Body struct {
		Reason string `json:"reason,omitempty" maxLength:"2000" doc:"For the history."`
	}
}

// Found is the answer of a look-up by number.
type Found struct {
	ID string `json:"id"`
}

func (s *Server) registerTickets() {
	add(s, route{Method: http.MethodGet, Path: "/catalogue", ID: "listCatalogue", Tag: "tickets", Summary: "What the caller may open"},
		func(ctx context.Context, _ *struct{}) (*page[ticket.Offer], error) {
			offers, err := s.tickets.Catalogue(ctx, actorOf(ctx))
			return paged(offers, "", err)
		})
	add(s, route{Method: http.MethodGet, Path: "/catalogue/{app}/{kind}/form", ID: "getStartForm", Tag: "tickets", Summary: "The form that opens a ticket, with its defaults"},
		func(ctx context.Context, in *offerInput) (*item[StartForm], error) {
			form, err := s.tickets.StartForm(ctx, actorOf(ctx), in.App, in.Kind)
			return one(StartForm{Form: form}, err)
		})
	add(s, route{Method: http.MethodGet, Path: "/tickets", ID: "listTickets", Tag: "tickets", Summary: "The tickets that the caller may see"}, s.listTickets)
	add(s, route{Method: http.MethodPost, Path: "/tickets", ID: "openTicket", Tag: "tickets", Summary: "Open a ticket", MaxBody: formBody, Status: http.StatusCreated},
		func(ctx context.Context, in *openInput) (*item[ticket.Opened], error) {
			return one(s.tickets.Open(ctx, actorOf(ctx), ticket.Draft{App: in.Body.App, Kind: in.Body.Kind, Data: in.Body.Data, Note: in.Body.Note}))
		})
	add(s, route{Method: http.MethodGet, Path: "/tickets/{id}", ID: "getTicket", Tag: "tickets", Summary: "One ticket"},
		func(ctx context.Context, in *byID) (*item[ticket.TicketView], error) {
			return one(s.tickets.Show(ctx, actorOf(ctx), in.ID.ID))
		})
	add(s, route{Method: http.MethodGet, Path: "/numbers/{number}", ID: "findTicket", Tag: "tickets", Summary: "Find a ticket by its number"},
		func(ctx context.Context, in *byNumber) (*item[Found], error) {
			id, err := s.tickets.FindByNumber(ctx, actorOf(ctx), in.Number)
			return one(Found{ID: id.String()}, err)
		})
	add(s, route{Method: http.MethodPost, Path: "/tickets/{id}/withdraw", ID: "withdrawTicket", Tag: "tickets", Summary: "Take back the own last step, while nobody has acted since"},
		func(ctx context.Context, in *endInput) (*item[ticket.Ended], error) {
			return one(s.tickets.Withdraw(ctx, actorOf(ctx), in.ID.ID, in.Body.Reason))
		})
	add(s, route{Method: http.MethodPost, Path: "/tickets/{id}/cancel", ID: "cancelTicket", Tag: "tickets", Summary: "End a ticket"},
		func(ctx context.Context, in *endInput) (*item[ticket.Ended], error) {
			return one(s.tickets.Cancel(ctx, actorOf(ctx), in.ID.ID, in.Body.Reason))
		})
}

func (s *Server) listTickets(ctx context.Context, in *ticketsInput) (*item[ticket.Page[ticket.Ticket]], error) {
	q, err := in.query()
	if err != nil {
		return nil, err
	}
	q.After, q.Limit = in.After, in.Limit
	return one(s.tickets.Search(ctx, actorOf(ctx), q))
}
