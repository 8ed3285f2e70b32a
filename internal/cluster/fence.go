package cluster

import (
	"context"

	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/errs"
)

// Fence is what a leader's writes carry, so that those of a leader that has been
// superseded, and may not know it yet, do not happen.
//
//   - A row that the leader owns has a column epoch, set by Adopt when a node acquires the
//     lease: UPDATE … WHERE id = ? AND epoch = ?, with Epoch.
//   - Inserts, and writes of many rows: Tx, or Check as the last statement of a transaction.
//   - Commands to others carry Epoch; the receiver keeps the highest and refuses lower ones.
type Fence struct {
	Epoch int64

	role  string
	nonce string // tells two acquisitions of one epoch apart, which a database that lost its last commits can bring about
	db    *db.DB
}

// ErrFenced says that another node leads by now; nothing was written.
var ErrFenced = errs.New(errs.Conflict, "another node has taken the lead; this one's write was refused")

// Tx runs fn in a transaction that commits only if no other node leads by then. Given
// the context of a duty, it is cut off when the term ends, and its connection dropped.
func (f Fence) Tx(ctx context.Context, fn func(ctx context.Context, tx *db.Tx) error) error {
	return f.db.Tx(ctx, func(ctx context.Context, tx *db.Tx) error {
		if err := fn(ctx, tx); err != nil {
			return err
		}
		return f.Check(ctx, tx)
	})
}

// Check is to be the last statement of a transaction: it locks the fence, shared, until
// the commit, so that no other node begins to lead in between. A read without the lock
// would let the commit come after the other's first write.
func (f Fence) Check(ctx context.Context, tx *db.Tx) error {
	var epoch int64
	var nonce string
	if err := tx.ReadLocked(ctx, db.LockShared, Epochs, []string{"epoch", "nonce"}, f.role).Scan(&epoch, &nonce); err != nil {
		return err
	}
	if epoch != f.Epoch || nonce != f.nonce {
		return ErrFenced
	}
	return nil
}
