package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/paceline/paceline/client"
	"github.com/paceline/paceline/internal/errs"
)

type ticketCmd struct {
	Kinds    ticketKindsCmd    `cmd:"" help:"List what you may open."`
	Open     ticketOpenCmd     `cmd:"" help:"Open a ticket."`
	List     ticketListCmd     `cmd:"" help:"List tickets."`
	Show     ticketShowCmd     `cmd:"" help:"Show a ticket with its history."`
	Comment  ticketCommentCmd  `cmd:"" help:"Add a comment."`
	Withdraw ticketWithdrawCmd `cmd:"" help:"Take back your last step, while nobody has acted since."`
	Cancel   ticketCancelCmd   `cmd:"" help:"End a ticket, or many."`
	Suspend  ticketSuspendCmd  `cmd:"" help:"Stop a ticket, or many: nothing can be completed, timers and work wait."`
	Resume   ticketResumeCmd   `cmd:"" help:"Let suspended tickets go on."`
	Move     ticketMoveCmd     `cmd:"" help:"Move a token of a ticket, or of many, to another element."`
	Set      ticketSetCmd      `cmd:"" help:"Set variables of a ticket, or of many."`
	Restart  ticketRestartCmd  `cmd:"" help:"Do a ticket, or many, again from a passed element; one that has ended as a new ticket."`
	CC       ticketCCCmd       `cmd:"" help:"Tell people of a ticket."`
	Urge     ticketUrgeCmd     `cmd:"" help:"Remind those whom a ticket waits for."`
	Export   ticketExportCmd   `cmd:"" help:"Write tickets as CSV to standard output."`
}

type ticketOpenCmd struct {
	App  string `arg:""`
	Kind string `arg:"" optional:"" help:"Kind of ticket, where the app has several."`
	fieldFlags
	Note string `help:"A remark for the history."`
}

// Run opens the ticket and prints its number.
func (o ticketOpenCmd) Run(ctx context.Context, con *console) error {
	data, err := o.read(con)
	if err != nil {
		return err
	}
	c, err := dial(con)
	if err != nil {
		return err
	}
	if o.Kind == "" {
		if o.Kind, err = onlyKind(ctx, c, o.App); err != nil {
			return err
		}
	}
	opened, err := c.OpenTicket(ctx, client.Draft{App: o.App, Kind: o.Kind, Data: data, Note: o.Note})
	if err != nil {
		return err
	}
	return con.print(opened, func(t *table) { t.add(opened.Number, opened.Title, opened.Status) })
}

// onlyKind is the kind of ticket that an app has, when it has one.
func onlyKind(ctx context.Context, c *client.Client, app string) (string, error) {
	offers, err := c.Catalogue(ctx)
	if err != nil {
		return "", err
	}
	var kinds []string
	for _, o := range offers {
		if o.App == app {
			kinds = append(kinds, o.Kind)
		}
	}
	switch len(kinds) {
	case 0:
		return "", errs.New(errs.NotFound, "you can open nothing of an app %q", app).WithCure("paceline ticket kinds")
	case 1:
		return kinds[0], nil
	}
	return "", errs.New(errs.Invalid, "the app %s has several kinds of tickets", app).
		WithCure("paceline ticket open %s KIND, with KIND one of: %s", app, strings.Join(kinds, ", "))
}

type ticketKindsCmd struct{}

// Run lists what the user may open.
func (ticketKindsCmd) Run(ctx context.Context, con *console) error {
	c, err := dial(con)
	if err != nil {
		return err
	}
	offers, err := c.Catalogue(ctx)
	if err != nil {
		return err
	}
	return con.print(offers, func(t *table) {
		t.head = []string{"APP", "KIND", "NAME", "DESCRIPTION"}
		for _, o := range offers {
			t.add(o.App, o.Kind, o.Name, o.Description)
		}
	})
}

// ticketFilterFlags narrow a list of tickets.
type ticketFilterFlags struct {
	App      string   `help:"Only of this app."`
	Kind     string   `help:"Only of this kind."`
	Status   string   `enum:",open,closed,cancelled,failed" default:"" help:"Only open, closed, cancelled or failed ones."`
	Search   string   `help:"Part of the number or title."`
	Watching bool     `help:"Only those you watch."`
	Field    []string `placeholder:"NAME:OP:VALUE" sep:"none" help:"Only where a searchable field compares so; OP is eq, prefix, lt, le, gt, ge. Repeatable."`
}

func (f ticketFilterFlags) query() client.TicketQuery {
	return client.TicketQuery{App: f.App, Kind: f.Kind, Status: f.Status, Search: f.Search, Watching: f.Watching, Fields: f.Field}
}

type ticketListCmd struct {
	ticketFilterFlags
	Limit int    `default:"50" help:"How many at most."`
	After string `help:"The next of the page before."`
}

// Run lists one page of tickets.
func (l ticketListCmd) Run(ctx context.Context, con *console) error {
	c, err := dial(con)
	if err != nil {
		return err
	}
	q := l.query()
	q.Paging = client.Paging{After: l.After, Limit: l.Limit}
	list, err := c.Tickets(ctx, q)
	if err != nil {
		return err
	}
	return con.print(list, func(t *table) {
		t.head = []string{"NUMBER", "STATUS", "TITLE", "REQUESTER", "WAITS FOR", "UPDATED"}
		for _, k := range list.Items {
			t.add(k.Number, k.Status, k.Title, k.Requester.Name, steps(k.Steps), when(k.Updated))
		}
	})
}

