package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// trays is an app whose tickets are a script that needs the variable tray.
var trays = map[string]string{
	"app.yaml":        "id: trays\nname: Trays\nversion: \"1\"\ntickets:\n  - {id: tray, name: Tray, title: '=\"Tray\"', form: tray, process: tray, number: {prefix: \"T-\"}}\n",
	"forms/tray.json": `{"schemaVersion": 17, "type": "default", "id": "tray", "components": [{"type": "textfield", "key": "what", "label": "What"}]}`,
	"processes/t.bpmn": `<?xml version="1.0" encoding="UTF-8"?>
<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:camunda="http://camunda.org/schema/1.0/bpmn" id="d" targetNamespace="test">
  <process id="tray" isExecutable="true">
    <startEvent id="start"/><sequenceFlow id="f1" sourceRef="start" targetRef="count"/>
    <scriptTask id="count" scriptFormat="javascript" camunda:resultVariable="sheets"><script>
      if (!execution.hasVariable("tray")) throw new Error("no tray for " + what);
      tray * 100
    </script></scriptTask>
    <sequenceFlow id="f2" sourceRef="count" targetRef="check"/>
    <exclusiveGateway id="check" default="f4"/>
    <sequenceFlow id="f3" sourceRef="check" targetRef="end"><conditionExpression>=sheets = 200</conditionExpression></sequenceFlow>
    <sequenceFlow id="f4" sourceRef="check" targetRef="look"/>
    <userTask id="look"/><sequenceFlow id="f5" sourceRef="look" targetRef="end"/>
    <endEvent id="end"/>
  </process>
</definitions>`,
}

// TestIncidentsByCommand runs a script in the server's sandbox, finds by cause what it could not do, and
// repairs all of it with a variable.
func TestIncidentsByCommand(t *testing.T) {
	folder := t.TempDir()
	for name, text := range trays {
		check(t, os.MkdirAll(filepath.Dir(filepath.Join(folder, name)), 0o700))
		check(t, os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600))
	}
	admin := newShell(t)
	admin.must("paceline demo\n", "login", samples(t), "-u", "admin")
	admin.must("", "app", "publish", folder)
	var opened [2]struct{ ID, Number string }
	for i := range opened {
		admin.json(&opened[i], "ticket", "open", "trays", "-s", "what=paper")
	}
	var causes []struct {
		Cause, Message string
		Count          int
	}
	until(t, "both scripts have failed", func() bool {
		admin.json(&causes, "incident", "list")
		return len(causes) == 1 && causes[0].Count == 2
	})
	if !strings.Contains(causes[0].Message, "no tray for paper") {
		t.Errorf("the cause is %+v", causes[0])
	}
	if out := admin.must("", "incident", "list", "--each", "--ticket", opened[1].ID); strings.Count(out, "no tray") != 1 {
		t.Errorf("the incidents of one ticket: %s", out)
	}
	if r := admin.run("", "incident", "retry"); r.code != exitFailed || !strings.Contains(r.err, "paceline incident list") {
		t.Errorf("retry of nothing: %+v", r)
	}
	if out := admin.must("", "incident", "retry", "--cause", causes[0].Cause, "--set", "tray=2", "--note", "refilled"); !strings.Contains(out, "2") {
		t.Errorf("retry: %s", out)
	}
	for _, o := range opened {
		until(t, "the ticket is closed", func() bool { return strings.Contains(admin.must("", "ticket", "show", o.Number), "closed") })
	}
}

func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !is(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("still not true: %s", what)
		}
	}
}
