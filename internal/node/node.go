// Package node makes the process of a role out of the parts: it is the only place that
// knows them all, and only commands know it. The table roles says what each role starts.
//
// What always holds: services start in the order in which New adds them and stop in
// reverse, so the intake ends first, work under way is finished, and the database
// closes last. A node whose row in the cluster is lost stops.
package node

import (
	"cmp"
	"context"
	"errors"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/paceline/paceline/internal/agent"
	"github.com/paceline/paceline/internal/api"
	"github.com/paceline/paceline/internal/app"
	"github.com/paceline/paceline/internal/bus"
	"github.com/paceline/paceline/internal/cluster"
	"github.com/paceline/paceline/internal/config"
	"github.com/paceline/paceline/internal/connect"
	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/engine"
	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/gateway"
	"github.com/paceline/paceline/internal/gateway/vip"
	"github.com/paceline/paceline/internal/hours"
	"github.com/paceline/paceline/internal/intake"
	"github.com/paceline/paceline/internal/join"
	"github.com/paceline/paceline/internal/operation"
	"github.com/paceline/paceline/internal/org"
	"github.com/paceline/paceline/internal/process"
	"github.com/paceline/paceline/internal/record"
	"github.com/paceline/paceline/internal/service"
	"github.com/paceline/paceline/internal/ticket"
	"github.com/paceline/paceline/internal/trust"
)

// Node is the process of one role. Its parts are set by New, those that its role has no
// use for are nil; it is a service.Service.
type Node struct {
	cfg        Config
	metrics    *prometheus.Registry
	db         *db.DB
	leases     *db.DB // for the lease, which waits for nobody
	member     *cluster.Member
	lease      *cluster.Lease
	ready      *cluster.Readiness
	org        *org.Org
	apps       *app.Apps
	hours      *hours.Hours
	connect    *connect.Connectors
	process    *process.Runtime
	tickets    *ticket.Service
	operations *operation.Service
	records    *record.Records
	api        *api.Server
	listener   *api.Listener
	orgLoop    *service.Loop
	appLoop    *service.Loop
	hourLoop   *service.Loop

	intake     *intake.Intake
	intakeLoop *service.Loop
	services   *service.Group
	oneTime    string // password of the user admin, when this start made it
	waits      waits

	// In a cluster of several hosts.
	id        *trust.Identity
	bus       *bus.Client
	busServer *bus.Server
	join      *join.Booster
	follower  *join.Follower
	door      *trust.Door // of a server
	outcasts  *join.Watch // of a server: who is put out
	gateway   *gateway.Gateway
	access    *agent.Log                        // of the gateway
	shared    *vip.Keeper                       // of the gateway, where it shares an address
	addresses atomic.Pointer[cluster.Addresses] // that gateways share; while this Booster leads
	tableLoop *service.Loop
	peers     *peers                    // of a Booster
	heard     atomic.Pointer[bus.Pulse] // of the leader, last
	load      load
	lead      lead
	leave     sync.Once
	left      chan struct{} // closed when the host was removed
}

// How often a node looks for what a lost ring did not tell.
const (
	refreshEvery = 3 * time.Second
	sweepEvery   = time.Hour
	keepCommands = 7 * 24 * time.Hour // idempotency keys
)

// When a node is ready.
const (
	checkEvery = time.Second
	leastDisk  = 100 << 20 // bytes
	mostSkew   = 2 * time.Second
)

// New puts a node together. It starts nothing and connects to nobody; Stop closes the
// database also where Start was never called.
func New(ctx context.Context, cfg Config) (n *Node, err error) {
	defer errs.Wrap(&err, "node.New")
	if err := cfg.complete(); err != nil {
		return nil, err
	}
	n = &Node{cfg: cfg, services: service.NewGroup(cfg.Log), metrics: prometheus.NewRegistry(), left: make(chan struct{})}
	n.metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	if cfg.Role == config.RoleGateway {
		err = errors.Join(n.makeBus(), n.makeGateway())
	} else {
		err = n.makeNode(ctx)
	}
	if err == nil {
		err = n.plan()
	}
	if err != nil {
		return nil, errors.Join(err, n.close())
	}
	if cfg.Life != nil {
		cfg.Life.Sign(n.sign)
	}
	return n, nil
}

