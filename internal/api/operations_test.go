package api_test

import (
	"strings"
	"testing"
	"time"

	"github.com/paceline/paceline/client"
)

// orderly is an app whose tickets wait for staff; its step has the id given.
func orderly(step string) map[string]string {
	files := machine(`<userTask id="` + step + `" name="Pack" paceline:candidateUsers="staff1"/>`)
	files["processes/order.bpmn"] = strings.ReplaceAll(files["processes/order.bpmn"], `"work"`, `"`+step+`"`)
	return files
}

func (w *world) ran(c *client.Client, id string) client.Run {
	w.t.Helper()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		run, err := c.Operation(w.t.Context(), id)
		must(w.t, err)
		if run.Status == "done" {
			return run
		}
		if time.Now().After(end) {
			w.t.Fatalf("the operation is still %+v", run)
		}
	}
}

func TestOperationsAndMigrationOverHTTP(t *testing.T) {
	w := start(t)
	ctx, admin, staff := t.Context(), w.as("admin"), w.as("staff1")
	_, err := admin.PublishApp(ctx, bundle(t, orderly("pack")))
	must(t, err)
	var ids []string
	for range 3 {
		opened, err := admin.OpenTicket(ctx, client.Draft{App: "machine", Kind: "order"})
		must(t, err)
		ids = append(ids, opened.ID)
	}

	// One ticket: suspended, so its task cannot be completed; then resumed.
	if _, err := staff.OperateTicket(ctx, ids[0], client.Operation{Do: "suspend", Reason: "x"}); client.KindOf(err) != client.Denied {
		t.Errorf("by staff: %v", err)
	}
	if _, err := admin.OperateTicket(ctx, ids[0], client.Operation{Do: "suspend"}); client.KindOf(err) != client.Invalid {
		t.Errorf("without a reason: %v", err)
	}
	done, err := admin.OperateTicket(ctx, ids[0], client.Operation{Do: "suspend", Reason: "stock-taking"})
	must(t, err)
	if !done.Suspended || done.Status != "open" {
		t.Errorf("suspended: %+v", done)
	}
	task := w.task(staff, "group", ids[0])
	_, err = staff.Complete(ctx, task.Task, client.Completion{Version: task.Version})
	if client.KindOf(err) != client.Conflict || !strings.Contains(err.Error(), "suspended") {
		t.Errorf("completed while suspended: %v", err)
	}

	// Many: counted, then done.
	bulk := client.BulkOperation{Operation: client.Operation{Do: "resume", Reason: "counted"}, Filter: client.OperationFilter{App: "machine"}}
	if c, err := admin.CountOperation(ctx, bulk); err != nil || c.Tickets != 3 || c.More {
		t.Errorf("counted %+v, %v", c, err)
	}
	key := client.WithKey(ctx, "bulk-1")
	run, err := admin.StartOperation(key, bulk)
	must(t, err)
	if again, err := admin.StartOperation(key, bulk); err != nil || again.ID != run.ID {
		t.Errorf("repeated: %+v, %v", again, err)
	}
	if run = w.ran(admin, run.ID); run.Done != 1 || run.Failed != 2 || run.By.Name == "" || run.Reason != "counted" {
		t.Errorf("the run is %+v", run)
	}
	causes, err := admin.OperationCauses(ctx, run.ID)
	must(t, err)
	if len(causes) != 1 || causes[0].Count != 2 || causes[0].Reason != "the instance is not suspended" {
		t.Errorf("the causes are %+v", causes)
	}
	page, err := admin.OperationTickets(ctx, run.ID, "done", client.Paging{})
	must(t, err)
	if len(page.Items) != 1 || page.Items[0].Ticket != ids[0] {
		t.Errorf("its tickets are %+v", page.Items)
	}

	// Migration to a version where the step has another id.
	_, err = admin.PublishApp(ctx, bundle(t, orderly("wrap")))
	must(t, err)
	plain, mapped := client.Migration{App: "machine", From: 1}, client.Migration{App: "machine", From: 1, To: 2, Mappings: []client.MigrationMapping{{From: "pack", To: "wrap"}}}
	plan, err := admin.PlanMigration(ctx, plain)
	must(t, err)
	if plan.To != 2 || len(plan.Processes) != 1 || len(plan.Problems) != 0 {
		t.Errorf("the plan is %+v", plan)
	}
	survey, err := admin.DryRunMigration(ctx, plain, "", 0)
	must(t, err)
	if survey.Examined != 3 || survey.Follow != 0 || len(survey.Stay) != 3 || survey.Causes[0].Element != "pack" {
		t.Errorf("without a mapping %+v", survey)
	}
	if survey, err = admin.DryRunMigration(ctx, mapped, "", 0); err != nil || survey.Follow != 3 {
		t.Errorf("with a mapping %+v, %v", survey, err)
	}
	if _, err := staff.StartMigration(ctx, mapped, "x", 0); client.KindOf(err) != client.Denied {
		t.Errorf("by staff: %v", err)
	}
	run, err = admin.StartMigration(ctx, mapped, "new step", 0)
	must(t, err)
	if run = w.ran(admin, run.ID); run.Done != 3 || run.Do != "migrate" || run.App != "machine" {
		t.Errorf("the migration is %+v", run)
	}
	for _, id := range ids {
		v, err := admin.Ticket(ctx, id)
		must(t, err)
		if v.Version != 2 || len(v.Steps) != 1 || v.Steps[0].Element != "wrap" {
			t.Errorf("the ticket is %+v", v)
		}
	}
	task = w.task(staff, "group", ids[0])
	_, err = staff.Complete(ctx, task.Task, client.Completion{Version: task.Version})
	must(t, err)
	if _, err := admin.TurnOperation(ctx, run.ID, "pause", "late"); client.KindOf(err) != client.Conflict {
		t.Errorf("paused after its end: %v", err)
	}
	list, err := admin.Operations(ctx, "migrate", client.Paging{})
	must(t, err)
	if len(list.Items) != 1 || list.Items[0].ID != run.ID {
		t.Errorf("the migrations are %+v", list.Items)
	}

	// The finished ticket again, from its step.
	done, err = admin.OperateTicket(ctx, ids[0], client.Operation{Do: "restart", Element: "wrap", Reason: "lost"})
	must(t, err)
	if v, err := admin.Ticket(ctx, done.New); err != nil || v.Number != done.Number || v.Steps[0].Element != "wrap" || v.Status != "open" {
		t.Errorf("again: %+v, %v", v, err)
	}
}
