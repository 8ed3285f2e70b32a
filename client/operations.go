package client

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// Operation is what an operator does to a ticket of others.
type Operation struct {
	Do        string `json:"do"`                  // suspend, resume, move, set, cancel, restart
	Reason    string `json:"reason"`              // required
	Element   string `json:"element,omitempty"`   // move, restart: where to; set: whose scope
	From      string `json:"from,omitempty"`      // move: whose token
	Variables any    `json:"variables,omitempty"` // set, move, restart: anything that is a JSON object
}

// Operated answers OperateTicket.
type Operated struct {
	Ticket    string `json:"ticket"`
	Do        string `json:"do"`
	Status    string `json:"status"`
	Suspended bool   `json:"suspended"`
	Version   int    `json:"version"`
	New       string `json:"new"`    // restart of an ended ticket
	Number    string `json:"number"` // of the new ticket
}

// BulkOperation is an operation on the tickets that a filter finds.
type BulkOperation struct {
	Operation
	Filter  OperationFilter `json:"filter,omitzero"`
	Tickets []string        `json:"tickets,omitempty"` // only these
	Limit   int             `json:"limit,omitempty"`   // 0: 1000
}

// OperationFilter finds tickets; without a status open ones, for a restart all.
type OperationFilter struct {
	App       string   `json:"app,omitempty"`
	Kind      string   `json:"kind,omitempty"`
	Status    string   `json:"status,omitempty"`
	Requester string   `json:"requester,omitempty"`
	Search    string   `json:"search,omitempty"`
	Fields    []string `json:"fields,omitempty"` // NAME:OP:VALUE
}

// Counted answers CountOperation.
type Counted struct {
	Tickets int  `json:"tickets"`
	More    bool `json:"more"` // the filter finds more than the limit
}

// Run is an operation on many tickets, or a migration.
type Run struct {
	ID      string    `json:"id"`
	Do      string    `json:"do"`
	App     string    `json:"app"`
	Reason  string    `json:"reason"`
	By      Person    `json:"by"`
	Status  string    `json:"status"` // running, paused, done, cancelled
	Total   int       `json:"total"`
	Waiting int       `json:"waiting"`
	Done    int       `json:"done"`
	Failed  int       `json:"failed"`
	Created time.Time `json:"created"`
	Ended   time.Time `json:"ended"`
}

// RunItem is one ticket of a Run.
type RunItem struct {
	Ticket  string    `json:"ticket"`
	Number  string    `json:"number"`
	Outcome string    `json:"outcome"` // waiting, done, failed
	Cause   string    `json:"cause"`
	At      time.Time `json:"at"`
}

// Cause is why tickets cannot be changed.
type Cause struct {
	Element string `json:"element"`
	Reason  string `json:"reason"`
	Count   int    `json:"count"`
}

// OperateTicket does an operation.
func (c *Client) OperateTicket(ctx context.Context, ticket string, op Operation) (Operated, error) {
	return send[Operated](ctx, c, http.MethodPost, "/tickets/"+url.PathEscape(ticket)+"/operate", op)
}

// CountOperation says how many tickets an operation would be done to.
func (c *Client) CountOperation(ctx context.Context, b BulkOperation) (Counted, error) {
	return send[Counted](ctx, c, http.MethodPost, "/operations/count", b)
}

// StartOperation begins an operation on many tickets.
func (c *Client) StartOperation(ctx context.Context, b BulkOperation) (Run, error) {
	return send[Run](ctx, c, http.MethodPost, "/operations", b)
}

// Operations lists operations on many tickets, newest first; with do only those of it.
func (c *Client) Operations(ctx context.Context, do string, p Paging) (Page[Run], error) {
	q := p.query()
	set(q, "do", do)
	return get[Page[Run]](ctx, c, "/operations", q)
}

// Operation says how far one is.
func (c *Client) Operation(ctx context.Context, id string) (Run, error) {
	return get[Run](ctx, c, "/operations/"+url.PathEscape(id), nil)
}

