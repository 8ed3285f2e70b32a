package node

import (
	"context"
	"errors"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/paceline/paceline/internal/bus"
	"github.com/paceline/paceline/internal/cluster"
	"github.com/paceline/paceline/internal/config"
	"github.com/paceline/paceline/internal/gateway"
	"github.com/paceline/paceline/internal/gateway/upstream"
	"github.com/paceline/paceline/internal/join"
	"github.com/paceline/paceline/internal/service"
)

// lead is what a Booster has at hand while it leads: how the members said they are, and
// the gateways' table. It is worth nothing when it is lost.
type lead struct {
	mu      sync.Mutex
	members map[string]heard // by node
	table   gateway.Table    // revision 0: none yet
	loop    *service.Loop    // makes the table; nil: this node does not lead
}

// tableEvery is how often the leader makes the table anew where no bell rings.
const tableEvery = 500 * time.Millisecond

// serverPool is the pool of all servers.
const serverPool = "servers"

// forgetServers is how long a server that fell silent stays in the table: the gateways
// see themselves whether it answers.
const forgetServers = 10 * time.Minute

// makeBooster makes what a Booster does beside carrying the bus.
func (n *Node) makeBooster() error {
	cfg, host := n.cfg, n.cfg.Host
	listen := host.Listen.Join
	if listen == "" {
		var err error
		if listen, err = join.JoinAddress(orDefault(host.Listen.Booster)); err != nil {
			return err
		}
	}
	n.join = join.NewBooster(
		join.BoosterConfig{Listen: listen, Settings: n.settings(), Version: cfg.Version},
		join.BoosterDeps{DB: n.db, ID: n.id, Audit: n.org.Audit, Cut: n.busServer.Cut, Ring: n.bus.Ring, Now: cfg.Now, Log: cfg.Log},
	)
	n.peers = n.makePeers()
	n.lease.Lead("members", n.answerMembers)
	n.lease.Lead("table", n.keepTable)
	n.lease.Lead("shared addresses", n.answerClaims)
	_, err := n.bus.Subscribe(bus.Lease, func(bus.Message) { n.lease.Ring() })
	return err
}

func orDefault(booster string) string {
	if booster == "" {
		return ":5169"
	}
	return booster
}

// primary is the node that is to lead while it is healthy.
func (n *Node) primary(ctx context.Context) (string, error) {
	if n.cfg.Role != config.RoleBooster {
		return "", nil
	}
	host, err := join.Primary(ctx, n.db)
	if host == "" || err != nil {
		return "", err
	}
	return host + "/" + string(config.RoleBooster), nil
}

// leaseFree tells the other Boosters that the lease was given back.
func (n *Node) leaseFree() {
	if n.bus == nil {
		return
	}
	if err := n.bus.Publish(bus.Lease, nil); err != nil {
		n.cfg.Log.Debug("the others have to find out that the lease is free", "err", err)
	}
}

// answerMembers is the duty of answering the hosts: their beats, and their questions.
func (n *Node) answerMembers(_ context.Context, fence cluster.Fence) service.Service {
	return &answering{bus: n.bus, handlers: map[string]func(context.Context, bus.Message) (any, error){
		"beat": func(_ context.Context, m bus.Message) (any, error) { return n.hearBeat(m, fence.Epoch) },
		"members": func(ctx context.Context, _ bus.Message) (any, error) {
			wants, err := join.Wants(ctx, n.db)
			return slices.DeleteFunc(n.lead.sightings(n.cfg.Now()), func(s cluster.Sighting) bool {
				return wants[s.Host] == "" // the host was removed
			}), err
		},
		"settings": n.tellHost,
		"renew":    n.renew,
		"table": func(context.Context, bus.Message) (any, error) {
			return n.lead.current(), nil
		},
	}}
}

// hearBeat keeps how a node is.
func (n *Node) hearBeat(m bus.Message, epoch int64) (bus.Pulse, error) {
	var b bus.Beat
	if err := m.Read(&b); err != nil {
		return bus.Pulse{}, err
	}
	b.Host = m.From
	changed, alarm := n.lead.note(b, n.cfg.Now())
	if changed {
		n.lead.look()
	}
	if alarm != "" {
		n.cfg.Log.Warn("a node needs looking at", "node", b.Node, "cause", alarm)
	}
	return bus.Pulse{Leader: n.cfg.Name, Epoch: epoch, Wall: n.cfg.Now()}, nil
}

// settings of this host.
func (n *Node) settings() join.Settings {
	return join.Settings{DSN: n.cfg.DB.DSN, Revision: n.cfg.Revision, Secret: n.cfg.Secret, Key: n.cfg.Key}
}

// tellHost tells a host what it has to know of itself and of the others; where the data are only if it has not
// heard of that.
func (n *Node) tellHost(ctx context.Context, m bus.Message) (any, error) {
	var knows join.Known
	if err := m.Read(&knows); err != nil {
		return nil, err
	}
	told, err := join.Tell(ctx, n.db, m.From)
	if err == nil && knows.Revision < n.cfg.Revision {
		s := n.settings()
		s.Secret = nil
		told.Settings = &s
	}
	return told, err
}

