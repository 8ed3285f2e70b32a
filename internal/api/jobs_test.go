package api_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/paceline/paceline/client"
	"github.com/paceline/paceline/client/worker"
	"github.com/paceline/paceline/internal/node"
)

// machine is an app whose tickets are machine work: a job, then a task for staff.
func machine(work string) map[string]string {
	return map[string]string{
		"app.yaml":         "id: machine\nname: Machine\nversion: \"1\"\ntickets:\n  - {id: order, name: Order, title: '=\"Order\"', form: order, process: order, number: {prefix: \"M-\"}}\n",
		"forms/order.form": `{"schemaVersion": 17, "type": "default", "id": "order", "components": [{"type": "textfield", "key": "what", "label": "What"}]}`,
		"processes/order.bpmn": `<?xml version="1.0" encoding="UTF-8"?>
<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:paceline="https://paceline.dev/bpmn/1.0" id="d" targetNamespace="test">
  <error id="late" errorCode="LATE"/>
  <process id="order" name="Order" isExecutable="true">
    <startEvent id="start"/>
    <sequenceFlow id="f1" sourceRef="start" targetRef="work"/>
    ` + work + `
    <boundaryEvent id="caught" attachedToRef="work"><errorEventDefinition errorRef="late"/></boundaryEvent>
    <sequenceFlow id="f2" sourceRef="work" targetRef="end"/>
    <sequenceFlow id="f3" sourceRef="caught" targetRef="look"/>
    <userTask id="look" name="Look" paceline:candidateGroups="staff"/>
    <sequenceFlow id="f4" sourceRef="look" targetRef="end"/>
    <endEvent id="end"/>
  </process>
</definitions>`,
	}
}

const external = `<serviceTask id="work" name="Print it" paceline:type="print" paceline:retries="2"><extensionElements>
	<paceline:header key="tray" value="2"/><paceline:input target="copies" source="=1 + 1"/></extensionElements></serviceTask>`

// orders publishes the app and opens n of its tickets.
func (w *world) orders(work string, n int) []string {
	w.t.Helper()
	admin := w.as("admin")
	_, err := admin.PublishApp(w.t.Context(), bundle(w.t.(*testing.T), machine(work)))
	must(w.t, err)
	var ids []string
	for range n {
		opened, err := admin.OpenTicket(w.t.Context(), client.Draft{App: "machine", Kind: "order"})
		must(w.t, err)
		ids = append(ids, opened.ID)
	}
	return ids
}

func (w *world) worker() *client.Client {
	w.t.Helper()
	c, err := client.New(client.Config{URL: w.url, Token: w.token("admin", "worker"), Retries: -1})
	must(w.t, err)
	return c
}

// until polls a ticket until it is as wanted.
func (w *world) until(ticket, what string, is func(client.TicketView) bool) client.TicketView {
	w.t.Helper()
	if w.watcher == nil {
		w.watcher = w.as("admin")
	}
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		v, err := w.watcher.Ticket(w.t.Context(), ticket)
		must(w.t, err)
		if is(v) {
			return v
		}
		if time.Now().After(end) {
			w.t.Fatalf("still not %s: %+v", what, v)
		}
	}
}

func closed(v client.TicketView) bool { return v.Status == "closed" }

// running is a worker that the test stops.
func running(t *testing.T, c *client.Client, handle worker.Handler, o worker.Options) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- worker.Run(ctx, c, []string{"print"}, handle, o) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the worker ended with %v", err)
		}
	})
	t.Cleanup(stop)
	return stop
}

func TestWorkerDoesTheJobsOfANode(t *testing.T) {
	onEach(t, func(t *testing.T, w *world) {
		var mu sync.Mutex
		seen := map[string]client.Job{}
		running(t, w.worker(), func(_ context.Context, job client.Job) (any, error) {
			mu.Lock()
			defer mu.Unlock()
			seen[job.Ticket] = job
			return map[string]any{"printed": true}, nil
		}, worker.Options{Name: "printer-1", Concurrency: 2})
		for _, id := range w.orders(external, 5) {
			w.until(id, "closed", closed)
			mu.Lock()
			job := seen[id]
			mu.Unlock()
			if job.Type != "print" || job.Name != "Print it" || job.Headers["tray"] != "2" || string(job.Variables) != `{"copies":2}` || job.Retries != 2 || job.Key == "" {
				t.Errorf("the worker saw %+v", job)
			}
		}
	})
}

// A worker dies with a job in its hands: the job goes to another when its lock has run out, and what
// the dead one still says is refused.
func TestJobOfAKilledWorkerComesBack(t *testing.T) {
	w := start(t)
	dead := w.worker()
	id := w.orders(external, 1)[0]
	had, err := dead.FetchJobs(t.Context(), client.Fetch{Worker: "dead", Types: []string{"print"}, Lock: time.Second, Wait: 10 * time.Second})
	must(t, err)
	if len(had) != 1 {
		t.Fatalf("fetched %+v", had)
	}
	taken := make(chan client.Job, 1)
	running(t, w.worker(), func(_ context.Context, job client.Job) (any, error) {
		taken <- job
		return nil, nil
	}, worker.Options{})
	if job := <-taken; job.ID != had[0].ID || job.Lock == had[0].Lock || job.Key != had[0].Key {
		t.Errorf("first %+v, then %+v", had[0], job)
	}
	w.until(id, "closed", closed)
	if _, err := dead.CompleteJob(t.Context(), had[0], nil); client.KindOf(err) != client.Conflict {
		t.Errorf("the dead worker: %v", err)
	}
}