func steps(open []client.Step) string {
	names := make([]string, len(open))
	for i, s := range open {
		names[i] = s.Name
		if s.Assignee != nil {
			names[i] += " (" + s.Assignee.Name + ")"
		}
	}
	return strings.Join(names, ", ")
}

type ticketShowCmd struct {
	Ticket string `arg:"" help:"Number or id."`
}

// Run prints the ticket, what waits in it, and its history.
func (s ticketShowCmd) Run(ctx context.Context, con *console) error {
	c, err := dial(con)
	if err != nil {
		return err
	}
	id, err := ticketID(ctx, c, s.Ticket)
	if err != nil {
		return err
	}
	view, err := c.Ticket(ctx, id)
	if err != nil {
		return err
	}
	history, err := c.History(ctx, id, client.Paging{Limit: 200})
	if err != nil {
		return err
	}
	all := struct {
		client.TicketView
		History []client.Entry `json:"history"`
	}{view, history.Items}
	return con.print(all, func(t *table) {
		t.add("number", view.Number)
		t.add("title", view.Title)
		t.add("status", view.Status)
		if view.Suspended {
			t.add("suspended", "yes")
		}
		t.add("app", view.App+" "+view.Kind+", version "+strconv.Itoa(view.Version))
		t.add("requester", view.Requester.Name)
		t.add("opened", when(view.Created))
		if view.Form != nil {
			t.add("data", oneLine(view.Form.Data))
		}
		for _, step := range view.Steps {
			t.add("task "+step.Task, steps([]client.Step{step}))
		}
		for _, i := range view.Incidents {
			t.add("incident "+i.ID, i.Element+": "+i.Message)
		}
		for _, e := range history.Items {
			t.add(when(e.At), historyLine(e))
		}
	})
}

func oneLine(data json.RawMessage) string {
	var b bytes.Buffer
	if json.Compact(&b, data) != nil {
		return string(data)
	}
	return b.String()
}

func historyLine(e client.Entry) string {
	line := e.Kind
	for _, name := range slices.Sorted(maps.Keys(e.Detail)) {
		line += fmt.Sprintf(" %s=%v", name, e.Detail[name])
	}
	if e.Actor.Name != "" {
		line += " by " + e.Actor.Name
	}
	var entered []string
	for _, m := range e.Moments {
		if m.What == "entered" && m.Name != "" {
			entered = append(entered, m.Name)
		}
	}
	if len(entered) > 0 {
		line += " -> " + strings.Join(entered, ", ")
	}
	if e.Note != "" {
		line += ": " + e.Note
	}
	return line
}

var idForm = regexp.MustCompile(`^[0-9]{15,19}$`)

// ticketID takes a number or an id; an id is long and has digits only.
func ticketID(ctx context.Context, c *client.Client, text string) (string, error) {
	if idForm.MatchString(text) {
		return text, nil
	}
	return c.FindTicket(ctx, text)
}

type ticketCommentCmd struct {
	Ticket string `arg:"" help:"Number or id."`
	Text   string `arg:""`
}

// Run adds the comment.
func (s ticketCommentCmd) Run(ctx context.Context, con *console) error {
	c, err := dial(con)
	if err != nil {
		return err
	}
	id, err := ticketID(ctx, c, s.Ticket)
	if err != nil {
		return err
	}
	added, err := c.Comment(ctx, id, s.Text)
	if err != nil {
		return err
	}
	return con.print(added, func(t *table) { t.add("comment", added.ID) })
}

// endFlags name the ticket and say why.
type endFlags struct {
	Ticket string `arg:"" help:"Number or id."`
	Reason string `arg:"" optional:"" help:"For the history."`
}

func (e endFlags) run(ctx context.Context, con *console, end func(c *client.Client, id string) (client.Ended, error)) error {
	c, err := dial(con)
	if err != nil {
		return err
	}
	id, err := ticketID(ctx, c, e.Ticket)
	if err != nil {
		return err
	}
	done, err := end(c, id)
	if err != nil {
		return err
	}
	return con.print(done, func(t *table) { t.add(e.Ticket, done.Status) })
}

type ticketWithdrawCmd struct{ endFlags }

// Run withdraws.
func (w ticketWithdrawCmd) Run(ctx context.Context, con *console) error {
	return w.run(ctx, con, func(c *client.Client, id string) (client.Ended, error) { return c.WithdrawTicket(ctx, id, w.Reason) })
}

type ticketCancelCmd struct {
	Ticket string `arg:"" optional:"" help:"Number or id; left out: the tickets that the filter finds."`
	Reason string `arg:"" optional:"" help:"For the history."`
	Why    string `name:"reason" help:"The same as the argument."`
	manyFlags
}

// Run cancels.
func (w ticketCancelCmd) Run(ctx context.Context, con *console) error {
	w.Reason = cmp.Or(w.Reason, w.Why)
	if _, many := w.filter(); many || w.Ticket == "" {
		return operateFlags{Ticket: w.Ticket, Reason: w.Reason, manyFlags: w.manyFlags}.run(ctx, con, client.Operation{Do: "cancel"})
	}
	return endFlags{Ticket: w.Ticket, Reason: w.Reason}.run(ctx, con, func(c *client.Client, id string) (client.Ended, error) { return c.CancelTicket(ctx, id, w.Reason) })
}

type ticketExportCmd struct {
	ticketFilterFlags
}

// Run streams the CSV.
func (e ticketExportCmd) Run(ctx context.Context, con *console) error {
	c, err := dial(con)
	if err != nil {
		return err
	}
	return c.ExportTickets(ctx, e.query(), con.out)
}

func when(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Local().Format("2006-01-02 15:04")
}

func mark(yes bool) string {
	if yes {
		return "yes"
	}
	return ""
}
