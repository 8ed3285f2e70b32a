package org

import (
	"fmt"
	"sync"
	"testing"

	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/errs"
)

func TestUsersAreStoredAndGuardedByVersion(t *testing.T) {
	each(t, func(t *testing.T, o *desk) {
		ctx := t.Context()
		unit := o.group(Group{Kind: KindUnit, Name: "it"})
		boss := o.user("boss")
		ann, err := o.CreateUser(ctx, o.admin, User{
			Login: " Ann ", Name: "安娜", Email: "ann@example.com", Lang: "zh-TW", Unit: unit.ID, Superior: boss.ID,
			Attributes: map[string]any{"annualLeave": 12.5, "site": "台北"},
		}, userPassword)
		if err != nil {
			t.Fatal(err)
		}
		stored := o.Directory().UserByLogin("ANN")
		if stored == nil || len(differences(ann, stored)) != 0 || stored.Attributes["annualLeave"] != 12.5 {
			t.Fatalf("stored %+v, made %+v", stored, ann)
		}
		if !o.signIn("ann", userPassword).Actor.MustChange {
			t.Error("a password that an administrator knows need not be changed")
		}

		changed := *stored
		changed.Name = "Ann"
		if changed, err = o.UpdateUser(ctx, o.admin, changed); err != nil || changed.Version != 2 {
			t.Fatalf("version %d, %v", changed.Version, err)
		}
		_, err = o.UpdateUser(ctx, o.admin, *stored)
		wantKind(t, err, errs.Conflict, "now at version 2")
		_, err = o.CreateUser(ctx, o.admin, User{Login: "ANN"}, "")
		wantKind(t, err, errs.Conflict, "taken")
		_, err = o.UpdateUser(ctx, o.admin, User{ID: 1, Login: "nobody"})
		wantKind(t, err, errs.NotFound, "no user")
		changed.Login = "anna"
		_, err = o.UpdateUser(ctx, o.admin, changed)
		wantKind(t, err, errs.Invalid, "login")
	})
}

func TestOneOfTwoEditorsWins(t *testing.T) {
	each(t, func(t *testing.T, o *desk) {
		u := o.user("ann")
		var wg sync.WaitGroup
		results := make([]error, 6)
		for i := range results {
			wg.Go(func() {
				mine := u
				mine.Name = fmt.Sprint("editor ", i)
				_, results[i] = o.UpdateUser(t.Context(), o.admin, mine)
			})
		}
		wg.Wait()
		won := 0
		for _, err := range results {
			if err == nil {
				won++
			} else if !errs.Is(err, errs.Conflict) {
				t.Error(err)
			}
		}
		if won != 1 {
			t.Errorf("%d editors won", won)
		}
	})
}

func TestBadUsersAreRefusedWithThePlace(t *testing.T) {
	long := string(make([]byte, 300))
	tests := []struct {
		place string
		user  User
	}{
		{"login", User{}},
		{"login", User{Login: "two words"}},
		{"login", User{Login: "a,b"}},
		{"login", User{Login: "-a"}},
		{"name", User{Login: "a", Name: long}},
		{"name", User{Login: "a", Name: "line\nbreak"}},
		{"lang", User{Login: "a", Lang: "not a tag"}},
		{"attributes", User{Login: "a", Attributes: map[string]any{"x": make(chan int)}}},
		{"attributes", User{Login: "a", Attributes: map[string]any{"x": fmt.Sprintf("%20000d", 1)}}},
		{"unit", User{Login: "a", Unit: 1}},
		{"superior", User{Login: "a", Superior: 1}},
	}
	each(t, func(t *testing.T, o *desk) {
		for _, tt := range tests {
			_, err := o.CreateUser(t.Context(), o.admin, tt.user, "")
			wantKind(t, err, errs.Invalid, tt.place+":")
		}
		_, err := o.CreateUser(t.Context(), o.admin, User{Login: "a"}, "short")
		wantKind(t, err, errs.Invalid, "password:")
	})
}

func TestSuperiorsInACircleAreRefused(t *testing.T) {
	each(t, func(t *testing.T, o *desk) {
		ann, bob, cid := o.user("ann"), o.user("bob"), o.user("cid")
		for _, pair := range [][2]*User{{&ann, &bob}, {&bob, &cid}} {
			pair[0].Superior = pair[1].ID
			if _, err := o.UpdateUser(t.Context(), o.admin, *pair[0]); err != nil {
				t.Fatal(err)
			}
		}
		for _, top := range []db.ID{ann.ID, cid.ID} {
			cid.Superior = top
			_, err := o.UpdateUser(t.Context(), o.admin, cid)
			wantKind(t, err, errs.Invalid, "leads back to cid")
		}
	})
}

