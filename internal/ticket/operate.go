package ticket

import (
	"context"
	"encoding/json"
	"maps"

	"github.com/paceline/paceline/internal/app"
	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/engine"
	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/feel"
	"github.com/paceline/paceline/internal/org"
	"github.com/paceline/paceline/internal/process"
)

// Operation is what an operator does to a ticket of others. It stands in the ticket's history and in the audit.
type Operation struct {
	Do     Verb
	Reason string // why; always required

	Element string          // Move, Restart: where to; Set: whose scope, empty for the process
	From    string          // Move: the element whose token is moved; empty: all that cannot live beside Element
	Vars    json.RawMessage // Set, Move, Restart: object of variables to set

	Version int                    // Migrate: number of the version of its app to go to
	Plans   map[string]engine.Plan // Migrate: by process

	// Also adds rows to the transaction in which the ticket changes. It may be called again, and only appends.
	Also func(*db.Change)
}

// Verb is what an operation does.
type Verb string

// The verbs.
const (
	Suspend Verb = "suspend" // nothing can be completed, timers and work wait
	Resume  Verb = "resume"
	Move    Verb = "move"    // a token
	Set     Verb = "set"     // variables
	End     Verb = "cancel"  // the ticket
	Restart Verb = "restart" // again from a passed element, with the variables of that time
	Migrate Verb = "migrate" // to another version of the app
)

// Verbs are all that Operate can do.
var Verbs = []Verb{Suspend, Resume, Move, Set, End, Restart, Migrate}

// Operated answers Operate.
type Operated struct {
	Ticket    db.ID  `json:"ticket"`
	Do        Verb   `json:"do"`
	Status    Status `json:"status" enum:"open,closed,cancelled,failed"`
	Suspended bool   `json:"suspended"`
	Version   int    `json:"version" doc:"of the app, that the ticket runs on"`
	New       db.ID  `json:"new,omitzero" doc:"restart of an ended ticket: the ticket that does it again"`
	Number    string `json:"number,omitempty" doc:"of the new ticket"`
}

// Check says what is wrong with an operation, whatever the ticket.
func (op Operation) Check() error {
	_, err := op.checked()
	return err
}

func (op Operation) checked() (vars feel.Vars, err error) {
	if _, err = cleanText("reason", op.Reason, true); err != nil {
		return nil, err
	}
	if vars, err = readValues("variables", op.Vars); err != nil {
		return nil, err
	}
	if _, own := vars[about]; own {
		return nil, wrongField("variables", "reserved", "%q tells a process of its ticket and cannot be set", about)
	}
	switch op.Do {
	case Suspend, Resume, End:
	case Move, Restart:
		if op.Element == "" {
			return nil, wrongField("element", "required", "name the element to go on at")
		}
	case Set:
		if len(vars) == 0 {
			return nil, wrongField("variables", "required", "name the variables to set")
		}
	case Migrate:
		if op.Version <= 0 {
			return nil, wrongField("version", "required", "name the version to migrate to")
		}
	default:
		return nil, wrongField("do", "enum", "%q is no operation; the operations are %v", op.Do, Verbs)
	}
	return vars, nil
}

// Operate does an operation. The errors: Denied for who may not repair tickets, NotFound for a ticket that is not seen,
// Invalid for an operation that says too little, Conflict for one that does not fit what the ticket does now.
func (s *Service) Operate(ctx context.Context, actor *org.Actor, ticket db.ID, op Operation) (done Operated, err error) {
	defer errs.Wrap(&err, "ticket.Operate")
	defer recall(ctx, s, &done, &err)
	if err := actor.Require(org.RepairTickets); err != nil {
		return done, err
	}
	vars, err := op.checked()
	if err != nil {
		return done, err
	}
	t, err := s.find(ctx, actor, ticket)
	if err != nil {
		return done, err
	}
	o := &operating{Service: s, actor: actor, ticket: t, op: op, vars: vars}
	if o.live, err = s.versionOf(ctx, ticket); err != nil {
		return done, err
	}
	switch op.Do {
	case Suspend:
		return o.family(ctx, engine.Suspend{})
	case Resume:
		return o.family(ctx, engine.Resume{})
	case Move:
		return o.submit(ctx, engine.Jump{From: op.From, To: op.Element, Vars: vars})
	case Set:
		return o.submit(ctx, engine.VariablesSet{Element: op.Element, Vars: vars})
	case End:
		return o.submit(ctx, engine.Cancel{Reason: op.Reason})
	case Restart:
		return o.restart(ctx)
	}
	return o.migrate(ctx)
}

// operating is one operation under way.
type operating struct {
	*Service
	actor  *org.Actor
	ticket Ticket
	live   *app.Loaded // the version it runs on
	op     Operation
	vars   feel.Vars
}

func (o *operating) submit(ctx context.Context, event engine.Event) (Operated, error) {
	return o.do(ctx, process.Command{Instance: o.ticket.ID, Event: event}, Operated{Version: o.ticket.Version})
}

