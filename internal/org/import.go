package org

import (
	"context"
	"strings"

	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/errs"
)

// Imported is the answer of Import.
type Imported struct {
	Created int `json:"created"` // users, groups, units, posts and roles
	Updated int `json:"updated"`
	Joined  int `json:"joined"` // new memberships
}

// Import makes the organisation have what the file says: it creates what is missing,
// changes what differs and adds memberships, all in one transaction. It takes nothing
// away, so importing twice is importing once.
func (o *Org) Import(ctx context.Context, by *Actor, f File) (Imported, error) {
	if err := by.Require(WriteOrg); err != nil {
		return Imported{}, err
	}
	hashes, err := o.hashNew(ctx, f.Users)
	if err != nil {
		return Imported{}, err
	}
	return change(ctx, o, by, WriteOrg, "Import", func(ctx context.Context, tx *db.Tx) (Imported, error) {
		d, err := loadTables(ctx, tx, 0)
		if err != nil {
			return Imported{}, err
		}
		i := &importer{o: o, tx: tx, by: by, names: namesOf(d), hashes: hashes, made: map[db.ID]bool{}}
		for _, step := range []func(context.Context, File) error{i.makeUnits, i.makeOthers, i.makeUsers, i.linkUnits, i.linkUsers, i.join} {
			if err := step(ctx, f); err != nil {
				return Imported{}, err
			}
			if err := i.names.wrong.err("the organisation"); err != nil {
				return Imported{}, err
			}
		}
		return i.done, o.Audit(ctx, tx, by, "org.import", "", i.done)
	})
}

// hashNew hashes the passwords of the users who do not exist yet, before the
// transaction, because it takes long.
func (o *Org) hashNew(ctx context.Context, users []FileUser) (map[string]string, error) {
	if err := o.Refresh(ctx); err != nil {
		return nil, err
	}
	hashes := map[string]string{}
	for _, u := range users {
		if u.Password == "" || o.Directory().UserByLogin(u.Login) != nil {
			continue
		}
		hash, err := o.newHash(ctx, u.Login, u.Password)
		if err != nil {
			return nil, placed(err, u.place(""))
		}
		hashes[foldLogin(u.Login)] = hash
	}
	return hashes, nil
}

// importer holds what one Import has found and made so far.
type importer struct {
	o      *Org
	tx     *db.Tx
	by     *Actor
	names  *names
	hashes map[string]string // of passwords, by login
	made   map[db.ID]bool    // by this import: linking them is no update
	done   Imported
}

func (i *importer) makeUnits(ctx context.Context, f File) error {
	for _, u := range f.Units {
		if err := i.makeGroup(ctx, Group{Kind: KindUnit, Name: u.Name, Title: u.Title}); err != nil {
			return err
		}
	}
	return nil
}

func (i *importer) makeOthers(ctx context.Context, f File) error {
	for _, p := range f.Posts {
		unit := i.names.group("posts."+clip(p.Name, maxName)+".unit", KindUnit, p.Unit)
		if err := i.makeGroup(ctx, Group{Kind: KindPost, Name: p.Name, Title: p.Title, Parent: unit}); err != nil {
			return err
		}
	}
	for _, g := range f.Groups {
		if err := i.makeGroup(ctx, Group{Kind: KindGroup, Name: g.Name, Title: g.Title}); err != nil {
			return err
		}
	}
	for _, r := range f.Roles {
		if err := i.makeGroup(ctx, Group{Kind: KindRole, Name: r.Name, Title: r.Title}); err != nil {
			return err
		}
	}
	return nil
}

// makeGroup creates a group, or lays over a stored one what the file says of it.
func (i *importer) makeGroup(ctx context.Context, g Group) error {
	key := groupName{g.Kind, cleanName(g.Name)}
	if stored := i.names.groups[key]; stored != nil {
		changed := *stored
		if g.Title != "" {
			changed.Title = g.Title
		}
		if g.Parent != 0 {
			changed.Parent = g.Parent
		}
		return i.updateGroup(ctx, stored, changed)
	}
	if err := g.clean(); err != nil {
		return placed(err, g.place())
	}
	created, err := i.o.insertGroup(ctx, i.tx, g)
	if err != nil {
		return placed(err, g.place())
	}
	i.names.groups[key], i.made[created.ID] = &created, true
	i.done.Created++
	return i.o.Audit(ctx, i.tx, i.by, string(g.Kind)+".create", created.Name, map[string]any{"id": created.ID})
}

