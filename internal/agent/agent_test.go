//go:build !windows

package agent_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/paceline/paceline/internal/agent"
	"github.com/paceline/paceline/internal/config"
	"github.com/paceline/paceline/internal/errs"
)

const (
	booster = config.RoleBooster
	server  = config.RoleServer
	gateway = config.RoleGateway
)

// Starting the Agent starts the host; stopping ends the roles in reverse.
func TestTheRolesOfTheHostRun(t *testing.T) {
	h := newHost(t, server, booster)
	a := h.run(nil)
	h.ready(booster, server)
	s := h.until(func(s agent.Status) bool { return true })
	if s.Host != "h1" || len(s.Roles) != 2 || s.Roles[0].Role != booster || s.Roles[1].Figures == nil || s.Roles[1].Figures.Memory == 0 {
		t.Errorf("%+v", s)
	}
	if _, err := a.Do(t.Context(), agent.Order{Verb: agent.VerbStop}); err != nil {
		t.Fatal(err)
	}
	<-a.Done()
	if trace, err := os.ReadFile(filepath.Join(string(h.dir), "trace")); string(trace) != "server\nbooster\n" {
		t.Errorf("stopped in the order %q, %v", trace, err)
	}
	for range 2 {
		if e := h.exit(); !e.Wanted || e.Number != 7 || e.Epoch != 3 || e.Lease != 12 || e.Node != "h1/"+string(e.Role) {
			t.Errorf("told %+v", e)
		}
	}
}

// A killed process is told at once, with what proves its death, and another one runs.
func TestADeathIsToldAtOnceAndTheRoleRunsAgain(t *testing.T) {
	h := newHost(t, server)
	h.run(nil)
	pid := h.ready(server)[server]
	killed := time.Now()
	kill(t, pid, syscall.SIGKILL)
	e := h.exit()
	took := time.Since(killed)
	if e.PID != pid || e.Wanted || e.Looping || e.Epoch != 3 || e.Lease != 12 || e.Host != "h1" || !strings.Contains(e.How, "killed") {
		t.Errorf("told %+v", e)
	}
	if t.Logf("told after %v", took); took > time.Second {
		t.Error("that is late")
	}
	s := h.until(func(s agent.Status) bool { return s.Roles[0].State == agent.Ready && s.Roles[0].Report.PID != pid })
	if s.Roles[0].Restarts != 1 || s.Roles[0].LastExit == nil {
		t.Errorf("%+v", s.Roles[0])
	}
}

// The Agent is killed: its roles go on. Another one finds them, looks after them as
// before, and there is exactly one of each.
func TestTheRolesOutliveTheirAgent(t *testing.T) {
	h := newHost(t, server, booster)
	first := h.startAgentProcess()
	pids := h.ready(booster, server)
	kill(t, first.Process.Pid, syscall.SIGKILL)
	_ = first.Wait() // killed
	for role, pid := range pids {
		if err := syscall.Kill(pid, 0); err != nil {
			t.Errorf("the %s died with its Agent: %v", role, err)
		}
	}
	second := h.startAgentProcess()
	if again := h.ready(booster, server); again[server] != pids[server] || again[booster] != pids[booster] {
		t.Errorf("there were %v, and now there are %v", pids, again)
	}
	kill(t, second.Process.Pid, syscall.SIGKILL)
	_ = second.Wait() // killed

	h.run(nil)
	h.ready(booster, server)
	kill(t, pids[server], syscall.SIGKILL)
	if e := h.exit(); e.PID != pids[server] || e.Epoch != 3 {
		t.Errorf("the end of an adopted process is told as %+v", e)
	}
	if again := h.ready(booster, server); again[server] == pids[server] || again[booster] != pids[booster] {
		t.Errorf("there were %v, and now there are %v", pids, again)
	}
}

// A role that dies while there is no Agent is told dead by the next one.
func TestAnEndThatNobodySawIsTold(t *testing.T) {
	h := newHost(t, server)
	first := h.startAgentProcess()
	pid := h.ready(server)[server]
	kill(t, first.Process.Pid, syscall.SIGKILL)
	_ = first.Wait() // killed
	kill(t, pid, syscall.SIGKILL)
	h.run(nil)
	if e := h.exit(); e.PID != pid || e.Epoch != 3 || e.Lease != 12 {
		t.Errorf("told %+v", e)
	}
	if again := h.ready(server)[server]; again == pid {
		t.Error("nobody was started")
	}
}