// renew signs a host's request for a new certificate.
func (n *Node) renew(ctx context.Context, m bus.Message) (any, error) {
	var request []byte
	if err := m.Read(&request); err != nil {
		return nil, err
	}
	return n.join.Renew(ctx, request)
}

func (l *lead) current() gateway.Table {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.table
}

// look makes the table anew, now.
func (l *lead) look() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.loop != nil {
		l.loop.Ring()
	}
}

// keepTable is the duty of making the gateways' table of what the database says.
func (n *Node) keepTable(term context.Context, fence cluster.Fence) service.Service {
	count := uint64(0)
	loop := service.NewLoop(tableEvery, func(ctx context.Context) {
		if term.Err() != nil {
			return
		}
		nodes, err := cluster.List(ctx, n.db)
		if err != nil {
			if ctx.Err() == nil {
				n.cfg.Log.Warn("cannot read the servers", "err", err)
			}
			return
		}
		wants, err := join.Wants(ctx, n.db)
		if err != nil {
			if ctx.Err() == nil {
				n.cfg.Log.Warn("cannot read what is wanted of the hosts", "err", err)
			}
			return
		}
		table := tableOf(nodes, wants, n.cfg.Now())
		if !n.lead.adopt(table, uint64(fence.Epoch)<<24, &count) {
			return
		}
		if err := n.bus.Publish(bus.Table, nil); err != nil {
			n.cfg.Log.Debug("the gateways have to find out that the table has changed", "err", err)
		}
	})
	return &tabling{Loop: loop, lead: &n.lead}
}

// adopt takes a table if it is another one, with the next revision of the term.
func (l *lead) adopt(t gateway.Table, base uint64, count *uint64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	t.Revision = l.table.Revision
	if l.table.Revision > base && reflect.DeepEqual(t, l.table) {
		return false
	}
	*count++
	t.Revision = base + *count
	l.table = t
	return true
}

// tabling is the loop that makes the table, to be rung while it runs.
type tabling struct {
	*service.Loop
	lead *lead
}

// Start begins.
func (t *tabling) Start(ctx context.Context) error {
	t.lead.mu.Lock()
	t.lead.loop = t.Loop
	t.lead.mu.Unlock()
	return t.Loop.Start(ctx)
}

// Stop ends it, and forgets what the leader knew.
func (t *tabling) Stop(ctx context.Context) error {
	t.lead.mu.Lock()
	t.lead.loop, t.lead.table, t.lead.members = nil, gateway.Table{}, nil
	t.lead.mu.Unlock()
	return t.Loop.Stop(ctx)
}

// tableOf is the gateways' table for the nodes of a cluster. Who fell silent stays in it
// for a while; who left in good order does not, nor who is of a removed host.
func tableOf(nodes []cluster.Node, wants map[string]join.Wanted, now time.Time) gateway.Table {
	slices.SortFunc(nodes, func(a, b cluster.Node) int { return a.Started.Compare(b.Started) })
	lives := make(map[string]cluster.Node) // the latest of each server
	for _, node := range nodes {
		if slices.Contains(node.Roles, string(config.RoleServer)) {
			lives[node.Name] = node
		}
	}
	at := make(map[string]cluster.Node) // an address may have had another server before
	for _, node := range lives {
		if was, ok := at[node.Address]; !ok || was.Started.Before(node.Started) {
			at[node.Address] = node
		}
	}
	delete(at, "")
	pool := upstream.Config{Servers: []upstream.ServerConfig{}, Policy: upstream.Ticket, TicketAfter: []string{"tickets", "tasks"}}
	for _, address := range slices.Sorted(maps.Keys(at)) {
		node := at[address]
		if node.State == cluster.Stopped || !node.Alive && now.Sub(node.Expires) > forgetServers {
			continue
		}
		host := hostPart(node.Name)
		wanted, known := wants[host]
		if !known {
			continue
		}
		pool.Servers = append(pool.Servers, upstream.ServerConfig{
			Address: address, Host: host, Drain: node.State == cluster.Draining, Cordon: wanted == join.Cordoned, Node: int(node.Number)})
	}
	return gateway.Table{
		Routes: []gateway.Route{{Path: "/", App: "paceline", Pool: serverPool}},
		Pools:  map[string]upstream.Config{serverPool: pool},
	}
}

// hostPart is the host of a node, which is named host/role.
func hostPart(node string) string {
	host, _, _ := strings.Cut(node, "/")
	return host
}

// answering is the service that answers questions put to the leader.
type answering struct {
	bus      *bus.Client
	handlers map[string]func(context.Context, bus.Message) (any, error)
	cancels  []func()
}

// Start begins to answer.
func (a *answering) Start(ctx context.Context) error {
	for _, verb := range slices.Sorted(maps.Keys(a.handlers)) {
		cancel, err := a.bus.Handle(bus.Lead(verb), a.handlers[verb])
		if err != nil {
			return errors.Join(err, a.Stop(ctx))
		}
		a.cancels = append(a.cancels, cancel)
	}
	return nil
}

// Stop leaves the questions to the next leader.
func (a *answering) Stop(context.Context) error {
	for _, cancel := range a.cancels {
		cancel()
	}
	a.cancels = nil
	return nil
}
