package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/paceline/paceline/client"
)

type hookCmd struct {
	List   hookListCmd   `cmd:"" help:"List the webhooks that other systems may call."`
	Show   hookShowCmd   `cmd:"" help:"Show the last deliveries of a webhook."`
	Put    hookPutCmd    `cmd:"" help:"Make a webhook, or change one."`
	Delete hookDeleteCmd `cmd:"" help:"Take a webhook away."`
	Secret hookSecretCmd `cmd:"" help:"What its sender signs with."`
}

type hookListCmd struct{}

// Run lists.
func (hookListCmd) Run(ctx context.Context, con *console) error {
	c, err := dial(con)
	if err != nil {
		return err
	}
	hooks, err := c.Hooks(ctx)
	if err != nil {
		return err
	}
	return con.print(hooks, func(t *table) {
		t.head = []string{"WEBHOOK", "PATH", "SECRETS", "CHANGED", "BY"}
		for _, h := range hooks {
			var ids []string
			for _, s := range h.Secrets {
				ids = append(ids, s.ID)
			}
			t.add(h.Name, h.Path, list(ids), when(h.Changed), h.Author)
		}
	})
}

type hookShowCmd struct {
	Name string `arg:""`
}

// Run shows deliveries.
func (s hookShowCmd) Run(ctx context.Context, con *console) error {
	c, err := dial(con)
	if err != nil {
		return err
	}
	list, err := c.HookDeliveries(ctx, s.Name)
	if err != nil {
		return err
	}
	return con.print(list, func(t *table) {
		t.head = []string{"RECEIPT", "AT", "STATE", "TICKET", "REASON"}
		for _, d := range list {
			t.add(d.Receipt, when(d.At), d.State, d.Ticket, d.Reason)
		}
	})
}

type hookPutCmd struct {
	File string `arg:"" help:"A YAML file, or - for standard input."`
	Name string `help:"Another name than the file's."`
}

// Run makes a webhook.
func (p hookPutCmd) Run(ctx context.Context, con *console) error {
	name, spec, err := readSpec(con, p.File, p.Name)
	if err != nil {
		return err
	}
	return hookOne(con, func(c *client.Client) (client.Hook, error) { return c.PutHook(ctx, name, spec) })
}

type hookDeleteCmd struct {
	Name string `arg:""`
}

// Run takes it away.
func (d hookDeleteCmd) Run(ctx context.Context, con *console) error {
	c, err := dial(con)
	if err != nil {
		return err
	}
	h, err := c.DeleteHook(ctx, d.Name)
	if err != nil {
		return err
	}
	return con.print(h, func(t *table) { t.add("webhook "+h.Name, "deleted") })
}

// hookOne is a command about one webhook that answers with it.
func hookOne(con *console, do func(*client.Client) (client.Hook, error)) error {
	c, err := dial(con)
	if err != nil {
		return err
	}
	h, err := do(c)
	if err != nil {
		return err
	}
	return con.print(h, func(t *table) { t.add("webhook "+h.Name, h.Path, fmt.Sprintf("secrets %d", len(h.Secrets))) })
}

type hookSecretCmd struct {
	Add    hookSecretAddCmd    `cmd:"" help:"Add a secret; the others go on counting."`
	Remove hookSecretRemoveCmd `cmd:"" help:"Take a secret away."`
}

type hookSecretAddCmd struct {
	Name  string `arg:""`
	Stdin bool   `help:"Read the secret from standard input; left out: a random one."`
}

// Run adds a secret. One that the server made is printed: the only time that it is told.
func (a hookSecretAddCmd) Run(ctx context.Context, con *console) error {
	text := ""
	if a.Stdin {
		read, err := io.ReadAll(io.LimitReader(con.in, 1000))
		if err != nil {
			return err
		}
		text = strings.TrimSpace(string(read))
	}
	c, err := dial(con)
	if err != nil {
		return err
	}
	s, err := c.AddHookSecret(ctx, a.Name, text)
	if err != nil {
		return err
	}
	if a.Stdin {
		s.Secret = "" // who gave it knows it
	}
	return con.print(s, func(t *table) { t.add("secret "+s.ID, "of webhook "+a.Name, s.Secret) })
}

type hookSecretRemoveCmd struct {
	Name   string `arg:""`
	Secret string `arg:"" help:"Its id."`
}

// Run takes it away.
func (r hookSecretRemoveCmd) Run(ctx context.Context, con *console) error {
	return hookOne(con, func(c *client.Client) (client.Hook, error) { return c.RemoveHookSecret(ctx, r.Name, r.Secret) })
}
