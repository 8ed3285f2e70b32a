package main

import (
	"context"
	"strconv"

	"github.com/paceline/paceline/client"
	"github.com/paceline/paceline/internal/errs"
)

// operateFlags name one ticket, or many by a filter, and say why.
type operateFlags struct {
	Ticket string `arg:"" optional:"" help:"Number or id; left out: the tickets that the filter finds."`
	Reason string `required:"" help:"Why, for the history and the audit."`
	manyFlags
}

// manyFlags find many tickets.
type manyFlags struct {
	App       string   `help:"All of this app."`
	Kind      string   `help:"All of this kind."`
	Status    string   `enum:",open,closed,cancelled,failed" default:"" help:"All of this status; left out: open ones."`
	Requester string   `help:"All of this user, by id."`
	Search    string   `help:"All with this in the number or title."`
	Field     []string `placeholder:"NAME:OP:VALUE" sep:"none" help:"All where a searchable field compares so. Repeatable."`
	Limit     int      `default:"1000" help:"Of many, the oldest so many."`
	DryRun    bool     `help:"Of many, only say how many there are."`
}

// filter says what is common to the tickets; false: nothing.
func (o manyFlags) filter() (f client.OperationFilter, many bool) {
	f = client.OperationFilter{App: o.App, Kind: o.Kind, Status: o.Status, Requester: o.Requester, Search: o.Search, Fields: o.Field}
	return f, f.App+f.Kind+f.Status+f.Requester+f.Search != "" || len(f.Fields) > 0
}

// run does the operation to one ticket, or begins it for many.
func (o operateFlags) run(ctx context.Context, con *console, op client.Operation) error {
	filter, many := o.filter()
	if (o.Ticket == "") == !many {
		return errs.New(errs.Invalid, "name either one ticket or what is common to many").WithCure("give a number, or --app, --kind, --status, --requester, --search, --field")
	}
	op.Reason = o.Reason
	c, err := dial(con)
	if err != nil {
		return err
	}
	bulk := client.BulkOperation{Operation: op, Filter: filter, Limit: o.Limit}
	switch {
	case !many:
		return o.one(ctx, con, c, op)
	case o.DryRun:
		counted, err := c.CountOperation(ctx, bulk)
		if err != nil {
			return err
		}
		return con.print(counted, func(t *table) {
			t.add("tickets", strconv.Itoa(counted.Tickets), map[bool]string{true: "and more"}[counted.More])
		})
	}
	run, err := c.StartOperation(ctx, bulk)
	if err != nil {
		return err
	}
	return con.printRun(run)
}

func (o operateFlags) one(ctx context.Context, con *console, c *client.Client, op client.Operation) error {
	id, err := ticketID(ctx, c, o.Ticket)
	if err != nil {
		return err
	}
	done, err := c.OperateTicket(ctx, id, op)
	if err != nil {
		return err
	}
	return con.print(done, func(t *table) {
		switch {
		case done.New != "":
			t.add(o.Ticket, "again as "+done.Number, done.New)
		case done.Suspended:
			t.add(o.Ticket, "suspended")
		default:
			t.add(o.Ticket, done.Status)
		}
	})
}

// variableFlags are the variables that an operation sets.
type variableFlags struct {
	Set []string `short:"s" placeholder:"NAME=VALUE" sep:"none" help:"Set a variable. The value is JSON where it is valid JSON, else text. Repeatable."`
}

func (f variableFlags) read(con *console) (any, error) {
	vars, err := fieldFlags{Set: f.Set}.read(con)
	if err != nil || len(vars) == 0 {
		return nil, err
	}
	return vars, nil
}

type ticketSuspendCmd struct{ operateFlags }

// Run suspends.
func (s ticketSuspendCmd) Run(ctx context.Context, con *console) error {
	return s.run(ctx, con, client.Operation{Do: "suspend"})
}

type ticketResumeCmd struct{ operateFlags }

// Run resumes.
func (s ticketResumeCmd) Run(ctx context.Context, con *console) error {
	return s.run(ctx, con, client.Operation{Do: "resume"})
}

type ticketMoveCmd struct {
	operateFlags
	To   string `required:"" help:"Element to go on at."`
	From string `help:"Element whose token is moved; left out: all that cannot live beside the other."`
	variableFlags
}

// Run moves a token.
func (m ticketMoveCmd) Run(ctx context.Context, con *console) error {
	vars, err := m.read(con)
	if err != nil {
		return err
	}
	return m.run(ctx, con, client.Operation{Do: "move", Element: m.To, From: m.From, Variables: vars})
}

type ticketSetCmd struct {
	operateFlags
	In string `help:"Element whose scope has the variables; left out: the process."`
	variableFlags
}

// Run sets variables.
func (s ticketSetCmd) Run(ctx context.Context, con *console) error {
	vars, err := s.read(con)
	if err != nil {
		return err
	}
	return s.run(ctx, con, client.Operation{Do: "set", Element: s.In, Variables: vars})
}

type ticketRestartCmd struct {
	operateFlags
	At string `required:"" help:"A passed element to begin at, with the variables of that time."`
	variableFlags
}

