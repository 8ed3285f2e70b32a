package node

import (
	"context"
	"sync"
	"time"

	"github.com/paceline/paceline/internal/agent"
	"github.com/paceline/paceline/internal/cluster"
	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/service"
)

// waits is what the start of a node waits for: the reason why it is not ready that comes
// before all checks.
type waits struct {
	mu  sync.Mutex
	err error // nil: nothing
}

func (w *waits) set(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.err = err
}

// cause is a check of /readyz.
func (w *waits) cause(context.Context) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}

// How often a node looks for what it waits for, at first and at last.
const (
	waitFirst = 100 * time.Millisecond
	waitMost  = 2 * time.Second
	waitLimit = 2 * time.Second // for one look
)

// await looks for something until it is there or ctx ends, and says meanwhile what the
// node waits for: in the log, on /readyz and to the Agent.
func (n *Node) await(ctx context.Context, what string, look func(context.Context) error) error {
	defer n.waits.set(nil)
	said := ""
	for pause := waitFirst; ; pause = min(2*pause, waitMost) {
		limited, cancel := context.WithTimeout(ctx, waitLimit)
		err := look(limited)
		cancel()
		switch {
		case err == nil && said != "":
			n.cfg.Log.Info("what the node has waited for is there", "node", n.cfg.Name, "what", what)
			fallthrough
		case err == nil:
			n.report(func(r *agent.Report) { r.State, r.Waits = string(agent.Starting), "" })
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		}
		err = errs.New(errs.KindOf(err), "it waits for %s: %w", what, err)
		n.waits.set(err)
		if cause := err.Error(); cause != said {
			said = cause
			n.cfg.Log.Warn("the node waits", "node", n.cfg.Name, "what", what, "cause", cause)
			n.report(func(r *agent.Report) { r.State, r.Waits = string(agent.Waiting), cause })
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
		case <-timer.C:
		}
		timer.Stop()
	}
}

// report tells the Agent something, where there is one.
func (n *Node) report(change func(*agent.Report)) {
	if n.cfg.Life == nil {
		return
	}
	if err := n.cfg.Life.Tell(change); err != nil {
		n.cfg.Log.Warn("cannot tell the Agent", "node", n.cfg.Name, "err", err)
	}
}

// tell takes in how this node is, and passes it on to the others and to the Agent.
func (n *Node) tell(e cluster.Event, cause string) {
	n.member.Tell(e, cause)
	state, cause := n.member.State()
	n.report(func(r *agent.Report) { r.State, r.Waits = string(state), cause })
}

// address is the service that takes the node's address. Until the last service has
// started, only health and metrics are served there.
type address struct{ *Node }

// Start takes the address.
func (a address) Start(ctx context.Context) error {
	if err := a.listener.Listen(ctx); err != nil {
		return err
	}
	a.report(func(r *agent.Report) { r.Addresses = map[string]string{"http": a.advertised()} })
	return nil
}

// Stop gives it back.
func (a address) Stop(ctx context.Context) error { return a.listener.Stop(ctx) }

// place is the service that is the node's place among the others.
type place struct{ *Node }

// Start takes it, and tells the Agent which, before anything is done in its name.
func (p place) Start(ctx context.Context) error {
	if err := p.member.Start(ctx); err != nil {
		return err
	}
	p.report(func(r *agent.Report) { r.Node, r.Number, r.Epoch = p.cfg.Name, p.member.Number(), p.member.Epoch() })
	return nil
}

// Stop gives it back.
func (p place) Stop(ctx context.Context) error { return p.member.Stop(ctx) }

// stuckAfter is how long the checks of a node may take until it says that it hangs.
const stuckAfter = 10 * time.Second

// sign is the node's sign of life: nil as long as it does its work, or waits for something. Where a part holds its
// lock for ever this does not return, which says as much.
func (n *Node) sign() error {
	if n.gateway != nil {
		n.gateway.Table()
		return nil
	}
	n.member.State()
	n.lease.Leader()
	return n.ready.Stuck(stuckAfter)
}

// reportLead is the first duty of a leader: to tell the Agent that it is one, so that its
// death can be proven.
func (n *Node) reportLead(_ context.Context, fence cluster.Fence) service.Service {
	return starting(func(context.Context) error {
		n.report(func(r *agent.Report) { r.Node, r.Lease = n.cfg.Name, fence.Epoch })
		return nil
	})
}

// advertised is where others reach the node's role.
func (n *Node) advertised() string {
	addr := n.Addr()
	switch {
	case addr == nil:
		return ""
	case n.cfg.Host == nil:
		return addr.String()
	}
	return n.cfg.Host.AddressOf(addr.String())
}
