package org

import (
	"slices"

	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/errs"
)

// Actor is who does something: made by Authenticate for one request, never stored.
// Its rights are those of the moment; a role taken away is away at the next request.
type Actor struct {
	ID    db.ID
	Login string
	Name  string
	Lang  string // BCP 47, empty where the person chose none
	// Accept is what the person's browser accepts, as an Accept-Language header.
	Accept string
	// Principals is everything that rows may name to mean this person: the own id,
	// groups, units with the units above, posts and roles. The own id comes first.
	Principals []db.ID
	Roles      []string // names of the roles held, for Can
	Admin      bool     // holds RoleAdmin
	MustChange bool     // may do nothing but ChangePassword
	Scopes     []string // of the token; empty for a session
	Session    db.ID    // 0 for a token
	Token      db.ID    // 0 for a session
	Address    string   // where the request came from, for the audit
}

// System is the actor of what the server does by itself, such as Bootstrap. The audit
// shows it by its name.
func System(name string) *Actor {
	return &Actor{Login: name, Name: name, Admin: true}
}

// Languages are those that the actor reads, as an Accept-Language header has them; empty: unknown.
func (a *Actor) Languages() string {
	if a.Lang != "" {
		return a.Lang
	}
	return a.Accept
}

// Is says whether the actor is, or belongs to, the principal.
func (a *Actor) Is(principal db.ID) bool { return slices.Contains(a.Principals, principal) }

// ActorFor makes the actor for a login, for what the server does in a person's name.
func (d *Directory) ActorFor(login string) (*Actor, error) {
	u := d.UserByLogin(login)
	switch {
	case u == nil:
		return nil, errs.New(errs.NotFound, "there is no user %q", login)
	case u.Disabled:
		return nil, errs.New(errs.Denied, "the user %q is disabled", login)
	}
	return d.actor(u), nil
}

// UnitsOf names the units that a login is in, the nearest first.
func (d *Directory) UnitsOf(login string) []string {
	var names []string
	u := d.UserByLogin(login)
	if u == nil {
		return nil
	}
	for unit := d.groups[u.Unit]; unit != nil && len(names) < MaxUnitDepth; unit = d.groups[unit.Parent] {
		names = append(names, unit.Name)
	}
	return names
}

// actor makes the actor for a user of the snapshot.
func (d *Directory) actor(u *User) *Actor {
	a := &Actor{ID: u.ID, Login: u.Login, Name: u.Name, Lang: u.Lang, Principals: d.Principals(u.ID)}
	for _, id := range a.Principals[1:] {
		if g := d.groups[id]; g.Kind == KindRole {
			a.Roles = append(a.Roles, g.Name)
			a.Admin = a.Admin || g.Name == RoleAdmin
		}
	}
	return a
}

func errNobody() error {
	return errs.New(errs.Unauthenticated, "nobody is signed in").WithCure("sign in, or send a token in the Authorization header")
}
