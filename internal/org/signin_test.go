package org

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/db/dbtest"
	"github.com/paceline/paceline/internal/errs"
)

// staff is a user with a password of the user's own choice, signed in.
func (o *desk) staff(login string) SignedIn {
	o.t.Helper()
	if _, err := o.CreateUser(o.t.Context(), o.admin, User{Login: login}, "given by the office"); err != nil {
		o.t.Fatal(err)
	}
	s, err := o.ChangePassword(o.t.Context(), o.signIn(login, "given by the office").Actor, "given by the office", userPassword, here("192.0.2.1"))
	if err != nil {
		o.t.Fatal(err)
	}
	return s
}

func (o *desk) lives(secret string) bool {
	o.t.Helper()
	a, err := o.Authenticate(o.t.Context(), secret, here("192.0.2.9"))
	if err != nil && !errs.Is(err, errs.Unauthenticated) {
		o.t.Fatal(err)
	}
	return a != nil
}

func TestSessionsEndWhenIdleAndWhenOld(t *testing.T) {
	each(t, func(t *testing.T, o *desk) {
		ann := o.staff("ann")
		for o.clock.Before(ann.Session.Expires.Add(-20 * time.Minute)) {
			o.clock.pass(20 * time.Minute)
			if !o.lives(ann.Secret) {
				t.Fatalf("ended after %v", o.clock.Sub(ann.Session.Created))
			}
		}
		o.clock.pass(20 * time.Minute)
		if o.lives(ann.Secret) {
			t.Error("older than 12 hours, and lives")
		}
		idle := o.signIn("ann", userPassword)
		o.clock.pass(30*time.Minute + time.Second)
		if o.lives(idle.Secret) {
			t.Error("idle for more than 30 minutes, and lives")
		}
		if err := o.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := o.rows("org_session"); n != 0 {
			t.Errorf("%d rows after the sweep", n)
		}
	})
}

func (o *desk) rows(table string) (n int) {
	o.t.Helper()
	if err := o.db.QueryRow(o.t.Context(), "SELECT count(*) FROM "+table).Scan(&n); err != nil {
		o.t.Fatal(err)
	}
	return n
}

func TestSecretsAreNotStored(t *testing.T) {
	each(t, func(t *testing.T, o *desk) {
		ann := o.staff("ann")
		_, token, err := o.CreateToken(t.Context(), ann.Actor, "ci", []string{ScopeRead}, 0)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(ann.Secret, SessionPrefix) || !strings.HasPrefix(token, TokenPrefix) || len(token) != len(TokenPrefix)+43 {
			t.Errorf("secrets %s, %s", ann.Secret, token)
		}
		for table, column := range map[string]string{"org_session": "hash", "org_token": "hash", "org_password": "hash", "audit": "details"} {
			all, err := db.All(t.Context(), o.db, func(s db.Scanner) (v string, err error) { return v, s.Scan(&v) }, "SELECT "+column+" FROM "+table)
			if err != nil {
				t.Fatal(err)
			}
			for _, secret := range []string{ann.Secret, token, userPassword} {
				if strings.Contains(strings.Join(all, " "), secret) {
					t.Errorf("%s holds a secret", table)
				}
			}
		}
	})
}

func TestLastSeenIsWrittenAtMostOnceAMinute(t *testing.T) {
	each(t, func(t *testing.T, o *desk) {
		ann := o.staff("ann")
		seen := func() time.Time {
			s, err := o.Sessions(t.Context(), ann.Actor, ann.Actor.ID)
			if err != nil || len(s) != 1 {
				t.Fatalf("%v, %v", s, err)
			}
			return s[0].Seen
		}
		start := seen()
		o.clock.pass(59 * time.Second)
		if o.lives(ann.Secret); !seen().Equal(start) {
			t.Error("written within the minute")
		}
		o.clock.pass(time.Second)
		if o.lives(ann.Secret); !seen().Equal(o.clock.Time) {
			t.Errorf("not written after a minute: %v", seen())
		}
	})
}

