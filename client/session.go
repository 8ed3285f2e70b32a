package client

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Me is who the client is signed in as.
type Me struct {
	ID         string   `json:"id"`
	Login      string   `json:"login"`
	Name       string   `json:"name"`
	Lang       string   `json:"lang"`
	Roles      []string `json:"roles"`
	Principals []string `json:"principals"`
	Scopes     []string `json:"scopes"`
	Token      string   `json:"token"` // id of the token in use, empty for a session
	MustChange bool     `json:"mustChange"`
}

// Login makes a session; the client keeps its cookie.
func (c *Client) Login(ctx context.Context, login, password string) (Me, error) {
	return send[Me](ctx, c, http.MethodPost, "/login", map[string]string{"login": login, "password": password})
}

// Logout ends the session.
func (c *Client) Logout(ctx context.Context) error {
	_, err := send[nothing](ctx, c, http.MethodPost, "/logout", nil)
	return err
}

// Me tells who is signed in.
func (c *Client) Me(ctx context.Context) (Me, error) {
	return get[Me](ctx, c, "/me", nil)
}

// ChangePassword changes the own password. Every other session ends.
func (c *Client) ChangePassword(ctx context.Context, old, fresh string) error {
	_, err := send[nothing](ctx, c, http.MethodPut, "/me/password", map[string]string{"old": old, "new": fresh})
	return err
}

// NewToken asks for an API token.
type NewToken struct {
	Name   string   `json:"name"`
	Scopes []string `json:"scopes"`         // read, write or admin, and app:NAME to limit it
	Days   int      `json:"days,omitempty"` // how long it lives; 0: 90
}

// Token is an API token. Secret is told once, when it is made.
type Token struct {
	ID      string    `json:"id"`
	User    string    `json:"user"`
	Name    string    `json:"name"`
	Scopes  []string  `json:"scopes"`
	Created time.Time `json:"created"`
	Expires time.Time `json:"expires"`
	Seen    time.Time `json:"seen"`
	Secret  string    `json:"secret"`
}

// CreateToken makes an API token of the own user.
func (c *Client) CreateToken(ctx context.Context, t NewToken) (Token, error) {
	return send[Token](ctx, c, http.MethodPost, "/me/tokens", t)
}

// Tokens lists the own API tokens.
func (c *Client) Tokens(ctx context.Context) ([]Token, error) {
	list, err := get[Page[Token]](ctx, c, "/me/tokens", nil)
	return list.Items, err
}

// RevokeToken ends an own API token.
func (c *Client) RevokeToken(ctx context.Context, id string) error {
	_, err := send[nothing](ctx, c, http.MethodDelete, "/me/tokens/"+url.PathEscape(id), nil)
	return err
}

// RevokeOwnToken ends the token that this client uses.
func (c *Client) RevokeOwnToken(ctx context.Context) error {
	me, err := c.Me(ctx)
	if err != nil || me.Token == "" {
		return err
	}
	return c.RevokeToken(ctx, me.Token)
}

// Page is part of a list.
type Page[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next"` // give it as After to get the following items; empty at the end
}

// Paging says which part of a list is wanted.
type Paging struct {
	After string
	Limit int // 0: the server's default
}

func (p Paging) query() url.Values {
	q := url.Values{}
	set(q, "after", p.After)
	if p.Limit > 0 {
		q.Set("limit", strconv.Itoa(p.Limit))
	}
	return q
}

func set(q url.Values, name, value string) {
	if value != "" {
		q.Set(name, value)
	}
}
