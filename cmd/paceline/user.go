package main

import (
	"context"
	"strings"

	"github.com/paceline/paceline/client"
	"github.com/paceline/paceline/internal/errs"
)

type userCmd struct {
	List     userListCmd     `cmd:"" help:"List users."`
	Show     userShowCmd     `cmd:"" help:"Show a user."`
	Add      userAddCmd      `cmd:"" help:"Add a user; a one-time password is printed."`
	Set      userSetCmd      `cmd:"" help:"Change a user."`
	Remove   userRemoveCmd   `cmd:"" help:"Disable a user; tickets keep telling of them."`
	Password userPasswordCmd `cmd:"" help:"Give a user a one-time password, which is printed."`
}

// findUser finds a user by login.
func findUser(ctx context.Context, c *client.Client, login string) (client.User, error) {
	q := client.UserQuery{Search: login, Disabled: true, Paging: client.Paging{Limit: 200}}
	for {
		list, err := c.Users(ctx, q)
		if err != nil {
			return client.User{}, err
		}
		for _, u := range list.Items {
			if strings.EqualFold(u.Login, login) {
				return u, nil
			}
		}
		if q.After = list.Next; list.Next == "" {
			return client.User{}, errs.New(errs.NotFound, "there is no user %q", login).WithCure("paceline user list")
		}
	}
}

type userListCmd struct {
	Search   string `help:"Part of the login, name or e-mail."`
	Disabled bool   `help:"Disabled ones too."`
	Limit    int    `default:"50" help:"How many at most."`
	After    string `help:"The next of the page before."`
}

// Run lists one page of users.
func (l userListCmd) Run(ctx context.Context, con *console) error {
	c, err := dial(con)
	if err != nil {
		return err
	}
	list, err := c.Users(ctx, client.UserQuery{Search: l.Search, Disabled: l.Disabled, Paging: client.Paging{After: l.After, Limit: l.Limit}})
	if err != nil {
		return err
	}
	return con.print(list, func(t *table) {
		t.head = []string{"LOGIN", "NAME", "E-MAIL", "DISABLED"}
		for _, u := range list.Items {
			t.add(u.Login, u.Name, u.Email, mark(u.Disabled))
		}
	})
}

type userShowCmd struct {
	Login string `arg:""`
}

// Run shows one user.
func (s userShowCmd) Run(ctx context.Context, con *console) error {
	c, err := dial(con)
	if err != nil {
		return err
	}
	u, err := findUser(ctx, c, s.Login)
	if err != nil {
		return err
	}
	return con.user(u)
}

func (c *console) user(u client.User) error {
	return c.print(u, func(t *table) {
		t.add("login", u.Login)
		t.add("name", u.Name)
		t.add("e-mail", u.Email)
		t.add("language", u.Lang)
		t.add("id", u.ID)
		t.add("disabled", mark(u.Disabled))
	})
}

// userFlags are what can be set of a user; nil is left as it is.
type userFlags struct {
	Name     *string           `help:"What people call them."`
	Email    *string           `help:"E-mail address."`
	Lang     *string           `help:"Language (BCP 47), such as zh-TW."`
	Unit     *string           `help:"Name of the primary unit."`
	Superior *string           `help:"Login of the superior; empty: the head of the unit."`
	Attr     map[string]string `placeholder:"NAME=VALUE" help:"What apps want to know; JSON where it is valid JSON, else text. Repeatable."`
}

func (f userFlags) apply(ctx context.Context, c *client.Client, u *client.User) error {
	for value, field := range map[*string]*string{f.Name: &u.Name, f.Email: &u.Email, f.Lang: &u.Lang} {
		if value != nil {
			*field = *value
		}
	}
	for name, value := range f.Attr {
		if u.Attributes == nil {
			u.Attributes = map[string]any{}
		}
		u.Attributes[name] = jsonOrText(value)
	}
	var err error
	if f.Unit != nil {
		if u.Unit, err = groupID(ctx, c, "unit", *f.Unit); err != nil {
			return err
		}
	}
	if f.Superior != nil {
		u.Superior = ""
		if *f.Superior != "" {
			superior, err := findUser(ctx, c, *f.Superior)
			if err != nil {
				return err
			}
			u.Superior = superior.ID
		}
	}
	return nil
}

type userAddCmd struct {
	Login string `arg:""`
	userFlags
	Role []string `help:"Name of a role, beside staff. Repeatable."`
}

// Run adds the user, then the roles and the password.
func (a userAddCmd) Run(ctx context.Context, con *console) error {
	c, err := dial(con)
	if err != nil {
		return err
	}
	u := client.User{Login: a.Login, Name: a.Login}
	if err := a.apply(ctx, c, &u); err != nil {
		return err
	}
	if u, err = c.CreateUser(ctx, u, ""); err != nil {
		return err
	}
	for _, role := range a.Role {
		id, err := groupID(ctx, c, "role", role)
		if err != nil {
			return err
		}
		if err := c.ChangeMembers(ctx, id, []string{u.ID}, nil); err != nil {
			return err
		}
	}
	return givePassword(ctx, c, con, u)
}

func givePassword(ctx context.Context, c *client.Client, con *console, u client.User) error {
	password, err := c.SetPassword(ctx, u.ID, "")
	if err != nil {
		return err
	}
	made := map[string]string{"id": u.ID, "login": u.Login, "password": password}
	return con.print(made, func(t *table) {
		t.add("login", u.Login)
		t.add("password", password+"  (good for one sign-in)")
	})
}

type userSetCmd struct {
	Login string `arg:""`
	userFlags
	Enable  bool `xor:"state" help:"Let a disabled user in again."`
	Disable bool `xor:"state" help:"Keep the user out."`
}

// Run changes what is given and leaves the rest.
func (s userSetCmd) Run(ctx context.Context, con *console) error {
	c, err := dial(con)
	if err != nil {
		return err
	}
	u, err := findUser(ctx, c, s.Login)
	if err != nil {
		return err
	}
	if err := s.apply(ctx, c, &u); err != nil {
		return err
	}
	if s.Enable || s.Disable {
		u.Disabled = s.Disable
	}
	if u, err = c.UpdateUser(ctx, u); err != nil {
		return err
	}
	return con.user(u)
}

type userRemoveCmd struct {
	Login string `arg:""`
}

// Run disables the user.
func (r userRemoveCmd) Run(ctx context.Context, con *console) error {
	return userSetCmd{Login: r.Login, Disable: true}.Run(ctx, con)
}

type userPasswordCmd struct {
	Login string `arg:""`
}

// Run prints a new one-time password.
func (p userPasswordCmd) Run(ctx context.Context, con *console) error {
	c, err := dial(con)
	if err != nil {
		return err
	}
	u, err := findUser(ctx, c, p.Login)
	if err != nil {
		return err
	}
	return givePassword(ctx, c, con, u)
}
