package node

import (
	"context"
	"slices"
	"time"

	"github.com/paceline/paceline/internal/bus"
	"github.com/paceline/paceline/internal/cluster"
	"github.com/paceline/paceline/internal/config"
	"github.com/paceline/paceline/internal/join"
	"github.com/paceline/paceline/internal/service"
)

// peers watches the lines to the other Boosters for a proof of death that needs no Agent: the line to the one that
// leads is lost, and its machine refuses fresh connections. Silence proves nothing.
type peers struct {
	*service.Loop
	lines    func() []string // Boosters that there is a line to, by host
	leader   func() cluster.Leader
	boosters func(context.Context) (map[string]string, error) // where they listen for hosts, by host
	refused  func(ctx context.Context, address string) bool   // see bus.Refused
	dead     func(epoch int64)

	had   []string          // lines at the last look
	known map[string]string // boosters, as they were read last
	read  time.Time
}

const (
	peersEvery  = 50 * time.Millisecond
	boostersOld = 10 * time.Second // then they are read again
)

// makePeers makes the watch of a Booster.
func (n *Node) makePeers() *peers {
	p := &peers{
		lines: n.busServer.Peers, leader: n.lease.Leader, refused: bus.Refused,
		boosters: func(ctx context.Context) (map[string]string, error) { return join.Boosters(ctx, n.db) },
		dead: func(epoch int64) {
			n.cfg.Log.Info("the leader is proven dead: its line is lost and its machine refuses connections", "node", n.cfg.Name, "epoch", epoch)
			n.lease.ProveDead(epoch)
		},
	}
	p.Loop = service.NewLoop(peersEvery, p.look)
	return p
}

// look asks for the proof when a line has been lost since the last look. It is proof of the death of who led before
// that, in that epoch.
func (p *peers) look(ctx context.Context) {
	p.learn(ctx)
	lines, leader := p.lines(), p.leader()
	had := p.had
	p.had = lines
	for _, host := range had {
		if slices.Contains(lines, host) || leader.Name != host+"/"+string(config.RoleBooster) {
			continue
		}
		if address := p.known[host]; address != "" && p.gone(ctx, address) {
			p.dead(leader.Epoch)
		}
	}
}

// gone says whether both ports of a Booster's process refuse: the one of the bus alone is closed for a moment
// when a Booster drops all its lines.
func (p *peers) gone(ctx context.Context, address string) bool {
	door, err := join.JoinAddress(address)
	return err == nil && p.refused(ctx, address) && p.refused(ctx, door) && p.refused(ctx, address)
}

// learn reads where the Boosters are, ahead of the time when that counts.
func (p *peers) learn(ctx context.Context) {
	if time.Since(p.read) < boostersOld {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	p.read = time.Now()
	if known, err := p.boosters(ctx); err == nil {
		p.known = known
	}
}
