package api

import (
	"context"
	"net/http"

	"github.com/paceline/paceline/internal/ticket"
)

type inboxInput struct {
	PageInput
	Queue  string `query:"queue" enum:"mine,group" default:"mine" doc:"mine: assigned to the caller; group: free, for the caller or somebody like them."`
	App    string `query:"app"`
	Kind   string `query:"kind"`
	Search string `query:"search" maxLength:"200" doc:"Part of the ticket's number or title."`
	Sort   string `query:"sort" enum:"newest,oldest,due,priority" default:"newest"`
}

func (s *Server) registerInbox() {
	add(s, route{Method: http.MethodGet, Path: "/inbox", ID: "inbox", Tag: "tasks", Summary: "What the caller can work on"},
		func(ctx context.Context, in *inboxInput) (*item[ticket.Page[ticket.Item]], error) {
			return one(s.tickets.Inbox(ctx, actorOf(ctx), ticket.InboxQuery{
				Queue: ticket.Queue(in.Queue), App: in.App, Kind: in.Kind, Search: in.Search,
				Sort: ticket.Sort(in.Sort), After: in.After, Limit: in.Limit,
			}))
		})
	add(s, route{Method: http.MethodGet, Path: "/inbox/counts", ID: "inboxCounts", Tag: "tasks", Summary: "How much waits for the caller"},
		func(ctx context.Context, _ *struct{}) (*item[ticket.Counts], error) {
			return one(s.tickets.Counts(ctx, actorOf(ctx)))
		})
}
