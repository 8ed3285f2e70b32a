package dryrun_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/paceline/paceline/internal/bpmn"
	"github.com/paceline/paceline/internal/dryrun"
)

func model(body string) string {
	return `<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" targetNamespace="t"><message id="m" name="m"/>` + body + `</definitions>`
}

const (
	waits   = `<process id="main"><startEvent id="s"/><userTask id="a" name="A"/><sequenceFlow id="f" sourceRef="s" targetRef="a"/></process>`
	forever = `<process id="main"><startEvent id="s"/><exclusiveGateway id="x"/><userTask id="a"/><sequenceFlow id="f" sourceRef="s" targetRef="x"/><sequenceFlow id="g" sourceRef="x" targetRef="a"/><sequenceFlow id="h" sourceRef="a" targetRef="x"/></process>`
	byMail  = `<process id="mail"><startEvent id="s"><messageEventDefinition messageRef="m"/></startEvent><userTask id="b"/><sequenceFlow id="f" sourceRef="s" targetRef="b"/></process>`
	broken  = `<process id="main"><startEvent id="s"/><sequenceFlow id="f" sourceRef="s" targetRef="nowhere"/></process>`
)

// run writes the files and runs them; steps may be empty.
func run(t *testing.T, body, steps string, opts dryrun.Options, more ...string) (int, []map[string]any, string) {
	t.Helper()
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	path := write("model.bpmn", model(body))
	for i, text := range more {
		write(fmt.Sprintf("more%d.bpmn", i), model(text))
	}
	if steps != "" {
		opts.Steps = write("steps", steps)
	}
	var out bytes.Buffer
	status, err := dryrun.Load(path).Run(opts, &out)
	if err != nil {
		t.Fatal(err)
	}
	if !opts.JSON {
		return status, nil, out.String()
	}
	var lines []map[string]any
	for _, line := range strings.Split(strings.TrimSpace(out.String()), "\n") {
		var l map[string]any
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			t.Fatalf("no JSON: %s", line)
		}
		lines = append(lines, l)
	}
	return status, lines, out.String()
}

func TestSteps(t *testing.T) {
	for _, c := range []struct {
		name, body, steps string
		status            int
		last              string // of the lines before the variables
	}{
		{"first process is started", waits, `{"expect": {"active": ["a"]}}`, 0, "state"},
		{"not when the first step starts one", waits, `{"start": "main"}` + "\n" + `{"expect": {"active": ["a"]}}`, 0, "state"},
		{"comments and blank lines", waits, "# one\n\n  \n" + `{"complete": {"name": "A"}}` + "\n# two", 0, "finished"},
		{"target by number", waits, `{"complete": 1}`, 0, "finished"},
		{"no such number", waits, `{"complete": 2}`, 1, "refused"},
		{"all of none", waits, `{"complete": "b", "all": true}`, 1, "refused"},
		{"unknown process", waits, `{"start": "other"}`, 1, "refused"},
		{"unknown verb", waits, `{"finish": "a"}`, 1, "refused"},
		{"key of another verb", waits, `{"complete": "a", "key": "x"}`, 1, "refused"},
		{"no value", waits, `{"complete": null}`, 1, "refused"},
		{"no target", waits, `{"complete": []}`, 1, "refused"},
		{"no object", waits, `[1]`, 1, "refused"},
		{"null for a line", waits, `null`, 1, "refused"},
		{"no variables", waits, `{"complete": {}, "vars": null}`, 0, "finished"},
		{"no JSON", waits, `complete a`, 1, "refused"},
		{"nothing armed", waits, `{"advance": "next"}`, 1, "refused"},
		{"a date is enough to advance", waits, `{"advance": "2026-02-01T00:00:00Z"}`, 0, "entered"},
		{"no duration", waits, `{"advance": "soon"}`, 1, "refused"},
		{"no timer", waits, `{"fire": "a"}`, 1, "refused"},
		{"nobody waits", waits, `{"message": "m"}`, 1, "refused"},
		{"signals are never refused", waits, `{"signal": "s"}`, 0, "entered"},
		{"message that starts", byMail, `{"message": "m", "key": "K", "vars": {"x": 1}}` + "\n" + `{"expect": {"active": ["b"], "vars": {"x": 1}}}`, 0, "state"},
		{"started without its message", byMail, `{"expect": {"active": ["b"]}}`, 0, "state"},
		{"deploy after another verb", waits, `{"complete": "a"}` + "\n" + `{"deploy": "more0.bpmn"}`, 1, "refused"},
		{"deploy", waits, `{"deploy": "more0.bpmn"}` + "\n" + `{"start": "mail"}` + "\n" + `{"expect": {"active": ["b"]}}`, 0, "state"},
		{"deploy of nothing", waits, `{"deploy": "none.bpmn"}`, 1, "refused"},
		{"expectation of vars", waits, `{"set": {"x": [1, {"y": 2.50}]}}` + "\n" + `{"expect": {"vars": {"x": [1, {"y": 2.5}], "z": null}}}`, 0, "state"},
		{"unmet expectation", waits, `{"expect": {"ended": true}}` + "\n" + `{"complete": "a"}`, 1, "state"},
		{"cancel", waits, `{"cancel": 1}` + "\n" + `{"expect": {"ended": true}}`, 0, "state"},
		{"cancel of none", waits, `{"cancel": 2}`, 1, "refused"},
		{"set in an element", waits, `{"set": {"x": 1}, "element": "b"}`, 1, "refused"},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, lines, out := run(t, c.body, c.steps, dryrun.Options{JSON: true}, byMail)
			n := len(lines)
			if status != c.status || n < 2 || lines[n-1]["event"] != "variables" || lines[n-2]["event"] != c.last {
				t.Errorf("status %d\n%s", status, out)
			}
		})
	}
}

