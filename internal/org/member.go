package org

import (
	"context"
	"encoding/json"
	"errors"
	"reflect"

	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/errs"
)

// Membership is the answer of ChangeMembers.
type Membership struct {
	Group   db.ID `json:"group"`
	Added   int   `json:"added"`   // that were none before
	Removed int   `json:"removed"` // that were members
}

// maxMembers bounds one ChangeMembers.
const maxMembers = 1000

// ChangeMembers adds members to a group, unit, post or role and removes others. Who is
// one already, or was none, is left as it is. Members are users; of a role also
// groups, units and posts. A user's primary unit is not a membership: UpdateUser sets it.
func (o *Org) ChangeMembers(ctx context.Context, by *Actor, group db.ID, add, remove []db.ID) (Membership, error) {
	if len(add)+len(remove) > maxMembers {
		return Membership{}, errs.New(errs.Invalid, "at most %d members are changed at once", maxMembers)
	}
	return change(ctx, o, by, WriteOrg, "ChangeMembers", func(ctx context.Context, tx *db.Tx) (Membership, error) {
		g, err := groupByID(ctx, tx, group)
		if err != nil {
			return Membership{}, err
		}
		m := Membership{Group: group}
		for _, id := range add {
			if err := checkMember(ctx, tx, g, id); err != nil {
				return Membership{}, err
			}
			added, err := tx.InsertIgnore(ctx, db.Row{Table: &memberTable, Values: []any{group, id}})
			if err != nil {
				return Membership{}, err
			}
			m.Added += count(added)
		}
		for _, id := range remove {
			n, err := tx.Exec(ctx, "DELETE FROM org_member WHERE group_id = ? AND member_id = ?", group, id)
			if err != nil {
				return Membership{}, err
			}
			m.Removed += int(n)
		}
		if err := keepAnAdmin(ctx, tx); err != nil {
			return Membership{}, err
		}
		return m, o.Audit(ctx, tx, by, string(g.Kind)+".members", g.Name, map[string]any{"add": add, "remove": remove})
	})
}

func count(b bool) int {
	if b {
		return 1
	}
	return 0
}

// checkMember refuses members that are nobody, or of a kind the group does not take.
func checkMember(ctx context.Context, tx *db.Tx, g *Group, id db.ID) error {
	_, err := userByID(ctx, tx, id)
	if !errs.Is(err, errs.NotFound) {
		return err
	}
	m, err := groupByID(ctx, tx, id)
	switch {
	case errs.Is(err, errs.NotFound):
		return errs.New(errs.Invalid, "there is no user or group %d to be a member", id)
	case err != nil:
		return err
	case g.Kind != KindRole || m.Kind == KindRole:
		return errs.New(errs.Invalid, "a %s cannot be a member of a %s", m.Kind, g.Kind).
			WithCure("add its users; only roles take groups, units and posts")
	}
	return nil
}

// grant puts a member into a role by the role's name.
func (o *Org) grant(ctx context.Context, tx *db.Tx, role string, member db.ID) error {
	var id db.ID
	err := tx.QueryRow(ctx, "SELECT id FROM org_group WHERE kind = ? AND name = ?", KindRole, role).Scan(&id)
	if errors.Is(err, db.ErrNoRows) {
		return errs.New(errs.Invalid, "there is no role %q", role)
	}
	if err != nil {
		return err
	}
	_, err = tx.InsertIgnore(ctx, db.Row{Table: &memberTable, Values: []any{id, member}})
	return err
}

// keepAnAdmin refuses the change at hand when it leaves nobody who could undo it.
func keepAnAdmin(ctx context.Context, tx *db.Tx) error {
	n, err := countAdmins(ctx, tx)
	if err == nil && n == 0 {
		return errs.New(errs.Conflict, "this would leave no enabled user with the role %s", RoleAdmin).
			WithCure("give the role to another user first")
	}
	return err
}

// differences are the JSON fields of two values of one type that differ, with the
// values after.
func differences(before, after any) map[string]any {
	was, is := asMap(before), asMap(after)
	out := map[string]any{}
	for k, v := range is {
		if !reflect.DeepEqual(v, was[k]) {
			out[k] = v
		}
	}
	for k := range was {
		if _, kept := is[k]; !kept {
			out[k] = nil
		}
	}
	return out
}

func asMap(v any) (m map[string]any) {
	text, err := json.Marshal(v)
	if err == nil {
		err = json.Unmarshal(text, &m)
	}
	if err != nil {
		return nil
	}
	return m
}
