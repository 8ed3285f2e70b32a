package process

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/paceline/paceline/internal/bpmn"
	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/engine"
	"github.com/paceline/paceline/internal/errs"
)

func (j *jobs) fireTimer(ctx context.Context, x *job) error {
	return j.r.give(ctx, x, x.instance, engine.TimerFired{Timer: engine.ID(x.id)})
}

// StartOn is a start event of a live definition that a message, a signal or the clock sets off.
type StartOn struct {
	Definition db.ID
	Element    string
	Kind       bpmn.EventKind // TimerEvent, MessageEvent or SignalEvent
	Name       string         // of the message or signal
}

// SetStarts replaces the start events that were registered for an app, in the transaction that makes
// its version live; no starts at all ends them. Timers of the version before end, those of
// the new one count from now.
func (r *Runtime) SetStarts(ctx context.Context, tx *db.Tx, app db.ID, starts []StartOn) (err error) {
	defer errs.Wrap(&err, "process.SetStarts")
	old := "IN (SELECT id FROM process_start WHERE app = ?)"
	if _, err := tx.Exec(ctx, "DELETE FROM job WHERE instance = 0 AND root "+old, app); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, "DELETE FROM process_start WHERE app = ?", app); err != nil {
		return err
	}
	for _, s := range starts {
		id := r.deps.NewID()
		row := db.Row{Table: Starts, Values: []any{id, app, s.Definition, s.Element, int(s.Kind), s.Name}}
		if err := tx.Insert(ctx, row); err != nil {
			return err
		}
		if s.Kind != bpmn.TimerEvent {
			continue
		}
		def, err := r.deps.Definitions.Definition(ctx, s.Definition)
		if err != nil {
			return err
		}
		plan, err := def.StartSchedule(s.Element, r.now())
		if err != nil {
			return errs.New(errs.Invalid, "start event %s: %w", s.Element, err)
		}
		x := &job{id: r.deps.NewID(), root: id, definition: s.Definition, node: s.Element, created: r.now()}
		if row, err = x.startRow(plan); err == nil {
			err = tx.Insert(ctx, row)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// startRow is the job of a start timer. It belongs to no instance; root is the id of its StartOn.
func (x *job) startRow(plan engine.Schedule) (row db.Row, err error) {
	x.kind, x.due, x.retries = jobStartTimer, plan.Due, 1
	x.payload, err = json.Marshal(plan)
	return x.row(0, 0), err
}

// startByTimer starts an instance and, in the same transaction, replaces the job by that for the next due time. The
// claim on (start, due) makes it happen once in the whole cluster. Due times that were missed while
// nothing ran are one start.
func (j *jobs) startByTimer(ctx context.Context, x *job) error {
	var plan engine.Schedule
	if err := json.Unmarshal(x.payload, &plan); err != nil {
		return fmt.Errorf("job %s: %w", x.id, err)
	}
	next, more := plan.Next()
	for more && !next.Due.After(j.r.now()) {
		next, more = next.Next()
	}
	key := fmt.Sprintf("start-%s-%d", x.root, plan.Due.UnixMicro())
	start := Command{Definition: x.definition, Event: engine.Start{Element: x.node}}
	if more {
		following := &job{id: j.r.deps.NewID(), root: x.root, definition: x.definition, node: x.node, created: j.r.now()}
		row, err := following.startRow(next)
		if err != nil {
			return err
		}
		start.With = func(_ *Transition, c *db.Change) error {
			c.Inserts = append(c.Inserts, row)
			return nil
		}
	}
	return j.r.giveOnce(ctx, &job{id: x.id}, start, key)
}
