package api_test

import (
	"bytes"
	"encoding/csv"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/paceline/paceline/client"
)

// TestIncidentFromReportToClosed is the main flow over HTTP: opened, triaged, solved,
// confirmed; then read back in every way there is.
func TestIncidentFromReportToClosed(t *testing.T) {
	onEach(t, incidentFromReportToClosed)
}

func incidentFromReportToClosed(t *testing.T, w *world) {
	ctx := t.Context()
	staff, desk1, desk2 := w.as("staff1"), w.as("desk1"), w.as("desk2")

	opened := w.open(staff)
	triage := w.task(desk1, "group", opened.ID)
	view, err := desk1.Task(ctx, triage.Task)
	must(t, err)
	if !slices.Contains(view.May, "claim") || view.Form == nil || view.Form.Rights["impact"] != "required" {
		t.Errorf("the task shows %+v", view)
	}
	claimed, err := desk1.Claim(ctx, triage.Task, triage.Version)
	must(t, err)
	if claimed.Assignee == nil || claimed.Assignee.Name != "Sample Desk 1" {
		t.Errorf("claimed %+v", claimed)
	}
	complete := func(c *client.Client, outcome string, data map[string]any) client.Acted {
		t.Helper()
		it := w.task(c, "mine", opened.ID)
		done, err := c.Complete(ctx, it.Task, client.Completion{Version: it.Version, Outcome: outcome, Data: data})
		must(t, err)
		return done
	}
	complete(desk1, "accept", map[string]any{"assignee": "desk2", "impact": "team", "urgency": "high"})
	complete(desk2, "resolve", map[string]any{"solution": "Put out."})
	if done := complete(staff, "confirm", map[string]any{"feedback": "Thank you"}); done.Status != "closed" {
		t.Errorf("done %+v", done)
	}

	id, err := staff.FindTicket(ctx, opened.Number)
	must(t, err)
	shown, err := staff.Ticket(ctx, id)
	must(t, err)
	if shown.Status != "closed" || shown.Closed.IsZero() || !strings.Contains(string(shown.Form.Data), "on fire") {
		t.Errorf("shown %+v", shown)
	}
	var kinds []string
	for p := (client.Paging{Limit: 2}); ; {
		page, err := staff.History(ctx, id, p)
		must(t, err)
		for _, e := range page.Items {
			if e.Kind != "taskAssigned" { // by a person, or by the rules of the step
				kinds = append(kinds, e.Kind)
			}
		}
		if p.After = page.Next; page.Next == "" {
			break
		}
	}
	if want := []string{"start", "taskCompleted", "taskCompleted", "taskCompleted"}; !slices.Equal(kinds, want) {
		t.Errorf("history %q, want %q", kinds, want)
	}
}

func TestDelegateReturnWithdrawCancel(t *testing.T) {
	w := start(t)
	ctx := t.Context()
	staff, desk1, desk2 := w.as("staff1"), w.as("desk1"), w.as("desk2")

	first := w.open(staff)
	triage := w.task(desk1, "group", first.ID)
	_, err := desk1.Claim(ctx, triage.Task, 0)
	must(t, err)
	_, err = desk1.Delegate(ctx, triage.Task, client.HandOver{To: "desk2", Note: "you know printers"})
	must(t, err)
	back, err := desk2.Complete(ctx, triage.Task, client.Completion{Outcome: "accept", Data: map[string]any{"impact": "team", "urgency": "high"}})
	must(t, err)
	if back.Assignee == nil || back.Assignee.Name != "Sample Desk 1" {
		t.Errorf("a delegated task came back to %+v", back)
	}
	_, err = desk1.Complete(ctx, triage.Task, client.Completion{Outcome: "accept", Data: map[string]any{"assignee": "desk1", "impact": "team", "urgency": "high"}})
	must(t, err)
	resolve := w.task(desk1, "mine", first.ID)
	_, err = desk1.ReturnTask(ctx, resolve.Task, client.Return{Note: "look again"})
	must(t, err)
	again, err := staff.Ticket(ctx, first.ID)
	must(t, err)
	if len(again.Steps) != 1 || again.Steps[0].Element != "triage" {
		t.Errorf("after the return %+v waits", again.Steps)
	}
	ended, err := staff.CancelTicket(ctx, first.ID, "it went out by itself")
	must(t, err)
	if ended.Status != "cancelled" {
		t.Errorf("cancelled: %+v", ended)
	}
}

