// Package app keeps the apps: bundles of processes, forms and texts that builders
// publish and tickets run on.
//
// What always holds:
//
//   - A published version never changes. It is named by its content: publishing the same
//     files again gives the same version. A ticket keeps the version it began with.
//   - A bundle with a problem of severity Error is not published; Check and Publish find
//     all problems at once, with file, element or field, line and cure.
//   - Which version is active is one guarded row; Rollback only moves that pointer. Every
//     move raises the revision, so that other nodes see it by polling ActiveRevision.
//   - Bundles are hostile input: names, counts and sizes are bounded before
//     anything is unpacked or parsed, and nothing is written to a disk.
//   - What is read from a version is immutable and kept per node, bounded.
//
// Tables: app, app_version, app_definition, app_revision.
package app

import (
	"cmp"
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/engine"
	"github.com/paceline/paceline/internal/org"
)

// Config of Apps. The zero value of a field stands for its default.
type Config struct {
	CacheVersions int `yaml:"cache_versions"` // parsed versions kept in memory; 64
}

// Deps are what Apps works with. DB and NewID must be there.
type Deps struct {
	DB    *db.DB
	NewID func() db.ID
	// Audit notes who did what, in the same transaction.
	Audit func(ctx context.Context, tx *db.Tx, by *org.Actor, action, subject string, details any) error
	// Activated is told, in the transaction that makes a version active, what its processes are, by
	// the id that instances of them carry.
	Activated func(ctx context.Context, tx *db.Tx, app db.ID, definitions map[db.ID]*engine.Definition) error
	// Imported is told, in the same transaction, what the version has beside its processes.
	Imported func(ctx context.Context, tx *db.Tx, by *org.Actor, l *Loaded) error
	// Ring tells of a new active version after the commit: ("app", name).
	Ring func(topic, key string)
	Now  func() time.Time // time.Now where nil
	Log  *slog.Logger
}

// Apps is the collection of published apps, as one node sees it. It is safe for
// concurrent use.
type Apps struct {
	deps   Deps
	loaded *cache
	places sync.Map // db.ID of a definition -> place

	mu     sync.Mutex
	active *activeSet // as of its revision
}

// New makes Apps. It reads nothing yet.
func New(cfg Config, deps Deps) *Apps {
	if deps.Audit == nil {
		deps.Audit = func(context.Context, *db.Tx, *org.Actor, string, string, any) error { return nil }
	}
	if deps.Activated == nil {
		deps.Activated = func(context.Context, *db.Tx, db.ID, map[db.ID]*engine.Definition) error { return nil }
	}
	if deps.Imported == nil {
		deps.Imported = func(context.Context, *db.Tx, *org.Actor, *Loaded) error { return nil }
	}
	if deps.Ring == nil {
		deps.Ring = func(string, string) {}
	}
	if deps.Now == nil {
		deps.Now = time.Now
	}
	if deps.Log == nil {
		deps.Log = slog.New(slog.DiscardHandler)
	}
	return &Apps{deps: deps, loaded: newCache(cmp.Or(cfg.CacheVersions, 64))}
}
