// Package org knows who people are: users, groups, units, posts and roles; how they
// sign in (passwords, sessions, tokens); what they may do; and what was done (audit).
//
// What always holds:
//
//   - Everything that is somebody (a user, group, unit, post or role) is a principal with
//     an id from one space. Rows elsewhere name principals; who may see or take
//     something is "principal IN (the actor's Principals)".
//   - Every change of the organisation is one transaction that raises the revision, keeps
//     the version of the row it changes, and leaves an audit row. A node whose snapshot
//     (Directory) has an older revision loads it anew: at once after its own writes, on
//     a doorbell, and at the latest at the next Refresh.
//   - What is denied is decided in one place, Actor.Can; what the table there does not name
//     is denied.
//   - No secret is stored: passwords as argon2id hashes, sessions and tokens as SHA-256
//     of 256 random bits. Unknown names and wrong passwords get one answer, in the
//     same time.
package org

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/errs"
)

// Config of the organisation; zero values mean the defaults named.
type Config struct {
	SessionIdle time.Duration  `yaml:"session_idle"` // without a request; 30 minutes
	SessionLife time.Duration  `yaml:"session_life"` // at most; 12 hours
	Cache       time.Duration  `yaml:"cache"`        // how long a revoked session may live on another node; 3 seconds
	Password    PasswordConfig `yaml:"password"`
}

func (c Config) withDefaults() Config {
	c.SessionIdle = cmp.Or(c.SessionIdle, 30*time.Minute)
	c.SessionLife = cmp.Or(c.SessionLife, 12*time.Hour)
	c.Cache = cmp.Or(c.Cache, 3*time.Second)
	c.Password = c.Password.withDefaults()
	return c
}

// Deps are what an Org is made of.
type Deps struct {
	DB    *db.DB
	NewID func() db.ID
	Now   func() time.Time // nil: time.Now
	Log   *slog.Logger
	// Ring is called after a commit that changed the organisation, with the topic "org";
	// the other nodes should then Refresh. May be nil.
	Ring func(topic, key string)
}

// Org is the organisation of the cluster, as one node sees it. It is safe for
// concurrent use.
type Org struct {
	cfg   Config
	db    *db.DB
	newID func() db.ID
	now   func() time.Time
	log   *slog.Logger
	ring  func(topic, key string)

	hasher    *hasher
	sessions  cache[Session]
	tokens    cache[Token]
	directory atomic.Pointer[Directory]
	loading   sync.Mutex // one load at a time; guards nothing
}

// New makes an Org with an empty directory; it starts nothing. Refresh loads the
// directory and is then to be called every few seconds.
func New(cfg Config, deps Deps) *Org {
	o := &Org{
		cfg: cfg.withDefaults(), db: deps.DB, newID: deps.NewID, now: deps.Now, log: deps.Log, ring: deps.Ring,
	}
	if o.now == nil {
		o.now = time.Now
	}
	if o.log == nil {
		o.log = slog.New(slog.DiscardHandler)
	}
	if o.ring == nil {
		o.ring = func(string, string) {}
	}
	o.hasher = newHasher(o.cfg.Password)
	o.directory.Store(newDirectory(0, nil, nil, nil))
	return o
}

// Directory is the organisation as this node last loaded it.
func (o *Org) Directory() *Directory { return o.directory.Load() }

// Refresh loads the directory if the organisation has changed since.
func (o *Org) Refresh(ctx context.Context) (err error) {
	defer errs.Wrap(&err, "org.Refresh")
	o.loading.Lock()
	defer o.loading.Unlock()
	revision, err := readRevision(ctx, o.db)
	if err != nil || revision == o.Directory().Revision {
		return err
	}
	d, err := load(ctx, o.db)
	if err != nil {
		return err
	}
	o.directory.Store(d)
	return nil
}

// change is the one way in which the organisation is changed: the actor's right is
// checked, fn runs in a transaction that holds the revision, and this node sees the
// change when the call returns. With a db.Once in ctx it happens once.
func change[T any](ctx context.Context, o *Org, by *Actor, needs Permission, doing string, fn func(context.Context, *db.Tx) (T, error)) (out T, err error) {
	defer errs.Wrap(&err, "org."+doing)
	if err := by.Require(needs); err != nil {
		return out, err
	}
	out, err = db.Do(ctx, o.db, func(ctx context.Context, tx *db.Tx) (T, error) {
		if err := raiseRevision(ctx, tx); err != nil {
			var none T
			return none, err
		}
		return fn(ctx, tx)
	})
	if err != nil {
		return out, err
	}
	o.ring("org", "")
	if err := o.Refresh(ctx); err != nil {
		o.log.WarnContext(ctx, "the change is stored, but this node will see it only at the next refresh", "error", err)
	}
	return out, nil
}

func readRevision(ctx context.Context, q db.Queryer) (revision int64, err error) {
	err = q.QueryRow(ctx, "SELECT revision FROM org_revision WHERE id = 1").Scan(&revision)
	if errors.Is(err, db.ErrNoRows) {
		return 0, errNotMade()
	}
	return revision, err
}

func raiseRevision(ctx context.Context, tx *db.Tx) error {
	n, err := tx.Exec(ctx, "UPDATE org_revision SET revision = revision + 1 WHERE id = 1")
	if err == nil && n == 0 {
		return errNotMade()
	}
	return err
}

func errNotMade() error {
	return errs.New(errs.Unavailable, "the organisation has not been made yet").WithCure("wait until one node has started")
}
