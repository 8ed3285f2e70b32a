package main

import (
	"context"
	"fmt"
	"strings"
)

type nodeCmd struct {
	List nodeListCmd `cmd:"" help:"List the servers, how they are, and which of them leads."`
}

type nodeListCmd struct{}

// Run lists the servers.
func (nodeListCmd) Run(ctx context.Context, con *console) error {
	c, err := dial(con)
	if err != nil {
		return err
	}
	all, err := c.Nodes(ctx)
	if err != nil {
		return err
	}
	return con.print(all, func(t *table) {
		t.head = []string{"NAME", "STATE", "SINCE", "LEADS", "ROLES", "VERSION", "WAITS FOR"}
		for _, n := range all.Nodes {
			leads := ""
			if n.Name == all.Leader {
				leads = fmt.Sprint("epoch ", all.Epoch)
			}
			t.add(n.Name, n.State, when(n.Since), leads, strings.Join(n.Roles, ", "), n.Version, n.Cause)
		}
	})
}