// A process that ends again and again is started ever more slowly, raises an alert, and
// its last words are kept.
func TestACrashLoopIsSlowedDownAndTold(t *testing.T) {
	h := newHost(t, server)
	a := h.run(func(c *agent.Config) {
		c.Env = []string{playing + "=broken"}
		c.Pacing.Most = time.Hour
		c.Pacing.First = 10 * time.Millisecond
	})
	var e agent.Exit
	for n := range 3 {
		if e = h.exit(); e.Looping != (n == 2) || e.Role != server {
			t.Errorf("end %d: %+v", n, e)
		}
	}
	if !strings.Contains(e.Output, "something is missing") {
		t.Errorf("last words: %q", e.Output)
	}
	s := a.Status().Roles[0]
	if !s.Looping || s.State != agent.Resting || s.Next == nil || time.Until(*s.Next) > 50*time.Millisecond {
		t.Errorf("%+v", s)
	}
	// Somebody's order does not wait.
	h.until(func(s agent.Status) bool {
		return s.Roles[0].Next != nil && time.Until(*s.Roles[0].Next) > 300*time.Millisecond
	})
	began := time.Now()
	if _, err := a.Do(t.Context(), agent.Order{Verb: agent.VerbRestart, Role: server}); err != nil || time.Since(began) > 300*time.Millisecond {
		t.Errorf("restart took %v, %v", time.Since(began), err)
	}
}

