package client

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// Incident is something in a ticket that waits for repair.
type Incident struct {
	ID         string    `json:"id"`
	Ticket     string    `json:"ticket"`
	Instance   string    `json:"instance"`
	Definition string    `json:"definition"` // the process in a version of its app
	Element    string    `json:"element"`
	Code       string    `json:"code"`
	Message    string    `json:"message"`
	Since      time.Time `json:"since"`
}

// IncidentFilter narrows a list of incidents; what is empty does not.
type IncidentFilter struct {
	Ticket     string
	Definition string // the process in a version of its app
	Element    string
	Code       string
}

func (f IncidentFilter) query(p Paging) url.Values {
	q := p.query()
	set(q, "ticket", f.Ticket)
	set(q, "definition", f.Definition)
	set(q, "element", f.Element)
	set(q, "code", f.Code)
	return q
}

// IncidentGroup are the incidents that have one cause.
type IncidentGroup struct {
	Cause      string    `json:"cause"`
	App        string    `json:"app"`
	Definition string    `json:"definition"`
	Element    string    `json:"element"`
	Code       string    `json:"code"`
	Message    string    `json:"message"`
	Count      int       `json:"count"`
	Oldest     time.Time `json:"oldest"`
	Newest     time.Time `json:"newest"`
	Ticket     string    `json:"ticket"` // of the oldest
}

// Repair is what is done about an incident.
type Repair struct {
	Variables any    `json:"variables,omitempty"` // to set before: anything that is a JSON object
	Note      string `json:"note,omitempty"`
}

// BulkRepair names the incidents to repair together: those of one cause, or of a filter.
type BulkRepair struct {
	Repair
	Cause      string `json:"cause,omitempty"`
	Ticket     string `json:"ticket,omitempty"`
	Definition string `json:"definition,omitempty"`
	Element    string `json:"element,omitempty"`
	Code       string `json:"code,omitempty"`
	Limit      int    `json:"limit,omitempty"` // 0: 100
}

// Retried answers what was done about one incident.
type Retried struct {
	Ticket   string `json:"ticket"`
	Incident string `json:"incident"`
}

// Repaired answers RetryIncidents and SkipIncidents.
type Repaired struct {
	Done   []Retried     `json:"done"`
	Failed []NotRepaired `json:"failed"`
	More   bool          `json:"more"` // there are more of them: ask again
}

// NotRepaired is an incident that was left as it is.
type NotRepaired struct {
	Retried
	Reason string `json:"reason"`
}

// Incidents lists what cannot go on without a person, oldest first.
func (c *Client) Incidents(ctx context.Context, f IncidentFilter, p Paging) (Page[Incident], error) {
	return get[Page[Incident]](ctx, c, "/incidents", f.query(p))
}

// IncidentGroups lists the causes, the most frequent first.
func (c *Client) IncidentGroups(ctx context.Context, f IncidentFilter) ([]IncidentGroup, error) {
	page, err := get[Page[IncidentGroup]](ctx, c, "/incidents/groups", f.query(Paging{}))
	return page.Items, err
}

// RetryIncident does again what an incident has stopped.
func (c *Client) RetryIncident(ctx context.Context, incident string, r Repair) (Retried, error) {
	return send[Retried](ctx, c, http.MethodPost, "/incidents/"+url.PathEscape(incident)+"/retry", r)
}

// SkipIncident goes on behind the element that has failed: at to, or where its only flow leads.
func (c *Client) SkipIncident(ctx context.Context, incident, to string, r Repair) (Retried, error) {
	body := struct {
		Repair
		To string `json:"to,omitempty"`
	}{r, to}
	return send[Retried](ctx, c, http.MethodPost, "/incidents/"+url.PathEscape(incident)+"/skip", body)
}

// RetryIncidents retries many.
func (c *Client) RetryIncidents(ctx context.Context, r BulkRepair) (Repaired, error) {
	return send[Repaired](ctx, c, http.MethodPost, "/incidents/retry", r)
}

// SkipIncidents skips many: at to, or where the only flow of each failed element leads.
func (c *Client) SkipIncidents(ctx context.Context, r BulkRepair, to string) (Repaired, error) {
	body := struct {
		BulkRepair
		To string `json:"to,omitempty"`
	}{r, to}
	return send[Repaired](ctx, c, http.MethodPost, "/incidents/skip", body)
}
