package client

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Calendar is a business calendar in one revision.
type Calendar struct {
	Name     string              `json:"name"`
	Title    string              `json:"title,omitempty"`
	Zone     string              `json:"zone"`
	Week     map[string][]string `json:"week"`
	Holidays []Holiday           `json:"holidays,omitempty"`
	Extra    []ExtraDay          `json:"extra,omitempty"`
	Default  bool                `json:"default,omitempty"`
	Units    []string            `json:"units,omitempty"`
	Revision int64               `json:"revision"`
	Changed  time.Time           `json:"changed"`
	Author   string              `json:"author"`
	Gone     bool                `json:"gone,omitempty"`
}

// Holiday is a day, or several, without work.
type Holiday struct {
	Date string `json:"date"`
	To   string `json:"to,omitempty"`
	Name string `json:"name,omitempty"`
}

// ExtraDay is a day of work that wins over holidays and the week.
type ExtraDay struct {
	Date  string   `json:"date"`
	Hours []string `json:"hours,omitempty"`
	Name  string   `json:"name,omitempty"`
}

// Calendars lists the business calendars.
func (c *Client) Calendars(ctx context.Context) ([]Calendar, error) {
	page, err := get[Page[Calendar]](ctx, c, "/calendars", nil)
	return page.Items, err
}

// Calendar reads one; revision 0 is the current one.
func (c *Client) Calendar(ctx context.Context, name string, revision int64) (Calendar, error) {
	q := url.Values{}
	if revision != 0 {
		q.Set("revision", strconv.FormatInt(revision, 10))
	}
	return get[Calendar](ctx, c, "/calendars/"+url.PathEscape(name), q)
}

// PutCalendar makes a calendar, or a new revision of one; spec is anything that is the JSON of one.
func (c *Client) PutCalendar(ctx context.Context, name string, spec any) (Calendar, error) {
	return send[Calendar](ctx, c, http.MethodPut, "/calendars/"+url.PathEscape(name), spec)
}

// DeleteCalendar takes a calendar away.
func (c *Client) DeleteCalendar(ctx context.Context, name string) (Calendar, error) {
	return send[Calendar](ctx, c, http.MethodDelete, "/calendars/"+url.PathEscape(name), nil)
}
