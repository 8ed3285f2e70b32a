package ticket_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
	"time"

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

// office publishes an app with one kind of ticket, whose process is the tasks one after the other.
func (w *world) office(tasks ...string) {
	w.t.Helper()
	process, from := "", "opened"
	for i, task := range tasks {
		id := fmt.Sprintf("step%d", i+1)
		process += strings.Replace(task, "<task", `<userTask id="`+id+`" name="`+id+`"`, 1) + fmt.Sprintf(`<sequenceFlow id="to_%s" sourceRef="%s" targetRef="%s"/>`, id, from, id)
		from = id
	}
	w.publishOffice(process + `<sequenceFlow id="to_end" sourceRef="` + from + `" targetRef="closed"/>`)
}

// publishOffice publishes the app with what is between its start and end event.
func (w *world) publishOffice(process string) {
	w.t.Helper()
	w.publish(w.t.Context(), fstest.MapFS{
		"app.yaml":           {Data: []byte("id: office\nname: Office\nlanguage: en\ntickets:\n  - {id: request, name: Request, process: request, form: request, title: '=\"A request\"', requester: {withdraw: true, cancel: true}}\n")},
		"forms/request.json": {Data: []byte(`{"type": "default", "components": [{"type": "textfield", "key": "about", "label": "About"}]}`)},
		"processes/request.bpmn": {Data: []byte(`<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:p="https://paceline.dev/bpmn/1.0" targetNamespace="t">
<process id="request" name="Request" isExecutable="true"><startEvent id="opened"/>` + process + `<endEvent id="closed"/></process></definitions>`)},
	})
}

// request opens a ticket of the office.
func (w *world) request(login string) ticket.Opened {
	w.t.Helper()
	opened, err := w.tickets.Open(w.t.Context(), w.as(login), ticket.Draft{App: "office", Kind: "request"})
	must(w.t, err)
	return opened
}

// notes are the notes of the ticket's history that the system made.
func (w *world) notes(login string, id db.ID) string {
	w.t.Helper()
	page, err := w.tickets.History(w.t.Context(), w.as(login), id, "", 0)
	must(w.t, err)
	var notes []string
	for _, e := range page.Items {
		if e.Actor.ID == 0 && e.Note != "" {
			notes = append(notes, e.Note)
		}
	}
	must(w.t, process.NewQuery(w.db, w.apps).Replay(w.t.Context(), id))
	return strings.Join(notes, " | ")
}

const outcomes = ` p:outcomes="approve,reject"`

// TestAssignmentPolicies: what the rules of an office do instead of asking, and that the history says why.
func TestAssignmentPolicies(t *testing.T) {
	policy := func(assign, attributes string) string {
		return `<task ` + assign + outcomes + `><extensionElements><p:policy ` + attributes + `/></extensionElements></userTask>`
	}
	ask := func(assign string) string { return `<task ` + assign + outcomes + `/>` }
	for name, c := range map[string]struct {
		tasks    []string
		by       string // opens the ticket
		complete []string
		has      string // who has the ticket then; empty: it is closed
		notes    string
	}{
		"nobody, pass":     {[]string{policy(`p:candidateGroups="ghosts"`, `when="nobody" do="pass"`)}, "staff1", nil, "", "nobody was found for the step: pass"},
		"nobody, reject":   {[]string{policy(`p:candidateGroups="ghosts"`, `when="nobody" do="reject"`)}, "staff1", nil, "", "nobody was found for the step: reject"},
		"nobody, fallback": {[]string{policy(`p:candidateGroups="ghosts"`, `when="nobody" do="assign" to="user:hr1"`)}, "staff1", nil, "hr1", "nobody was found for the step: assign"},
		"nobody, superior": {[]string{policy(`p:candidateGroups="ghosts"`, `when="nobody" do="superior"`)}, "staff1", nil, "sales-manager", "nobody was found for the step: superior"},
		"requester, pass": {[]string{policy(`p:assignee="staff1"`, `when="requester" do="pass"`), ask(`p:assignee="hr1"`)}, "staff1", nil, "hr1",
			"Sample Staff 1 is the requester: pass"},
		"requester, superior": {[]string{policy(`p:assignee="staff1"`, `when="requester" do="superior"`)}, "staff1", nil, "sales-manager",
			"Sample Staff 1 is the requester: superior"},
		"another requester": {[]string{policy(`p:assignee="staff1"`, `when="requester" do="pass"`)}, "staff2", nil, "staff1", ""},
		"repeat, pass": {[]string{ask(`p:assignee="hr1"`), policy(`p:assignee="hr1"`, `when="repeat" do="pass"`), ask(`p:assignee="desk1"`)}, "staff1", []string{"hr1"}, "desk1",
			"Sample HR 1 completed the step before: pass"},
		"a group that is one person": {[]string{policy(`p:candidateGroups="hr"`, `when="requester" do="superior"`)}, "hr1", nil, "director", "Sample HR 1 is the requester: superior"},
		"in a group": {[]string{`<task p:candidateUsers="staff1, hr1"` + outcomes + `><extensionElements><p:approval/><p:policy when="requester" do="pass"/></extensionElements></userTask>`}, "staff1", nil, "hr1",
			"Sample Staff 1 is the requester: pass"},
		"a group of the requester": {[]string{`<task p:candidateUsers="staff1"` + outcomes + `><extensionElements><p:approval/><p:policy when="requester" do="pass"/></extensionElements></userTask>`}, "staff1", nil, "",
			"Sample Staff 1 is the requester: pass"},
		"all superiors in turn": {[]string{`<task p:assignment="superiors:2"` + outcomes + `><extensionElements><p:approval mode="inTurn"/></extensionElements></userTask>`}, "staff1", []string{"sales-manager"}, "director", ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorldOn(t, "sqlite")
			w.office(c.tasks...)
			id := w.request(c.by).ID
			for _, login := range c.complete {
				w.complete(login, w.one(login, ticket.Mine, id), "approve", "")
			}
			if c.has != "" && !w.has(c.has, id) {
				t.Errorf("%s does not have it", c.has)
			}
			view, err := w.tickets.Show(t.Context(), w.as(c.by), id)
			must(t, err)
			if closed := view.Status == ticket.Closed; closed != (c.has == "") {
				t.Errorf("the ticket is %s", view.Status)
			}
			if got := w.notes(c.by, id); got != c.notes {
				t.Errorf("the history says %q, not %q", got, c.notes)
			}
		})
	}
}

