package process

import (
	"context"

	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/engine"
	"github.com/paceline/paceline/internal/errs"
)

// State is an instance's state at the version that the caller has read, or a newer one:
// from memory where the lanes have it, else from the database. Use cases ask it before they
// submit; what they conclude from it is guarded by the version of the task.
func (r *Runtime) State(ctx context.Context, id db.ID, version int64) (*engine.State, error) {
	if s := r.cache.get(id); s != nil && s.Version >= version {
		return s.state, nil
	}
	s, known, err := r.states.Find(ctx, id)
	switch {
	case err != nil:
		return nil, err
	case !known:
		return nil, errs.New(errs.NotFound, "there is no instance %s", id)
	}
	return s.state, s.err
}

// readStates reads instances for those who ask State, many with one statement, and keeps them for the lanes.
func (r *Runtime) readStates(ctx context.Context, ids []db.ID) (map[db.ID]*snapshot, error) {
	read, err := r.readSnapshots(ctx, ids)
	if err != nil {
		return nil, err
	}
	found := make(map[db.ID]*snapshot, len(read))
	for _, s := range read {
		if s.err == nil {
			r.cache.put(s)
		}
		found[s.ID] = s
	}
	return found, nil
}
