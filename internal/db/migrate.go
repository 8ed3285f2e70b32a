package db

import (
	"cmp"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"fmt"
	"slices"

	"github.com/paceline/paceline/internal/errs"
)

// Migration changes the schema once. What was applied is never edited; another one
// changes it further.
type Migration struct {
	ID   int // unique among all subjects, which each have a range; applied in order
	Name string
	Up   []DDL
}

func (m *Migration) checksum() string {
	h := sha256.New()
	for _, step := range m.Up {
		fmt.Fprintln(h, step.describe(m.ID))
	}
	return hex.EncodeToString(h.Sum(nil))[:32]
}

// migrationTable remembers what was applied.
var migrationTable = Table{
	Name: "schema_migration",
	Columns: []Column{
		{Name: "version", Type: BigInt},
		{Name: "name", Type: Text, Size: 200},
		{Name: "checksum", Type: Text, Size: 64},
		{Name: "applied_at", Type: BigInt},
		{Name: "app_version", Type: Text, Size: 100},
	},
	Key: []string{"version"},
}

// own are the tables of this package; their migrations come first.
var own = []Migration{{ID: 1, Name: "commands", Up: []DDL{CreateTable(&commandTable)}}}

// Migrate brings the schema up to the migrations given; those of this package are
// among them by themselves. Any number of processes may call it at once: one works
// under a lock, the others wait for it. A schema with migrations that this program
// does not know, or that were edited after they were applied, is errs.Unsupported.
func (d *DB) Migrate(ctx context.Context, migrations []Migration) (err error) {
	defer errs.Wrap(&err, "db.Migrate")
	list, err := inOrder(slices.Concat(own, migrations))
	if err != nil {
		return err
	}
	return d.retry(ctx, func() error { return d.migrate(ctx, list) })
}

func inOrder(list []Migration) ([]Migration, error) {
	slices.SortFunc(list, func(a, b Migration) int { return cmp.Compare(a.ID, b.ID) })
	for i, m := range list {
		if m.ID < 1 || i > 0 && m.ID == list[i-1].ID {
			return nil, fmt.Errorf("db: migration %d %q: the ID must be positive and used once", m.ID, m.Name)
		}
		for _, step := range m.Up {
			if err := step.check(); err != nil {
				return nil, fmt.Errorf("db: migration %d %q: %w", m.ID, m.Name, err)
			}
		}
	}
	return list, nil
}

func (d *DB) migrate(ctx context.Context, list []Migration) error {
	conn, err := d.pools.write.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	if pending, err := d.pending(ctx, conn, list); err != nil || len(pending) == 0 {
		return err // most starts end here, without a lock
	}
	unlock, err := d.dialect.lock(ctx, conn)
	if err != nil {
		return err
	}
	err = d.applyAll(ctx, conn, list)
	return cmp.Or(err, unlock(context.WithoutCancel(ctx), err == nil))
}

// CheckSchema tells whether the schema is what Migrate leaves: errs.Unavailable while
// migrations are missing, and errs.Unsupported as from Migrate. It changes nothing.
func (d *DB) CheckSchema(ctx context.Context, migrations []Migration) (err error) {
	defer errs.Wrap(&err, "db.CheckSchema")
	list, err := inOrder(slices.Concat(own, migrations))
	if err != nil {
		return err
	}
	conn, err := d.pools.read.Conn(ctx)
	if err != nil {
		return d.explain(err)
	}
	defer conn.Close()
	pending, err := d.pending(ctx, conn, list)
	if err == nil && len(pending) > 0 {
		err = errs.New(errs.Unavailable, "the schema lacks %d migrations, the first %d %q", len(pending), pending[0].ID, pending[0].Name).
			WithCure("wait until a node of this version has migrated it")
	}
	return d.explain(err)
}

