package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	"github.com/paceline/paceline/internal/agent"
	"github.com/paceline/paceline/internal/config"
	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/node"
)

// supervised is set in the environment of processes that an Agent runs.
const supervised = "PACELINE_SUPERVISED"

// testSkew is a variable for tests of clocks that go wrong: how far the clock of a role is ahead of
// the machine's, as 1500ms or -1h.
const testSkew = "PACELINE_TEST_CLOCK_SKEW"

// skewed is a clock that is off by so much; nil when nothing is said.
func skewed(by string) (func() time.Time, error) {
	if by == "" {
		return nil, nil
	}
	d, err := time.ParseDuration(by)
	if err != nil {
		return nil, errs.New(errs.Invalid, "%s: %w", testSkew, err)
	}
	return func() time.Time { return time.Now().Add(d) }, nil
}

// hostFlags name a host of a cluster by its data directory.
type hostFlags struct {
	Data string `default:"data" placeholder:"DIR" help:"Data directory of the host; ./data when left out."`
}

// dir is the data directory as an Agent and its processes name it.
func (h hostFlags) dir() (config.Dir, error) {
	path, err := filepath.Abs(h.Data)
	return config.Dir(path), err
}

// roleArg names a role, by its name or an alias.
type roleArg struct {
	Role string `arg:"" optional:"" help:"booster (center), server (application), gateway (web) or agent; left out: the whole host."`
}

// role is the one that is named; empty: none.
func (r roleArg) role() (config.Role, error) {
	if r.Role == "" {
		return "", nil
	}
	return config.ParseRole(r.Role)
}

type startCmd struct {
	roleArg
	hostFlags
}

// Run runs the Agent of the host, which runs its roles, or one role in this process. Where
// an Agent runs already, it is asked to start the role.
func (s startCmd) Run(ctx context.Context, con *console) error {
	role, err := s.role()
	if err != nil {
		return err
	}
	dir, err := s.dir()
	if err != nil {
		return err
	}
	switch {
	case role == "" || role == config.RoleAgent:
		return runAgent(ctx, con, dir)
	case os.Getenv(supervised) == "" && agent.Runs(dir):
		return order(ctx, con, dir, agent.Order{Verb: agent.VerbStart, Role: role})
	}
	return runRole(ctx, con, dir, role)
}

// runAgent is the process of an Agent.
func runAgent(ctx context.Context, con *console, dir config.Dir) (err error) {
	if _, err := config.LoadHost(dir); err != nil { // before anything is made there
		return err
	}
	program, err := os.Executable()
	if err != nil {
		return err
	}
	file, err := agent.OpenLog(filepath.Join(dir.Logs(), "agent.log"), agent.LogSize, agent.LogKeep)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	a, err := node.NewAgent(node.AgentConfig{
		Data: dir, Version: version, Log: slog.New(slog.NewJSONHandler(file, nil)), Env: []string{supervised + "=1"},
		Program: func(role config.Role) []string {
			return []string{program, "start", string(role), "--data", string(dir)}
		},
	})
	if err != nil {
		return err
	}
	return a.Run(ctx, func() { con.say("Paceline %s runs %s; its logs are in %s", version, a.Status().Host, dir.Logs()) })
}

