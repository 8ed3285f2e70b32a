package node

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/paceline/paceline/internal/agent"
	"github.com/paceline/paceline/internal/bus"
	"github.com/paceline/paceline/internal/cluster"
	"github.com/paceline/paceline/internal/config"
	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/join"
	"github.com/paceline/paceline/internal/service"
	"github.com/paceline/paceline/internal/trust"
)

// AgentConfig is what the Agent of a host is told beside the host file.
type AgentConfig struct {
	Data    config.Dir
	Program func(config.Role) []string // see agent.Config
	Env     []string
	Grace   time.Duration // see agent.Config
	Pacing  agent.Pacing
	Version string
	Log     *slog.Logger
	// LoseBus makes every message of the bus get lost: for tests.
	LoseBus bool
}

// Agent is the process of a host that looks after its other processes: the supervisor
// and its ties to the cluster. It is started and stopped by Run.
type Agent struct {
	*agent.Agent
	cfg      AgentConfig
	host     *config.Host
	id       *trust.Identity
	bus      *bus.Client
	teller   *teller
	self     presence
	services *service.Group
	double   chan struct{} // closed when another Agent of that name was there before
	out      chan struct{} // holds one when the Boosters refuse the host
}

// presence is how an Agent shows that it is there.
type presence struct {
	Instance string    `json:"instance"` // random
	Started  time.Time `json:"started"`
}

// How an Agent looks after its ties.
const (
	meetWithin  = 2 * time.Second        // for a Booster to be found at the start
	meetOther   = 500 * time.Millisecond // by a host that may have the only one
	doubleEvery = 5 * time.Second
	followEvery = 5 * time.Second
	verbWho     = "who"
)

// NewAgent makes the Agent of the host that the data directory belongs to.
func NewAgent(cfg AgentConfig) (a *Agent, err error) {
	defer errs.Wrap(&err, "node.NewAgent")
	a = &Agent{cfg: cfg, services: service.NewGroup(cfg.Log), double: make(chan struct{}), out: make(chan struct{}, 1)}
	a.self = presence{Instance: rand.Text(), Started: time.Now().UTC()}
	if a.host, err = config.LoadHost(cfg.Data); err != nil {
		return nil, err
	}
	if a.id, err = trust.Open(cfg.Data); err != nil {
		return nil, err
	}
	a.teller = newTeller(cfg.Log)
	met := make(chan struct{}, 1)
	a.bus, err = bus.New(bus.Config{Identity: a.id, Boosters: a.host.Boosters, Lose: cfg.LoseBus, Beat: a.beat, Refused: a.refused, Changed: func(_ string, ok bool) {
		if ok {
			a.teller.connected()
			select {
			case met <- struct{}{}:
			default:
			}
		}
	}}, cfg.Log)
	if err != nil {
		return nil, err
	}
	a.teller.bus = a.bus
	cfg.Pacing.Hung = cmp.Or(cfg.Pacing.Hung, a.host.Hung)
	a.Agent, err = agent.New(agent.Config{
		Dir: cfg.Data, Host: a.host, Version: cfg.Version, Program: cfg.Program, Env: cfg.Env, Grace: cfg.Grace, Pacing: cfg.Pacing,
	}, agent.Deps{Log: cfg.Log, Exited: a.teller.ended, Booster: a.booster})
	if err != nil {
		return nil, err
	}
	if err := a.answer(); err != nil {
		return nil, err
	}
	follow := service.NewLoop(followEvery, a.follow)
	_, err = a.bus.Listen(func(topic, _ string) {
		if topic == join.TopicHost {
			follow.Ring()
		}
	})
	if err != nil {
		return nil, err
	}
	a.services.Add("bus", a.bus)
	a.services.Add("double", starting(func(ctx context.Context) error { return a.refuseDouble(ctx, met) }))
	a.services.Add("teller", a.teller.loop)
	a.services.Add("roles", a.Agent)
	a.services.Add("double watch", service.NewLoop(doubleEvery, a.watchDouble))
	a.services.Add("follow", follow)
	a.services.Add("certificate", trust.NewRenewal(a.id, 0, a.sign, time.Now, cfg.Log))
	return a, nil
}

