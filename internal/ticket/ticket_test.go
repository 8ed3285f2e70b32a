package ticket_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/feel"
	"github.com/paceline/paceline/internal/org"
	"github.com/paceline/paceline/internal/process"
	"github.com/paceline/paceline/internal/ticket"
)

var incidentData = json.RawMessage(`{"subject": "The printer is on fire", "category": "hardware", "impact": "team", "urgency": "high", "description": "Smoke."}`)

// TestIncidentFromReportToClosed is the main flow: opened, triaged, solved, confirmed.
func TestIncidentFromReportToClosed(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		opened := w.incident("staff1")
		if !strings.HasPrefix(opened.Number, "INC-") || !strings.HasSuffix(opened.Number, "-0001") || opened.Title != "The printer is on fire" || opened.Status != ticket.Open {
			t.Fatalf("opened %+v", opened)
		}
		triage := w.one("desk1", ticket.Group, opened.ID)
		if triage.Name != "Triage the incident" || triage.Number != opened.Number || triage.Requester.Name != "Sample Staff 1" {
			t.Errorf("triage %+v", triage)
		}
		claimed, err := w.tickets.Claim(t.Context(), w.as("desk1"), triage.Task, triage.Version)
		must(t, err)
		if claimed.Assignee == nil || claimed.Assignee.Name != "Sample Desk 1" {
			t.Errorf("claimed %+v", claimed)
		}
		w.complete("desk1", w.one("desk1", ticket.Mine, opened.ID), "accept", `{"assignee": "desk2", "impact": "team", "urgency": "high"}`)
		w.complete("desk2", w.one("desk2", ticket.Mine, opened.ID), "resolve", `{"solution": "Put out."}`)
		done := w.complete("staff1", w.one("staff1", ticket.Mine, opened.ID), "confirm", `{"feedback": "Thank you"}`)
		if done.Status != ticket.Closed {
			t.Errorf("done %+v", done)
		}
		shown, err := w.tickets.Show(t.Context(), w.as("staff1"), opened.ID)
		must(t, err)
		if shown.Status != ticket.Closed || shown.Closed.IsZero() || len(shown.Steps) != 0 {
			t.Errorf("shown %+v", shown.Ticket)
		}
		checkHistory(t, w, opened.ID)
	})
}

func checkHistory(t *testing.T, w *world, id db.ID) {
	t.Helper()
	var kinds []string
	for after := ""; ; {
		page, err := w.tickets.History(t.Context(), w.as("staff1"), id, after, 2)
		must(t, err)
		for _, e := range page.Items {
			kinds = append(kinds, strings.TrimSpace(e.Kind+" "+e.Detail.Outcome+e.Detail.To))
		}
		if after = page.Next; after == "" {
			break
		}
	}
	want := []string{"start", "taskAssigned desk1", "taskCompleted accept", "taskCompleted resolve", "taskAssigned staff1", "taskCompleted confirm"}
	if !slices.Equal(kinds, want) {
		t.Errorf("history %q, want %q", kinds, want)
	}
}

// TestWhoMaySee holds the rule of access.go: what is not yours is not there.
func TestWhoMaySee(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		opened := w.incident("staff1")
		for login, sees := range map[string]bool{"staff1": true, "desk1": true, "it-manager": true, "staff2": false, "hr1": false} {
			_, err := w.tickets.Show(t.Context(), w.as(login), opened.ID)
			if sees && err != nil || !sees && !errs.Is(err, errs.NotFound) {
				t.Errorf("%s: %v", login, err)
			}
			page, err := w.tickets.Search(t.Context(), w.as(login), ticket.Query{})
			must(t, err)
			if (len(page.Items) == 1) != sees {
				t.Errorf("%s finds %d tickets", login, len(page.Items))
			}
		}
		_, err := w.tickets.Watch(t.Context(), w.as("staff1"), opened.ID, w.as("staff2").ID)
		must(t, err)
		if _, err := w.tickets.Show(t.Context(), w.as("staff2"), opened.ID); err != nil {
			t.Errorf("a watcher does not see it: %v", err)
		}
		if _, err := w.tickets.Show(t.Context(), nil, opened.ID); !errs.Is(err, errs.Unauthenticated) {
			t.Errorf("nobody: %v", err)
		}
		limited := w.as("staff1")
		limited.Token, limited.Scopes = 1, []string{org.ScopeWrite, org.AppScope + "leave"}
		if _, err := w.tickets.Show(t.Context(), limited, opened.ID); !errs.Is(err, errs.NotFound) {
			t.Errorf("a token of another app: %v", err)
		}
	})
}

