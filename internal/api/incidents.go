package api

import (
	"context"
	"net/http"

	"github.com/paceline/paceline/internal/ticket"
)

type incidentsInput struct {
	After idParam `query:"after" doc:"The next of the page before."`
	Limit int     `query:"limit" minimum:"1" maximum:"200"`
}

type retryInput struct {
	ID   idParam `path:"id"`
	Body struct {
		Note string `json:"note,omitempty" maxLength:"2000" doc:"A remark for the history."`
	}
}

func (s *Server) registerIncidents() {
	add(s, route{Method: http.MethodGet, Path: "/incidents", ID: "listIncidents", Tag: "incidents", Summary: "What cannot go on without a person, oldest first"},
		func(ctx context.Context, in *incidentsInput) (*item[ticket.Page[ticket.Incident]], error) {
			return one(s.tickets.Incidents(ctx, actorOf(ctx), in.After.ID, in.Limit))
		})
	add(s, route{Method: http.MethodPost, Path: "/incidents/{id}/retry", ID: "retryIncident", Tag: "incidents", Summary: "Do again what an incident has stopped"},
		func(ctx context.Context, in *retryInput) (*item[ticket.Retried], error) {
			return one(s.tickets.Retry(ctx, actorOf(ctx), in.ID.ID, in.Body.Note))
		})
}
