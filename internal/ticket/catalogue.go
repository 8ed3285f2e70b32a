package ticket

import (
	"context"

	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/engine"
	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/feel"
	"github.com/paceline/paceline/internal/org"
	"github.com/paceline/paceline/internal/process"
)

// Offer is a kind of ticket that the actor may open.
type Offer struct {
	App         string `json:"app"`
	AppName     string `json:"appName"`
	Version     int    `json:"version"`
	Kind        string `json:"kind"`
	Name        string `json:"name"`
	Description string `json:"description,omitempty"`
	Icon        string `json:"icon,omitempty"`
}

// Catalogue lists what the actor may open, by app and in the order of its manifest.
func (s *Service) Catalogue(_ context.Context, actor *org.Actor) ([]Offer, error) {
	if err := actor.Require(org.OpenTickets); err != nil {
		return nil, err
	}
	offers := []Offer{}
	for _, live := range s.apps.Live() {
		for i := range live.Manifest.Tickets {
			kind := &live.Manifest.Tickets[i]
			if s.mayOpen(actor, kind) == nil {
				offers = append(offers, Offer{
					App: live.App, AppName: live.Manifest.Name, Version: live.Number,
					Kind: kind.ID, Name: kind.Name, Description: kind.Description, Icon: kind.Icon,
				})
			}
		}
	}
	return offers, nil
}

// StartForm is the form that opens a ticket of a kind, filled with its defaults; nil when
// the kind has none.
func (s *Service) StartForm(_ context.Context, actor *org.Actor, name, kindID string) (view *FormView, err error) {
	defer errs.Wrap(&err, "ticket.StartForm")
	if actor == nil {
		return nil, actor.Require(org.OpenTickets)
	}
	live, kind, err := s.liveKind(name, kindID)
	if err != nil {
		return nil, err
	}
	if err := s.mayOpen(actor, kind); err != nil {
		return nil, err
	}
	f := live.Form(kind.Form)
	if f == nil {
		return nil, nil
	}
	vars, err := f.Defaults(feel.Vars{}, s.now())
	if err != nil {
		return nil, err
	}
	return viewOf(live.FormName(kind.Form), f, live.StartRights(kind.ID), vars)
}

// Retried answers Retry.
type Retried struct {
	Ticket   db.ID `json:"ticket"`
	Incident db.ID `json:"incident"`
}

// Retry does again what an incident has stopped.
func (s *Service) Retry(ctx context.Context, actor *org.Actor, incident db.ID, note string) (retried Retried, err error) {
	defer errs.Wrap(&err, "ticket.Retry")
	defer recall(ctx, s, &retried, &err)
	if err := actor.Require(org.RepairTickets); err != nil {
		return retried, err
	}
	var b builder
	b.add(incidentColumns+"JOIN ticket k ON k.id = i.root WHERE i.id = ? AND ", incident)
	b.addWith(s.access(actor).sees())
	found, err := db.All(ctx, s.db, scanIncident, b.text, b.args...)
	if err != nil {
		return retried, err
	}
	if len(found) == 0 {
		return retried, errs.New(errs.NotFound, "there is no incident %s", incident).WithCure("it may be repaired already: look at the ticket")
	}
	stuck := found[0]
	res, err := s.process.Submit(ctx, process.Command{
		Instance: stuck.Instance, Event: engine.Retry{Incident: engine.ID(incident)}, Actor: actor.ID, By: actor.Name, Note: note,
		Answer: func(*process.Transition) any { return Retried{Ticket: stuck.Ticket, Incident: incident} },
	})
	if err != nil {
		return retried, err
	}
	return answer[Retried](res)
}
