package intake

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/paceline/paceline/internal/calendar"
	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/org"
	"github.com/paceline/paceline/internal/process"
)

// Schedules lists all schedules in order of name.
func (in *Intake) Schedules(ctx context.Context, by *org.Actor) (all []Schedule, err error) {
	defer errs.Wrap(&err, "intake.Schedules")
	if err := by.Require(org.ReadApps); err != nil {
		return nil, err
	}
	all, err = db.All(ctx, in.deps.DB, scanSchedule, selectSchedule+"ORDER BY name {limit}", 1000)
	if all == nil {
		all = []Schedule{}
	}
	return all, err
}

// Schedule finds one.
func (in *Intake) Schedule(ctx context.Context, by *org.Actor, name string) (s Schedule, err error) {
	defer errs.Wrap(&err, "intake.Schedule")
	if err := by.Require(org.ReadApps); err != nil {
		return s, err
	}
	return in.schedule(ctx, in.deps.DB, name)
}

func (in *Intake) schedule(ctx context.Context, q db.Queryer, name string) (Schedule, error) {
	s, err := scanSchedule(q.QueryRow(ctx, selectSchedule+"WHERE name = ?", name))
	if errors.Is(err, db.ErrNoRows) {
		err = errs.New(errs.NotFound, "there is no schedule %q", clip(name, 60)).WithCure("list the schedules")
	}
	return s, err
}

// Run is one due time of a schedule and what came of it.
type Run struct {
	Due time.Time `json:"due"`
	Outcome
}

// Runs lists the last due times of a schedule, newest first.
func (in *Intake) Runs(ctx context.Context, by *org.Actor, name string, limit int) (runs []Run, err error) {
	defer errs.Wrap(&err, "intake.Runs")
	s, err := in.Schedule(ctx, by, name)
	if err != nil {
		return nil, err
	}
	runs, err = db.All(ctx, in.deps.DB, func(row db.Scanner) (r Run, err error) {
		var due int64
		err = row.Scan(&due, &r.State, &r.Ticket, &r.Instance, &r.Reason)
		r.Due = db.Time(due)
		return r, err
	}, "SELECT due, state, ticket, instance, reason FROM schedule_due WHERE schedule = ? ORDER BY due DESC {limit}", s.id, max(1, min(limit, 200)))
	if runs == nil {
		runs = []Run{}
	}
	return runs, err
}

// maxPreview bounds a preview.
const maxPreview = 100

// Preview gives the next due times of a schedule that need not be stored.
func (in *Intake) Preview(_ context.Context, by *org.Actor, spec ScheduleSpec, n int) (due []time.Time, err error) {
	defer errs.Wrap(&err, "intake.Preview")
	if err := by.Require(org.ReadApps); err != nil {
		return nil, err
	}
	if err := spec.check(); err != nil {
		return nil, err
	}
	s := Schedule{ScheduleSpec: spec}
	if spec.Calendar != "" {
		if _, known := in.deps.Calendar("", spec.Calendar); !known {
			return nil, noCalendar(spec.Calendar)
		}
	}
	c, err := s.cycle(in.calendarOf(s))
	if err != nil {
		return nil, err
	}
	due = []time.Time{}
	at, more := c.first(in.now())
	for more && len(due) < max(1, min(n, maxPreview)) {
		if k := len(due); k == 0 || !due[k-1].Equal(at.Due) {
			due = append(due, at.Due)
		}
		at, more = c.next(at)
	}
	return due, nil
}

func noCalendar(name string) error {
	return errs.New(errs.Invalid, "there is no calendar %q", clip(name, 60)).WithCure("list the calendars")
}

// PutSchedule makes a schedule or changes one. It counts from now; what was pending stays so.
func (in *Intake) PutSchedule(ctx context.Context, by *org.Actor, spec ScheduleSpec) (s Schedule, err error) {
	defer errs.Wrap(&err, "intake.PutSchedule")
	if err := by.Require(org.WriteApps); err != nil {
		return s, err
	}
	if err := spec.check(); err != nil {
		return s, err
	}
	if _, known := in.deps.Calendar("", spec.Calendar); spec.Calendar != "" && !known {
		return s, noCalendar(spec.Calendar)
	}
	if t := spec.Ticket; t != nil && t.App == "" {
		return s, errs.New(errs.Invalid, "the ticket's app is needed").WithCure("name it as open.app")
	}
	return db.Do(ctx, in.deps.DB, func(ctx context.Context, tx *db.Tx) (Schedule, error) {
		if err := in.putSchedule(ctx, tx, by, spec, "", in.calendarOf(Schedule{ScheduleSpec: spec})); err != nil {
			return Schedule{}, err
		}
		return in.schedule(ctx, tx, spec.Name)
	})
}

// putSchedule writes a schedule; app is whose bundle it comes with. One that did not change goes on as it was.
func (in *Intake) putSchedule(ctx context.Context, tx *db.Tx, by *org.Actor, spec ScheduleSpec, app string, cal *calendar.Calendar) error {
	text, err := json.Marshal(spec)
	if err != nil {
		return err
	}
	old, err := in.schedule(ctx, tx, spec.Name)
	known := err == nil
	if err != nil && !errs.Is(err, errs.NotFound) {
		return err
	}
	if known && old.App != app {
		return errs.New(errs.Conflict, "the schedule %q belongs to another app or to none", spec.Name).WithCure("choose another name")
	}
	if was, err := json.Marshal(old.ScheduleSpec); known && err == nil && string(was) == string(text) {
		return nil
	}
	now := in.now()
	c, err := spec.cycle(cal)
	if err != nil {
		return err
	}
	at, due := cursor{Base: now}, process.Never
	if next, more := c.first(now); more && !(known && old.Paused) {
		at, due = next, db.Micros(next.Due)
	}
	if known {
		_, err = tx.Exec(ctx, "UPDATE schedule SET spec = ?, base = ?, due = ?, remaining = ?, author = ?, changed = ?, version = version + 1 WHERE id = ?",
			string(text), db.Micros(at.Base), due, int64(at.Left), by.Login, db.Micros(now), old.id)
	} else {
		err = tx.Insert(ctx, db.Row{Table: scheduleTable, Values: []any{in.deps.NewID(), spec.Name, app, string(text), 0,
			db.Micros(at.Base), due, int64(at.Left), by.Login, db.Micros(now), 1}})
	}
	if err != nil {
		return err
	}
	return in.deps.Audit(ctx, tx, by, "schedule.put", spec.Name, map[string]any{"cycle": spec.Cycle})
}

