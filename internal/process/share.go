package process

import (
	"context"
	"time"

	"github.com/paceline/paceline/internal/db"
)

// How work is shared among the nodes:
//
//   - A node holds what its workers do soon, and at least one job for each. What it makes is held
//     by it from the start; what is more than that is written free.
//   - It rings when it has written something free, and who has room takes as much as that.
//     Who hears nothing looks every now and then.
//   - What waits although it was thought to begin soon is given back.
//
// So a node alone does everything from memory until its workers are behind, and then a part of
// it by way of the database; of several, each does what it can.

const (
	soon       = 100 * time.Millisecond // a node holds what its workers do within it
	offerEvery = 20 * time.Millisecond  // between two rings of a node
	firstRest  = 5 * time.Millisecond   // after a ring for which nothing was left; doubles
)

// TopicJob is the topic of the rings that Runtime.Hear takes in.
const TopicJob = "job"

// freeWork is the ring that says that there is work which no node holds.
var freeWork = ring{topic: TopicJob}

// effort estimates how long a worker is busy with a job: what those took that are done, the later the
// more, or the age of those under way when that is more.
type effort struct {
	base  time.Time
	busy  int           // jobs under way
	begun time.Duration // sum of their beginnings, since base
	usual time.Duration
}

// newEffort knows nothing yet, so a node begins with a job for each worker.
func newEffort() effort { return effort{base: time.Now(), usual: soon} }

func (e *effort) begin() time.Duration {
	now := time.Since(e.base)
	e.busy++
	e.begun += now
	return now
}

func (e *effort) end(begun time.Duration) {
	e.busy--
	e.begun -= begun
	e.usual += (time.Since(e.base) - begun - e.usual) / 16
}

func (e *effort) of() time.Duration {
	if e.busy == 0 {
		return max(e.usual, 1)
	}
	return max(e.usual, time.Since(e.base)-e.begun/time.Duration(e.busy), 1)
}

// keeps is how many jobs this node holds, under way and waiting; the caller holds mu.
func (j *jobs) keeps() int {
	workers := j.r.cfg.Workers
	return max(workers, int(soon*time.Duration(workers)/j.effort.of()))
}

// room is how many more jobs this node takes; the caller holds mu.
func (j *jobs) room() int {
	j.ripen()
	if !j.open {
		return 0
	}
	return min(j.keeps()-j.effort.busy-len(j.due), j.r.cfg.JobQueue-len(j.byID))
}

// load counts the jobs in memory, those being done among them, and says how many more this node takes.
func (j *jobs) load() (held, room int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return len(j.byID), j.room()
}

// wants reports whether this node holds a job of that due time, beside those that the same transition makes.
func (j *jobs) wants(due time.Time, others int) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	now := j.r.now()
	if due.After(now) {
		return j.open && len(j.byID) < j.r.cfg.JobQueue && due.Before(now.Add(j.r.cfg.Ahead))
	}
	return j.room() > others
}

// ended notes that a worker is free again. It looks for more when there may be some, but while there is enough
// to do not for each single job.
func (j *jobs) ended(begun time.Duration) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.effort.end(begun)
	if j.more && (len(j.due) == 0 || 4*j.room() > j.keeps()) {
		j.taker.Ring()
	}
}

// free notes that there is free work; the others are told soon.
func (j *jobs) free() {
	j.mu.Lock()
	j.more, j.owes = true, true
	j.mu.Unlock()
	j.offer.Ring()
	j.taker.Ring()
}

// tellOthers rings, and then rests for a moment: what becomes free meanwhile is one more ring.
func (j *jobs) tellOthers(ctx context.Context) {
	j.mu.Lock()
	owes := j.owes
	j.owes = false
	j.mu.Unlock()
	if owes {
		j.r.deps.Ring(freeWork.topic, freeWork.key)
		rest(ctx, offerEvery)
	}
}

// Hear takes in the ring "job" of another node, with its key.
func (r *Runtime) Hear(typ string) {
	if typ != freeWork.key {
		r.workers.ring(typ)
		return
	}
	j := r.jobs
	j.mu.Lock()
	j.more, j.rung = true, true
	j.mu.Unlock()
	j.taker.Ring()
}

// take takes free work that is due. Of many nodes that hear the same ring most come too late; such a node
// rests before it looks again, the longer the more often it happens.
func (j *jobs) take(ctx context.Context) {
	j.mu.Lock()
	rung := j.rung
	j.rung = false
	j.mu.Unlock()
	asked, taken, err := j.fill(ctx, 0)
	switch {
	case err != nil && ctx.Err() == nil:
		j.r.log.Warn("cannot take free jobs", "cause", err)
	case taken > 0:
		j.late = 0
	case rung && asked > 0:
		j.late = min(max(2*j.late, firstRest), j.r.cfg.PollEvery)
		rest(ctx, j.late)
	}
}

// fill takes free work that is due, or will be within ahead, as much as there was room for at the beginning. What
// came from elsewhere meanwhile may have filled that: then it gives back.
func (j *jobs) fill(ctx context.Context, ahead time.Duration) (asked, taken int, err error) {
	j.filling.Lock()
	defer j.filling.Unlock()
	j.mu.Lock()
	asked = max(j.room(), 0)
	j.mu.Unlock()
	for taken < asked && ctx.Err() == nil {
		limit := min(asked-taken, batch)
		j.mu.Lock()
		j.more = false
		j.mu.Unlock()
		found, err := db.Take(ctx, j.r.deps.DB, db.Lease{
			Table: Jobs, Where: "owner = 0 AND due <= ?" + j.can, Args: append([]any{j.r.now().Add(ahead).UnixMicro()}, j.types...), OrderBy: "due",
			Columns: jobLease, Values: []any{j.r.deps.Lease.Number(), j.r.deps.Lease.Epoch()},
			Limit: limit, Returns: jobReturns,
		}, scanJob)
		for _, x := range found {
			j.add(x)
		}
		taken += len(found)
		if err != nil {
			return asked, taken, err
		}
		if len(found) < limit {
			break
		}
		j.mu.Lock()
		j.more = true
		j.mu.Unlock()
	}
	if taken > 0 {
		err = j.giveBack(ctx)
	}
	return asked, taken, err
}

// giveBack frees what waits here although this node does not get to it soon, because its work takes longer than
// it seemed. The work whose result is only to be told stays.
func (j *jobs) giveBack(ctx context.Context) error {
	surplus := j.surplus()
	if len(surplus) == 0 {
		return nil
	}
	ids := make([]db.ID, len(surplus))
	for i, x := range surplus {
		ids[i] = x.id
	}
	_, err := j.r.deps.DB.Exec(ctx, "UPDATE job SET owner = 0, epoch = 0 WHERE id IN (?) AND owner = ? AND epoch = ?",
		db.In(ids), j.r.deps.Lease.Number(), j.r.deps.Lease.Epoch())
	if err != nil {
		for _, x := range surplus {
			j.add(x)
		}
		return err
	}
	j.free()
	return nil
}

// surplus takes from the queue what is more than twice as much as should wait in it, down to that.
func (j *jobs) surplus() (all []*job) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.ripen()
	waits := max(j.keeps()-j.effort.busy, 0)
	if len(j.due) <= 2*waits {
		return nil
	}
	for at := len(j.due) - 1; at >= waits && len(all) < batch; at-- {
		x := j.due[at]
		if x.work != nil && x.work.result != nil {
			continue
		}
		j.due.remove(x)
		delete(j.byID, x.id)
		all = append(all, x)
	}
	return all
}

// rest waits for a while, at most until ctx ends.
func rest(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
