package intake

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/paceline/paceline/internal/calendar"
	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/feel"
	"github.com/paceline/paceline/internal/process"
)

const (
	lookMost = 100 // schedules, and pending due times, of one look
	keptSkip = 10  // due times that were skipped are noted, the newest so many
	// patience is when another node tries what one has begun and not ended.
	patience = time.Minute
	maxTries = 10
)

// Look does what is due: it turns due schedules into due times, and does those that are pending. Every node calls
// it at intervals; what happens does not depend on which.
func (in *Intake) Look(ctx context.Context) (err error) {
	defer errs.Wrap(&err, "intake.Look")
	now := in.now()
	ready, err := db.All(ctx, in.deps.DB, scanSchedule, selectSchedule+"WHERE due <= ? ORDER BY due {limit}", db.Micros(now), lookMost)
	if err != nil {
		return err
	}
	for _, s := range ready {
		if err := in.unroll(ctx, s, now); err != nil {
			return err
		}
	}
	return in.perform(ctx, now)
}

// unroll makes rows of the due times of a schedule up to now, and moves it on. When another node has been faster it
// does nothing.
func (in *Intake) unroll(ctx context.Context, s Schedule, now time.Time) error {
	c, err := s.cycle(in.calendarOf(s))
	if err != nil {
		return err
	}
	do, skip, next, more := c.plan(s.cursor, now)
	return in.deps.DB.Tx(ctx, func(ctx context.Context, tx *db.Tx) error {
		due := process.Never
		if more {
			due = db.Micros(next.Due)
		}
		n, err := tx.Exec(ctx, "UPDATE schedule SET base = ?, due = ?, remaining = ?, version = version + 1 WHERE id = ? AND version = ?",
			db.Micros(next.Base), due, int64(next.Left), s.id, s.version)
		if err != nil || n == 0 {
			return err
		}
		for _, at := range skip[max(0, len(skip)-keptSkip):] {
			if _, err := tx.InsertIgnore(ctx, dueRow(s.id, at, stateSkipped, now, "missed")); err != nil {
				return err
			}
		}
		for _, at := range do {
			if _, err := tx.InsertIgnore(ctx, dueRow(s.id, at, statePending, now, "")); err != nil {
				return err
			}
		}
		return nil
	})
}

func dueRow(schedule db.ID, due time.Time, state string, at time.Time, reason string) db.Row {
	return db.Row{Table: dueTable, Values: []any{schedule, db.Micros(due), state, db.Micros(at), 0, 0, 0, reason}}
}

// calendarOf is the calendar of a schedule; one that is gone is none.
func (in *Intake) calendarOf(s Schedule) *calendar.Calendar {
	if s.Calendar == "" {
		return nil
	}
	cal, known := in.deps.Calendar(s.App, s.Calendar)
	if !known {
		in.deps.Log.Warn("a schedule names a calendar that does not exist", "schedule", s.Name, "calendar", s.Calendar)
	}
	return cal
}

// pending is a due time that is to be done.
type pending struct {
	schedule db.ID
	due, at  int64
	tries    int
}

// perform does what is pending, in order of due time.
func (in *Intake) perform(ctx context.Context, now time.Time) error {
	open, err := db.All(ctx, in.deps.DB, func(s db.Scanner) (p pending, err error) {
		return p, s.Scan(&p.schedule, &p.due, &p.at, &p.tries)
	}, "SELECT schedule, due, at, tries FROM schedule_due WHERE state = 'pending' AND at <= ? ORDER BY at, due {limit}", db.Micros(now), lookMost)
	if err != nil {
		return err
	}
	for _, p := range open {
		taken, err := in.deps.DB.Exec(ctx, "UPDATE schedule_due SET at = ?, tries = tries + 1 WHERE schedule = ? AND due = ? AND state = 'pending' AND at = ?",
			db.Micros(now.Add(patience)), p.schedule, p.due, p.at)
		if err != nil {
			return err
		}
		if taken == 0 {
			continue // another node has it
		}
		if err := in.performOne(ctx, p); err != nil {
			return err
		}
	}
	return nil
}

// performOne does one due time under a key of its own, so that it counts once also when this node dies before it is
// noted, and notes what came of it. What may succeed later is tried again.
func (in *Intake) performOne(ctx context.Context, p pending) error {
	s, err := scanSchedule(in.deps.DB.QueryRow(ctx, selectSchedule+"WHERE id = ?", p.schedule))
	out := Outcome{State: stateSkipped, Reason: "the schedule is gone"}
	if err == nil {
		once := db.WithOnce(ctx, db.Once{Key: fmt.Sprintf("schedule-%s-%d", p.schedule, p.due), Hash: "-"})
		out, err = in.do(once, &s.Target, s.App, in.scheduleScope(s, db.Time(p.due)), "schedule "+s.Name, nil)
	} else if errors.Is(err, db.ErrNoRows) {
		err = nil
	}
	if err != nil {
		if later(err) && p.tries+1 < maxTries {
			in.deps.Log.Warn("a schedule is tried again", "schedule", s.Name, "cause", err)
			return nil
		}
		out = Outcome{State: stateFailed, Reason: err.Error()}
	}
	_, err = in.deps.DB.Exec(ctx, "UPDATE schedule_due SET state = ?, ticket = ?, instance = ?, reason = ? WHERE schedule = ? AND due = ?",
		out.State, out.Ticket, out.Instance, clip(out.Reason, 1000), p.schedule, p.due)
	return err
}

// later reports whether trying again may cure an error.
func later(err error) bool {
	switch errs.KindOf(err) {
	case errs.Unavailable, errs.Exhausted, errs.Conflict, errs.Internal:
		return true
	}
	return false
}

func (in *Intake) scheduleScope(s Schedule, due time.Time) scope {
	zone := feel.UTC()
	name := s.Zone
	if name == "" {
		name = in.calendarOf(s).Zone().String()
	}
	if z, ok := feel.NamedZone(name); ok {
		zone = z
	}
	return scope{feel.Vars{"due": feel.DateTimeOf(due, zone), "name": s.Name}, in.now()}
}

// reached reads what a message has reached.
func reached(res process.Result) (got process.Reached, err error) {
	if err := json.Unmarshal(res.Answer, &got); err != nil {
		return got, errs.New(errs.Internal, "the stored answer cannot be read: %w", err)
	}
	return got, nil
}
