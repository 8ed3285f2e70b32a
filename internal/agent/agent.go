// Package agent looks after the roles of one host: it runs each as a process of its
// own, starts again what ends, and says at once who has died.
//
// What always holds:
//
//   - Of each role at most one process lives per data directory. Each holds a lock that
//     the system gives back when it ends, so this needs no Agent.
//   - The processes need no Agent to go on. Killed and started again, it finds them by
//     their locks and reports, and looks after them as before.
//   - An end is told with what the process said of itself before it acted on it, so that
//     it proves the death of exactly one node in one epoch, and of one leader's epoch.
//     Ends that no Agent saw are told by the next one.
//   - One Agent per data directory, and one per name in the cluster.
//
// The Agent knows no database and keeps nothing that has to last.
package agent

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/paceline/paceline/internal/config"
	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/service"
)

// Config of an Agent.
type Config struct {
	Dir     config.Dir
	Host    *config.Host
	Version string
	// Program is the command that is the process of a role, without the role.
	Program func(config.Role) []string
	Env     []string      // for the processes, beside the Agent's own
	Grace   time.Duration // a process may take to stop; 30 s
	Pacing  Pacing
}

// Deps are what an Agent needs of others.
type Deps struct {
	Log *slog.Logger
	// Exited hears of each end, at once and in the order of each role; it must not block.
	Exited func(Exit)
	// Booster is the one that this host is connected to; empty: none.
	Booster func() string
}

// Agent is a service.Service. Stop leaves the processes alone; the order to stop ends
// them. Done is closed when it was ordered to end.
type Agent struct {
	cfg     Config
	deps    Deps
	started time.Time
	roles   []*child // in the order of their start
	loops   []*service.Background
	local   *local
	done    chan struct{}
	end     sync.Once

	orders sync.Mutex // held through an order that changes something

	mu      sync.Mutex // guards the rest
	life    *Life      // nil: not started
	retired error      // why no role runs any more; nil: they do
}

// New makes an Agent that looks after nothing yet.
func New(cfg Config, deps Deps) (*Agent, error) {
	if err := cfg.Host.Validate(); err != nil {
		return nil, err
	}
	if cfg.Grace == 0 {
		cfg.Grace = 30 * time.Second
	}
	if deps.Exited == nil {
		deps.Exited = func(Exit) {}
	}
	a := &Agent{cfg: cfg, deps: deps, done: make(chan struct{})}
	a.local = newLocal(socketPath(cfg.Dir), a.Do, deps.Log)
	for _, role := range config.Roles {
		c := &child{
			role: role, dir: cfg.Dir, host: cfg.Host.Name, program: cfg.Program(role), env: cfg.Env, grace: cfg.Grace,
			log: deps.Log, exited: deps.Exited, bell: make(chan struct{}, 1), pace: pace{Pacing: cfg.Pacing.complete()},
			want: cfg.Host.Has(role), since: time.Now(), changed: make(chan struct{}),
		}
		a.roles = append(a.roles, c)
		a.loops = append(a.loops, service.NewBackground(c.run))
	}
	return a, nil
}

// Start takes the data directory and brings the host's roles up. It does not wait for
// them to be ready: each says itself what it waits for.
func (a *Agent) Start(ctx context.Context) (err error) {
	defer errs.Wrap(&err, "agent.Start")
	life, err := Begin(a.cfg.Dir, config.RoleAgent, a.cfg.Version)
	if err != nil {
		return err
	}
	a.mu.Lock()
	a.life, a.started = life, time.Now().UTC()
	a.mu.Unlock()
	if err := a.local.Start(ctx); err != nil {
		return errors.Join(err, life.End())
	}
	for _, loop := range a.loops {
		_ = loop.Start(ctx) // a Background always starts
	}
	if err := life.Tell(func(r *Report) { r.State = string(Ready) }); err != nil {
		a.deps.Log.Warn("cannot tell how the Agent is", "err", err)
	}
	return nil
}

// Stop ends the looking after, and leaves the processes alone.
func (a *Agent) Stop(ctx context.Context) error {
	a.mu.Lock()
	life := a.life
	a.life = nil
	a.mu.Unlock()
	if life == nil {
		return nil
	}
	failed := []error{a.local.Stop(ctx)}
	for _, loop := range slices.Backward(a.loops) {
		failed = append(failed, loop.Stop(ctx))
	}
	return errors.Join(append(failed, life.End())...)
}

// Retire ends the roles for good, in reverse order, as the host is not to work any more. The Agent stays, says
// why, and starts none of them. Retiring twice is retiring once.
func (a *Agent) Retire(ctx context.Context, why error) (err error) {
	defer errs.Wrap(&err, "agent.Retire")
	a.mu.Lock()
	again := a.retired != nil
	a.retired = why
	a.mu.Unlock()
	if again {
		return nil
	}
	a.deps.Log.Error("the roles are stopped for good", "node", a.cfg.Host.Name, "cause", why)
	a.orders.Lock()
	defer a.orders.Unlock()
	return stop(ctx, a.roles)
}

