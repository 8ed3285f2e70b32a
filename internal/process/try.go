package process

import (
	"context"

	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/engine"
	"github.com/paceline/paceline/internal/errs"
)

// Try says what the interpreter would answer to an event, for each of many instances: nil where the event fits. Nothing
// is changed. An instance that does not exist is missing in the answer.
func (r *Runtime) Try(ctx context.Context, instances []db.ID, event func(Instance) (engine.Event, error)) (answers map[db.ID]error, err error) {
	defer errs.Wrap(&err, "process.Try")
	read, err := r.readSnapshots(ctx, instances)
	if err != nil {
		return nil, err
	}
	answers = make(map[db.ID]error, len(read))
	for _, s := range read {
		answers[s.ID] = r.try(s, event)
	}
	return answers, nil
}

func (r *Runtime) try(s *snapshot, event func(Instance) (engine.Event, error)) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = errs.New(errs.Internal, "the transition failed: %v", p)
		}
	}()
	if s.err != nil {
		return s.err
	}
	ev, err := event(s.Instance)
	if err != nil {
		return err
	}
	_, _, err = r.transition(s, &call{Command: Command{Instance: s.ID, Event: ev}})
	return err
}