func TestRevocationIsSeenEverywhereWithinTheCache(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		o := open(t, d)
		other := &desk{Org: node(d, 2, o.clock), t: t, clock: o.clock}
		ann := o.staff("ann")
		second := o.signIn("ann", userPassword)
		_, token, err := o.CreateToken(t.Context(), ann.Actor, "ci", []string{ScopeRead}, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, secret := range []string{ann.Secret, second.Secret, token} {
			if !o.lives(secret) || !other.lives(secret) {
				t.Fatal("not alive")
			}
		}
		if r, err := o.RevokeOtherSessions(t.Context(), ann.Actor, ann.Actor.ID); err != nil || r.Count != 1 {
			t.Fatalf("%+v, %v", r, err)
		}
		tokens, err := o.Tokens(t.Context(), ann.Actor, ann.Actor.ID)
		if err != nil || len(tokens) != 1 {
			t.Fatalf("%v, %v", tokens, err)
		}
		if _, err := o.RevokeToken(t.Context(), ann.Actor, ann.Actor.ID, tokens[0].ID); err != nil {
			t.Fatal(err)
		}
		for _, secret := range []string{second.Secret, token} {
			if o.lives(secret) {
				t.Error("alive on the node that revoked it")
			}
		}
		o.clock.pass(other.cfg.Cache)
		for _, secret := range []string{second.Secret, token} {
			if other.lives(secret) {
				t.Error("alive on another node after the cache's life")
			}
		}
		if !other.lives(ann.Secret) {
			t.Error("the session that asked has ended too")
		}
		if _, err := o.RevokeSession(t.Context(), ann.Actor, ann.Actor.ID, ann.Session.ID); err != nil || o.lives(ann.Secret) {
			t.Errorf("signed out, and alive: %v", err)
		}
	})
}

func TestDisablingShutsOut(t *testing.T) {
	each(t, func(t *testing.T, o *desk) {
		ann := o.staff("ann")
		_, token, err := o.CreateToken(t.Context(), ann.Actor, "ci", []string{ScopeRead}, 0)
		if err != nil {
			t.Fatal(err)
		}
		u := *o.Directory().User(ann.Actor.ID)
		u.Disabled = true
		if _, err := o.UpdateUser(t.Context(), o.admin, u); err != nil {
			t.Fatal(err)
		}
		if o.lives(ann.Secret) || o.lives(token) {
			t.Error("a disabled user is let in")
		}
		_, err = o.SignIn(t.Context(), in("ann", userPassword))
		wantKind(t, err, errs.Unauthenticated, "login or the password")
		if o.rows("org_session") != 1 { // the administrator's
			t.Error("the sessions are still there")
		}
	})
}

func TestSigningInReplacesTheSessionBefore(t *testing.T) {
	each(t, func(t *testing.T, o *desk) {
		ann := o.staff("ann")
		again := in("ann", userPassword)
		again.Previous = ann.Secret
		fresh, err := o.SignIn(t.Context(), again)
		if err != nil {
			t.Fatal(err)
		}
		o.clock.pass(o.cfg.Cache)
		if o.lives(ann.Secret) || !o.lives(fresh.Secret) || fresh.Secret == ann.Secret {
			t.Error("the session was not rotated")
		}
	})
}

func TestUnknownAndWrongGetOneAnswer(t *testing.T) {
	each(t, func(t *testing.T, o *desk) {
		o.staff("ann")
		o.user("nopassword")
		var answers []string
		for _, try := range []SignIn{in("ann", "wrong"), in("zoe", "wrong"), in("nopassword", ""), in("", ""), in(strings.Repeat("x", 5000), strings.Repeat("y", 5000)), in("a\x00\xff", "b\x00\xff")} {
			_, err := o.SignIn(t.Context(), try)
			wantKind(t, err, errs.Unauthenticated, "")
			answers = append(answers, err.Error())
		}
		for _, a := range answers {
			if a != answers[0] {
				t.Errorf("%q and %q", a, answers[0])
			}
		}
		records, _, err := o.Records(t.Context(), o.admin, RecordFilter{Action: "session.refuse"}, Page{})
		if err != nil || len(records) != len(answers) {
			t.Errorf("%d refusals in the audit, %v", len(records), err)
		}
		for _, r := range records {
			if r.Subject != "" && r.Subject != "ann" && r.Subject != "nopassword" {
				t.Errorf("the audit keeps %q, which may be a password in the wrong field", r.Subject)
			}
		}
	})
}

