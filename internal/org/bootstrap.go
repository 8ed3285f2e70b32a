package org

import (
	"context"
	"errors"

	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/errs"
)

// firstAdmin is the login that Bootstrap makes.
const firstAdmin = "admin"

// Bootstrap makes what an organisation needs before the first sign-in: the built-in
// roles and, where nobody has the role admin, the user admin with the password given. An
// empty password asks for a random one, which is returned to be shown once, and has to
// be changed at the first sign-in. It may run at every start, on several nodes at once:
// the first one does it, and the others return "". The directory is loaded afterwards.
func (o *Org) Bootstrap(ctx context.Context, password string) (oneTime string, err error) {
	defer errs.Wrap(&err, "org.Bootstrap")
	if done, err := o.bootstrapped(ctx); err != nil || done {
		return "", errors.Join(err, o.Refresh(ctx))
	}
	mustChange := password == ""
	if mustChange {
		password = randomPassword()
	}
	hash, err := o.newHash(ctx, firstAdmin, password)
	if err != nil {
		return "", err
	}
	made := false
	err = o.db.Tx(ctx, func(ctx context.Context, tx *db.Tx) error {
		if _, err := tx.InsertIgnore(ctx, db.Row{Table: &revisionTable, Values: []any{1, 0}}); err != nil {
			return err
		}
		if err := raiseRevision(ctx, tx); err != nil { // from here on, one node at a time
			return err
		}
		if err := o.makeRoles(ctx, tx); err != nil {
			return err
		}
		made, err = o.makeAdmin(ctx, tx, hash, mustChange)
		return err
	})
	if err != nil {
		return "", err
	}
	if err := o.Refresh(ctx); err != nil || !made || !mustChange {
		return "", err
	}
	return password, nil
}

// bootstrapped is the usual case of a start: nothing is to be made.
func (o *Org) bootstrapped(ctx context.Context) (bool, error) {
	var roles int
	err := o.db.QueryRow(ctx, "SELECT count(*) FROM org_group WHERE kind = ?", KindRole).Scan(&roles)
	if err != nil || roles < len(builtinRoles) {
		return false, err
	}
	admins, err := countAdmins(ctx, o.db)
	return admins > 0, err
}

func (o *Org) makeRoles(ctx context.Context, tx *db.Tx) error {
	for _, r := range builtinRoles {
		var n int
		err := tx.QueryRow(ctx, "SELECT count(*) FROM org_group WHERE kind = ? AND name = ?", KindRole, r.name).Scan(&n)
		if err == nil && n == 0 {
			_, err = o.insertGroup(ctx, tx, Group{Kind: KindRole, Name: r.name, Title: r.title})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// makeAdmin makes the first administrator, unless there is one.
func (o *Org) makeAdmin(ctx context.Context, tx *db.Tx, hash string, mustChange bool) (made bool, err error) {
	admins, err := countAdmins(ctx, tx)
	if err != nil || admins > 0 {
		return false, err
	}
	admin, err := o.insertUser(ctx, tx, User{Login: firstAdmin, Name: "Administrator"})
	if err != nil {
		return false, err
	}
	if err := o.storePassword(ctx, tx, admin.ID, hash, mustChange); err != nil {
		return false, err
	}
	for _, role := range []string{RoleAdmin, RoleStaff} {
		if err := o.grant(ctx, tx, role, admin.ID); err != nil {
			return false, err
		}
	}
	return true, o.Audit(ctx, tx, System("bootstrap"), "user.create", firstAdmin, map[string]any{"id": admin.ID})
}

// countAdmins counts the enabled users who have the role admin by name.
func countAdmins(ctx context.Context, q db.Queryer) (n int, err error) {
	err = q.QueryRow(ctx, `SELECT count(*) FROM org_user u, org_member m, org_group g
		WHERE m.member_id = u.id AND g.id = m.group_id AND g.kind = ? AND g.name = ? AND u.disabled = 0`, KindRole, RoleAdmin).Scan(&n)
	return n, err
}