// makeNode makes the parts of a role that works with the database.
func (n *Node) makeNode(ctx context.Context) (err error) {
	cfg := n.cfg
	n.db, err = db.Open(ctx, db.Config{DSN: cfg.DB.DSN, Dir: string(cfg.Data), MaxConns: cfg.DB.Conns, Later: true, Version: cfg.Version, Log: cfg.Log})
	if err != nil {
		return err
	}
	n.member = cluster.New(cluster.Config{Name: cfg.Name, Roles: cfg.roles(), Version: cfg.Version, Address: n.advertised}, n.db, cfg.Now, cfg.Log)
	if cfg.Role != alone {
		if err := n.makeBus(); err != nil {
			return err
		}
	}
	if err := n.coordinate(ctx); err != nil {
		return err
	}
	if err := n.makeUseCases(); err != nil {
		return err
	}
	if cfg.Role == config.RoleBooster {
		if err := n.makeBooster(); err != nil {
			return err
		}
	}
	n.measure(n.metrics)
	n.measureLease(n.metrics)
	return nil
}

// makeUseCases makes what people and programs ask for, and the door to it.
func (n *Node) makeUseCases() (err error) {
	cfg, now, log := n.cfg, n.cfg.Now, n.cfg.Log
	if n.connect, err = connect.New(cfg.Connect, connect.Deps{Now: now, Log: log}); err != nil {
		return err
	}
	n.org = org.New(cfg.Org, org.Deps{DB: n.db, NewID: n.member.NewID, Now: now, Log: log, Ring: n.ring})
	n.apps = app.New(cfg.App, app.Deps{DB: n.db, NewID: n.member.NewID, Audit: n.org.Audit, Activated: n.activated, Imported: n.imported, Ring: n.ring, Now: now, Log: log})
	n.records = record.New(record.Deps{DB: n.db, Apps: n.apps, Org: n.org, NewID: n.member.NewID, Ring: n.ring, Now: now, Log: log})
	n.hours = hours.New(hours.Deps{DB: n.db, Audit: n.org.Audit, AppOf: n.appOf, UnitsOf: n.unitsOf, Ring: n.ring, Now: now})
	n.process = process.New(cfg.Process, process.Deps{
		DB: n.db, NewID: n.member.NewID, Lease: n.member, Peers: n.member.Peers, Definitions: n.apps, Handlers: n.handlers(),
		Assign: n.assign, Gather: n.gather, HandOver: n.handOver, Remind: n.remind, Calendars: n.hours, Person: n.person, Project: n.project, Ring: n.ring, Log: log, Now: now,
	})
	query := process.NewQuery(n.db, n.apps)
	query.Calendars = n.hours
	n.tickets = ticket.New(ticket.Deps{
		DB: n.db, Apps: n.apps, Org: n.org, Process: n.process, Query: query, Records: n.records,
		NewID: n.member.NewID, Ring: n.ring, Now: now,
	})
	n.operations = operation.New(operation.Config{}, operation.Deps{
		DB: n.db, Apps: n.apps, Org: n.org, Tickets: n.tickets, Process: n.process, Lease: n.member, NewID: n.member.NewID, Now: now, Log: log,
	})
	if err := n.makeIntake(); err != nil {
		return err
	}
	n.api, err = api.New(
		api.Config{Version: cfg.Version, Node: cfg.Name, Secure: cfg.Secure, Proxies: cfg.Proxies, Origins: cfg.Origins},
		api.Deps{Org: n.org, Apps: n.apps, Tickets: n.tickets, Operations: n.operations, Hours: n.hours, Intake: n.intake, Messages: n.process, Records: n.records, Checks: n.checks(), Nodes: n.nodes, Hosts: n.hosts(), Leader: n.leader, Metrics: n.metrics, Now: now, Log: log},
	)
	if err != nil {
		return err
	}
	n.listener = api.NewListener(n.api, cfg.Listen, n.guard())
	n.orgLoop = service.NewLoop(refreshEvery, n.watching("organisation", n.org.Refresh))
	n.appLoop = service.NewLoop(refreshEvery, n.watching("apps", n.refreshApps))
	n.hourLoop = service.NewLoop(refreshEvery, n.watching("calendars", n.hours.Refresh))
	return nil
}