func TestHashesAreRenewedAtSignIn(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		o := open(t, d)
		ann := o.staff("ann")
		dearer := New(Config{Password: PasswordConfig{Memory: 16, Time: 2}}, Deps{DB: d, NewID: db.NewIDs(3, o.clock.now).Next, Now: o.clock.now})
		if _, err := dearer.SignIn(t.Context(), in("ann", userPassword)); err != nil {
			t.Fatal(err)
		}
		who, err := o.account(t.Context(), "ann")
		if err != nil || !strings.Contains(who.hash, "m=16,t=2") {
			t.Errorf("hash %s, %v", who.hash, err)
		}
		if !o.lives(ann.Secret) {
			t.Error("renewing a hash ended a session")
		}
	})
}

func TestTheBrakeGrowsPerAccountOnAllNodes(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		o := open(t, d)
		o.staff("ann")
		nodes := []*Org{o.Org, node(d, 2, o.clock)}
		n := 0
		guess := func(password string) error {
			n++
			try := in("ann", password)
			try.From.Address = fmt.Sprintf("198.51.100.%d", n) // not the address's brake
			_, err := nodes[n%2].SignIn(t.Context(), try)
			return err
		}
		for range freeByAccount {
			wantKind(t, guess("wrong"), errs.Unauthenticated, "")
		}
		for _, delay := range []time.Duration{1, 2, 4, 8} {
			err := guess(userPassword)
			wantKind(t, err, errs.Exhausted, "wait")
			var e *errs.Error
			if errors.As(err, &e); e.Retry < delay*time.Second || e.Retry > (delay+1)*time.Second {
				t.Errorf("to wait %v, want %v s", e.Retry, delay)
			}
			o.clock.pass(delay * time.Second)
			wantKind(t, guess("wrong"), errs.Unauthenticated, "")
		}
		o.clock.pass(maxDelay)
		if err := guess(userPassword); err != nil {
			t.Fatal(err)
		}
		for range freeByAccount {
			wantKind(t, guess("wrong"), errs.Unauthenticated, "") // success has reset it
		}
		o.clock.pass(forgetAfter + time.Second)
		for range freeByAccount {
			wantKind(t, guess("wrong"), errs.Unauthenticated, "") // and so has time
		}
	})
}

func TestManyGuessesAtOnceAreBrakedToo(t *testing.T) {
	each(t, func(t *testing.T, o *desk) {
		o.staff("ann")
		var wg sync.WaitGroup
		results := make([]error, 20)
		for i := range results {
			wg.Go(func() { _, results[i] = o.SignIn(t.Context(), in("ann", fmt.Sprint("guess ", i))) })
		}
		wg.Wait()
		checked := 0
		for _, err := range results {
			if errs.Is(err, errs.Unauthenticated) {
				checked++
			} else if !errs.Is(err, errs.Exhausted) {
				t.Error(err)
			}
		}
		if checked != freeByAccount {
			t.Errorf("%d of %d guesses were checked, want %d", checked, len(results), freeByAccount)
		}
	})
}

