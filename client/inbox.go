package client

import (
	"context"
	"net/url"
	"time"
)

// Item is one task of an inbox.
type Item struct {
	Task      string    `json:"task"`
	Version   int       `json:"version"` // to be sent back with what is done to the task
	Element   string    `json:"element"`
	Name      string    `json:"name"`
	Ticket    string    `json:"ticket"`
	Number    string    `json:"number"`
	App       string    `json:"app"`
	Kind      string    `json:"kind"`
	KindName  string    `json:"kindName"`
	Title     string    `json:"title"`
	Requester Person    `json:"requester"`
	Assignee  *Person   `json:"assignee"`
	Owner     *Person   `json:"owner"`
	Priority  int       `json:"priority"`
	Created   time.Time `json:"created"`
	Due       time.Time `json:"due"`
}

// Person is a user as other people see one.
type Person struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// InboxQuery narrows and orders an inbox.
type InboxQuery struct {
	Queue  string // mine or group
	App    string
	Kind   string
	Search string
	Sort   string // newest, oldest, due, priority
	Paging
}

// Inbox lists what the user can work on.
func (c *Client) Inbox(ctx context.Context, q InboxQuery) (Page[Item], error) {
	query := q.Paging.query()
	set(query, "queue", q.Queue)
	set(query, "app", q.App)
	set(query, "kind", q.Kind)
	set(query, "search", q.Search)
	set(query, "sort", q.Sort)
	return get[Page[Item]](ctx, c, "/inbox", query)
}

// Counts are the sizes of the queues; one that reaches Limit means at least so many.
type Counts struct {
	Mine    int `json:"mine"`
	Overdue int `json:"overdue"`
	Group   int `json:"group"`
	Notices int `json:"notices"` // not read yet
	Limit   int `json:"limit"`
}

// InboxCounts counts the user's queues.
func (c *Client) InboxCounts(ctx context.Context) (Counts, error) {
	return get[Counts](ctx, c, "/inbox/counts", url.Values{})
}
