package main

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// writeGateway writes a gateway's file for one server.
func writeGateway(t *testing.T, file, server string) {
	t.Helper()
	text := fmt.Sprintf("listen: 127.0.0.1:0\nadmin: 127.0.0.1:0\ntable:\n  routes: [{app: test, pool: main}]\n  pools:\n    main:\n      servers: [{address: %q}]\n",
		strings.TrimPrefix(server, "http://"))
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func named(t *testing.T, name string) string {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, name) }))
	t.Cleanup(s.Close)
	return s.URL
}

func TestGatewayRunsReloadsAndStops(t *testing.T) {
	file := filepath.Join(t.TempDir(), "gateway.yaml")
	writeGateway(t, file, named(t, "first"))
	cmd := newShell(t).command("", "gateway", "run", "--config", file)
	out, err := cmd.StdoutPipe()
	check(t, err)
	check(t, cmd.Start())
	defer cmd.Process.Kill()
	line, err := bufio.NewReader(out).ReadString('\n')
	check(t, err)
	_, url, found := strings.Cut(strings.TrimSpace(line), "serves ")
	if !found {
		t.Fatal(line)
	}
	answers := func(want string) bool {
		res, err := http.Get(url)
		if err != nil {
			return false
		}
		defer res.Body.Close()
		text, err := io.ReadAll(res.Body)
		return err == nil && string(text) == want
	}
	if !answers("first") {
		t.Error("the first server does not answer")
	}
	writeGateway(t, file, named(t, "second"))
	check(t, cmd.Process.Signal(syscall.SIGHUP))
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for late := time.After(15 * time.Second); !answers("second"); {
		select {
		case <-tick.C:
		case <-late:
			t.Fatal("the new table is not served")
		}
	}
	http.DefaultClient.CloseIdleConnections()
	check(t, cmd.Process.Signal(syscall.SIGTERM))
	check(t, cmd.Wait())
}

func TestGatewayExport(t *testing.T) {
	dir := t.TempDir()
	file, wrong := filepath.Join(dir, "gateway.yaml"), filepath.Join(dir, "wrong.yaml")
	writeGateway(t, file, "127.0.0.1:1")
	if err := os.WriteFile(wrong, []byte("lisen: x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	sh := newShell(t)
	if out := sh.must("", "gateway", "export", "nginx", "--config", file); !strings.Contains(out, "proxy_pass http://main;") {
		t.Error(out)
	}
	if out := sh.must("", "gateway", "export", "haproxy", "--config", file); !strings.Contains(out, "server s1 127.0.0.1:1 ") {
		t.Error(out)
	}
	for name, args := range map[string][]string{
		`did you mean "listen"?`: {"gateway", "run", "--config", wrong},
		"there is no file":       {"gateway", "run", "--config", filepath.Join(dir, "none.yaml")},
		"must be one of":         {"gateway", "export", "apache", "--config", file},
		"missing flags":          {"gateway", "run"},
	} {
		if r := sh.run("", args...); r.code == exitDone || !strings.Contains(r.err, name) {
			t.Errorf("%v: exit %d, %s", args, r.code, r.err)
		}
	}
}

// TestGatewayManualExample holds that the file shown in docs/gateway.md is a right one.
func TestGatewayManualExample(t *testing.T) {
	manual, err := os.ReadFile("../../docs/gateway.md")
	check(t, err)
	_, example, _ := strings.Cut(string(manual), "```yaml\n")
	example, _, found := strings.Cut(example, "```")
	if !found {
		t.Fatal("no example in the manual")
	}
	file := filepath.Join(t.TempDir(), "gateway.yaml")
	check(t, os.WriteFile(file, []byte(example), 0o600))
	if out := newShell(t).must("", "gateway", "export", "haproxy", "--config", file); !strings.Contains(out, "10.0.0.2:8100") {
		t.Error(out)
	}
}