// Start brings the node up; when it returns, requests are taken. It waits for what is
// not there yet, as long as ctx does.
func (n *Node) Start(ctx context.Context) error { return n.services.Start(ctx) }

// Stop ends the intake, finishes the work under way and closes the database.
func (n *Node) Stop(ctx context.Context) error {
	if n.member != nil {
		n.tell(cluster.Drained, "")
	}
	return errors.Join(n.services.Stop(ctx), n.close())
}

// close gives back what New took.
func (n *Node) close() error {
	var failed []error
	if n.connect != nil {
		failed = append(failed, n.connect.Close())
	}
	if n.access != nil {
		failed = append(failed, n.access.Close())
	}
	for _, d := range []*db.DB{n.leases, n.db} {
		if d != nil {
			failed = append(failed, d.Close())
		}
	}
	return errors.Join(failed...)
}

// Run starts the node, calls ready, and stops it when ctx ends or its row is lost.
func (n *Node) Run(ctx context.Context, ready func()) error {
	if err := n.Start(ctx); err != nil {
		if ctx.Err() != nil { // told to stop while it waited
			err = nil
		}
		return errors.Join(err, n.close())
	}
	n.cfg.Log.Info("serving", "role", string(n.cfg.Role), "address", n.Addr().String(), "version", n.cfg.Version)
	ready()
	var lost error
	select {
	case <-ctx.Done():
	case <-n.lost():
		lost = errs.New(errs.Unavailable, "this node's place in the cluster was lost").WithCure("start it again; look at the database when it happens often")
	case <-n.left:
		lost = errRemoved
	}
	n.cfg.Log.Info("stopping", "limit", n.cfg.Drain)
	limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), n.cfg.Drain)
	defer cancel()
	return errors.Join(lost, n.Stop(limit))
}

func (n *Node) lost() <-chan struct{} {
	if n.member == nil {
		return nil
	}
	return n.member.Lost()
}

// Addr is where the role is reached, after Start.
func (n *Node) Addr() net.Addr {
	if n.gateway != nil {
		return cmp.Or(n.gateway.Addr(), n.gateway.TLSAddr())
	}
	return n.listener.Addr()
}

// OneTimePassword is the password of the user admin, when this start made it and
// nobody had chosen one: it is to be shown once.
func (n *Node) OneTimePassword() string { return n.oneTime }

// ring passes on that something changed here: to this node, and to the others, unless it is
// a topic that none of them heeds.
func (n *Node) ring(topic, key string) {
	n.heed(topic, key)
	if n.bus != nil && topic != "task" {
		n.bus.Ring(topic, key)
	}
}

// heed takes in that something changed, here or elsewhere: what is kept in memory is
// read again, and who listens hears of it.
func (n *Node) heed(topic, key string) {
	switch topic {
	case "org":
		n.orgLoop.Ring()
	case "app":
		n.appLoop.Ring()
		n.hourLoop.Ring()
		n.api.Ring(api.TopicApp, key)
	case "calendar":
		n.hourLoop.Ring()
	case "inbox":
		n.api.Ring(api.TopicInbox, key)
	case "ticket", "instance", "incident":
		n.api.Ring(api.TopicTicket, key)
	}
}

// The runtime asks the use cases that are made after it.

