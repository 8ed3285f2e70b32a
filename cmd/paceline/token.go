package main

import (
	"context"
	"fmt"
	"time"

	"github.com/paceline/paceline/client"
	"github.com/paceline/paceline/internal/config"
	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/join"
	"github.com/paceline/paceline/internal/node"
	"github.com/paceline/paceline/internal/org"
)

type tokenCmd struct {
	Create tokenCreateCmd `cmd:"" help:"Make a token that lets machines join the cluster."`
	List   tokenListCmd   `cmd:"" help:"List the join tokens."`
	Revoke tokenRevokeCmd `cmd:"" help:"End a join token; hosts that it let in stay."`
}

type tokenCreateCmd struct {
	Role []string      `placeholder:"ROLE,..." help:"Roles of the hosts: booster, server, gateway; server when left out."`
	TTL  time.Duration `name:"ttl" default:"1h" help:"How long it holds, such as 30m."`
	Uses int           `default:"1" help:"How many hosts it lets in."`
	Data string        `placeholder:"DIR" help:"Data directory of a host on this machine: then no server need run, and nobody sign in."`
}

// Run makes the token and prints it, this once.
func (c tokenCreateCmd) Run(ctx context.Context, con *console) error {
	roles, err := rolesOf(c.Role)
	if err != nil {
		return err
	}
	if c.TTL < time.Second || c.Uses < 1 {
		return errs.New(errs.Invalid, "--ttl %s --uses %d lets nobody in", c.TTL, c.Uses).WithCure("a token lives a second to 30 days (720h) and lets in 1 to 1000 hosts")
	}
	made, err := c.create(ctx, con, roles)
	if err != nil {
		return err
	}
	return con.print(made, func(t *table) {
		t.add("token", made.Token)
		t.add("lets in", fmt.Sprint(made.Uses))
		t.add("until", when(made.Expires))
		t.add("id", made.ID)
	})
}

func (c tokenCreateCmd) create(ctx context.Context, con *console, roles []config.Role) (made client.JoinToken, err error) {
	if c.Data == "" {
		server, err := dial(con)
		if err != nil {
			return made, err
		}
		return server.CreateJoinToken(ctx, client.NewJoinToken{Roles: namesOf(roles), Seconds: int(c.TTL / time.Second), Uses: c.Uses})
	}
	err = node.AtHost(ctx, config.Dir(c.Data), version, func(cluster *join.Cluster) error {
		t, secret, err := cluster.CreateToken(ctx, org.System("command line"), join.TokenDraft{Roles: roles, Life: c.TTL, Uses: c.Uses})
		made = client.JoinToken{ID: t.ID, Roles: namesOf(t.Roles), Uses: t.Uses, Creator: t.Creator, Created: t.Created, Expires: t.Expires, State: t.State, Token: secret}
		return err
	})
	return made, err
}

func namesOf(roles []config.Role) (names []string) {
	for _, r := range roles {
		names = append(names, string(r))
	}
	return names
}

type tokenListCmd struct{}

// Run lists the tokens; their secrets are nowhere.
func (tokenListCmd) Run(ctx context.Context, con *console) error {
	c, err := dial(con)
	if err != nil {
		return err
	}
	tokens, err := c.JoinTokens(ctx)
	if err != nil {
		return err
	}
	return con.print(tokens, func(t *table) {
		t.head = []string{"ID", "STATE", "ROLES", "USED", "EXPIRES", "MADE BY"}
		for _, k := range tokens {
			t.add(k.ID, k.State, list(k.Roles), fmt.Sprintf("%d of %d", k.Used, k.Uses), when(k.Expires), k.Creator)
		}
	})
}

type tokenRevokeCmd struct {
	ID string `arg:""`
}

// Run ends the token.
func (r tokenRevokeCmd) Run(ctx context.Context, con *console) error {
	c, err := dial(con)
	if err != nil {
		return err
	}
	if err := c.RevokeJoinToken(ctx, r.ID); err != nil {
		return err
	}
	con.say("The join token %s lets nobody in any more.", r.ID)
	return nil
}
