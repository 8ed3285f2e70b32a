package operation_test

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"go.uber.org/goleak"

	"github.com/paceline/paceline/internal/app"
	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/db/dbtest"
	"github.com/paceline/paceline/internal/engine"
	"github.com/paceline/paceline/internal/operation"
	"github.com/paceline/paceline/internal/org"
	"github.com/paceline/paceline/internal/process"
	"github.com/paceline/paceline/internal/ticket"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is one database and the nodes on it.
type world struct {
	t     *testing.T
	dsn   string
	admin *org.Actor

	mu    sync.Mutex
	nodes int64
	dead  map[int64]bool
}

// each runs a test on SQLite and on PostgreSQL.
func each(t *testing.T, run func(t *testing.T, w *world)) {
	for _, kind := range []string{"sqlite", "postgres"} {
		t.Run(kind, func(t *testing.T) { run(t, newWorld(t, kind)) })
	}
}

func newWorld(t *testing.T, kind string) *world {
	t.Helper()
	w := &world{t: t, dsn: dbtest.DSN(t, kind), dead: map[int64]bool{}}
	w.admin = &org.Actor{ID: 7, Login: "ops", Name: "Ops", Admin: true}
	return w
}

// node is one server on the world's database.
type node struct {
	w       *world
	db      *db.DB
	apps    *app.Apps
	process *process.Runtime
	query   *process.Query
	tickets *ticket.Service
	ops     *operation.Service
	org     *org.Org

	number  int64
	project func(*process.Transition) error // called for every transition
}

func (n *node) Number() int64 { return n.number }
func (n *node) Epoch() int64  { return 1 }

func (n *node) Dead(context.Context) (func(number, epoch int64) bool, error) {
	return func(number, _ int64) bool {
		n.w.mu.Lock()
		defer n.w.mu.Unlock()
		return n.w.dead[number]
	}, nil
}

func (w *world) node(cfg operation.Config) *node {
	w.t.Helper()
	ctx, log := w.t.Context(), slog.New(slog.DiscardHandler)
	d, err := db.Open(ctx, db.Config{DSN: w.dsn, Log: log})
	must(w.t, err)
	must(w.t, d.Migrate(ctx, slices.Concat(process.Migrations(), org.Migrations(), app.Migrations(), ticket.Migrations(), operation.Migrations())))
	w.nodes++
	n := &node{w: w, db: d, number: w.nodes, project: func(*process.Transition) error { return nil }}
	ids := db.NewIDs(int(n.number), time.Now)
	ring := func(string, string) {}
	n.org = org.New(org.Config{}, org.Deps{DB: d, NewID: ids.Next, Now: time.Now, Log: log, Ring: ring})
	_, err = n.org.Bootstrap(ctx, "a password for the test")
	must(w.t, err)
	must(w.t, n.org.Refresh(ctx))
	n.apps = app.New(app.Config{}, app.Deps{DB: d, NewID: ids.Next})
	n.process = process.New(process.Config{PollEvery: 20 * time.Millisecond}, process.Deps{
		DB: d, NewID: ids.Next, Lease: n, Definitions: n.apps, Log: log,
		Project: func(t *process.Transition, ch *db.Change) error {
			if err := n.project(t); err != nil {
				return err
			}
			return n.tickets.Project(t, ch)
		},
	})
	n.query = process.NewQuery(d, n.apps)
	n.tickets = ticket.New(ticket.Deps{DB: d, Apps: n.apps, Org: n.org, Process: n.process, Query: n.query, NewID: ids.Next, Ring: ring, Now: time.Now})
	cfg.Every = 10 * time.Millisecond
	n.ops = operation.New(cfg, operation.Deps{
		DB: d, Apps: n.apps, Org: n.org, Tickets: n.tickets, Process: n.process, Lease: n, NewID: ids.Next, Now: time.Now, Log: log,
	})
	must(w.t, n.process.Start(ctx))
	w.t.Cleanup(func() {
		n.process.Stop(context.Background())
		n.db.Close()
	})
	return n
}

// operating starts the node's work on operations.
func (n *node) operating() *node {
	n.w.t.Helper()
	must(n.w.t, n.ops.Start(n.w.t.Context()))
	n.w.t.Cleanup(func() { n.ops.Stop(context.Background()) })
	return n
}

// die takes the node's database away in the middle of what it does, and lets the others know.
func (n *node) die() {
	n.w.mu.Lock()
	n.w.dead[n.number] = true
	n.w.mu.Unlock()
	n.db.Close()
}