func TestSingleRolesAreStoppedStartedAndRestarted(t *testing.T) {
	h := newHost(t, server, gateway)
	h.run(nil)
	pids := h.ready(server, gateway)
	do := func(verb agent.Verb, role config.Role) agent.Status {
		t.Helper()
		s, err := agent.Ask(t.Context(), h.dir, agent.Order{Verb: verb, Role: role})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	if s := do(agent.VerbStop, server); s.Roles[0].State != agent.Stopped || s.Roles[1].State != agent.Ready {
		t.Errorf("after stop: %+v", s.Roles)
	}
	do(agent.VerbStart, server)
	if again := h.ready(server, gateway); again[server] == pids[server] || again[gateway] != pids[gateway] {
		t.Errorf("there were %v, and now there are %v", pids, again)
	}
	do(agent.VerbRestart, gateway)
	if again := h.ready(server, gateway); again[gateway] == pids[gateway] {
		t.Error("the gateway was not restarted")
	}
	for order, kind := range map[agent.Order]errs.Kind{
		{Verb: agent.VerbStart, Role: booster}:            errs.Conflict, // not one of its roles
		{Verb: agent.VerbStart, Role: "data"}:             errs.Invalid,
		{Verb: "explode"}:                                 errs.Invalid,
		{Verb: agent.VerbRestart, Role: config.RoleAgent}: errs.Unsupported,
	} {
		if _, err := agent.Ask(t.Context(), h.dir, order); !errs.Is(err, kind) {
			t.Errorf("%+v: %v", order, err)
		}
	}
}

func TestRolesComeAndGoWithTheHostFile(t *testing.T) {
	h := newHost(t, server)
	a := h.run(nil)
	h.ready(server)
	file := &config.Host{Name: "h1", Cluster: "c", Boosters: []string{"h1:5169"}, Roles: []config.Role{gateway}}
	if err := config.SaveHost(h.dir, file); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Do(t.Context(), agent.Order{Verb: agent.VerbReload}); err != nil {
		t.Fatal(err)
	}
	h.ready(gateway)
	if s := a.Status(); len(s.Roles) != 1 {
		t.Errorf("%+v", s.Roles)
	}
}

// The Agent alone may be stopped: what it looked after goes on, for the next one.
func TestTheAgentAloneIsStopped(t *testing.T) {
	h := newHost(t, server)
	first := h.startAgentProcess()
	pid := h.ready(server)[server]
	if _, err := agent.Ask(t.Context(), h.dir, agent.Order{Verb: agent.VerbStop, Role: config.RoleAgent}); err != nil {
		t.Fatal(err)
	}
	if err := first.Wait(); err != nil {
		t.Error(err)
	}
	if _, err := agent.Ask(t.Context(), h.dir, agent.Order{Verb: agent.VerbStatus}); !errs.Is(err, errs.Unavailable) {
		t.Errorf("without an Agent: %v", err)
	}
	h.run(nil)
	if h.ready(server)[server] != pid {
		t.Error("the role was started anew")
	}
}

func TestASecondAgentOfADirectoryIsRefused(t *testing.T) {
	h := newHost(t, server)
	h.run(nil)
	file, err := config.LoadHost(h.dir)
	if err != nil {
		t.Fatal(err)
	}
	second, err := agent.New(testConfig(h.dir, file, "good"), agent.Deps{})
	if err != nil {
		t.Fatal(err)
	}
	var e *errs.Error
	if err := second.Start(t.Context()); !errors.As(err, &e) || e.Kind != errs.Conflict || e.Cure == "" {
		t.Errorf("%v", err)
	}
	h.ready(server)
	if _, err := agent.Begin(h.dir, server, "test"); !errs.Is(err, errs.Conflict) {
		t.Errorf("a second server: %v", err)
	}
}

func TestARoleThatDoesNotStopIsEndedByForce(t *testing.T) {
	h := newHost(t, server)
	a := h.run(func(c *agent.Config) { c.Env = []string{playing + "=stubborn"}; c.Grace = 50 * time.Millisecond })
	h.ready(server)
	if _, err := a.Do(t.Context(), agent.Order{Verb: agent.VerbStop, Role: server}); err != nil {
		t.Fatal(err)
	}
	if e := h.exit(); !e.Wanted || !strings.Contains(e.How, "killed") {
		t.Errorf("%+v", e)
	}
}

// A frozen process is adopted, and not started a second time.
func TestAFrozenRoleIsAdopted(t *testing.T) {
	h := newHost(t, server)
	first := h.startAgentProcess()
	pid := h.ready(server)[server]
	kill(t, first.Process.Pid, syscall.SIGKILL)
	_ = first.Wait() // killed
	kill(t, pid, syscall.SIGSTOP)
	h.run(nil)
	if h.ready(server)[server] != pid {
		t.Error("the role was started anew")
	}
	kill(t, pid, syscall.SIGCONT)
}

func TestALogIsPutAsideWhenItIsFull(t *testing.T) {
	path := filepath.Join(t.TempDir(), "logs", "x.log")
	for range 2 { // closing and opening changes nothing
		l, err := agent.OpenLog(path, 30, 2)
		if err != nil {
			t.Fatal(err)
		}
		for range 4 {
			if _, err := l.Write([]byte("0123456789\n")); err != nil {
				t.Fatal(err)
			}
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for name, size := range map[string]int{"": 22, ".1": 22, ".2": 22} {
		if text, err := os.ReadFile(path + name); err != nil || len(text) != size {
			t.Errorf("x.log%s: %d bytes, %v", name, len(text), err)
		}
	}
	if _, err := os.Stat(path + ".3"); err == nil {
		t.Error("too much is kept")
	}
}

// A frozen process is found out, ended and replaced, and it is told why.
func TestAHungRoleIsReplaced(t *testing.T) {
	h := newHost(t, server)
	h.run(func(c *agent.Config) { c.Pacing.Hung = 500 * time.Millisecond })
	pid := h.ready(server)[server]
	kill(t, pid, syscall.SIGSTOP)
	h.until(func(s agent.Status) bool { return strings.Contains(s.Roles[0].Hung, "does not answer") })
	if e := h.exit(); e.PID != pid || !strings.Contains(e.Hung, "does not answer") || e.Epoch != 3 || e.Wanted {
		t.Errorf("told %+v", e)
	}
	s := h.until(func(s agent.Status) bool { return s.Roles[0].State == agent.Ready && s.Roles[0].Report.PID != pid })
	if r := s.Roles[0]; r.Hung != "" || r.LastExit == nil || r.LastExit.Hung == "" || r.Restarts != 1 {
		t.Errorf("%+v", r)
	}
}

// So is one whose work stands still, as it says itself.
func TestARoleThatSaysItIsStuckIsReplaced(t *testing.T) {
	h := newHost(t, server)
	h.run(func(c *agent.Config) { c.Pacing.Hung, c.Env = 300*time.Millisecond, []string{playing + "=stuck"} })
	if e := h.exit(); e.Hung != "its checks stand still" {
		t.Errorf("told %+v", e)
	}
}

// A process that is frozen for a while, or waits for something, is left alone.
func TestARoleThatComesBackIsLeftAlone(t *testing.T) {
	h := newHost(t, server)
	h.run(func(c *agent.Config) { c.Pacing.Hung = 3 * time.Second })
	pid := h.ready(server)[server]
	kill(t, pid, syscall.SIGSTOP)
	h.until(func(s agent.Status) bool { return s.Roles[0].Hung != "" })
	kill(t, pid, syscall.SIGCONT)
	h.until(func(s agent.Status) bool { return s.Roles[0].Hung == "" })
	if again := h.ready(server)[server]; again != pid {
		t.Error("it was replaced")
	}
}

// An Agent whose host is to work no more stops its roles, says why, and starts none of them.
func TestARetiredHostStaysDown(t *testing.T) {
	h := newHost(t, booster, server)
	a := h.run(nil)
	h.ready(booster, server)
	why := errs.New(errs.Denied, "the host was removed")
	if err := errors.Join(a.Retire(t.Context(), why), a.Retire(t.Context(), why)); err != nil {
		t.Fatal(err)
	}
	s := h.until(func(agent.Status) bool { return true })
	if s.Retired != why.Error() || len(s.Roles) != 2 || s.Roles[0].State != agent.Stopped || s.Roles[1].State != agent.Stopped {
		t.Errorf("%+v", s)
	}
	for _, verb := range []agent.Verb{agent.VerbStart, agent.VerbRestart, agent.VerbReload} {
		if _, err := a.Do(t.Context(), agent.Order{Verb: verb}); !errs.Is(err, errs.Denied) {
			t.Errorf("%s: %v", verb, err)
		}
	}
}
