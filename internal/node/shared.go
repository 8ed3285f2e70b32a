package node

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/paceline/paceline/internal/bus"
	"github.com/paceline/paceline/internal/cluster"
	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/gateway/vip"
	"github.com/paceline/paceline/internal/service"
)

// claimWithin bounds what the leader takes for one claim.
const claimWithin = time.Second

// makeShared makes a gateway's part in sharing an address, if it is told to.
func (n *Node) makeShared(cfg vip.Config) (err error) {
	if cfg.Address == "" {
		return nil
	}
	n.shared, err = vip.New(cfg, vip.Deps{Host: n.cfg.Host.Name, Ask: n.claim, Able: n.gateway.Able, Log: n.cfg.Log})
	if err != nil {
		return err
	}
	n.metrics.MustRegister(prometheus.NewGaugeFunc(
		prometheus.GaugeOpts{Name: "paceline_gateway_shared_address_held", Help: "1 while the address that gateways share is here.", ConstLabels: prometheus.Labels{"address": n.shared.Address().String()}},
		func() float64 {
			if n.shared.Holding() {
				return 1
			}
			return 0
		}))
	return nil
}

// claim asks the leader who is to hold the shared address.
func (n *Node) claim(ctx context.Context, q vip.Question) (a vip.Answer, err error) {
	err = n.bus.Request(ctx, bus.Lead("vip"), q, &a)
	return a, err
}

// answerClaims is the duty of saying who holds the addresses that gateways share.
func (n *Node) answerClaims(_ context.Context, fence cluster.Fence) service.Service {
	book := cluster.NewAddresses(fence, vip.TTL)
	return &claiming{node: n, book: book, answering: answering{bus: n.bus, handlers: map[string]func(context.Context, bus.Message) (any, error){
		"vip": func(ctx context.Context, m bus.Message) (any, error) {
			var q vip.Question
			if err := m.Read(&q); err != nil {
				return nil, err
			}
			ctx, cancel := context.WithTimeout(ctx, claimWithin)
			defer cancel()
			holder, err := book.Claim(ctx, cluster.AddressClaim{Address: q.Address, Host: m.From, Able: q.Able, Holding: q.Holding, GiveBack: q.GiveBack})
			return vip.Answer{Holder: holder}, err
		},
	}}}
}

// claiming answers claims, and hears of dead gateways meanwhile.
type claiming struct {
	answering
	node *Node
	book *cluster.Addresses
}

// Start begins to answer.
func (c *claiming) Start(ctx context.Context) error {
	c.node.addresses.Store(c.book)
	return c.answering.Start(ctx)
}

// Stop leaves the claims to the next leader.
func (c *claiming) Stop(ctx context.Context) error {
	c.node.addresses.CompareAndSwap(c.book, nil)
	return c.answering.Stop(ctx)
}

// freeShared takes in that the gateway of a host is dead.
func (n *Node) freeShared(ctx context.Context, host string) {
	book := n.addresses.Load()
	if book == nil {
		return
	}
	if err := book.Free(ctx, host); err != nil && !errs.Is(err, errs.Conflict) {
		n.cfg.Log.Warn("an address that gateways share is free only when it expires", "host", host, "err", err)
	}
}

// sharing is the service of a gateway that may share an address. It stops before all else,
// so that the address is given back while requests under way are still answered.
type sharing struct{ *Node }

// Start begins to share.
func (s sharing) Start(ctx context.Context) error {
	if s.shared == nil {
		return nil
	}
	return s.shared.Start(ctx)
}

// Stop gives the address back.
func (s sharing) Stop(ctx context.Context) error {
	if s.shared == nil {
		return nil
	}
	return s.shared.Stop(ctx)
}
