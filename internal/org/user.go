package org

import (
	"context"
	"errors"
	"time"

	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/errs"
)

// User is a person, or a program, that can be somebody: sign in, hold tasks, belong
// to groups. Users are never deleted, because tickets tell of them; they are disabled.
type User struct {
	ID         db.ID          `json:"id"`
	Login      string         `json:"login"` // in lower case, unique, for ever: tickets and models name it
	Name       string         `json:"name"`
	Email      string         `json:"email,omitempty"`
	Lang       string         `json:"lang,omitempty"`       // BCP 47
	Unit       db.ID          `json:"unit,omitzero"`        // the primary one
	Superior   db.ID          `json:"superior,omitzero"`    // absent: the head of the unit
	Attributes map[string]any `json:"attributes,omitempty"` // what apps want to know, e.g. annualLeave
	Disabled   bool           `json:"disabled,omitempty"`
	Version    int64          `json:"version"` // rises by one with every change
	Created    time.Time      `json:"created"`
	Changed    time.Time      `json:"changed"`
}

// maxSuperiorLine bounds the line of superiors above a user.
const maxSuperiorLine = 64

func (u *User) clean() error {
	u.Login, u.Name, u.Email = foldLogin(u.Login), cleanName(u.Name), cleanName(u.Email)
	var w wrong
	w.login("login", u.Login)
	w.text("name", u.Name)
	w.text("email", u.Email)
	w.lang("lang", u.Lang)
	w.attributes("attributes", u.Attributes)
	return w.err("the user")
}

// CreateUser adds a user with the role staff, and with a password unless it is empty:
// then nobody can sign in as the user before SetPassword. Of u the id, the version
// and the times are not looked at.
func (o *Org) CreateUser(ctx context.Context, by *Actor, u User, password string) (User, error) {
	if err := by.Require(WriteOrg); err != nil {
		return User{}, err // before the cost of hashing
	}
	if err := u.clean(); err != nil {
		return User{}, err
	}
	hash, err := o.newHash(ctx, u.Login, password)
	if err != nil {
		return User{}, err
	}
	return change(ctx, o, by, WriteOrg, "CreateUser", func(ctx context.Context, tx *db.Tx) (User, error) {
		created, err := o.insertUser(ctx, tx, u)
		if err != nil {
			return User{}, err
		}
		if hash != "" {
			if err := o.storePassword(ctx, tx, created.ID, hash, true); err != nil {
				return User{}, err
			}
		}
		if err := o.grant(ctx, tx, RoleStaff, created.ID); err != nil {
			return User{}, err
		}
		return created, o.Audit(ctx, tx, by, "user.create", created.Login, map[string]any{"id": created.ID})
	})
}

func (o *Org) insertUser(ctx context.Context, tx *db.Tx, u User) (User, error) {
	u.ID, u.Version, u.Created = o.newID(), 1, o.now()
	u.Changed = u.Created
	if err := checkUserRefs(ctx, tx, &u); err != nil {
		return User{}, err
	}
	row, err := u.row()
	if err != nil {
		return User{}, err
	}
	err = tx.Insert(ctx, row)
	if errors.Is(err, db.ErrDuplicate) {
		return User{}, taken("login", u.Login)
	}
	return u, err
}

// UpdateUser stores u in place of the user with its id, who must still have its
// version. Disabling somebody ends their sessions.
func (o *Org) UpdateUser(ctx context.Context, by *Actor, u User) (User, error) {
	if err := u.clean(); err != nil {
		return User{}, err
	}
	return change(ctx, o, by, WriteOrg, "UpdateUser", func(ctx context.Context, tx *db.Tx) (User, error) {
		before, err := userByID(ctx, tx, u.ID)
		if err != nil {
			return User{}, err
		}
		return o.updateUser(ctx, tx, by, before, u)
	})
}

func (o *Org) updateUser(ctx context.Context, tx *db.Tx, by *Actor, before *User, u User) (User, error) {
	u, err := o.replaceUser(ctx, tx, before, u)
	if err != nil {
		return User{}, err
	}
	return u, o.Audit(ctx, tx, by, "user.update", u.Login, differences(before, u))
}