// A worker that is told to stop ends its job first, whose lock it keeps meanwhile.
func TestWorkerStopsGracefully(t *testing.T) {
	w := start(t)
	entered, leave := make(chan struct{}), make(chan struct{})
	stop := running(t, w.worker(), func(context.Context, client.Job) (any, error) {
		close(entered)
		<-leave
		return nil, nil
	}, worker.Options{Lock: time.Second})
	id := w.orders(external, 1)[0]
	<-entered
	stopped := make(chan struct{})
	go func() { stop(); close(stopped) }()
	other, err := w.worker().FetchJobs(t.Context(), client.Fetch{Worker: "other", Types: []string{"print"}, Wait: 2 * time.Second})
	must(t, err)
	if len(other) > 0 {
		t.Error("another worker got a job that was being done")
	}
	close(leave)
	<-stopped
	w.until(id, "closed", closed)
}

func TestWorkerFails(t *testing.T) {
	w := start(t)
	ids := w.orders(external, 3)
	var tries sync.Map
	running(t, w.worker(), func(_ context.Context, job client.Job) (any, error) {
		switch job.Ticket {
		case ids[0]:
			return nil, &worker.Error{Code: "LATE", Message: "too late"}
		case ids[1]:
			return nil, worker.Permanent(errors.New("no such tray"))
		}
		n, _ := tries.LoadOrStore("n", new(int))
		if *n.(*int)++; *n.(*int) == 1 {
			panic("out of paper")
		}
		return nil, nil
	}, worker.Options{Concurrency: 1})
	w.until(ids[0], "with staff", func(v client.TicketView) bool { return len(v.Steps) == 1 && v.Steps[0].Name == "Look" })
	v := w.until(ids[1], "stuck", func(v client.TicketView) bool { return len(v.Incidents) == 1 })
	if v.Incidents[0].Message != "no such tray" {
		t.Errorf("the incident is %+v", v.Incidents[0])
	}
	w.until(ids[2], "done at the second attempt", closed)
}

func TestWhoMayWorkOnJobs(t *testing.T) {
	w := start(t)
	admin := w.as("admin")
	fetch := func(secret string) error {
		c, err := client.New(client.Config{URL: w.url, Token: secret, Retries: -1})
		must(t, err)
		_, err = c.FetchJobs(t.Context(), client.Fetch{Worker: "w", Types: []string{"print"}})
		return err
	}
	for name, tt := range map[string]struct {
		login  string
		scopes []string
		kind   string
	}{
		"worker":       {"admin", []string{"worker"}, ""},
		"admin":        {"admin", []string{"admin"}, ""},
		"write":        {"admin", []string{"write"}, client.Denied},
		"for one app":  {"admin", []string{"worker", "app:machine"}, client.Denied},
		"staff":        {"staff1", []string{"worker"}, client.Denied},
		"signed in no": {"", nil, client.Unauthenticated},
	} {
		secret := ""
		if tt.login != "" {
			secret = w.token(tt.login, tt.scopes...)
		}
		if err := fetch(secret); client.KindOf(err) != tt.kind || (err == nil) != (tt.kind == "") {
			t.Errorf("%s: %v", name, err)
		}
	}
	w.open(admin)
	if page, err := w.worker().Tickets(t.Context(), client.TicketQuery{}); err != nil || len(page.Items) > 0 {
		t.Errorf("a worker's token sees tickets: %+v, %v", page, err)
	}
	if _, err := w.worker().Inbox(t.Context(), client.InboxQuery{}); client.KindOf(err) != client.Denied {
		t.Errorf("a worker's token reads the inbox: %v", err)
	}
	if err := worker.Run(t.Context(), admin, nil, nil, worker.Options{}); client.KindOf(err) != client.Invalid {
		t.Errorf("a worker that asks for nothing: %v", err)
	}
}

// A node that stops lets nobody wait.
func TestWaitingWorkersDoNotHoldTheNode(t *testing.T) {
	w := start(t)
	c := w.worker()
	asked := make(chan error, 1)
	go func() {
		_, err := c.FetchJobs(context.WithoutCancel(t.Context()), client.Fetch{Worker: "w", Types: []string{"print"}, Wait: 30 * time.Second})
		asked <- err
	}()
	for !strings.Contains(w.send("GET", "/metrics", "").body, "paceline_http_requests_in_flight 2") { // it and this one
		time.Sleep(time.Millisecond)
	}
	began := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	must(t, w.node.Stop(ctx))
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("the node stopped after %v", took)
	}
	if err := <-asked; err != nil {
		t.Errorf("the worker was answered %v", err)
	}
}

// A service is called by the node itself: refused as it stands, and done when the configuration allows it.
func TestNodeCallsAService(t *testing.T) {
	keys := make(chan string, 10)
	service := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		keys <- r.Header.Get("Idempotency-Key")
		rw.Header().Set("Content-Type", "application/json")
		io.WriteString(rw, `{"id": "A-1"}`)
	}))
	defer service.Close()
	call := `<serviceTask id="work" paceline:type="http"><extensionElements>
		<paceline:header key="method" value="POST"/><paceline:header key="url" value="` + service.URL + `"/>
		<paceline:input target="body" source="={a: 1}"/><paceline:output target="order" source="=response.body.id"/></extensionElements></serviceTask>`

	w := start(t)
	v := w.until(w.orders(call, 1)[0], "stuck", func(v client.TicketView) bool { return len(v.Incidents) == 1 })
	if !strings.Contains(v.Incidents[0].Message, "not public") {
		t.Errorf("the incident is %+v", v.Incidents[0])
	}
	w = start(t, func(c *node.Config) { c.Connect.Allow = []string{"127.0.0.1"} })
	w.until(w.orders(call, 1)[0], "closed", closed)
	if key := <-keys; !strings.HasPrefix(key, "job-") {
		t.Errorf("the key is %q", key)
	}
}
