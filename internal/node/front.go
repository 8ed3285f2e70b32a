package node

import (
	"cmp"
	"context"
	"path/filepath"
	"time"

	"github.com/paceline/paceline/internal/agent"
	"github.com/paceline/paceline/internal/bus"
	"github.com/paceline/paceline/internal/cluster"
	"github.com/paceline/paceline/internal/config"
	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/gateway"
	"github.com/paceline/paceline/internal/service"
)

// gatewayFile is where a host may say more about its gateway than where it listens: TLS,
// limits, proxies. See docs/gateway.md; its table is the cluster's.
func gatewayFile(dir config.Dir) string { return filepath.Join(string(dir), "gateway.yaml") }

// fetchEvery is how often a gateway asks for the table where no bell rings.
const fetchEvery = 2 * time.Second

// makeGateway makes the front door. It serves its last table from the disk, so it needs
// nobody to start.
func (n *Node) makeGateway() error {
	host := n.cfg.Host
	cfg := gateway.Defaults()
	cfg.Listen, cfg.Admin = ":8080", "127.0.0.1:8101"
	if err := config.Load(&cfg, gatewayFile(n.cfg.Data), nil); err != nil {
		return err
	}
	cfg.Listen = cmp.Or(host.Listen.Gateway, cfg.Listen)
	cfg.Admin = cmp.Or(host.Listen.GatewayHealth, cfg.Admin)
	cfg.State = cmp.Or(cfg.State, filepath.Join(string(n.cfg.Data), "gateway"))
	cfg.Servers = n.id.PeerTLS()
	var err error
	if cfg.AccessLog {
		if n.access, err = agent.OpenLog(filepath.Join(n.cfg.Data.Logs(), "access.log"), agent.LogSize, agent.LogKeep); err != nil {
			return err
		}
		cfg.AccessTo = n.access
	}
	if n.gateway, err = gateway.New(cfg, n.cfg.Log, n.metrics); err != nil {
		return err
	}
	if err := n.makeShared(cfg.VIP); err != nil {
		return err
	}
	n.tableLoop = service.NewLoop(fetchEvery, n.fetchTable)
	_, err = n.bus.Subscribe(bus.Table, func(bus.Message) { n.tableLoop.Ring() })
	return err
}

// fetchTable asks the leader for the table and serves it if it is newer.
func (n *Node) fetchTable(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, fetchEvery)
	defer cancel()
	var t gateway.Table
	err := n.bus.Request(ctx, bus.Lead("table"), nil, &t)
	if err == nil && t.Revision > n.gateway.Table().Revision {
		err = n.gateway.Apply(ctx, t)
	}
	if err != nil && !errs.Is(err, errs.Unavailable) && ctx.Err() == nil {
		n.cfg.Log.Warn("cannot get the table", "err", err)
	}
	n.reportGateway()
}

// reportGateway tells the Agent how the gateway is.
func (n *Node) reportGateway() {
	n.report(func(r *agent.Report) {
		r.Node, r.State, r.Waits = n.cfg.Name, string(cluster.Ready), ""
		if len(n.gateway.Table().Pools) == 0 {
			r.State, r.Waits = string(cluster.Waiting), "it waits for a routing table, which the leading Booster has"
		}
		r.Addresses = map[string]string{}
		for purpose, addr := range map[string]interface{ String() string }{"http": n.gateway.Addr(), "https": n.gateway.TLSAddr(), "health": n.gateway.AdminAddr()} {
			if addr != nil {
				r.Addresses[purpose] = n.cfg.Host.AddressOf(addr.String())
			}
		}
		if n.shared != nil && n.shared.Holding() {
			r.Addresses["shared"] = n.shared.Address().String()
		}
	})
}