func (n *Node) assign(ctx context.Context, a process.Assignment) (process.Assigned, error) {
	return n.tickets.Assign(ctx, a)
}

func (n *Node) gather(ctx context.Context, g process.Gathering) (engine.GroupFormed, error) {
	return n.tickets.Gather(ctx, g)
}

func (n *Node) handOver(ctx context.Context, t *process.Transition, e *engine.HandOver) (login, why string, err error) {
	return n.tickets.HandOver(ctx, t, e)
}

func (n *Node) remind(ctx context.Context, t *process.Transition, e *engine.Remind, ch *db.Change) error {
	return n.tickets.Remind(ctx, t, e, ch)
}

// appOf is the app of a definition and the calendar that its manifest names.
func (n *Node) appOf(definition db.ID) (name, calendar string) {
	if definition == 0 {
		return "", ""
	}
	l, err := n.apps.ByDefinition(context.Background(), definition)
	if err != nil {
		return "", ""
	}
	return l.App, l.Manifest.Calendar
}

func (n *Node) unitsOf(login string) []string { return n.org.Directory().UnitsOf(login) }

func (n *Node) person(ctx context.Context, login string) (db.ID, string, error) {
	return n.tickets.Person(ctx, login)
}

func (n *Node) activated(ctx context.Context, tx *db.Tx, app db.ID, definitions map[db.ID]*engine.Definition) error {
	return n.process.SetStarts(ctx, tx, app, definitions)
}

func (n *Node) project(t *process.Transition, ch *db.Change) error { return n.tickets.Project(t, ch) }

// migrations of every subject.
func migrations() []db.Migration {
	return slices.Concat(cluster.Migrations(), process.Migrations(), org.Migrations(), app.Migrations(), ticket.Migrations(), record.Migrations(), hours.Migrations(), intake.Migrations(), join.Migrations(), operation.Migrations())
}

// measure adds what a node counts beside requests.
func (n *Node) measure(reg *prometheus.Registry) {
	count := func(name, help string, read func(db.Stats) int64) {
		reg.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help},
			func() float64 { return float64(read(n.db.Stats())) }))
	}
	count("paceline_db_round_trips_total", "Statements sent to the database and answered.", func(s db.Stats) int64 { return s.RoundTrips })
	count("paceline_db_groups_total", "Group commits sent.", func(s db.Stats) int64 { return s.Groups })
	count("paceline_db_changes_applied_total", "Members of group commits that were applied.", func(s db.Stats) int64 { return s.Applied })
	count("paceline_db_changes_refused_total", "Members of group commits that were stale or refused.", func(s db.Stats) int64 { return s.Refused })
	gauge := func(name, help string, read func(process.Stats) int) {
		reg.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help},
			func() float64 { return float64(read(n.process.Stats())) }))
	}
	gauge("paceline_commands_waiting", "Commands queued in the lanes.", func(s process.Stats) int { return s.Waiting })
	gauge("paceline_jobs_held", "Jobs and near timers in memory.", func(s process.Stats) int { return s.Held })
	gauge("paceline_jobs_room", "Jobs that this node would take now.", func(s process.Stats) int { return max(s.Room, 0) })
	gauge("paceline_instances_cached", "Instances whose state is in memory.", func(s process.Stats) int { return s.Cached })
	reads := func(name, help string, read func(process.Stats) int64) {
		reg.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help},
			func() float64 { return float64(read(n.process.Stats())) }))
	}
	reads("paceline_instances_found_total", "Looks for an instance in memory that found it.", func(s process.Stats) int64 { return s.Hits })
	reads("paceline_instances_missed_total", "Looks for an instance in memory that did not.", func(s process.Stats) int64 { return s.Misses })
	reads("paceline_instances_stale_total", "Commands run again because the instance in memory had passed.", func(s process.Stats) int64 { return s.Stale })
	count("paceline_db_retries_total", "Transactions tried again after a deadlock or conflict.", func(s db.Stats) int64 { return s.Retries })
}