// TestReturnedWorkIsNotSkipped: work that comes back to a step is asked of who did it before, and goes straight back.
func TestReturnedWorkIsNotSkipped(t *testing.T) {
	w := newWorldOn(t, "sqlite")
	w.office(`<task p:assignee="hr1"`+outcomes+`><extensionElements><p:policy when="repeat" do="pass"/></extensionElements></userTask>`, `<task p:assignee="desk1"`+outcomes+`/>`)
	id := w.request("staff1").ID
	w.complete("hr1", w.one("hr1", ticket.Mine, id), "approve", "")
	it := w.one("desk1", ticket.Mine, id)
	_, err := w.tickets.Return(t.Context(), w.as("desk1"), it.Task, 0, "step1", true, "look again")
	must(t, err)
	w.complete("hr1", w.one("hr1", ticket.Mine, id), "approve", "")
	w.one("desk1", ticket.Mine, id) // straight back
}

// TestPoliciesDoNotGoRound: a model in which every task passes by itself and that never ends stops at a task
// that a person can see.
func TestPoliciesDoNotGoRound(t *testing.T) {
	w := newWorldOn(t, "sqlite")
	w.publishOffice(`<exclusiveGateway id="again" default="over"/><userTask id="step" p:candidateGroups="ghosts"` + outcomes + `><extensionElements><p:policy when="nobody" do="pass"/></extensionElements></userTask>
<sequenceFlow id="f1" sourceRef="opened" targetRef="step"/><sequenceFlow id="f2" sourceRef="step" targetRef="again"/>
<sequenceFlow id="f3" sourceRef="again" targetRef="step"><conditionExpression>=outcome = "approve"</conditionExpression></sequenceFlow><sequenceFlow id="over" sourceRef="again" targetRef="closed"/>`)
	view, err := w.tickets.Show(t.Context(), w.as("staff1"), w.request("staff1").ID)
	must(t, err)
	if len(view.Steps) != 1 || view.Status != ticket.Open {
		t.Errorf("%s, %+v", view.Status, view.Steps)
	}
	must(t, process.NewQuery(w.db, w.apps).Replay(t.Context(), view.ID))
}

