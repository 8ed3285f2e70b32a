package api

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/operation"
	"github.com/paceline/paceline/internal/ticket"
)

// Operate is what is done to tickets of others.
type Operate struct {
	Do        string          `json:"do" enum:"suspend,resume,move,set,cancel,restart"`
	Reason    string          `json:"reason" minLength:"1" maxLength:"2000" doc:"Why, for the history and the audit."`
	Element   string          `json:"element,omitempty" maxLength:"250" doc:"move, restart: the element to go on at. set: whose scope, left out: the process."`
	From      string          `json:"from,omitempty" maxLength:"250" doc:"move: the element whose token is moved; left out: all that cannot live beside the other."`
	Variables json.RawMessage `json:"variables,omitempty" doc:"set, move, restart: object of the variables to set."`
}

type operateInput struct {
	ID   idParam `path:"id"`
	Body Operate
}

// OperateMany is an operation on the tickets that a filter finds.
type OperateMany struct {
	Operate
	Filter  OperateFilter `json:"filter,omitempty"`
	Tickets []idParam     `json:"tickets,omitempty" maxItems:"1000" doc:"Only these."`
	Limit   int           `json:"limit,omitempty" minimum:"1" maximum:"10000" default:"1000" doc:"The oldest so many."`
}

// OperateFilter finds tickets. Without a status it finds open ones, for a restart all.
type OperateFilter struct {
	App       string   `json:"app,omitempty" maxLength:"63"`
	Kind      string   `json:"kind,omitempty" maxLength:"63"`
	Status    string   `json:"status,omitempty" enum:"open,closed,cancelled,failed"`
	Requester *idParam `json:"requester,omitempty"`
	Search    string   `json:"search,omitempty" maxLength:"200" doc:"Part of the number or title."`
	Fields    []string `json:"fields,omitempty" maxItems:"5" doc:"NAME:OP:VALUE, as in the list of tickets."`
}

func (m OperateMany) bulk() (operation.Bulk, error) {
	f := TicketFilter{App: m.Filter.App, Kind: m.Filter.Kind, Status: m.Filter.Status, Search: m.Filter.Search, Field: m.Filter.Fields}
	if m.Filter.Requester != nil {
		f.Requester = *m.Filter.Requester
	}
	query, err := f.query()
	b := operation.Bulk{Do: ticket.Verb(m.Do), Reason: m.Reason, Element: m.Element, From: m.From, Vars: m.Variables, Filter: query, Limit: m.Limit}
	b.Tickets = make([]db.ID, len(m.Tickets))
	for i, t := range m.Tickets {
		b.Tickets[i] = t.ID
	}
	return b, err
}

type operateManyInput struct {
	Body OperateMany
}

type operationsInput struct {
	Do    string  `query:"do" enum:"suspend,resume,move,set,cancel,restart,migrate"`
	After idParam `query:"after" doc:"The next of the page before."`
	Limit int     `query:"limit" minimum:"1" maximum:"200"`
}

type runItemsInput struct {
	ID      idParam `path:"id"`
	Outcome string  `query:"outcome" enum:"waiting,done,failed"`
	After   idParam `query:"after" doc:"The next of the page before."`
	Limit   int     `query:"limit" minimum:"1" maximum:"200"`
}

func (in *runItemsInput) outcome() *operation.Outcome {
	for _, o := range []operation.Outcome{operation.Waiting, operation.Changed, operation.Failed} {
		if o.String() == in.Outcome {
			return &o
		}
	}
	return nil
}

type turnInput struct {
	ID   idParam `path:"id"`
	Body struct {
		Reason string `json:"reason,omitempty" maxLength:"2000" doc:"For the audit."`
	}
}

