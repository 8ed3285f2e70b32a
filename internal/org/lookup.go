package org

import (
	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/errs"
)

// Users lists the users that the actor may look up, by login. A user's attributes are
// shown to the user and to administrators. next is empty on the last page.
func (o *Org) Users(by *Actor, f UserFilter, page Page) (users []*User, next string, err error) {
	if err := by.Require(ReadOrg); err != nil {
		return nil, "", err
	}
	users, next = o.Directory().Users(f, page)
	for i, u := range users {
		users[i] = by.seen(u)
	}
	return users, next, nil
}

// User is one user as Users shows it.
func (o *Org) User(by *Actor, id db.ID) (*User, error) {
	if err := by.Require(ReadOrg); err != nil {
		return nil, err
	}
	u := o.Directory().User(id)
	if u == nil {
		return nil, errs.New(errs.NotFound, "there is no user %d", id)
	}
	return by.seen(u), nil
}

// seen leaves out of a user what is not the actor's business.
func (a *Actor) seen(u *User) *User {
	if u.ID == a.ID || a.Can(WriteOrg) {
		return u
	}
	part := *u
	part.Attributes = nil
	return &part
}

// Groups lists groups, units, posts and roles by kind and name. next is empty on the
// last page.
func (o *Org) Groups(by *Actor, f GroupFilter, page Page) (groups []*Group, next string, err error) {
	if err := by.Require(ReadOrg); err != nil {
		return nil, "", err
	}
	groups, next = o.Directory().Groups(f, page)
	return groups, next, nil
}

// Group is one group, unit, post or role.
func (o *Org) Group(by *Actor, id db.ID) (*Group, error) {
	if err := by.Require(ReadOrg); err != nil {
		return nil, err
	}
	g := o.Directory().Group(id)
	if g == nil {
		return nil, errs.New(errs.NotFound, "there is no group %d", id)
	}
	return g, nil
}
