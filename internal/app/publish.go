package app

import (
	"context"
	"errors"
	"time"

	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/engine"
	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/org"
)

// Version is one published version of an app.
type Version struct {
	ID         db.ID     `json:"id"`
	App        string    `json:"app"`
	Number     int       `json:"number" doc:"From 1, per app."`
	Label      string    `json:"label,omitempty" doc:"The version its manifest names."`
	Hash       string    `json:"hash" doc:"SHA-256 of its files: the same files are the same version."`
	Size       int64     `json:"size" doc:"Bytes of its zip."`
	Author     db.ID     `json:"author"`
	AuthorName string    `json:"authorName"`
	Published  time.Time `json:"published"`
	Active     bool      `json:"active" doc:"New tickets begin with it."`
}

// Published answers Publish and Rollback.
type Published struct {
	Version
	New      bool      `json:"new" doc:"False: these files had been published before, as this version."`
	Previous int       `json:"previous,omitempty" doc:"Number of the version that was active before."`
	Warnings []Problem `json:"warnings,omitempty"`
}

// Publish makes a bundle a version of its app and makes that version active. Files that
// were published before give the version they were then. A bundle with problems is
// Invalid, with every one of them in the details.
func (a *Apps) Publish(ctx context.Context, by *org.Actor, b *Bundle) (done Published, err error) {
	defer errs.Wrap(&err, "app.Publish")
	if err := by.Require(org.WriteApps); err != nil {
		return Published{}, err
	}
	l, problems := Load(b)
	if l == nil {
		return Published{}, refusal(problems)
	}
	if !by.InApp(l.Manifest.ID) {
		return Published{}, errs.New(errs.Denied, "this token does not reach the app %s", l.Manifest.ID)
	}
	zipped, err := b.Zip()
	if err != nil {
		return Published{}, err
	}
	if len(zipped) > MaxZip {
		return Published{}, errs.New(errs.Invalid, "the bundle has %d bytes when zipped, more than %d", len(zipped), MaxZip)
	}
	done, err = db.Do(ctx, a.deps.DB, func(ctx context.Context, tx *db.Tx) (Published, error) {
		p, err := a.store(ctx, tx, by, l, zipped)
		if err != nil {
			return p, err
		}
		p.Warnings = problems
		return p, a.activate(ctx, tx, by, "app.publish", &p, l)
	})
	if err != nil {
		return done, err
	}
	a.changed(ctx, done.App)
	return done, nil
}

// store finds the version with the bundle's content, or adds it.
func (a *Apps) store(ctx context.Context, tx *db.Tx, by *org.Actor, l *Loaded, zipped []byte) (Published, error) {
	if err := a.raise(ctx, tx); err != nil {
		return Published{}, err
	}
	id, err := a.appRow(ctx, tx, l.Manifest.ID)
	if err != nil {
		return Published{}, err
	}
	known, err := readVersion(tx.QueryRow(ctx, selectVersion+" WHERE v.app = ? AND v.hash = ?", id, l.Hash))
	if !errors.Is(err, db.ErrNoRows) {
		return Published{Version: known}, err
	}
	var last int
	if err := tx.QueryRow(ctx, "SELECT COALESCE(MAX(num), 0) FROM app_version WHERE app = ?", id).Scan(&last); err != nil {
		return Published{}, err
	}
	v := Version{
		ID: a.deps.NewID(), App: l.Manifest.ID, Number: last + 1, Label: clip(l.Manifest.Version), Hash: l.Hash, Size: int64(len(zipped)),
		Author: by.ID, AuthorName: by.Name, Published: a.deps.Now().UTC().Truncate(time.Microsecond),
	}
	rows := []db.Row{{Table: &versionTable, Values: []any{v.ID, id, v.Number, v.Label, v.Hash, v.Size, v.Author, v.AuthorName, db.Micros(v.Published), zipped}}}
	for _, process := range l.Processes() {
		rows = append(rows, db.Row{Table: &definitionTable, Values: []any{a.deps.NewID(), v.ID, process}})
	}
	return Published{Version: v, New: true}, tx.Insert(ctx, rows...)
}

// appRow finds the id of an app, or makes the app.
func (a *Apps) appRow(ctx context.Context, tx *db.Tx, name string) (db.ID, error) {
	var id db.ID
	err := tx.QueryRow(ctx, "SELECT id FROM app WHERE name = ?", name).Scan(&id)
	if !errors.Is(err, db.ErrNoRows) {
		return id, err
	}
	id = a.deps.NewID()
	return id, tx.Insert(ctx, db.Row{Table: &appTable, Values: []any{id, name, 0, db.Micros(a.deps.Now()), 1}})
}

