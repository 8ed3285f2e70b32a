package org

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/errs"
)

// Kind of a principal.
type Kind string

// The kinds of principals. All but KindUser are Groups.
const (
	KindUser  Kind = "user"
	KindGroup Kind = "group" // some users
	KindUnit  Kind = "unit"  // part of the tree: has a unit above, perhaps a head; users have one primary unit
	KindPost  Kind = "post"  // a position within a unit; who holds it belongs to the unit
	KindRole  Kind = "role"  // what one may do; held by users, groups, units and posts
)

// MaxUnitDepth bounds the tree of units.
const MaxUnitDepth = 16

// Group is a named set of users, of one of four kinds.
type Group struct {
	ID      db.ID     `json:"id"`
	Kind    Kind      `json:"kind" enum:"group,unit,post,role"`
	Name    string    `json:"name"` // unique in its kind; models name it
	Title   string    `json:"title,omitempty"`
	Parent  db.ID     `json:"parent,omitzero"` // unit: the one above; post: its unit
	Head    db.ID     `json:"head,omitzero"`   // unit: a user
	Version int64     `json:"version"`         // rises by one with every change
	Created time.Time `json:"created"`
	Changed time.Time `json:"changed"`
}

func (g *Group) clean() error {
	g.Name, g.Title = cleanName(g.Name), cleanName(g.Title)
	var w wrong
	switch g.Kind {
	case KindUnit:
	case KindPost:
		if g.Parent == 0 {
			w.add("parent", "required", "a post belongs to a unit")
		}
	case KindGroup, KindRole:
		if g.Parent != 0 {
			w.add("parent", "unused", "only units and posts have a parent")
		}
	default:
		w.add("kind", "enum", "%.20q is not one of group, unit, post, role", g.Kind)
	}
	if g.Kind != KindUnit && g.Head != 0 {
		w.add("head", "unused", "only units have a head")
	}
	w.name("name", g.Name)
	w.text("title", g.Title)
	return w.err("the group")
}

// CreateGroup adds a group, unit, post or role. Of g the id, the version and the times
// are not looked at.
func (o *Org) CreateGroup(ctx context.Context, by *Actor, g Group) (Group, error) {
	if err := g.clean(); err != nil {
		return Group{}, err
	}
	return change(ctx, o, by, WriteOrg, "CreateGroup", func(ctx context.Context, tx *db.Tx) (Group, error) {
		created, err := o.insertGroup(ctx, tx, g)
		if err != nil {
			return Group{}, err
		}
		return created, o.Audit(ctx, tx, by, string(g.Kind)+".create", g.Name, map[string]any{"id": created.ID})
	})
}

func (o *Org) insertGroup(ctx context.Context, tx *db.Tx, g Group) (Group, error) {
	g.ID, g.Version, g.Created = o.newID(), 1, o.now()
	g.Changed = g.Created
	if err := checkGroupRefs(ctx, tx, &g); err != nil {
		return Group{}, err
	}
	err := tx.Insert(ctx, g.row())
	if errors.Is(err, db.ErrDuplicate) {
		return Group{}, taken("name", g.Name)
	}
	return g, err
}

// UpdateGroup stores g in place of the group with its id, which must still have its
// version. The kind cannot change, nor the name of a built-in role.
func (o *Org) UpdateGroup(ctx context.Context, by *Actor, g Group) (Group, error) {
	if err := g.clean(); err != nil {
		return Group{}, err
	}
	return change(ctx, o, by, WriteOrg, "UpdateGroup", func(ctx context.Context, tx *db.Tx) (Group, error) {
		before, err := groupByID(ctx, tx, g.ID)
		if err != nil {
			return Group{}, err
		}
		return o.updateGroup(ctx, tx, by, before, g)
	})
}

func (o *Org) updateGroup(ctx context.Context, tx *db.Tx, by *Actor, before *Group, g Group) (Group, error) {
	g, err := o.replaceGroup(ctx, tx, before, g)
	if err != nil {
		return Group{}, err
	}
	return g, o.Audit(ctx, tx, by, string(g.Kind)+".update", g.Name, differences(before, g))
}

