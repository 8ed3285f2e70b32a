package org

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/db/dbtest"
	"github.com/paceline/paceline/internal/errs"
)

const (
	adminPassword = "the first password"
	userPassword  = "correct horse battery"
)

// clock of a test: it stands still until it is moved.
type clock struct{ time.Time }

func (c *clock) now() time.Time       { return c.Time }
func (c *clock) pass(d time.Duration) { c.Time = c.Add(d) }
func here(address string) Origin      { return Origin{Address: address, Agent: "test"} }
func in(login, password string) SignIn {
	return SignIn{Login: login, Password: password, From: here("192.0.2.1")}
}

// desk is a bootstrapped organisation on one database, with an administrator at work.
type desk struct {
	*Org
	t     *testing.T
	clock *clock
	admin *Actor
}

// each runs a test on every database.
func each(t *testing.T, run func(t *testing.T, o *desk)) {
	t.Helper()
	dbtest.Each(t, func(t *testing.T, d *db.DB) { run(t, open(t, d)) })
}

func open(t *testing.T, d *db.DB) *desk {
	t.Helper()
	if err := d.Migrate(t.Context(), Migrations()); err != nil {
		t.Fatal(err)
	}
	c := &clock{time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)}
	o := &desk{Org: node(d, 1, c), t: t, clock: c}
	if _, err := o.Bootstrap(t.Context(), adminPassword); err != nil {
		t.Fatal(err)
	}
	o.admin = o.signIn("admin", adminPassword).Actor
	return o
}

// node is the organisation as another node of the same cluster sees it.
func node(d *db.DB, number int, c *clock) *Org {
	return New(Config{Password: cheap}, Deps{DB: d, NewID: db.NewIDs(number, c.now).Next, Now: c.now})
}

func (o *desk) signIn(login, password string) SignedIn {
	o.t.Helper()
	s, err := o.SignIn(o.t.Context(), in(login, password))
	if err != nil {
		o.t.Fatal(err)
	}
	return s
}

func (o *desk) user(login string) User {
	o.t.Helper()
	u, err := o.CreateUser(o.t.Context(), o.admin, User{Login: login}, "")
	if err != nil {
		o.t.Fatal(err)
	}
	return u
}

func (o *desk) group(g Group) Group {
	o.t.Helper()
	g, err := o.CreateGroup(o.t.Context(), o.admin, g)
	if err != nil {
		o.t.Fatal(err)
	}
	return g
}

// wantKind also holds that an error for people says what cures it, or where it is.
func wantKind(t *testing.T, err error, kind errs.Kind, part string) {
	t.Helper()
	var e *errs.Error
	if !errors.As(err, &e) || e.Kind != kind {
		t.Fatalf("got %v, want an error that is %s", err, kind)
	}
	if e.Cure == "" && len(e.Details) == 0 && kind == errs.Conflict {
		t.Errorf("no cure and no place: %v", err)
	}
	text := e.Error() + " " + e.Cure
	if !strings.Contains(text, part) {
		t.Errorf("got %q, want it to contain %q", text, part)
	}
}

func TestBootstrapOnceOnManyNodes(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		if err := d.Migrate(t.Context(), Migrations()); err != nil {
			t.Fatal(err)
		}
		const nodes = 4
		c := &clock{time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)}
		secrets, failures := make(chan string, nodes), make(chan error, nodes)
		for n := range nodes {
			go func() {
				secret, err := node(d, n+1, c).Bootstrap(t.Context(), "")
				secrets <- secret
				failures <- err
			}()
		}
		secret := ""
		for range nodes {
			if err := <-failures; err != nil {
				t.Fatal(err)
			}
			if s := <-secrets; s != "" && secret != "" {
				t.Error("two one-time passwords")
			} else {
				secret += s
			}
		}
		o := &desk{Org: node(d, 9, c), t: t}
		if err := o.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		if users, _ := o.Directory().Users(UserFilter{}, Page{}); len(users) != 1 {
			t.Errorf("%d users", len(users))
		}
		if groups, _ := o.Directory().Groups(GroupFilter{Kind: KindRole}, Page{}); len(groups) != len(builtinRoles) {
			t.Errorf("%d roles", len(groups))
		}

		first := o.signIn("admin", secret)
		wantKind(t, first.Actor.Require(ReadOrg), errs.Denied, "password")
		_, err := o.CreateUser(t.Context(), first.Actor, User{Login: "eve"}, "")
		wantKind(t, err, errs.Denied, "password")
		second, err := o.ChangePassword(t.Context(), first.Actor, secret, adminPassword, here("192.0.2.1"))
		if err != nil {
			t.Fatal(err)
		}
		if !second.Actor.Can(WriteOrg) {
			t.Error("the administrator may not administrate")
		}
		if _, err := o.Authenticate(t.Context(), first.Secret, here("")); !errs.Is(err, errs.Unauthenticated) {
			t.Errorf("the session before the change lives: %v", err)
		}
	})
}

func TestAnotherNodeSeesAChangeAfterRefresh(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		o := open(t, d)
		other := node(d, 2, o.clock)
		if err := other.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		o.user("ann")
		if o.Directory().UserByLogin("ann") == nil {
			t.Error("the writing node does not see its own write")
		}
		if other.Directory().UserByLogin("ann") != nil {
			t.Error("seen without a refresh")
		}
		if err := other.Refresh(t.Context()); err != nil || other.Directory().UserByLogin("ann") == nil {
			t.Errorf("not seen after the refresh: %v", err)
		}
		same := other.Directory()
		if err := other.Refresh(t.Context()); err != nil || other.Directory() != same {
			t.Errorf("loaded again although nothing changed: %v", err)
		}
	})
}

