package client

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// Task is an open task as its page shows it.
type Task struct {
	Item
	Outcomes []string `json:"outcomes"` // the ways to complete it; empty: just done
	// OutcomeNames are what people read for the outcomes.
	OutcomeNames map[string]string `json:"outcomeNames"`
	Form         *Form             `json:"form"`
	May          []string          `json:"may"` // claim, unclaim, complete, delegate, transfer, return
	ReturnTo     []ReturnTarget    `json:"returnTo"`
	Problem      string            `json:"problem"`
	Signers      []Signer          `json:"signers"` // of an approval group
}

// Signer is a member of an approval group.
type Signer struct {
	Member  string    `json:"member"` // a login, or group:NAME ... for one of its people
	Name    string    `json:"name"`
	Weight  int       `json:"weight"`
	Veto    bool      `json:"veto"`
	AddedBy string    `json:"addedBy"`
	After   []string  `json:"after"` // members who vote before
	State   string    `json:"state"` // waits, asked, agreed, rejected, abstained, removed
	By      string    `json:"by"`
	Outcome string    `json:"outcome"`
	Why     string    `json:"why"`
	At      time.Time `json:"at"`
}

// ReturnTarget is a passed step that work can be returned to.
type ReturnTarget struct {
	Element string `json:"element"`
	Name    string `json:"name"`
	By      string `json:"by"`
}

// Acted answers everything that is done to a task.
type Acted struct {
	Ticket   string  `json:"ticket"`
	Task     string  `json:"task"`
	Version  int     `json:"version"`
	Assignee *Person `json:"assignee"`
	Status   string  `json:"status"` // of the ticket
}

// Task shows an open task.
func (c *Client) Task(ctx context.Context, id string) (Task, error) {
	return get[Task](ctx, c, "/tasks/"+url.PathEscape(id), nil)
}

// Completion is how a task is completed.
type Completion struct {
	Version int    `json:"version,omitempty"` // of the task as it was shown; 0: as it is now
	Outcome string `json:"outcome,omitempty"`
	Data    any    `json:"data,omitempty"` // the form's values: anything that is a JSON object
	Note    string `json:"note,omitempty"`
}

// HandOver gives a task to somebody.
type HandOver struct {
	Version int    `json:"version,omitempty"`
	To      string `json:"to"` // login
	Note    string `json:"note,omitempty"`
}

// Return sends work back to a step that was passed.
type Return struct {
	Version  int    `json:"version,omitempty"`
	To       string `json:"to,omitempty"`       // element id; empty: the nearest
	Straight bool   `json:"straight,omitempty"` // come back here without the steps between
	Note     string `json:"note,omitempty"`
}

// AddSigners asks more people in the approval group of a task.
type AddSigners struct {
	Version int      `json:"version,omitempty"`
	Who     []string `json:"who"`             // logins
	Where   string   `json:"where,omitempty"` // before, beside or after the caller; empty: beside
	Note    string   `json:"note,omitempty"`
}

// RemoveSigner takes a member who has not voted out of the approval group of a task.
type RemoveSigner struct {
	Version int    `json:"version,omitempty"`
	Who     string `json:"who"` // a Signer's Member
	Note    string `json:"note,omitempty"`
}

// Claim takes a free task. version is that of the task as it was shown; 0: as it is now.
func (c *Client) Claim(ctx context.Context, task string, version int) (Acted, error) {
	return c.act(ctx, task, "claim", map[string]int{"version": version})
}

// Unclaim puts a task back for its candidates.
func (c *Client) Unclaim(ctx context.Context, task string, version int) (Acted, error) {
	return c.act(ctx, task, "unclaim", map[string]int{"version": version})
}

// Complete does a task.
func (c *Client) Complete(ctx context.Context, task string, how Completion) (Acted, error) {
	return c.act(ctx, task, "complete", how)
}

// Transfer gives a task to somebody else for good.
func (c *Client) Transfer(ctx context.Context, task string, h HandOver) (Acted, error) {
	return c.act(ctx, task, "transfer", h)
}

// Delegate lets somebody do a task; it comes back.
func (c *Client) Delegate(ctx context.Context, task string, h HandOver) (Acted, error) {
	return c.act(ctx, task, "delegate", h)
}

// ReturnTask sends the work back.
func (c *Client) ReturnTask(ctx context.Context, task string, r Return) (Acted, error) {
	return c.act(ctx, task, "return", r)
}

// AddSigners asks more people.
func (c *Client) AddSigners(ctx context.Context, task string, a AddSigners) (Acted, error) {
	return c.act(ctx, task, "signers", a)
}

// RemoveSigner asks one less.
func (c *Client) RemoveSigner(ctx context.Context, task string, r RemoveSigner) (Acted, error) {
	return c.act(ctx, task, "signers/remove", r)
}

func (c *Client) act(ctx context.Context, task, verb string, body any) (Acted, error) {
	return send[Acted](ctx, c, http.MethodPost, "/tasks/"+url.PathEscape(task)+"/"+verb, body)
}
