package ticket

import (
	"context"

	"github.com/paceline/paceline/internal/app"
	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/engine"
	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/form"
	"github.com/paceline/paceline/internal/org"
)

// words are an app's words for one reader: in the reader's language where the app has texts in
// it, else as the author wrote them. Values, outcomes and ids stay what programs know them by.
type words struct {
	live     *app.Loaded
	language string
}

func wordsFor(actor *org.Actor, live *app.Loaded) words {
	return words{live: live, language: live.Language(actor.Languages())}
}

func (w words) text(key, own string) string {
	if s, ok := w.live.Text(w.language, key); ok && w.language != "" {
		return s
	}
	return own
}

func (w words) app() string { return w.text("app.name", w.live.Manifest.Name) }

func (w words) kind(k *app.Kind) string { return w.text("tickets."+k.ID+".name", k.Name) }

func (w words) kindDescription(k *app.Kind) string {
	return w.text("tickets."+k.ID+".description", k.Description)
}

func (w words) outcome(name string) string { return w.text("outcomes."+name, name) }

// step is the name of an open task as it is shown. A name that an expression made is data, and stays.
func (w words) step(def *engine.Definition, element, shown string) string {
	node := def.Node(element)
	if w.language == "" || node == nil || node.Name != shown {
		return shown
	}
	return w.text("processes."+def.Process.ID+"."+element, shown)
}

// form is the translation of a form.
func (w words) form(name string) form.Translation {
	if w.language == "" {
		return nil
	}
	return func(key string) (string, bool) { return w.live.Text(w.language, "forms."+name+"."+key) }
}

// wordsOf are the words of the app version that a definition belongs to.
func (s *Service) wordsOf(ctx context.Context, actor *org.Actor, definition db.ID) (words, *engine.Definition, error) {
	live, err := s.apps.ByDefinition(ctx, definition)
	if err != nil {
		return words{}, nil, err
	}
	def, err := s.apps.Definition(ctx, definition)
	return wordsFor(actor, live), def, err
}

// nameItems puts what an inbox shows into the words of its reader. What has lost its app is shown as it is.
func (s *Service) nameItems(ctx context.Context, actor *org.Actor, items []Item) error {
	for i := range items {
		it := &items[i]
		w, def, err := s.wordsOf(ctx, actor, it.definition)
		if errs.Is(err, errs.NotFound) {
			continue
		}
		if err != nil {
			return err
		}
		it.Name = w.step(def, it.Element, it.Name)
		if kind := w.live.Kind(it.Kind); kind != nil {
			it.KindName = w.kind(kind)
		}
	}
	return nil
}

// nameTickets does the same to a list of tickets. A kind is called what it is called today.
func (s *Service) nameTickets(ctx context.Context, actor *org.Actor, tickets []Ticket) error {
	for i := range tickets {
		t := &tickets[i]
		live, err := s.apps.Active(t.App)
		if errs.Is(err, errs.NotFound) {
			continue
		}
		if err != nil {
			return err
		}
		if kind := live.Kind(t.Kind); kind != nil {
			t.KindName = wordsFor(actor, live).kind(kind)
		}
		for j := range t.Steps {
			st := &t.Steps[j]
			w, def, err := s.wordsOf(ctx, actor, st.definition)
			if errs.Is(err, errs.NotFound) {
				continue
			}
			if err != nil {
				return err
			}
			st.Name = w.step(def, st.Element, st.Name)
		}
	}
	return nil
}