func (i *importer) updateGroup(ctx context.Context, stored *Group, changed Group) error {
	if err := changed.clean(); err != nil {
		return placed(err, stored.place())
	}
	if len(differences(stored, changed)) == 0 {
		return nil
	}
	made := i.made[stored.ID]
	changed, err := i.o.replaceGroup(ctx, i.tx, stored, changed)
	if err == nil && !made {
		err = i.o.Audit(ctx, i.tx, i.by, string(changed.Kind)+".update", changed.Name, differences(stored, changed))
	}
	if err != nil {
		return placed(err, stored.place())
	}
	*stored = changed
	i.done.Updated += count(!made)
	return nil
}

// makeUsers creates the users who are missing, each still without superior.
func (i *importer) makeUsers(ctx context.Context, f File) error {
	for _, u := range f.Users {
		login := foldLogin(u.Login)
		if i.names.users[login] != nil {
			continue
		}
		user := u.merge(User{Login: login}, i.names.group(u.place("unit"), KindUnit, u.Unit), 0)
		if err := user.clean(); err != nil {
			return placed(err, u.place(""))
		}
		created, err := i.o.insertUser(ctx, i.tx, user)
		if err != nil {
			return placed(err, u.place(""))
		}
		if hash := i.hashes[login]; hash != "" {
			if err := i.o.storePassword(ctx, i.tx, created.ID, hash, false); err != nil {
				return err
			}
		}
		if err := i.o.grant(ctx, i.tx, RoleStaff, created.ID); err != nil {
			return err
		}
		if err := i.o.Audit(ctx, i.tx, i.by, "user.create", login, map[string]any{"id": created.ID}); err != nil {
			return err
		}
		i.names.users[login], i.made[created.ID] = &created, true
		i.done.Created++
	}
	return nil
}

func (i *importer) linkUnits(ctx context.Context, f File) error {
	for _, u := range f.Units {
		stored := i.names.groups[groupName{KindUnit, cleanName(u.Name)}]
		changed, place := *stored, "units."+clip(u.Name, maxName)
		if parent := i.names.group(place+".parent", KindUnit, u.Parent); parent != 0 {
			changed.Parent = parent
		}
		if head := i.names.user(place+".head", u.Head); head != 0 {
			changed.Head = head
		}
		if err := i.updateGroup(ctx, stored, changed); err != nil {
			return err
		}
	}
	return nil
}

func (i *importer) linkUsers(ctx context.Context, f File) error {
	for _, u := range f.Users {
		stored := i.names.users[foldLogin(u.Login)]
		changed := u.merge(*stored, i.names.group(u.place("unit"), KindUnit, u.Unit), i.names.user(u.place("superior"), u.Superior))
		if err := changed.clean(); err != nil {
			return placed(err, u.place(""))
		}
		if len(differences(stored, changed)) == 0 {
			continue
		}
		made := i.made[stored.ID]
		changed, err := i.o.replaceUser(ctx, i.tx, stored, changed)
		if err == nil && !made {
			err = i.o.Audit(ctx, i.tx, i.by, "user.update", changed.Login, differences(stored, changed))
		}
		if err != nil {
			return placed(err, u.place(""))
		}
		*stored = changed
		i.done.Updated += count(!made)
	}
	return nil
}

func (i *importer) join(ctx context.Context, f File) error {
	for _, m := range f.members() {
		place := string(m.group.kind) + "s." + clip(m.group.name, maxName) + ".members"
		group, member := i.names.group(place, m.group.kind, m.group.name), i.names.member(place, m.term)
		if group == 0 || member == 0 {
			continue
		}
		if err := checkMember(ctx, i.tx, i.names.groups[m.group], member); err != nil {
			return placed(err, place)
		}
		added, err := i.tx.InsertIgnore(ctx, db.Row{Table: &memberTable, Values: []any{group, member}})
		if err == nil && added {
			i.done.Joined++
			err = i.o.Audit(ctx, i.tx, i.by, string(m.group.kind)+".members", m.group.name, map[string]any{"add": []db.ID{member}})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// place is where in the file the group stands, up to its fields.
func (g *Group) place() string { return string(g.Kind) + "s." + clip(g.Name, maxName) + "." }

// placed says where in the file the wrong places of an entry are. prefix ends with a
// dot where a field follows.
func placed(err error, prefix string) error {
	e, ok := err.(*errs.Error)
	if !ok {
		return err
	}
	if len(e.Details) == 0 {
		return e.WithDetails(errs.Detail{Place: strings.TrimSuffix(prefix, "."), Message: e.Message})
	}
	for n := range e.Details {
		e.Details[n].Place = prefix + e.Details[n].Place
	}
	return e
}