// replaceUser stores u in place of before, after all checks.
func (o *Org) replaceUser(ctx context.Context, tx *db.Tx, before *User, u User) (User, error) {
	if u.Login != before.Login {
		return User{}, errs.New(errs.Invalid, "the login of a user cannot change: tickets and models name it").
			WithDetails(errs.Detail{Place: "login", Rule: "fixed", Message: "it is " + before.Login}).
			WithCure("create another user and disable this one")
	}
	if u.Version != before.Version {
		return User{}, changedMeanwhile("user", before.Login, before.Version)
	}
	u.Created, u.Changed, u.Version = before.Created, o.now(), before.Version+1
	if err := checkUserRefs(ctx, tx, &u); err != nil {
		return User{}, err
	}
	row, err := u.row()
	if err != nil {
		return User{}, err
	}
	v := row.Values
	_, err = tx.Exec(ctx, `UPDATE org_user SET name = ?, email = ?, lang = ?, unit = ?, superior = ?, attributes = ?, disabled = ?,
		version = ?, changed = ? WHERE id = ?`, v[2], v[3], v[4], v[5], v[6], v[7], v[8], v[9], v[11], u.ID)
	if err != nil {
		return User{}, err
	}
	if u.Disabled && !before.Disabled {
		if err := o.shutOut(ctx, tx, u.ID); err != nil {
			return User{}, err
		}
	}
	return u, nil
}

// SetLang sets the actor's own language, a BCP 47 tag; empty for none.
func (o *Org) SetLang(ctx context.Context, by *Actor, lang string) (User, error) {
	return change(ctx, o, by, OwnAccount, "SetLang", func(ctx context.Context, tx *db.Tx) (User, error) {
		before, err := userByID(ctx, tx, by.ID)
		if err != nil {
			return User{}, err
		}
		u := *before
		u.Lang = lang
		if err := u.clean(); err != nil {
			return User{}, err
		}
		return o.updateUser(ctx, tx, by, before, u)
	})
}

// shutOut ends what a user who was just disabled could still act with.
func (o *Org) shutOut(ctx context.Context, tx *db.Tx, user db.ID) error {
	if err := keepAnAdmin(ctx, tx); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, "DELETE FROM org_session WHERE user_id = ?", user)
	return err
}

// checkUserRefs refuses a unit or superior that is none, and superiors in a circle.
func checkUserRefs(ctx context.Context, tx *db.Tx, u *User) error {
	var w wrong
	if u.Unit != 0 {
		if g, err := groupByID(ctx, tx, u.Unit); errs.Is(err, errs.NotFound) || err == nil && g.Kind != KindUnit {
			w.add("unit", "reference", "there is no unit %d", u.Unit)
		} else if err != nil {
			return err
		}
	}
	for above, steps := u.Superior, 0; above != 0; steps++ {
		if above == u.ID || steps == maxSuperiorLine {
			w.add("superior", "cycle", "the line of superiors leads back to %s", u.Login)
			break
		}
		err := tx.QueryRow(ctx, "SELECT superior FROM org_user WHERE id = ?", above).Scan(&above)
		if errors.Is(err, db.ErrNoRows) {
			w.add("superior", "reference", "there is no user %d", u.Superior)
			break
		} else if err != nil {
			return err
		}
	}
	return w.err("the user")
}

func userByID(ctx context.Context, q db.Queryer, id db.ID) (*User, error) {
	u, err := scanUser(q.QueryRow(ctx, "SELECT "+userColumns+" FROM org_user WHERE id = ?", id))
	if errors.Is(err, db.ErrNoRows) {
		return nil, errs.New(errs.NotFound, "there is no user %d", id)
	}
	return u, err
}

func taken(place, name string) error {
	return errs.New(errs.Conflict, "the %s %q is taken", place, name).
		WithDetails(errs.Detail{Place: place, Rule: "unique", Message: "another one has it"}).
		WithCure("choose another %s, or change the one that has it", place)
}

func changedMeanwhile(what, name string, version int64) error {
	return errs.New(errs.Conflict, "the %s %q was changed by somebody else; it is now at version %d", what, name, version).
		WithCure("read it again and repeat the change")
}
