package operation

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/org"
	"github.com/paceline/paceline/internal/process"
	"github.com/paceline/paceline/internal/ticket"
)

// work does batch after batch of the runs that are this node's to do, until there is none.
func (s *Service) work(ctx context.Context) {
	for more := true; more && ctx.Err() == nil; {
		more = false
		mine, err := s.take(ctx)
		if err != nil {
			s.complain(ctx, "runs of operations cannot be read", err)
			return
		}
		for _, run := range mine {
			went, err := s.batch(ctx, run)
			if err != nil {
				s.complain(ctx, "an operation cannot go on yet", err)
				continue
			}
			more = more || went
		}
	}
}

func (s *Service) complain(ctx context.Context, what string, err error) {
	if ctx.Err() == nil {
		s.deps.Log.Warn(what, "cause", err)
	}
}

// take gives the running runs that this node has, those among them that nobody had or whose node is dead.
func (s *Service) take(ctx context.Context) (mine []Run, err error) {
	running, err := db.All(ctx, s.db, scanRun, "SELECT "+runColumns+" FROM operation WHERE status = ? ORDER BY id {limit}", string(Running), 100)
	if err != nil {
		return nil, err
	}
	number, epoch := s.deps.Lease.Number(), s.deps.Lease.Epoch()
	var dead func(number, epoch int64) bool
	for _, run := range running {
		if run.owner == number && run.epoch == epoch {
			mine = append(mine, run)
			continue
		}
		if run.owner != 0 {
			if dead == nil {
				if dead, err = s.deps.Lease.Dead(ctx); err != nil {
					return nil, err
				}
			}
			if run.owner != number && !dead(run.owner, run.epoch) {
				continue
			}
		}
		n, err := s.db.Exec(ctx, "UPDATE operation SET owner = ?, epoch = ? WHERE id = ? AND status = ? AND owner = ? AND epoch = ?",
			number, epoch, run.ID, string(Running), run.owner, run.epoch)
		if err != nil {
			return nil, err
		}
		if n == 1 {
			mine = append(mine, run)
		}
	}
	return mine, nil
}

// batch does the next tickets of a run, and ends the run when there are none. It reports whether it went on.
func (s *Service) batch(ctx context.Context, run Run) (went bool, err error) {
	next, err := db.All(ctx, s.db, func(row db.Scanner) (id db.ID, err error) { return id, row.Scan(&id) },
		"SELECT ticket FROM operation_item WHERE operation = ? AND outcome = 0 ORDER BY ticket {limit}", run.ID, s.cfg.Batch)
	if err != nil {
		return false, err
	}
	if len(next) == 0 {
		_, err := s.db.Exec(ctx, "UPDATE operation SET status = ?, ended = ? WHERE id = ? AND status = ?",
			string(Done), s.deps.Now().UnixMicro(), run.ID, string(Running))
		return false, err
	}
	op, err := run.operation()
	if err != nil {
		return false, err
	}
	var (
		todo   = make(chan db.ID)
		all    sync.WaitGroup
		mu     sync.Mutex
		failed error
	)
	for range min(s.cfg.Parallel, len(next)) {
		all.Go(func() {
			for id := range todo {
				if err := s.one(ctx, run, id, op); err != nil {
					mu.Lock()
					failed = err
					mu.Unlock()
				}
			}
		})
	}
	for _, id := range next {
		todo <- id
	}
	close(todo)
	all.Wait()
	return failed == nil, failed
}