func (s *Server) registerOperations() {
	add(s, route{Method: http.MethodPost, Path: "/tickets/{id}/operate", ID: "operateTicket", Tag: "operations", Summary: "Suspend, resume, move, change, cancel or restart a ticket", MaxBody: formBody,
		Doc: "For who repairs tickets. It stands in the ticket's history and in the audit, with the reason. A ticket that has ended is restarted as a new one."},
		func(ctx context.Context, in *operateInput) (*item[ticket.Operated], error) {
			b := in.Body
			return one(s.tickets.Operate(ctx, actorOf(ctx), in.ID.ID, ticket.Operation{
				Do: ticket.Verb(b.Do), Reason: b.Reason, Element: b.Element, From: b.From, Vars: b.Variables}))
		})
	add(s, route{Method: http.MethodPost, Path: "/operations/count", ID: "countOperation", Tag: "operations", Summary: "How many tickets an operation would be done to", MaxBody: formBody, Unrepeated: true},
		func(ctx context.Context, in *operateManyInput) (*item[operation.Counted], error) {
			b, err := in.Body.bulk()
			if err != nil {
				return nil, err
			}
			return one(s.operations.Count(ctx, actorOf(ctx), b))
		})
	add(s, route{Method: http.MethodPost, Path: "/operations", ID: "startOperation", Tag: "operations", Summary: "Begin an operation on many tickets", MaxBody: formBody, Status: http.StatusCreated,
		Doc: "The tickets are chosen now and done in batches; what fails hurts no other. Look at the operation for its progress."},
		func(ctx context.Context, in *operateManyInput) (*item[operation.Run], error) {
			b, err := in.Body.bulk()
			if err != nil {
				return nil, err
			}
			return one(s.operations.Begin(ctx, actorOf(ctx), b))
		})
	add(s, route{Method: http.MethodGet, Path: "/operations", ID: "listOperations", Tag: "operations", Summary: "Operations on many tickets, newest first"},
		func(ctx context.Context, in *operationsInput) (*item[ticket.Page[operation.Run]], error) {
			return one(s.operations.List(ctx, actorOf(ctx), ticket.Verb(in.Do), in.After.ID, in.Limit))
		})
	s.registerRun()
	s.registerMigrations()
}

// registerRun is what can be done with an operation on many tickets, migrations among them.
func (s *Server) registerRun() {
	add(s, route{Method: http.MethodGet, Path: "/operations/{id}", ID: "getOperation", Tag: "operations", Summary: "How far an operation is"},
		func(ctx context.Context, in *byID) (*item[operation.Run], error) {
			return one(s.operations.Get(ctx, actorOf(ctx), in.ID.ID))
		})
	add(s, route{Method: http.MethodGet, Path: "/operations/{id}/tickets", ID: "listOperationTickets", Tag: "operations", Summary: "The tickets of an operation with what became of each"},
		func(ctx context.Context, in *runItemsInput) (*item[ticket.Page[operation.Item]], error) {
			return one(s.operations.Items(ctx, actorOf(ctx), in.ID.ID, in.outcome(), in.After.ID, in.Limit))
		})
	add(s, route{Method: http.MethodGet, Path: "/operations/{id}/causes", ID: "listOperationCauses", Tag: "operations", Summary: "Why tickets of an operation failed, the most frequent first"},
		func(ctx context.Context, in *byID) (*page[operation.Cause], error) {
			causes, err := s.operations.Causes(ctx, actorOf(ctx), in.ID.ID)
			return paged(causes, "", err)
		})
	for verb, turn := range map[string]func(context.Context, *turnInput) (operation.Run, error){
		"pause": func(ctx context.Context, in *turnInput) (operation.Run, error) {
			return s.operations.Pause(ctx, actorOf(ctx), in.ID.ID, in.Body.Reason)
		},
		"resume": func(ctx context.Context, in *turnInput) (operation.Run, error) {
			return s.operations.Resume(ctx, actorOf(ctx), in.ID.ID, in.Body.Reason)
		},
		"cancel": func(ctx context.Context, in *turnInput) (operation.Run, error) {
			return s.operations.Cancel(ctx, actorOf(ctx), in.ID.ID, in.Body.Reason)
		},
	} {
		add(s, route{Method: http.MethodPost, Path: "/operations/{id}/" + verb, ID: verb + "Operation", Tag: "operations", Summary: turnSummaries[verb]},
			func(ctx context.Context, in *turnInput) (*item[operation.Run], error) { return one(turn(ctx, in)) })
	}
}

var turnSummaries = map[string]string{
	"pause":  "Touch no further ticket until it is resumed",
	"resume": "Go on with a paused operation",
	"cancel": "End an operation; what is done stays done",
}
