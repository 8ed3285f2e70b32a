package node

import (
	"context"
	"path/filepath"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/paceline/paceline/internal/api"
	"github.com/paceline/paceline/internal/bus"
	"github.com/paceline/paceline/internal/cluster"
	"github.com/paceline/paceline/internal/config"
	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/org"
)

// coordinate makes what this node has to do with the others: its part in the lease, the
// leader's duties, and what it needs to be ready.
func (n *Node) coordinate(ctx context.Context) (err error) {
	cfg, log := n.cfg, n.cfg.Log
	n.leases, err = db.Open(ctx, db.Config{DSN: cfg.DB.DSN, Dir: string(cfg.Data), MaxConns: 4, Patience: 1500 * time.Millisecond, Later: true, Version: cfg.Version, Log: log})
	if err != nil {
		return err
	}
	n.lease, err = cluster.NewLease(cluster.LeaseConfig{
		Name: cfg.Name, Primary: n.primary, Shared: cfg.Role != alone, Floor: filepath.Join(string(cfg.Data), "epoch"), Willing: n.stays, Ring: n.leaseFree,
	}, n.leases, log)
	if err != nil {
		return err
	}
	n.lease.Lead("report", n.reportLead)
	n.lease.Lead("sweep", cluster.Repeat(sweepEvery, n.sweep))
	n.ready = cluster.NewReadiness(checkEvery, n.tell,
		cluster.DatabaseCheck(n.db),
		cluster.SchemaCheck(n.db, migrations()),
		cluster.DiskCheck(string(cfg.Data), leastDisk),
		cluster.ClockCheck(n.db, n.cfg.Now, mostSkew),
		cluster.Check{Name: "member", Run: n.placed},
	)
	return nil
}

// measureLease adds who leads to what a node counts.
func (n *Node) measureLease(reg *prometheus.Registry) {
	gauge := func(name, help string, read func() int64) {
		reg.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 { return float64(read()) }))
	}
	gauge("paceline_leading", "1 while this node leads.", func() int64 { return min(n.lease.Epoch(), 1) })
	gauge("paceline_leader_epoch", "Epoch of the leader as this node knows it.", func() int64 { return n.leader().Epoch })
}

// stays says that the node is not about to leave.
func (n *Node) stays() bool {
	state, _ := n.member.State()
	return state != cluster.Draining && state != cluster.Stopped
}

// placed says what is wrong with the node's place among the others.
func (n *Node) placed(context.Context) error {
	if n.member.Number() == 0 {
		return errs.New(errs.Unavailable, "the node has no place in the cluster")
	}
	return nil
}

// checks are what /readyz shows: what was found last, which costs nothing.
func (n *Node) checks() []api.Check {
	all := []api.Check{{Name: "start", Run: n.waits.cause}}
	for _, name := range n.ready.Names() {
		all = append(all, api.Check{Name: name, Run: func(context.Context) error { return n.ready.Cause(name) }})
	}
	return all
}

// nodes tells who is there and who leads, to those who may know.
func (n *Node) nodes(ctx context.Context, by *org.Actor) (cluster.Overview, error) {
	if err := by.Require(org.ReadSystem); err != nil {
		return cluster.Overview{}, err
	}
	o, err := n.lease.Look(ctx)
	if err != nil || n.bus == nil {
		return o, err
	}
	asked, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	if err := n.bus.Request(asked, bus.Lead("members"), nil, &o.Sightings); err != nil {
		n.cfg.Log.Debug("the leader does not tell who is there", "node", n.cfg.Name, "err", err)
		o.Sightings = []cluster.Sighting{}
	}
	return o, nil
}

// leader is who leads, as far as this node knows.
func (n *Node) leader() cluster.Leader {
	if pulse := n.heard.Load(); pulse != nil && n.cfg.Role == config.RoleServer {
		return cluster.Leader{Name: pulse.Leader, Epoch: pulse.Epoch}
	}
	return n.lease.Leader()
}
