package org

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strings"
	"time"

	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/errs"
)

// Session is one sign-in. Its secret is known to the browser alone.
type Session struct {
	ID      db.ID     `json:"id"`
	User    db.ID     `json:"user"`
	Created time.Time `json:"created"`
	Seen    time.Time `json:"seen"` // to the minute
	Expires time.Time `json:"expires"`
	Address string    `json:"address"`
	Agent   string    `json:"agent"` // what the browser calls itself

	mustChange bool
}

// Origin is where a request came from, for the audit and the list of sessions.
type Origin struct {
	Address string
	Agent   string // what the browser or program calls itself
}

// How a secret begins, and where browsers keep a session. The first cookie name is for
// TLS: browsers take it only with Secure, Path=/ and without Domain (RFC 6265bis section
// 4.1.3). Both are HttpOnly and SameSite=Lax.
const (
	SessionPrefix = "ps_"
	TokenPrefix   = "pl_"
	Cookie        = "__Host-paceline"
	PlainCookie   = "paceline"
)

// touchEvery bounds how often it is written that a session or token is in use.
const touchEvery = time.Minute

// newSecret draws 256 random bits.
func newSecret(prefix string) string {
	b := make([]byte, 32)
	rand.Read(b)
	return prefix + base64.RawURLEncoding.EncodeToString(b)
}