// Run restarts.
func (r ticketRestartCmd) Run(ctx context.Context, con *console) error {
	vars, err := r.read(con)
	if err != nil {
		return err
	}
	return r.run(ctx, con, client.Operation{Do: "restart", Element: r.At, Variables: vars})
}

type operationCmd struct {
	List    operationListCmd    `cmd:"" help:"List operations on many tickets."`
	Status  operationStatusCmd  `cmd:"" help:"Say how far an operation is, and why tickets failed."`
	Tickets operationTicketsCmd `cmd:"" help:"List the tickets of an operation with what became of each."`
	Pause   operationPauseCmd   `cmd:"" help:"Touch no further ticket until it is resumed."`
	Resume  operationResumeCmd  `cmd:"" help:"Go on with a paused operation."`
	Cancel  operationCancelCmd  `cmd:"" help:"End an operation; what is done stays done."`
}

type operationListCmd struct {
	Do    string `help:"Only suspend, resume, move, set, cancel, restart or migrate."`
	Limit int    `default:"50" help:"How many at most."`
	After string `help:"The next of the page before."`
}

// Run lists operations.
func (l operationListCmd) Run(ctx context.Context, con *console) error {
	c, err := dial(con)
	if err != nil {
		return err
	}
	list, err := c.Operations(ctx, l.Do, client.Paging{After: l.After, Limit: l.Limit})
	if err != nil {
		return err
	}
	return con.print(list, func(t *table) {
		t.head = []string{"OPERATION", "DO", "APP", "STATUS", "TOTAL", "DONE", "FAILED", "BY", "BEGUN", "REASON"}
		for _, r := range list.Items {
			t.add(r.ID, r.Do, r.App, r.Status, strconv.Itoa(r.Total), strconv.Itoa(r.Done), strconv.Itoa(r.Failed), r.By.Name, when(r.Created), r.Reason)
		}
	})
}

// byOperation names one operation.
type byOperation struct {
	Operation string `arg:"" help:"Id."`
}

type operationStatusCmd struct{ byOperation }

// Run shows an operation.
func (s operationStatusCmd) Run(ctx context.Context, con *console) error {
	c, err := dial(con)
	if err != nil {
		return err
	}
	run, err := c.Operation(ctx, s.Operation)
	if err != nil {
		return err
	}
	causes, err := c.OperationCauses(ctx, s.Operation)
	if err != nil {
		return err
	}
	all := struct {
		client.Run
		Causes []client.Cause `json:"causes"`
	}{run, causes}
	return con.print(all, func(t *table) {
		addRun(t, run)
		for _, cause := range causes {
			t.add("failed "+strconv.Itoa(cause.Count), cause.Reason)
		}
	})
}

func (c *console) printRun(run client.Run) error {
	return c.print(run, func(t *table) { addRun(t, run) })
}

func addRun(t *table, run client.Run) {
	t.add("operation", run.ID)
	t.add("does", run.Do)
	t.add("status", run.Status)
	t.add("tickets", strconv.Itoa(run.Total))
	t.add("waiting", strconv.Itoa(run.Waiting))
	t.add("done", strconv.Itoa(run.Done))
	t.add("failed", strconv.Itoa(run.Failed))
}

type operationTicketsCmd struct {
	byOperation
	Outcome string `enum:",waiting,done,failed" default:"" help:"Only waiting, done or failed ones."`
	Limit   int    `default:"50" help:"How many at most."`
	After   string `help:"The next of the page before."`
}

// Run lists its tickets.
func (l operationTicketsCmd) Run(ctx context.Context, con *console) error {
	c, err := dial(con)
	if err != nil {
		return err
	}
	list, err := c.OperationTickets(ctx, l.Operation, l.Outcome, client.Paging{After: l.After, Limit: l.Limit})
	if err != nil {
		return err
	}
	return con.print(list, func(t *table) {
		t.head = []string{"TICKET", "NUMBER", "OUTCOME", "AT", "CAUSE"}
		for _, it := range list.Items {
			t.add(it.Ticket, it.Number, it.Outcome, when(it.At), it.Cause)
		}
	})
}

// turnFlags name an operation and say why.
type turnFlags struct {
	byOperation
	Reason string `help:"Why, for the audit."`
}

func (f turnFlags) turn(ctx context.Context, con *console, verb string) error {
	c, err := dial(con)
	if err != nil {
		return err
	}
	run, err := c.TurnOperation(ctx, f.Operation, verb, f.Reason)
	if err != nil {
		return err
	}
	return con.printRun(run)
}

type operationPauseCmd struct{ turnFlags }

// Run pauses.
func (o operationPauseCmd) Run(ctx context.Context, con *console) error {
	return o.turn(ctx, con, "pause")
}

type operationResumeCmd struct{ turnFlags }

// Run resumes.
func (o operationResumeCmd) Run(ctx context.Context, con *console) error {
	return o.turn(ctx, con, "resume")
}

type operationCancelCmd struct{ turnFlags }

// Run cancels.
func (o operationCancelCmd) Run(ctx context.Context, con *console) error {
	return o.turn(ctx, con, "cancel")
}
