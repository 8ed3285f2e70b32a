package client

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Schedule is something that is due again and again. The rest of what it says is in the server's document.
type Schedule struct {
	Name    string    `json:"name"`
	Title   string    `json:"title,omitempty"`
	Cycle   string    `json:"cycle"`
	App     string    `json:"app,omitempty"`
	Paused  bool      `json:"paused"`
	Next    time.Time `json:"next,omitzero"`
	Author  string    `json:"author"`
	Changed time.Time `json:"changed"`
}

// Outcome says what came of a due time, or of a delivery: pending, done, nobody, ignored, skipped or failed.
type Outcome struct {
	State    string `json:"state"`
	Ticket   string `json:"ticket,omitempty"`
	Instance string `json:"instance,omitempty"`
	Reason   string `json:"reason,omitempty"`
}

// ScheduleRun is one due time of a schedule.
type ScheduleRun struct {
	Due time.Time `json:"due"`
	Outcome
}

func schedulePath(name, verb string) string { return "/schedules/" + url.PathEscape(name) + verb }

// Schedules lists them.
func (c *Client) Schedules(ctx context.Context) ([]Schedule, error) {
	page, err := get[Page[Schedule]](ctx, c, "/schedules", nil)
	return page.Items, err
}

// Schedule reads one.
func (c *Client) Schedule(ctx context.Context, name string) (Schedule, error) {
	return get[Schedule](ctx, c, schedulePath(name, ""), nil)
}

// PutSchedule makes or changes one; spec is anything that is the JSON of one.
func (c *Client) PutSchedule(ctx context.Context, name string, spec any) (Schedule, error) {
	return send[Schedule](ctx, c, http.MethodPut, schedulePath(name, ""), spec)
}

// DeleteSchedule takes one away.
func (c *Client) DeleteSchedule(ctx context.Context, name string) (Schedule, error) {
	return send[Schedule](ctx, c, http.MethodDelete, schedulePath(name, ""), nil)
}

// PauseSchedule stops one, ResumeSchedule lets it go on.
func (c *Client) PauseSchedule(ctx context.Context, name string) (Schedule, error) {
	return send[Schedule](ctx, c, http.MethodPost, schedulePath(name, "/pause"), struct{}{})
}

// ResumeSchedule lets a schedule go on.
func (c *Client) ResumeSchedule(ctx context.Context, name string) (Schedule, error) {
	return send[Schedule](ctx, c, http.MethodPost, schedulePath(name, "/resume"), struct{}{})
}

// RunSchedule makes one due now.
func (c *Client) RunSchedule(ctx context.Context, name string) (ScheduleRun, error) {
	return send[ScheduleRun](ctx, c, http.MethodPost, schedulePath(name, "/run"), struct{}{})
}

// ScheduleRuns lists its last due times, newest first.
func (c *Client) ScheduleRuns(ctx context.Context, name string) ([]ScheduleRun, error) {
	page, err := get[Page[ScheduleRun]](ctx, c, schedulePath(name, "/runs"), nil)
	return page.Items, err
}

// PreviewSchedule gives the next due times of a schedule that need not be stored.
func (c *Client) PreviewSchedule(ctx context.Context, spec any, count int) ([]time.Time, error) {
	body, err := json.Marshal(spec)
	if err != nil {
		return nil, err
	}
	page, err := answer[Page[time.Time]](ctx, c, call{
		method: http.MethodPost, path: "/schedules/preview", query: url.Values{"count": {strconv.Itoa(count)}}, body: body,
	})
	return page.Items, err
}

// Hook is a webhook that other systems may call. The rest of what it says is in the server's document.
type Hook struct {
	Name    string       `json:"name"`
	Title   string       `json:"title,omitempty"`
	Preset  string       `json:"preset,omitempty"`
	App     string       `json:"app,omitempty"`
	Path    string       `json:"path"`
	Secrets []HookSecret `json:"secrets"`
	Author  string       `json:"author"`
	Changed time.Time    `json:"changed"`
}

// HookSecret is a secret of a webhook; Secret is told only when it is made.
type HookSecret struct {
	ID     string    `json:"id"`
	Added  time.Time `json:"added"`
	Secret string    `json:"secret,omitempty"`
}

// HookDelivery is a delivery that was taken.
type HookDelivery struct {
	Receipt string    `json:"receipt"`
	At      time.Time `json:"at"`
	Outcome
}

func hookPath(name, verb string) string { return "/hooks/" + url.PathEscape(name) + verb }

// Hooks lists the webhooks.
func (c *Client) Hooks(ctx context.Context) ([]Hook, error) {
	page, err := get[Page[Hook]](ctx, c, "/hooks", nil)
	return page.Items, err
}

// Hook reads one.
func (c *Client) Hook(ctx context.Context, name string) (Hook, error) {
	return get[Hook](ctx, c, hookPath(name, ""), nil)
}

// PutHook makes or changes one; spec is anything that is the JSON of one.
func (c *Client) PutHook(ctx context.Context, name string, spec any) (Hook, error) {
	return send[Hook](ctx, c, http.MethodPut, hookPath(name, ""), spec)
}

// DeleteHook takes one away.
func (c *Client) DeleteHook(ctx context.Context, name string) (Hook, error) {
	return send[Hook](ctx, c, http.MethodDelete, hookPath(name, ""), nil)
}

// AddHookSecret gives it one more secret; empty: a random one.
func (c *Client) AddHookSecret(ctx context.Context, name, secret string) (HookSecret, error) {
	return send[HookSecret](ctx, c, http.MethodPost, hookPath(name, "/secrets"), struct {
		Secret string `json:"secret,omitempty"`
	}{secret})
}

// RemoveHookSecret takes one away.
func (c *Client) RemoveHookSecret(ctx context.Context, name, id string) (Hook, error) {
	return send[Hook](ctx, c, http.MethodDelete, hookPath(name, "/secrets/"+url.PathEscape(id)), nil)
}

// HookDeliveries lists the last ones, newest first.
func (c *Client) HookDeliveries(ctx context.Context, name string) ([]HookDelivery, error) {
	page, err := get[Page[HookDelivery]](ctx, c, hookPath(name, "/deliveries"), nil)
	return page.Items, err
}

// Message is one to be sent to the process that waits for it.
type Message struct {
	Name      string `json:"name"`
	Key       string `json:"key,omitempty"`       // correlation key
	Variables any    `json:"variables,omitempty"` // anything that is a JSON object
	Wait      bool   `json:"wait,omitempty"`      // nobody need wait for it yet
}

// Reached is the instance that took a message.
type Reached struct {
	Ticket   string `json:"ticket"`
	Instance string `json:"instance"`
	Started  bool   `json:"started,omitempty"`
}

// Sent is a signal, or a message that waits, on its way.
type Sent struct {
	ID      string `json:"id"`
	Reaches int    `json:"reaches"` // how many wait at this moment
}

// SentMessage says what a message has reached, or that it is under way.
type SentMessage struct {
	Reached *Reached `json:"reached,omitempty"`
	Sent    *Sent    `json:"sent,omitempty"`
}

// SendMessage sends one.
func (c *Client) SendMessage(ctx context.Context, m Message) (SentMessage, error) {
	return send[SentMessage](ctx, c, http.MethodPost, "/messages", m)
}

// RaiseSignal raises a signal for all who wait for it.
func (c *Client) RaiseSignal(ctx context.Context, name string, variables any) (Sent, error) {
	return send[Sent](ctx, c, http.MethodPost, "/signals", struct {
		Name      string `json:"name"`
		Variables any    `json:"variables,omitempty"`
	}{name, variables})
}
