package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/paceline/paceline/client"
)

type nodeCmd struct {
	List    nodeListCmd    `cmd:"" help:"List the servers, how they are, and which of them leads."`
	Show    nodeShowCmd    `cmd:"" help:"Show a host of the cluster and its processes."`
	Drain   nodeDrainCmd   `cmd:"" help:"Let a host finish what is under way and take nothing new."`
	Undrain nodeUndrainCmd `cmd:"" help:"Want a drained or cordoned host back."`
	Cordon  nodeCordonCmd  `cmd:"" help:"Let a host go on, and place nothing new on it."`
	Remove  nodeRemoveCmd  `cmd:"" help:"Remove a host from the cluster: it is cut off at once."`
}

type nodeListCmd struct{}

// Run lists the servers, and hosts none of whose processes is known.
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
		t.head = []string{"NAME", "STATE", "SINCE", "LEADS", "ROLES", "VERSION", "LOAD", "CLOCK", "WAITS FOR", "WANTED"}
		wanted := map[string]string{}
		for _, h := range all.Hosts {
			wanted[h.Name] = h.Wanted
		}
		seen := map[string]client.Sighting{}
		for _, s := range all.Sightings {
			seen[s.Name] = s
		}
		for _, n := range all.Nodes {
			leads := ""
			if n.Name == all.Leader {
				leads = fmt.Sprint("epoch ", all.Epoch)
			}
			host, _, _ := strings.Cut(n.Name, "/")
			s := seen[n.Name]
			delete(seen, n.Name)
			t.add(n.Name, n.State, when(n.Since), leads, list(n.Roles), n.Version, loadOf(s), clockOf(s), told(n.Cause, s.Alarm), wanted[host])
		}
		known := map[string]bool{}
		for _, s := range all.Sightings { // of who is in no row: gateways and Agents
			known[s.Host] = true
			if _, left := seen[s.Name]; left {
				t.add(s.Name, s.State, "", "", s.Role, s.Version, loadOf(s), clockOf(s), told(s.Cause, s.Alarm), wanted[s.Host])
			}
		}
		for _, h := range all.Hosts {
			if len(h.Nodes) == 0 && !known[h.Name] {
				t.add(h.Name, "", when(h.Joined), "", list(h.Roles), "", "", "", "", h.Wanted)
			}
		}
	})
}

// loadOf, clockOf and told are columns of the list.
func loadOf(s client.Sighting) string {
	if s.Seen.IsZero() {
		return ""
	}
	return fmt.Sprintf("%.0f%%", 100*s.Load)
}

func clockOf(s client.Sighting) string {
	if s.Seen.IsZero() {
		return ""
	}
	return fmt.Sprintf("%+.1fs %s", float64(s.Skew)/1000, s.Zone)
}

func told(cause, alarm string) string {
	return strings.Join(slices.DeleteFunc([]string{cause, alarm}, func(s string) bool { return s == "" }), "; ")
}

// hostArg names a host.
type hostArg struct {
	Name string `arg:"" help:"Name of the host."`
}

// with calls an operation on the host and prints how it is then.
func (h hostArg) with(ctx context.Context, con *console, call func(*client.Client) (client.Host, error)) error {
	c, err := dial(con)
	if err != nil {
		return err
	}
	host, err := call(c)
	if err != nil {
		return err
	}
	return con.print(host, func(t *table) {
		t.add("name", host.Name)
		t.add("roles", list(host.Roles))
		t.add("address", host.Address)
		t.add("wanted", host.Wanted)
		t.add("joined", when(host.Joined))
		t.add("certificate", "until "+when(host.Certificate))
		for _, n := range host.Nodes {
			t.add(n.Name, strings.TrimSpace(n.State+" "+n.Cause))
		}
	})
}

type nodeShowCmd struct{ hostArg }

// Run shows the host.
func (s nodeShowCmd) Run(ctx context.Context, con *console) error {
	return s.with(ctx, con, func(c *client.Client) (client.Host, error) { return c.Host(ctx, s.Name) })
}

type nodeDrainCmd struct{ hostArg }

// Run drains the host.
func (d nodeDrainCmd) Run(ctx context.Context, con *console) error {
	return d.with(ctx, con, func(c *client.Client) (client.Host, error) { return c.WantHost(ctx, d.Name, "drained") })
}

type nodeUndrainCmd struct{ hostArg }

// Run wants the host back.
func (u nodeUndrainCmd) Run(ctx context.Context, con *console) error {
	return u.with(ctx, con, func(c *client.Client) (client.Host, error) { return c.WantHost(ctx, u.Name, "active") })
}

type nodeCordonCmd struct{ hostArg }

// Run cordons the host.
func (k nodeCordonCmd) Run(ctx context.Context, con *console) error {
	return k.with(ctx, con, func(c *client.Client) (client.Host, error) { return c.WantHost(ctx, k.Name, "cordoned") })
}

type nodeRemoveCmd struct{ hostArg }

// Run removes the host.
func (r nodeRemoveCmd) Run(ctx context.Context, con *console) error {
	c, err := dial(con)
	if err != nil {
		return err
	}
	host, err := c.RemoveHost(ctx, r.Name)
	if err != nil {
		return err
	}
	con.say("The host %s is removed from the cluster.", host.Name)
	return nil
}

func list(words []string) string { return strings.Join(words, ", ") }
