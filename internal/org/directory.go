package org

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/paceline/paceline/internal/db"
)

// Directory is the whole organisation at one revision, in memory and immutable: every
// question is answered without SQL, from any goroutine. What it returns is shared and
// must not be changed.
type Directory struct {
	Revision int64

	users  map[db.ID]*User
	groups map[db.ID]*Group
	logins map[string]db.ID
	names  map[groupName]db.ID

	usersInOrder  []*User  // by login
	groupsInOrder []*Group // by groupKey

	holds    map[db.ID][]db.ID // member -> the groups, units, posts and roles it is in, directly
	members  map[db.ID][]db.ID // and the other way round
	subunits map[db.ID][]db.ID // unit -> units and posts directly under it
}

type groupName struct {
	kind Kind
	name string
}

// membership is one row of org_member.
type membership struct{ group, member db.ID }

func newDirectory(revision int64, users []*User, groups []*Group, memberships []membership) *Directory {
	slices.SortFunc(users, byLogin)
	slices.SortFunc(groups, func(a, b *Group) int { return strings.Compare(groupKey(a), groupKey(b)) })
	d := &Directory{
		Revision: revision,
		users:    make(map[db.ID]*User, len(users)),
		groups:   make(map[db.ID]*Group, len(groups)),
		logins:   make(map[string]db.ID, len(users)),
		names:    make(map[groupName]db.ID, len(groups)),
		holds:    make(map[db.ID][]db.ID, len(users)),
		members:  make(map[db.ID][]db.ID, len(groups)),
		subunits: make(map[db.ID][]db.ID),

		usersInOrder: users, groupsInOrder: groups,
	}
	for _, g := range groups {
		d.groups[g.ID] = g
		d.names[groupName{g.Kind, g.Name}] = g.ID
		if g.Parent != 0 {
			d.subunits[g.Parent] = append(d.subunits[g.Parent], g.ID)
		}
	}
	for _, u := range users {
		d.users[u.ID] = u
		d.logins[u.Login] = u.ID
		if d.groups[u.Unit] != nil {
			d.join(u.Unit, u.ID)
		}
	}
	for _, m := range memberships {
		if d.groups[m.group] != nil && (d.users[m.member] != nil || d.groups[m.member] != nil) && !slices.Contains(d.holds[m.member], m.group) {
			d.join(m.group, m.member)
		}
	}
	return d
}

func (d *Directory) join(group, member db.ID) {
	d.holds[member] = append(d.holds[member], group)
	d.members[group] = append(d.members[group], member)
}

// User by id; nil when there is none.
func (d *Directory) User(id db.ID) *User { return d.users[id] }

// UserByLogin finds a user by sign-in name, in any case; nil when there is none.
func (d *Directory) UserByLogin(login string) *User { return d.users[d.logins[foldLogin(login)]] }

// Group by id, of any kind; nil when there is none.
func (d *Directory) Group(id db.ID) *Group { return d.groups[id] }

// GroupByName finds a group, unit, post or role; nil when there is none.
func (d *Directory) GroupByName(kind Kind, name string) *Group {
	return d.groups[d.names[groupName{kind, cleanName(name)}]]
}

// Name is what people call a principal: a user's name, a group's title. Empty when
// the principal is gone.
func (d *Directory) Name(id db.ID) string {
	if u := d.users[id]; u != nil {
		return cmp.Or(u.Name, u.Login)
	}
	if g := d.groups[id]; g != nil {
		return cmp.Or(g.Title, g.Name)
	}
	return ""
}

// Principals of a user: the own id first, then groups, units with every unit above,
// posts with the units they are of, and the roles of all of these. Nil for no user.
func (d *Directory) Principals(user db.ID) []db.ID {
	if d.users[user] == nil {
		return nil
	}
	found := []db.ID{user}
	add := func(id db.ID) {
		if !slices.Contains(found, id) {
			found = append(found, id)
		}
	}
	for i := 0; i < len(found); i++ { // found grows: what is in a group is in what the group is in
		for _, id := range d.holds[found[i]] {
			add(id)
		}
		if g := d.groups[found[i]]; g != nil && d.groups[g.Parent] != nil {
			add(g.Parent)
		}
	}
	return found
}

// Members are the enabled users that a principal means: of a unit, also those of the
// units and posts under it; of a user, that user.
func (d *Directory) Members(principal db.ID) []*User {
	seen := map[db.ID]bool{principal: true}
	queue := []db.ID{principal}
	var users []*User
	for i := 0; i < len(queue); i++ {
		if u := d.users[queue[i]]; u != nil && !u.Disabled {
			users = append(users, u)
		}
		for _, under := range [][]db.ID{d.members[queue[i]], d.subunits[queue[i]]} {
			for _, id := range under {
				if !seen[id] {
					seen[id] = true
					queue = append(queue, id)
				}
			}
		}
	}
	slices.SortFunc(users, byLogin)
	return users
}

// Direct are the members that were put into the group by name, not through others.
func (d *Directory) Direct(group db.ID) []db.ID { return d.members[group] }

// Holds are the groups, units, posts and roles that the member is in directly.
func (d *Directory) Holds(member db.ID) []db.ID { return d.holds[member] }

