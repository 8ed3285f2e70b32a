package operation_test

import (
	"encoding/json"
	"strings"
	"sync"
	"testing"

	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/engine"
	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/operation"
	"github.com/paceline/paceline/internal/org"
	"github.com/paceline/paceline/internal/process"
	"github.com/paceline/paceline/internal/ticket"
)

var renamed = operation.Plan{App: "shop", From: 1, To: 2, Mappings: []operation.Mapping{{From: "first", To: "begin"}}}

func TestMigrationOfTicketsEverywhere(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx, n := t.Context(), w.node(operation.Config{Batch: 3})
		n.publish(first())
		var ids []db.ID
		for _, place := range []string{"first", "join", "sub", "gone", "first", "sub", "gone"} {
			ids = append(ids, n.open(place))
		}
		n.publish(second())

		view, err := n.ops.Plan(ctx, w.admin, operation.Plan{App: "shop", From: 1, To: 2})
		must(t, err)
		lost := map[string]string{}
		for _, f := range view.Processes[0].Elements {
			if f.To == "" {
				lost[f.From] = f.Why
			}
		}
		if len(lost) != 3 || lost["first"] == "" || lost["gone"] == "" || lost["late"] == "" {
			t.Errorf("without a mapping these are lost: %v", lost)
		}
		survey, err := n.ops.DryRun(ctx, w.admin, renamed, 0, 0)
		must(t, err)
		if survey.Examined != 7 || survey.Follow != 5 || len(survey.Causes) != 1 || survey.Causes[0].Element != "gone" || survey.Causes[0].Count != 2 || len(survey.Stay) != 2 || survey.Stay[0].Ticket != ids[3] {
			t.Fatalf("the dry run says %+v", survey)
		}
		part, err := n.ops.DryRun(ctx, w.admin, renamed, 0, 4)
		must(t, err)
		if part.Examined != 4 || part.Next != ids[3].String() {
			t.Errorf("a part of it says %+v", part)
		}

		run, err := n.ops.Migrate(ctx, w.admin, renamed, "new steps", 0)
		must(t, err)
		n.operating()
		if run = n.until(run.ID, operation.Done); run.Total != 7 || run.Done != 5 || run.Failed != 2 || run.Waiting != 0 {
			t.Errorf("the run is %+v", run)
		}
		causes, err := n.ops.Causes(ctx, w.admin, run.ID)
		must(t, err)
		if len(causes) != 1 || causes[0].Count != 2 || !strings.Contains(causes[0].Reason, `gone cannot follow: the new version has no element "gone"`) {
			t.Errorf("the causes are %+v", causes)
		}
		failed := operation.Failed
		page, err := n.ops.Items(ctx, w.admin, run.ID, &failed, 0, 1)
		must(t, err)
		if len(page.Items) != 1 || page.Items[0].Ticket != ids[3] || page.Items[0].Number == "" || page.Next == "" {
			t.Errorf("the first that failed is %+v", page)
		}
		for i, id := range ids {
			v, err := n.tickets.Show(ctx, w.admin, id)
			must(t, err)
			if want := map[bool]int{true: 1, false: 2}[i == 3 || i == 6]; v.Version != want {
				t.Errorf("ticket %d runs on version %d", i, v.Version)
			}
			w.finish(n, id)
		}
	})
}

// finish does all that is left of a ticket and checks that its history gives its state.
func (w *world) finish(n *node, id db.ID) {
	w.t.Helper()
	ctx := w.t.Context()
	for range 20 {
		in, err := n.query.Instance(ctx, id)
		must(w.t, err)
		if in.Status != process.Running {
			must(w.t, n.query.Replay(ctx, id))
			return
		}
		n.others(id)
		if tasks, err := n.query.TasksOf(ctx, id); err == nil && len(tasks) > 0 {
			n.complete(id)
		}
	}
	w.t.Errorf("ticket %s does not end", id)
}

