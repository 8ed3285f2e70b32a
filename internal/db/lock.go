package db

import (
	"context"
	"strings"

	"github.com/paceline/paceline/internal/errs"
)

// LockMode is how ReadLocked locks a row, to the end of the transaction.
type LockMode uint8

const (
	// LockShared keeps the row as it is: others may read and share it, and changing it
	// waits. It waits itself for a transaction that has changed the row. Oracle has no
	// such lock; there it is taken by one transaction at a time.
	LockShared LockMode = iota + 1

	// LockNoWait keeps the row for this transaction alone. Where another has it, Scan
	// returns ErrLocked at once. SQLite has waited for its one writer's place already.
	LockNoWait
)

// ErrLocked says that another transaction has the row.
var ErrLocked = errs.New(errs.Conflict, "another transaction has locked the row")

// ReadLocked reads columns of the row of t that has the key, locks the row, and sees it
// as it is when the lock is given, not as it was when the transaction began. Without
// such a row Scan returns ErrNoRows and nothing is locked.
func (tx *Tx) ReadLocked(ctx context.Context, mode LockMode, t *Table, columns []string, key ...any) Scanner {
	row := tx.d.queryRow(ctx, tx.tx, lockText(tx.d.dialect, mode, t, columns), key)
	if mode == LockNoWait {
		return unwaited{row, tx.d}
	}
	return row
}

func lockText(d dialect, mode LockMode, t *Table, columns []string) string {
	hint, end := d.lockHints(mode)
	return "SELECT " + strings.Join(columns, ", ") + " FROM " + t.Name + hint +
		" WHERE " + strings.Join(t.Key, " = ? AND ") + " = ?" + end
}

// unwaited is a row that was not waited for: that it is locked is an answer, and no
// reason to try again.
type unwaited struct {
	Scanner
	d *DB
}

func (u unwaited) Scan(dest ...any) error {
	err := u.Scanner.Scan(dest...)
	if err != nil && u.d.dialect.fault(err) == faultRetry {
		return &refusal{ErrLocked, u.d.scrub(err)}
	}
	return err
}