// Head of a unit: its own, else of the nearest unit above that has one who is
// enabled; nil when there is none.
func (d *Directory) Head(unit db.ID) *User {
	for range MaxUnitDepth + 1 {
		g := d.groups[unit]
		if g == nil {
			return nil
		}
		if u := d.users[g.Head]; u != nil && !u.Disabled {
			return u
		}
		unit = g.Parent
	}
	return nil
}

// Superior is who stands n levels above a user, n from 1 to MaxSuperiors; nil when
// the line ends before. One level up is the superior named with the user, else the
// head of the user's unit; a disabled one is passed over.
func (d *Directory) Superior(user db.ID, n int) *User {
	u := d.users[user]
	for range min(n, MaxSuperiors) {
		if u = d.above(u); u == nil {
			return nil
		}
	}
	return u
}

func (d *Directory) above(u *User) *User {
	seen := map[db.ID]bool{}
	for u != nil && !seen[u.ID] {
		seen[u.ID] = true
		next := d.users[u.Superior]
		if next == nil {
			next = d.headOver(u)
		}
		if next == nil || !next.Disabled {
			return next
		}
		u = next
	}
	return nil
}

// headOver is the head of the user's unit, or of the nearest unit above that somebody
// else heads.
func (d *Directory) headOver(u *User) *User {
	unit := u.Unit
	for range MaxUnitDepth + 1 {
		g := d.groups[unit]
		if g == nil {
			return nil
		}
		if head := d.users[g.Head]; head != nil && head != u && !head.Disabled {
			return head
		}
		unit = g.Parent
	}
	return nil
}

// Facts are what expressions may know about a user: login, name, email, lang, unit
// (its name), superior (login of the one above), groups, posts and roles (names), and the
// user's attributes under their own names, which never hide the others. Nil for no user.
func (d *Directory) Facts(user db.ID) map[string]any {
	u := d.users[user]
	if u == nil {
		return nil
	}
	facts := maps.Clone(u.Attributes)
	if facts == nil {
		facts = map[string]any{}
	}
	facts["login"], facts["name"], facts["email"], facts["lang"] = u.Login, u.Name, u.Email, u.Lang
	facts["unit"], facts["superior"] = nil, nil
	if g := d.groups[u.Unit]; g != nil {
		facts["unit"] = g.Name
	}
	if s := d.Superior(user, 1); s != nil {
		facts["superior"] = s.Login
	}
	names := map[Kind][]any{KindGroup: {}, KindPost: {}, KindRole: {}}
	for _, id := range d.Principals(user)[1:] {
		g := d.groups[id]
		names[g.Kind] = append(names[g.Kind], g.Name)
	}
	facts["groups"], facts["posts"], facts["roles"] = names[KindGroup], names[KindPost], names[KindRole]
	return facts
}

// Page says which part of a list is wanted.
type Page struct {
	After string // the Next of the page before; empty for the first
	Limit int    // 1 to MaxPage; 0: DefaultPage
}

// Sizes of a page.
const (
	DefaultPage = 50
	MaxPage     = 500
)

func (p Page) limit() int {
	if p.Limit <= 0 {
		return DefaultPage
	}
	return min(p.Limit, MaxPage)
}

// UserFilter chooses users; empty fields choose all.
type UserFilter struct {
	Search   string // part of the login, name or e-mail, in any case
	In       db.ID  // a principal: only its members, also indirect ones
	Disabled bool   // disabled ones too
}

// Users lists users by login. next is empty on the last page.
func (d *Directory) Users(f UserFilter, page Page) (users []*User, next string) {
	part, from := strings.ToLower(f.Search), d.usersInOrder
	if f.In != 0 {
		from = d.Members(f.In)
	}
	return cut(from, page, func(u *User) string { return u.Login }, func(u *User) bool {
		return (f.Disabled || !u.Disabled) && containsFold(part, u.Login, u.Name, u.Email)
	})
}

// GroupFilter chooses groups, units, posts and roles; empty fields choose all.
type GroupFilter struct {
	Kind   Kind
	Search string // part of the name or title, in any case
	Parent db.ID  // only what is directly under this unit
}

// Groups lists by kind and name. next is empty on the last page.
func (d *Directory) Groups(f GroupFilter, page Page) (groups []*Group, next string) {
	part := strings.ToLower(f.Search)
	return cut(d.groupsInOrder, page, groupKey, func(g *Group) bool {
		return (f.Kind == "" || g.Kind == f.Kind) && (f.Parent == 0 || g.Parent == f.Parent) && containsFold(part, g.Name, g.Title)
	})
}

func groupKey(g *Group) string { return string(g.Kind) + ":" + g.Name }

func byLogin(a, b *User) int { return strings.Compare(a.Login, b.Login) }

// cut takes one page of what is wanted from a list that is sorted by key.
func cut[T any](list []T, page Page, key func(T) string, wanted func(T) bool) (part []T, next string) {
	from := 0
	if page.After != "" {
		var exact bool
		from, exact = slices.BinarySearchFunc(list, page.After, func(t T, after string) int { return strings.Compare(key(t), after) })
		from += count(exact)
	}
	for _, t := range list[from:] {
		switch {
		case !wanted(t):
		case len(part) == page.limit():
			return part, key(part[len(part)-1])
		default:
			part = append(part, t)
		}
	}
	return part, ""
}

// containsFold says whether one of the texts contains the part, which is in lower case.
func containsFold(part string, texts ...string) bool {
	return part == "" || slices.ContainsFunc(texts, func(t string) bool { return strings.Contains(strings.ToLower(t), part) })
}
