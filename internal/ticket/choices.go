package ticket

import (
	"context"

	"github.com/paceline/paceline/internal/app"
	"github.com/paceline/paceline/internal/feel"
	"github.com/paceline/paceline/internal/form"
	"github.com/paceline/paceline/internal/org"
)

// apply holds what an actor sent against a form of an app. Where a field's choices are records, the actor may
// choose among those that they see.
func (s *Service) apply(ctx context.Context, actor *org.Actor, live *app.Loaded, f *form.Form, sent form.Submission) (feel.Vars, error) {
	sent.Now = s.now()
	if s.records == nil {
		return f.Apply(sent)
	}
	chosen, failed := s.records.Chosen(ctx, actor, live.App)
	sent.Chosen = chosen
	changed, err := f.Apply(sent)
	if broken := failed(); broken != nil {
		return nil, broken
	}
	return changed, err
}

// offer adds the choices that are records to a form.
func (s *Service) offer(ctx context.Context, actor *org.Actor, live *app.Loaded, view *FormView, rights form.Rights) (err error) {
	if s.records != nil && view != nil {
		view.Choices, err = s.records.FormChoices(ctx, actor, live.App, live.Form(view.Name), rights)
	}
	return err
}
