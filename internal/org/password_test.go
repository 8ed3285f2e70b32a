package org

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/paceline/paceline/internal/errs"
)

// cheap makes hashing fast enough for tests.
var cheap = PasswordConfig{Memory: 8, Time: 1, Threads: 1, Parallel: 2}

func TestHashesRoundTripAndSaltThemselves(t *testing.T) {
	ctx, h := t.Context(), newHasher(cheap)
	one, err := h.hash(ctx, "correct horse battery")
	if err != nil {
		t.Fatal(err)
	}
	two, _ := h.hash(ctx, "correct horse battery")
	if one == two || !strings.HasPrefix(one, "$argon2id$v=19$m=8,t=1,p=1$") {
		t.Errorf("hashes %s and %s", one, two)
	}
	if ok, stale, err := h.check(ctx, "correct horse battery", one); !ok || stale || err != nil {
		t.Errorf("right password: %v %v %v", ok, stale, err)
	}
	if ok, _, _ := h.check(ctx, "correct horse batterz", one); ok {
		t.Error("a wrong password matched")
	}
	if ok, _, _ := h.check(ctx, "", ""); ok {
		t.Error("no user, and yet a match")
	}
	if _, stale, _ := newHasher(PasswordConfig{Memory: 16, Time: 1}).check(ctx, "correct horse battery", one); !stale {
		t.Error("other costs are not stale")
	}
}

func TestTwoFormsOfOneTextAreOnePassword(t *testing.T) {
	h := newHasher(cheap)
	hash, _ := h.hash(t.Context(), "cafe\u0301-cafe\u0301-cafe")
	if ok, _, _ := h.check(t.Context(), "caf\u00e9-caf\u00e9-cafe", hash); !ok {
		t.Error("composed and decomposed text differ")
	}
}

// The reference is the command line tool of the argon2 authors' distribution:
//
//	echo -n password | argon2 somesalt -id -t 2 -m 16 -p 1 -l 32 -e
func TestKnownHash(t *testing.T) {
	const known = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
	if ok, _, err := newHasher(cheap).check(t.Context(), "password", known); !ok || err != nil {
		t.Errorf("%v %v", ok, err)
	}
}

func TestStoredHashesAreReadStrictly(t *testing.T) {
	for _, s := range []string{
		"x", "$2a$10$abc", "$argon2i$v=19$m=8,t=1,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
		"$argon2id$v=16$m=8,t=1,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
		"$argon2id$v=19$m=99999999,t=1,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
		"$argon2id$v=19$m=8,t=0,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
		"$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$", "$argon2id$v=19$m=8,t=1,p=1$!$aaaa",
	} {
		if _, _, err := newHasher(cheap).check(t.Context(), "password", s); err == nil {
			t.Errorf("%q was read", s)
		}
	}
}

func TestHashingWaitsForATurnAndThenGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHasher(cheap)
		for range cheap.Parallel {
			h.turns <- struct{}{}
		}
		start := time.Now()
		if _, err := h.hash(t.Context(), "correct horse battery"); !errs.Is(err, errs.Exhausted) || time.Since(start) != hashWait {
			t.Errorf("after %v: %v", time.Since(start), err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := h.hash(ctx, "correct horse battery"); !errs.Is(err, errs.Unavailable) {
			t.Errorf("cancelled: %v", err)
		}
	})
}

func TestNewPasswords(t *testing.T) {
	for password, fine := range map[string]bool{
		"correct horse battery":             true,
		"密碼密碼密碼密碼密碼密碼":                      true,
		"short":                             false,
		"aaaaaaaaaaaaaa":                    false,
		"abcabcabcabcabc":                   false,
		"PassWord1234":                      false,
		"Administrator123":                  false,
		strings.Repeat("ab", MaxPassword):   false,
		"correct horse battery\xff\xfe\xfd": false,
		"":                                  false,
	} {
		if err := checkNewPassword("administrator", password); (err == nil) != fine || err != nil && !errs.Is(err, errs.Invalid) {
			t.Errorf("%q: %v", password, err)
		}
	}
	if p := randomPassword(); checkNewPassword("admin", p) != nil || p == randomPassword() {
		t.Errorf("a random password is refused: %q", p)
	}
}
