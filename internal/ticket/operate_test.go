package ticket_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/org"
	"github.com/paceline/paceline/internal/process"
	"github.com/paceline/paceline/internal/ticket"
)

func TestWhatOperatorsDo(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx, op := t.Context(), w.operator()
		opened := w.incident("staff1")
		operate := func(o ticket.Operation) ticket.Operated {
			t.Helper()
			o.Reason = "because of " + string(o.Do)
			done, err := w.tickets.Operate(ctx, op, opened.ID, o)
			must(t, err)
			return done
		}
		step := func() string {
			t.Helper()
			v, err := w.tickets.Show(ctx, op, opened.ID)
			must(t, err)
			if len(v.Steps) != 1 {
				t.Fatalf("the steps are %+v", v.Steps)
			}
			return v.Steps[0].Element
		}
		first := step()

		if done := operate(ticket.Operation{Do: ticket.Suspend}); !done.Suspended || done.Status != ticket.Open {
			t.Errorf("suspended: %+v", done)
		}
		v, err := w.tickets.Show(ctx, op, opened.ID)
		if err != nil || !v.Suspended {
			t.Errorf("the ticket is %+v, %v", v, err)
		}
		_, err = w.tickets.Operate(ctx, op, opened.ID, ticket.Operation{Do: ticket.Move, Element: first, Reason: "x"})
		if !errs.Is(err, errs.Conflict) || !strings.Contains(err.Error(), "suspended") {
			t.Errorf("moved while suspended: %v", err)
		}
		operate(ticket.Operation{Do: ticket.Set, Vars: json.RawMessage(`{"subject": "Ink"}`)})
		if done := operate(ticket.Operation{Do: ticket.Resume}); done.Suspended {
			t.Errorf("resumed: %+v", done)
		}
		if _, state, err := process.NewQuery(w.db, w.apps).State(ctx, opened.ID); err != nil || state.Vars()["subject"] != "Ink" {
			t.Errorf("the variables are %v, %v", state.Vars(), err)
		}
		operate(ticket.Operation{Do: ticket.Move, Element: "resolve"})
		if at := step(); at != "resolve" {
			t.Errorf("moved to %s", at)
		}
		operate(ticket.Operation{Do: ticket.Set, Vars: json.RawMessage(`{"subject": "Paper"}`)})
		operate(ticket.Operation{Do: ticket.Restart, Element: first})
		if at := step(); at != first {
			t.Errorf("again at %s", at)
		}
		if done := operate(ticket.Operation{Do: ticket.End}); done.Status != ticket.Cancelled {
			t.Errorf("cancelled: %+v", done)
		}
		again := operate(ticket.Operation{Do: ticket.Restart, Element: "resolve", Vars: json.RawMessage(`{"subject": "Toner"}`)})
		if again.New == 0 || again.Number == opened.Number || again.Status != ticket.Cancelled {
			t.Fatalf("restarted: %+v", again)
		}
		v, err = w.tickets.Show(ctx, w.as("staff1"), again.New) // its requester sees it
		if err != nil || v.Requester.ID != w.as("staff1").ID || len(v.Steps) != 1 || v.Steps[0].Element != "resolve" || v.Number != again.Number {
			t.Errorf("the new ticket is %+v, %v", v, err)
		}
		entries, err := w.tickets.History(ctx, op, again.New, "", 10)
		must(t, err)
		if e := entries.Items[0]; e.Detail.Again != opened.ID || e.Detail.To != "resolve" || e.Actor.ID != op.ID || e.Note != "because of restart" {
			t.Errorf("its history begins with %+v", e)
		}
		w.audited(t, opened.ID.String(), "ticket.suspend", "ticket.set", "ticket.resume", "ticket.move", "ticket.set", "ticket.restart", "ticket.cancel", "ticket.restart")
	})
}

// audited wants the actions on a subject, in order, each with the operator and a reason.
func (w *world) audited(t *testing.T, subject string, actions ...string) {
	t.Helper()
	records, _, err := w.org.Records(t.Context(), org.System("test"), org.RecordFilter{Subject: subject}, org.Page{})
	must(t, err)
	var got []string
	for i := len(records) - 1; i >= 0; i-- {
		got = append(got, records[i].Action)
		if !strings.Contains(string(records[i].Details), `"reason":"because of `) || records[i].Actor != w.operator().ID {
			t.Errorf("the record is %+v", records[i])
		}
	}
	if strings.Join(got, " ") != strings.Join(actions, " ") {
		t.Errorf("audited are %v", got)
	}
}

func TestOperationsAreGuarded(t *testing.T) {
	w := newWorldOn(t, "sqlite")
	ctx, op := t.Context(), w.operator()
	opened := w.incident("staff1")
	try := func(actor *org.Actor, o ticket.Operation) error {
		_, err := w.tickets.Operate(ctx, actor, opened.ID, o)
		return err
	}
	for _, verb := range ticket.Verbs {
		wantKind(t, string(verb)+" by staff", try(w.as("staff1"), ticket.Operation{Do: verb, Reason: "x", Element: "resolve", Version: 2}), errs.Denied)
		wantPlace(t, string(verb)+" without a reason", try(op, ticket.Operation{Do: verb, Element: "resolve", Version: 2}), "reason")
	}
	wantPlace(t, "no verb", try(op, ticket.Operation{Do: "burn", Reason: "x"}), "do")
	wantPlace(t, "nowhere", try(op, ticket.Operation{Do: ticket.Move, Reason: "x"}), "element")
	wantPlace(t, "nothing", try(op, ticket.Operation{Do: ticket.Set, Reason: "x"}), "variables")
	wantPlace(t, "the ticket's own", try(op, ticket.Operation{Do: ticket.Set, Reason: "x", Vars: json.RawMessage(`{"ticket": 1}`)}), "variables")
	wantKind(t, "an unknown element", try(op, ticket.Operation{Do: ticket.Move, Reason: "x", Element: "mars"}), errs.Conflict)
	wantKind(t, "an element that never was", try(op, ticket.Operation{Do: ticket.Restart, Reason: "x", Element: "resolve"}), errs.NotFound)
	wantKind(t, "resumed at once", try(op, ticket.Operation{Do: ticket.Resume, Reason: "x"}), errs.Conflict)
	must(t, try(op, ticket.Operation{Do: ticket.Suspend, Reason: "x"}))
	wantKind(t, "suspended twice", try(op, ticket.Operation{Do: ticket.Suspend, Reason: "x"}), errs.Conflict)

	it := w.one("desk1", ticket.Group, opened.ID)
	_, err := w.tickets.Complete(ctx, w.as("desk1"), ticket.Completion{Task: it.Task, Version: it.Version, Outcome: "accept"})
	wantKind(t, "completed while suspended", err, errs.Conflict)
}
