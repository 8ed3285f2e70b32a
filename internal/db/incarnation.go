package db

import (
	"context"

	"github.com/paceline/paceline/internal/errs"
)

// Incarnation is a text that stays the same while the same database answers, and is
// another when it was replaced: a replica took its place, it was restored, its file was
// exchanged. It is not sure to differ (a dump read back into the same database shows in
// its contents only), so what must not go back keeps a number of its own beside it. A
// file that was exchanged while it is open is errs.Conflict.
func (d *DB) Incarnation(ctx context.Context) (_ string, err error) {
	defer errs.Wrap(&err, "db.Incarnation")
	text, err := d.dialect.incarnation(ctx, d)
	return text, d.explain(err)
}

// Local says that only processes of this machine can reach the database.
func (d *DB) Local() bool {
	_, file := d.dialect.(*sqlite)
	return file
}

// askIncarnation is for the dialects whose server knows.
func (d *DB) askIncarnation(ctx context.Context, query string) (text string, err error) {
	err = d.QueryRow(ctx, query).Scan(&text)
	return text, err
}