// The first version has a step "gone" that the second has not; the second calls the step "first" "begin" and adds a
// branch.
const orders = `<?xml version="1.0"?><definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:paceline="https://paceline.dev/bpmn/1.0" targetNamespace="test">
<message id="paid" name="paid"/><process id="order" name="Order" isExecutable="true"><startEvent id="start"/><parallelGateway id="split"/>
<userTask id="first" name="First" paceline:candidateGroups="staff" paceline:form="order"/><boundaryEvent id="late" attachedToRef="first" cancelActivity="false"><timerEventDefinition><timeDuration>PT9H</timeDuration></timerEventDefinition></boundaryEvent>
<userTask id="chase" paceline:candidateGroups="staff"/><serviceTask id="print" paceline:type="print"/><intermediateCatchEvent id="pay"><messageEventDefinition messageRef="paid"/></intermediateCatchEvent>EXTRA
<parallelGateway id="join"/><exclusiveGateway id="which" default="g2"/>
<subProcess id="sub"><multiInstanceLoopCharacteristics><loopCardinality>2</loopCardinality></multiInstanceLoopCharacteristics><startEvent id="in"/><userTask id="inside" paceline:candidateGroups="staff"/><sequenceFlow id="i" sourceRef="in" targetRef="inside"/></subProcess>
GONE<endEvent id="end"/>
<sequenceFlow id="f0" sourceRef="start" targetRef="split"/><sequenceFlow id="f1" sourceRef="split" targetRef="first"/><sequenceFlow id="f2" sourceRef="split" targetRef="print"/><sequenceFlow id="f3" sourceRef="split" targetRef="pay"/>
<sequenceFlow id="f4" sourceRef="first" targetRef="join"/><sequenceFlow id="f5" sourceRef="print" targetRef="join"/><sequenceFlow id="f6" sourceRef="pay" targetRef="join"/><sequenceFlow id="f7" sourceRef="late" targetRef="chase"/>
<sequenceFlow id="f8" sourceRef="join" targetRef="which"/><sequenceFlow id="g2" sourceRef="which" targetRef="sub"/><sequenceFlow id="g3" sourceRef="sub" targetRef="end"/></process></definitions>`

const gone = `<userTask id="gone" paceline:candidateGroups="staff"/><sequenceFlow id="g1" sourceRef="which" targetRef="gone"><conditionExpression>=what = "gone"</conditionExpression></sequenceFlow><sequenceFlow id="g4" sourceRef="gone" targetRef="end"/>`

const extra = `<userTask id="extra" paceline:candidateGroups="staff"/><sequenceFlow id="e1" sourceRef="split" targetRef="extra"/><sequenceFlow id="e2" sourceRef="extra" targetRef="join"/>`

func first() string { return strings.NewReplacer("EXTRA", "", "GONE", gone).Replace(orders) }

func second() string {
	return strings.NewReplacer("EXTRA", extra, "GONE", "", `id="first" name="First"`, `id="begin" name="Begin"`, `"first"`, `"begin"`).Replace(orders)
}

func (n *node) publish(model string) {
	n.w.t.Helper()
	ctx := n.w.t.Context()
	bundle, err := app.Read(fstest.MapFS{
		"app.yaml":             {Data: []byte("id: shop\nname: Shop\nversion: \"1\"\ntickets:\n  - {id: order, name: Order, title: '=\"Order\"', form: order, process: order, number: {prefix: \"O-\"}}\n")},
		"forms/order.form":     {Data: []byte(`{"schemaVersion": 17, "type": "default", "id": "order", "components": [{"type": "textfield", "key": "what", "label": "What"}]}`)},
		"processes/order.bpmn": {Data: []byte(model)},
	})
	must(n.w.t, err)
	_, err = n.apps.Publish(ctx, n.w.admin, bundle)
	must(n.w.t, err)
	must(n.w.t, n.apps.Refresh(ctx))
}

// open opens a ticket and brings it to a place: first, join (the other branches are done), sub or gone.
func (n *node) open(place string) db.ID {
	n.w.t.Helper()
	ctx := n.w.t.Context()
	opened, err := n.tickets.Open(ctx, n.w.admin, ticket.Draft{App: "shop", Data: []byte(`{"what": "` + place + `"}`)})
	must(n.w.t, err)
	if place == "first" {
		return opened.ID
	}
	n.others(opened.ID)
	if place != "join" {
		n.complete(opened.ID)
	}
	return opened.ID
}

// others does what is beside the first task.
func (n *node) others(id db.ID) {
	n.w.t.Helper()
	ctx := n.w.t.Context()
	_, state, err := n.query.State(ctx, id)
	must(n.w.t, err)
	for _, a := range state.Armed() {
		if a.Name == "paid" {
			n.submit(id, engine.MessageArrived{Subscription: a.ID})
		}
	}
	for p := range state.Waiting() {
		if p.Element == "print" {
			n.submit(id, engine.JobDone{Job: p.ID})
		}
	}
}

// complete completes the oldest task of a ticket.
func (n *node) complete(id db.ID) {
	n.w.t.Helper()
	tasks, err := n.query.TasksOf(n.w.t.Context(), id)
	must(n.w.t, err)
	n.submit(id, engine.TaskCompleted{Task: engine.ID(tasks[0].ID), Version: tasks[0].Version})
}

func (n *node) submit(id db.ID, event engine.Event) {
	n.w.t.Helper()
	_, err := n.process.Submit(n.w.t.Context(), process.Command{Instance: id, Event: event})
	must(n.w.t, err)
}

// until polls a run until it has a status.
func (n *node) until(id db.ID, want operation.Status) operation.Run {
	n.w.t.Helper()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(2 * time.Millisecond) {
		run, err := n.ops.Get(n.w.t.Context(), n.w.admin, id)
		must(n.w.t, err)
		if run.Status == want {
			return run
		}
		if time.Now().After(end) {
			n.w.t.Fatalf("the run is still %+v", run)
		}
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
