package org

import (
	"context"
	"errors"

	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/errs"
)

// SignIn is what somebody shows to be let in.
type SignIn struct {
	Login    string
	Password string
	From     Origin
	Previous string // the secret of the session the browser had; it ends
}

// SignedIn is a new session. The secret goes into the cookie, or to the program that
// signed in, and nowhere else.
type SignedIn struct {
	Secret  string
	Session Session
	Actor   *Actor // MustChange: only ChangePassword is open to it
}

// account is what signing in needs to know; the zero account stands for no such user.
type account struct {
	user       db.ID
	disabled   bool
	hash       string // empty: no password
	stale      bool   // the hash was made at other costs than the present ones
	mustChange bool
}

func (o *Org) account(ctx context.Context, login string) (a account, err error) {
	err = o.db.QueryRow(ctx, `SELECT u.id, u.disabled, p.hash, p.must_change FROM org_user u, org_password p
		WHERE u.login = ? AND p.user_id = u.id`, clip(foldLogin(login), maxName)).Scan(&a.user, &a.disabled, &a.hash, &a.mustChange)
	if errors.Is(err, db.ErrNoRows) {
		return account{}, nil
	}
	return a, err
}

// SignIn opens a session for a login and password. A wrong password, an unknown login
// and a disabled user get one answer (Unauthenticated) after the same work. Too many
// failures are Exhausted, with the time to wait.
func (o *Org) SignIn(ctx context.Context, in SignIn) (out SignedIn, err error) {
	defer errs.Wrap(&err, "org.SignIn")
	brakes := brakesFor(in.Login, in.From.Address)
	who, err := o.prove(ctx, in.Login, in.Password, brakes)
	if errs.Is(err, errs.Unauthenticated) {
		if err := o.noteRefusal(ctx, in); err != nil {
			return out, err
		}
	}
	if err != nil {
		return out, err
	}
	hash, err := o.renew(ctx, who, in.Password)
	if err != nil {
		return out, err
	}
	if out, err = o.letIn(ctx, in, who, hash); err != nil {
		return SignedIn{}, err
	}
	out.Actor, err = o.Authenticate(ctx, out.Secret, in.From)
	return out, err
}

// letIn opens the session of somebody who proved the password, which hash now stands for.
func (o *Org) letIn(ctx context.Context, in SignIn, who account, hash string) (out SignedIn, err error) {
	err = o.db.Tx(ctx, func(ctx context.Context, tx *db.Tx) error {
		if err := who.hold(ctx, tx, hash); err != nil {
			return err
		}
		if err := succeed(ctx, tx, brakesFor(in.Login, in.From.Address)); err != nil {
			return err
		}
		if in.Previous != "" {
			if _, err := tx.Exec(ctx, "DELETE FROM org_session WHERE hash = ?", hashSecret(in.Previous)); err != nil {
				return err
			}
		}
		out, err = o.signedIn(ctx, tx, who, in.From, "session.create")
		return err
	})
	return out, err
}

// hold keeps the password that was proved from being replaced before the transaction
// ends; hash takes the place of the stored one. A password that was replaced meanwhile
// opens nothing.
func (who account) hold(ctx context.Context, tx *db.Tx, hash string) error {
	n, err := tx.Exec(ctx, "UPDATE org_password SET hash = ? WHERE user_id = ? AND hash = ?", hash, who.user, who.hash)
	if err == nil && n == 0 {
		return errWrong()
	}
	return err
}

func errWrong() error {
	return errs.New(errs.Unauthenticated, "the login or the password is wrong").
		WithCure("try again; an administrator can set a new password")
}

// prove checks a password behind the brake. An attempt that comes to no answer does not
// count as failed.
func (o *Org) prove(ctx context.Context, login, password string, brakes []brake) (account, error) {
	if err := o.admit(ctx, brakes); err != nil {
		return account{}, err
	}
	who, err := o.account(ctx, login)
	match := false
	if err == nil {
		match, who.stale, err = o.hasher.check(ctx, password, who.hash)
	}
	switch {
	case err != nil:
		return account{}, errors.Join(err, o.takeBack(ctx, brakes))
	case !match || who.disabled:
		return account{}, errWrong()
	}
	return who, nil
}

// renew gives a hash at the present costs, where the stored one has others.
func (o *Org) renew(ctx context.Context, who account, password string) (hash string, err error) {
	if !who.stale {
		return who.hash, nil
	}
	return o.hasher.hash(ctx, password)
}