// TestWhoMayAct walks the table of acts on a task.
func TestWhoMayAct(t *testing.T) {
	w := newWorldOn(t, "sqlite")
	ctx := t.Context()
	opened := w.incident("staff1")
	it := w.one("desk1", ticket.Group, opened.ID)

	_, err := w.tickets.Claim(ctx, w.as("staff1"), it.Task, it.Version)
	wantKind(t, "the requester claims", err, errs.Denied)
	_, err = w.tickets.Complete(ctx, w.as("staff2"), ticket.Completion{Task: it.Task, Outcome: "accept"})
	wantKind(t, "a stranger completes", err, errs.NotFound)
	_, err = w.tickets.Claim(ctx, w.as("desk1"), it.Task, it.Version)
	must(t, err)
	_, err = w.tickets.Claim(ctx, w.as("desk2"), it.Task, it.Version)
	wantKind(t, "a second claim", err, errs.Conflict)
	_, err = w.tickets.Delegate(ctx, w.as("desk2"), it.Task, 0, "desk1", "")
	wantKind(t, "delegating what is not mine", err, errs.Conflict)
	_, err = w.tickets.Transfer(ctx, w.as("desk1"), it.Task, 0, "nobody", "")
	wantKind(t, "to a user who is not there", err, errs.Invalid)

	delegated, err := w.tickets.Delegate(ctx, w.as("desk1"), it.Task, 0, "desk2", "please look")
	must(t, err)
	back, err := w.tickets.Complete(ctx, w.as("desk2"), ticket.Completion{Task: it.Task, Version: delegated.Version, Outcome: "accept"})
	must(t, err)
	if back.Assignee == nil || back.Assignee.Name != "Sample Desk 1" {
		t.Errorf("a delegated task goes to %+v, not back", back.Assignee)
	}
	_, err = w.tickets.Transfer(ctx, w.operator(), it.Task, 0, "desk2", "on holiday")
	must(t, err)
	_, err = w.tickets.Unclaim(ctx, w.as("desk2"), it.Task, 0)
	must(t, err)
	w.one("desk1", ticket.Group, opened.ID)
}

// TestStalePageIsAConflict: who acts on what was shown before a change is told so.
func TestStalePageIsAConflict(t *testing.T) {
	w := newWorldOn(t, "sqlite")
	opened := w.incident("staff1")
	it := w.one("desk1", ticket.Group, opened.ID)
	_, err := w.tickets.Claim(t.Context(), w.as("desk1"), it.Task, it.Version)
	must(t, err)
	_, err = w.tickets.Complete(t.Context(), w.as("desk1"), ticket.Completion{Task: it.Task, Version: it.Version, Outcome: "accept"})
	wantKind(t, "the version before the claim", err, errs.Conflict)
}

