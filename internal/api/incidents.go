package api

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/paceline/paceline/internal/ticket"
)

// IncidentFilter narrows a list of incidents.
type IncidentFilter struct {
	Ticket     idParam `query:"ticket"`
	Definition idParam `query:"definition" doc:"The process in a version of its app."`
	Element    string  `query:"element" maxLength:"250"`
	Code       string  `query:"code" maxLength:"250"`
}

func (f IncidentFilter) filter() ticket.IncidentFilter {
	return ticket.IncidentFilter{Ticket: f.Ticket.ID, Definition: f.Definition.ID, Element: f.Element, Code: f.Code}
}

type incidentsInput struct {
	IncidentFilter
	After idParam `query:"after" doc:"The next of the page before."`
	Limit int     `query:"limit" minimum:"1" maximum:"200"`
}

// Repair is what is done about an incident.
type Repair struct {
	Variables json.RawMessage `json:"variables,omitempty" doc:"Object: variables of the process to set before."`
	Note      string          `json:"note,omitempty" maxLength:"2000" doc:"A remark for the history."`
}

func (r Repair) repair() ticket.Repair { return ticket.Repair{Vars: r.Variables, Note: r.Note} }

type retryInput struct {
	ID   idParam `path:"id"`
	Body Repair
}

type skipInput struct {
	ID   idParam `path:"id"`
	Body struct {
		Repair
		To string `json:"to,omitempty" maxLength:"250" doc:"Element to go on at; left out: where the only flow of the failed one leads."`
	}
}

// BulkRepair is what is done about the incidents of a cause or filter.
type BulkRepair struct {
	Repair
	Cause      string   `json:"cause,omitempty" maxLength:"40" doc:"Of an incident group."`
	Ticket     *idParam `json:"ticket,omitempty"`
	Definition *idParam `json:"definition,omitempty"`
	Element    string   `json:"element,omitempty" maxLength:"250"`
	Code       string   `json:"code,omitempty" maxLength:"250"`
	Limit      int      `json:"limit,omitempty" minimum:"1" maximum:"500" default:"100"`
}

type retryAllInput struct {
	Body BulkRepair
}

type skipAllInput struct {
	Body struct {
		BulkRepair
		To string `json:"to,omitempty" maxLength:"250" doc:"Element to go on at; left out: where the only flow of the failed one leads."`
	}
}

func (b BulkRepair) bulk() ticket.BulkRepair {
	r := ticket.BulkRepair{Cause: b.Cause, Repair: b.repair(), Limit: b.Limit}
	r.Filter = ticket.IncidentFilter{Element: b.Element, Code: b.Code}
	if b.Ticket != nil {
		r.Filter.Ticket = b.Ticket.ID
	}
	if b.Definition != nil {
		r.Filter.Definition = b.Definition.ID
	}
	return r
}

func (s *Server) registerIncidents() {
	add(s, route{Method: http.MethodGet, Path: "/incidents", ID: "listIncidents", Tag: "incidents", Summary: "What cannot go on without a person, oldest first"},
		func(ctx context.Context, in *incidentsInput) (*item[ticket.Page[ticket.Incident]], error) {
			return one(s.tickets.Incidents(ctx, actorOf(ctx), in.filter(), in.After.ID, in.Limit))
		})
	add(s, route{Method: http.MethodGet, Path: "/incidents/groups", ID: "listIncidentGroups", Tag: "incidents", Summary: "The causes of incidents, the most frequent first",
		Doc: "Incidents with the same process, element, code and message are one group. Looks at the 10,000 oldest incidents."},
		func(ctx context.Context, in *IncidentFilter) (*page[ticket.IncidentGroup], error) {
			groups, err := s.tickets.IncidentGroups(ctx, actorOf(ctx), in.filter())
			return paged(groups, "", err)
		})
	add(s, route{Method: http.MethodPost, Path: "/incidents/{id}/retry", ID: "retryIncident", Tag: "incidents", Summary: "Do again what an incident has stopped", MaxBody: formBody},
		func(ctx context.Context, in *retryInput) (*item[ticket.Retried], error) {
			return one(s.tickets.Retry(ctx, actorOf(ctx), in.ID.ID, in.Body.repair()))
		})
	add(s, route{Method: http.MethodPost, Path: "/incidents/{id}/skip", ID: "skipIncident", Tag: "incidents", Summary: "Go on behind what has failed", MaxBody: formBody,
		Doc: "What the element would have done or set is not done; set its variables here."},
		func(ctx context.Context, in *skipInput) (*item[ticket.Retried], error) {
			return one(s.tickets.Skip(ctx, actorOf(ctx), in.ID.ID, in.Body.To, in.Body.repair()))
		})
	add(s, route{Method: http.MethodPost, Path: "/incidents/retry", ID: "retryIncidents", Tag: "incidents", Summary: "Retry the incidents of a cause or filter", MaxBody: formBody,
		Doc: "Each incident is retried by itself, oldest first, and what fails hurts no other. A repeat under the same Idempotency-Key goes on where the first has stopped."},
		func(ctx context.Context, in *retryAllInput) (*item[ticket.Repaired], error) {
			return one(s.tickets.RepairAll(ctx, actorOf(ctx), in.Body.bulk()))
		})
	add(s, route{Method: http.MethodPost, Path: "/incidents/skip", ID: "skipIncidents", Tag: "incidents", Summary: "Go on behind what has failed, for the incidents of a cause or filter", MaxBody: formBody,
		Doc: "As retrying them together."},
		func(ctx context.Context, in *skipAllInput) (*item[ticket.Repaired], error) {
			b := in.Body.bulk()
			b.Skip, b.To = true, in.Body.To
			return one(s.tickets.RepairAll(ctx, actorOf(ctx), b))
		})
}
