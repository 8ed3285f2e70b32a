package ticket

import (
	"context"
	"slices"
	"strings"

	"github.com/paceline/paceline/internal/app"
	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/engine"
	"github.com/paceline/paceline/internal/feel"
	"github.com/paceline/paceline/internal/form"
	"github.com/paceline/paceline/internal/process"
)

var (
	setUpdated = []string{"updated"}
	setStatus  = []string{"updated", "status", "closed"}
	setField   = []string{"txt", "num"}
	setVersion = []string{"app_version"}
)

// Project adds the ticket's rows to a transition: it keeps lists, searches and rights
// in step with the instance, in the same transaction. process calls it in a lane, so it
// reads only what is in memory.
func (s *Service) Project(t *process.Transition, ch *db.Change) error {
	at := db.Micros(t.Now)
	live, err := s.apps.ByDefinition(context.Background(), t.Definition)
	if err != nil {
		return err
	}
	s.recent.follow(t, live.App, s.named)
	if t.Parent == 0 {
		if err := s.projectRoot(t, ch, live, at); err != nil {
			return err
		}
	} else {
		ch.Sets = append(ch.Sets, db.Set{Table: tickets, Columns: setUpdated, Key: []any{t.Root}, Values: []any{at}})
	}
	s.projectCopies(t, ch)
	for _, task := range t.Opened {
		for _, principal := range append(slices.Clone(task.Assigned.Candidates), task.Assigned.Assignee) {
			mayRead(ch, t.Root, principal)
		}
	}
	for _, effect := range t.Effects {
		if change, ok := effect.(engine.ChangeTask); ok {
			if u := s.org.Directory().UserByLogin(change.Assignee); u != nil {
				mayRead(ch, t.Root, u.ID)
			}
		}
	}
	return nil
}

func mayRead(ch *db.Change, ticket, principal db.ID) {
	if principal == 0 {
		return
	}
	ch.Ignores = append(ch.Ignores, db.Row{Table: readers, Values: []any{principal, ticket}})
}

func (s *Service) projectRoot(t *process.Transition, ch *db.Change, live *app.Loaded, at int64) error {
	if t.Before == nil {
		return s.projectStart(t, ch, live, at)
	}
	status, closed := statusOf(t.After), process.Never
	if status != Open {
		closed = at
	}
	ch.Sets = append(ch.Sets, db.Set{Table: tickets, Columns: setStatus, Key: []any{t.Instance}, Values: []any{at, string(status), closed}})
	kind := kindOf(live, t.After.Vars(), t.Process.Process.ID)
	if _, moved := t.Event.(engine.Migrate); moved {
		s.projectMove(t, ch, live, kind)
		return nil
	}
	if kind == nil {
		return nil
	}
	before := form.Search(live.SearchFields(kind.ID), t.Before.Vars())
	for i, v := range form.Search(live.SearchFields(kind.ID), t.After.Vars()) {
		if v != before[i] {
			ch.Sets = append(ch.Sets, db.Set{Table: fields, Columns: setField, Key: []any{t.Instance, v.Path}, Values: fieldValues(v)})
		}
	}
	return nil
}

// projectMove brings the ticket to the version that its instance has migrated to. A searchable field that only
// this version has gets its row.
func (s *Service) projectMove(t *process.Transition, ch *db.Change, live *app.Loaded, kind *app.Kind) {
	ch.Sets = append(ch.Sets, db.Set{Table: tickets, Columns: setVersion, Key: []any{t.Instance}, Values: []any{live.Number}})
	if kind == nil {
		return
	}
	for _, v := range form.Search(live.SearchFields(kind.ID), t.After.Vars()) {
		ch.Ignores = append(ch.Ignores, db.Row{Table: fields, Values: append([]any{t.Instance, v.Path}, fieldValues(v)...)})
		ch.Sets = append(ch.Sets, db.Set{Table: fields, Columns: setField, Key: []any{t.Instance, v.Path}, Values: fieldValues(v)})
	}
}

// projectStart writes the ticket. A process that nobody opened, but a message or a
// timer started, is a ticket too; its number is its id.
func (s *Service) projectStart(t *process.Transition, ch *db.Change, live *app.Loaded, at int64) error {
	vars := t.After.Vars()
	number, title, kindID := t.After.BusinessKey(), t.Process.Process.Name, ""
	kind := kindOf(live, vars, t.Process.Process.ID)
	if kind != nil {
		title, kindID = live.Title(kind.ID, vars, t.Now), kind.ID
	}
	if number == "" {
		number = "#" + t.Instance.String()
	}
	status, closed := statusOf(t.After), process.Never
	if status != Open {
		closed = at
	}
	requester := t.Actor
	if start, ok := t.Event.(engine.Start); ok && start.Again != 0 { // an operator did it, for who had opened the first
		if u := s.org.Directory().UserByLogin(start.Initiator); u != nil {
			requester = u.ID
			mayRead(ch, t.Instance, requester)
		}
	}
	ch.Inserts = append(ch.Inserts, db.Row{Table: tickets, Values: []any{
		t.Instance, clip(number, 60), live.App, kindID, live.Number, clip(title, 300), requester, string(status), at, at, closed,
	}})
	mayRead(ch, t.Instance, t.Actor)
	if kind == nil {
		return nil
	}
	for _, v := range form.Search(live.SearchFields(kind.ID), vars) {
		ch.Inserts = append(ch.Inserts, db.Row{Table: fields, Values: append([]any{t.Instance, v.Path}, fieldValues(v)...)})
	}
	return nil
}

// kindOf finds the kind that a ticket was opened as: by its own word, else the only
// kind of the process.
func kindOf(live *app.Loaded, vars feel.Vars, process string) *app.Kind {
	if c, ok := vars[about].(*feel.Context); ok {
		if name, ok := c.Get("kind"); ok {
			if id, ok := name.(string); ok {
				return live.Kind(id)
			}
		}
	}
	for i := range live.Manifest.Tickets {
		if live.Manifest.Tickets[i].Process == process {
			return &live.Manifest.Tickets[i]
		}
	}
	return nil
}

// fieldValues are the values of a row of ticket_field. Every declared field has its row;
// what has no value there is NULL twice.
func fieldValues(v form.SearchValue) []any {
	switch {
	case !v.Present:
		return []any{nil, nil}
	case v.Type == form.SearchText:
		return []any{v.Text, nil}
	}
	return []any{nil, v.Number}
}

// clip shortens text to what a column takes.
func clip(text string, characters int) string {
	text = strings.ToValidUTF8(strings.ReplaceAll(text, "\x00", ""), "\uFFFD")
	if r := []rune(text); len(r) > characters {
		return string(r[:characters-1]) + "…"
	}
	return text
}
