package api_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/paceline/paceline/client"
)

// waiting is a process that begins by itself, then waits for a message with a key and for a signal.
const waitingApp = `<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:paceline="https://paceline.dev/bpmn/1.0" targetNamespace="t">
 <message id="m" name="paid" paceline:correlationKey="= order"/><signal id="s" name="close"/><message id="o" name="ordered"/>
 <process id="wait">
  <startEvent id="start"/><sequenceFlow id="f1" sourceRef="start" targetRef="pay"/>
  <intermediateCatchEvent id="pay"><messageEventDefinition messageRef="m"/></intermediateCatchEvent><sequenceFlow id="f2" sourceRef="pay" targetRef="end0"/>
  <intermediateCatchEvent id="end0"><signalEventDefinition signalRef="s"/></intermediateCatchEvent><sequenceFlow id="f3" sourceRef="end0" targetRef="end"/>
  <endEvent id="end"/>
  <startEvent id="order"><messageEventDefinition messageRef="o"/></startEvent><sequenceFlow id="f4" sourceRef="order" targetRef="pay"/>
 </process>
</definitions>`

const waitingManifest = `id: orders
name: Orders
version: "1"
language: en
calendar: office
tickets:
  - {id: order, name: Order, title: Order, process: wait, form: order, number: {prefix: "O-"}}
`

var waitingFiles = map[string]string{
	"app.yaml":            waitingManifest,
	"processes/wait.bpmn": waitingApp,
	"forms/order.json":    `{"type": "default", "schemaVersion": 16, "components": [{"type": "textfield", "key": "order", "label": "Order"}]}`,
	"calendars/office.yaml": `zone: Asia/Taipei
week: {mon: ["09:00-18:00"], tue: ["09:00-18:00"]}
holidays: [{date: 2026-01-01}]
`,
	"schedules/weekly.yaml": `name: weekly
cycle: 0 9 * * MON
calendar: office
open: {requester: staff1, data: {order: "= string(due)"}}
`,
	"hooks/shop.yaml": `name: shop
preset: github
open: {requester: staff1, data: {order: "= body.order"}}
`,
}

func publishFiles(t *testing.T, c *client.Client, files map[string]string) {
	t.Helper()
	_, err := c.PublishApp(t.Context(), bundle(t, files))
	must(t, err)
}

func eventually(t *testing.T, is func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it does not come")
		}
	}
}

func TestMessagesAndSignals(t *testing.T) {
	w := start(t)
	admin, staff := w.as("admin"), w.as("staff1")
	publishFiles(t, admin, waitingFiles)
	opened, err := staff.OpenTicket(t.Context(), client.Draft{App: "orders", Kind: "order", Data: map[string]any{"order": "7"}})
	must(t, err)

	if _, err := staff.SendMessage(t.Context(), client.Message{Name: "paid", Key: "7"}); client.KindOf(err) != client.Denied {
		t.Errorf("staff may send messages: %v", err)
	}
	if _, err := admin.SendMessage(t.Context(), client.Message{Name: "paid", Key: "8"}); client.KindOf(err) != client.NotFound {
		t.Errorf("a message with another key: %v", err)
	}
	once := client.WithKey(t.Context(), "paid-7")
	for range 2 {
		sent, err := admin.SendMessage(once, client.Message{Name: "paid", Key: "7", Variables: map[string]any{"sum": 10}})
		must(t, err)
		if sent.Reached == nil || sent.Reached.Ticket != opened.ID || sent.Reached.Started {
			t.Errorf("%+v", sent.Reached)
		}
	}
	signal, err := admin.RaiseSignal(t.Context(), "close", nil)
	must(t, err)
	if signal.Reaches != 1 {
		t.Errorf("the signal reaches %d", signal.Reaches)
	}
	eventually(t, func() bool {
		ticket, err := admin.Ticket(t.Context(), opened.ID)
		must(t, err)
		return ticket.Status == "closed"
	})

	begun, err := admin.SendMessage(t.Context(), client.Message{Name: "ordered", Key: "O-9", Variables: map[string]any{"order": "9"}})
	must(t, err)
	if !begun.Reached.Started {
		t.Errorf("%+v", begun.Reached)
	}
	later, err := admin.SendMessage(t.Context(), client.Message{Name: "paid", Key: "10", Wait: true})
	must(t, err)
	if later.Sent == nil || later.Sent.Reaches != 0 {
		t.Errorf("%+v", later)
	}
	waits, err := staff.OpenTicket(t.Context(), client.Draft{App: "orders", Kind: "order", Data: map[string]any{"order": "10"}})
	must(t, err)
	eventually(t, func() bool {
		signal, err := admin.RaiseSignal(t.Context(), "close", nil)
		must(t, err)
		ticket, err := admin.Ticket(t.Context(), waits.ID)
		must(t, err)
		return signal.Reaches == 0 && ticket.Status == "closed"
	})
}

