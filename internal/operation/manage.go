package operation

import (
	"context"
	"errors"
	"strings"

	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/org"
	"github.com/paceline/paceline/internal/process"
	"github.com/paceline/paceline/internal/ticket"
)

// Get shows one run with how far it is.
func (s *Service) Get(ctx context.Context, actor *org.Actor, id db.ID) (run Run, err error) {
	defer errs.Wrap(&err, "operation.Get")
	if err := actor.Require(org.RepairTickets); err != nil {
		return run, err
	}
	if run, err = s.find(ctx, s.db, actor, id); err != nil {
		return run, err
	}
	runs := []Run{run}
	err = s.count(ctx, runs)
	return runs[0], err
}

func (s *Service) find(ctx context.Context, q db.Queryer, actor *org.Actor, id db.ID) (Run, error) {
	run, err := scanRun(q.QueryRow(ctx, "SELECT "+runColumns+" FROM operation WHERE id = ?", id))
	if errors.Is(err, db.ErrNoRows) || err == nil && !visible(actor, run) {
		err = errs.New(errs.NotFound, "there is no operation %s", id).WithCure("list the operations")
	}
	return run, err
}

// visible keeps a token that is limited to apps from the runs of others.
func visible(actor *org.Actor, run Run) bool {
	if run.App == "" {
		return run.By.ID == actor.ID || !limited(actor)
	}
	return actor.InApp(run.App)
}

func limited(actor *org.Actor) bool {
	for _, scope := range actor.Scopes {
		if strings.HasPrefix(scope, org.AppScope) {
			return true
		}
	}
	return false
}

// List lists runs, newest first, those before one; 0 begins.
func (s *Service) List(ctx context.Context, actor *org.Actor, do ticket.Verb, before db.ID, limit int) (page ticket.Page[Run], err error) {
	defer errs.Wrap(&err, "operation.List")
	if err := actor.Require(org.RepairTickets); err != nil {
		return page, err
	}
	if before == 0 {
		before = 1<<63 - 1
	}
	limit = pageLimit(limit)
	query, args := "SELECT "+runColumns+" FROM operation WHERE id < ?", []any{before}
	if do != "" {
		query, args = query+" AND verb = ?", append(args, string(do))
	}
	found, err := db.All(ctx, s.db, scanRun, query+" ORDER BY id DESC {limit}", append(args, limit+1)...)
	if err != nil {
		return page, err
	}
	if len(found) > limit {
		found = found[:limit]
		page.Next = found[limit-1].ID.String()
	}
	page.Items = []Run{}
	for _, run := range found {
		if visible(actor, run) {
			page.Items = append(page.Items, run)
		}
	}
	return page, s.count(ctx, page.Items)
}

func pageLimit(asked int) int {
	if asked <= 0 {
		return 50
	}
	return min(asked, 200)
}

// count fills in how far runs are.
func (s *Service) count(ctx context.Context, all []Run) error {
	if len(all) == 0 {
		return nil
	}
	at := map[db.ID]*Run{}
	ids := make([]db.ID, len(all))
	for i := range all {
		all[i].Waiting, ids[i] = 0, all[i].ID
		at[all[i].ID] = &all[i]
	}
	type counted struct {
		run     db.ID
		outcome Outcome
		n       int
	}
	counts, err := db.All(ctx, s.db, func(row db.Scanner) (c counted, err error) { return c, row.Scan(&c.run, &c.outcome, &c.n) },
		"SELECT operation, outcome, COUNT(*) FROM operation_item WHERE operation IN (?) GROUP BY operation, outcome", db.In(ids))
	for _, c := range counts {
		switch run := at[c.run]; c.outcome {
		case Waiting:
			run.Waiting = c.n
		case Changed:
			run.Done = c.n
		case Failed:
			run.Failed = c.n
		}
	}
	return err
}

