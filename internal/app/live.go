package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/engine"
	"github.com/paceline/paceline/internal/errs"
)

// activeSet is what was active at a revision. It is replaced as a whole.
type activeSet struct {
	revision int64
	apps     []*Loaded // in order of name
}

// ActiveRevision is the number of changes of what is active, read from the database.
func (a *Apps) ActiveRevision(ctx context.Context) (int64, error) {
	var revision int64
	err := a.deps.DB.QueryRow(ctx, "SELECT revision FROM app_revision WHERE id = 1").Scan(&revision)
	if errors.Is(err, db.ErrNoRows) {
		return 0, nil
	}
	return revision, err
}

// Refresh reads what is active when the revision says that it changed. A node calls it
// at start, every few seconds, and when the bell rings.
func (a *Apps) Refresh(ctx context.Context) (err error) {
	defer errs.Wrap(&err, "app.Refresh")
	revision, err := a.ActiveRevision(ctx)
	if err != nil || a.snapshot().revision == revision {
		return err
	}
	rows, err := a.deps.DB.Query(ctx, "SELECT active FROM app WHERE active > 0")
	if err != nil {
		return err
	}
	defer rows.Close()
	var ids []db.ID
	for rows.Next() {
		var id db.ID
		if err := rows.Scan(&id); err != nil {
			return err
		}
		ids = append(ids, id)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	next := &activeSet{revision: revision}
	for _, id := range ids {
		l, err := a.Loaded(ctx, id)
		var broken *unreadable
		if errors.As(err, &broken) { // one app must not keep the others away
			a.deps.Log.Error("an active app is left out", "app", broken.app, "error", err)
			continue
		}
		if err != nil {
			return err
		}
		next.apps = append(next.apps, l)
	}
	slices.SortFunc(next.apps, func(x, y *Loaded) int { return cmp.Compare(x.App, y.App) })
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.active == nil || a.active.revision <= revision { // a later Refresh may have been faster
		a.active = next
	}
	return nil
}

func (a *Apps) snapshot() *activeSet {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.active == nil {
		return &activeSet{}
	}
	return a.active
}

// Revision that this node works with.
func (a *Apps) Revision() int64 { return a.snapshot().revision }

// Live are the active versions as this node knows them, in order of app. The slice is
// shared: do not change it.
func (a *Apps) Live() []*Loaded { return a.snapshot().apps }

// Active is the active version of an app, as this node knows it.
func (a *Apps) Active(name string) (*Loaded, error) {
	for _, l := range a.snapshot().apps {
		if l.App == name {
			return l, nil
		}
	}
	return nil, noApp(name)
}

// Loaded reads a version, active or not. Versions never change, so what was read is kept.
func (a *Apps) Loaded(ctx context.Context, version db.ID) (l *Loaded, err error) {
	defer errs.Wrap(&err, "app.Loaded")
	ctx = context.WithoutCancel(ctx) // others may wait for the same version
	return a.loaded.get(version, func() (*Loaded, error) { return a.load(ctx, version) })
}

func (a *Apps) load(ctx context.Context, version db.ID) (*Loaded, error) {
	v, err := readVersion(a.deps.DB.QueryRow(ctx, selectVersion+" WHERE v.id = ?", version))
	if errors.Is(err, db.ErrNoRows) {
		err = errs.New(errs.NotFound, "there is no version %d of an app", version)
	}
	if err != nil {
		return nil, err
	}
	zipped, err := a.zipped(ctx, version)
	if err != nil {
		return nil, err
	}
	b, err := Unzip(zipped)
	if err != nil {
		return nil, &unreadable{v.App, v.Number, err}
	}
	l, problems := Load(b)
	if l == nil {
		return nil, &unreadable{v.App, v.Number, refusal(problems)}
	}
	l.Version, l.Number = version, v.Number
	rows, err := a.deps.DB.Query(ctx, "SELECT id, process FROM app_definition WHERE app_version = ?", version)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var id db.ID
		var process string
		if err := rows.Scan(&id, &process); err != nil {
			return nil, err
		}
		l.ids[process] = id
	}
	return l, rows.Err()
}

// unreadable is the error of a published version that this program refuses. It was good
// when it was published, by the rules of that time.
type unreadable struct {
	app    string
	number int
	why    error
}

func (u *unreadable) Error() string {
	return fmt.Sprintf("version %d of the app %s cannot be read any more: %v", u.number, u.app, u.why)
}

// Definition gives the compiled process that instances carry the id of.
func (a *Apps) Definition(ctx context.Context, id db.ID) (def *engine.Definition, err error) {
	defer errs.Wrap(&err, "app.Definition")
	l, process, err := a.defined(ctx, id)
	if err != nil {
		return nil, err
	}
	return l.compiled[process], nil
}

// ByDefinition gives the version that a definition belongs to.
func (a *Apps) ByDefinition(ctx context.Context, id db.ID) (l *Loaded, err error) {
	defer errs.Wrap(&err, "app.ByDefinition")
	l, _, err = a.defined(ctx, id)
	return l, err
}

func (a *Apps) defined(ctx context.Context, id db.ID) (*Loaded, string, error) {
	at, known := a.places.Load(id)
	if !known {
		var p place
		err := a.deps.DB.QueryRow(ctx, "SELECT app_version, process FROM app_definition WHERE id = ?", id).Scan(&p.version, &p.process)
		if errors.Is(err, db.ErrNoRows) {
			err = errs.New(errs.NotFound, "there is no process definition %d", id)
		}
		if err != nil {
			return nil, "", err
		}
		a.places.Store(id, p)
		at = p
	}
	p := at.(place)
	l, err := a.Loaded(ctx, p.version)
	return l, p.process, err
}

// place says which process of which version a definition is. That never changes, and
// there are few enough definitions to remember all that were asked for.
type place struct {
	version db.ID
	process string
}

// Called finds the process that a call activity means: one of the same version, else of
// the active version of any app.
func (a *Apps) Called(ctx context.Context, from db.ID, process string) (id db.ID, err error) {
	defer errs.Wrap(&err, "app.Called")
	l, _, err := a.defined(ctx, from)
	if err != nil {
		return 0, err
	}
	for _, l := range append([]*Loaded{l}, a.Live()...) {
		if id := l.ids[process]; id != 0 {
			return id, nil
		}
	}
	return 0, errs.New(errs.NotFound, "no published app has a process %q", clip(process)).
		WithCure("Publish the app that has it, then retry the step.")
}
