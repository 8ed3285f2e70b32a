package org

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/errs"
)

// Token lets a program act for a user, within scopes, until it expires.
type Token struct {
	ID      db.ID     `json:"id"`
	User    db.ID     `json:"user"`
	Name    string    `json:"name"` // what it is for
	Scopes  []string  `json:"scopes"`
	Created time.Time `json:"created"`
	Expires time.Time `json:"expires"`
	Seen    time.Time `json:"seen,omitzero"` // to the minute; absent: never used
}

// How long a token lives.
const (
	DefaultTokenLife = 90 * 24 * time.Hour
	MaxTokenLife     = 366 * 24 * time.Hour
)

// CreateToken makes a token for the actor and shows its secret, this once. A life of 0
// means DefaultTokenLife. Only signed-in people make tokens: a token that could make
// others would outlive its scopes and its revocation.
func (o *Org) CreateToken(ctx context.Context, by *Actor, name string, scopes []string, life time.Duration) (t Token, secret string, err error) {
	defer errs.Wrap(&err, "org.CreateToken")
	if err := by.Require(OwnAccount); err != nil {
		return t, "", err
	}
	if by.Session == 0 {
		return t, "", errs.New(errs.Denied, "a token cannot make tokens").WithCure("sign in with the password")
	}
	if life == 0 {
		life = DefaultTokenLife
	}
	t = Token{ID: o.newID(), User: by.ID, Name: cleanName(name), Scopes: slices.Clone(scopes), Created: o.now()}
	t.Expires = t.Created.Add(life)
	if err := t.check(life); err != nil {
		return t, "", err
	}
	secret = newSecret(TokenPrefix)
	made, err := db.Do(ctx, o.db, func(ctx context.Context, tx *db.Tx) (Token, error) {
		err := tx.Insert(ctx, db.Row{Table: &tokenTable, Values: []any{
			t.ID, hashSecret(secret), t.User, t.Name, strings.Join(t.Scopes, " "), db.Micros(t.Created), db.Micros(t.Expires), 0,
		}})
		if err != nil {
			return Token{}, err
		}
		return t, o.Audit(ctx, tx, by, "token.create", t.Name, map[string]any{"id": t.ID, "scopes": t.Scopes, "expires": t.Expires})
	})
	switch {
	case err != nil:
		return Token{}, "", err
	case made.ID != t.ID: // a repeat under one idempotency key; secrets are not stored
		return Token{}, "", errs.New(errs.Conflict, "this request has made the token %s before, and its secret is shown only once", made.ID).
			WithCure("revoke that token and make another")
	}
	return t, secret, nil
}

func (t *Token) check(life time.Duration) error {
	var w wrong
	if t.Name == "" {
		w.add("name", "required", "say what the token is for")
	}
	w.text("name", t.Name)
	if life < time.Minute || life > MaxTokenLife {
		w.add("expires", "range", "a token lives from a minute to %d days", int(MaxTokenLife.Hours()/24))
	}
	ranked := false
	for _, s := range t.Scopes {
		app, isApp := strings.CutPrefix(s, AppScope)
		switch {
		case scopeRank[s] > 0, s == ScopeWorker:
			ranked = true
		case !isApp || app == "" || strings.ContainsAny(app, " :") || !printable(app):
			w.add("scopes", "enum", "%.40q is not one of read, write, admin, worker, app:NAME", s)
		}
	}
	if !ranked {
		w.add("scopes", "required", "one of read, write, admin, worker is needed; app:NAME only limits it to the app")
	}
	if len(strings.Join(t.Scopes, " ")) > maxScopes {
		w.add("scopes", "max", "the scopes are longer than %d characters together", maxScopes)
	}
	return w.err("the token")
}

func (o *Org) byToken(ctx context.Context, hash string) (*Actor, error) {
	now := o.now()
	t, found := o.tokens.get(hash, now)
	if !found {
		var err error
		t, err = scanToken(o.db.QueryRow(ctx, "SELECT "+tokenColumns+" FROM org_token WHERE hash = ?", hash))
		if errors.Is(err, db.ErrNoRows) {
			return nil, errEnded()
		}
		if err != nil {
			return nil, err
		}
	}
	if !now.Before(t.Expires) {
		return nil, errEnded()
	}
	touch := now.Sub(t.Seen) >= touchEvery
	if touch {
		if err := o.touch(ctx, "UPDATE org_token SET seen = ? WHERE id = ? AND seen <= ?", t.ID, now); err != nil {
			return nil, err
		}
		t.Seen = now
	}
	if touch || !found {
		o.tokens.put(hash, t, now, o.cfg.Cache)
	}
	a, err := o.actorOf(ctx, t.User)
	if err != nil {
		return nil, err
	}
	a.Token, a.Scopes = t.ID, t.Scopes
	return a, nil
}

const tokenColumns = "id, user_id, name, scopes, created, expires, seen"

func scanToken(row db.Scanner) (t Token, err error) {
	var scopes string
	var created, expires, seen int64
	err = row.Scan(&t.ID, &t.User, &t.Name, &scopes, &created, &expires, &seen)
	t.Scopes = strings.Fields(scopes)
	t.Created, t.Expires, t.Seen = db.Time(created), db.Time(expires), db.Time(seen)
	return t, err
}

// Tokens lists the tokens of a user, expired ones too, the newest first: one's own, or
// with WriteOrg anybody's.
func (o *Org) Tokens(ctx context.Context, by *Actor, user db.ID) (tokens []Token, err error) {
	defer errs.Wrap(&err, "org.Tokens")
	if err := by.requireOwn(user); err != nil {
		return nil, err
	}
	return db.All(ctx, o.db, scanToken, "SELECT "+tokenColumns+" FROM org_token WHERE user_id = ? ORDER BY id DESC {limit}", user, MaxPage)
}

// RevokeToken ends a token of a user.
func (o *Org) RevokeToken(ctx context.Context, by *Actor, user, token db.ID) (out Revoked, err error) {
	defer errs.Wrap(&err, "org.RevokeToken")
	if err := by.requireOwn(user); err != nil {
		return out, err
	}
	out, err = db.Do(ctx, o.db, func(ctx context.Context, tx *db.Tx) (Revoked, error) {
		n, err := tx.Exec(ctx, "DELETE FROM org_token WHERE user_id = ? AND id = ?", user, token)
		if err != nil || n == 0 {
			return Revoked{}, err
		}
		return Revoked{int(n)}, o.Audit(ctx, tx, by, "token.revoke", token.String(), nil)
	})
	o.tokens.drop(func(t Token) bool { return t.ID == token })
	return out, err
}
