package client

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// Notice tells somebody of a ticket and asks for nothing.
type Notice struct {
	ID      string    `json:"id"`
	Kind    string    `json:"kind"` // cc, urge, warn, escalate
	Ticket  string    `json:"ticket"`
	Number  string    `json:"number"`
	Title   string    `json:"title"`
	Element string    `json:"element"`
	To      Person    `json:"to"`
	Author  Person    `json:"author"` // id 0: the process itself
	At      time.Time `json:"at"`
	Read    time.Time `json:"read"` // zero until it is read
	Body    string    `json:"body"` // what its author said; of warn and escalate the due time
	Text    string    `json:"text"` // a sentence in the language of who reads it
}

// Notices lists what the user was told, newest first: what is unread, or all of it.
func (c *Client) Notices(ctx context.Context, all bool, p Paging) (Page[Notice], error) {
	q := p.query()
	if all {
		q.Set("all", "true")
	}
	return get[Page[Notice]](ctx, c, "/inbox/notices", q)
}

// ReadNotice says that a notice was read.
func (c *Client) ReadNotice(ctx context.Context, id string) (Notice, error) {
	return send[Notice](ctx, c, http.MethodPost, "/inbox/notices/"+url.PathEscape(id)+"/read", nil)
}

// TicketNotices lists who was told of a ticket, and when they read it.
func (c *Client) TicketNotices(ctx context.Context, ticket string, p Paging) (Page[Notice], error) {
	return get[Page[Notice]](ctx, c, ticketPath(ticket, "/notices"), p.query())
}

// Notified answers CopyTo and Urge.
type Notified struct {
	Told []Person `json:"told"`
}

// CopyTo tells people of a ticket: logins, or terms such as group:NAME.
func (c *Client) CopyTo(ctx context.Context, ticket string, to []string, body string) (Notified, error) {
	return send[Notified](ctx, c, http.MethodPost, ticketPath(ticket, "/cc"), map[string]any{"to": to, "body": body})
}

// Urge reminds those whom a ticket waits for.
func (c *Client) Urge(ctx context.Context, ticket, body string) (Notified, error) {
	return send[Notified](ctx, c, http.MethodPost, ticketPath(ticket, "/urge"), map[string]string{"body": body})
}

// Deputy is who has a person's new tasks for a time.
type Deputy struct {
	ID    string    `json:"id"`
	For   Person    `json:"for"`
	By    Person    `json:"by"`
	From  time.Time `json:"from"`
	Until time.Time `json:"until"`
	App   string    `json:"app"`
	Note  string    `json:"note"`
}

// NewDeputy is a deputy to be named; only administrators set For.
type NewDeputy struct {
	For   string    `json:"for,omitempty"` // login
	By    string    `json:"by"`            // login
	From  time.Time `json:"from,omitzero"` // zero: now
	Until time.Time `json:"until"`
	App   string    `json:"app,omitempty"` // only tickets of this app
	Note  string    `json:"note,omitempty"`
}

// Deputies lists who stands in for the user, or for somebody else, and for whom the user does.
func (c *Client) Deputies(ctx context.Context, of string) ([]Deputy, error) {
	q := url.Values{}
	set(q, "for", of)
	list, err := get[Page[Deputy]](ctx, c, "/deputies", q)
	return list.Items, err
}

// AddDeputy lets somebody stand in.
func (c *Client) AddDeputy(ctx context.Context, d NewDeputy) (Deputy, error) {
	return send[Deputy](ctx, c, http.MethodPost, "/deputies", d)
}

// EndDeputy ends a deputy's time now.
func (c *Client) EndDeputy(ctx context.Context, id string) error {
	_, err := send[nothing](ctx, c, http.MethodDelete, "/deputies/"+url.PathEscape(id), nil)
	return err
}
