package client

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"time"
)

// Entry is one line of a ticket's history.
type Entry struct {
	Instance string         `json:"instance"` // the ticket, or a process that it called
	Seq      int64          `json:"seq"`
	At       time.Time      `json:"at"`
	Actor    Person         `json:"actor"` // id 0: the system
	Kind     string         `json:"kind"`
	Detail   map[string]any `json:"detail"`
	Note     string         `json:"note"`
	Moments  []Moment       `json:"moments"`
}

// Moment is what happened to one element.
type Moment struct {
	What string `json:"what"` // entered, completed, cancelled
	Node string `json:"node"`
	Name string `json:"name"`
	Turn int    `json:"turn"`
}

// History tells what happened in a ticket, oldest first.
func (c *Client) History(ctx context.Context, ticket string, p Paging) (Page[Entry], error) {
	return get[Page[Entry]](ctx, c, ticketPath(ticket, "/history"), p.query())
}

func ticketPath(id, rest string) string { return "/tickets/" + url.PathEscape(id) + rest }

// ExportTickets writes the tickets of a query as CSV; After and Limit do not count.
func (c *Client) ExportTickets(ctx context.Context, q TicketQuery, w io.Writer) error {
	q.Paging = Paging{}
	res, err := c.do(ctx, call{method: http.MethodGet, path: "/exports/tickets", query: q.values()})
	if err != nil {
		return err
	}
	defer res.Body.Close()
	_, err = io.Copy(w, res.Body)
	return err
}

// Comment is something a person wrote beside the form.
type Comment struct {
	ID     string    `json:"id"`
	Author Person    `json:"author"`
	At     time.Time `json:"at"`
	Body   string    `json:"body"`
}

// Work is an entry of the worklog.
type Work struct {
	ID      string    `json:"id"`
	Author  Person    `json:"author"`
	At      time.Time `json:"at"`
	Minutes int       `json:"minutes"`
	Body    string    `json:"body"`
}

// Added answers Comment and LogWork.
type Added struct {
	ID string `json:"id"`
}

// Comment adds a comment to a ticket.
func (c *Client) Comment(ctx context.Context, ticket, body string) (Added, error) {
	return send[Added](ctx, c, http.MethodPost, ticketPath(ticket, "/comments"), map[string]string{"body": body})
}

// Comments lists the comments of a ticket, oldest first.
func (c *Client) Comments(ctx context.Context, ticket string, p Paging) (Page[Comment], error) {
	return get[Page[Comment]](ctx, c, ticketPath(ticket, "/comments"), p.query())
}

// LogWork logs time spent on a ticket.
func (c *Client) LogWork(ctx context.Context, ticket string, minutes int, body string) (Added, error) {
	return send[Added](ctx, c, http.MethodPost, ticketPath(ticket, "/worklog"), map[string]any{"minutes": minutes, "body": body})
}

// Worklog lists the time spent on a ticket, oldest first.
func (c *Client) Worklog(ctx context.Context, ticket string, p Paging) (Page[Work], error) {
	return get[Page[Work]](ctx, c, ticketPath(ticket, "/worklog"), p.query())
}

// Watchers lists who watches a ticket.
func (c *Client) Watchers(ctx context.Context, ticket string) ([]Person, error) {
	list, err := get[Page[Person]](ctx, c, ticketPath(ticket, "/watchers"), nil)
	return list.Items, err
}

// Watch lets a user watch a ticket.
func (c *Client) Watch(ctx context.Context, ticket, user string) error {
	_, err := send[nothing](ctx, c, http.MethodPut, ticketPath(ticket, "/watchers/")+url.PathEscape(user), nil)
	return err
}

// Unwatch ends a user's watching.
func (c *Client) Unwatch(ctx context.Context, ticket, user string) error {
	_, err := send[nothing](ctx, c, http.MethodDelete, ticketPath(ticket, "/watchers/")+url.PathEscape(user), nil)
	return err
}
