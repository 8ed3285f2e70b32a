package process

import (
	"context"
	"time"

	"github.com/paceline/paceline/internal/db"
)

// batch is how many jobs one look takes at once.
const batch = 200

var (
	jobReturns = []string{"id", "instance", "root", "definition", "kind", "type", "node", "due", "retries", "payload", "created"}
	jobLease   = []string{"owner", "epoch"}
)

// poll looks for what nobody holds: timers that are due soon, jobs that found no room in any
// memory, and the jobs of nodes that are dead.
func (j *jobs) poll(ctx context.Context) {
	err := j.r.adopt(ctx)
	if err == nil {
		err = j.takeAll(ctx, "owner = 0 AND due <= ?", func() []any { return []any{j.r.now().Add(j.r.cfg.Ahead).UnixMicro()} })
	}
	if err == nil {
		err = j.takeOrphans(ctx)
	}
	if err != nil && ctx.Err() == nil {
		j.r.log.Warn("cannot look for jobs", "cause", err)
	}
}

// takeOrphans takes over the jobs of epochs that have ended. A job done twice is harmless: what
// it brings back is a command that the instance takes once.
func (j *jobs) takeOrphans(ctx context.Context) error {
	dead, err := j.r.deps.Lease.Dead(ctx)
	if err != nil {
		return err
	}
	type holder struct{ number, epoch int64 }
	holders, err := db.All(ctx, j.r.deps.DB, func(s db.Scanner) (h holder, err error) {
		return h, s.Scan(&h.number, &h.epoch)
	}, "SELECT DISTINCT owner, epoch FROM job WHERE owner > 0")
	if err != nil {
		return err
	}
	for _, h := range holders {
		if !dead(h.number, h.epoch) {
			continue
		}
		err := j.takeAll(ctx, "owner > 0 AND owner = ? AND epoch = ?", func() []any { return []any{h.number, h.epoch} })
		if err != nil {
			return err
		}
		j.r.log.Info("took over the jobs of a node that is gone", "node", h.number, "epoch", h.epoch)
	}
	return nil
}

// takeAll leases the jobs that match, batch by batch, while there is room for them.
func (j *jobs) takeAll(ctx context.Context, where string, args func() []any) error {
	for ctx.Err() == nil {
		limit := min(batch, j.r.cfg.JobQueue-j.len())
		if limit <= 0 {
			return nil
		}
		taken, err := db.Take(ctx, j.r.deps.DB, db.Lease{
			Table: Jobs, Where: where, Args: args(), OrderBy: "due",
			Columns: jobLease, Values: []any{j.r.deps.Lease.Number(), j.r.deps.Lease.Epoch()},
			Limit: limit, Returns: jobReturns,
		}, scanJob)
		for _, x := range taken {
			j.add(x)
		}
		if err != nil || len(taken) < limit {
			return err
		}
	}
	return ctx.Err()
}

func scanJob(s db.Scanner) (*job, error) {
	x := &job{taken: true}
	var due, created int64
	err := s.Scan(&x.id, &x.instance, &x.root, &x.definition, &x.kind, &x.typ, &x.node, &due, &x.retries, &x.payload, &created)
	x.due, x.created = time.UnixMicro(due).UTC(), time.UnixMicro(created).UTC()
	return x, err
}
