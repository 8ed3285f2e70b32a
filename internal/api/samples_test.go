package api_test

import (
	"testing"

	"github.com/paceline/paceline/client"
)

// visit is one step of a ticket as the sample people walk it.
type visit struct {
	who, element, outcome string
	data                  map[string]any
}

// TestSamplePeopleWalkTheSampleApps takes tickets of the sample apps through the real server, jobs, called processes and all.
func TestSamplePeopleWalkTheSampleApps(t *testing.T) {
	w := start(t)
	people := map[string]*client.Client{}
	for _, login := range []string{"admin", "staff1", "sales-manager", "hr1", "buyer1", "finance1", "director", "it-manager"} {
		people[login] = w.as(login)
	}
	for name, c := range map[string]struct {
		draft  client.Draft
		visits []visit
	}{
		"leave granted": {
			client.Draft{App: "leave", Kind: "leave", Data: map[string]any{"kind": "annual", "from": "2026-12-01", "to": "2026-12-02", "reason": "rest"}},
			[]visit{{who: "sales-manager", element: "approve", outcome: "approve"}, {who: "hr1", element: "record_leave", outcome: "approve"}},
		},
		"leave of more days than are left": {
			client.Draft{App: "leave", Kind: "leave", Data: map[string]any{"kind": "annual", "from": "2026-12-01", "to": "2026-12-31", "reason": "rest"}},
			[]visit{{who: "staff1", element: "adjust", outcome: "withdraw"}},
		},
		"small purchase": {
			client.Draft{App: "purchase", Kind: "purchase", Data: purchase(100)},
			[]visit{
				{who: "sales-manager", element: "approve", outcome: "approve"},
				{who: "buyer1", element: "place_order", outcome: "ordered", data: map[string]any{"orderNumber": "PO-1"}},
				{who: "staff1", element: "confirm_delivery", outcome: "confirm", data: map[string]any{"complete": true}},
			},
		},
		"purchase that the committee votes down": {
			client.Draft{App: "purchase", Kind: "purchase", Data: purchase(600_000)},
			[]visit{
				{who: "sales-manager", element: "approve", outcome: "approve"},
				{who: "buyer1", element: "countersign_procurement", outcome: "agree"},
				{who: "finance1", element: "countersign_finance", outcome: "agree", data: map[string]any{"costCentre": "IT-1000"}},
				{who: "director", element: "vote", outcome: "no"},
				{who: "it-manager", element: "vote", outcome: "no"},
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := &world{t: t, node: w.node, url: w.url, watcher: people["admin"]}
			opened, err := people["staff1"].OpenTicket(t.Context(), c.draft)
			must(t, err)
			for _, v := range c.visits {
				w.visit(people[v.who], opened.ID, v)
			}
			w.until(opened.ID, "closed", closed)
		})
	}
}

func purchase(price int) map[string]any {
	return map[string]any{
		"title": "Chair", "supplier": "Sample Ltd", "currency": "TWD", "reason": "to sit on",
		"lines": []map[string]any{{"item": "Chair", "quantity": 1, "price": price}},
	}
}

// visit waits for the step, finds it in the inbox and completes it.
func (w *world) visit(person *client.Client, ticket string, v visit) {
	w.t.Helper()
	var task string
	w.until(ticket, "at "+v.element, func(shown client.TicketView) bool {
		for _, queue := range []string{"mine", "group"} {
			list, err := person.Inbox(w.t.Context(), client.InboxQuery{Queue: queue})
			must(w.t, err)
			for _, it := range list.Items {
				if it.Ticket == ticket && it.Element == v.element {
					task = it.Task
				}
			}
		}
		return task != ""
	})
	view, err := person.Task(w.t.Context(), task)
	must(w.t, err)
	_, err = person.Complete(w.t.Context(), task, client.Completion{Version: view.Version, Outcome: v.outcome, Data: v.data})
	must(w.t, err)
}
