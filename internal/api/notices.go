package api

import (
	"context"
	"net/http"
	"time"

	"github.com/paceline/paceline/internal/ticket"
)

type noticesInput struct {
	All    bool    `query:"all" doc:"What was read too."`
	Before idParam `query:"after" doc:"The next of the page before."`
	Limit  int     `query:"limit" minimum:"1" maximum:"200"`
}

type copyInput struct {
	ID   idParam `path:"id"`
	Body struct {
		To   []string `json:"to" minItems:"1" maxItems:"100" doc:"Logins, or terms such as group:NAME and unit:NAME."`
		Body string   `json:"body,omitempty" maxLength:"2000"`
	}
}

type urgeInput struct {
	ID   idParam `path:"id"`
	Body struct {
		Body string `json:"body,omitempty" maxLength:"2000"`
	}
}

type deputiesInput struct {
	For string `query:"for" maxLength:"100" doc:"Login; for administrators. Left out: the caller."`
}

type newDeputyInput struct {
	Body struct {
		For   string    `json:"for,omitempty" maxLength:"100" doc:"Login; for administrators. Left out: the caller."`
		By    string    `json:"by" minLength:"1" maxLength:"100" doc:"Login of the deputy."`
		From  time.Time `json:"from,omitempty" doc:"Left out: now."`
		Until time.Time `json:"until"`
		App   string    `json:"app,omitempty" maxLength:"60" doc:"Only tickets of this app."`
		Note  string    `json:"note,omitempty" maxLength:"2000"`
	}
}

// registerNotices adds what people are told beside their tasks, and who stands in for them.
func (s *Server) registerNotices() {
	add(s, route{Method: http.MethodGet, Path: "/inbox/notices", ID: "listNotices", Tag: "tasks", Summary: "What the caller was told, newest first"},
		func(ctx context.Context, in *noticesInput) (*item[ticket.Page[ticket.Notice]], error) {
			return one(s.tickets.Notices(ctx, actorOf(ctx), in.All, in.Before.ID, in.Limit))
		})
	add(s, route{Method: http.MethodPost, Path: "/inbox/notices/{id}/read", ID: "readNotice", Tag: "tasks", Summary: "Say that a notice was read"},
		func(ctx context.Context, in *byID) (*item[ticket.Notice], error) {
			return one(s.tickets.ReadNotice(ctx, actorOf(ctx), in.ID.ID))
		})
	add(s, route{Method: http.MethodGet, Path: "/tickets/{id}/notices", ID: "listTicketNotices", Tag: "tickets", Summary: "Who was told of a ticket, and when they read it"},
		func(ctx context.Context, in *besideInput) (*item[ticket.Page[ticket.Notice]], error) {
			return one(s.tickets.NoticesOf(ctx, actorOf(ctx), in.ID.ID, in.After.ID, in.Limit))
		})
	add(s, route{Method: http.MethodPost, Path: "/tickets/{id}/cc", ID: "copyTo", Tag: "tickets", Summary: "Tell people of a ticket",
		Doc: "They see it from now on; nothing is asked of them."},
		func(ctx context.Context, in *copyInput) (*item[ticket.Notified], error) {
			return one(s.tickets.CopyTo(ctx, actorOf(ctx), in.ID.ID, in.Body.To, in.Body.Body))
		})
	add(s, route{Method: http.MethodPost, Path: "/tickets/{id}/urge", ID: "urge", Tag: "tickets", Summary: "Remind those whom a ticket waits for",
		Doc: "For its requester and who repairs tickets, once an hour; sooner is answered with 429."},
		func(ctx context.Context, in *urgeInput) (*item[ticket.Notified], error) {
			return one(s.tickets.Urge(ctx, actorOf(ctx), in.ID.ID, in.Body.Body))
		})
	add(s, route{Method: http.MethodGet, Path: "/deputies", ID: "listDeputies", Tag: "tasks", Summary: "Who stands in for the caller, and for whom the caller does"},
		func(ctx context.Context, in *deputiesInput) (*page[ticket.Deputy], error) {
			list, err := s.tickets.Deputies(ctx, actorOf(ctx), in.For)
			return paged(list, "", err)
		})
	add(s, route{Method: http.MethodPost, Path: "/deputies", ID: "addDeputy", Tag: "tasks", Summary: "Let somebody stand in for a time", Status: http.StatusCreated,
		Doc: "Tasks that would go to the caller in that time go to the deputy; the history says for whom."},
		func(ctx context.Context, in *newDeputyInput) (*item[ticket.Deputy], error) {
			b := in.Body
			return one(s.tickets.AddDeputy(ctx, actorOf(ctx), ticket.NewDeputy{For: b.For, By: b.By, From: b.From, Until: b.Until, App: b.App, Note: b.Note}))
		})
	add(s, route{Method: http.MethodDelete, Path: "/deputies/{id}", ID: "endDeputy", Tag: "tasks", Summary: "End a deputy's time now"},
		func(ctx context.Context, in *byID) (*struct{}, error) {
			return nil, s.tickets.EndDeputy(ctx, actorOf(ctx), in.ID.ID)
		})
}