// do submits a command in the name of the actor, with what is noted of the operation.
func (o *operating) do(ctx context.Context, cmd process.Command, done Operated) (Operated, error) {
	cmd.Actor, cmd.By, cmd.Note = o.actor.ID, o.actor.Name, o.op.Reason
	done.Ticket, done.Do = o.ticket.ID, o.op.Do
	cmd.With = func(t *process.Transition, ch *db.Change) error {
		row, err := o.org.AuditRow(o.actor, "ticket."+string(o.op.Do), o.ticket.ID.String(), o.details(done))
		if err != nil {
			return err
		}
		ch.Inserts = append(ch.Inserts, row)
		if o.op.Also != nil {
			o.op.Also(ch)
		}
		return nil
	}
	cmd.Answer = func(t *process.Transition) any {
		if done.New == 0 {
			done.Status, done.Suspended = statusOf(t.After), t.After.Suspended()
		}
		return done
	}
	res, err := o.process.Submit(ctx, cmd)
	if err != nil {
		return Operated{}, err
	}
	return answer[Operated](res)
}

// details are what the audit keeps; values of variables stay out of it.
func (o *operating) details(done Operated) map[string]any {
	d := map[string]any{"number": o.ticket.Number, "reason": o.op.Reason}
	if o.op.Element != "" {
		d["element"] = o.op.Element
	}
	if o.op.From != "" {
		d["from"] = o.op.From
	}
	if o.op.Version != 0 {
		d["version"] = o.op.Version
	}
	if done.New != 0 {
		d["new"] = done.New.String()
	}
	return d
}

// family does it to the ticket and to what it has called. A called process that has just ended, or is so already, is
// passed over.
func (o *operating) family(ctx context.Context, event engine.Event) (done Operated, err error) {
	if done, err = o.submit(ctx, event); err != nil {
		return done, err
	}
	called, err := o.query.Family(ctx, o.ticket.ID, maxFamily)
	if err != nil {
		return done, err
	}
	for _, in := range called {
		if in.ID == o.ticket.ID || in.Status != process.Running {
			continue
		}
		cmd := process.Command{Instance: in.ID, Event: event, Actor: o.actor.ID, By: o.actor.Name, Note: o.op.Reason}
		if _, err := o.process.Submit(partOf(ctx, "f", in.ID), cmd); err != nil && !errs.Is(err, errs.Conflict) {
			return done, err
		}
	}
	return done, nil
}

// restart does the ticket again from an element: in place while it runs, else as a new ticket.
func (o *operating) restart(ctx context.Context) (Operated, error) {
	then, _, err := o.query.Entered(ctx, o.ticket.ID, o.op.Element)
	if err != nil {
		return Operated{}, err
	}
	delete(then, about)
	maps.Copy(then, o.vars)
	if o.ticket.Status == Open {
		return o.submit(ctx, engine.Jump{To: o.op.Element, Vars: then})
	}
	in, state, err := o.query.State(ctx, o.ticket.ID)
	if err != nil {
		return Operated{}, err
	}
	id, number, err := o.newNumber(ctx)
	if err != nil {
		return Operated{}, err
	}
	then[about] = feel.From(map[string]any{
		"id": id.String(), "number": number, "app": o.ticket.App, "kind": o.ticket.Kind,
		"requester": state.Initiator(), "opened": o.now(), "again": o.ticket.Number,
	})
	start := engine.Start{BusinessKey: number, Vars: then, Initiator: state.Initiator(), At: o.op.Element, Again: engine.ID(o.ticket.ID)}
	return o.do(ctx, process.Command{Instance: id, Definition: in.Definition, Event: start},
		Operated{Version: o.ticket.Version, Status: o.ticket.Status, New: id, Number: number})
}

// newNumber is for a ticket of the same kind. What nobody opened is called by its id.
func (o *operating) newNumber(ctx context.Context) (db.ID, string, error) {
	id, now := o.newID(), o.now()
	kind := o.live.Kind(o.ticket.Kind)
	if kind == nil {
		return id, "", nil
	}
	serial, err := o.numbers.take(ctx, o.live.App+"/"+kind.ID+"/"+kind.Number.Period(now))
	return id, kind.Number.Format(now, serial), err
}

// migrate moves the ticket to another version. What it has called keeps its own.
func (o *operating) migrate(ctx context.Context) (Operated, error) {
	in, err := o.query.Instance(ctx, o.ticket.ID)
	if err != nil {
		return Operated{}, err
	}
	v, err := o.apps.Find(ctx, o.actor, o.ticket.App, o.op.Version)
	if err != nil {
		return Operated{}, err
	}
	to, err := o.apps.Loaded(ctx, v.ID)
	if err != nil {
		return Operated{}, err
	}
	def, err := o.apps.Definition(ctx, in.Definition)
	if err != nil {
		return Operated{}, err
	}
	name := def.Process.ID
	switch {
	case in.Status != process.Running:
		return Operated{}, errs.New(errs.Conflict, "the ticket has ended").WithCure("ended tickets keep their version; restart it to do it again")
	case to.DefinitionID(name) == in.Definition:
		return Operated{}, errs.New(errs.Conflict, "the ticket runs on version %d already", o.op.Version)
	case to.DefinitionID(name) == 0:
		return Operated{}, errs.New(errs.Conflict, "version %d has no process %s", o.op.Version, name)
	case o.ticket.Kind != "" && to.Kind(o.ticket.Kind) == nil:
		return Operated{}, errs.New(errs.Conflict, "version %d has no tickets of the kind %s", o.op.Version, o.ticket.Kind)
	}
	moved := engine.Migrate{Source: engine.ID(in.Definition), Target: engine.ID(to.DefinitionID(name)), Plan: o.op.Plans[name]}
	return o.do(ctx, process.Command{Instance: o.ticket.ID, Event: moved}, Operated{Version: to.Number})
}