// TestNotices: copies that the model and people send, who read them, and reminders within their limit.
func TestNotices(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		w.office(`<task p:candidateGroups="hr"` + outcomes + `><extensionElements><p:cc to="group:finance"/><p:cc to="=initiator" at="end"/></extensionElements></userTask>`)
		opened := w.request("staff1")
		unread := func(login string) []ticket.Notice {
			page, err := w.tickets.Notices(ctx, w.as(login), false, 0, 0)
			must(t, err)
			return page.Items
		}
		if got := unread("finance1"); len(got) != 1 || got[0].Kind != "cc" || got[0].Element != "step1" || got[0].Number != opened.Number {
			t.Fatalf("the model's copies %+v", got)
		}
		_, err := w.tickets.CopyTo(ctx, w.as("staff1"), opened.ID, []string{"buyer1", "group:committee"}, "please note")
		must(t, err)
		_, err = w.tickets.CopyTo(ctx, w.as("staff1"), opened.ID, []string{"ghost"}, "")
		wantPlace(t, "a copy to nobody", err, "to")
		counts, err := w.tickets.Counts(ctx, w.as("buyer1"))
		must(t, err)
		if counts.Notices != 1 {
			t.Errorf("counts %+v", counts)
		}
		copied := unread("buyer1")[0]
		_, err = w.tickets.ReadNotice(ctx, w.as("finance1"), copied.ID)
		wantKind(t, "the notice of somebody else", err, errs.NotFound)
		read, err := w.tickets.ReadNotice(ctx, w.as("buyer1"), copied.ID)
		must(t, err)
		again, err := w.tickets.ReadNotice(ctx, w.as("buyer1"), copied.ID)
		must(t, err)
		if read.Text != "Sample Staff 1 sends you a copy." || read.Read.IsZero() || !again.Read.Equal(read.Read) || len(unread("buyer1")) != 0 {
			t.Errorf("read %+v, then %+v", read, again)
		}
		_, err = w.tickets.Show(ctx, w.as("buyer1"), opened.ID)
		must(t, err)

		told, err := w.tickets.Urge(ctx, w.as("staff1"), opened.ID, "")
		must(t, err)
		if len(told.Told) != 1 || told.Told[0].Name != "Sample HR 1" {
			t.Errorf("urged %+v", told)
		}
		_, err = w.tickets.Urge(ctx, w.as("staff1"), opened.ID, "")
		wantKind(t, "urged twice", err, errs.Exhausted)
		_, err = w.tickets.Urge(ctx, w.as("buyer1"), opened.ID, "")
		wantKind(t, "urged by a reader", err, errs.Denied)

		w.complete("hr1", w.one("hr1", ticket.Group, opened.ID), "approve", "")
		if got := unread("staff1"); len(got) != 1 {
			t.Errorf("the copy at the end %+v", got)
		}
		receipts, err := w.tickets.NoticesOf(ctx, w.as("staff1"), opened.ID, 0, 0)
		must(t, err)
		if len(receipts.Items) != 7 { // finance1, buyer1, three of the committee, hr1, staff1
			t.Errorf("%d notices, %+v", len(receipts.Items), receipts.Items)
		}
	})
}

// TestDeputies: tasks go to the deputy in the time of the rule, and the history keeps for whom.
func TestDeputies(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		w.office(`<task p:assignee="hr1"`+outcomes+`/>`, `<task p:candidateUsers="hr1, desk1, desk2"`+outcomes+`><extensionElements><p:approval/></extensionElements></userTask>`)
		soon := time.Now().Add(time.Hour)
		_, err := w.tickets.AddDeputy(ctx, w.as("staff1"), ticket.NewDeputy{For: "hr1", By: "staff1", Until: soon})
		wantKind(t, "a deputy for somebody else", err, errs.Denied)
		_, err = w.tickets.AddDeputy(ctx, w.as("hr1"), ticket.NewDeputy{By: "hr1", Until: soon})
		wantPlace(t, "one's own deputy", err, "by")
		_, err = w.tickets.AddDeputy(ctx, w.as("hr1"), ticket.NewDeputy{By: "finance1", From: soon, Until: soon.Add(time.Hour)})
		must(t, err)
		_, err = w.tickets.AddDeputy(ctx, w.as("hr1"), ticket.NewDeputy{By: "finance1", Until: soon, App: "leave"})
		must(t, err)
		w.one("hr1", ticket.Mine, w.request("staff1").ID) // not yet, and not in this app

		rule, err := w.tickets.AddDeputy(ctx, w.as("hr1"), ticket.NewDeputy{By: "desk1", Until: soon})
		must(t, err)
		id := w.request("staff1").ID
		w.complete("desk1", w.one("desk1", ticket.Mine, id), "approve", "")
		if got, want := w.notes("staff1", id), "for Sample HR 1, who has a deputy until "+soon.UTC().Format(time.DateOnly); got != want {
			t.Errorf("the history says %q, not %q", got, want)
		}
		w.one("hr1", ticket.Mine, id) // desk1 has a vote already, so hr1 keeps the own one

		must(t, w.tickets.EndDeputy(ctx, w.as("hr1"), rule.ID))
		w.one("hr1", ticket.Mine, w.request("staff1").ID)
		list, err := w.tickets.Deputies(ctx, w.as("finance1"), "")
		must(t, err)
		if len(list) != 2 {
			t.Errorf("rules %+v", list)
		}
	})
}
