package main

import (
	"context"
	"strconv"

	"github.com/paceline/paceline/client"
)

type messageCmd struct {
	Send messageSendCmd `cmd:"" help:"Send a message to the process that waits for it."`
}

type signalCmd struct {
	Send signalSendCmd `cmd:"" help:"Raise a signal for all processes that wait for it."`
}

// varFlags are variables on the command line.
type varFlags struct {
	Set []string `short:"s" placeholder:"NAME=VALUE" sep:"none" help:"A variable. The value is JSON where it is valid JSON, else text. Repeatable."`
}

func (f varFlags) read(con *console) (any, error) {
	vars, err := fieldFlags{Set: f.Set}.read(con)
	if err != nil || len(vars) == 0 {
		return nil, err
	}
	return vars, nil
}

type messageSendCmd struct {
	Name string `arg:""`
	Key  string `help:"Correlation key."`
	Wait bool   `help:"Nobody need wait for it yet."`
	varFlags
}

// Run sends.
func (m messageSendCmd) Run(ctx context.Context, con *console) error {
	vars, err := m.read(con)
	if err != nil {
		return err
	}
	c, err := dial(con)
	if err != nil {
		return err
	}
	sent, err := c.SendMessage(ctx, client.Message{Name: m.Name, Key: m.Key, Variables: vars, Wait: m.Wait})
	if err != nil {
		return err
	}
	return con.print(sent, func(t *table) {
		switch {
		case sent.Reached == nil:
			t.add("message "+m.Name, "sent", "it looks for its receiver for up to an hour")
		case sent.Reached.Started:
			t.add("message "+m.Name, "began", "ticket "+sent.Reached.Ticket)
		default:
			t.add("message "+m.Name, "reached", "ticket "+sent.Reached.Ticket)
		}
	})
}

type signalSendCmd struct {
	Name string `arg:""`
	varFlags
}

// Run raises.
func (s signalSendCmd) Run(ctx context.Context, con *console) error {
	vars, err := s.read(con)
	if err != nil {
		return err
	}
	c, err := dial(con)
	if err != nil {
		return err
	}
	sent, err := c.RaiseSignal(ctx, s.Name, vars)
	if err != nil {
		return err
	}
	return con.print(sent, func(t *table) { t.add("signal "+s.Name, "reaches", strconv.Itoa(sent.Reaches)) })
}