func TestConversationAndLists(t *testing.T) {
	w := start(t)
	ctx := t.Context()
	staff, other := w.as("staff1"), w.as("staff2")
	opened, second := w.open(staff), w.open(staff)

	_, err := staff.Comment(ctx, opened.ID, "=1+1")
	must(t, err)
	_, err = staff.LogWork(ctx, opened.ID, 15, "carried water")
	must(t, err)
	comments, err := staff.Comments(ctx, opened.ID, client.Paging{})
	must(t, err)
	work, err := staff.Worklog(ctx, opened.ID, client.Paging{})
	must(t, err)
	if len(comments.Items) != 1 || comments.Items[0].Author.Name != "Sample Staff 1" || len(work.Items) != 1 || work.Items[0].Minutes != 15 {
		t.Errorf("comments %+v, work %+v", comments.Items, work.Items)
	}

	me, err := other.Me(ctx)
	must(t, err)
	if _, err := other.Ticket(ctx, opened.ID); client.KindOf(err) != client.NotFound {
		t.Errorf("other people's ticket: %v", err)
	}
	must(t, staff.Watch(ctx, opened.ID, me.ID))
	if _, err := other.Ticket(ctx, opened.ID); err != nil {
		t.Errorf("a watched ticket: %v", err)
	}
	watched, err := other.Tickets(ctx, client.TicketQuery{Watching: true})
	must(t, err)
	if len(watched.Items) != 1 || watched.Items[0].ID != opened.ID {
		t.Errorf("watched %+v", watched.Items)
	}

	page, err := staff.Tickets(ctx, client.TicketQuery{Sort: "oldest", Paging: client.Paging{Limit: 1}})
	must(t, err)
	next, err := staff.Tickets(ctx, client.TicketQuery{Sort: "oldest", Paging: client.Paging{Limit: 1, After: page.Next}})
	must(t, err)
	if page.Items[0].ID != opened.ID || next.Items[0].ID != second.ID || next.Next != "" {
		t.Errorf("pages %+v, %+v", page, next)
	}
	found, err := staff.Tickets(ctx, client.TicketQuery{Fields: []string{"category:eq:hardware"}, Search: "FIRE", Status: "open"})
	must(t, err)
	if len(found.Items) != 2 {
		t.Errorf("found %+v", found.Items)
	}
	var out bytes.Buffer
	must(t, staff.ExportTickets(ctx, client.TicketQuery{}, &out))
	rows, err := csv.NewReader(&out).ReadAll()
	must(t, err)
	if len(rows) != 3 || rows[0][0] != "number" || rows[2][0] != opened.Number {
		t.Errorf("export %q", rows)
	}
	counts, err := w.as("desk1").InboxCounts(ctx)
	must(t, err)
	if counts.Group != 2 || counts.Mine != 0 {
		t.Errorf("counts %+v", counts)
	}
}

