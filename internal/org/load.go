package org

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/paceline/paceline/internal/db"
)

// loadTries bounds how often a load is repeated because somebody wrote meanwhile.
const loadTries = 5

// load reads the whole organisation. The tables are read one after another, so the
// revision is read before and after: when it did not move, they belong together. When it
// moves all the time, the older revision is noted, and the next Refresh loads again.
func load(ctx context.Context, q db.Queryer) (*Directory, error) {
	before, err := readRevision(ctx, q)
	for try := 1; err == nil; try++ {
		var d *Directory
		if d, err = loadTables(ctx, q, before); err != nil {
			break
		}
		var after int64
		if after, err = readRevision(ctx, q); err == nil && (after == before || try == loadTries) {
			return d, nil
		}
		before = after
	}
	return nil, err
}

func loadTables(ctx context.Context, q db.Queryer, revision int64) (*Directory, error) {
	users, err := db.All(ctx, q, scanUser, "SELECT "+userColumns+" FROM org_user")
	if err != nil {
		return nil, err
	}
	groups, err := db.All(ctx, q, scanGroup, "SELECT "+groupColumns+" FROM org_group")
	if err != nil {
		return nil, err
	}
	members, err := db.All(ctx, q, scanMembership, "SELECT group_id, member_id FROM org_member ORDER BY group_id, member_id")
	if err != nil {
		return nil, err
	}
	return newDirectory(revision, users, groups, members), nil
}

const userColumns = "id, login, name, email, lang, unit, superior, attributes, disabled, version, created, changed"

func scanUser(row db.Scanner) (*User, error) {
	var u User
	var attributes string
	var created, changed int64
	err := row.Scan(&u.ID, &u.Login, &u.Name, &u.Email, &u.Lang, &u.Unit, &u.Superior, &attributes, &u.Disabled, &u.Version, &created, &changed)
	if err != nil {
		return nil, err
	}
	u.Created, u.Changed = db.Time(created), db.Time(changed)
	if err := json.Unmarshal([]byte(attributes), &u.Attributes); err != nil {
		return nil, fmt.Errorf("attributes of user %d: %w", u.ID, err)
	}
	return &u, nil
}

func (u *User) row() (db.Row, error) {
	if u.Attributes == nil {
		u.Attributes = map[string]any{}
	}
	attributes, err := json.Marshal(u.Attributes)
	return db.Row{Table: &userTable, Values: []any{u.ID, u.Login, u.Name, u.Email, u.Lang, u.Unit, u.Superior, string(attributes),
		u.Disabled, u.Version, db.Micros(u.Created), db.Micros(u.Changed)}}, err
}

const groupColumns = "id, kind, name, title, parent, head, version, created, changed"

func scanGroup(row db.Scanner) (*Group, error) {
	var g Group
	var created, changed int64
	err := row.Scan(&g.ID, &g.Kind, &g.Name, &g.Title, &g.Parent, &g.Head, &g.Version, &created, &changed)
	g.Created, g.Changed = db.Time(created), db.Time(changed)
	return &g, err
}

func (g *Group) row() db.Row {
	return db.Row{Table: &groupTable, Values: []any{g.ID, g.Kind, g.Name, g.Title, g.Parent, g.Head, g.Version, db.Micros(g.Created), db.Micros(g.Changed)}}
}

func scanMembership(row db.Scanner) (m membership, err error) {
	err = row.Scan(&m.group, &m.member)
	return m, err
}