func TestBundleBringsCalendarsSchedulesAndHooks(t *testing.T) {
	w := start(t)
	admin := w.as("admin")
	publishFiles(t, admin, waitingFiles)
	eventually(t, func() bool {
		calendars, err := admin.Calendars(t.Context())
		must(t, err)
		return len(calendars) == 1 && calendars[0].Name == "orders.office"
	})
	s, err := admin.Schedule(t.Context(), "orders.weekly")
	must(t, err)
	if s.App != "orders" || s.Next.Weekday() != time.Monday || s.Next.Hour() != 1 {
		t.Errorf("%+v", s)
	}
	_, err = admin.RunSchedule(t.Context(), "orders.weekly")
	must(t, err)
	eventually(t, func() bool {
		runs, err := admin.ScheduleRuns(t.Context(), "orders.weekly")
		must(t, err)
		return len(runs) == 1 && runs[0].State == "done" && runs[0].Ticket != ""
	})

	const body = `{"order": "55"}`
	sign := func(secret string) string {
		m := hmac.New(sha256.New, []byte(secret))
		m.Write([]byte(body))
		return "sha256=" + hex.EncodeToString(m.Sum(nil))
	}
	deliver := func(signature string) answer {
		return w.send(http.MethodPost, "/hooks/orders.shop", body, "X-Hub-Signature-256", signature, "X-Github-Delivery", "1")
	}
	if got := deliver(sign("none")); got.status != http.StatusUnauthorized {
		t.Errorf("without a secret: %d %s", got.status, got.body)
	}
	secret, err := admin.AddHookSecret(t.Context(), "orders.shop", "")
	must(t, err)
	var receipts [2]struct {
		Receipt, State string
		Replayed       bool
	}
	for i := range receipts {
		got := deliver(sign(secret.Secret))
		if got.status != http.StatusAccepted {
			t.Fatalf("%d %s", got.status, got.body)
		}
		must(t, json.Unmarshal([]byte(got.body), &receipts[i]))
	}
	if receipts[0].Receipt == "" || receipts[0].Receipt != receipts[1].Receipt || receipts[0].Replayed || !receipts[1].Replayed {
		t.Errorf("%+v", receipts)
	}
	if got := w.send(http.MethodPost, "/hooks/orders.shop", strings.Repeat("x", 300<<10), "X-Hub-Signature-256", "x"); got.status != http.StatusRequestEntityTooLarge {
		t.Errorf("too large: %d", got.status)
	}
	if got := w.send(http.MethodGet, "/hooks/orders.shop", ""); got.status != http.StatusMethodNotAllowed {
		t.Errorf("GET: %d", got.status)
	}
	taken, err := admin.HookDeliveries(t.Context(), "orders.shop")
	must(t, err)
	if len(taken) != 1 || taken[0].Ticket == "" {
		t.Errorf("%+v", taken)
	}

	// A version without them takes them away.
	less := map[string]string{"app.yaml": strings.Replace(waitingManifest, "calendar: office\n", "", 1)}
	for name, text := range waitingFiles {
		if strings.HasPrefix(name, "processes/") || strings.HasPrefix(name, "forms/") {
			less[name] = text
		}
	}
	publishFiles(t, admin, less)
	eventually(t, func() bool {
		calendars, err := admin.Calendars(t.Context())
		must(t, err)
		return len(calendars) == 0
	})
	schedules, err := admin.Schedules(t.Context())
	must(t, err)
	hooks, err := admin.Hooks(t.Context())
	must(t, err)
	if len(schedules)+len(hooks) != 0 {
		t.Errorf("%v %v", schedules, hooks)
	}
}

func TestCalendars(t *testing.T) {
	w := start(t)
	admin, staff := w.as("admin"), w.as("staff1")
	spec := map[string]any{"zone": "Asia/Tokyo", "week": map[string]any{"mon": []string{"09:00-17:00"}}}
	first, err := admin.PutCalendar(t.Context(), "jp", spec)
	must(t, err)
	spec["holidays"] = []map[string]string{{"date": "2026-05-03"}}
	second, err := admin.PutCalendar(t.Context(), "jp", spec)
	must(t, err)
	old, err := staff.Calendar(t.Context(), "jp", first.Revision)
	must(t, err)
	if second.Revision <= first.Revision || len(old.Holidays) != 0 || len(second.Holidays) != 1 {
		t.Errorf("%+v %+v", old, second)
	}
	if _, err := staff.PutCalendar(t.Context(), "jp", spec); client.KindOf(err) != client.Denied {
		t.Errorf("staff may change calendars: %v", err)
	}
	if _, err := admin.PutCalendar(t.Context(), "jp", map[string]any{"zone": "Moon", "week": map[string]any{}}); client.KindOf(err) != client.Invalid {
		t.Errorf("a wrong calendar: %v", err)
	}
	_, err = admin.DeleteCalendar(t.Context(), "jp")
	must(t, err)
	if _, err := admin.Calendar(t.Context(), "jp", 0); client.KindOf(err) != client.NotFound {
		t.Errorf("it is still there: %v", err)
	}
	due, err := admin.PreviewSchedule(t.Context(), map[string]any{"name": "p", "cycle": "@daily", "message": map[string]any{"name": "m"}}, 3)
	must(t, err)
	if len(due) != 3 {
		t.Errorf("%v", due)
	}
}
