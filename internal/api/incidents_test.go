package api_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/paceline/paceline/client"
	"github.com/paceline/paceline/client/worker"
)

// stuck opens tickets whose job fails while its variable tray has no value, and waits for the incidents.
// It gives the tickets by the age of their incidents: two jobs at a time fail in any order.
func stuck(t *testing.T, w *world, n int) []string {
	t.Helper()
	running(t, w.worker(), func(_ context.Context, job client.Job) (any, error) {
		if strings.Contains(string(job.Variables), "null") {
			return nil, worker.Permanent(errNoTray)
		}
		return nil, nil
	}, worker.Options{Concurrency: 2})
	ids := w.orders(`<serviceTask id="work" paceline:type="print"><extensionElements>
		<paceline:input target="tray" source="=tray"/></extensionElements></serviceTask>`, n)
	for _, id := range ids {
		w.until(id, "stuck", func(v client.TicketView) bool { return len(v.Incidents) == 1 })
	}
	list, err := w.as("admin").Incidents(t.Context(), client.IncidentFilter{}, client.Paging{})
	must(t, err)
	slices.SortFunc(list.Items, func(a, b client.Incident) int { return strings.Compare(a.ID, b.ID) })
	byAge := make([]string, 0, n)
	for _, in := range list.Items {
		byAge = append(byAge, in.Ticket)
	}
	return byAge
}

var errNoTray = &client.Problem{Detail: "no tray"}

func TestIncidentsByCauseAreRetriedTogether(t *testing.T) {
	onEach(t, func(t *testing.T, w *world) {
		ids := stuck(t, w, 3)
		admin := w.as("admin")
		groups, err := admin.IncidentGroups(t.Context(), client.IncidentFilter{})
		must(t, err)
		if len(groups) != 1 || groups[0].Count != 3 || groups[0].App != "machine" || groups[0].Element != "work" || groups[0].Message != "no tray" || groups[0].Ticket != ids[0] {
			t.Fatalf("the causes are %+v", groups)
		}
		// Two of them, once and again under the same key; what is retried without its variable is stuck again.
		key := client.WithKey(t.Context(), "repair-1")
		bulk := client.BulkRepair{Cause: groups[0].Cause, Limit: 2, Repair: client.Repair{Variables: map[string]any{"tray": 1}, Note: "filled"}}
		first, err := admin.RetryIncidents(key, bulk)
		must(t, err)
		again, err := admin.RetryIncidents(key, bulk)
		must(t, err)
		if len(first.Done) != 2 || !first.More || len(first.Failed) != 0 || len(again.Done) != 2 || again.Done[0] != first.Done[0] || !again.More {
			t.Errorf("first %+v, again %+v", first, again)
		}
		for _, id := range ids[:2] {
			w.until(id, "closed", closed)
		}
		if v, err := admin.Ticket(t.Context(), ids[2]); err != nil || len(v.Incidents) != 1 {
			t.Errorf("the third ticket is %+v, %v", v, err)
		}
		history, err := admin.History(t.Context(), ids[0], client.Paging{})
		must(t, err)
		notes := 0
		for _, e := range history.Items {
			if e.Note == "filled" && e.Actor.Name != "" {
				notes++
			}
		}
		if notes != 2 { // the variables and the retry, once each
			t.Errorf("the history has %d notes: %+v", notes, history.Items)
		}
	})
}

func TestOneIncident(t *testing.T) {
	w := start(t)
	ids := stuck(t, w, 2)
	admin := w.as("admin")
	list, err := admin.Incidents(t.Context(), client.IncidentFilter{Ticket: ids[0]}, client.Paging{})
	must(t, err)
	if len(list.Items) != 1 || list.Items[0].Ticket != ids[0] {
		t.Fatalf("the incidents are %+v", list.Items)
	}
	key := client.WithKey(t.Context(), "retry-1")
	for range 2 {
		done, err := admin.RetryIncident(key, list.Items[0].ID, client.Repair{Variables: map[string]any{"tray": 2}})
		if err != nil || done.Ticket != ids[0] {
			t.Errorf("retried %+v, %v", done, err)
		}
	}
	w.until(ids[0], "closed", closed)

	list, err = admin.Incidents(t.Context(), client.IncidentFilter{Element: "work"}, client.Paging{})
	must(t, err)
	_, err = admin.SkipIncident(t.Context(), list.Items[0].ID, "look", client.Repair{Note: "by hand"})
	must(t, err)
	w.until(ids[1], "with staff", func(v client.TicketView) bool { return len(v.Incidents) == 0 && len(v.Steps) == 1 })
	if _, err := admin.SkipIncident(t.Context(), list.Items[0].ID, "", client.Repair{}); client.KindOf(err) != client.NotFound {
		t.Errorf("skipped again: %v", err)
	}
}

func TestIncidentsAreSkippedTogether(t *testing.T) {
	w := start(t)
	ids, admin := stuck(t, w, 3), w.as("admin")
	bulk := client.BulkRepair{Element: "work", Limit: 2, Repair: client.Repair{Variables: map[string]any{"tray": 9}, Note: "by hand"}}
	key := client.WithKey(t.Context(), "skip-1")
	for range 2 {
		done, err := admin.SkipIncidents(key, bulk, "look")
		if err != nil || len(done.Done) != 2 || !done.More || len(done.Failed) != 0 {
			t.Errorf("skipped %+v, %v", done, err)
		}
	}
	for i, id := range ids {
		v, err := admin.Ticket(t.Context(), id)
		must(t, err)
		if skipped := len(v.Incidents) == 0 && len(v.Steps) == 1; skipped != (i < 2) {
			t.Errorf("ticket %d is %+v", i, v)
		}
	}
	done, err := admin.SkipIncidents(t.Context(), client.BulkRepair{Element: "work"}, "mars")
	if err != nil || len(done.Done) != 0 || len(done.Failed) != 1 {
		t.Errorf("to nowhere: %+v, %v", done, err)
	}
	if _, err := w.as("staff1").SkipIncidents(t.Context(), bulk, ""); client.KindOf(err) != client.Denied {
		t.Errorf("by staff: %v", err)
	}
}

func TestWhatCannotBeRepaired(t *testing.T) {
	w := start(t)
	admin, staff := w.as("admin"), w.as("staff1")
	if _, err := admin.RetryIncidents(t.Context(), client.BulkRepair{}); client.KindOf(err) != client.Invalid {
		t.Errorf("everything at once: %v", err)
	}
	if _, err := admin.RetryIncident(t.Context(), "1", client.Repair{Variables: []int{1}}); client.KindOf(err) == "" {
		t.Errorf("variables that are a list: %v", err)
	}
	for name, err := range map[string]error{
		"groups": func() error { _, err := staff.IncidentGroups(t.Context(), client.IncidentFilter{}); return err }(),
		"bulk":   func() error { _, err := staff.RetryIncidents(t.Context(), client.BulkRepair{Cause: "x"}); return err }(),
		"skip":   func() error { _, err := staff.SkipIncident(t.Context(), "1", "", client.Repair{}); return err }(),
	} {
		if client.KindOf(err) != client.Denied {
			t.Errorf("%s by staff: %v", name, err)
		}
	}
}
