package main

import (
	"context"
	"strings"

	"github.com/paceline/paceline/client"
)

type taskCmd struct {
	List         taskListCmd         `cmd:"" help:"List your inbox."`
	Show         taskShowCmd         `cmd:"" help:"Show a task with its form."`
	Claim        taskClaimCmd        `cmd:"" help:"Take a free task."`
	Unclaim      taskUnclaimCmd      `cmd:"" help:"Put a task back for its candidates."`
	Complete     taskCompleteCmd     `cmd:"" help:"Do a task."`
	Return       taskReturnCmd       `cmd:"" help:"Send the work back to a step that was passed."`
	Delegate     taskDelegateCmd     `cmd:"" help:"Let somebody do a task; it comes back."`
	Transfer     taskTransferCmd     `cmd:"" help:"Give a task to somebody else for good."`
	AddSigner    taskAddSignerCmd    `cmd:"" name:"add-signer" help:"Ask more people in the approval group of a task."`
	RemoveSigner taskRemoveSignerCmd `cmd:"" name:"remove-signer" help:"Take somebody out of the approval group of a task."`
}

type taskListCmd struct {
	Group  bool   `short:"g" help:"Free tasks that you could claim, instead of your own."`
	App    string `help:"Only of this app."`
	Kind   string `help:"Only of this kind."`
	Search string `help:"Part of the ticket's number or title."`
	Sort   string `enum:"newest,oldest,due,priority" default:"newest" help:"${enum}."`
	Limit  int    `default:"50" help:"How many at most."`
	After  string `help:"The next of the page before."`
}

// Run lists one page of the inbox.
func (l taskListCmd) Run(ctx context.Context, con *console) error {
	c, err := dial(con)
	if err != nil {
		return err
	}
	q := client.InboxQuery{Queue: "mine", App: l.App, Kind: l.Kind, Search: l.Search, Sort: l.Sort, Paging: client.Paging{After: l.After, Limit: l.Limit}}
	if l.Group {
		q.Queue = "group"
	}
	list, err := c.Inbox(ctx, q)
	if err != nil {
		return err
	}
	return con.print(list, func(t *table) {
		t.head = []string{"TASK", "STEP", "TICKET", "TITLE", "REQUESTER", "DUE"}
		for _, it := range list.Items {
			t.add(it.Task, it.Name, it.Number, it.Title, it.Requester.Name, when(it.Due))
		}
	})
}

type taskShowCmd struct {
	Task string `arg:""`
}

// Run prints the task.
func (s taskShowCmd) Run(ctx context.Context, con *console) error {
	c, err := dial(con)
	if err != nil {
		return err
	}
	v, err := c.Task(ctx, s.Task)
	if err != nil {
		return err
	}
	return con.print(v, func(t *table) {
		t.add("task", v.Task)
		t.add("step", v.Name)
		t.add("ticket", v.Number+" "+v.Title)
		t.add("may", strings.Join(v.May, ", "))
		t.add("outcomes", strings.Join(v.Outcomes, ", "))
		for _, r := range v.ReturnTo {
			t.add("return to", r.Element+" ("+r.Name+", by "+r.By+")")
		}
		for _, s := range v.Signers {
			t.add("signer", strings.TrimSpace(s.Name+" "+s.State+" "+s.Why))
		}
		if v.Form != nil {
			t.add("form", v.Form.Name)
			t.add("data", oneLine(v.Form.Data))
			for field, right := range v.Form.Rights {
				if right != "read" {
					t.add("field", field+": "+right)
				}
			}
		}
	})
}

// acted runs one act on a task and says what came of it.
func acted(con *console, act func(c *client.Client) (client.Acted, error)) error {
	c, err := dial(con)
	if err != nil {
		return err
	}
	done, err := act(c)
	if err != nil {
		return err
	}
	return con.print(done, func(t *table) {
		state := "done"
		if done.Version > 0 {
			state = "open"
			if done.Assignee != nil {
				state = "with " + done.Assignee.Name
			}
		}
		t.add("task "+done.Task, state, "ticket "+done.Status)
	})
}

