package cluster

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/service"
)

// childEnv makes the test binary a node, which can be killed and frozen.
const childEnv = "PACELINE_TEST_NODE"

func TestMain(m *testing.M) {
	if text := os.Getenv(childEnv); text != "" {
		if err := beNode(text); err != nil {
			fmt.Println("failed", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	flag.Parse()
	_ = flag.Set("test.parallel", "8") // these tests wait for time, not for processors
	goleak.VerifyTestMain(m)
}

// nodeConfig is what such a node is told.
type nodeConfig struct {
	DSN, Name string
	Profile   Profile
	Patience  time.Duration
	Write     bool // to the journal, while it believes that it leads and once more
	Fenced    bool // write with the fence
}

// beNode contends until its standard input ends. It says "lead" or "lost", and the epoch.
func beNode(text string) error {
	var cfg nodeConfig
	if err := json.Unmarshal([]byte(text), &cfg); err != nil {
		return err
	}
	ctx := context.Background()
	d, err := db.Open(ctx, db.Config{DSN: cfg.DSN, MaxConns: 4, Patience: cfg.Patience})
	if err != nil {
		return err
	}
	defer d.Close()
	l, err := NewLease(LeaseConfig{Name: cfg.Name, Profile: cfg.Profile, Shared: true}, d, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	l.Lead("report", func(_ context.Context, f Fence) service.Service { return reporter{f.Epoch} })
	if cfg.Write {
		l.Lead("write", func(_ context.Context, f Fence) service.Service {
			return service.NewBackground(func(ctx context.Context) { scribble(ctx, d, f, cfg) })
		})
	}
	if err := l.Start(ctx); err != nil {
		return err
	}
	_, _ = io.Copy(io.Discard, os.Stdin)
	return l.Stop(ctx)
}

// reporter tells the parent about the terms.
type reporter struct{ epoch int64 }

func (r reporter) Start(context.Context) error { fmt.Println("lead", r.epoch); return nil }
func (r reporter) Stop(context.Context) error  { fmt.Println("lost", r.epoch); return nil }

// scribble is the worst of leaders: it writes all the time, does not look whether
// it is still trusted before a write, and does one more when it knows that it is not.
func scribble(ctx context.Context, d *db.DB, f Fence, cfg nodeConfig) {
	beat := time.NewTicker(time.Millisecond)
	defer beat.Stop()
	for last := false; !last; <-beat.C {
		last = ctx.Err() != nil
		limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		err := d.Tx(limit, func(ctx context.Context, tx *db.Tx) error {
			if err := write(ctx, tx, f.Epoch, cfg.Name); err != nil || !cfg.Fenced {
				return err
			}
			return f.Check(ctx, tx)
		})
		cancel()
		if errors.Is(err, ErrFenced) {
			fmt.Println("fenced", f.Epoch)
			return
		}
	}
}

// node is a child process.
type node struct {
	name string
	cmd  *exec.Cmd
	in   io.Closer

	mu    sync.Mutex // guards the rest
	epoch int64      // that it says it leads; 0: none
	said  []string
}

// spawn starts a node, which is killed when the test ends.
func (a arena) spawn(t *testing.T, cfg nodeConfig) *node {
	t.Helper()
	cfg.DSN = a.dsn
	text, err := json.Marshal(cfg)
	must(t, err)
	n := &node{name: cfg.Name, cmd: exec.Command(os.Args[0])}
	n.cmd.Env = append(os.Environ(), childEnv+"="+string(text))
	n.cmd.Stderr = os.Stderr
	n.in, err = n.cmd.StdinPipe()
	must(t, err)
	out, err := n.cmd.StdoutPipe()
	must(t, err)
	must(t, n.cmd.Start())
	read := make(chan struct{})
	go func() {
		defer close(read)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			n.hear(lines.Text())
		}
	}()
	t.Cleanup(func() {
		n.kill()
		<-read
		_ = n.cmd.Wait() // killed
		for _, line := range n.said {
			if strings.HasPrefix(line, "failed") {
				t.Errorf("%s %s", n.name, line)
			}
		}
	})
	return n
}

func (n *node) hear(line string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.said = append(n.said, line)
	var epoch int64
	if _, err := fmt.Sscanf(line, "lead %d", &epoch); err == nil {
		n.epoch = epoch
	}
	if _, err := fmt.Sscanf(line, "lost %d", &epoch); err == nil {
		n.epoch = 0
	}
}

// leads is the epoch that the node says it leads; 0: none.
func (n *node) leads() int64 {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.epoch
}

// heard counts what the node has said that begins so.
func (n *node) heard(begin string) (times int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, line := range n.said {
		if strings.HasPrefix(line, begin) {
			times++
		}
	}
	return times
}

func (n *node) kill()   { _ = n.cmd.Process.Kill() } // it may be dead
func (n *node) freeze() { _ = n.cmd.Process.Signal(syscall.SIGSTOP) }
func (n *node) thaw()   { _ = n.cmd.Process.Signal(syscall.SIGCONT) }