func TestWithoutStepsTheRunIsBounded(t *testing.T) {
	status, lines, _ := run(t, forever, "", dryrun.Options{JSON: true})
	if status != 1 || len(lines) < 10_000 || len(lines) > 10_010 {
		t.Errorf("status %d, %d lines", status, len(lines))
	}
}

func TestWithoutStepsTasksCompleteByThemselves(t *testing.T) {
	status, lines, out := run(t, waits, "", dryrun.Options{JSON: true, Vars: []byte(`{"x": 1.10}`)})
	if status != 0 || !strings.HasSuffix(out, `{"event":"variables","ended":true,"vars":{"x":1.10}}`+"\n") {
		t.Errorf("status %d, %d lines\n%s", status, len(lines), out)
	}
}

// TestRefusedModelIsNotRun holds section 3: its problems are printed as lint prints them, and nothing
// else.
func TestRefusedModelIsNotRun(t *testing.T) {
	status, lines, out := run(t, broken, `{"start": "main"}`, dryrun.Options{JSON: true})
	if status != 1 {
		t.Error("status", status)
	}
	if f := bpmn.Lint("", []byte(model(broken))); len(f) != len(lines) || f[0].Message != lines[0]["message"] {
		t.Errorf("lint says %v", f)
	}
	for _, l := range lines {
		if l["event"] != nil || l["severity"] == nil || l["file"] == nil || l["line"] == nil || l["message"] == nil {
			t.Error(out)
		}
	}
}

// TestDescribingProcess holds that a process that only describes, and could not run, keeps no other from running.
func TestDescribingProcess(t *testing.T) {
	const describes = `<process id="other" isExecutable="false"><complexGateway id="g"/></process>`
	if status, _, out := run(t, describes+waits, "", dryrun.Options{JSON: true}); status != 0 || !strings.Contains(out, `"how":"completed"`) {
		t.Errorf("status %d\n%s", status, out)
	}
	if status, lines, out := run(t, describes, "", dryrun.Options{JSON: true}); status != 1 || lines[0]["event"] != "refused" {
		t.Errorf("status %d\n%s", status, out)
	}
}

func TestBadVariablesAreRefused(t *testing.T) {
	for _, vars := range []string{`{`, `[1]`, `{"x": 1e999999}`} {
		if status, lines, out := run(t, waits, "", dryrun.Options{JSON: true, Vars: []byte(vars)}); status != 1 || lines[0]["event"] != "refused" {
			t.Errorf("%s: %s", vars, out)
		}
	}
}

func TestOutputForPeople(t *testing.T) {
	_, _, out := run(t, waits, `{"expect": {}}`, dryrun.Options{})
	want := `2026-01-01 00:00:00  #1 entered   startEvent s
2026-01-01 00:00:00  #1 completed startEvent s
2026-01-01 00:00:00  #1 entered   userTask a
step 1: the expectation holds; waiting: a
variables {}
`
	if out != want {
		t.Errorf("got\n%s", out)
	}
}
