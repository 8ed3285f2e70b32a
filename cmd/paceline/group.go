package main

import (
	"context"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/paceline/paceline/client"
	"github.com/paceline/paceline/internal/errs"
)

// groupCmd and unitCmd are the same commands for two kinds of groups.
type groupCmd struct {
	List   groupListCmd   `cmd:"" help:"List groups."`
	Show   groupShowCmd   `cmd:"" help:"Show a group and its members."`
	Add    groupAddCmd    `cmd:"" help:"Add a group."`
	Set    groupSetCmd    `cmd:"" help:"Change a group."`
	Remove groupRemoveCmd `cmd:"" help:"Delete an empty group."`
	Member memberCmd      `cmd:"" help:"Members."`
}

type unitCmd struct {
	List   groupListCmd   `cmd:"" help:"List units."`
	Show   groupShowCmd   `cmd:"" help:"Show a unit and its members."`
	Add    unitAddCmd     `cmd:"" help:"Add a unit."`
	Set    unitSetCmd     `cmd:"" help:"Change a unit."`
	Remove groupRemoveCmd `cmd:"" help:"Delete an empty unit."`
	Member memberCmd      `cmd:"" help:"Members, beside those whose primary unit it is."`
}

// kind is which of the kinds of groups a command is about.
type kind string

// AfterApply binds the kind for the commands below.
func (*groupCmd) AfterApply(c *kong.Context) error {
	c.Bind(kind("group"))
	return nil
}

// AfterApply binds the kind for the commands below.
func (*unitCmd) AfterApply(c *kong.Context) error {
	c.Bind(kind("unit"))
	return nil
}

// findGroup finds a group of a kind by name.
func findGroup(ctx context.Context, c *client.Client, kind, name string) (client.Group, error) {
	q := client.GroupQuery{Kind: kind, Search: name, Paging: client.Paging{Limit: 200}}
	for {
		list, err := c.Groups(ctx, q)
		if err != nil {
			return client.Group{}, err
		}
		for _, g := range list.Items {
			if g.Name == name {
				return g, nil
			}
		}
		if q.After = list.Next; list.Next == "" {
			return client.Group{}, errs.New(errs.NotFound, "there is no %s %q", kind, name)
		}
	}
}

// groupID is the id of a group by name; empty for the empty name.
func groupID(ctx context.Context, c *client.Client, kind, name string) (string, error) {
	if name == "" {
		return "", nil
	}
	g, err := findGroup(ctx, c, kind, name)
	return g.ID, err
}

type groupListCmd struct {
	Search string `help:"Part of the name or title."`
	Limit  int    `default:"50" help:"How many at most."`
	After  string `help:"The next of the page before."`
}

// Run lists one page.
func (l groupListCmd) Run(ctx context.Context, con *console, of kind) error {
	c, err := dial(con)
	if err != nil {
		return err
	}
	list, err := c.Groups(ctx, client.GroupQuery{Kind: string(of), Search: l.Search, Paging: client.Paging{After: l.After, Limit: l.Limit}})
	if err != nil {
		return err
	}
	return con.print(list, func(t *table) {
		t.head = []string{"NAME", "TITLE", "ID"}
		for _, g := range list.Items {
			t.add(g.Name, g.Title, g.ID)
		}
	})
}

type groupShowCmd struct {
	Name string `arg:""`
}

// Run shows the group with its members.
func (s groupShowCmd) Run(ctx context.Context, con *console, of kind) error {
	c, err := dial(con)
	if err != nil {
		return err
	}
	g, err := findGroup(ctx, c, string(of), s.Name)
	if err != nil {
		return err
	}
	members, err := c.Members(ctx, g.ID)
	if err != nil {
		return err
	}
	all := struct {
		client.Group
		Members []client.Member `json:"members"`
	}{g, members}
	return con.print(all, func(t *table) {
		t.add("name", g.Name)
		t.add("title", g.Title)
		t.add("id", g.ID)
		for _, m := range members {
			t.add("member", m.Name, m.Text)
		}
	})
}

func (c *console) group(g client.Group) error {
	return c.print(g, func(t *table) { t.add(g.Kind, g.Name, g.ID) })
}

type groupAddCmd struct {
	Name  string `arg:""`
	Title string `help:"What people call it."`
}

// Run adds a group.
func (a groupAddCmd) Run(ctx context.Context, con *console) error {
	c, err := dial(con)
	if err != nil {
		return err
	}
	g, err := c.CreateGroup(ctx, client.Group{Kind: "group", Name: a.Name, Title: a.Title})
	if err != nil {
		return err
	}
	return con.group(g)
}

type groupSetCmd struct {
	Name   string  `arg:""`
	Rename *string `help:"New name; models that use the old one do not follow."`
	Title  *string `help:"What people call it."`
}