func TestFormIsHeldByTheServer(t *testing.T) {
	w := newWorldOn(t, "sqlite")
	for name, c := range map[string]struct{ data, place string }{
		"missing":       {`{"category": "hardware"}`, "subject"},
		"unknown":       {`{"subject": "x", "category": "hardware", "description": "y", "sudo": true}`, "sudo"},
		"wrong option":  {`{"subject": "x", "category": "coffee", "description": "y"}`, "category"},
		"wrong type":    {`{"subject": 7, "category": "hardware", "description": "y"}`, "subject"},
		"reserved name": {`{"subject": "x", "category": "hardware", "description": "y", "ticket": {"requester": "admin"}}`, "ticket"},
		"not an object": {`[1]`, "data"},
		"not JSON":      {`{`, "data"},
	} {
		_, err := w.tickets.Open(t.Context(), w.as("staff1"), ticket.Draft{App: "service-desk", Kind: "incident", Data: json.RawMessage(c.data)})
		wantPlace(t, name, err, c.place)
	}
	opened := w.incident("staff1")
	it := w.one("desk1", ticket.Group, opened.ID)
	for name, c := range map[string]struct{ outcome, data, place string }{
		"read-only field": {"accept", `{"subject": "changed"}`, "subject"},
		"hidden field":    {"accept", `{"solution": "too early"}`, "solution"},
		"no outcome":      {"", `{}`, "outcome"},
		"wrong outcome":   {"approve", `{}`, "outcome"},
	} {
		_, err := w.tickets.Complete(t.Context(), w.as("desk1"), ticket.Completion{Task: it.Task, Outcome: c.outcome, Data: json.RawMessage(c.data)})
		wantPlace(t, name, err, c.place)
	}
	view, err := w.tickets.Task(t.Context(), w.as("desk1"), it.Task)
	must(t, err)
	if view.Form.Rights["subject"] != "read" || view.Form.Rights["impact"] != "required" || strings.Contains(string(view.Form.Schema), "solution") {
		t.Errorf("form %+v", view.Form.Rights)
	}
	if n := w.count("ticket"); n != 1 {
		t.Errorf("%d tickets are stored, want the good one", n)
	}
}

// TestRepeatsTakeEffectOnce: the same key gives the same answer, also when what was
// checked before the command no longer holds.
func TestRepeatsTakeEffectOnce(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		keyed := db.WithOnce(t.Context(), db.Once{Key: "staff1/open", Hash: "a"})
		draft := ticket.Draft{App: "service-desk", Kind: "incident", Data: incidentData}
		first, err := w.tickets.Open(keyed, w.as("staff1"), draft)
		must(t, err)
		again, err := w.tickets.Open(keyed, w.as("staff1"), draft)
		must(t, err)
		if again != first || w.count("ticket") != 1 {
			t.Errorf("the repeat opened %+v after %+v", again, first)
		}
		_, err = w.tickets.Open(db.WithOnce(t.Context(), db.Once{Key: "staff1/open", Hash: "b"}), w.as("staff1"), draft)
		wantKind(t, "another request under the key", err, errs.Invalid)

		it := w.one("desk1", ticket.Group, first.ID)
		keyed = db.WithOnce(t.Context(), db.Once{Key: "desk1/complete", Hash: "c"})
		c := ticket.Completion{Task: it.Task, Version: it.Version, Outcome: "reject"}
		done, err := w.tickets.Complete(keyed, w.as("desk1"), c)
		must(t, err)
		repeat, err := w.tickets.Complete(keyed, w.as("desk1"), c)
		must(t, err)
		if repeat != done || done.Status != ticket.Closed {
			t.Errorf("the repeat answered %+v after %+v", repeat, done)
		}
	})
}

// TestNumbersAreUniqueAndDense: many at once, no number twice, none beyond the last block.
func TestNumbersAreUniqueAndDense(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		const tickets = 60
		var mu sync.Mutex
		seen := map[string]bool{}
		var wg sync.WaitGroup
		for range 6 {
			wg.Go(func() {
				for range tickets / 6 {
					opened, err := w.tickets.Open(t.Context(), w.as("staff1"), ticket.Draft{App: "service-desk", Kind: "incident", Data: incidentData})
					if err != nil {
						t.Error(err)
						return
					}
					mu.Lock()
					if seen[opened.Number] {
						t.Errorf("%s was given twice", opened.Number)
					}
					seen[opened.Number] = true
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		for i := 1; i <= tickets; i++ {
			if !slices.ContainsFunc(keys(seen), func(n string) bool { return strings.HasSuffix(n, fmt.Sprintf("-%04d", i)) }) {
				t.Errorf("number %d was never given", i)
			}
		}
	})
}

// TestInboxPages: every order, every queue, page by page: each task once.
func TestInboxPages(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		want := map[db.ID]bool{}
		for range 7 {
			want[w.incident("staff1").ID] = true
		}
		for _, sort := range []ticket.Sort{ticket.Newest, ticket.Oldest, ticket.DueDate, ticket.Urgent} {
			got := map[db.ID]bool{}
			for after := ""; ; {
				page, err := w.tickets.Inbox(t.Context(), w.as("desk1"), ticket.InboxQuery{Queue: ticket.Group, Sort: sort, After: after, Limit: 3})
				must(t, err)
				for _, it := range page.Items {
					if got[it.Ticket] {
						t.Errorf("%s: %s comes twice", sort, it.Number)
					}
					got[it.Ticket] = true
				}
				if after = page.Next; after == "" {
					break
				}
			}
			if len(got) != len(want) {
				t.Errorf("%s: %d of %d tasks", sort, len(got), len(want))
			}
		}
		c, err := w.tickets.Counts(t.Context(), w.as("desk1"))
		must(t, err)
		if c.Group != 7 || c.Mine != 0 {
			t.Errorf("counts %+v", c)
		}
		_, err = w.tickets.Inbox(t.Context(), w.as("desk1"), ticket.InboxQuery{Queue: ticket.Group, After: "bm9uc2Vuc2U"})
		wantKind(t, "a cursor of another list", err, errs.Invalid)
	})
}