// OperationTickets lists its tickets; with an outcome only those.
func (c *Client) OperationTickets(ctx context.Context, id, outcome string, p Paging) (Page[RunItem], error) {
	q := p.query()
	set(q, "outcome", outcome)
	return get[Page[RunItem]](ctx, c, "/operations/"+url.PathEscape(id)+"/tickets", q)
}

// OperationCauses counts why tickets failed.
func (c *Client) OperationCauses(ctx context.Context, id string) ([]Cause, error) {
	page, err := get[Page[Cause]](ctx, c, "/operations/"+url.PathEscape(id)+"/causes", nil)
	return page.Items, err
}

// TurnOperation pauses, resumes or cancels an operation.
func (c *Client) TurnOperation(ctx context.Context, id, verb, reason string) (Run, error) {
	body := struct {
		Reason string `json:"reason,omitempty"`
	}{reason}
	return send[Run](ctx, c, http.MethodPost, "/operations/"+url.PathEscape(id)+"/"+url.PathEscape(verb), body)
}

// Migration is how the open tickets of one version of an app go to another.
type Migration struct {
	App      string             `json:"app"`
	From     int                `json:"from"`
	To       int                `json:"to,omitempty"` // 0: the active version
	Mappings []MigrationMapping `json:"mappings,omitempty"`
	Renew    []string           `json:"renew,omitempty"` // events that are armed again from the new model
}

// MigrationMapping says where an element or a sequence flow of the old version is in the new one.
type MigrationMapping struct {
	Process string `json:"process,omitempty"`
	From    string `json:"from"`
	To      string `json:"to"`
}

// MigrationPlan is a Migration worked out.
type MigrationPlan struct {
	App       string `json:"app"`
	From      int    `json:"from"`
	To        int    `json:"to"`
	Processes []struct {
		Process  string         `json:"process"`
		Problem  string         `json:"problem"`
		Elements []MigrationFit `json:"elements"`
	} `json:"processes"`
	Problems []string `json:"problems"`
}

// MigrationFit is what becomes of one element.
type MigrationFit struct {
	From   string `json:"from"`
	Name   string `json:"name"`
	Kind   string `json:"kind"`
	To     string `json:"to"` // empty: what waits there cannot follow
	Why    string `json:"why"`
	Chosen bool   `json:"chosen"`
}

// Survey is what a migration would do to tickets that are open now.
type Survey struct {
	Examined int     `json:"examined"`
	Follow   int     `json:"follow"`
	Causes   []Cause `json:"causes"`
	Stay     []struct {
		Ticket  string `json:"ticket"`
		Number  string `json:"number"`
		Element string `json:"element"`
		Reason  string `json:"reason"`
	} `json:"stay"`
	Next string `json:"next"` // more are open
}

// PlanMigration works a migration out.
func (c *Client) PlanMigration(ctx context.Context, m Migration) (MigrationPlan, error) {
	return send[MigrationPlan](ctx, c, http.MethodPost, "/migrations/plan", m)
}

// DryRunMigration tries a migration on open tickets after one, at most limit of them; 0: 5000.
func (c *Client) DryRunMigration(ctx context.Context, m Migration, after string, limit int) (Survey, error) {
	body := struct {
		Migration
		After string `json:"after,omitempty"`
		Limit int    `json:"limit,omitempty"`
	}{m, after, limit}
	return send[Survey](ctx, c, http.MethodPost, "/migrations/dry-run", body)
}

// StartMigration begins a migration, of the oldest so many tickets when limit is not 0.
func (c *Client) StartMigration(ctx context.Context, m Migration, reason string, limit int) (Run, error) {
	body := struct {
		Migration
		Reason string `json:"reason"`
		Limit  int    `json:"limit,omitempty"`
	}{m, reason, limit}
	return send[Run](ctx, c, http.MethodPost, "/migrations", body)
}