// Rollback makes an earlier version active again, or any other one. Tickets that run
// keep theirs.
func (a *Apps) Rollback(ctx context.Context, by *org.Actor, name string, number int) (done Published, err error) {
	defer errs.Wrap(&err, "app.Rollback")
	if err := by.Require(org.WriteApps); err != nil {
		return Published{}, err
	}
	if !by.InApp(name) {
		return Published{}, noApp(name)
	}
	done, err = db.Do(ctx, a.deps.DB, func(ctx context.Context, tx *db.Tx) (Published, error) {
		if err := a.raise(ctx, tx); err != nil {
			return Published{}, err
		}
		v, err := readVersion(tx.QueryRow(ctx, selectVersion+" WHERE a.name = ? AND v.num = ?", name, number))
		if errors.Is(err, db.ErrNoRows) {
			err = noVersion(name, number)
		}
		if err != nil {
			return Published{}, err
		}
		l, err := a.Loaded(ctx, v.ID)
		if err != nil {
			return Published{}, err
		}
		p := Published{Version: v}
		return p, a.activate(ctx, tx, by, "app.rollback", &p, l)
	})
	if err != nil {
		return done, err
	}
	a.changed(ctx, done.App)
	return done, nil
}

// activate points the app to a version. The row's own version is the guard: the transaction
// that read another pointer than it moves away from fails.
func (a *Apps) activate(ctx context.Context, tx *db.Tx, by *org.Actor, action string, p *Published, l *Loaded) error {
	var id, active, guard int64
	var previous *int
	err := tx.QueryRow(ctx, "SELECT a.id, a.active, a.version, v.num FROM app a LEFT JOIN app_version v ON v.id = a.active WHERE a.name = ?", p.App).Scan(&id, &active, &guard, &previous)
	if err != nil {
		return err
	}
	p.Active = true
	if active == int64(p.ID) {
		return nil
	}
	if previous != nil {
		p.Previous = *previous
	}
	moved, err := tx.Exec(ctx, "UPDATE app SET active = ?, version = version + 1 WHERE id = ? AND version = ?", p.ID, id, guard)
	if err != nil {
		return err
	}
	if moved != 1 {
		return errs.New(errs.Conflict, "another version of %s became active at the same moment", p.App).WithCure("Look at the versions and try again.")
	}
	definitions, err := definitionsOf(ctx, tx, p.ID, l)
	if err != nil {
		return err
	}
	if err := a.deps.Activated(ctx, tx, db.ID(id), definitions); err != nil {
		return err
	}
	if err := a.deps.Imported(ctx, tx, by, l); err != nil {
		return err
	}
	return a.deps.Audit(ctx, tx, by, action, p.App, map[string]any{"version": p.Number, "hash": p.Hash, "previous": p.Previous})
}

// definitionsOf reads the ids of a version's processes, as the transaction sees them.
func definitionsOf(ctx context.Context, tx *db.Tx, version db.ID, l *Loaded) (map[db.ID]*engine.Definition, error) {
	rows, err := tx.Query(ctx, "SELECT id, process FROM app_definition WHERE app_version = ?", version)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	definitions := map[db.ID]*engine.Definition{}
	for rows.Next() {
		var id db.ID
		var process string
		if err := rows.Scan(&id, &process); err != nil {
			return nil, err
		}
		definitions[id] = l.compiled[process]
	}
	return definitions, rows.Err()
}

// raise raises the revision, first thing in every write. The lock of the row, which the
// very first write makes, lets one write at a time go on.
func (a *Apps) raise(ctx context.Context, tx *db.Tx) error {
	const up = "UPDATE app_revision SET revision = revision + 1 WHERE id = 1"
	n, err := tx.Exec(ctx, up)
	if err != nil || n == 1 {
		return err
	}
	if _, err := tx.InsertIgnore(ctx, db.Row{Table: &revisionTable, Values: []any{1, 0}}); err != nil {
		return err
	}
	_, err = tx.Exec(ctx, up)
	return err
}

// changed takes the new state of things over on this node and tells the others. What
// was written stays written when that fails: polling will see it.
func (a *Apps) changed(ctx context.Context, name string) {
	if err := a.Refresh(context.WithoutCancel(ctx)); err != nil {
		a.deps.Log.Warn("the new active version will be seen at the next poll", "app", name, "error", err)
	}
	a.deps.Ring("app", name)
}

func noApp(name string) error {
	return errs.New(errs.NotFound, "there is no app %q", clip(name))
}

func noVersion(name string, number int) error {
	return errs.New(errs.NotFound, "the app %q has no version %d", clip(name), number).WithCure("List its versions.")
}
