//go:build !windows

package agent_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/paceline/paceline/internal/agent"
	"github.com/paceline/paceline/internal/config"
)

// The test binary is also the processes that an Agent runs, and the Agent that is
// killed: the variable says which.
const playing = "PACELINE_TEST_PLAYS"

func TestMain(m *testing.M) {
	var err error
	switch os.Getenv(playing) {
	case "":
		os.Exit(m.Run())
	case "agent":
		err = beAgent(config.Dir(os.Args[1]))
	default:
		err = beRole(os.Getenv(playing), config.Dir(os.Args[1]), config.Role(os.Args[2]))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// beRole is the process of a role: good, stubborn (does not stop when asked), stuck (says so) or
// broken.
func beRole(how string, dir config.Dir, role config.Role) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	if how == "broken" {
		return errors.New("something is missing")
	}
	life, err := agent.Begin(dir, role, "test")
	if err != nil {
		return err
	}
	err = life.Tell(func(r *agent.Report) {
		r.State, r.Node, r.Number, r.Epoch, r.Lease = "ready", "h1/"+string(role), 7, 3, 12
	})
	if err != nil {
		return err
	}
	trace, err := os.OpenFile(filepath.Join(string(dir), "trace"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if how == "stuck" {
		life.Sign(func() error { return errors.New("its checks stand still") })
	}
	<-ctx.Done()
	if how == "stubborn" {
		select {}
	}
	fmt.Fprintln(trace, role)
	return errors.Join(trace.Close(), life.End())
}

// beAgent is the process of an Agent.
func beAgent(dir config.Dir) error {
	host, err := config.LoadHost(dir)
	if err != nil {
		return err
	}
	a, err := agent.New(testConfig(dir, host, "good"), agent.Deps{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	if err := a.Start(context.Background()); err != nil {
		return err
	}
	<-a.Done()
	return a.Stop(context.Background())
}

func testConfig(dir config.Dir, host *config.Host, how string) agent.Config {
	return agent.Config{
		Dir: dir, Host: host, Version: "test", Env: []string{playing + "=" + how},
		Program: func(role config.Role) []string { return []string{os.Args[0], string(dir), string(role)} },
		Grace:   10 * time.Second, Pacing: agent.Pacing{First: 5 * time.Millisecond, Most: 20 * time.Millisecond, Loop: 3, Steady: time.Minute},
	}
}

// host is a data directory of a test, and who listens to its Agent.
type host struct {
	*testing.T
	dir   config.Dir
	exits chan agent.Exit
}

func newHost(t *testing.T, roles ...config.Role) *host {
	dir, err := os.MkdirTemp("", "agent") // t.TempDir may be too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	h := &host{T: t, dir: config.Dir(dir), exits: make(chan agent.Exit, 1000)}
	if err := config.SaveHost(h.dir, &config.Host{Name: "h1", Cluster: "c", Boosters: []string{"h1:5169"}, Roles: roles}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return h
}

// run starts an Agent, and ends it with its roles when the test ends.
func (h *host) run(change func(*agent.Config)) *agent.Agent {
	h.Helper()
	file, err := config.LoadHost(h.dir)
	if err != nil {
		h.Fatal(err)
	}
	cfg := testConfig(h.dir, file, "good")
	if change != nil {
		change(&cfg)
	}
	a, err := agent.New(cfg, agent.Deps{Log: slog.New(slog.DiscardHandler), Exited: func(e agent.Exit) { h.exits <- e }})
	if err != nil {
		h.Fatal(err)
	}
	if err := a.Start(h.Context()); err != nil {
		h.Fatal(err)
	}
	var once sync.Once
	h.Cleanup(func() { once.Do(func() { h.end(a) }) })
	return a
}

func (h *host) end(a *agent.Agent) {
	ctx := context.Background()
	if _, err := a.Do(ctx, agent.Order{Verb: agent.VerbStop}); err != nil {
		h.Error(err)
	}
	if err := a.Stop(ctx); err != nil {
		h.Error(err)
	}
}

// ready waits until the roles are, and gives their processes.
func (h *host) ready(roles ...config.Role) map[config.Role]int {
	h.Helper()
	pids := make(map[config.Role]int)
	h.until(func(s agent.Status) bool {
		for _, r := range s.Roles {
			if slices.Contains(roles, r.Role) {
				if r.State != agent.Ready {
					return false
				}
				pids[r.Role] = r.Report.PID
			}
		}
		return len(pids) == len(roles)
	})
	return pids
}

// until waits for the host to be so, as one sees it through the socket.
func (h *host) until(so func(agent.Status) bool) agent.Status {
	h.Helper()
	var last any
	for end := time.Now().Add(15 * time.Second); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		s, err := agent.Ask(h.Context(), h.dir, agent.Order{Verb: agent.VerbStatus})
		if err == nil && so(s) {
			return s
		}
		if last = any(s); err != nil {
			last = err
		}
	}
	h.Fatalf("not within 15 s; last %+v", last)
	return agent.Status{}
}

func (h *host) exit() agent.Exit {
	h.Helper()
	select {
	case e := <-h.exits:
		return e
	case <-time.After(15 * time.Second):
		h.Fatal("no end was told")
		return agent.Exit{}
	}
}

// startAgentProcess starts an Agent that can be killed.
func (h *host) startAgentProcess() *exec.Cmd {
	h.Helper()
	cmd := exec.Command(os.Args[0], string(h.dir))
	cmd.Env = append(os.Environ(), playing+"=agent")
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		h.Fatal(err)
	}
	h.Cleanup(func() {
		_ = cmd.Process.Kill() // it may be dead
		_ = cmd.Wait()
	})
	return cmd
}

func kill(t *testing.T, pid int, sig syscall.Signal) {
	t.Helper()
	if err := syscall.Kill(pid, sig); err != nil {
		t.Fatal(err)
	}
}
