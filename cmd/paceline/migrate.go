package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/node"
)

type migrateCmd struct {
	To     string `required:"" placeholder:"DSN" help:"Database that is to have the data, empty so far: postgres://, mysql://, sqlserver://, oracle:// or sqlite:PATH."`
	From   string `placeholder:"DSN" help:"Database that has the data. Left out: the one that the server of --data uses."`
	Data   string `placeholder:"DIR" help:"Data directory of the stopped server or host; ./data when left out."`
	NoCopy bool   `help:"Copy nothing, only let this host of a cluster use the database: it has another address, or the data go back. The others hear of it when this host leads."`
}

// Run moves the data and says what is where now.
func (m migrateCmd) Run(ctx context.Context, con *console) error {
	cfg, err := serveFlags{Data: m.Data}.config(con)
	if err != nil {
		return err
	}
	var done node.Moved
	switch {
	case m.NoCopy && m.From != "":
		return errs.New(errs.Invalid, "--no-copy copies nothing: leave --from out")
	case m.NoCopy:
		done, err = node.FollowMove(ctx, cfg, m.To)
	default:
		told := &progress{out: con.err, clock: time.Now}
		done, err = node.MoveData(ctx, cfg, node.Move{From: m.From, To: m.To, Told: told.tell})
	}
	if err != nil {
		return err
	}
	if err := con.print(done, func(t *table) {
		t.head = []string{"TABLE", "ROWS", "HASH"}
		for _, c := range done.Tables {
			t.add(c.Table, fmt.Sprint(c.Rows), c.Hash[:16])
		}
	}); err != nil {
		return err
	}
	switch {
	case m.NoCopy:
		con.say("The host %s uses %s from its next start; the others hear of it when its Booster leads.", done.Host, done.To)
	case done.Host != "":
		con.say("All data are in %s, which the host %s uses from its next start.", done.To, done.Host)
		con.say("Start the hosts again, this one first: the others hear of it by themselves.")
	default:
		con.say("All data are in %s. Let the server use it: db.dsn in paceline.yaml, or paceline serve --db DSN.", done.To)
	}
	return nil
}

// progress prints how far a copy is: each table that is done, and in long ones a line every
// few seconds.
type progress struct {
	out   io.Writer
	clock func() time.Time
	last  time.Time
}

const progressEvery = 2 * time.Second

func (p *progress) tell(now db.Progress) {
	at := p.clock()
	if now.Rows < now.Of && at.Sub(p.last) < progressEvery {
		return
	}
	p.last = at
	doing := "copied"
	if now.Check {
		doing = "verified"
	}
	fmt.Fprintf(p.out, "%s: %d of %d rows %s\n", now.Table, now.Rows, now.Of, doing)
}
