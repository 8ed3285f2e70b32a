package client

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"time"
)

// Ticket is one ticket of a list.
type Ticket struct {
	ID        string    `json:"id"`
	Number    string    `json:"number"`
	App       string    `json:"app"`
	Kind      string    `json:"kind"`
	KindName  string    `json:"kindName"`
	Version   int       `json:"version"` // of the app
	Title     string    `json:"title"`
	Requester Person    `json:"requester"`
	Status    string    `json:"status"` // open, closed, cancelled, failed
	Created   time.Time `json:"created"`
	Updated   time.Time `json:"updated"`
	Closed    time.Time `json:"closed"`
	Steps     []Step    `json:"steps"` // what waits for people now
}

// Step is an open task of a ticket.
type Step struct {
	Task     string    `json:"task"`
	Element  string    `json:"element"`
	Name     string    `json:"name"`
	Assignee *Person   `json:"assignee"`
	Since    time.Time `json:"since"`
	Due      time.Time `json:"due"`
}

// TicketView is a ticket as its page shows it.
type TicketView struct {
	Ticket
	Form      *Form      `json:"form"`
	Incidents []Incident `json:"incidents"`
	Watching  bool       `json:"watching"`
	Suspended bool       `json:"suspended"`
	May       []string   `json:"may"`
}

// Form is a form with the data that may be seen in it.
type Form struct {
	Name    string              `json:"name"`
	Schema  json.RawMessage     `json:"schema"` // form-js JSON
	Rights  map[string]string   `json:"rights"` // of each field that shows: read, edit, required
	Data    json.RawMessage     `json:"data"`
	Choices map[string][]Choice `json:"choices"` // of fields that take them from records
}

// Draft is a ticket to be opened.
type Draft struct {
	App  string `json:"app"`
	Kind string `json:"kind"`
	Data any    `json:"data,omitempty"` // the form's values: anything that is a JSON object
	Note string `json:"note,omitempty"`
}

// Opened answers OpenTicket.
type Opened struct {
	ID     string `json:"id"`
	Number string `json:"number"`
	Title  string `json:"title"`
	Status string `json:"status"`
}

// Offer is a kind of ticket that the user may open.
type Offer struct {
	App         string `json:"app"`
	AppName     string `json:"appName"`
	Version     int    `json:"version"`
	Kind        string `json:"kind"`
	Name        string `json:"name"`
	Description string `json:"description"`
	Icon        string `json:"icon"`
}

// Catalogue lists what the user may open.
func (c *Client) Catalogue(ctx context.Context) ([]Offer, error) {
	list, err := get[Page[Offer]](ctx, c, "/catalogue", nil)
	return list.Items, err
}

// StartForm is the form that opens a ticket of a kind, with its defaults; nil where the
// kind has none.
func (c *Client) StartForm(ctx context.Context, app, kind string) (*Form, error) {
	start, err := get[struct {
		Form *Form `json:"form"`
	}](ctx, c, "/catalogue/"+url.PathEscape(app)+"/"+url.PathEscape(kind)+"/form", nil)
	return start.Form, err
}

// OpenTicket opens a ticket.
func (c *Client) OpenTicket(ctx context.Context, d Draft) (Opened, error) {
	return send[Opened](ctx, c, http.MethodPost, "/tickets", d)
}

// TicketQuery narrows and orders a list of tickets.
type TicketQuery struct {
	App       string
	Kind      string
	Status    string
	Requester string
	Watching  bool
	Search    string
	Fields    []string // NAME:OP:VALUE
	Sort      string   // newest, oldest
	Paging
}

func (q TicketQuery) values() url.Values {
	v := q.Paging.query()
	set(v, "app", q.App)
	set(v, "kind", q.Kind)
	set(v, "status", q.Status)
	set(v, "requester", q.Requester)
	set(v, "search", q.Search)
	set(v, "sort", q.Sort)
	if q.Watching {
		v.Set("watching", "true")
	}
	for _, f := range q.Fields {
		v.Add("field", f)
	}
	return v
}

// Tickets lists the tickets that the user may see.
func (c *Client) Tickets(ctx context.Context, q TicketQuery) (Page[Ticket], error) {
	return get[Page[Ticket]](ctx, c, "/tickets", q.values())
}

// Ticket shows one ticket.
func (c *Client) Ticket(ctx context.Context, id string) (TicketView, error) {
	return get[TicketView](ctx, c, "/tickets/"+url.PathEscape(id), nil)
}

// FindTicket finds the id of the ticket with a number.
func (c *Client) FindTicket(ctx context.Context, number string) (id string, err error) {
	found, err := get[struct {
		ID string `json:"id"`
	}](ctx, c, "/numbers/"+url.PathEscape(number), nil)
	return found.ID, err
}

// Ended answers WithdrawTicket and CancelTicket.
type Ended struct {
	Ticket string `json:"ticket"`
	Status string `json:"status"`
}

// WithdrawTicket takes back the own last step, while nobody has acted since.
func (c *Client) WithdrawTicket(ctx context.Context, id, reason string) (Ended, error) {
	return send[Ended](ctx, c, http.MethodPost, "/tickets/"+url.PathEscape(id)+"/withdraw", map[string]string{"reason": reason})
}

// CancelTicket ends a ticket.
func (c *Client) CancelTicket(ctx context.Context, id, reason string) (Ended, error) {
	return send[Ended](ctx, c, http.MethodPost, "/tickets/"+url.PathEscape(id)+"/cancel", map[string]string{"reason": reason})
}
