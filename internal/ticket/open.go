package ticket

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/paceline/paceline/internal/app"
	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/engine"
	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/feel"
	"github.com/paceline/paceline/internal/form"
	"github.com/paceline/paceline/internal/org"
	"github.com/paceline/paceline/internal/process"
)

// Draft is a ticket to be opened.
type Draft struct {
	App  string
	Kind string
	Data json.RawMessage // object: the values of the start form
	Note string
	// With adds rows to the transaction that opens the ticket; see process.Command.
	With func(*process.Transition, *db.Change) error
}

// Opened answers Open.
type Opened struct {
	ID     db.ID  `json:"id"`
	Number string `json:"number"`
	Title  string `json:"title"`
	Status Status `json:"status" enum:"open,closed,cancelled,failed"`
}

// about is the variable in which a process finds its ticket: id, number, app, kind,
// requester (a login) and opened. Forms cannot write it.
const about = "ticket"

// Open opens a ticket of a live app. The errors: NotFound for an unknown app or kind,
// Denied for who may not open one, Invalid with every wrong field.
func (s *Service) Open(ctx context.Context, actor *org.Actor, draft Draft) (opened Opened, err error) {
	defer errs.Wrap(&err, "ticket.Open")
	defer recall(ctx, s, &opened, &err)
	if actor == nil {
		return opened, actor.Require(org.OpenTickets)
	}
	live, kind, err := s.liveKind(draft.App, draft.Kind)
	if err != nil {
		return opened, err
	}
	if err := s.mayOpen(actor, kind); err != nil {
		return opened, err
	}
	vars, err := s.startValues(ctx, actor, live, kind, draft.Data)
	if err != nil {
		return opened, err
	}
	return s.begin(ctx, actor, live, kind, vars, draft)
}

// OpenFor is Open in the name of a login, for what opens tickets by itself.
func (s *Service) OpenFor(ctx context.Context, login string, draft Draft) (Opened, error) {
	actor, err := s.org.Directory().ActorFor(login)
	if err != nil {
		return Opened{}, err
	}
	return s.Open(ctx, actor, draft)
}

// liveKind finds a kind of ticket of an active version; an app's only kind need not be named.
func (s *Service) liveKind(name, kind string) (*app.Loaded, *app.Kind, error) {
	live, err := s.apps.Active(name)
	if err != nil {
		return nil, nil, err
	}
	if kind == "" && len(live.Manifest.Tickets) == 1 {
		kind = live.Manifest.Tickets[0].ID
	}
	k := live.Kind(kind)
	if k == nil {
		return nil, nil, errs.New(errs.NotFound, "the app %s has no tickets of kind %q", name, kind).WithCure("list the app's kinds")
	}
	return live, k, nil
}

// startValues checks what was sent against the start form and adds its defaults.
func (s *Service) startValues(ctx context.Context, actor *org.Actor, live *app.Loaded, kind *app.Kind, data json.RawMessage) (feel.Vars, error) {
	sent, err := readValues("data", data)
	if err != nil {
		return nil, err
	}
	f := live.Form(kind.Form)
	if f == nil {
		if len(sent) > 0 {
			return nil, wrongField("data", "unknown", "%s tickets are opened without a form", kind.ID)
		}
		return feel.Vars{}, nil
	}
	vars, err := f.Defaults(feel.Vars{}, s.now())
	if err != nil {
		return nil, err
	}
	changed, err := s.apply(ctx, actor, live, f, form.Submission{Current: vars, Values: sent, Rights: live.StartRights(kind.ID)})
	if err != nil {
		return nil, err
	}
	for name, value := range changed {
		vars[name] = value
	}
	return vars, nil
}

// begin numbers the ticket and starts its process.
func (s *Service) begin(ctx context.Context, actor *org.Actor, live *app.Loaded, kind *app.Kind, vars feel.Vars, draft Draft) (Opened, error) {
	now := s.now()
	serial, err := s.numbers.take(ctx, live.App+"/"+kind.ID+"/"+kind.Number.Period(now))
	if err != nil {
		return Opened{}, err
	}
	id, number := s.newID(), kind.Number.Format(now, serial)
	vars[about] = feel.From(map[string]any{
		"id": id.String(), "number": number, "app": live.App, "kind": kind.ID, "requester": actor.Login, "opened": now,
	})
	res, err := s.process.Submit(ctx, process.Command{
		Instance:   id,
		Definition: live.DefinitionID(kind.Process),
		Event:      engine.Start{BusinessKey: number, Vars: vars, Initiator: actor.Login},
		Actor:      actor.ID, By: actor.Name, Note: draft.Note, With: draft.With,
		Answer: func(t *process.Transition) any {
			return Opened{ID: t.Instance, Number: number, Title: live.Title(kind.ID, t.After.Vars(), now), Status: statusOf(t.After)}
		},
	})
	if err != nil {
		return Opened{}, err
	}
	return answer[Opened](res)
}

// answer reads what the command's Answer made, now or when it first took effect.
func answer[T any](res process.Result) (out T, err error) {
	if err := json.Unmarshal(res.Answer, &out); err != nil {
		return out, errs.New(errs.Internal, "the stored answer cannot be read: %w", err)
	}
	return out, nil
}

// recall answers the repeat of a command that has taken effect. What was checked before
// the command no longer holds then: the task is done, the version another. So a failure is
// believed only when nothing is kept under the request's key.
func recall[T any](ctx context.Context, s *Service, out *T, err *error) {
	if *err == nil {
		return
	}
	res, known, failed := s.process.Recall(ctx)
	switch {
	case errors.Is(failed, db.ErrKeyReused):
		*err = failed
	case failed == nil && known:
		*out, *err = answer[T](res)
	}
}

// readValues reads a JSON object of values; field is what errors call it.
func readValues(field string, data json.RawMessage) (feel.Vars, error) {
	if len(data) == 0 {
		return feel.Vars{}, nil
	}
	v, err := feel.FromJSON(data)
	if err != nil {
		return nil, wrongField(field, "json", "is not JSON: %v", err)
	}
	if v == nil {
		return feel.Vars{}, nil
	}
	object, ok := v.(*feel.Context)
	if !ok {
		return nil, wrongField(field, "type", "has to be an object")
	}
	vars := feel.Vars{}
	for i := range object.Len() {
		vars[object.At(i).Name] = object.At(i).Value
	}
	return vars, nil
}

func statusOf(st *engine.State) Status {
	switch how, ended := st.Ended(); {
	case !ended:
		return Open
	case how == engine.EndCancelled:
		return Cancelled
	case how == engine.EndFailed:
		return Failed
	}
	return Closed
}
