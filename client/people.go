package client

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// User is a person, or a program, that can sign in.
type User struct {
	ID         string         `json:"id,omitempty"`
	Login      string         `json:"login"`
	Name       string         `json:"name"`
	Email      string         `json:"email,omitempty"`
	Lang       string         `json:"lang,omitempty"`
	Unit       string         `json:"unit,omitempty"`
	Superior   string         `json:"superior,omitempty"`
	Attributes map[string]any `json:"attributes,omitempty"`
	Disabled   bool           `json:"disabled,omitempty"`
	Version    int64          `json:"version,omitempty"`
	Created    time.Time      `json:"created,omitzero"`
	Changed    time.Time      `json:"changed,omitzero"`
}

// UserQuery narrows a list of users.
type UserQuery struct {
	Search   string
	In       string // only members of this group, unit, post or role
	Disabled bool   // disabled ones too
	Paging
}

// Users lists users by login.
func (c *Client) Users(ctx context.Context, q UserQuery) (Page[User], error) {
	v := q.Paging.query()
	set(v, "search", q.Search)
	set(v, "in", q.In)
	if q.Disabled {
		v.Set("disabled", "true")
	}
	return get[Page[User]](ctx, c, "/users", v)
}

// userFields are what can be set of a user.
func userFields(u User) map[string]any {
	fields := map[string]any{"name": u.Name}
	for name, value := range map[string]string{"email": u.Email, "lang": u.Lang, "unit": u.Unit, "superior": u.Superior} {
		if value != "" {
			fields[name] = value
		}
	}
	if u.Attributes != nil {
		fields["attributes"] = u.Attributes
	}
	return fields
}

// CreateUser adds a user. A password is good for one sign-in; empty: nobody can sign in yet.
func (c *Client) CreateUser(ctx context.Context, u User, password string) (User, error) {
	fields := userFields(u)
	fields["login"] = u.Login
	if password != "" {
		fields["password"] = password
	}
	return send[User](ctx, c, http.MethodPost, "/users", fields)
}

// UpdateUser stores u in place of the user with its id, who must still have its version.
func (c *Client) UpdateUser(ctx context.Context, u User) (User, error) {
	fields := userFields(u)
	fields["disabled"], fields["version"] = u.Disabled, u.Version
	return send[User](ctx, c, http.MethodPut, "/users/"+url.PathEscape(u.ID), fields)
}

// SetPassword gives a user a password for one sign-in; empty asks for a random one,
// which is returned.
func (c *Client) SetPassword(ctx context.Context, user, password string) (string, error) {
	body := map[string]string{}
	if password != "" {
		body["password"] = password
	}
	made, err := send[struct {
		Password string `json:"password"`
	}](ctx, c, http.MethodPost, "/users/"+url.PathEscape(user)+"/password", body)
	return made.Password, err
}

// Group is a group, unit, post or role.
type Group struct {
	ID      string    `json:"id,omitempty"`
	Kind    string    `json:"kind"` // group, unit, post, role
	Name    string    `json:"name"`
	Title   string    `json:"title,omitempty"`
	Parent  string    `json:"parent,omitempty"`
	Head    string    `json:"head,omitempty"`
	Version int64     `json:"version,omitempty"`
	Created time.Time `json:"created,omitzero"`
	Changed time.Time `json:"changed,omitzero"`
}

// GroupQuery narrows a list of groups.
type GroupQuery struct {
	Kind   string
	Search string
	Parent string
	Paging
}

// Groups lists groups, units, posts and roles by kind and name.
func (c *Client) Groups(ctx context.Context, q GroupQuery) (Page[Group], error) {
	v := q.Paging.query()
	set(v, "kind", q.Kind)
	set(v, "search", q.Search)
	set(v, "parent", q.Parent)
	return get[Page[Group]](ctx, c, "/groups", v)
}

func groupFields(g Group) map[string]any {
	fields := map[string]any{"name": g.Name}
	for name, value := range map[string]string{"title": g.Title, "parent": g.Parent, "head": g.Head} {
		if value != "" {
			fields[name] = value
		}
	}
	return fields
}

// CreateGroup adds a group, unit, post or role.
func (c *Client) CreateGroup(ctx context.Context, g Group) (Group, error) {
	fields := groupFields(g)
	fields["kind"] = g.Kind
	return send[Group](ctx, c, http.MethodPost, "/groups", fields)
}

// UpdateGroup stores g in place of the group with its id, which must still have its version.
func (c *Client) UpdateGroup(ctx context.Context, g Group) (Group, error) {
	fields := groupFields(g)
	fields["version"] = g.Version
	return send[Group](ctx, c, http.MethodPut, "/groups/"+url.PathEscape(g.ID), fields)
}

// DeleteGroup deletes a group that is empty and still has the version.
func (c *Client) DeleteGroup(ctx context.Context, id string, version int64) error {
	_, err := answer[nothing](ctx, c, call{method: http.MethodDelete, path: "/groups/" + url.PathEscape(id),
		query: url.Values{"version": {strconv.FormatInt(version, 10)}}})
	return err
}

// Member of a group: a user, or in a role also a group, unit or post.
type Member struct {
	ID   string `json:"id"`
	Kind string `json:"kind"`
	Name string `json:"name"`
	Text string `json:"text"`
}

// Members lists who is in a group directly.
func (c *Client) Members(ctx context.Context, group string) ([]Member, error) {
	list, err := get[Page[Member]](ctx, c, "/groups/"+url.PathEscape(group)+"/members", nil)
	return list.Items, err
}

// ChangeMembers adds members to a group and removes others.
func (c *Client) ChangeMembers(ctx context.Context, group string, add, remove []string) error {
	_, err := send[nothing](ctx, c, http.MethodPost, "/groups/"+url.PathEscape(group)+"/members", map[string][]string{"add": add, "remove": remove})
	return err
}