func TestSearch(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		opened := w.incident("staff1")
		for name, c := range map[string]struct {
			q    ticket.Query
			hits int
		}{
			"text in any case":  {ticket.Query{Search: "PRINTER"}, 1},
			"a literal percent": {ticket.Query{Search: "100%"}, 0},
			"number":            {ticket.Query{Search: opened.Number}, 1},
			"field":             {ticket.Query{Fields: []ticket.FieldFilter{{Name: "category", Op: "eq", Value: "hardware"}}}, 1},
			"field, other":      {ticket.Query{Fields: []ticket.FieldFilter{{Name: "category", Op: "eq", Value: "network"}}}, 0},
			"prefix":            {ticket.Query{Fields: []ticket.FieldFilter{{Name: "subject", Op: "prefix", Value: "The "}}}, 1},
			"open":              {ticket.Query{Status: ticket.Open}, 1},
			"closed":            {ticket.Query{Status: ticket.Closed}, 0},
			"mine":              {ticket.Query{Requester: w.as("staff1").ID, App: "service-desk", Kind: "incident"}, 1},
			"watched":           {ticket.Query{Watching: true}, 0},
		} {
			page, err := w.tickets.Search(t.Context(), w.as("staff1"), c.q)
			must(t, err)
			if len(page.Items) != c.hits {
				t.Errorf("%s: %d hits, want %d", name, len(page.Items), c.hits)
			}
		}
		_, err := w.tickets.Search(t.Context(), w.as("staff1"), ticket.Query{Fields: []ticket.FieldFilter{{Name: "x", Op: "~"}}})
		wantPlace(t, "an unknown operator", err, "field")
	})
}

func TestReturnWithdrawCancel(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		opened := w.incident("staff1")
		w.complete("desk1", w.one("desk1", ticket.Group, opened.ID), "accept", `{"assignee": "desk2"}`)
		it := w.one("desk2", ticket.Mine, opened.ID)
		view, err := w.tickets.Task(ctx, w.as("desk2"), it.Task)
		must(t, err)
		if len(view.ReturnTo) != 1 || view.ReturnTo[0].Element != "triage" {
			t.Fatalf("can be returned to %+v", view.ReturnTo)
		}
		_, err = w.tickets.Return(ctx, w.as("desk2"), it.Task, it.Version, "confirm", false, "")
		wantPlace(t, "to a step that was not passed", err, "to")
		_, err = w.tickets.Return(ctx, w.as("desk2"), it.Task, it.Version, "triage", false, "wrong team")
		must(t, err)
		w.one("desk1", ticket.Group, opened.ID)

		_, err = w.tickets.Cancel(ctx, w.as("desk1"), opened.ID, "not mine to cancel")
		wantKind(t, "cancelled by a solver", err, errs.Denied)
		_, err = w.tickets.Cancel(ctx, w.as("staff1"), opened.ID, " ")
		wantPlace(t, "without a reason", err, "reason")
		ended, err := w.tickets.Cancel(ctx, w.as("staff1"), opened.ID, "it went out by itself")
		must(t, err)
		if ended.Status != ticket.Cancelled || w.count("task") != 0 || w.count("job") != 0 {
			t.Errorf("ended %+v with %d tasks and %d jobs left", ended, w.count("task"), w.count("job"))
		}

		second := w.incident("staff2")
		gone, err := w.tickets.Withdraw(ctx, w.as("staff2"), second.ID, "")
		must(t, err)
		if gone.Status != ticket.Cancelled {
			t.Errorf("withdrawn %+v", gone)
		}
	})
}

