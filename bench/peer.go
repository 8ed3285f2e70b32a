package main

import (
	"context"
	"errors"
	"strconv"
	"sync"

	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/process"
)

// peer writes the same rows as the engine does for a completed task, the way most
// programs do: one transaction for each step, one statement for each row. It decides
// nothing and evaluates nothing; it is the database's part alone.
type peer struct {
	db   *db.DB
	ids  *db.IDs
	now  int64
	size sizes

	mu   sync.Mutex
	rows []*instance // idle ones
}

// instance is one of the peer's rows to move on.
type instance struct {
	id, task db.ID
	version  int64
}

// sizes are the bytes that the engine's own rows have, read from the database.
type sizes struct{ state, event, ids, trace, answer int }

// newPeer reads how large rows of the engine are and makes instances to work on.
func newPeer(ctx context.Context, w *world, instances int) (*peer, error) {
	p := &peer{db: w.DB, ids: db.NewIDs(db.MaxNode, clock)}
	var err error
	if p.now, err = db.Now(ctx, p.db); err != nil {
		return nil, err
	}
	for _, read := range []struct {
		query string
		into  []any
	}{
		{"SELECT LENGTH(state) FROM instance ORDER BY id {limit}", []any{&p.size.state}},
		{"SELECT LENGTH(event), LENGTH(ids), LENGTH(trace) FROM history WHERE seq = 2 ORDER BY instance {limit}", []any{&p.size.event, &p.size.ids, &p.size.trace}},
		{"SELECT LENGTH(answer) FROM command WHERE command_key LIKE 'bench/%' ORDER BY command_key {limit}", []any{&p.size.answer}},
	} {
		if err := p.db.QueryRow(ctx, read.query, 1).Scan(read.into...); err != nil {
			return nil, err
		}
	}
	for len(p.rows) < instances {
		made, err := p.addInstances(ctx)
		if err != nil {
			return nil, err
		}
		p.rows = append(p.rows, made...)
	}
	return p, nil
}

// addInstances makes some instances, each with a task and a ticket.
func (p *peer) addInstances(ctx context.Context) (made []*instance, err error) {
	err = p.db.Tx(ctx, func(ctx context.Context, tx *db.Tx) error {
		made, err = p.insertInstances(ctx, tx)
		return err
	})
	return made, err
}

func (p *peer) insertInstances(ctx context.Context, tx *db.Tx) (made []*instance, err error) {
	for range 500 {
		in := &instance{id: p.ids.Next(), task: p.ids.Next(), version: 1}
		if err := tx.Insert(ctx, p.instanceRow(in), p.taskRow(in)); err != nil {
			return nil, err
		}
		if _, err := tx.Exec(ctx, insertTicket, in.id, "R-2026-00000001", "bench", "request", 1, "Request", 1, "open", p.now, p.now, process.Never); err != nil {
			return nil, err
		}
		made = append(made, in)
	}
	return made, nil
}

const insertTicket = `INSERT INTO ticket (id, number, app, kind, app_version, title, requester, status, created, updated, closed)
	VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`

// complete runs the steps.
func (p *peer) complete(ctx context.Context, l load) (report, error) {
	return l.drive(ctx, func(ctx context.Context) error {
		in, err := p.take()
		if err != nil {
			return err
		}
		defer p.putBack(in)
		return p.step(ctx, in)
	})
}

func (p *peer) take() (*instance, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.rows) == 0 {
		return nil, errors.New("more clients than instances")
	}
	in := p.rows[0]
	p.rows = p.rows[1:]
	return in, nil
}

func (p *peer) putBack(in *instance) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rows = append(p.rows, in)
}

// step is one completed task: the same tables and columns as process and ticket write.
func (p *peer) step(ctx context.Context, in *instance) error {
	next := p.ids.Next()
	key := "peer/" + strconv.FormatInt(int64(next), 10)
	return p.db.Tx(ctx, func(ctx context.Context, tx *db.Tx) error {
		for _, write := range []struct {
			query string
			args  []any
		}{
			{"UPDATE instance SET version = version + 1, status = ?, seq = ?, ended = ?, state = ? WHERE id = ? AND version = ?",
				[]any{1, in.version + 1, process.Never, blob(p.size.state), in.id, in.version}},
			{"INSERT INTO command (command_key, hash, answer, at) VALUES (?, ?, ?, ?)", []any{key, "h", blob(p.size.answer), p.now}},
			{"DELETE FROM task WHERE id = ?", []any{in.task}},
			{"DELETE FROM task_candidate WHERE task = ?", []any{in.task}},
			{"UPDATE ticket SET updated = ?, status = ?, closed = ? WHERE id = ?", []any{p.now, "open", process.Never, in.id}},
		} {
			if _, err := tx.Exec(ctx, write.query, write.args...); err != nil {
				return err
			}
		}
		in.version, in.task = in.version+1, next
		if _, err := tx.InsertIgnore(ctx, p.readerRow(in)); err != nil {
			return err
		}
		return tx.Insert(ctx, p.historyRow(in), p.taskRow(in), db.Row{Table: process.Candidates, Values: []any{int64(7), in.task, process.Never, 0}})
	})
}

// peerDefinition is the definition of the peer's rows, which no engine ever runs.
const peerDefinition = 1

func (p *peer) instanceRow(in *instance) db.Row {
	return db.Row{Table: process.Instances, Values: []any{in.id, in.version, peerDefinition, in.id, 0, "R-2026-00000001", 1, in.version, p.now, process.Never, blob(p.size.state)}}
}

func (p *peer) taskRow(in *instance) db.Row {
	return db.Row{Table: process.Tasks, Values: []any{in.task, in.id, in.id, peerDefinition, "two", "Approve 2", 2, "request", `["approve","reject"]`, 0, "", 0, "",
		process.Never, process.Never, 0, 0, 1, p.now, ""}}
}

func (p *peer) historyRow(in *instance) db.Row {
	return db.Row{Table: process.Histories, Values: []any{in.id, in.version, in.task, p.now, 1, "Sample Approver", "taskCompleted", "",
		blob(p.size.event), blob(p.size.ids), blob(p.size.trace), nil}}
}

// readers are the principals who may see a ticket; whoever is asked to do something is
// added, most often again.
var readers = &db.Table{
	Name:    "ticket_reader",
	Columns: []db.Column{{Name: "principal", Type: db.BigInt}, {Name: "ticket", Type: db.BigInt}},
	Key:     []string{"principal", "ticket"},
}

func (p *peer) readerRow(in *instance) db.Row {
	return db.Row{Table: readers, Values: []any{int64(7), in.id}}
}

// blob is data that do not compress, as the engine's are compressed already.
func blob(size int) []byte {
	b := make([]byte, size)
	x := uint32(size) + 1
	for i := range b {
		x = x*1664525 + 1013904223
		b[i] = byte(x >> 24)
	}
	return b
}