// Run changes what is given and leaves the rest.
func (s groupSetCmd) Run(ctx context.Context, con *console) error {
	return changeGroup(ctx, con, "group", s.Name, func(_ *client.Client, g *client.Group) error {
		s.apply(g)
		return nil
	})
}

func (s groupSetCmd) apply(g *client.Group) {
	if s.Rename != nil {
		g.Name = *s.Rename
	}
	if s.Title != nil {
		g.Title = *s.Title
	}
}

// changeGroup reads a group, lets change alter it and stores it.
func changeGroup(ctx context.Context, con *console, kind, name string, change func(*client.Client, *client.Group) error) error {
	c, err := dial(con)
	if err != nil {
		return err
	}
	g, err := findGroup(ctx, c, kind, name)
	if err != nil {
		return err
	}
	if err := change(c, &g); err != nil {
		return err
	}
	if g, err = c.UpdateGroup(ctx, g); err != nil {
		return err
	}
	return con.group(g)
}

// unitFlags place a unit in the tree.
type unitFlags struct {
	Parent *string `help:"Name of the unit above; empty for none."`
	Head   *string `help:"Login of its head; empty for none."`
}

func (f unitFlags) apply(ctx context.Context, c *client.Client, g *client.Group) (err error) {
	if f.Parent != nil {
		if g.Parent, err = groupID(ctx, c, "unit", *f.Parent); err != nil {
			return err
		}
	}
	if f.Head == nil {
		return nil
	}
	g.Head = ""
	if *f.Head != "" {
		u, err := findUser(ctx, c, *f.Head)
		if err != nil {
			return err
		}
		g.Head = u.ID
	}
	return nil
}

type unitAddCmd struct {
	Name  string `arg:""`
	Title string `help:"What people call it."`
	unitFlags
}

// Run adds a unit.
func (a unitAddCmd) Run(ctx context.Context, con *console) error {
	c, err := dial(con)
	if err != nil {
		return err
	}
	g := client.Group{Kind: "unit", Name: a.Name, Title: a.Title}
	if err := a.apply(ctx, c, &g); err != nil {
		return err
	}
	if g, err = c.CreateGroup(ctx, g); err != nil {
		return err
	}
	return con.group(g)
}

type unitSetCmd struct {
	groupSetCmd
	unitFlags
}

// Run changes what is given and leaves the rest.
func (s unitSetCmd) Run(ctx context.Context, con *console) error {
	return changeGroup(ctx, con, "unit", s.Name, func(c *client.Client, g *client.Group) error {
		s.groupSetCmd.apply(g)
		return s.unitFlags.apply(ctx, c, g)
	})
}

type groupRemoveCmd struct {
	Name string `arg:""`
}

// Run deletes the group.
func (r groupRemoveCmd) Run(ctx context.Context, con *console, of kind) error {
	c, err := dial(con)
	if err != nil {
		return err
	}
	g, err := findGroup(ctx, c, string(of), r.Name)
	if err != nil {
		return err
	}
	if err := c.DeleteGroup(ctx, g.ID, g.Version); err != nil {
		return err
	}
	con.say("%s %s is deleted.", of, r.Name)
	return nil
}

type memberCmd struct {
	Add    memberAddCmd    `cmd:"" help:"Add users."`
	Remove memberRemoveCmd `cmd:"" help:"Remove users."`
}

// memberFlags name the group and the users.
type memberFlags struct {
	Name   string   `arg:"" help:"The group or unit."`
	Logins []string `arg:"" name:"login" help:"Users."`
}

func (m memberFlags) run(ctx context.Context, con *console, of kind, change func(c *client.Client, group string, users []string) error) error {
	c, err := dial(con)
	if err != nil {
		return err
	}
	g, err := findGroup(ctx, c, string(of), m.Name)
	if err != nil {
		return err
	}
	var users []string
	for _, login := range m.Logins {
		u, err := findUser(ctx, c, login)
		if err != nil {
			return err
		}
		users = append(users, u.ID)
	}
	if err := change(c, g.ID, users); err != nil {
		return err
	}
	con.say("%s %s: %s", of, m.Name, strings.Join(m.Logins, ", "))
	return nil
}

type memberAddCmd struct{ memberFlags }

// Run adds.
func (m memberAddCmd) Run(ctx context.Context, con *console, of kind) error {
	return m.run(ctx, con, of, func(c *client.Client, group string, users []string) error {
		return c.ChangeMembers(ctx, group, users, nil)
	})
}

type memberRemoveCmd struct{ memberFlags }

// Run removes.
func (m memberRemoveCmd) Run(ctx context.Context, con *console, of kind) error {
	return m.run(ctx, con, of, func(c *client.Client, group string, users []string) error {
		return c.ChangeMembers(ctx, group, nil, users)
	})
}