// hashSecret is what a row keeps of a secret. The secret is random, so a fast hash
// does, and it may be looked up by its hash without telling anything by time.
func hashSecret(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

// Authenticate makes the actor for the secret of a session or an API token, whichever
// its prefix says. Whatever does not hold any
// more (revoked, idle, expired, user disabled) is Unauthenticated, as is an empty secret.
func (o *Org) Authenticate(ctx context.Context, secret string, from Origin) (a *Actor, err error) {
	defer errs.Wrap(&err, "org.Authenticate")
	switch {
	case secret == "":
		return nil, errNobody()
	case len(secret) > 100:
		return nil, errEnded()
	case strings.HasPrefix(secret, TokenPrefix):
		a, err = o.byToken(ctx, hashSecret(secret))
	default:
		a, err = o.bySession(ctx, hashSecret(secret))
	}
	if err != nil {
		return nil, err
	}
	a.Address = from.Address
	return a, nil
}

func errEnded() error {
	return errs.New(errs.Unauthenticated, "the session or token is not valid any more").WithCure("sign in again, or make a new token")
}

func (o *Org) bySession(ctx context.Context, hash string) (*Actor, error) {
	now := o.now()
	s, found := o.sessions.get(hash, now)
	if !found {
		var err error
		s, err = scanSession(o.db.QueryRow(ctx, "SELECT "+sessionColumns+" FROM org_session WHERE hash = ?", hash))
		if errors.Is(err, db.ErrNoRows) {
			return nil, errEnded()
		}
		if err != nil {
			return nil, err
		}
	}
	if !now.Before(s.Expires) || now.Sub(s.Seen) > o.cfg.SessionIdle {
		return nil, errEnded()
	}
	touch := now.Sub(s.Seen) >= touchEvery
	if touch {
		if err := o.touch(ctx, "UPDATE org_session SET seen = ? WHERE id = ? AND seen <= ?", s.ID, now); err != nil {
			return nil, err
		}
		s.Seen = now
	}
	if touch || !found {
		o.sessions.put(hash, s, now, o.cfg.Cache)
	}
	a, err := o.actorOf(ctx, s.User)
	if err != nil {
		return nil, err
	}
	a.Session, a.MustChange = s.ID, s.mustChange
	return a, nil
}

// touch notes that a session or token is in use. Of several nodes that want to, one
// writes.
func (o *Org) touch(ctx context.Context, statement string, id db.ID, now time.Time) error {
	_, err := o.db.Exec(ctx, statement, db.Micros(now), id, db.Micros(now.Add(-touchEvery)))
	return err
}

// actorOf finds the enabled user in the directory. A user who was made a moment ago on
// another node is worth one look at the database.
func (o *Org) actorOf(ctx context.Context, user db.ID) (*Actor, error) {
	d := o.Directory()
	if d.User(user) == nil {
		if err := o.Refresh(ctx); err != nil {
			return nil, err
		}
		d = o.Directory()
	}
	u := d.User(user)
	if u == nil || u.Disabled {
		return nil, errEnded()
	}
	return d.actor(u), nil
}

const sessionColumns = "id, user_id, must_change, created, seen, expires, address, agent"

func scanSession(row db.Scanner) (s Session, err error) {
	var created, seen, expires int64
	err = row.Scan(&s.ID, &s.User, &s.mustChange, &created, &seen, &expires, &s.Address, &s.Agent)
	s.Created, s.Seen, s.Expires = db.Time(created), db.Time(seen), db.Time(expires)
	return s, err
}

// openSession stores a new session and gives its secret.
func (o *Org) openSession(ctx context.Context, tx *db.Tx, user db.ID, mustChange bool, from Origin) (Session, string, error) {
	now, secret := o.now(), newSecret(SessionPrefix)
	s := Session{ID: o.newID(), User: user, Created: now, Seen: now, Expires: now.Add(o.cfg.SessionLife),
		Address: clip(from.Address, maxAddress), Agent: clip(from.Agent, maxTitle), mustChange: mustChange}
	err := tx.Insert(ctx, db.Row{Table: &sessionTable, Values: []any{
		s.ID, hashSecret(secret), s.User, mustChange, db.Micros(s.Created), db.Micros(s.Seen), db.Micros(s.Expires), s.Address, s.Agent,
	}})
	return s, secret, err
}

// Sessions lists the live sessions of a user, the newest first: one's own, or with
// WriteOrg anybody's.
func (o *Org) Sessions(ctx context.Context, by *Actor, user db.ID) (sessions []Session, err error) {
	defer errs.Wrap(&err, "org.Sessions")
	if err := by.requireOwn(user); err != nil {
		return nil, err
	}
	now := o.now()
	return db.All(ctx, o.db, scanSession, "SELECT "+sessionColumns+" FROM org_session WHERE user_id = ? AND expires > ? AND seen >= ? ORDER BY id DESC {limit}",
		user, db.Micros(now), db.Micros(now.Add(-o.cfg.SessionIdle)), MaxPage)
}

// Revoked is the answer of what ends sessions and tokens.
type Revoked struct {
	Count int `json:"count"`
}

// RevokeSession ends one session of a user; signing out is revoking by.Session, which
// is always allowed.
func (o *Org) RevokeSession(ctx context.Context, by *Actor, user, session db.ID) (Revoked, error) {
	return o.revokeSessions(ctx, by, user, "DELETE FROM org_session WHERE user_id = ? AND id = ?", session)
}

// RevokeOtherSessions ends the sessions of a user, but not the one that asks.
func (o *Org) RevokeOtherSessions(ctx context.Context, by *Actor, user db.ID) (Revoked, error) {
	var own db.ID
	if by != nil {
		own = by.Session
	}
	return o.revokeSessions(ctx, by, user, "DELETE FROM org_session WHERE user_id = ? AND id <> ?", own)
}

func (o *Org) revokeSessions(ctx context.Context, by *Actor, user db.ID, statement string, session db.ID) (out Revoked, err error) {
	defer errs.Wrap(&err, "org.RevokeSession")
	signingOut := by != nil && by.ID == user && by.Session != 0 && by.Session == session
	if err := by.requireOwn(user); err != nil && !signingOut {
		return out, err
	}
	out, err = db.Do(ctx, o.db, func(ctx context.Context, tx *db.Tx) (Revoked, error) {
		n, err := tx.Exec(ctx, statement, user, session)
		if err != nil || n == 0 {
			return Revoked{}, err
		}
		return Revoked{int(n)}, o.Audit(ctx, tx, by, "session.revoke", user.String(), map[string]any{"count": n})
	})
	o.sessions.drop(func(s Session) bool { return s.User == user })
	return out, err
}

// requireOwn lets people see to their own account, and administrators to any.
func (a *Actor) requireOwn(user db.ID) error {
	if a != nil && a.ID == user && user != 0 {
		return a.Require(OwnAccount)
	}
	return a.Require(WriteOrg)
}

// sweepAfter is how long rows stay that have no meaning any more.
const sweepAfter = 24 * time.Hour

// Sweep deletes sessions that ended, tokens that expired a month ago and forgotten
// failures. Any node may do it at any time, once an hour is enough.
func (o *Org) Sweep(ctx context.Context) (err error) {
	defer errs.Wrap(&err, "org.Sweep")
	now := o.now()
	for _, s := range []struct {
		statement string
		before    time.Time
	}{
		{"DELETE FROM org_session WHERE expires < ?", now},
		{"DELETE FROM org_session WHERE seen < ?", now.Add(-o.cfg.SessionIdle)},
		{"DELETE FROM org_token WHERE expires < ?", now.Add(-30 * sweepAfter)},
		{"DELETE FROM org_brake WHERE changed < ?", now.Add(-sweepAfter)},
	} {
		if _, err := o.db.Exec(ctx, s.statement, db.Micros(s.before)); err != nil {
			return err
		}
	}
	return nil
}
