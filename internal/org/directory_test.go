package org

import (
	"slices"
	"testing"

	"github.com/paceline/paceline/internal/db"
)

// office is a small organisation:
//
//	head office (unit 100, head ann)
//	├── it (unit 110, head bob) ── post lead (500): cid
//	│   └── desk (unit 111, no head): cid, dee
//	└── hr (unit 120, head hal, who is disabled): eve
//
// group vip (300): dee · role hr-clerk (401): unit hr · role admin (400): ann
func office() *Directory {
	users := []*User{
		{ID: 1, Login: "ann", Name: "Ann", Unit: 100},
		{ID: 2, Login: "bob", Name: "Bob", Unit: 110},
		{ID: 3, Login: "cid", Name: "Cid", Unit: 111, Attributes: map[string]any{"annualLeave": 7, "login": "forged"}},
		{ID: 4, Login: "dee", Name: "Dee", Unit: 111, Superior: 3},
		{ID: 5, Login: "eve", Unit: 120},
		{ID: 6, Login: "hal", Name: "Hal", Unit: 120, Disabled: true},
	}
	groups := []*Group{
		{ID: 100, Kind: KindUnit, Name: "head", Title: "Head office", Head: 1},
		{ID: 110, Kind: KindUnit, Name: "it", Parent: 100, Head: 2},
		{ID: 111, Kind: KindUnit, Name: "desk", Parent: 110},
		{ID: 120, Kind: KindUnit, Name: "hr", Parent: 100, Head: 6},
		{ID: 300, Kind: KindGroup, Name: "vip"},
		{ID: 400, Kind: KindRole, Name: RoleAdmin},
		{ID: 401, Kind: KindRole, Name: "hr-clerk"},
		{ID: 500, Kind: KindPost, Name: "lead", Parent: 110},
	}
	return newDirectory(1, users, groups, []membership{{300, 4}, {400, 1}, {401, 120}, {500, 3}, {999, 1}, {300, 999}})
}

func TestPrincipalsReachThroughUnitsPostsAndRoles(t *testing.T) {
	d := office()
	tests := map[string][]db.ID{
		"ann": {1, 100, 400},
		"cid": {3, 111, 500, 110, 100},
		"dee": {4, 111, 300, 110, 100},
		"eve": {5, 120, 401, 100},
	}
	for login, want := range tests {
		if got := d.Principals(d.UserByLogin(login).ID); !slices.Equal(got, want) {
			t.Errorf("%s: got %v, want %v", login, got, want)
		}
	}
	if got := d.Principals(999); got != nil {
		t.Errorf("of nobody: %v", got)
	}
}

// What a principal means and what a person is are one relation, read from both ends.
func TestMembersMirrorPrincipals(t *testing.T) {
	d := office()
	for principal := range d.groups {
		for _, u := range d.users {
			isMember := slices.Contains(d.Members(principal), u)
			if is := slices.Contains(d.Principals(u.ID), principal) && !u.Disabled; is != isMember {
				t.Errorf("%s in %s: principals say %v, members say %v", u.Login, d.Name(principal), is, isMember)
			}
		}
	}
}

func TestSuperiorsClimbTheTree(t *testing.T) {
	d := office()
	tests := []struct {
		login string
		n     int
		want  string
	}{
		{"dee", 1, "cid"}, // named
		{"dee", 2, "bob"}, // desk has no head: that of it
		{"dee", 3, "ann"},
		{"dee", 4, ""},
		{"bob", 1, "ann"}, // heads his own unit
		{"eve", 1, "ann"}, // hal is disabled
		{"hal", 1, "ann"},
		{"ann", 1, ""},
	}
	for _, tt := range tests {
		got := ""
		if u := d.Superior(d.UserByLogin(tt.login).ID, tt.n); u != nil {
			got = u.Login
		}
		if got != tt.want {
			t.Errorf("superior %d of %s: got %q, want %q", tt.n, tt.login, got, tt.want)
		}
	}
}

func TestALineOfDisabledSuperiorsThatClosesEnds(t *testing.T) {
	users := []*User{{ID: 1, Login: "a", Superior: 2}, {ID: 2, Login: "b", Superior: 3, Disabled: true}, {ID: 3, Login: "c", Superior: 2, Disabled: true}}
	if u := newDirectory(1, users, nil, nil).Superior(1, 1); u != nil {
		t.Errorf("found %s", u.Login)
	}
}

func TestFactsDoNotLetAttributesHideTheRest(t *testing.T) {
	facts := office().Facts(3)
	if facts["login"] != "cid" || facts["annualLeave"] != 7 || facts["unit"] != "desk" || facts["superior"] != "bob" {
		t.Errorf("facts %v", facts)
	}
	if posts := facts["posts"].([]any); !slices.Equal(posts, []any{"lead"}) {
		t.Errorf("posts %v", posts)
	}
}

func TestListsPageWithoutGapOrRepeat(t *testing.T) {
	d := office()
	var logins []string
	page := Page{Limit: 2}
	for {
		users, next := d.Users(UserFilter{Disabled: true}, page)
		for _, u := range users {
			logins = append(logins, u.Login)
		}
		if page.After = next; next == "" {
			break
		}
	}
	if want := []string{"ann", "bob", "cid", "dee", "eve", "hal"}; !slices.Equal(logins, want) {
		t.Errorf("got %v", logins)
	}
	if users, _ := d.Users(UserFilter{Search: "DE"}, Page{}); len(users) != 1 || users[0].Login != "dee" {
		t.Errorf("search: %v", users)
	}
	if users, _ := d.Users(UserFilter{In: 110}, Page{After: "bob"}); len(users) != 2 {
		t.Errorf("of the unit it: %v", users)
	}
	if groups, _ := d.Groups(GroupFilter{Kind: KindUnit, Parent: 100}, Page{}); len(groups) != 2 || groups[0].Name != "hr" {
		t.Errorf("units: %v", groups)
	}
}
