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
	read, err := r.readSnapshots(ctx, []db.ID{id})
	if err != nil {
		return nil, err
	}
	if len(read) == 0 {
		return nil, errs.New(errs.NotFound, "there is no instance %s", id)
	}
	if read[0].err == nil {
		r.cache.put(read[0])
	}
	return read[0].state, read[0].err
}