// Items lists the tickets of a run by id, those after one; with an outcome only those.
func (s *Service) Items(ctx context.Context, actor *org.Actor, id db.ID, outcome *Outcome, after db.ID, limit int) (page ticket.Page[Item], err error) {
	defer errs.Wrap(&err, "operation.Items")
	if err := actor.Require(org.RepairTickets); err != nil {
		return page, err
	}
	if _, err := s.find(ctx, s.db, actor, id); err != nil {
		return page, err
	}
	limit = pageLimit(limit)
	query, args := "SELECT i.ticket, k.number, i.outcome, i.cause, i.at FROM operation_item i JOIN ticket k ON k.id = i.ticket WHERE i.operation = ? AND i.ticket > ?", []any{id, after}
	if outcome != nil {
		query, args = query+" AND i.outcome = ?", append(args, int(*outcome))
	}
	found, err := db.All(ctx, s.db, func(row db.Scanner) (it Item, err error) {
		var at int64
		var outcome Outcome
		err = row.Scan(&it.Ticket, &it.Number, &outcome, &it.Cause, &at)
		it.Outcome = outcome.String()
		if at != process.Never {
			it.At = db.Time(at)
		}
		return it, err
	}, query+" ORDER BY i.ticket {limit}", append(args, limit+1)...)
	if len(found) > limit {
		found = found[:limit]
		page.Next = found[limit-1].Ticket.String()
	}
	page.Items = append([]Item{}, found...)
	return page, err
}

// Causes counts why the tickets of a run failed, the most frequent first.
func (s *Service) Causes(ctx context.Context, actor *org.Actor, id db.ID) (causes []Cause, err error) {
	defer errs.Wrap(&err, "operation.Causes")
	if _, err := s.Get(ctx, actor, id); err != nil {
		return nil, err
	}
	return db.All(ctx, s.db, func(row db.Scanner) (c Cause, err error) { return c, row.Scan(&c.Reason, &c.Count) },
		"SELECT cause, COUNT(*) FROM operation_item WHERE operation = ? AND outcome = 2 GROUP BY cause ORDER BY COUNT(*) DESC, cause {limit}", id, 200)
}

// Pause keeps a run from touching further tickets until it is resumed.
func (s *Service) Pause(ctx context.Context, actor *org.Actor, id db.ID, reason string) (Run, error) {
	return s.turn(ctx, actor, id, reason, "operation.pause", Paused, Running)
}

// Resume lets a paused run go on.
func (s *Service) Resume(ctx context.Context, actor *org.Actor, id db.ID, reason string) (Run, error) {
	run, err := s.turn(ctx, actor, id, reason, "operation.resume", Running, Paused)
	s.loop.Ring()
	return run, err
}

// Cancel ends a run; what is done stays done.
func (s *Service) Cancel(ctx context.Context, actor *org.Actor, id db.ID, reason string) (Run, error) {
	return s.turn(ctx, actor, id, reason, "operation.cancel", Cancelled, Running, Paused)
}

// turn changes the status of a run that has one of those named.
func (s *Service) turn(ctx context.Context, actor *org.Actor, id db.ID, reason, action string, to Status, from ...Status) (run Run, err error) {
	defer errs.Wrap(&err, action)
	if err := actor.Require(org.RepairTickets); err != nil {
		return run, err
	}
	run, err = db.Do(ctx, s.db, func(ctx context.Context, tx *db.Tx) (Run, error) {
		run, err := s.find(ctx, tx, actor, id)
		if err != nil {
			return run, err
		}
		ended := process.Never
		if to == Cancelled {
			ended = s.deps.Now().UnixMicro()
			run.Ended = db.Time(ended)
		}
		n, err := tx.Exec(ctx, "UPDATE operation SET status = ?, ended = ?, owner = 0, epoch = 0 WHERE id = ? AND status IN (?)", string(to), ended, id, db.In(from))
		if err == nil && n == 0 {
			err = errs.New(errs.Conflict, "the operation is %s", run.Status).WithCure("look at it again")
		}
		if err != nil {
			return run, err
		}
		run.Status = to
		return run, s.deps.Org.Audit(ctx, tx, actor, action, id.String(), map[string]any{"do": run.Do, "reason": reason})
	})
	if err != nil {
		return run, err
	}
	one := []Run{run}
	err = s.count(ctx, one)
	return one[0], err
}
