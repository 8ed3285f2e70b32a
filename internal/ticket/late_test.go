package ticket_test

import (
	"context"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/paceline/paceline/internal/calendar"
	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/process"
	"github.com/paceline/paceline/internal/ticket"
)

// lateApp has a task for desk1 that goes to the superior when it is late, and is rejected later still.
var lateApp = fstest.MapFS{
	"app.yaml":     {Data: []byte("id: late\nname: Late\nversion: \"1\"\ntickets:\n  - {id: check, name: T, title: T, process: p, form: f, number: {prefix: L-}}\n")},
	"forms/f.json": {Data: []byte(`{"type": "default", "schemaVersion": 16, "components": [{"type": "textfield", "key": "x", "label": "X"}]}`)},
	"processes/p.bpmn": {Data: []byte(`<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:paceline="https://paceline.dev/bpmn/1.0" targetNamespace="t">
 <process id="p">
  <startEvent id="start"/><sequenceFlow id="f1" sourceRef="start" targetRef="check"/>
  <userTask id="check" name="Check" paceline:assignee="desk1" paceline:outcomes="approve, reject">
   <extensionElements>
    <paceline:sla due="PT0.6S">
     <paceline:level before="PT0.3S" do="warn"/>
     <paceline:level do="escalate"/>
     <paceline:level after="PT0.1S" do="transfer"/>
     <paceline:level after="PT0.9S" do="reject"/>
    </paceline:sla>
   </extensionElements>
  </userTask>
  <sequenceFlow id="f2" sourceRef="check" targetRef="end"/><endEvent id="end"/>
 </process>
</definitions>`)},
}

// always is a calendar in which all time is work time; it counts how often a replay asked for it.
type always struct {
	*calendar.Calendar
	again int
}

func newAlways(t *testing.T) *always {
	t.Helper()
	week := map[string][]string{}
	for _, day := range []string{"mon", "tue", "wed", "thu", "fri", "sat", "sun"} {
		week[day] = []string{"00:00-24:00"}
	}
	cal, err := calendar.New(calendar.Spec{Name: "always", Zone: "Asia/Tokyo", Week: week}, "always@7")
	must(t, err)
	return &always{Calendar: cal}
}

// At gives it as the history names it.
func (a *always) At(_ context.Context, ref string) (*calendar.Calendar, error) {
	a.again++
	if ref != "always@7" {
		return nil, errs.New(errs.Internal, "asked for %s", ref)
	}
	return a.Calendar, nil
}

// lateCalendars are what a world counts by: none until a test sets one.
type lateCalendars struct{ always *always }

// Calendar is the default.
func (c *lateCalendars) Calendar(_ db.ID, _, name string) (*calendar.Calendar, bool) {
	if c.always == nil {
		return nil, true
	}
	return c.always.Calendar, name == ""
}

// At finds it again.
func (c *lateCalendars) At(ctx context.Context, ref string) (*calendar.Calendar, error) {
	return c.always.At(ctx, ref)
}

// TestLateTask sees a late task through: who has it is warned, the superior told, then given the task, and at last it
// is rejected. The history has the calendar that it was counted by, and gives the same again.
func TestLateTask(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		always := newAlways(t)
		w.calendars.always = always
		w.publish(t.Context(), lateApp)
		opened, err := w.tickets.Open(t.Context(), w.as("staff1"), ticket.Draft{App: "late", Data: []byte(`{"x": "1"}`)})
		must(t, err)
		closed := func() bool {
			got, err := w.tickets.Show(t.Context(), w.as("staff1"), opened.ID)
			must(t, err)
			return got.Status == ticket.Closed
		}
		seen := false
		for end := time.Now().Add(20 * time.Second); !closed(); time.Sleep(10 * time.Millisecond) {
			seen = seen || w.has("it-manager", opened.ID)
			if time.Now().After(end) {
				t.Fatal("it is not rejected")
			}
		}
		if !seen {
			t.Error("the superior was not given the task")
		}
		for login, kind := range map[string]string{"desk1": "warn", "it-manager": "escalate"} {
			page, err := w.tickets.Notices(t.Context(), w.as(login), true, 0, 10)
			must(t, err)
			if len(page.Items) != 1 || page.Items[0].Kind != kind || page.Items[0].Element != "check" || page.Items[0].Body == "" || !strings.Contains(page.Items[0].Text, "“Check”") {
				t.Errorf("%s was told %+v", login, page.Items)
			}
		}
		query := process.NewQuery(w.db, w.apps)
		if err := query.Replay(t.Context(), opened.ID); err == nil {
			t.Error("the history does not say that it needs a calendar")
		}
		query.Calendars = w.calendars
		must(t, query.Replay(t.Context(), opened.ID))
		if always.again == 0 {
			t.Error("the replay did not ask for the calendar")
		}
	})
}