func TestEveryWriteNeedsTheRight(t *testing.T) {
	each(t, func(t *testing.T, o *desk) {
		u, ctx := o.user("ann"), t.Context()
		staff := &Actor{ID: u.ID, Login: "ann", Roles: []string{RoleStaff}}
		for name, call := range map[string]func(*Actor) error{
			"CreateUser":    func(a *Actor) error { _, err := o.CreateUser(ctx, a, User{Login: "x"}, ""); return err },
			"UpdateUser":    func(a *Actor) error { _, err := o.UpdateUser(ctx, a, u); return err },
			"CreateGroup":   func(a *Actor) error { _, err := o.CreateGroup(ctx, a, Group{Kind: KindGroup, Name: "x"}); return err },
			"UpdateGroup":   func(a *Actor) error { _, err := o.UpdateGroup(ctx, a, Group{Kind: KindGroup, Name: "x"}); return err },
			"DeleteGroup":   func(a *Actor) error { _, err := o.DeleteGroup(ctx, a, 1, 1); return err },
			"ChangeMembers": func(a *Actor) error { _, err := o.ChangeMembers(ctx, a, 1, nil, nil); return err },
			"SetPassword":   func(a *Actor) error { _, err := o.SetPassword(ctx, a, o.admin.ID, ""); return err },
			"Import":        func(a *Actor) error { _, err := o.Import(ctx, a, File{}); return err },
			"Records":       func(a *Actor) error { _, _, err := o.Records(ctx, a, RecordFilter{}, Page{}); return err },
			"Sessions":      func(a *Actor) error { _, err := o.Sessions(ctx, a, o.admin.ID); return err },
			"RevokeSession": func(a *Actor) error { _, err := o.RevokeSession(ctx, a, o.admin.ID, o.admin.Session); return err },
			"RevokeOther":   func(a *Actor) error { _, err := o.RevokeOtherSessions(ctx, a, o.admin.ID); return err },
			"Tokens":        func(a *Actor) error { _, err := o.Tokens(ctx, a, o.admin.ID); return err },
			"RevokeToken":   func(a *Actor) error { _, err := o.RevokeToken(ctx, a, o.admin.ID, 1); return err },
		} {
			if err := call(staff); !errs.Is(err, errs.Denied) {
				t.Errorf("%s by staff: %v", name, err)
			}
			if err := call(nil); !errs.Is(err, errs.Unauthenticated) {
				t.Errorf("%s by nobody: %v", name, err)
			}
		}
	})
}

func TestWritesHappenOnceUnderOneKey(t *testing.T) {
	each(t, func(t *testing.T, o *desk) {
		ctx := db.WithOnce(t.Context(), db.Once{Key: "admin:1", Hash: "h"})
		first, err := o.CreateUser(ctx, o.admin, User{Login: "ann"}, "")
		if err != nil {
			t.Fatal(err)
		}
		second, err := o.CreateUser(ctx, o.admin, User{Login: "ann"}, "")
		if err != nil || second.ID != first.ID {
			t.Errorf("a repeat got %v, %v", second.ID, err)
		}
		if n := o.audited("user.create"); n != 2 { // admin and ann
			t.Errorf("%d users were created", n)
		}
	})
}

func (o *desk) audited(action string) int {
	o.t.Helper()
	records, _, err := o.Records(o.t.Context(), o.admin, RecordFilter{Action: action}, Page{})
	if err != nil {
		o.t.Fatal(err)
	}
	return len(records)
}

func TestAuditIsListedNewestFirstInPages(t *testing.T) {
	each(t, func(t *testing.T, o *desk) {
		o.clock.pass(time.Hour)
		since := o.clock.Time
		for _, login := range []string{"ann", "bob", "cid"} {
			o.user(login)
		}
		filter := RecordFilter{Actor: o.admin.ID, Action: "user.create", From: since}
		one, next, err := o.Records(t.Context(), o.admin, filter, Page{Limit: 2})
		if err != nil || len(one) != 2 || one[0].Subject != "cid" || one[1].Subject != "bob" || one[0].ActorName != "admin" || one[0].Address != "192.0.2.1" {
			t.Fatalf("%+v, %v", one, err)
		}
		two, next, err := o.Records(t.Context(), o.admin, filter, Page{Limit: 2, After: next})
		if err != nil || len(two) != 1 || two[0].Subject != "ann" || next != "" {
			t.Errorf("%+v, %q, %v", two, next, err)
		}
		if none, _, err := o.Records(t.Context(), o.admin, RecordFilter{Subject: "ann", To: since}, Page{}); err != nil || len(none) != 0 {
			t.Errorf("before it was done: %+v, %v", none, err)
		}
		_, _, err = o.Records(t.Context(), o.admin, filter, Page{After: "x"})
		wantKind(t, err, errs.Invalid, "not an id")
	})
}

// A change that fails leaves neither itself nor an audit row.
func TestAuditIsInTheTransactionOfItsEffect(t *testing.T) {
	each(t, func(t *testing.T, o *desk) {
		boom := errors.New("boom")
		_, err := change(t.Context(), o.Org, o.admin, WriteOrg, "test", func(ctx context.Context, tx *db.Tx) (User, error) {
			u, err := o.insertUser(ctx, tx, User{Login: "ann"})
			if err == nil {
				err = o.Audit(ctx, tx, o.admin, "user.create", "ann", nil)
			}
			return u, errors.Join(err, boom)
		})
		if !errors.Is(err, boom) {
			t.Fatal(err)
		}
		if n := o.audited("user.create"); n != 1 || o.Directory().UserByLogin("ann") != nil {
			t.Errorf("%d audit rows", n)
		}
	})
}
