package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestMain lets the test binary be the program: what the tests run is the real main in
// a process of its own. A server calls itself without any environment to run a script.
func TestMain(m *testing.M) {
	if os.Getenv("PACELINE_TEST_MAIN") != "" || len(os.Args) == 2 && os.Args[1] == "script" {
		main()
	}
	os.Exit(m.Run())
}

// shell runs the program with a home of its own.
type shell struct {
	t   *testing.T
	env []string
}

func newShell(t *testing.T) *shell {
	t.Helper()
	home := t.TempDir()
	return &shell{t, append(os.Environ(), "PACELINE_TEST_MAIN=1", "HOME="+home, "XDG_CONFIG_HOME="+home, "PACELINE_URL=", "PACELINE_TOKEN=")}
}

func (s *shell) command(stdin string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(context.WithoutCancel(s.t.Context()), os.Args[0], args...) // a server outlives the test until its cleanup
	cmd.Env, cmd.Stdin = s.env, strings.NewReader(stdin)
	return cmd
}

// result is how a command ended.
type result struct {
	out, err string
	code     int
}

func (s *shell) run(stdin string, args ...string) result {
	s.t.Helper()
	var out, errOut bytes.Buffer
	cmd := s.command(stdin, args...)
	cmd.Stdout, cmd.Stderr = &out, &errOut
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		s.t.Fatal(err)
	}
	return result{out.String(), errOut.String(), cmd.ProcessState.ExitCode()}
}

// must runs a command that has to succeed and gives what it printed.
func (s *shell) must(stdin string, args ...string) string {
	s.t.Helper()
	r := s.run(stdin, args...)
	if r.code != exitDone {
		s.t.Fatalf("paceline %s: exit %d\n%s%s", strings.Join(args, " "), r.code, r.out, r.err)
	}
	return r.out
}

