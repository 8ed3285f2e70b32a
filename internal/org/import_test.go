package org

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/paceline/paceline/internal/errs"
)

const company = `
units:
  - {name: it, title: IT, parent: company, head: bob}
  - {name: company, title: Example Ltd, head: ann}
posts:
  - {name: it-lead, title: IT lead, unit: it, members: [bob]}
groups:
  - {name: it-support, title: First line, members: [cid]}
roles:
  - {name: clerk, title: Clerks, members: ["unit:it"]}
  - {name: builder, members: [bob]}
users:
  - {login: ann, name: Ann, roles: [admin]}
  - {login: bob, name: Bob, unit: it, superior: ann}
  - login: Cid
    name: Cid
    unit: it
    groups: [it-support]
    attributes: {annualLeave: 12, skills: [network, printer]}
    password: correct horse battery
`

func (o *desk) load(text string) (Imported, error) {
	o.t.Helper()
	f, err := ParseFile("org.yaml", []byte(text))
	if err != nil {
		return Imported{}, err
	}
	return o.Import(o.t.Context(), o.admin, f)
}

func TestImportTwiceIsImportOnce(t *testing.T) {
	each(t, func(t *testing.T, o *desk) {
		first, err := o.load(company)
		if err != nil || first != (Imported{Created: 8, Joined: 5}) {
			t.Fatalf("%+v, %v", first, err)
		}
		d := o.Directory()
		cid := d.UserByLogin("cid")
		if got := d.Superior(cid.ID, 1); got == nil || got.Login != "bob" {
			t.Errorf("superior %v", got)
		}
		if got := d.Superior(cid.ID, 2); got == nil || got.Login != "ann" {
			t.Errorf("superior of superior %v", got)
		}
		if facts := d.Facts(cid.ID); facts["annualLeave"] != 12.0 || len(facts["roles"].([]any)) != 2 {
			t.Errorf("facts %v", facts)
		}
		if s := o.signIn("cid", userPassword); s.Actor.MustChange || !s.Actor.Can(OpenTickets) {
			t.Errorf("%+v", s.Actor)
		}
		if made, changed := o.audited("user.create"), o.audited("user.update"); made != 4 || changed != 0 {
			t.Errorf("the audit has %d users made and %d changed", made, changed)
		}
		second, err := o.load(company)
		if err != nil || second != (Imported{}) {
			t.Errorf("again: %+v, %v", second, err)
		}
		third, err := o.load("users: [{login: cid, attributes: {site: north}}]\nunits: [{name: it, title: Technology}]")
		if err != nil || third != (Imported{Updated: 2}) {
			t.Errorf("changed: %+v, %v", third, err)
		}
		if changed := o.audited("user.update"); changed != 1 {
			t.Errorf("the audit has %d users changed", changed)
		}
		cid = o.Directory().UserByLogin("cid")
		if cid.Attributes["annualLeave"] != 12.0 || cid.Attributes["site"] != "north" || cid.Name != "Cid" || cid.Unit == 0 {
			t.Errorf("what the file does not name has changed: %+v", cid)
		}
	})
}

func TestABadFileStoresNothingAndNamesThePlace(t *testing.T) {
	tests := map[string]string{
		"users: [{login: ann, unti: it}]":                                   `org.yaml:1: unknown key "unti"; did you mean "unit"?`,
		"users: [{login: ann, unit: it}]":                                   `users.ann.unit: there is no unit "it"`,
		"users: [{login: ann, superior: zoe}]":                              `users.ann.superior: there is no user "zoe"`,
		"users: [{login: ann, groups: [x]}]":                                `groups.x.members: there is no group "x"`,
		"users: [{login: 'a b'}]":                                           "users.a b.login: ",
		"users: [{login: ann, password: short}]":                            "users.ann.password: ",
		"units: [{name: a, parent: b}, {name: b, parent: a}]":               "units.b.parent: the unit would be below itself",
		"units: [{name: a, head: zoe}]":                                     `units.a.head: there is no user "zoe"`,
		"posts: [{name: a}]":                                                "posts.a.parent: a post belongs to a unit",
		"groups: [{name: 'a,b'}]":                                           "groups.a,b.name: ",
		"groups: [{name: a, members: ['unit:x']}]":                          `there is no unit "x"`,
		"units: [{name: u}]\ngroups: [{name: a, members: ['unit:u']}]":      "groups.a.members: a unit cannot be",
		"users: [{login: ann, superior: bob}, {login: bob, superior: ann}]": "users.bob.superior: the line of superiors",
		"users: {login: ann}":                                               "cannot unmarshal",
	}
	each(t, func(t *testing.T, o *desk) {
		for text, want := range tests {
			_, err := o.load(text)
			var e *errs.Error
			if !errors.As(err, &e) || e.Kind != errs.Invalid || !strings.Contains(e.Error(), want) {
				t.Errorf("%s\n got %v\nwant %s", text, err, want)
			}
		}
		if users, _ := o.Directory().Users(UserFilter{}, Page{}); len(users) != 1 || o.rows("org_group") != len(builtinRoles) {
			t.Errorf("something was stored: %d users", len(users))
		}
	})
}

// The sample organisation of the sample apps is a good file.
func TestTheSampleOrganisation(t *testing.T) {
	text, err := os.ReadFile("../../apps/demo-org.yaml")
	if errors.Is(err, os.ErrNotExist) {
		t.Skip("apps/demo-org.yaml is not there")
	}
	f, err := ParseFile("demo-org.yaml", text)
	if err != nil || len(f.Users) == 0 {
		t.Fatalf("%d users, %v", len(f.Users), err)
	}
	each(t, func(t *testing.T, o *desk) {
		if _, err := o.Import(t.Context(), o.admin, f); err != nil {
			t.Fatal(err)
		}
	})
}