// DeleteSchedule takes a schedule away with what is noted of it.
func (in *Intake) DeleteSchedule(ctx context.Context, by *org.Actor, name string) (s Schedule, err error) {
	defer errs.Wrap(&err, "intake.DeleteSchedule")
	if err := by.Require(org.WriteApps); err != nil {
		return s, err
	}
	return db.Do(ctx, in.deps.DB, func(ctx context.Context, tx *db.Tx) (Schedule, error) {
		s, err := in.schedule(ctx, tx, name)
		if err != nil {
			return s, err
		}
		return s, in.dropSchedule(ctx, tx, by, s)
	})
}

func (in *Intake) dropSchedule(ctx context.Context, tx *db.Tx, by *org.Actor, s Schedule) error {
	for _, statement := range []string{"DELETE FROM schedule_due WHERE schedule = ?", "DELETE FROM schedule WHERE id = ?"} {
		if _, err := tx.Exec(ctx, statement, s.id); err != nil {
			return err
		}
	}
	return in.deps.Audit(ctx, tx, by, "schedule.delete", s.Name, nil)
}

// Pause stops a schedule, or lets it go on. What would have been due in between was not missed.
func (in *Intake) Pause(ctx context.Context, by *org.Actor, name string, pause bool) (s Schedule, err error) {
	defer errs.Wrap(&err, "intake.Pause")
	if err := by.Require(org.WriteApps); err != nil {
		return s, err
	}
	return db.Do(ctx, in.deps.DB, func(ctx context.Context, tx *db.Tx) (Schedule, error) {
		s, err := in.schedule(ctx, tx, name)
		if err != nil || s.Paused == pause {
			return s, err
		}
		c, err := s.cycle(in.calendarOf(s))
		if err != nil {
			return s, err
		}
		flag, at, due, action := 1, s.cursor, process.Never, "schedule.pause"
		if !pause {
			flag, action = 0, "schedule.resume"
			if next, more := c.first(in.now()); more {
				at, due = next, db.Micros(next.Due)
			}
		}
		if _, err := tx.Exec(ctx, "UPDATE schedule SET paused = ?, base = ?, due = ?, remaining = ?, version = version + 1 WHERE id = ?",
			flag, db.Micros(at.Base), due, int64(at.Left), s.id); err != nil {
			return s, err
		}
		if err := in.deps.Audit(ctx, tx, by, action, name, nil); err != nil {
			return s, err
		}
		return in.schedule(ctx, tx, name)
	})
}

// RunNow makes a schedule due at this moment, beside its own due times. It is done by the next look.
func (in *Intake) RunNow(ctx context.Context, by *org.Actor, name string) (r Run, err error) {
	defer errs.Wrap(&err, "intake.RunNow")
	if err := by.Require(org.WriteApps); err != nil {
		return r, err
	}
	return db.Do(ctx, in.deps.DB, func(ctx context.Context, tx *db.Tx) (Run, error) {
		s, err := in.schedule(ctx, tx, name)
		if err != nil {
			return Run{}, err
		}
		now := in.now()
		if err := tx.Insert(ctx, dueRow(s.id, now, statePending, now, "")); err != nil {
			return Run{}, err
		}
		return Run{Due: now, Outcome: Outcome{State: statePending}}, in.deps.Audit(ctx, tx, by, "schedule.run", name, nil)
	})
}

// keptRuns is how long the due times of schedules are listed.
const keptRuns = 90 * 24 * time.Hour

// Sweep forgets due times that are long over.
func (in *Intake) Sweep(ctx context.Context) (err error) {
	defer errs.Wrap(&err, "intake.Sweep")
	_, err = in.deps.DB.Exec(ctx, "DELETE FROM schedule_due WHERE due < ? AND state <> ?", db.Micros(in.now().Add(-keptRuns)), statePending)
	return err
}

// ImportSchedules makes the schedules of an app's bundle the app's, named APP.NAME, in the transaction that
// publishes it; own are the calendars that come with it. Those that are paused stay so.
func (in *Intake) ImportSchedules(ctx context.Context, tx *db.Tx, by *org.Actor, app string, specs []ScheduleSpec, own map[string]*calendar.Calendar) (err error) {
	defer errs.Wrap(&err, "intake.ImportSchedules")
	old, err := db.All(ctx, tx, scanSchedule, selectSchedule+"WHERE app = ?", app)
	if err != nil {
		return err
	}
	kept := map[string]bool{}
	for _, spec := range specs {
		spec.Name = app + "." + spec.Name
		kept[spec.Name] = true
		cal, ours := own[spec.Calendar]
		if !ours {
			cal = in.calendarOf(Schedule{ScheduleSpec: spec, App: app})
		}
		if err := in.putSchedule(ctx, tx, by, spec, app, cal); err != nil {
			return err
		}
	}
	for _, s := range old {
		if kept[s.Name] {
			continue
		}
		if err := in.dropSchedule(ctx, tx, by, s); err != nil {
			return err
		}
	}
	return nil
}