// Run starts the host, calls ready, and runs until it is told to stop. When ctx ends it
// stops the roles, in reverse order; ordered to stop alone it leaves them running.
func (a *Agent) Run(ctx context.Context, ready func()) error {
	whole := context.WithoutCancel(ctx)
	if err := a.services.Start(ctx); err != nil {
		return err
	}
	ready()
	var failed error
	for ended := false; !ended; {
		ended = true
		select {
		case <-a.Done():
		case <-ctx.Done():
			_, failed = a.Do(whole, agent.Order{Verb: agent.VerbStop})
		case <-a.double:
			_, failed = a.Do(whole, agent.Order{Verb: agent.VerbStop})
			failed = errors.Join(a.errDouble(), failed)
		case <-a.out:
			ended = false
			if err := a.Retire(ctx, errRemoved); err != nil {
				a.cfg.Log.Error("a role does not stop", "node", a.host.Name, "err", err)
			}
		}
	}
	a.teller.tell(whole) // what the loop has not got to
	return errors.Join(failed, a.services.Stop(whole))
}

// refused takes in that a Booster holds the host's certificate for revoked: the host was removed. The roles are
// stopped, and the Agent stays to say so.
func (a *Agent) refused() {
	select {
	case a.out <- struct{}{}:
	default:
	}
}

// booster is the one that this host is connected to.
func (a *Agent) booster() string {
	name, _ := a.bus.Connected()
	return name
}

func (a *Agent) beat() bus.Beat {
	b := bus.Beat{
		Node: a.host.Name + "/" + string(config.RoleAgent), Host: a.host.Name, Role: string(config.RoleAgent), Version: a.cfg.Version,
		State: string(cluster.Ready), Wall: time.Now(),
	}
	b.Zone, _ = b.Wall.Zone()
	b.Load = machineLoad()
	for _, r := range a.Status().Roles {
		if r.Looping {
			b.State, b.Cause = string(cluster.Waiting), "its "+string(r.Role)+" ends again and again"
		}
	}
	return b
}

// answer takes orders of the Boosters, and says who is there.
func (a *Agent) answer() error {
	for _, verb := range agent.Verbs {
		_, err := a.bus.Handle(bus.Host(a.host.Name, string(verb)), func(ctx context.Context, m bus.Message) (any, error) {
			o := agent.Order{}
			if err := m.Read(&o); err != nil {
				return nil, err
			}
			o.Verb = verb
			return a.Do(ctx, o)
		})
		if err != nil {
			return err
		}
	}
	_, err := a.bus.Handle(bus.Host(a.host.Name, verbWho), func(context.Context, bus.Message) (any, error) { return a.self, nil })
	return err
}

// refuseDouble finds out whether another Agent plays this host, here or on another machine. Without a Booster it
// cannot be known yet, and the start goes on: the watch looks again.
func (a *Agent) refuseDouble(ctx context.Context, met <-chan struct{}) error {
	if agent.Runs(a.cfg.Data) {
		return errs.New(errs.Conflict, "an Agent runs on %s already", a.cfg.Data).WithCure("see paceline status; stop that one first")
	}
	patience := meetWithin
	if a.host.Has(config.RoleBooster) {
		patience = meetOther
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-met:
	case <-timer.C:
		a.cfg.Log.Warn("the host starts without a Booster, and looks for one", "node", a.host.Name)
		return nil
	case <-a.out:
		return a.Retire(ctx, errRemoved)
	case <-ctx.Done():
		return ctx.Err()
	}
	if other, found := a.who(ctx); found && a.after(other) {
		return a.errDouble()
	}
	return nil
}

