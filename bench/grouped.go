package main

import (
	"context"
	"strconv"
	"sync"

	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/process"
)

// committers are as many as a node has lanes.
const committers = 2

// member is one Change on its way into a group.
type member struct {
	change *db.Change
	done   chan error
}

// completeGrouped writes the peer's rows by group commit: what is queued becomes one
// transaction. Beside the peer it shows the grouping alone, without the engine.
func (p *peer) completeGrouped(ctx context.Context, l load) (report, error) {
	queues := make([]chan member, committers)
	var wg sync.WaitGroup
	for i := range queues {
		queues[i] = make(chan member, 4096)
		wg.Go(func() { commitGroups(ctx, p.db, queues[i]) })
	}
	did, err := l.drive(ctx, func(ctx context.Context) error {
		in, err := p.take()
		if err != nil {
			return err
		}
		defer p.putBack(in)
		m := member{p.change(in), make(chan error, 1)}
		queues[uint64(in.id)*0x9e3779b97f4a7c15>>32%committers] <- m // the low bits of ids are the node's
		return <-m.done
	})
	for _, q := range queues {
		close(q)
	}
	wg.Wait()
	return did, err
}

// commitGroups takes what is queued, at most 256, and commits it; it never waits to
// gather more.
func commitGroups(ctx context.Context, d *db.DB, queue chan member) {
	for m := range queue {
		group := []member{m}
		for more := true; more && len(group) < 256; {
			select {
			case next, open := <-queue:
				if more = open; open {
					group = append(group, next)
				}
			default:
				more = false
			}
		}
		changes := make([]*db.Change, len(group))
		for i, m := range group {
			changes[i] = m.change
		}
		for i, err := range d.Commit(ctx, changes) {
			group[i].done <- err
		}
	}
}

var (
	stepped = []string{"status", "seq", "ended", "state"}
	touched = []string{"updated", "status", "closed"}
)

// change is one step of the peer as one Change.
func (p *peer) change(in *instance) *db.Change {
	done, next := in.task, p.ids.Next()
	ch := &db.Change{
		Guards: []db.Guard{{Table: process.Instances, Key: int64(in.id), Version: in.version, Columns: stepped,
			Values: []any{1, in.version + 1, process.Never, blob(p.size.state)}}},
		Claims: []db.Claim{{Key: "grouped/" + strconv.FormatInt(int64(next), 10), Hash: "h", Answer: blob(p.size.answer)}},
		Gones:  []db.Gone{{Table: process.Tasks, Column: "id", Value: int64(done)}, {Table: process.Candidates, Column: "task", Value: int64(done)}},
		Sets:   []db.Set{{Table: tickets, Columns: touched, Key: []any{in.id}, Values: []any{p.now, "open", process.Never}}},
	}
	in.version, in.task = in.version+1, next
	ch.Inserts = []db.Row{p.historyRow(in), p.taskRow(in), {Table: process.Candidates, Values: []any{int64(7), in.task, process.Never, 0}}}
	ch.Ignores = []db.Row{p.readerRow(in)}
	return ch
}

// tickets are the columns of the table ticket that a step touches.
var tickets = &db.Table{
	Name: "ticket",
	Columns: []db.Column{
		{Name: "id", Type: db.BigInt}, {Name: "updated", Type: db.BigInt}, {Name: "status", Type: db.Text, Size: 10}, {Name: "closed", Type: db.BigInt},
	},
	Key: []string{"id"},
}
