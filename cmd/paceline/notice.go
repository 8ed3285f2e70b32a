package main

import (
	"context"
	"time"

	"github.com/paceline/paceline/client"
)

type noticeCmd struct {
	List noticeListCmd `cmd:"" help:"List what you were told."`
	Read noticeReadCmd `cmd:"" help:"Say that you read a notice."`
}

type noticeListCmd struct {
	All    bool   `help:"What you read too."`
	Ticket string `help:"Instead who was told of this ticket (its number or id), and when they read it."`
	Limit  int    `default:"50" help:"How many at most."`
	After  string `help:"The next of the page before."`
}

// Run lists notices.
func (l noticeListCmd) Run(ctx context.Context, con *console) error {
	c, err := dial(con)
	if err != nil {
		return err
	}
	paging := client.Paging{After: l.After, Limit: l.Limit}
	var list client.Page[client.Notice]
	if l.Ticket == "" {
		list, err = c.Notices(ctx, l.All, paging)
	} else {
		var id string
		if id, err = ticketID(ctx, c, l.Ticket); err == nil {
			list, err = c.TicketNotices(ctx, id, paging)
		}
	}
	if err != nil {
		return err
	}
	return con.print(list, func(t *table) {
		t.head = []string{"NOTICE", "KIND", "TICKET", "TITLE", "TO", "FROM", "AT", "READ", "TEXT"}
		for _, n := range list.Items {
			t.add(n.ID, n.Kind, n.Number, n.Title, n.To.Name, n.Author.Name, when(n.At), when(n.Read), said(n))
		}
	})
}

// said is the notice's sentence, with what its author added.
func said(n client.Notice) string {
	if n.Author.ID == "0" || n.Body == "" {
		return n.Text
	}
	return n.Text + " " + n.Body
}

type noticeReadCmd struct {
	Notice string `arg:""`
}

// Run keeps that it was read.
func (r noticeReadCmd) Run(ctx context.Context, con *console) error {
	c, err := dial(con)
	if err != nil {
		return err
	}
	n, err := c.ReadNotice(ctx, r.Notice)
	if err != nil {
		return err
	}
	return con.print(n, func(t *table) { t.add("notice "+n.ID, "read", when(n.Read)) })
}

type ticketCCCmd struct {
	Ticket string   `arg:"" help:"Number or id."`
	To     []string `arg:"" help:"Logins, or group:NAME, unit:NAME ..."`
	Body   string   `help:"What to say."`
}

// Run tells people of a ticket.
func (a ticketCCCmd) Run(ctx context.Context, con *console) error {
	return notified(ctx, con, a.Ticket, func(c *client.Client, id string) (client.Notified, error) {
		return c.CopyTo(ctx, id, a.To, a.Body)
	})
}

type ticketUrgeCmd struct {
	Ticket string `arg:"" help:"Number or id."`
	Body   string `help:"What to say."`
}

// Run reminds.
func (a ticketUrgeCmd) Run(ctx context.Context, con *console) error {
	return notified(ctx, con, a.Ticket, func(c *client.Client, id string) (client.Notified, error) {
		return c.Urge(ctx, id, a.Body)
	})
}

func notified(ctx context.Context, con *console, ticket string, tell func(c *client.Client, id string) (client.Notified, error)) error {
	c, err := dial(con)
	if err != nil {
		return err
	}
	id, err := ticketID(ctx, c, ticket)
	if err != nil {
		return err
	}
	n, err := tell(c, id)
	if err != nil {
		return err
	}
	return con.print(n, func(t *table) {
		for _, p := range n.Told {
			t.add("told", p.Name)
		}
	})
}

type deputyCmd struct {
	List deputyListCmd `cmd:"" help:"List who stands in for you, and for whom you do."`
	Add  deputyAddCmd  `cmd:"" help:"Let somebody have your new tasks for a time."`
	End  deputyEndCmd  `cmd:"" help:"End a deputy's time now."`
}

type deputyListCmd struct {
	For string `help:"Login; for administrators."`
}

// Run lists deputies.
func (l deputyListCmd) Run(ctx context.Context, con *console) error {
	c, err := dial(con)
	if err != nil {
		return err
	}
	list, err := c.Deputies(ctx, l.For)
	if err != nil {
		return err
	}
	return con.print(list, func(t *table) {
		t.head = []string{"ID", "FOR", "DEPUTY", "FROM", "UNTIL", "APP"}
		for _, d := range list {
			t.add(d.ID, d.For.Name, d.By.Name, when(d.From), when(d.Until), d.App)
		}
	})
}

type deputyAddCmd struct {
	By    string    `arg:"" help:"Login of the deputy."`
	From  time.Time `format:"2006-01-02" help:"First day; left out: now."`
	Until time.Time `format:"2006-01-02" required:"" help:"The day on which it is over."`
	App   string    `help:"Only tickets of this app."`
	For   string    `help:"Login; for administrators."`
	Note  string    `help:"Why."`
}

// Run names a deputy.
func (a deputyAddCmd) Run(ctx context.Context, con *console) error {
	c, err := dial(con)
	if err != nil {
		return err
	}
	d, err := c.AddDeputy(ctx, client.NewDeputy{For: a.For, By: a.By, From: a.From, Until: a.Until, App: a.App, Note: a.Note})
	if err != nil {
		return err
	}
	return con.print(d, func(t *table) { t.add("deputy "+d.ID, d.By.Name, "until "+when(d.Until)) })
}

type deputyEndCmd struct {
	ID string `arg:""`
}

// Run ends it.
func (e deputyEndCmd) Run(ctx context.Context, con *console) error {
	c, err := dial(con)
	if err != nil {
		return err
	}
	return c.EndDeputy(ctx, e.ID)
}
