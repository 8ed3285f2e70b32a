package cluster

import (
	"context"
	"time"

	"github.com/paceline/paceline/internal/db"
)

// failback is the duty of a leader that is not the configured primary: to give the lease
// to the primary once that has been ready for a while. Not too often, for a primary that
// cannot keep it.
type failback struct {
	lease *Lease
	last  time.Time
}

func (f *failback) look(ctx context.Context, _ Fence) {
	l := f.lease
	if now := time.Now(); !f.last.IsZero() && now.Sub(f.last) < 20*l.cfg.Failback {
		return
	}
	primary, ready, err := f.heir(ctx)
	if err != nil && ctx.Err() == nil {
		l.log.Warn("cannot see how the primary is", "err", err)
	}
	if ready && ctx.Err() == nil {
		f.last = time.Now()
		l.resign(primary)
	}
}

// heir is the primary, if that is another node and has been ready for long enough.
func (f *failback) heir(ctx context.Context) (primary string, ready bool, err error) {
	l := f.lease
	if primary, err = l.cfg.Primary(ctx); err != nil || primary == "" || primary == l.cfg.Name {
		return "", false, err
	}
	ready, err = readyFor(ctx, l.db, primary, l.cfg.Failback)
	return primary, ready, err
}

// readyFor tells whether a node has been ready for that long.
func readyFor(ctx context.Context, q db.Queryer, name string, d time.Duration) (bool, error) {
	var n int
	err := q.QueryRow(ctx, "SELECT count(*) FROM cluster_node WHERE name = ? AND state = ? AND since <= {now} - ? AND expires > {now}",
		name, string(Ready), d.Microseconds()).Scan(&n)
	return n > 0, err
}
