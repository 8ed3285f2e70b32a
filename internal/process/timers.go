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

// SetStarts registers the events that start the given definitions of an app, in the transaction that
// makes them live, in place of those registered for it before. No definitions at all end them.
// Timers count from now.
func (r *Runtime) SetStarts(ctx context.Context, tx *db.Tx, app db.ID, definitions map[db.ID]*engine.Definition) (err error) {
	defer errs.Wrap(&err, "process.SetStarts")
	if _, err := tx.Exec(ctx, "DELETE FROM job WHERE instance = 0 AND root IN (SELECT id FROM process_start WHERE app = ?)", app); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, "DELETE FROM process_start WHERE app = ?", app); err != nil {
		return err
	}
	for id, def := range definitions {
		for _, trigger := range def.Triggers() {
			if err := r.setStart(ctx, tx, app, id, def, trigger); err != nil {
				return err
			}
		}
	}
	return nil
}

// setStart registers one event. A condition without an instance has no variables to look at, so nothing
// sets it off.
func (r *Runtime) setStart(ctx context.Context, tx *db.Tx, app, definition db.ID, def *engine.Definition, on engine.Trigger) error {
	if on.Kind == bpmn.ConditionalEvent {
		return nil
	}
	id := r.deps.NewID()
	row := db.Row{Table: Starts, Values: []any{id, app, definition, on.Element, int(on.Kind), on.Name}}
	if err := tx.Insert(ctx, row); err != nil || on.Kind != bpmn.TimerEvent {
		return err
	}
	plan, err := def.StartSchedule(on.Element, r.startEnv(definition))
	if err != nil {
		return errs.New(errs.Invalid, "start event %s: %w", on.Element, err)
	}
	x := &job{id: r.deps.NewID(), root: id, definition: definition, node: on.Element, created: r.now()}
	if row, err = x.startRow(plan); err != nil {
		return err
	}
	return tx.Insert(ctx, row)
}

// startEnv is what start timers of a definition are counted with.
func (r *Runtime) startEnv(definition db.ID) engine.Env {
	return engine.Env{Now: r.now(), Calendar: r.lookup(definition, "", consulted{})}
}

// startRow is the job of a start timer. It belongs to no instance; root is the id of its row in Starts.
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
	def, err := j.r.deps.Definitions.Definition(ctx, x.definition)
	if err != nil {
		return lacking(x.definition, err)
	}
	env := j.r.startEnv(x.definition)
	next, more := def.NextSchedule(x.node, plan, env)
	for more && !next.Due.After(env.Now) {
		next, more = def.NextSchedule(x.node, next, env)
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
