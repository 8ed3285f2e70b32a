package client

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
)

// Event says that something changed: fetch it again.
type Event struct {
	ID    string // rises
	Name  string // inbox, ticket, app; hello at the beginning, refetch when events may have been missed
	Topic string `json:"topic"`
	Key   string `json:"key"`
}

// Listen calls hear for every event until ctx ends, the stream breaks or hear returns
// an error. It hears of the own inbox, of apps, and of the tickets named. lastID is the
// ID of the event heard last, if any: then the first event is a refetch.
func (c *Client) Listen(ctx context.Context, tickets []string, lastID string, hear func(Event) error) error {
	cl := call{method: http.MethodGet, path: "/events", query: url.Values{"ticket": tickets}, lastID: lastID}
	res, err := c.do(ctx, cl)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	var ev Event
	lines := bufio.NewScanner(res.Body)
	for lines.Scan() {
		field, value, _ := strings.Cut(lines.Text(), ": ")
		switch field {
		case "id":
			ev.ID = value
		case "event":
			ev.Name = value
		case "data":
			if err := json.Unmarshal([]byte(value), &ev); err != nil {
				return err
			}
		case "": // the end of an event, or a comment
			if ev.Name == "" {
				continue
			}
			if err := hear(ev); err != nil {
				return err
			}
			ev = Event{}
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return lines.Err()
}