// runRole is the process of one role.
func runRole(ctx context.Context, con *console, dir config.Dir, role config.Role) (err error) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(node.GCPercent)
	}
	cfg, err := node.ForHost(dir, role)
	if err != nil {
		return err
	}
	if cfg.Now, err = skewed(os.Getenv(testSkew)); err != nil {
		return err
	}
	if cfg.Life, err = agent.Begin(dir, role, version); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, cfg.Life.End()) }()
	out := con.err
	if os.Getenv(supervised) != "" {
		file, err := agent.OpenLog(filepath.Join(dir.Logs(), string(role)+".log"), agent.LogSize, agent.LogKeep)
		if err != nil {
			return err
		}
		defer file.Close()
		out = file
	}
	program, err := os.Executable()
	if err != nil {
		return err
	}
	cfg.Connect.Script.Command = []string{program, "script"}
	cfg.Version, cfg.Log = version, slog.New(slog.NewJSONHandler(out, nil))
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	go func() {
		select {
		case <-cfg.Life.StopAsked():
			stop()
		case <-ctx.Done():
		}
	}()
	n, err := node.New(ctx, cfg)
	if err != nil {
		return err
	}
	return n.Run(ctx, func() {
		con.say("Paceline %s: the %s of %s serves on %s", version, role, cfg.Host.Name, n.Addr())
		if password := n.OneTimePassword(); password != "" {
			con.say("First sign-in: user admin, password %s (good for one sign-in)", password)
		}
	})
}

type stopCmd struct {
	roleArg
	hostFlags
}

// Run stops the host, or one of its roles.
func (s stopCmd) Run(ctx context.Context, con *console) error {
	if err := s.ask(ctx, con, s.hostFlags, agent.VerbStop); err != nil || s.Role != "" {
		return err
	}
	dir, err := s.dir()
	for err == nil && agent.Runs(dir) {
		select {
		case <-ctx.Done():
			err = ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
	return err
}

type restartCmd struct {
	roleArg
	hostFlags
}

// Run restarts the host's roles one after the other, or one.
func (r restartCmd) Run(ctx context.Context, con *console) error {
	return r.ask(ctx, con, r.hostFlags, agent.VerbRestart)
}

type statusCmd struct{ hostFlags }

// Run shows how the host is, and what its roles wait for.
func (s statusCmd) Run(ctx context.Context, con *console) error {
	return roleArg{}.ask(ctx, con, s.hostFlags, agent.VerbStatus)
}

func (r roleArg) ask(ctx context.Context, con *console, h hostFlags, verb agent.Verb) error {
	role, err := r.role()
	if err != nil {
		return err
	}
	dir, err := h.dir()
	if err != nil {
		return err
	}
	return order(ctx, con, dir, agent.Order{Verb: verb, Role: role})
}

// order has the Agent of a host do something, and shows how the host is then.
func order(ctx context.Context, con *console, dir config.Dir, o agent.Order) error {
	if _, err := config.LoadHost(dir); errs.Is(err, errs.NotFound) {
		return err
	}
	s, err := agent.Ask(ctx, dir, o)
	if err != nil {
		return err
	}
	if s.Retired != "" {
		con.say("The roles of %s do not run any more: %s.", s.Host, s.Retired)
	}
	return con.print(s, func(t *table) {
		t.head = []string{"ROLE", "STATE", "SINCE", "PID", "RESTARTS", "MEMORY", "LISTENS ON", "WAITS FOR"}
		for _, r := range s.Roles {
			pid, memory, listens, waits := "", "", "", ""
			if r.Report != nil {
				pid, waits = fmt.Sprint(r.Report.PID), r.Report.Waits
				listens = r.Report.Addresses["http"]
			}
			if r.Figures != nil {
				memory = fmt.Sprintf("%d MB", r.Figures.Memory>>20)
			}
			switch {
			case r.Hung != "":
				waits = "it hangs: " + r.Hung
			case r.Next != nil && r.LastExit != nil && r.LastExit.Hung != "":
				waits = fmt.Sprintf("another start in %v, as it hung: %s", time.Until(*r.Next).Round(100*time.Millisecond), r.LastExit.Hung)
			case r.Next != nil && r.LastExit != nil:
				waits = fmt.Sprintf("another start in %v, after: %s", time.Until(*r.Next).Round(100*time.Millisecond), r.LastExit.How)
			case r.Looping:
				waits = "it ended again and again; " + waits
			}
			t.add(string(r.Role), string(r.State), when(r.Since), pid, fmt.Sprint(r.Restarts), memory, listens, waits)
		}
	})
}
