package api_test

import (
	"errors"
	"testing"
	"time"

	"github.com/paceline/paceline/client"
)

// TestApproval follows a purchase through the committee as its people do: a signer put before, a
// deputy, copies and reminders, two votes that decide, and what the history says of it.
func TestApproval(t *testing.T) {
	w := start(t)
	ctx := t.Context()
	staff, manager, director, desk := w.as("staff1"), w.as("it-manager"), w.as("director"), w.as("desk1")
	_, err := director.AddDeputy(ctx, client.NewDeputy{By: "hr1", Until: time.Now().Add(time.Hour), App: "purchase"})
	must(t, err)
	opened, err := staff.OpenTicket(ctx, client.Draft{App: "purchase", Kind: "purchase", Data: map[string]any{
		"title": "A machine", "supplier": "Sample Ltd", "currency": "TWD", "reason": "worn out",
		"lines": []any{map[string]any{"item": "machine", "quantity": 1, "price": 900000}},
	}})
	must(t, err)
	do := func(login, queue, outcome string, data any) {
		t.Helper()
		c := w.as(login)
		_, err := c.Complete(ctx, w.task(c, queue, opened.ID).Task, client.Completion{Outcome: outcome, Data: data, Note: login + " says " + outcome})
		must(t, err)
	}
	do("sales-manager", "mine", "approve", nil)
	do("finance1", "group", "agree", map[string]any{"costCentre": "IT-1234"})
	do("buyer1", "group", "agree", nil)

	vote := w.task(manager, "mine", opened.ID)
	_, err = manager.AddSigners(ctx, vote.Task, client.AddSigners{Version: vote.Version, Who: []string{"desk1"}, Where: "before", Note: "knows it"})
	must(t, err)
	asked, err := desk.Task(ctx, w.task(desk, "mine", opened.ID).Task)
	must(t, err)
	if len(asked.Signers) != 4 || asked.Signers[1].State != "waits" || asked.Signers[3].AddedBy != "it-manager" {
		t.Errorf("signers %+v", asked.Signers)
	}
	told, err := staff.Urge(ctx, opened.ID, "please")
	must(t, err)
	_, err = staff.Urge(ctx, opened.ID, "please")
	var refused *client.Problem
	if len(told.Told) == 0 || !errors.As(err, &refused) || refused.Status != 429 {
		t.Errorf("urged %+v, then %v", told, err)
	}
	_, err = staff.CopyTo(ctx, opened.ID, []string{"buyer1"}, "")
	must(t, err)
	buyer := w.as("buyer1")
	notices, err := buyer.Notices(ctx, false, client.Paging{})
	must(t, err)
	_, err = buyer.ReadNotice(ctx, notices.Items[0].ID)
	must(t, err)
	receipts, err := staff.TicketNotices(ctx, opened.ID, client.Paging{})
	must(t, err)
	if last := receipts.Items[len(receipts.Items)-1]; last.Kind != "cc" || last.To.Name != "Sample Buyer 1" || last.Read.IsZero() {
		t.Errorf("receipts %+v", receipts.Items)
	}

	do("desk1", "mine", "no", nil)
	_, err = manager.RemoveSigner(ctx, w.task(manager, "mine", opened.ID).Task, client.RemoveSigner{Who: "desk1"})
	if !errors.As(err, &refused) || refused.Status != 409 {
		t.Errorf("who has voted was removed: %v", err)
	}
	do("hr1", "mine", "yes", nil) // for the director
	do("it-manager", "mine", "yes", nil)
	history, err := staff.History(ctx, opened.ID, client.Paging{Limit: 100})
	must(t, err)
	kinds := map[string]int{}
	for _, e := range history.Items {
		kinds[e.Kind]++
	}
	if kinds["groupFormed"] != 1 || kinds["groupChanged"] != 1 {
		t.Errorf("the history has %v", kinds)
	}
	if got, err := staff.Ticket(ctx, opened.ID); err != nil || len(got.Steps) != 0 && got.Steps[0].Element == "vote" {
		t.Errorf("the vote goes on: %+v, %v", got.Steps, err)
	}
}
