package process

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/engine"
	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/feel"
)

// Replay does an instance's history again and compares the outcome with the stored state, byte by byte.
// A difference is an error that names the first seq that could not be done, or the states.
func (q *Query) Replay(ctx context.Context, instance db.ID) (err error) {
	defer errs.Wrap(&err, "process.Replay")
	in, packed, err := q.row(ctx, instance)
	if err != nil {
		return err
	}
	stored, err := unpack(packed)
	if err != nil {
		return err
	}
	again, err := q.replay(ctx, in, func(int64, *engine.State, []engine.Effect) {})
	if err != nil {
		return err
	}
	encoded, _, err := again.MarshalParts(partFrom)
	if err != nil {
		return err
	}
	if !bytes.Equal(encoded, stored) {
		return fmt.Errorf("the history of %s gives another state: %s, stored %s", instance, show(encoded), show(stored))
	}
	return nil
}

// Entered are the variables of an instance as they were when an element was entered last, at the end of that
// transition, and its seq. The element goes by its present id, also before a migration gave it that. NotFound: it was
// never entered. It does the history again.
func (q *Query) Entered(ctx context.Context, instance db.ID, element string) (vars feel.Vars, seq int64, err error) {
	defer errs.Wrap(&err, "process.Entered")
	in, _, err := q.row(ctx, instance)
	if err != nil {
		return nil, 0, err
	}
	migrations, err := q.migrations(ctx, instance)
	if err != nil {
		return nil, 0, err
	}
	names := namesBefore(migrations, element)
	_, err = q.replay(ctx, in, func(at int64, state *engine.State, effects []engine.Effect) {
		for len(migrations) > 0 && migrations[0].seq <= at {
			migrations, names = migrations[1:], names[1:]
		}
		for _, effect := range effects {
			if t, ok := effect.(engine.Trace); ok && t.What == engine.Entered && slices.Contains(names[0], t.Node.ID) {
				vars, seq = state.Vars(), at
			}
		}
	})
	if err == nil && seq == 0 {
		err = errs.New(errs.NotFound, "%s was never entered", element).WithCure("choose an element that the history shows as entered")
	}
	return vars, seq, err
}

// replay does the history of an instance again, from its first definition on, and shows each step.
func (q *Query) replay(ctx context.Context, in Instance, each func(seq int64, state *engine.State, effects []engine.Effect)) (state *engine.State, err error) {
	def, err := q.firstDefinition(ctx, in)
	if err != nil {
		return nil, err
	}
	for seq := int64(0); seq < in.Seq; {
		page, err := q.recorded(ctx, in.ID, seq)
		if err != nil {
			return nil, err
		}
		if len(page) == 0 {
			return nil, fmt.Errorf("the history of %s ends at %d, not at %d", in.ID, seq, in.Seq)
		}
		for _, rec := range page {
			seq++
			if rec.seq != seq {
				return nil, fmt.Errorf("the history of %s lacks %d", in.ID, seq)
			}
			var effects []engine.Effect
			if state, def, effects, err = q.repeat(ctx, rec, def, state); err != nil {
				return nil, fmt.Errorf("history %s/%d: %w", in.ID, seq, err)
			}
			each(seq, state, effects)
		}
	}
	return state, nil
}

// firstDefinition is the one that the instance started with: the source of its first migration, if there was any.
func (q *Query) firstDefinition(ctx context.Context, in Instance) (*engine.Definition, error) {
	migrations, err := q.migrations(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	id := in.Definition
	if len(migrations) > 0 {
		id = db.ID(migrations[0].Source)
	}
	return q.definitions.Definition(ctx, id)
}

// migration is one in the history of an instance.
type migration struct {
	engine.Migrate
	seq int64
}

func (q *Query) migrations(ctx context.Context, instance db.ID) ([]migration, error) {
	return db.All(ctx, q.db, func(s db.Scanner) (m migration, err error) {
		var packed []byte
		if err := s.Scan(&m.seq, &packed); err != nil {
			return m, err
		}
		event, err := unpackEvent(packed)
		m.Migrate, _ = event.(engine.Migrate)
		return m, err
	}, "SELECT seq, event FROM history WHERE instance = ? AND kind = 'migrate' ORDER BY seq", instance)
}

// namesBefore gives the ids that an element had before each of the migrations, in their order, and last the present one.
func namesBefore(migrations []migration, element string) [][]string {
	names := make([][]string, len(migrations)+1)
	names[len(migrations)] = []string{element}
	for i := len(migrations) - 1; i >= 0; i-- {
		for _, now := range names[i+1] {
			if _, elsewhere := migrations[i].Plan.Map[now]; !elsewhere {
				names[i] = append(names[i], now)
			}
			for old, to := range migrations[i].Plan.Map {
				if to == now {
					names[i] = append(names[i], old)
				}
			}
		}
	}
	return names
}

// record is a history row as it was written.
type record struct {
	seq, at    int64
	event, ids []byte
	calendars  []byte // consulted
}

func (q *Query) recorded(ctx context.Context, instance db.ID, after int64) ([]record, error) {
	return db.All(ctx, q.db, func(s db.Scanner) (r record, err error) {
		return r, s.Scan(&r.seq, &r.at, &r.event, &r.ids, &r.calendars)
	}, "SELECT seq, at, event, ids, calendars FROM history WHERE instance = ? AND seq > ? ORDER BY seq {limit}", instance, after, 500)
}

// repeat does the transition again, with the same clock, the same ids and the same calendars. A migration gives
// the definition from there on.
func (q *Query) repeat(ctx context.Context, r record, def *engine.Definition, state *engine.State) (*engine.State, *engine.Definition, []engine.Effect, error) {
	event, err := unpackEvent(r.event)
	if err != nil {
		return nil, nil, nil, err
	}
	after := def
	if moved, ok := event.(engine.Migrate); ok {
		if moved.To, err = q.definitions.Definition(ctx, db.ID(moved.Target)); err != nil {
			return nil, nil, nil, err
		}
		event, after = moved, moved.To
	}
	ids, err := unpackIDs(r.ids)
	if err != nil {
		return nil, nil, nil, err
	}
	calendars, err := q.recall(ctx, r.calendars)
	if err != nil {
		return nil, nil, nil, err
	}
	drawn := 0
	next, effects, err := engine.Step(def, state, event, engine.Env{Now: moment(r.at), Calendar: calendars, NewID: func() engine.ID {
		if drawn++; drawn > len(ids) {
			return 0 // found out below
		}
		return engine.ID(ids[drawn-1])
	}})
	if err == nil && drawn != len(ids) {
		err = fmt.Errorf("it drew %d ids, and %d when it was done first", drawn, len(ids))
	}
	return next, after, effects, err
}

// show says where the tokens of a state are, for an error.
func show(encoded []byte) string {
	state, err := engine.DecodeState(encoded)
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("%d bytes, waiting at %v with %v", len(encoded), slices.Collect(state.Waiting()), state.Vars())
}