// One who has an account must not be able to reset the brake of the own address.
func TestTheBrakeOfAnAddressOutlivesASuccess(t *testing.T) {
	each(t, func(t *testing.T, o *desk) {
		o.staff("ann")
		for n := range freeByAddress {
			_, err := o.SignIn(t.Context(), in(fmt.Sprint("user", n), "wrong"))
			wantKind(t, err, errs.Unauthenticated, "")
			if n == freeByAddress-2 {
				o.signIn("ann", userPassword)
			}
		}
		_, err := o.SignIn(t.Context(), in("ann", userPassword))
		wantKind(t, err, errs.Exhausted, "")
		elsewhere := in("ann", userPassword)
		elsewhere.From.Address = "203.0.113.7"
		if _, err := o.SignIn(t.Context(), elsewhere); err != nil {
			t.Errorf("from another address: %v", err)
		}
	})
}

func TestNetworks(t *testing.T) {
	for address, want := range map[string]string{
		"192.0.2.1": "192.0.2.1", "192.0.2.1:443": "192.0.2.1", "::ffff:192.0.2.1": "192.0.2.1",
		"2001:db8:1:2:3:4:5:6": "2001:db8:1:2::/64", "[2001:db8:1:2::9]:80": "2001:db8:1:2::/64", "fe80::1%eth0": "fe80::/64",
		"": "unknown", "x": "unknown",
	} {
		if got := network(address); got != want {
			t.Errorf("%s: got %s, want %s", address, got, want)
		}
	}
}

func TestChangingThePassword(t *testing.T) {
	each(t, func(t *testing.T, o *desk) {
		ctx, ann := t.Context(), o.staff("ann")
		_, err := o.ChangePassword(ctx, ann.Actor, "wrong", "another password", here(""))
		wantKind(t, err, errs.Denied, "present password")
		_, err = o.ChangePassword(ctx, ann.Actor, userPassword, userPassword, here(""))
		wantKind(t, err, errs.Invalid, "password:")
		_, err = o.ChangePassword(ctx, ann.Actor, userPassword, "short", here(""))
		wantKind(t, err, errs.Invalid, "at least 12")
		_, err = o.ChangePassword(ctx, nil, userPassword, "another password", here(""))
		wantKind(t, err, errs.Denied, "")

		secret, err := o.SetPassword(ctx, o.admin, ann.Actor.ID, "")
		if err != nil || secret == "" {
			t.Fatal(secret, err)
		}
		if o.lives(ann.Secret) {
			t.Error("a session outlives the password that opened it")
		}
		if s := o.signIn("ann", secret); !s.Actor.MustChange {
			t.Error("the one-time password need not be changed")
		}
	})
}