// applyAll works under the lock, so it looks again at what is there.
func (d *DB) applyAll(ctx context.Context, conn *sql.Conn, list []Migration) error {
	n, err := d.dialect.tableCount(ctx, conn, migrationTable.Name)
	if err == nil && n == 0 {
		err = d.run(ctx, conn, CreateTable(&migrationTable).render(d.dialect, 0))
	}
	if err != nil {
		return err
	}
	pending, err := d.pending(ctx, conn, list)
	if err != nil {
		return err
	}
	for i := range pending {
		if err := d.apply(ctx, conn, &pending[i]); err != nil {
			return fmt.Errorf("migration %d %q: %w", pending[i].ID, pending[i].Name, err)
		}
		d.cfg.Log.Info("schema migrated", "version", pending[i].ID, "name", pending[i].Name)
	}
	return nil
}

// pending are the migrations that are not applied yet.
func (d *DB) pending(ctx context.Context, conn *sql.Conn, list []Migration) ([]Migration, error) {
	applied, err := d.applied(ctx, conn)
	if err != nil {
		return nil, err
	}
	var pending []Migration
	for _, m := range list {
		was, ok := applied[m.ID]
		delete(applied, m.ID)
		switch {
		case !ok:
			pending = append(pending, m)
		case was.checksum != m.checksum():
			return nil, errs.New(errs.Unsupported, "migration %d %q was edited after it was applied as %q", m.ID, m.Name, was.name).
				WithCure("restore it, and make the change in a migration of its own; or start the version of the program that fits the database")
		}
	}
	if _, under := applied[copying.ID]; under {
		return nil, errs.New(errs.Unsupported, "only a part of the data is in this database yet: paceline migrate has not finished").
			WithCure("run it again with the same source; it goes on where it was")
	}
	for id, was := range applied {
		return nil, errs.New(errs.Unsupported, "the schema is newer than this program: it has migration %d %q of version %q", id, was.name, was.app).
			WithCure("start that version or a later one")
	}
	return pending, nil
}

type appliedMigration struct{ name, checksum, app string }

func (d *DB) applied(ctx context.Context, conn *sql.Conn) (map[int]appliedMigration, error) {
	n, err := d.dialect.tableCount(ctx, conn, migrationTable.Name)
	if err != nil || n == 0 {
		return nil, err
	}
	rows, err := d.query(ctx, conn, "SELECT version, name, checksum, app_version FROM schema_migration", nil)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	applied := make(map[int]appliedMigration)
	for rows.Next() {
		var id int
		var m appliedMigration
		if err := rows.Scan(&id, &m.name, &m.checksum, &m.app); err != nil {
			return nil, err
		}
		applied[id] = m
	}
	return applied, rows.Err()
}

// apply runs one migration and notes it. Where DDL is no part of transactions, a crash
// leaves a migration half done and it runs again; what exists then is passed over.
func (d *DB) apply(ctx context.Context, conn *sql.Conn, m *Migration) error {
	for _, step := range m.Up {
		if err := d.run(ctx, conn, step.render(d.dialect, m.ID)); err != nil {
			return err
		}
	}
	_, err := d.exec(ctx, conn, insertText(&migrationTable), []any{m.ID, m.Name, m.checksum(), Micros(d.cfg.Clock()), d.cfg.Version})
	return err
}

func (d *DB) run(ctx context.Context, conn *sql.Conn, texts []string) error {
	for _, text := range texts {
		if _, err := conn.ExecContext(ctx, text); err != nil && !d.dialect.exists(err) {
			return fmt.Errorf("%w in %q", err, text)
		}
	}
	return nil
}

// transaction begins one by hand, and returns what ends it.
func transaction(ctx context.Context, conn *sql.Conn, begin ...string) (end func(context.Context, bool) error, err error) {
	for _, text := range begin {
		if _, err := conn.ExecContext(ctx, text); err != nil {
			return nil, err
		}
	}
	return func(ctx context.Context, well bool) error {
		text := "ROLLBACK"
		if well {
			text = "COMMIT"
		}
		_, err := conn.ExecContext(ctx, text)
		return err
	}, nil
}
