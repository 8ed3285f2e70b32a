package api

import (
	"context"
	"net/http"

	"github.com/paceline/paceline/internal/ticket"
)

type besideInput struct {
	ID    idParam `path:"id"`
	After idParam `query:"after" doc:"The next of the page before."`
	Limit int     `query:"limit" minimum:"1" maximum:"200"`
}

type newComment struct {
	ID   idParam `path:"id"`
	Body struct {
		Body string `json:"body" minLength:"1" maxLength:"10000" doc:"Plain text."`
	}
}

type newWork struct {
	ID   idParam `path:"id"`
	Body struct {
		Minutes int    `json:"minutes" minimum:"1" maximum:"1440"`
		Body    string `json:"body,omitempty" maxLength:"10000" doc:"What the time was spent on."`
	}
}

type watcherInput struct {
	ID   idParam `path:"id"`
	User idParam `path:"user"`
}

// registerConversation adds what people write beside a ticket's form.
func (s *Server) registerConversation() {
	add(s, route{Method: http.MethodGet, Path: "/tickets/{id}/comments", ID: "listComments", Tag: "tickets", Summary: "Comments, oldest first"},
		func(ctx context.Context, in *besideInput) (*item[ticket.Page[ticket.Comment]], error) {
			return one(s.tickets.Comments(ctx, actorOf(ctx), in.ID.ID, in.After.ID, in.Limit))
		})
	add(s, route{Method: http.MethodPost, Path: "/tickets/{id}/comments", ID: "comment", Tag: "tickets", Summary: "Add a comment", Status: http.StatusCreated},
		func(ctx context.Context, in *newComment) (*item[ticket.Added], error) {
			return one(s.tickets.Comment(ctx, actorOf(ctx), in.ID.ID, in.Body.Body))
		})
	add(s, route{Method: http.MethodGet, Path: "/tickets/{id}/worklog", ID: "listWorklog", Tag: "tickets", Summary: "Time spent, oldest first"},
		func(ctx context.Context, in *besideInput) (*item[ticket.Page[ticket.Work]], error) {
			return one(s.tickets.Worklog(ctx, actorOf(ctx), in.ID.ID, in.After.ID, in.Limit))
		})
	add(s, route{Method: http.MethodPost, Path: "/tickets/{id}/worklog", ID: "logWork", Tag: "tickets", Summary: "Log time spent",
		Doc: "Entries are never changed; correct one by another.", Status: http.StatusCreated},
		func(ctx context.Context, in *newWork) (*item[ticket.Added], error) {
			return one(s.tickets.LogWork(ctx, actorOf(ctx), in.ID.ID, in.Body.Minutes, in.Body.Body))
		})
	add(s, route{Method: http.MethodGet, Path: "/tickets/{id}/watchers", ID: "listWatchers", Tag: "tickets", Summary: "Who watches a ticket"},
		func(ctx context.Context, in *byID) (*page[ticket.Person], error) {
			people, err := s.tickets.Watchers(ctx, actorOf(ctx), in.ID.ID)
			return paged(people, "", err)
		})
	add(s, route{Method: http.MethodPut, Path: "/tickets/{id}/watchers/{user}", ID: "watch", Tag: "tickets", Summary: "Let a user watch a ticket",
		Doc: "Whoever watches a ticket sees it from now on."},
		func(ctx context.Context, in *watcherInput) (*item[ticket.Watching], error) {
			return one(s.tickets.Watch(ctx, actorOf(ctx), in.ID.ID, in.User.ID))
		})
	add(s, route{Method: http.MethodDelete, Path: "/tickets/{id}/watchers/{user}", ID: "unwatch", Tag: "tickets", Summary: "End a user's watching"},
		func(ctx context.Context, in *watcherInput) (*item[ticket.Watching], error) {
			return one(s.tickets.Unwatch(ctx, actorOf(ctx), in.ID.ID, in.User.ID))
		})
}