func TestTheTreeOfUnits(t *testing.T) {
	each(t, func(t *testing.T, o *desk) {
		ctx := t.Context()
		head := o.user("head")
		company := o.group(Group{Kind: KindUnit, Name: "company", Head: head.ID})
		it := o.group(Group{Kind: KindUnit, Name: "it", Parent: company.ID})
		desk := o.group(Group{Kind: KindUnit, Name: "desk", Parent: it.ID})
		lead := o.group(Group{Kind: KindPost, Name: "lead", Parent: desk.ID})

		company.Parent = desk.ID
		_, err := o.UpdateGroup(ctx, o.admin, company)
		wantKind(t, err, errs.Invalid, "below itself")
		_, err = o.CreateGroup(ctx, o.admin, Group{Kind: KindUnit, Name: "x", Parent: lead.ID})
		wantKind(t, err, errs.Invalid, "no unit")
		_, err = o.CreateGroup(ctx, o.admin, Group{Kind: KindUnit, Name: "it"})
		wantKind(t, err, errs.Conflict, "taken")

		_, err = o.DeleteGroup(ctx, o.admin, it.ID, it.Version)
		wantKind(t, err, errs.Conflict, "1 units or posts below it")
		if _, err := o.ChangeMembers(ctx, o.admin, lead.ID, []db.ID{head.ID}, nil); err != nil {
			t.Fatal(err)
		}
		_, err = o.DeleteGroup(ctx, o.admin, lead.ID, lead.Version)
		wantKind(t, err, errs.Conflict, "remove them first")
		if m, err := o.ChangeMembers(ctx, o.admin, lead.ID, nil, []db.ID{head.ID, o.admin.ID}); err != nil || m.Removed != 1 {
			t.Errorf("%+v, %v", m, err)
		}
		_, err = o.DeleteGroup(ctx, o.admin, lead.ID, 7)
		wantKind(t, err, errs.Conflict, "version 1")
		if _, err := o.DeleteGroup(ctx, o.admin, lead.ID, lead.Version); err != nil {
			t.Error(err)
		}
		if o.Directory().GroupByName(KindPost, "lead") != nil {
			t.Error("still there")
		}

		deep := it
		for n := range MaxUnitDepth {
			deep, err = o.CreateGroup(ctx, o.admin, Group{Kind: KindUnit, Name: fmt.Sprint("level", n), Parent: deep.ID})
			if err != nil {
				break
			}
		}
		wantKind(t, err, errs.Invalid, "more than 16 deep")
	})
}

func TestBuiltinRolesAndTheLastAdminStay(t *testing.T) {
	each(t, func(t *testing.T, o *desk) {
		ctx := t.Context()
		role := *o.Directory().GroupByName(KindRole, RoleAdmin)
		_, err := o.DeleteGroup(ctx, o.admin, role.ID, role.Version)
		wantKind(t, err, errs.Invalid, "built-in")
		renamed := role
		renamed.Name = "root"
		_, err = o.UpdateGroup(ctx, o.admin, renamed)
		wantKind(t, err, errs.Invalid, "renamed")

		me := *o.Directory().User(o.admin.ID)
		me.Disabled = true
		_, err = o.UpdateUser(ctx, o.admin, me)
		wantKind(t, err, errs.Conflict, "no enabled user with the role admin")
		_, err = o.ChangeMembers(ctx, o.admin, role.ID, nil, []db.ID{me.ID})
		wantKind(t, err, errs.Conflict, "no enabled user with the role admin")
		second := o.user("second")
		if _, err := o.ChangeMembers(ctx, o.admin, role.ID, []db.ID{second.ID, second.ID}, []db.ID{me.ID}); err != nil {
			t.Error(err)
		}
		a, err := o.Authenticate(ctx, o.signIn("admin", adminPassword).Secret, here(""))
		if err != nil || a.Admin || a.Can(WriteOrg) {
			t.Errorf("still an administrator: %+v, %v", a, err)
		}
	})
}

func TestOnlyRolesTakeGroups(t *testing.T) {
	each(t, func(t *testing.T, o *desk) {
		ctx := t.Context()
		unit, vip := o.group(Group{Kind: KindUnit, Name: "it"}), o.group(Group{Kind: KindGroup, Name: "vip"})
		role := o.group(Group{Kind: KindRole, Name: "clerk"})
		_, err := o.ChangeMembers(ctx, o.admin, vip.ID, []db.ID{unit.ID}, nil)
		wantKind(t, err, errs.Invalid, "only roles")
		_, err = o.ChangeMembers(ctx, o.admin, vip.ID, []db.ID{12345}, nil)
		wantKind(t, err, errs.Invalid, "no user or group 12345")
		if m, err := o.ChangeMembers(ctx, o.admin, role.ID, []db.ID{unit.ID, vip.ID, unit.ID}, nil); err != nil || m.Added != 2 {
			t.Errorf("%+v, %v", m, err)
		}
		_, err = o.ChangeMembers(ctx, o.admin, role.ID, []db.ID{role.ID}, nil)
		wantKind(t, err, errs.Invalid, "cannot be a member")
	})
}