func TestMigrationGoesOnWhereANodeDied(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx, a, b := t.Context(), w.node(operation.Config{Batch: 5, Parallel: 2}), w.node(operation.Config{Batch: 5})
		a.publish(first())
		must(t, b.apps.Refresh(ctx))
		var ids []db.ID
		for range 24 {
			ids = append(ids, a.open("first"))
		}
		a.publish(second())

		// The first node stands still within its ninth migration, and dies there.
		var mu sync.Mutex
		seen, reached, died := 0, make(chan struct{}), make(chan struct{})
		a.project = func(t *process.Transition) error {
			if _, ok := t.Event.(engine.Migrate); !ok {
				return nil
			}
			mu.Lock()
			seen++
			nth := seen
			mu.Unlock()
			if nth == 9 {
				close(reached)
			}
			if nth >= 9 {
				<-died
				return errs.New(errs.Unavailable, "this node is dead")
			}
			return nil
		}
		run, err := a.ops.Migrate(ctx, w.admin, renamed, "new steps", 0)
		must(t, err)
		a.operating()
		<-reached
		before, err := b.ops.Get(ctx, w.admin, run.ID)
		must(t, err)
		if before.Done == 0 || before.Done > 8 || before.Status != operation.Running {
			t.Errorf("when the node dies the run is %+v", before)
		}
		a.die()
		close(died)

		b.operating()
		if done := b.until(run.ID, operation.Done); done.Done != 24 || done.Failed != 0 {
			t.Errorf("the run has %d done, %d failed", done.Done, done.Failed)
			page, err := b.ops.Items(ctx, w.admin, run.ID, nil, 0, 100)
			t.Errorf("%+v %v", page.Items, err)
		}
		var rows int
		must(t, b.db.QueryRow(ctx, "SELECT COUNT(*) FROM history WHERE kind = 'migrate'").Scan(&rows))
		if rows != 24 {
			t.Errorf("%d migrations in the history", rows)
		}
		for _, id := range ids {
			w.finish(b, id)
		}
	})
}

func TestMigrationAmongCompletes(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx, n := t.Context(), w.node(operation.Config{Batch: 4})
		n.publish(first())
		var ids []db.ID
		for range 16 {
			ids = append(ids, n.open("join"))
		}
		n.publish(second())
		run, err := n.ops.Migrate(ctx, w.admin, renamed, "new steps", 0)
		must(t, err)
		n.operating()
		for _, id := range ids { // everybody completes the first task meanwhile, again when the page was stale
			for done := false; !done; {
				tasks, err := n.query.TasksOf(ctx, id)
				must(t, err)
				_, err = n.process.Submit(ctx, process.Command{Instance: id, Event: engine.TaskCompleted{Task: engine.ID(tasks[0].ID), Version: tasks[0].Version}})
				if err != nil && !errs.Is(err, errs.Conflict) {
					t.Fatal(err)
				}
				done = err == nil
			}
		}
		if run = n.until(run.ID, operation.Done); run.Done != 16 {
			t.Errorf("the run is %+v", run)
		}
		for _, id := range ids {
			w.finish(n, id)
		}
	})
}