func TestAppsArePublishedComparedRolledBackAndExported(t *testing.T) {
	w := start(t)
	ctx := t.Context()
	admin := w.as("admin")
	before, err := admin.ExportApp(ctx, "leave", 0)
	must(t, err)
	again, err := admin.PublishApp(ctx, before)
	must(t, err)
	if again.New || again.Number != 1 || !again.Active {
		t.Errorf("the same files again: %+v", again)
	}
	changed, err := admin.PublishApp(ctx, withFile(t, before, "README.md", "changed"))
	must(t, err)
	if !changed.New || changed.Number != 2 || changed.Previous != 1 {
		t.Errorf("changed files: %+v", changed)
	}
	diff, err := admin.DiffApp(ctx, "leave", 1, 2)
	must(t, err)
	if len(diff.Files) != 1 || diff.Files[0].File != "README.md" || diff.Files[0].How != "added" {
		t.Errorf("diff %+v", diff)
	}
	back, err := admin.ActivateVersion(ctx, "leave", 1)
	must(t, err)
	if back.Number != 1 || !back.Active {
		t.Errorf("back %+v", back)
	}
	versions, err := admin.Versions(ctx, "leave")
	must(t, err)
	if len(versions) != 2 || versions[0].Active || !versions[1].Active {
		t.Errorf("versions %+v", versions)
	}
	apps, err := admin.Apps(ctx)
	must(t, err)
	if len(apps) != 3 || apps[0].Name == "" {
		t.Errorf("apps %+v", apps)
	}
	if _, err := w.as("staff1").PublishApp(ctx, before); client.KindOf(err) != client.Denied {
		t.Errorf("staff published an app: %v", err)
	}
}

func TestPeople(t *testing.T) {
	w := start(t)
	ctx := t.Context()
	admin := w.as("admin")
	made, err := admin.CreateUser(ctx, client.User{Login: "newcomer", Name: "New Comer", Attributes: map[string]any{"annualLeave": 3}}, "")
	must(t, err)
	made.Name = "New C. Omer"
	changed, err := admin.UpdateUser(ctx, made)
	must(t, err)
	if changed.Version != 2 || changed.Name != "New C. Omer" || changed.Attributes["annualLeave"] != 3.0 {
		t.Errorf("changed %+v", changed)
	}
	if _, err := admin.UpdateUser(ctx, made); client.KindOf(err) != client.Conflict {
		t.Errorf("an old version was stored: %v", err)
	}
	unit, err := admin.CreateGroup(ctx, client.Group{Kind: "unit", Name: "night", Head: made.ID})
	must(t, err)
	must(t, admin.ChangeMembers(ctx, unit.ID, []string{made.ID}, nil))
	members, err := admin.Members(ctx, unit.ID)
	must(t, err)
	if len(members) != 1 || members[0].Name != "newcomer" || members[0].Kind != "user" {
		t.Errorf("members %+v", members)
	}
	if err := admin.DeleteGroup(ctx, unit.ID, unit.Version); client.KindOf(err) != client.Invalid && client.KindOf(err) != client.Conflict {
		t.Errorf("a unit with members was deleted: %v", err)
	}
	must(t, admin.ChangeMembers(ctx, unit.ID, nil, []string{made.ID}))
	must(t, admin.DeleteGroup(ctx, unit.ID, unit.Version))

	secret, err := admin.SetPassword(ctx, made.ID, "")
	must(t, err)
	c, err := client.New(client.Config{URL: w.url, Retries: -1})
	must(t, err)
	me, err := c.Login(ctx, "newcomer", secret)
	must(t, err)
	if !me.MustChange {
		t.Errorf("a password given by an administrator need not be changed: %+v", me)
	}
	if _, err := c.Tickets(ctx, client.TicketQuery{}); client.KindOf(err) != client.Denied {
		t.Logf("lists before the change: %v", err)
	}
	must(t, c.ChangePassword(ctx, secret, "four words of the newcomer"))
	if me, err = c.Me(ctx); err != nil || me.MustChange {
		t.Errorf("after the change: %+v, %v", me, err)
	}
}

// TestTheClockStartsWhatIsPublished holds that a published app's start events work.
func TestTheClockStartsWhatIsPublished(t *testing.T) {
	w := start(t)
	admin := w.as("admin")
	_, err := admin.PublishApp(t.Context(), bundle(t, clockwork))
	must(t, err)
	for deadline := time.Now().Add(10 * time.Second); ; {
		list, err := admin.Tickets(t.Context(), client.TicketQuery{App: "clockwork"})
		must(t, err)
		if len(list.Items) == 1 && len(list.Items[0].Steps) == 1 && list.Items[0].Title == "Wind the clock" {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the timer started nothing: %+v", list.Items)
		}
	}
}