const alarmApp = `id: alarm
name: Alarm
version: "1"
tickets:
  - {id: alarm, name: Alarm, title: '="Alarm " + place', process: alarm, form: alarm, number: {prefix: "A-"}}
`

const alarmForm = `{"type": "default", "id": "alarm", "schemaVersion": 20, "components": [{"type": "textfield", "key": "place", "label": "Place"}]}`

const alarmProcess = `<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" id="d" targetNamespace="t">
	<message id="m" name="smoke"/>
	<process id="alarm" isExecutable="true">
		<startEvent id="pressed"/><sequenceFlow id="f0" sourceRef="pressed" targetRef="look"/>
		<startEvent id="s"><messageEventDefinition messageRef="m"/></startEvent><sequenceFlow id="f1" sourceRef="s" targetRef="look"/>
		<userTask id="look" name="Look after it"/><sequenceFlow id="f2" sourceRef="look" targetRef="e"/><endEvent id="e"/>
	</process>
</definitions>`

// TestMessageOpensTicket: what a message starts is a ticket too, which its readers find.
func TestMessageOpensTicket(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.publish(t.Context(), fstest.MapFS{
			"app.yaml": {Data: []byte(alarmApp)}, "forms/alarm.json": {Data: []byte(alarmForm)}, "processes/alarm.bpmn": {Data: []byte(alarmProcess)},
		})
		res, err := w.process.Correlate(t.Context(), process.Message{Name: "smoke", Vars: feel.Vars{"place": "kitchen"}})
		must(t, err)
		shown, err := w.tickets.Show(t.Context(), w.operator(), res.Instance)
		must(t, err)
		if shown.Title != "Alarm kitchen" || shown.Number != "#"+res.Instance.String() || len(shown.Steps) != 1 || shown.Steps[0].Name != "Look after it" {
			t.Errorf("shown %+v", shown.Ticket)
		}
	})
}

func TestBesideTheForm(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		opened := w.incident("staff1")
		for i := range 3 {
			_, err := w.tickets.Comment(ctx, w.as("staff1"), opened.ID, fmt.Sprintf("comment %d", i))
			must(t, err)
		}
		page, err := w.tickets.Comments(ctx, w.as("desk1"), opened.ID, 0, 2)
		must(t, err)
		if len(page.Items) != 2 || page.Items[0].Body != "comment 0" || page.Next == "" {
			t.Errorf("comments %+v", page)
		}
		_, err = w.tickets.LogWork(ctx, w.as("desk1"), opened.ID, 0, "nothing")
		wantPlace(t, "no time", err, "minutes")
		_, err = w.tickets.LogWork(ctx, w.as("desk1"), opened.ID, 25, "looked at it")
		must(t, err)
		_, err = w.tickets.Comment(ctx, w.as("staff2"), opened.ID, "nosy")
		wantKind(t, "a comment on what one does not see", err, errs.NotFound)
		_, err = w.tickets.Comment(ctx, w.as("staff1"), opened.ID, strings.Repeat("x", ticket.MaxComment+1))
		wantPlace(t, "a novel", err, "body")
	})
}

func TestExportQuotesFormulas(t *testing.T) {
	w := newWorldOn(t, "sqlite")
	data := `{"subject": "=HYPERLINK(\"http://x\")", "category": "other", "description": "d"}`
	_, err := w.tickets.Open(t.Context(), w.as("staff1"), ticket.Draft{App: "service-desk", Kind: "incident", Data: json.RawMessage(data)})
	must(t, err)
	var rows [][]string
	must(t, w.tickets.Export(t.Context(), w.as("staff1"), ticket.Query{}, func(cells []string) error {
		rows = append(rows, cells)
		return nil
	}))
	if len(rows) != 2 || rows[1][1] != `'=HYPERLINK("http://x")` || rows[1][5] != "open" {
		t.Errorf("exported %q", rows)
	}
}

func keys(m map[string]bool) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	return out
}