func TestRunIsPausedResumedAndCancelled(t *testing.T) {
	w := newWorld(t, "sqlite")
	ctx, n := t.Context(), w.node(operation.Config{Batch: 2, Parallel: 1})
	n.publish(first())
	for range 9 {
		n.open("first")
	}
	bulk := operation.Bulk{Do: ticket.Suspend, Reason: "audit", Filter: ticket.Query{App: "shop"}, Limit: 8}
	if c, err := n.ops.Count(ctx, w.admin, bulk); err != nil || c.Tickets != 8 || !c.More {
		t.Errorf("counted %+v, %v", c, err)
	}
	run, err := n.ops.Begin(ctx, w.admin, bulk)
	must(t, err)
	_, err = n.ops.Pause(ctx, w.admin, run.ID, "lunch")
	must(t, err)
	n.operating()
	other, err := n.ops.Begin(ctx, w.admin, operation.Bulk{Do: ticket.Set, Reason: "x", Vars: json.RawMessage(`{"y": 1}`), Filter: ticket.Query{App: "shop"}, Limit: 1})
	must(t, err)
	n.until(other.ID, operation.Done) // so the paused one was passed over
	if paused, err := n.ops.Get(ctx, w.admin, run.ID); err != nil || paused.Waiting != 8 || paused.Status != operation.Paused {
		t.Errorf("paused: %+v, %v", paused, err)
	}
	_, err = n.ops.Pause(ctx, w.admin, run.ID, "again")
	if !errs.Is(err, errs.Conflict) {
		t.Errorf("paused twice: %v", err)
	}
	_, err = n.ops.Resume(ctx, w.admin, run.ID, "back")
	must(t, err)
	if done := n.until(run.ID, operation.Done); done.Done != 8 {
		t.Errorf("resumed: %+v", done)
	}

	// Again: all but one are suspended already, which is the outcome of each and stops nothing.
	bulk.Limit = 0
	run, err = n.ops.Begin(ctx, w.admin, bulk)
	must(t, err)
	if done := n.until(run.ID, operation.Done); done.Done != 1 || done.Failed != 8 {
		t.Errorf("again: %+v", done)
	}
	must(t, n.ops.Stop(ctx))
	run, err = n.ops.Begin(ctx, w.admin, operation.Bulk{Do: ticket.End, Reason: "x", Filter: ticket.Query{App: "shop"}})
	must(t, err)
	ended, err := n.ops.Cancel(ctx, w.admin, run.ID, "a mistake")
	if err != nil || ended.Status != operation.Cancelled || ended.Waiting != 9 || ended.Ended.IsZero() {
		t.Errorf("cancelled: %+v, %v", ended, err)
	}
	if _, err = n.ops.Resume(ctx, w.admin, run.ID, "x"); !errs.Is(err, errs.Conflict) {
		t.Errorf("resumed after its end: %v", err)
	}
	records, _, err := n.org.Records(ctx, w.admin, org.RecordFilter{Subject: run.ID.String()}, org.Page{})
	must(t, err)
	if len(records) != 2 || records[0].Action != "operation.cancel" || records[1].Action != "operation.start" || !strings.Contains(string(records[0].Details), "a mistake") {
		t.Errorf("audited are %+v", records)
	}
}

func TestWhoMayOperateOnMany(t *testing.T) {
	w := newWorld(t, "sqlite")
	ctx, n := t.Context(), w.node(operation.Config{})
	n.publish(first())
	n.publish(second())
	staff := &org.Actor{ID: 9, Login: "staff", Roles: []string{org.RoleStaff}}
	for what, err := range map[string]error{
		"count":   errOf(n.ops.Count(ctx, staff, operation.Bulk{})),
		"begin":   errOf(n.ops.Begin(ctx, staff, operation.Bulk{})),
		"plan":    errOf(n.ops.Plan(ctx, staff, renamed)),
		"dry run": errOf(n.ops.DryRun(ctx, staff, renamed, 0, 0)),
		"migrate": errOf(n.ops.Migrate(ctx, staff, renamed, "x", 0)),
		"get":     errOf(n.ops.Get(ctx, staff, 1)),
		"list":    errOf(n.ops.List(ctx, staff, "", 0, 0)),
		"pause":   errOf(n.ops.Pause(ctx, staff, 1, "x")),
	} {
		if !errs.Is(err, errs.Denied) {
			t.Errorf("%s by staff: %v", what, err)
		}
	}
	wrong := renamed
	wrong.Mappings = []operation.Mapping{{From: "first", To: "print"}, {From: "mars", To: "x"}}
	if _, err := n.ops.Migrate(ctx, w.admin, wrong, "x", 0); !errs.Is(err, errs.Invalid) || !strings.Contains(err.Error(), "print is a serviceTask") || !strings.Contains(err.Error(), "mars") {
		t.Errorf("a wrong plan: %v", err)
	}
	if _, err := n.ops.Migrate(ctx, w.admin, renamed, " ", 0); !errs.Is(err, errs.Invalid) {
		t.Errorf("without a reason: %v", err)
	}
	if _, err := n.ops.Begin(ctx, w.admin, operation.Bulk{Do: ticket.Suspend}); !errs.Is(err, errs.Invalid) {
		t.Errorf("without a reason: %v", err)
	}
}

func errOf[T any](_ T, err error) error { return err }