// replaceGroup stores g in place of before, after all checks.
func (o *Org) replaceGroup(ctx context.Context, tx *db.Tx, before *Group, g Group) (Group, error) {
	switch {
	case g.Kind != before.Kind:
		return Group{}, errs.New(errs.Invalid, "a %s cannot become a %s", before.Kind, g.Kind)
	case g.Name != before.Name && isBuiltin(before):
		return Group{}, errs.New(errs.Invalid, "the built-in role %q cannot be renamed", before.Name)
	case g.Version != before.Version:
		return Group{}, changedMeanwhile(string(g.Kind), before.Name, before.Version)
	}
	g.Created, g.Changed, g.Version = before.Created, o.now(), before.Version+1
	if err := checkGroupRefs(ctx, tx, &g); err != nil {
		return Group{}, err
	}
	_, err := tx.Exec(ctx, "UPDATE org_group SET name = ?, title = ?, parent = ?, head = ?, version = ?, changed = ? WHERE id = ?",
		g.Name, g.Title, g.Parent, g.Head, g.Version, db.Micros(g.Changed), g.ID)
	if errors.Is(err, db.ErrDuplicate) {
		return Group{}, taken("name", g.Name)
	}
	if err != nil {
		return Group{}, err
	}
	return g, nil
}

// Deleted is the answer of DeleteGroup.
type Deleted struct {
	ID   db.ID  `json:"id"`
	Kind Kind   `json:"kind"`
	Name string `json:"name"`
}

// DeleteGroup removes a group that has no members and nothing below it. Built-in
// roles stay.
func (o *Org) DeleteGroup(ctx context.Context, by *Actor, id db.ID, version int64) (Deleted, error) {
	return change(ctx, o, by, WriteOrg, "DeleteGroup", func(ctx context.Context, tx *db.Tx) (Deleted, error) {
		g, err := groupByID(ctx, tx, id)
		switch {
		case err != nil:
			return Deleted{}, err
		case isBuiltin(g):
			return Deleted{}, errs.New(errs.Invalid, "the built-in role %q cannot be deleted", g.Name)
		case g.Version != version:
			return Deleted{}, changedMeanwhile(string(g.Kind), g.Name, g.Version)
		}
		if err := refuseUnlessEmpty(ctx, tx, g); err != nil {
			return Deleted{}, err
		}
		for _, statement := range []string{"DELETE FROM org_member WHERE member_id = ?", "DELETE FROM org_group WHERE id = ?"} {
			if _, err := tx.Exec(ctx, statement, id); err != nil {
				return Deleted{}, err
			}
		}
		return Deleted{id, g.Kind, g.Name}, o.Audit(ctx, tx, by, string(g.Kind)+".delete", g.Name, g)
	})
}

func refuseUnlessEmpty(ctx context.Context, tx *db.Tx, g *Group) error {
	for _, in := range []struct{ query, what, cure string }{
		{"SELECT count(*) FROM org_group WHERE parent = ?", "units or posts below it", "move or delete them first"},
		{"SELECT count(*) FROM org_user WHERE unit = ?", "users whose unit it is", "give them another unit first"},
		{"SELECT count(*) FROM org_member WHERE group_id = ?", "members", "remove them first"},
	} {
		var n int
		if err := tx.QueryRow(ctx, in.query, g.ID).Scan(&n); err != nil {
			return err
		}
		if n > 0 {
			return errs.New(errs.Conflict, "the %s %q has %d %s", g.Kind, g.Name, n, in.what).WithCure("%s", in.cure)
		}
	}
	return nil
}

func isBuiltin(g *Group) bool {
	return g.Kind == KindRole && slices.ContainsFunc(builtinRoles, func(r struct{ name, title string }) bool { return r.name == g.Name })
}

// checkGroupRefs refuses a parent that is no unit, a head that is no user, and a tree
// that closes to a ring or grows too deep.
func checkGroupRefs(ctx context.Context, tx *db.Tx, g *Group) error {
	var w wrong
	if g.Head != 0 {
		if _, err := userByID(ctx, tx, g.Head); errs.Is(err, errs.NotFound) {
			w.add("head", "reference", "there is no user %d", g.Head)
		} else if err != nil {
			return err
		}
	}
	depth := 1
	for above := g.Parent; above != 0; depth++ {
		if above == g.ID {
			w.add("parent", "cycle", "the unit would be below itself")
			break
		}
		if depth > MaxUnitDepth {
			w.add("parent", "max", "the tree of units would be more than %d deep", MaxUnitDepth)
			break
		}
		p, err := groupByID(ctx, tx, above)
		if errs.Is(err, errs.NotFound) || err == nil && p.Kind != KindUnit {
			w.add("parent", "reference", "there is no unit %d", above)
			break
		} else if err != nil {
			return err
		}
		above = p.Parent
	}
	return w.err("the " + string(g.Kind))
}

func groupByID(ctx context.Context, q db.Queryer, id db.ID) (*Group, error) {
	g, err := scanGroup(q.QueryRow(ctx, "SELECT "+groupColumns+" FROM org_group WHERE id = ?", id))
	if errors.Is(err, db.ErrNoRows) {
		return nil, errs.New(errs.NotFound, "there is no group %d", id)
	}
	return g, err
}
