package process

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/paceline/paceline/internal/db"
)

// batch is how many jobs one look takes at once.
const batch = 200

// lookers is how many nodes look at the same time for the jobs of dead ones.
const lookers = 8

var (
	jobReturns = []string{"id", "instance", "root", "definition", "kind", "type", "node", "due", "retries", "payload", "created"}
	jobLease   = []string{"owner", "epoch"}
)

// poll looks for what nobody holds: timers that are due soon, work that is free, and the jobs of
// nodes that are dead.
func (j *jobs) poll(ctx context.Context) {
	err := j.giveBack(ctx)
	if err == nil {
		err = j.r.adopt(ctx)
	}
	if err == nil {
		err = j.freeOrphans(ctx)
	}
	if err == nil {
		_, _, err = j.fill(ctx, j.r.cfg.Ahead)
	}
	if err != nil && ctx.Err() == nil {
		j.r.log.Warn("cannot look for jobs", "cause", err)
	}
}

// freeOrphans frees the jobs of epochs that have ended. A job done twice is harmless: what
// it brings back is a command that the instance takes once.
//
// Of many nodes only some look each time, as many as lookers on average: who is dead is read from the
// rows of all of them.
func (j *jobs) freeOrphans(ctx context.Context) error {
	if rand.N(j.r.deps.Peers()) >= lookers {
		return nil
	}
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
		freed, err := j.freeOf(ctx, h.number, h.epoch)
		if freed > 0 {
			j.free()
			j.r.log.Info("freed the jobs of a node that is gone", "node", h.number, "epoch", h.epoch, "jobs", freed)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// freeOf frees the jobs of an epoch, batch by batch; those that another node frees at the same time are left to it.
func (j *jobs) freeOf(ctx context.Context, number, epoch int64) (freed int, err error) {
	for ctx.Err() == nil {
		ids, err := db.Take(ctx, j.r.deps.DB, db.Lease{
			Table: Jobs, Where: "owner > 0 AND owner = ? AND epoch = ?", Args: []any{number, epoch}, OrderBy: "due",
			Columns: jobLease, Values: []any{0, 0}, Limit: batch, Returns: []string{"id"},
		}, func(s db.Scanner) (id db.ID, err error) { return id, s.Scan(&id) })
		freed += len(ids)
		if err != nil || len(ids) < batch {
			return freed, err
		}
	}
	return freed, ctx.Err()
}

func scanJob(s db.Scanner) (*job, error) {
	x := &job{taken: true}
	var due, created int64
	err := s.Scan(&x.id, &x.instance, &x.root, &x.definition, &x.kind, &x.typ, &x.node, &due, &x.retries, &x.payload, &created)
	x.due, x.created = time.UnixMicro(due).UTC(), time.UnixMicro(created).UTC()
	return x, err
}