// one operates on one ticket. An error says that it has to be tried again; what does not fit is an outcome.
func (s *Service) one(ctx context.Context, run Run, id db.ID, op ticket.Operation) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	op.Also = func(ch *db.Change) {
		ch.Sets = append(ch.Sets, db.Set{Table: items, Columns: itemDone, Key: []any{run.ID, id}, Values: []any{int(Changed), "", s.deps.Now().UnixMicro()}})
	}
	once := db.WithOnce(ctx, db.Once{Key: fmt.Sprintf("operation-%s-%s", run.ID, id), Hash: "-"})
	_, err := s.deps.Tickets.Operate(once, run.actor(), id, op)
	switch errs.KindOf(err) {
	case errs.Unavailable, errs.Exhausted:
		return err
	}
	if err == nil {
		return nil
	}
	_, err = s.db.Exec(ctx, "UPDATE operation_item SET outcome = ?, cause = ?, at = ? WHERE operation = ? AND ticket = ? AND outcome = 0",
		int(Failed), cut(err.Error(), 1000), s.deps.Now().UnixMicro(), run.ID, id)
	return err
}

// actor is who began the run; that he may was decided then.
func (r Run) actor() *org.Actor {
	return &org.Actor{ID: r.By.ID, Login: r.login, Name: r.By.Name, Admin: true}
}

// operation is what the run does to each ticket.
func (r Run) operation() (ticket.Operation, error) {
	if r.Do == ticket.Migrate {
		var m Migration
		err := json.Unmarshal(r.request, &m)
		return ticket.Operation{Do: r.Do, Reason: r.Reason, Version: m.To, Plans: m.Plans}, err
	}
	var b Bulk
	err := json.Unmarshal(r.request, &b)
	return b.operation(), err
}

func scanRun(row db.Scanner) (r Run, err error) {
	var request string
	var created, ended int64
	err = row.Scan(&r.ID, &r.Do, &r.App, &r.Reason, &request, &r.By.ID, &r.login, &r.By.Name, &r.Status, &r.Total, &created, &ended, &r.owner, &r.epoch)
	r.request, r.Created = []byte(request), db.Time(created)
	if ended != process.Never {
		r.Ended = db.Time(ended)
	}
	return r, err
}

// begin writes a run down: first its tickets, in parts, then the run itself, which makes it exist.
func (s *Service) begin(ctx context.Context, actor *org.Actor, run Run, request any, tickets []db.ID) (Run, error) {
	text, err := json.Marshal(request)
	if err != nil {
		return run, err
	}
	run.ID, run.Status, run.Total, run.Waiting = s.deps.NewID(), Running, len(tickets), len(tickets)
	run.By, run.Created = ticket.Person{ID: actor.ID, Name: actor.Name}, s.deps.Now().UTC().Truncate(time.Microsecond)
	for rest := tickets; len(rest) > 0; {
		part := rest[:min(len(rest), 1000)]
		rest = rest[len(part):]
		change := &db.Change{}
		for _, id := range part {
			change.Inserts = append(change.Inserts, db.Row{Table: items, Values: []any{run.ID, id, int(Waiting), "", process.Never}})
		}
		if err := s.db.Commit(ctx, []*db.Change{change})[0]; err != nil {
			return run, err
		}
	}
	begun, err := db.Do(ctx, s.db, func(ctx context.Context, tx *db.Tx) (Run, error) {
		row := db.Row{Table: runs, Values: []any{run.ID, string(run.Do), run.App, run.Reason, string(text), actor.ID, cut(actor.Login, 250), cut(actor.Name, 250),
			string(run.Status), run.Total, run.Created.UnixMicro(), process.Never, 0, 0}}
		if err := tx.Insert(ctx, row); err != nil {
			return run, err
		}
		return run, s.deps.Org.Audit(ctx, tx, actor, "operation.start", run.ID.String(), map[string]any{"do": run.Do, "tickets": run.Total, "reason": run.Reason})
	})
	if err != nil || begun.ID != run.ID { // not begun, or begun by the first request under the key
		if _, dropped := s.db.Exec(ctx, "DELETE FROM operation_item WHERE operation = ?", run.ID); dropped != nil {
			s.deps.Log.Warn("tickets of an operation that never began stay noted", "cause", dropped)
		}
		return begun, err
	}
	s.loop.Ring()
	return begun, nil
}

func cut(s string, characters int) string {
	if utf8.RuneCountInString(s) <= characters {
		return s
	}
	return string([]rune(s)[:characters-1]) + "…"
}