// json runs a command with -o json and decodes what it printed.
func (s *shell) json(into any, args ...string) {
	s.t.Helper()
	out := s.must("", append(args, "-o", "json")...)
	if err := json.Unmarshal([]byte(out), into); err != nil {
		s.t.Fatalf("paceline %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

func TestOfflineCommands(t *testing.T) {
	sh := newShell(t)
	for name, c := range map[string]struct {
		stdin string
		args  []string
		code  int
		out   string // contained in standard output
		err   string // contained in standard error
	}{
		"version":                 {"", []string{"version"}, 0, "paceline dev (go", ""},
		"help":                    {"", []string{"--help"}, 0, "bpmn lint", ""},
		"no arguments":            {"", nil, 0, "Usage: paceline", ""},
		"unknown command":         {"", []string{"dance"}, 2, "", "--help"},
		"unknown flag":            {"", []string{"version", "--loud"}, 2, "", "unknown flag"},
		"completion":              {"", []string{"completion", "bash"}, 0, `"paceline ticket open"`, ""},
		"no server is known":      {"", []string{"ticket", "list"}, 3, "", "paceline login"},
		"no server answers":       {"x\n", []string{"login", "http://127.0.0.1:1", "-u", "x"}, 6, "", "refused"},
		"lint":                    {"", []string{"bpmn", "lint", "testdata/leave.bpmn"}, 0, "", ""},
		"lint broken":             {"", []string{"bpmn", "lint", "testdata/leave.bpmn", "testdata/broken.bpmn"}, 1, "testdata/broken.bpmn:5", ""},
		"export":                  {"", []string{"bpmn", "export", "../../apps/leave/processes/leave.bpmn"}, 0, "BPMNShape", ""},
		"export no XML":           {"", []string{"bpmn", "export", "testdata/leave.steps"}, 1, "", "the file is empty"},
		"lint missing":            {"", []string{"bpmn", "lint", "--json", "testdata/nothing.bpmn"}, 1, `"severity":"error"`, ""},
		"run":                     {"", []string{"bpmn", "run", "testdata/leave.bpmn", "--json"}, 0, `"how":"completed"`, ""},
		"run with steps":          {"", []string{"bpmn", "run", "testdata/leave.bpmn", "--steps", "testdata/leave.steps", "--json"}, 0, `"held":true`, ""},
		"run with vars":           {"", []string{"bpmn", "run", "testdata/leave.bpmn", "--vars", `{"n":12345678901234567890}`, "--json"}, 0, `12345678901234567890`, ""},
		"run refused":             {"", []string{"bpmn", "run", "testdata/leave.bpmn", "--steps", "testdata/refused.steps", "--json"}, 1, `"event":"refused"`, ""},
		"run broken":              {"", []string{"bpmn", "run", "testdata/broken.bpmn", "--json"}, 1, `"severity":"error"`, ""},
		"run missing argument":    {"", []string{"bpmn", "run"}, 1, "", "file"},
		"feel":                    {"", []string{"feel", "eval", `"a" + "b"`}, 0, "ab\n", ""},
		"feel json":               {"", []string{"feel", "eval", `x + 1`, "--context", `{"x":1}`, "--json"}, 0, "2\n", ""},
		"feel negative":           {"", []string{"feel", "eval", "--json", "--", "-1"}, 0, "-1\n", ""},
		"feel null":               {"", []string{"feel", "eval", `nothing`, "--json"}, 0, "null\n", ""},
		"feel wrong":              {"", []string{"feel", "eval", `1 +`}, 1, "", "paceline: "},
		"feel wrong context":      {"", []string{"feel", "eval", `1`, "--context", `[1]`}, 1, "", "not a JSON object"},
		"feel without expression": {"", []string{"feel", "eval"}, 1, "", "no expression"},
		"feel batch": {`{"expr":"0.1 + 0.2"}` + "\n" + `{"expr":"a.b","context":{"a":{"b":"é"}}}` + "\n{}\n" + `{"expr":"("}`, []string{"feel", "eval", "--batch"}, 0,
			`{"value":0.3}` + "\n" + `{"value":"é"}` + "\n" + `{"error":`, ""},
		"app check": {"", []string{"app", "check", "../../apps/leave"}, 0, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sh := *sh
			sh.t = t
			r := sh.run(c.stdin, c.args...)
			if r.code != c.code || !strings.Contains(r.out, c.out) || !strings.Contains(r.err, c.err) {
				t.Errorf("exit %d, want %d\nout: %s\nerr: %s", r.code, c.code, r.out, r.err)
			}
		})
	}
}

// TestBatchAnswersAtOnce talks to feel eval --batch line by line.
func TestBatchAnswersAtOnce(t *testing.T) {
	cmd := newShell(t).command("", "feel", "eval", "--batch")
	cmd.Stdin = nil
	in, err := cmd.StdinPipe()
	check(t, err)
	out, err := cmd.StdoutPipe()
	check(t, err)
	check(t, cmd.Start())
	lines := bufio.NewScanner(out)
	for i := range 3 {
		fmt.Fprintf(in, `{"expr":"n * 2","context":{"n":%d}}`+"\n", i)
		if !lines.Scan() || lines.Text() != fmt.Sprintf(`{"value":%d}`, 2*i) {
			t.Fatalf("line %d: %q", i, lines.Text())
		}
	}
	check(t, in.Close())
	check(t, cmd.Wait())
}

func TestCompletionScriptsParse(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("there is no bash here")
	}
	script := newShell(t).must("", "completion", "bash")
	file := filepath.Join(t.TempDir(), "completion.bash")
	check(t, os.WriteFile(file, []byte(script+`
COMP_WORDS=(paceline ticket op) COMP_CWORD=2
_paceline
echo "${COMPREPLY[@]}"
`), 0o600))
	out, err := exec.CommandContext(t.Context(), bash, file).CombinedOutput()
	if err != nil || strings.TrimSpace(string(out)) != "open" {
		t.Errorf("%v: %s", err, out)
	}
}

// samples starts a server with the samples and gives its address. It ends with the test,
// in good order.
func samples(t *testing.T) string {
	t.Helper()
	cmd := newShell(t).command("", "serve", "--samples", "paceline demo", "--listen", "127.0.0.1:0", "--data", t.TempDir())
	out, err := cmd.StdoutPipe()
	check(t, err)
	var log bytes.Buffer
	cmd.Stderr = &log
	check(t, cmd.Start())
	t.Cleanup(func() {
		check(t, cmd.Process.Signal(syscall.SIGTERM))
		if err := cmd.Wait(); err != nil {
			t.Errorf("the server did not stop in good order: %v\n%s", err, log.String())
		}
	})
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if _, address, ok := strings.Cut(lines.Text(), " serves "); ok {
			go io.Copy(io.Discard, out)
			return address
		}
	}
	t.Fatalf("the server did not come up\n%s", log.String())
	return ""
}