type taskClaimCmd struct {
	Task string `arg:""`
}

// Run claims.
func (a taskClaimCmd) Run(ctx context.Context, con *console) error {
	return acted(con, func(c *client.Client) (client.Acted, error) { return c.Claim(ctx, a.Task, 0) })
}

type taskUnclaimCmd struct {
	Task string `arg:""`
}

// Run puts it back.
func (a taskUnclaimCmd) Run(ctx context.Context, con *console) error {
	return acted(con, func(c *client.Client) (client.Acted, error) { return c.Unclaim(ctx, a.Task, 0) })
}

type taskCompleteCmd struct {
	Task    string `arg:""`
	Outcome string `help:"One of the task's outcomes, where it has any."`
	fieldFlags
	Note string `help:"A remark for the history."`
}

// Run completes.
func (a taskCompleteCmd) Run(ctx context.Context, con *console) error {
	data, err := a.read(con)
	if err != nil {
		return err
	}
	return acted(con, func(c *client.Client) (client.Acted, error) {
		return c.Complete(ctx, a.Task, client.Completion{Outcome: a.Outcome, Data: data, Note: a.Note})
	})
}

type taskReturnCmd struct {
	Task     string `arg:""`
	To       string `help:"Element id of the step; left out: the nearest that was passed."`
	Straight bool   `help:"Come back here without the steps between."`
	Note     string `help:"Why, for the history."`
}

// Run returns the work.
func (a taskReturnCmd) Run(ctx context.Context, con *console) error {
	return acted(con, func(c *client.Client) (client.Acted, error) {
		return c.ReturnTask(ctx, a.Task, client.Return{To: a.To, Straight: a.Straight, Note: a.Note})
	})
}

// handOverFlags name the task and who gets it.
type handOverFlags struct {
	Task string `arg:""`
	To   string `arg:"" help:"Login of who gets it."`
	Note string `help:"A remark for the history."`
}

type taskDelegateCmd struct{ handOverFlags }

// Run delegates.
func (a taskDelegateCmd) Run(ctx context.Context, con *console) error {
	return acted(con, func(c *client.Client) (client.Acted, error) {
		return c.Delegate(ctx, a.Task, client.HandOver{To: a.To, Note: a.Note})
	})
}

type taskTransferCmd struct{ handOverFlags }

// Run transfers.
func (a taskTransferCmd) Run(ctx context.Context, con *console) error {
	return acted(con, func(c *client.Client) (client.Acted, error) {
		return c.Transfer(ctx, a.Task, client.HandOver{To: a.To, Note: a.Note})
	})
}

type taskAddSignerCmd struct {
	Task  string   `arg:""`
	Who   []string `arg:"" help:"Logins of who is to sign too."`
	Where string   `enum:"before,beside,after" default:"beside" help:"${enum} you; after someone before, you are asked again."`
	Note  string   `help:"Why, for the history."`
}

// Run adds signers.
func (a taskAddSignerCmd) Run(ctx context.Context, con *console) error {
	return acted(con, func(c *client.Client) (client.Acted, error) {
		return c.AddSigners(ctx, a.Task, client.AddSigners{Who: a.Who, Where: a.Where, Note: a.Note})
	})
}

type taskRemoveSignerCmd struct {
	Task string `arg:"" help:"Any open task of the group."`
	Who  string `arg:"" help:"Login, or the member as 'task show' names it."`
	Note string `help:"Why, for the history."`
}

// Run removes a signer.
func (a taskRemoveSignerCmd) Run(ctx context.Context, con *console) error {
	return acted(con, func(c *client.Client) (client.Acted, error) {
		return c.RemoveSigner(ctx, a.Task, client.RemoveSigner{Who: a.Who, Note: a.Note})
	})
}