func TestPeopleChooseTheirOwnLanguage(t *testing.T) {
	each(t, func(t *testing.T, o *desk) {
		ann := o.staff("ann")
		if u, err := o.SetLang(t.Context(), ann.Actor, "ja"); err != nil || u.Lang != "ja" || o.Directory().User(u.ID).Lang != "ja" {
			t.Errorf("%+v, %v", u, err)
		}
		_, err := o.SetLang(t.Context(), ann.Actor, "no language")
		wantKind(t, err, errs.Invalid, "lang:")
		_, err = o.SetLang(t.Context(), nil, "ja")
		wantKind(t, err, errs.Unauthenticated, "")
	})
}

func TestAttributesAreShownToTheUserAndAdministrators(t *testing.T) {
	each(t, func(t *testing.T, o *desk) {
		secret := o.user("ann")
		secret.Attributes = map[string]any{"salary": 1}
		if _, err := o.UpdateUser(t.Context(), o.admin, secret); err != nil {
			t.Fatal(err)
		}
		ann, bob := &Actor{ID: secret.ID, Roles: []string{RoleStaff}}, &Actor{ID: 1, Roles: []string{RoleStaff}}
		for name, tt := range map[string]struct {
			by    *Actor
			shown bool
		}{"admin": {o.admin, true}, "ann": {ann, true}, "bob": {bob, false}} {
			u, err := o.User(tt.by, secret.ID)
			if err != nil || u.Login != "ann" || (len(u.Attributes) > 0) != tt.shown {
				t.Errorf("one, to %s: %+v, %v", name, u, err)
			}
			users, _, err := o.Users(tt.by, UserFilter{Search: "ann"}, Page{})
			if err != nil || len(users) != 1 || (len(users[0].Attributes) > 0) != tt.shown {
				t.Errorf("the list, to %s: %+v, %v", name, users, err)
			}
		}
		if len(o.Directory().User(secret.ID).Attributes) == 0 {
			t.Error("hiding changed the directory")
		}
		nobody := &Actor{ID: 1, Roles: []string{"guest"}}
		for _, look := range []func() error{
			func() error { _, err := o.User(nobody, secret.ID); return err },
			func() error { _, _, err := o.Users(nobody, UserFilter{}, Page{}); return err },
			func() error { _, err := o.Group(nobody, 1); return err },
			func() error { _, _, err := o.Groups(nobody, GroupFilter{}, Page{}); return err },
		} {
			wantKind(t, look(), errs.Denied, "org.read")
		}
		_, err := o.User(bob, 1)
		wantKind(t, err, errs.NotFound, "")
		_, err = o.Group(bob, 1)
		wantKind(t, err, errs.NotFound, "")
	})
}

// Either change alone is fine, both would break the tree or lock everybody out: what spans
// rows is held by the lock on the revision.
func TestChangesThatExcludeEachOther(t *testing.T) {
	each(t, func(t *testing.T, o *desk) {
		second := o.user("second")
		role := o.Directory().GroupByName(KindRole, RoleAdmin)
		if _, err := o.ChangeMembers(t.Context(), o.admin, role.ID, []db.ID{second.ID}, nil); err != nil {
			t.Fatal(err)
		}
		for round := range 5 {
			a := o.group(Group{Kind: KindUnit, Name: fmt.Sprint("a", round)})
			b := o.group(Group{Kind: KindUnit, Name: fmt.Sprint("b", round)})
			a.Parent, b.Parent = b.ID, a.ID
			oneOf(t, func() error { _, err := o.UpdateGroup(t.Context(), o.admin, a); return err },
				func() error { _, err := o.UpdateGroup(t.Context(), o.admin, b); return err })
		}
		take := func(user db.ID) func() error {
			return func() error {
				_, err := o.ChangeMembers(t.Context(), o.admin, role.ID, nil, []db.ID{user})
				return err
			}
		}
		oneOf(t, take(second.ID), take(o.admin.ID))
	})
}

// oneOf runs two changes at once, of which exactly one may succeed.
func oneOf(t *testing.T, first, second func() error) {
	t.Helper()
	var wg sync.WaitGroup
	var one, two error
	wg.Go(func() { one = first() })
	wg.Go(func() { two = second() })
	wg.Wait()
	if (one == nil) == (two == nil) {
		t.Errorf("got %v and %v", one, two)
	}
}
