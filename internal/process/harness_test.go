package process_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/paceline/paceline/internal/bpmn"
	"github.com/paceline/paceline/internal/cluster"
	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/db/dbtest"
	"github.com/paceline/paceline/internal/engine"
	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/process"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// each runs a test on every database, with the tables made.
func each(t *testing.T, run func(t *testing.T, w *world)) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) { run(t, newWorld(t, d)) })
}

// quick runs a test on SQLite only, because no database has a part of its own in it.
func quick(t *testing.T, run func(t *testing.T, w *world)) {
	run(t, newWorld(t, dbtest.Open(t, "sqlite")))
}

// world is one database, its definitions, a clock, and the nodes that work on it.
type world struct {
	t     testing.TB
	db    *db.DB
	query *process.Query
	defs  *definitions
	clock *clock
	nodes *leases
}

func newWorld(t testing.TB, d *db.DB) *world {
	t.Helper()
	must(t, d.Migrate(t.Context(), append(process.Migrations(), cluster.Migrations()...)))
	defs := &definitions{byID: map[db.ID]*engine.Definition{}, byName: map[string]db.ID{}}
	c := &clock{now: time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)}
	return &world{t: t, db: d, defs: defs, clock: c, query: process.NewQuery(d, defs), nodes: &leases{}}
}

// node starts a runtime with a number of its own.
func (w *world) node(change ...func(*process.Config, *process.Deps)) *node {
	w.t.Helper()
	lease := w.nodes.join()
	ids := db.NewIDs(int(lease.number), w.clock.Now)
	cfg := process.Config{PollEvery: 20 * time.Millisecond, Backoff: time.Millisecond}
	deps := process.Deps{
		DB: w.db, NewID: ids.Next, Lease: lease, Definitions: w.defs, Now: w.clock.Now,
		Log: slog.New(slog.NewTextHandler(testWriter{w.t}, &slog.HandlerOptions{Level: slog.LevelWarn})),
	}
	for _, f := range change {
		f(&cfg, &deps)
	}
	n := &node{Runtime: process.New(cfg, deps), w: w, lease: lease}
	must(w.t, n.Start(w.t.Context()))
	w.t.Cleanup(func() { must(w.t, n.Stop(context.WithoutCancel(w.t.Context()))) })
	return n
}

type node struct {
	*process.Runtime
	w     *world
	lease *lease
}

// start starts an instance and returns its id.
func (n *node) start(def db.ID, ev engine.Start) db.ID {
	n.w.t.Helper()
	res, err := n.Submit(n.w.t.Context(), process.Command{Definition: def, Event: ev})
	must(n.w.t, err)
	return res.Instance
}

func (n *node) submit(instance db.ID, ev engine.Event) error {
	_, err := n.Submit(n.w.t.Context(), process.Command{Instance: instance, Event: ev})
	return err
}

// complete completes the one open task of an instance.
func (n *node) complete(instance db.ID) {
	n.w.t.Helper()
	task := n.w.task(instance)
	must(n.w.t, n.submit(instance, engine.TaskCompleted{Task: engine.ID(task.ID), Version: task.Version}))
}

func (w *world) task(instance db.ID) process.Task {
	w.t.Helper()
	tasks, err := w.query.TasksOf(w.t.Context(), instance)
	must(w.t, err)
	if len(tasks) != 1 {
		w.t.Fatalf("%d open tasks, want 1: %v", len(tasks), tasks)
	}
	return tasks[0]
}

func (w *world) instance(id db.ID) process.Instance {
	w.t.Helper()
	in, err := w.query.Instance(w.t.Context(), id)
	must(w.t, err)
	return in
}

// ends waits until an instance has ended so, and checks that its history gives its state.
func (w *world) ends(id db.ID, want process.Status) {
	w.t.Helper()
	w.until(fmt.Sprintf("instance %s is %s", id, want), func() bool { return w.instance(id).Status == want })
	must(w.t, w.query.Replay(w.t.Context(), id))
}

// until polls until what is true.
func (w *world) until(what string, is func() bool) {
	w.t.Helper()
	for end := time.Now().Add(20 * time.Second); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			w.t.Fatalf("still not true: %s", what)
		}
	}
}

// count counts the rows of a table.
func (w *world) count(from string) int {
	w.t.Helper()
	var n int
	must(w.t, w.db.QueryRow(w.t.Context(), "SELECT count(*) FROM "+from).Scan(&n))
	return n
}

// define compiles the processes of a file. What is inside <process> may be given alone.
func (w *world) define(process string) db.ID {
	w.t.Helper()
	var first db.ID
	file, err := bpmn.Parse([]byte(`<?xml version="1.0"?><definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" ` +
		`xmlns:camunda="http://camunda.org/schema/1.0/bpmn" xmlns:paceline="https://paceline.dev/bpmn/1.0" targetNamespace="test">` + process + `</definitions>`))
	must(w.t, err)
	for _, p := range file.Processes {
		def, err := engine.Compile(file, p.ID)
		must(w.t, err)
		if id := w.defs.add(p.ID, def); first == 0 {
			first = id
		}
	}
	return first
}

// sequence is a process of elements in a row, each with its id: `<userTask id="a"/>`.
func sequence(id string, elements ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, `<process id=%q isExecutable="true"><startEvent id="start"/>`, id)
	last := "start"
	for i, e := range append(elements, `<endEvent id="end"/>`) {
		b.WriteString(e)
		_, name, _ := strings.Cut(e, `id="`)
		name, _, _ = strings.Cut(name, `"`)
		fmt.Fprintf(&b, `<sequenceFlow id="f%d" sourceRef=%q targetRef=%q/>`, i, last, name)
		last = name
	}
	return b.String() + `</process>`
}

type definitions struct {
	mu     sync.Mutex
	byID   map[db.ID]*engine.Definition
	byName map[string]db.ID
}

func (d *definitions) add(name string, def *engine.Definition) db.ID {
	d.mu.Lock()
	defer d.mu.Unlock()
	id := db.ID(len(d.byID) + 1)
	d.byID[id], d.byName[name] = def, id
	return id
}

func (d *definitions) Definition(_ context.Context, id db.ID) (*engine.Definition, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if def := d.byID[id]; def != nil {
		return def, nil
	}
	return nil, errs.New(errs.NotFound, "there is no definition %s", id)
}

func (d *definitions) Called(_ context.Context, _ db.ID, process string) (db.ID, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if id, ok := d.byName[process]; ok {
		return id, nil
	}
	return 0, errs.New(errs.NotFound, "there is no process %q", process)
}

// clock stands still until it is moved.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// leases are the nodes of a world; a test declares one dead.
type leases struct {
	mu   sync.Mutex
	all  int64
	dead map[int64]bool
}

type lease struct {
	number int64
	of     *leases
}

func (l *leases) join() *lease {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all++
	return &lease{number: l.all, of: l}
}

func (l *lease) Number() int64 { return l.number }
func (l *lease) Epoch() int64  { return 1 }

func (l *lease) Dead(context.Context) (func(number, epoch int64) bool, error) {
	return func(number, _ int64) bool {
		l.of.mu.Lock()
		defer l.of.mu.Unlock()
		return l.of.dead[number]
	}, nil
}

func (l *lease) die() {
	l.of.mu.Lock()
	defer l.of.mu.Unlock()
	if l.of.dead == nil {
		l.of.dead = map[int64]bool{}
	}
	l.of.dead[l.number] = true
}

type testWriter struct{ t testing.TB }

func (w testWriter) Write(line []byte) (int, error) {
	w.t.Log(strings.TrimSpace(string(line)))
	return len(line), nil
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
