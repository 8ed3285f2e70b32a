package node

import (
	"cmp"
	"context"
	"net"
	"strings"
	"time"

	"github.com/paceline/paceline/internal/agent"
	"github.com/paceline/paceline/internal/bus"
	"github.com/paceline/paceline/internal/cluster"
	"github.com/paceline/paceline/internal/config"
	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/join"
	"github.com/paceline/paceline/internal/process"
	"github.com/paceline/paceline/internal/trust"
)

// makeBus makes the node's voice and ear among the hosts of a cluster.
func (n *Node) makeBus() (err error) {
	cfg := n.cfg
	if n.id, err = trust.Open(cfg.Data); err != nil {
		return err
	}
	told := bus.Config{
		Identity: n.id, Boosters: cfg.Host.Boosters, Lose: cfg.LoseBus,
		Beat: n.beat, Heard: func(p bus.Pulse) { n.heard.Store(&p) },
	}
	if cfg.Role == config.RoleBooster {
		if n.busServer, err = n.makeBusServer(); err != nil {
			return err
		}
		told.Own = n.busServer
	}
	if n.bus, err = bus.New(told, cfg.Log); err != nil {
		return err
	}
	if _, err := n.bus.Subscribe(bus.Exit, n.bury); err != nil {
		return err
	}
	if n.db == nil {
		return nil
	}
	n.follower = join.NewFollower(n.db, cfg.Host.Name, n.wish, n.removed, cfg.Log)
	if cfg.Role == config.RoleServer {
		n.door = trust.NewDoor(n.id)
		n.outcasts = join.NewWatch(n.db, n.id, 0, n.door.Cut, cfg.Log)
	}
	_, err = n.bus.Listen(n.hearBell)
	return err
}

// guard is what stands before the node's listener: on a cluster's hosts a server answers the
// cluster only.
func (n *Node) guard() func(net.Listener) net.Listener {
	if n.door == nil {
		return nil
	}
	return n.door.Guard
}

// makeBusServer makes a Booster's part in carrying the bus.
func (n *Node) makeBusServer() (*bus.Server, error) {
	host := n.cfg.Host
	own := cmp.Or(host.Listen.Booster, ":5169")
	var peers []string
	for _, address := range host.Boosters {
		if address != host.AddressOf(own) {
			peers = append(peers, bus.RouteOf(address))
		}
	}
	return bus.NewServer(bus.ServerConfig{Identity: n.id, Listen: own, Route: host.Listen.Route, Peers: peers}, n.cfg.Log)
}

// beat is how this node is, for the leader.
func (n *Node) beat() bus.Beat {
	b := bus.Beat{
		Node: n.cfg.Name, Host: n.cfg.Host.Name, Role: string(n.cfg.Role), Version: n.cfg.Version,
		State: string(cluster.Ready), Address: n.advertised(), Wall: n.cfg.Now(),
	}
	b.Zone, _ = b.Wall.Zone()
	b.Load = n.load.share(time.Now())
	if n.member != nil {
		state, cause := n.member.State()
		b.State, b.Cause = string(state), cause
		b.Number, b.Epoch = n.member.Number(), n.member.Epoch()
	}
	if err := n.waits.cause(context.Background()); err != nil {
		b.State, b.Cause = string(cluster.Waiting), err.Error()
	}
	if n.gateway != nil {
		b.Revisions = map[string]int64{"table": int64(n.gateway.Table().Revision)}
	}
	return b
}

// hearBell takes in that something changed on another host.
func (n *Node) hearBell(topic, key string) {
	if topic == join.TopicHost {
		n.follower.Ring()
		if n.join != nil {
			n.join.Look()
		}
		if n.outcasts != nil {
			n.outcasts.Ring()
		}
		return
	}
	switch {
	case n.cfg.Role == config.RoleBooster:
	case topic == process.TopicJob:
		n.process.Hear(key)
	default:
		n.heed(topic, key)
	}
}

// buryWithin bounds what a death costs the one who hears of it.
const buryWithin = 2 * time.Second

// bury takes in that a process has ended, as the Agent of its host saw it: proof that the
// node is dead in that epoch. What it held is taken over at once, its lease is not
// waited for, and no request is sent to it. An Agent speaks for its own host only.
func (n *Node) bury(m bus.Message) {
	var e agent.Exit
	if err := m.Read(&e); err != nil {
		n.cfg.Log.Warn("an end cannot be understood", "from", m.From, "err", err)
		return
	}
	host, _, _ := strings.Cut(e.Node, "/")
	if e.Node != "" && host != m.From {
		n.cfg.Log.Warn("a host speaks of the end of another one's node", "from", m.From, "node", e.Node)
		return
	}
	if n.gateway != nil {
		if address := e.Addresses["http"]; address != "" && e.Role == config.RoleServer {
			n.gateway.Down(address, e.How)
		}
		return
	}
	if n.lease != nil && n.cfg.Role == config.RoleBooster && e.Lease > 0 && n.lease.Leader() == (cluster.Leader{Name: e.Node, Epoch: e.Lease}) {
		n.lease.ProveDead(e.Lease)
	}
	ctx, cancel := context.WithTimeout(context.Background(), buryWithin)
	defer cancel()
	if e.Role == config.RoleGateway {
		n.freeShared(ctx, m.From)
	}
	if e.Number == 0 {
		return
	}
	if err := cluster.ProveDead(ctx, n.db, e.Node, e.Number, e.Epoch); err != nil {
		n.cfg.Log.Warn("what a dead node held has to wait until its place expires", "node", e.Node, "err", err)
		return
	}
	if n.cfg.Role == config.RoleServer {
		n.process.Wake()
	}
	n.lead.look()
}

// wish takes in what is wanted of this host.
func (n *Node) wish(w join.Wanted) {
	if w == join.Drained {
		n.tell(cluster.Drained, "")
	} else {
		n.tell(cluster.Returned, "")
	}
}

// removed takes in that this host is not in the cluster any more.
func (n *Node) removed() {
	n.waits.set(errRemoved)
	n.tell(cluster.Failed, errRemoved.Error())
	n.leave.Do(func() { close(n.left) })
}

var errRemoved = errs.New(errs.Denied, "this host was removed from the cluster").WithCure("let it join again with a new token")

// wanted is the service that goes by what the cluster wants of the host.
type wanted struct {
	*Node
	follower *join.Follower
}

// Start looks whether the host is in the cluster; a host that was removed waits here.
func (w wanted) Start(ctx context.Context) error {
	err := w.await(ctx, "a place in the cluster", func(ctx context.Context) error {
		if err := join.CheckMoved(ctx, w.db, w.cfg.Revision); err != nil {
			return err
		}
		_, err := join.Tell(ctx, w.db, w.cfg.Host.Name)
		return err
	})
	if err != nil {
		return err
	}
	return w.follower.Start(ctx)
}

// Stop ends it.
func (w wanted) Stop(ctx context.Context) error { return w.follower.Stop(ctx) }