func (a *Agent) watchDouble(ctx context.Context) {
	if other, found := a.who(ctx); found && a.after(other) {
		a.cfg.Log.Error("another Agent of this name was there before", "node", a.host.Name)
		select {
		case <-a.double:
		default:
			close(a.double)
		}
	}
}

// who asks for an Agent of this name, several times: which of two answers is chance.
func (a *Agent) who(ctx context.Context) (other presence, found bool) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	for range 4 {
		var p presence
		if err := a.bus.Request(ctx, bus.Host(a.host.Name, verbWho), nil, &p); err != nil {
			return other, false
		}
		if p.Instance != a.self.Instance {
			return p, true
		}
	}
	return other, false
}

// after says whether this Agent is the later one of two.
func (a *Agent) after(other presence) bool {
	if !a.self.Started.Equal(other.Started) {
		return a.self.Started.After(other.Started)
	}
	return a.self.Instance > other.Instance
}

func (a *Agent) errDouble() error {
	return errs.New(errs.Conflict, "an Agent of the host %s runs on another machine or data directory", a.host.Name).
		WithCure("stop that one; a copy of a machine joins under a name of its own, with paceline join --name")
}

// follow writes into the host file what the cluster says of the host, and goes by it.
func (a *Agent) follow(ctx context.Context) {
	var told join.Told
	if err := a.bus.Request(ctx, bus.Lead("settings"), a.knows(), &told); err != nil {
		if !errs.Is(err, errs.Unavailable) {
			a.cfg.Log.Warn("cannot learn what the cluster says of this host", "node", a.host.Name, "err", err)
		}
		return
	}
	if err := a.id.Revoke(told.Revoked); err != nil {
		a.cfg.Log.Warn("cannot keep which certificates are revoked", "node", a.host.Name, "err", err)
	}
	if told.Settings != nil {
		a.moveOn(ctx, *told.Settings)
	}
	host, err := config.LoadHost(a.cfg.Data)
	if err == nil && (!slices.Equal(host.Roles, told.Roles) || !slices.Equal(host.Boosters, told.Boosters)) && len(told.Boosters) > 0 {
		host.Roles, host.Boosters = told.Roles, told.Boosters
		err = errors.Join(config.SaveHost(a.cfg.Data, host), a.bus.SetBoosters(told.Boosters))
		if err == nil {
			_, err = a.Do(ctx, agent.Order{Verb: agent.VerbReload})
		}
	}
	if err != nil && ctx.Err() == nil {
		a.cfg.Log.Warn("cannot go by what the cluster says of this host", "node", a.host.Name, "err", err)
	}
}

// knows is what the host knows already.
func (a *Agent) knows() (k join.Known) {
	if s, err := join.ReadSettings(a.cfg.Data, a.id); err == nil {
		k.Revision = s.Revision
	}
	return k
}

// moveOn has the roles that run use the database where the cluster's data are now.
func (a *Agent) moveOn(ctx context.Context, s join.Settings) {
	changed, err := join.Heed(a.cfg.Data, a.id, s)
	if changed {
		a.cfg.Log.Info("the cluster's data are in another database; the roles that use it are restarted", "node", a.host.Name)
		for _, r := range a.Status().Roles {
			if err == nil && r.State != agent.Stopped && r.Role != config.RoleGateway {
				_, err = a.Do(ctx, agent.Order{Verb: agent.VerbRestart, Role: r.Role})
			}
		}
	}
	if err != nil && ctx.Err() == nil {
		a.cfg.Log.Warn("cannot go to the cluster's database", "node", a.host.Name, "err", err)
	}
}

// sign has the leader sign a request for a new certificate.
func (a *Agent) sign(ctx context.Context, request []byte) (certificate []byte, err error) {
	err = a.bus.Request(ctx, bus.Lead("renew"), request, &certificate)
	return certificate, err
}