func (a *Agent) isRetired() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.retired
}

// Done is closed when somebody has ordered the Agent to end.
func (a *Agent) Done() <-chan struct{} { return a.done }

// Do carries out an order. It returns when what was to stop has stopped and what was to
// start is started, not when that is ready.
func (a *Agent) Do(ctx context.Context, o Order) (Status, error) {
	if o.Verb == VerbStatus {
		return a.Status(), nil
	}
	a.orders.Lock()
	defer a.orders.Unlock()
	if why := a.isRetired(); why != nil && o.Verb != VerbStop {
		return Status{}, why
	}
	if o.Verb == VerbReload {
		return a.reload(ctx)
	}
	chosen, err := a.choose(o)
	if err != nil {
		return Status{}, err
	}
	switch o.Verb {
	case VerbStart:
		for _, c := range chosen {
			c.wish(true, false)
		}
	case VerbStop:
		err = stop(ctx, chosen)
	case VerbRestart:
		err = restart(ctx, chosen)
	}
	if err != nil {
		return Status{}, err
	}
	status := a.Status()
	if o.Verb == VerbStop && (o.Role == "" || o.Role == config.RoleAgent) {
		a.end.Do(func() { close(a.done) })
	}
	return status, nil
}

// choose finds the roles that an order is for.
func (a *Agent) choose(o Order) (chosen []*child, err error) {
	if !slices.Contains(Verbs, o.Verb) {
		return nil, errs.New(errs.Invalid, "the Agent does not know the order %q", o.Verb)
	}
	if o.Role == config.RoleAgent {
		if o.Verb != VerbStop {
			return nil, errs.New(errs.Unsupported, "the Agent cannot %s itself", o.Verb).
				WithCure("stop it, which leaves the roles running, and start it again; a service manager does both")
		}
		return nil, nil
	}
	for _, c := range a.roles {
		if c.role == o.Role || o.Role == "" && (o.Verb == VerbStop || a.cfg.Host.Has(c.role)) {
			chosen = append(chosen, c)
		}
	}
	switch {
	case len(chosen) == 0 && o.Role != "":
		return nil, errs.New(errs.Invalid, "there is no role %q", o.Role)
	case o.Role != "" && o.Verb != VerbStop && !a.cfg.Host.Has(o.Role):
		return nil, errs.New(errs.Conflict, "the host %s has no %s", a.cfg.Host.Name, o.Role).WithCure("give it the role first, in host.yaml")
	}
	return chosen, nil
}

// stop ends the processes of roles in reverse order, each before the next.
func stop(ctx context.Context, roles []*child) error {
	for _, c := range slices.Backward(roles) {
		c.wish(false, false)
		if err := c.until(ctx, func(p *process) bool { return p == nil }); err != nil {
			return errs.New(errs.Unavailable, "the %s has not stopped yet: %w", c.role, err)
		}
	}
	return nil
}

// restart ends the processes of roles and waits for the next one of each.
func restart(ctx context.Context, roles []*child) error {
	for _, c := range roles {
		old, _ := c.current()
		c.wish(true, true)
		if err := c.until(ctx, func(p *process) bool { return p != nil && p != old }); err != nil {
			return errs.New(errs.Unavailable, "the %s has not been started again yet: %w", c.role, err)
		}
	}
	return nil
}

// reload goes by the host file as it is now.
func (a *Agent) reload(ctx context.Context) (Status, error) {
	host, err := config.LoadHost(a.cfg.Dir)
	if err != nil {
		return Status{}, err
	}
	if host.Name != a.cfg.Host.Name {
		return Status{}, errs.New(errs.Conflict, "the host's name cannot change from %s to %s while its Agent runs", a.cfg.Host.Name, host.Name).
			WithCure("stop everything first")
	}
	a.mu.Lock()
	was := a.cfg.Host
	a.cfg.Host = host
	a.mu.Unlock()
	for _, c := range a.roles {
		switch {
		case host.Has(c.role) && !was.Has(c.role):
			c.wish(true, false)
		case !host.Has(c.role) && was.Has(c.role):
			if err := stop(ctx, []*child{c}); err != nil {
				return Status{}, err
			}
		}
	}
	return a.Status(), nil
}

// Status is how the host is now.
func (a *Agent) Status() Status {
	a.mu.Lock()
	host := a.cfg.Host
	s := Status{Host: host.Name, Cluster: host.Cluster, PID: os.Getpid(), Version: a.cfg.Version, Started: a.started}
	if a.retired != nil {
		s.Retired = a.retired.Error()
	}
	a.mu.Unlock()
	if a.deps.Booster != nil {
		s.Booster = a.deps.Booster()
	}
	for _, c := range a.roles {
		if status := c.status(); host.Has(c.role) || status.State != Stopped {
			s.Roles = append(s.Roles, status)
		}
	}
	return s
}