// noteRefusal leaves an audit row. It names only logins that exist: people type
// passwords into the wrong field.
func (o *Org) noteRefusal(ctx context.Context, in SignIn) error {
	subject := ""
	if u := o.Directory().UserByLogin(in.Login); u != nil {
		subject = u.Login
	}
	return o.db.Tx(ctx, func(ctx context.Context, tx *db.Tx) error {
		return o.Audit(ctx, tx, &Actor{Address: in.From.Address}, "session.refuse", subject, nil)
	})
}

// signedIn opens the session and notes it.
func (o *Org) signedIn(ctx context.Context, tx *db.Tx, who account, from Origin, action string) (SignedIn, error) {
	s, secret, err := o.openSession(ctx, tx, who.user, who.mustChange, from)
	if err != nil {
		return SignedIn{}, err
	}
	u, err := userByID(ctx, tx, who.user)
	if err != nil {
		return SignedIn{}, err
	}
	by := &Actor{ID: u.ID, Login: u.Login, Address: from.Address}
	return SignedIn{Secret: secret, Session: s}, o.Audit(ctx, tx, by, action, u.ID.String(), map[string]any{"session": s.ID})
}

// ChangePassword gives the actor a new password for the present one, ends all of the
// user's sessions and opens a new one.
func (o *Org) ChangePassword(ctx context.Context, by *Actor, present, password string, from Origin) (out SignedIn, err error) {
	defer errs.Wrap(&err, "org.ChangePassword")
	if by == nil || by.Session == 0 {
		return out, errs.New(errs.Denied, "only somebody who signed in with the password can change it").WithCure("sign in first")
	}
	if present == password {
		return out, badPassword("same", "the new password is the present one")
	}
	if err := checkNewPassword(by.Login, password); err != nil {
		return out, err
	}
	brakes := brakesFor(by.Login, from.Address)
	who, err := o.prove(ctx, by.Login, present, brakes)
	if errs.Is(err, errs.Unauthenticated) {
		return out, errs.New(errs.Denied, "the present password is wrong")
	}
	if err != nil {
		return out, err
	}
	hash, err := o.hasher.hash(ctx, password)
	if err != nil {
		return out, err
	}
	who.mustChange = false
	err = o.db.Tx(ctx, func(ctx context.Context, tx *db.Tx) error {
		if err := who.hold(ctx, tx, who.hash); err != nil {
			return err
		}
		if err := succeed(ctx, tx, brakes); err != nil {
			return err
		}
		if err := o.storePassword(ctx, tx, who.user, hash, false); err != nil {
			return err
		}
		out, err = o.signedIn(ctx, tx, who, from, "password.change")
		return err
	})
	if err != nil {
		return SignedIn{}, err
	}
	o.sessions.drop(func(s Session) bool { return s.User == by.ID })
	out.Actor, err = o.Authenticate(ctx, out.Secret, from)
	return out, err
}

// SetPassword gives a user a password that is good for one sign-in, after which the
// user has to choose another, and ends the user's sessions; tokens stay until they are
// revoked. An empty password asks for a random one, which is returned as secret.
func (o *Org) SetPassword(ctx context.Context, by *Actor, user db.ID, password string) (secret string, err error) {
	defer errs.Wrap(&err, "org.SetPassword")
	if err := by.Require(WriteOrg); err != nil {
		return "", err
	}
	u, err := userByID(ctx, o.db, user)
	if err != nil {
		return "", err
	}
	if password == "" {
		password = randomPassword()
		secret = password
	}
	hash, err := o.newHash(ctx, u.Login, password)
	if err != nil {
		return "", err
	}
	err = o.db.Tx(ctx, func(ctx context.Context, tx *db.Tx) error {
		if err := o.storePassword(ctx, tx, user, hash, true); err != nil {
			return err
		}
		return o.Audit(ctx, tx, by, "password.set", u.Login, nil)
	})
	if err != nil {
		return "", err
	}
	o.sessions.drop(func(s Session) bool { return s.User == user })
	return secret, nil
}

// newHash checks and hashes a new password; empty stays empty.
func (o *Org) newHash(ctx context.Context, login, password string) (string, error) {
	if password == "" {
		return "", nil
	}
	if err := checkNewPassword(login, password); err != nil {
		return "", err
	}
	return o.hasher.hash(ctx, password)
}

// storePassword replaces the password of a user and ends the sessions that the old one
// opened.
func (o *Org) storePassword(ctx context.Context, tx *db.Tx, user db.ID, hash string, mustChange bool) error {
	for _, statement := range []string{"DELETE FROM org_password WHERE user_id = ?", "DELETE FROM org_session WHERE user_id = ?"} {
		if _, err := tx.Exec(ctx, statement, user); err != nil {
			return err
		}
	}
	return tx.Insert(ctx, db.Row{Table: &passwordTable, Values: []any{user, hash, mustChange, db.Micros(o.now())}})
}
