package test

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/paceline/paceline/internal/demo"
)

// theDemo is paceline demo in a process of its own, and what it has printed.
type theDemo struct {
	t   *testing.T
	bin string
	dir string
	cmd *exec.Cmd

	mu    sync.Mutex
	lines []string
	read  int // lines that until has gone past
	more  chan struct{}
}

func startDemo(t *testing.T, bin, dir string, args ...string) *theDemo {
	t.Helper()
	d := &theDemo{t: t, bin: bin, dir: dir, more: make(chan struct{}, 1)}
	d.cmd = exec.Command(bin, append([]string{"demo", "--plain", "--dir", dir, "--listen", "127.0.0.1:0"}, args...)...)
	out, err := d.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	d.cmd.Stderr = d.cmd.Stdout
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go d.listen(out)
	t.Cleanup(func() {
		d.cmd.Process.Signal(os.Interrupt)
		d.cmd.Wait()
	})
	return d
}

func (d *theDemo) listen(out io.Reader) {
	for s := bufio.NewScanner(out); s.Scan(); {
		d.mu.Lock()
		d.lines = append(d.lines, s.Text())
		d.mu.Unlock()
		select {
		case d.more <- struct{}{}:
		default:
		}
	}
}

// until waits for a line that says something, after those that were waited for before.
func (d *theDemo) until(what string) string {
	d.t.Helper()
	deadline := time.After(60 * time.Second)
	for {
		d.mu.Lock()
		for d.read < len(d.lines) {
			line := d.lines[d.read]
			d.read++
			if strings.Contains(line, what) {
				d.mu.Unlock()
				return line
			}
		}
		d.mu.Unlock()
		select {
		case <-d.more:
		case <-deadline:
			d.t.Fatalf("the demo never said %q:\n%s", what, strings.Join(d.lines, "\n"))
		}
	}
}

// order is what somebody types in another terminal.
func (d *theDemo) order(args ...string) {
	d.t.Helper()
	out, err := exec.Command(d.bin, append(append([]string{"demo"}, args...), "--dir", d.dir)...).CombinedOutput()
	if err != nil {
		d.t.Fatalf("paceline demo %v: %v\n%s", args, err, out)
	}
}

// TestDemo hurts the cluster of the demo as its page invites to, and then the demo itself.
func TestDemo(t *testing.T) {
	bin := filepath.Join(t.TempDir(), "paceline")
	if out, err := exec.Command("go", "build", "-o", bin, "../cmd/paceline").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	dir := filepath.Join(t.TempDir(), "demo")
	d := startDemo(t, bin, dir, "--load", "40")
	d.until("http://127.0.0.1:")
	d.until("leader booster-1")

	d.order("kill", "server-1")
	d.until("server-1 is ready")
	d.order("kill", "booster-1", "--machine")
	d.until("leader booster-2")
	d.order("freeze", "server-2")
	d.order("start", "server-2")
	d.order("start", "booster-1")
	d.until("booster-1 is ready")
	if line := d.until(" requests, "); !strings.Contains(line, " 0 failed") {
		t.Errorf("the load says: %s", line)
	}
	if out, err := exec.Command(bin, "demo", "--plain", "--dir", dir).CombinedOutput(); err == nil || !strings.Contains(string(out), "a demo runs in") {
		t.Errorf("a second demo in the directory: %v\n%s", err, out)
	}

	// The demo dies without a word. The next one ends what it left, and leaves nothing.
	left, err := demo.Left(dir)
	if err != nil || len(left) != 7 {
		t.Fatalf("%d hosts, %v", len(left), err)
	}
	d.cmd.Process.Kill()
	d.cmd.Wait()
	again := startDemo(t, bin, dir)
	again.until("leader booster-1")
	again.cmd.Process.Signal(syscall.SIGINT)
	if err := again.cmd.Wait(); err != nil {
		t.Errorf("the demo ended with %v:\n%s", err, strings.Join(again.lines, "\n"))
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("the directory of the demo: %v", err)
	}
	if out, err := exec.Command("pgrep", "-f", bin).Output(); err == nil {
		t.Errorf("processes are left: %s", fmt.Sprint(strings.Fields(string(out))))
	}
}