func TestTokens(t *testing.T) {
	each(t, func(t *testing.T, o *desk) {
		ctx, ann := t.Context(), o.staff("ann")
		made, secret, err := o.CreateToken(ctx, ann.Actor, "ci", []string{ScopeAdmin, "app:leave"}, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		a, err := o.Authenticate(ctx, secret, here("192.0.2.5"))
		if err != nil || a.ID != ann.Actor.ID || a.Token != made.ID || a.Session != 0 || !a.Can(OpenTickets) || a.Can(WriteOrg) || a.InApp("desk") {
			t.Fatalf("%+v, %v", a, err)
		}
		_, _, err = o.CreateToken(ctx, a, "another", []string{ScopeAdmin}, 0)
		wantKind(t, err, errs.Denied, "cannot make tokens")
		_, err = o.ChangePassword(ctx, a, userPassword, "another password", here(""))
		wantKind(t, err, errs.Denied, "")
		tokens, err := o.Tokens(ctx, ann.Actor, ann.Actor.ID)
		if err != nil || len(tokens) != 1 || !tokens[0].Seen.Equal(o.clock.Time) {
			t.Errorf("%+v, %v", tokens, err)
		}
		o.clock.pass(time.Hour)
		if o.lives(secret) {
			t.Error("expired, and lives")
		}
		for _, bad := range []string{"pl_", "pl_" + strings.Repeat("A", 43), "ps_x", "x", strings.Repeat("x", 1<<20), "pl_\x00\xff"} {
			if o.lives(bad) {
				t.Errorf("%.20q is let in", bad)
			}
		}
	})
}

func TestBadTokensAreRefused(t *testing.T) {
	each(t, func(t *testing.T, o *desk) {
		ann := o.staff("ann")
		for place, try := range map[string]struct {
			name   string
			scopes []string
			life   time.Duration
		}{
			"name: say what":         {"", []string{ScopeRead}, 0},
			"name: at most":          {"a\x00b", []string{ScopeRead}, 0},
			"expires":                {"ci", []string{ScopeRead}, 400 * 24 * time.Hour},
			"expires: a token":       {"ci", []string{ScopeRead}, -time.Hour},
			`scopes: "root"`:         {"ci", []string{ScopeRead, "root"}, 0},
			`scopes: "app:"`:         {"ci", []string{ScopeRead, "app:"}, 0},
			"scopes: one of":         {"ci", []string{"app:leave"}, 0},
			"scopes: the scopes are": {"ci", []string{ScopeRead, "app:" + strings.Repeat("x", 3000)}, 0},
		} {
			_, _, err := o.CreateToken(t.Context(), ann.Actor, try.name, try.scopes, try.life)
			wantKind(t, err, errs.Invalid, place)
		}
	})
}

func TestARepeatedTokenRequestDoesNotPretend(t *testing.T) {
	each(t, func(t *testing.T, o *desk) {
		ann := o.staff("ann")
		ctx := db.WithOnce(t.Context(), db.Once{Key: "ann:1", Hash: "h"})
		if _, _, err := o.CreateToken(ctx, ann.Actor, "ci", []string{ScopeRead}, 0); err != nil {
			t.Fatal(err)
		}
		_, secret, err := o.CreateToken(ctx, ann.Actor, "ci", []string{ScopeRead}, 0)
		wantKind(t, err, errs.Conflict, "only once")
		if secret != "" || o.rows("org_token") != 1 {
			t.Error("a second token")
		}
	})
}

// Between the check of a password and the opening of the session the password may be
// replaced; what was checked then opens nothing.
func TestAPasswordThatWasReplacedMeanwhileOpensNothing(t *testing.T) {
	each(t, func(t *testing.T, o *desk) {
		o.staff("ann")
		try := in("ann", userPassword)
		who, err := o.prove(t.Context(), try.Login, try.Password, brakesFor(try.Login, try.From.Address))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := o.SetPassword(t.Context(), o.admin, who.user, ""); err != nil {
			t.Fatal(err)
		}
		_, err = o.letIn(t.Context(), try, who, who.hash)
		wantKind(t, err, errs.Unauthenticated, "")
		if o.rows("org_session") != 1 { // the administrator's
			t.Error("a session was opened")
		}
	})
}

func TestSweepTakesOnlyWhatHasNoMeaning(t *testing.T) {
	each(t, func(t *testing.T, o *desk) {
		ann := o.staff("ann")
		if _, _, err := o.CreateToken(t.Context(), ann.Actor, "ci", []string{ScopeRead}, time.Hour); err != nil {
			t.Fatal(err)
		}
		if _, err := o.SignIn(t.Context(), in("ann", "wrong")); !errs.Is(err, errs.Unauthenticated) {
			t.Fatal(err)
		}
		for _, step := range []struct {
			later                    time.Duration
			sessions, tokens, brakes int
		}{
			{time.Minute, 2, 1, 2}, // those of the administrator and ann; the account and the address
			{2 * time.Hour, 0, 1, 2},
			{25 * time.Hour, 0, 1, 0},
			{31 * 24 * time.Hour, 0, 0, 0},
		} {
			o.clock.pass(step.later)
			if err := o.Sweep(t.Context()); err != nil {
				t.Fatal(err)
			}
			if s, k, b := o.rows("org_session"), o.rows("org_token"), o.rows("org_brake"); s != step.sessions || k != step.tokens || b != step.brakes {
				t.Errorf("after %v: %d sessions, %d tokens, %d brakes", step.later, s, k, b)
			}
		}
	})
}
