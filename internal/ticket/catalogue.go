package ticket

import (
	"context"

	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/feel"
	"github.com/paceline/paceline/internal/org"
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
		w := wordsFor(actor, live)
		for i := range live.Manifest.Tickets {
			kind := &live.Manifest.Tickets[i]
			if s.mayOpen(actor, kind) == nil {
				offers = append(offers, Offer{
					App: live.App, AppName: w.app(), Version: live.Number,
					Kind: kind.ID, Name: w.kind(kind), Description: w.kindDescription(kind), Icon: kind.Icon,
				})
			}
		}
	}
	return offers, nil
}

// StartForm is the form that opens a ticket of a kind, filled with its defaults; nil when
// the kind has none.
func (s *Service) StartForm(ctx context.Context, actor *org.Actor, name, kindID string) (view *FormView, err error) {
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
	if view, err = viewOf(wordsFor(actor, live), kind.Form, live.StartRights(kind.ID), vars); err != nil {
		return nil, err
	}
	return view, s.offer(ctx, actor, live, view, live.StartRights(kind.ID))
}
