package demo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/paceline/paceline/internal/agent"
	"github.com/paceline/paceline/internal/config"
	"github.com/paceline/paceline/internal/errs"
)

// Host is one machine of the cluster, in miniature: a data directory with an Agent, which
// runs one role.
type Host struct {
	Name string
	Role config.Role
	Dir  config.Dir

	// In a Network: the namespace of the host and its address there.
	Space, Address string
	Env            []string // added to that of its processes
}

// hosts are those of a plan, in the order of their start. They are named by role and number.
func hosts(dir string, p Plan) []Host {
	var all []Host
	for _, of := range []struct {
		role config.Role
		n    int
	}{{config.RoleBooster, p.Boosters}, {config.RoleServer, p.Servers}, {config.RoleGateway, p.Gateways}} {
		for i := range of.n {
			name := string(of.role) + "-" + string(rune('1'+i))
			all = append(all, Host{Name: name, Role: of.role, Dir: config.Dir(filepath.Join(dir, name))})
		}
	}
	return all
}

// Start starts the host's Agent, which starts the role, and lets go on what is frozen. An Agent that is
// bound ends with this program, and ends the role.
func (h Host) Start(ctx context.Context, program string, bound bool) error {
	if agent.Runs(h.Dir) {
		if err := h.Thaw(); err != nil {
			return err
		}
		_, err := agent.Ask(ctx, h.Dir, agent.Order{Verb: agent.VerbStart})
		return err
	}
	out, err := os.OpenFile(filepath.Join(string(h.Dir), "agent.out"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer out.Close()
	cmd := h.command(context.WithoutCancel(ctx), program, "start", "--data", string(h.Dir))
	cmd.Stdout, cmd.Stderr = out, out
	detach(cmd, bound)
	if err := cmd.Start(); err != nil {
		return err
	}
	go func() { _ = cmd.Wait() }() // how it ends is seen by its lock
	return nil
}

// command is a command to be run on the host.
func (h Host) command(ctx context.Context, program string, args ...string) *exec.Cmd {
	if h.Space != "" {
		program, args = inSpace(h.Space, program, args)
	}
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = append(os.Environ(), h.Env...)
	return cmd
}

// Status asks the Agent.
func (h Host) Status(ctx context.Context) (agent.Status, error) {
	return agent.Ask(ctx, h.Dir, agent.Order{Verb: agent.VerbStatus})
}

// role is the status of the host's role.
func (h Host) role(ctx context.Context) (agent.RoleStatus, error) {
	s, err := h.Status(ctx)
	if err != nil {
		return agent.RoleStatus{}, err
	}
	for _, r := range s.Roles {
		if r.Role == h.Role {
			return r, nil
		}
	}
	return agent.RoleStatus{}, errs.New(errs.NotFound, "%s has no role %s", h.Name, h.Role)
}

// readyPatience is how long a role may take to be ready.
const readyPatience = 60 * time.Second

// Ready waits until the role is ready; the error says what it waits for.
func (h Host) Ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyPatience)
	defer cancel()
	var last agent.RoleStatus
	err := await(ctx, h.Name+" is ready", func() bool {
		r, err := h.role(ctx)
		if err == nil {
			last = r
		}
		return err == nil && r.State == agent.Ready
	})
	switch {
	case err == nil:
		return nil
	case last.Report != nil && last.Report.Waits != "":
		return fmt.Errorf("%w: it waits for %s", err, last.Report.Waits)
	case last.LastExit != nil:
		return fmt.Errorf("%w: it ended with %s: %s", err, last.LastExit.How, strings.TrimSpace(last.LastExit.Output))
	}
	return err
}

// address is where the role listens, for one of its purposes; empty while it does not.
func (h Host) address(ctx context.Context, purpose string) string {
	r, err := h.role(ctx)
	if err != nil || r.Report == nil {
		return ""
	}
	return r.Report.Addresses[purpose]
}

// Target is what is hurt of a host.
type Target string

// The targets. A killed role is started again by its Agent; a killed machine is not.
const (
	TheRole    Target = "role"
	TheAgent   Target = "agent"
	TheMachine Target = "machine" // the Agent and the role
)

// processes are those of a target, the Agent first: it must not see the role end.
func (h Host) processes(t Target) ([]int, error) {
	var pids []int
	if t != TheRole {
		if r, alive := agent.Find(h.Dir, config.RoleAgent); alive {
			pids = append(pids, r.PID)
		}
	}
	if t != TheAgent {
		if r, alive := agent.Find(h.Dir, h.Role); alive {
			pids = append(pids, r.PID)
		}
	}
	if len(pids) == 0 {
		return nil, errs.New(errs.Conflict, "%s: no such process runs", h.Name).WithCure("start it: paceline demo start %s", h.Name)
	}
	return pids, nil
}

// Kill ends processes as a power cut would.
func (h Host) Kill(t Target) error { return h.signal(t, kill) }

// Freeze stops processes from running, without ending them: nobody is told.
func (h Host) Freeze(t Target) error { return h.signal(t, freeze) }

// Thaw lets frozen processes go on.
func (h Host) Thaw() error { return h.signal(TheMachine, thaw) }

func (h Host) signal(t Target, send func(pid int) error) error {
	pids, err := h.processes(t)
	for _, pid := range pids {
		err = errors.Join(err, send(pid))
	}
	return err
}

// await looks until something is so, or the context ends.
func await(ctx context.Context, what string, is func() bool) error {
	for !is() {
		select {
		case <-ctx.Done():
			return errs.New(errs.Unavailable, "%s: not in time: %w", what, context.Cause(ctx))
		case <-time.After(20 * time.Millisecond):
		}
	}
	return nil
}

// Find is the host of a name, as people write it.
func Find(all []Host, name string) (Host, error) {
	names := make([]string, 0, len(all))
	for _, h := range all {
		if h.Name == name {
			return h, nil
		}
		names = append(names, h.Name)
	}
	return Host{}, errs.New(errs.NotFound, "there is no node %q", name).WithCure("one of %s", strings.Join(names, ", "))
}