// TestTicketByCommand takes an incident from report to closed on the command line.
func TestTicketByCommand(t *testing.T) {
	address := samples(t)
	as := func(login string) *shell {
		sh := newShell(t)
		sh.must("paceline demo\n", "login", address, "-u", login)
		return sh
	}
	staff, desk := as("staff1"), as("desk1")

	var opened struct{ ID, Number string }
	staff.json(&opened, "ticket", "open", "service-desk", "-s", "subject=No network", "-s", "category=network", "-s", "impact=team", "-s", "urgency=high", "-s", "description=007")
	wrong := staff.run("", "ticket", "open", "service-desk", "-s", "subject=Printer")
	if wrong.code != exitFailed || !strings.Contains(wrong.err, "description:") || !strings.Contains(wrong.err, "Correct the fields") {
		t.Errorf("a wrong form: %+v", wrong)
	}

	task := func(sh *shell, args ...string) string {
		t.Helper()
		var inbox struct {
			Items []struct{ Task, Number string }
		}
		sh.json(&inbox, append([]string{"task", "list"}, args...)...)
		if len(inbox.Items) != 1 || inbox.Items[0].Number != opened.Number {
			t.Fatalf("inbox %+v", inbox)
		}
		return inbox.Items[0].Task
	}
	triage := task(desk, "--group")
	desk.must("", "task", "claim", triage)
	desk.must("", "task", "complete", triage, "--outcome", "accept", "-s", "assignee=desk1", "-s", "impact=team", "-s", "urgency=high")
	resolve := task(desk)
	desk.must("", "task", "return", resolve, "--to", "triage", "--note", "again")
	desk.must("", "task", "claim", task(desk, "--group"))
	desk.must("", "task", "complete", task(desk), "--outcome", "accept", "-s", "assignee=desk1", "-s", "impact=team", "-s", "urgency=high")
	desk.must("", "task", "complete", task(desk), "--outcome", "resolve", "-s", "solution=Plugged in.")
	if done := staff.must("", "task", "complete", task(staff), "--outcome", "confirm"); !strings.Contains(done, "closed") {
		t.Errorf("done: %s", done)
	}
	shown := staff.must("", "ticket", "show", opened.Number)
	for _, part := range []string{opened.Number, "closed", "No network", "Solve the incident", "confirm"} {
		if !strings.Contains(shown, part) {
			t.Errorf("ticket show has no %q:\n%s", part, shown)
		}
	}
	if r := as("staff2").run("", "ticket", "show", opened.Number); r.code != exitNotFound {
		t.Errorf("somebody else's ticket: %+v", r)
	}
	if r := desk.run("", "task", "claim", triage); r.code != exitNotFound {
		t.Errorf("a task that is done: %+v", r)
	}
	staff.must("", "logout")
	if r := staff.run("", "ticket", "list"); r.code != exitDenied {
		t.Errorf("after signing out: %+v", r)
	}
}

// TestAdministrationByCommand publishes, rolls back and manages people.
func TestAdministrationByCommand(t *testing.T) {
	address := samples(t)
	admin := newShell(t)
	admin.must("paceline demo\n", "login", address, "-u", "admin")

	folder := t.TempDir()
	check(t, os.CopyFS(folder, os.DirFS("../../apps/leave")))
	check(t, os.WriteFile(filepath.Join(folder, "README.md"), []byte("more"), 0o600))
	if out := admin.must("", "app", "publish", folder); !strings.Contains(out, "leave: version 2 is active.") {
		t.Errorf("publish: %s", out)
	}
	if out := admin.must("", "app", "diff", "leave", "1"); !strings.Contains(out, "README.md") {
		t.Errorf("diff: %s", out)
	}
	admin.must("", "app", "rollback", "leave", "1")
	if out := admin.must("", "app", "list"); !strings.Contains(out, "service-desk") {
		t.Errorf("list: %s", out)
	}
	file := filepath.Join(folder, "leave.zip")
	admin.must("", "app", "export", "leave", "-f", file)
	admin.must("", "app", "check", file)

	var made struct{ Password string }
	admin.json(&made, "user", "add", "newcomer", "--name", "New Comer", "--unit", "it", "--role", "operator", "--attr", "annualLeave=4")
	newcomer := newShell(t)
	newcomer.must(made.Password+"\nfour words of the newcomer\n", "login", address, "-u", "newcomer")
	admin.must("", "user", "set", "newcomer", "--email", "new@example.com")
	if out := admin.must("", "user", "show", "newcomer"); !strings.Contains(out, "new@example.com") || !strings.Contains(out, "New Comer") {
		t.Errorf("user show: %s", out)
	}
	admin.must("", "unit", "add", "night", "--parent", "it", "--head", "newcomer")
	admin.must("", "unit", "member", "add", "night", "newcomer")
	if out := admin.must("", "unit", "show", "night"); !strings.Contains(out, "newcomer") {
		t.Errorf("unit show: %s", out)
	}
	admin.must("", "unit", "member", "remove", "night", "newcomer")
	admin.must("", "unit", "remove", "night")
	admin.must("", "group", "add", "owls", "--title", "Night owls")
	admin.must("", "group", "set", "owls", "--title", "Owls")
	if out := admin.must("", "group", "list"); !strings.Contains(out, "Owls") {
		t.Errorf("group list: %s", out)
	}
	if out := admin.must("", "node", "list"); !strings.Contains(out, "ready") || !strings.Contains(out, "epoch 1") {
		t.Errorf("node list: %s", out)
	}
	admin.must("", "user", "remove", "newcomer")
	for deadline := time.Now().Add(10 * time.Second); newcomer.run("", "ticket", "list").code != exitDenied; {
		if time.Now().After(deadline) {
			t.Fatal("a disabled user still gets in")
		}
	}
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
