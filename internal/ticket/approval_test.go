package ticket_test

import (
	"testing"

	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/process"
	"github.com/paceline/paceline/internal/ticket"
)

const costly = `{"title": "A machine", "supplier": "Sample Ltd", "currency": "TWD", "lines": [{"item": "machine", "quantity": 1, "price": 900000}], "reason": "the old one is worn out"}`

// toVote opens a purchase that goes to the committee: director, it-manager and sales-manager.
func (w *world) toVote() db.ID {
	w.t.Helper()
	opened, err := w.tickets.Open(w.t.Context(), w.as("staff1"), ticket.Draft{App: "purchase", Kind: "purchase", Data: []byte(costly)})
	must(w.t, err)
	w.complete("sales-manager", w.one("sales-manager", ticket.Mine, opened.ID), "approve", "{}")
	w.complete("finance1", w.one("finance1", ticket.Group, opened.ID), "agree", `{"costCentre": "IT-1234"}`)
	w.complete("buyer1", w.one("buyer1", ticket.Group, opened.ID), "agree", "{}")
	return opened.ID
}

// has says whether the ticket has a task in the inbox of a person.
func (w *world) has(login string, id db.ID) bool {
	w.t.Helper()
	page, err := w.tickets.Inbox(w.t.Context(), w.as(login), ticket.InboxQuery{Queue: ticket.Mine})
	must(w.t, err)
	for _, it := range page.Items {
		if it.Ticket == id {
			return true
		}
	}
	return false
}

// TestCommitteeVotes: each member has one task and one vote, and two of three decide.
func TestCommitteeVotes(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx, id := t.Context(), w.toVote()
		director := w.one("director", ticket.Mine, id)
		it := w.one("it-manager", ticket.Mine, id)
		w.one("sales-manager", ticket.Mine, id)
		_, err := w.tickets.Complete(ctx, w.as("director"), ticket.Completion{Task: it.Task, Outcome: "yes"})
		wantKind(t, "the vote of somebody else", err, errs.Conflict)
		_, err = w.tickets.Transfer(ctx, w.as("it-manager"), it.Task, 0, "director", "")
		wantKind(t, "a second vote for a member", err, errs.Conflict)

		_, err = w.tickets.Complete(ctx, w.as("director"), ticket.Completion{Task: director.Task, Outcome: "yes", Note: "we need it"})
		must(t, err)
		view, err := w.tickets.Task(ctx, w.as("it-manager"), it.Task)
		must(t, err)
		if len(view.Signers) != 3 || view.Signers[0].State != "agreed" || view.Signers[0].Why != "we need it" || view.Signers[1].State != "asked" {
			t.Errorf("signers %+v", view.Signers)
		}
		w.complete("it-manager", it, "yes", "{}")
		if w.has("sales-manager", id) {
			t.Error("the third is still asked")
		}
		must(t, process.NewQuery(w.db, w.apps).Replay(ctx, id))
	})
}

// TestSignersAreAddedAndRemoved: the one put before votes first, only who added or an operator removes,
// and the history names who.
func TestSignersAreAddedAndRemoved(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx, id := t.Context(), w.toVote()
		director, it := w.one("director", ticket.Mine, id), w.one("it-manager", ticket.Mine, id)
		_, err := w.tickets.AddSigners(ctx, w.as("it-manager"), it.Task, it.Version, []string{"desk1", "hr1"}, ticket.Before, "they know the machine")
		must(t, err)
		if w.has("it-manager", id) || !w.has("desk1", id) {
			t.Fatal("the new signer is not asked first")
		}
		desk := w.one("desk1", ticket.Mine, id)
		_, err = w.tickets.AddSigners(ctx, w.as("desk1"), desk.Task, 0, []string{"director"}, ticket.Beside, "")
		wantKind(t, "a member once more", err, errs.Conflict)
		_, err = w.tickets.AddSigners(ctx, w.as("desk1"), desk.Task, 0, []string{"nobody"}, ticket.Beside, "")
		wantPlace(t, "an unknown signer", err, "who")
		_, err = w.tickets.RemoveSigner(ctx, w.as("director"), director.Task, 0, "hr1", "")
		wantKind(t, "removed by who did not add", err, errs.Denied)
		_, err = w.tickets.RemoveSigner(ctx, w.operator(), desk.Task, 0, "hr1", "away")
		must(t, err)
		w.complete("desk1", desk, "yes", "{}")
		w.one("it-manager", ticket.Mine, id)

		page, err := w.tickets.History(ctx, w.as("staff1"), id, "", 0)
		must(t, err)
		var told []string
		for _, e := range page.Items {
			if e.Kind == "groupChanged" {
				told = append(told, e.Actor.Name+": "+e.Detail.Where+e.Detail.Removed+" "+e.Note)
			}
		}
		if len(told) != 2 || told[0] != "Sample IT Manager: before they know the machine" || told[1] != "Sample Director: hr1 away" {
			t.Errorf("the history tells %q", told)
		}
		must(t, process.NewQuery(w.db, w.apps).Replay(ctx, id))
	})
}
