package main

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestOperationsByCommand suspends and moves a ticket, counts and resumes many, and migrates them to a version where
// their step has another id.
func TestOperationsByCommand(t *testing.T) {
	step := `<userTask id="pack"/><sequenceFlow id="f1" sourceRef="start" targetRef="pack"/><sequenceFlow id="f2" sourceRef="pack" targetRef="end"/>`
	model := `<?xml version="1.0" encoding="UTF-8"?>
<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:paceline="https://paceline.dev/bpmn/1.0" id="d" targetNamespace="test">
  <process id="tray" isExecutable="true"><startEvent id="start"/>` + step + `<endEvent id="end"/></process></definitions>`
	admin := newShell(t)
	admin.must("paceline demo\n", "login", samples(t), "-u", "admin")
	publish := func(model string) {
		t.Helper()
		folder, files := t.TempDir(), maps.Clone(trays)
		files["processes/t.bpmn"] = model
		for name, text := range files {
			check(t, os.MkdirAll(filepath.Dir(filepath.Join(folder, name)), 0o700))
			check(t, os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600))
		}
		admin.must("", "app", "publish", folder)
	}
	publish(model)
	var opened struct{ ID, Number string }
	for range 2 {
		admin.json(&opened, "ticket", "open", "trays", "-s", "what=paper")
	}
	admin.must("", "ticket", "suspend", opened.Number, "--reason", "stock-taking")
	if out := admin.must("", "ticket", "show", opened.Number); !strings.Contains(out, "suspended") || !strings.Contains(out, "stock-taking") {
		t.Errorf("the ticket is shown as %s", out)
	}
	var counted struct{ Tickets int }
	if admin.json(&counted, "ticket", "resume", "--app", "trays", "--reason", "done", "--dry-run"); counted.Tickets != 2 {
		t.Errorf("counted %+v", counted)
	}
	var run struct {
		ID, Status   string
		Done, Failed int
	}
	ran := func() {
		t.Helper()
		until(t, "the operation is done", func() bool {
			admin.json(&run, "operation", "status", run.ID)
			return run.Status == "done"
		})
	}
	admin.json(&run, "ticket", "resume", "--app", "trays", "--reason", "done")
	if ran(); run.Done != 1 || run.Failed != 1 {
		t.Errorf("resumed %+v", run)
	}

	publish(strings.ReplaceAll(model, `"pack"`, `"wrap"`))
	if out := admin.must("", "app", "migrate", "plan", "trays", "1", "2"); !strings.Contains(out, `no element "pack"`) {
		t.Errorf("the plan is %s", out)
	}
	if out := admin.must("", "app", "migrate", "dry-run", "trays", "1", "2", "--map", "pack=wrap", "--list"); !strings.Contains(out, "can follow") || strings.Contains(out, "stay") {
		t.Errorf("the dry run says %s", out)
	}
	admin.json(&run, "app", "migrate", "start", "trays", "1", "2", "--map", "pack=wrap", "--reason", "new step")
	if ran(); run.Done != 2 || run.Failed != 0 {
		t.Errorf("migrated %+v", run)
	}
	admin.must("", "ticket", "cancel", opened.Number, "enough")
	var again struct{ New, Number string }
	if admin.json(&again, "ticket", "restart", opened.Number, "--at", "wrap", "--reason", "not enough"); again.New == "" {
		t.Errorf("again: %+v", again)
	}
}
