package cluster

import (
	"testing"
	"time"
)

func TestWhoIsToHoldAnAddress(t *testing.T) {
	for name, c := range map[string]struct {
		s    shared
		c    AddressClaim
		want string
	}{
		"nobody had it":                         {shared{}, AddressClaim{Able: true}, "a"},
		"nobody had it, cannot serve":           {shared{}, AddressClaim{}, ""},
		"renewed":                               {shared{holder: "a"}, AddressClaim{Able: true, Holding: true}, "a"},
		"renewed late":                          {shared{holder: "a", expired: true}, AddressClaim{Able: true, Holding: true}, "a"},
		"restarted within its lease":            {shared{holder: "a"}, AddressClaim{Able: true}, "a"},
		"given back":                            {shared{holder: "a"}, AddressClaim{GiveBack: true}, ""},
		"given back by another":                 {shared{holder: "b"}, AddressClaim{GiveBack: true}, "b"},
		"another has it":                        {shared{holder: "b", settled: true}, AddressClaim{Able: true}, "b"},
		"another had it":                        {shared{holder: "b", expired: true, settled: true}, AddressClaim{Able: true}, "a"},
		"another had it, a new leader":          {shared{holder: "b", expired: true}, AddressClaim{Able: true}, "b"},
		"another has it, both think they do":    {shared{holder: "b", settled: true}, AddressClaim{Able: true, Holding: true}, "b"},
		"cannot serve, nor can another":         {shared{holder: "a"}, AddressClaim{Holding: true}, "a"},
		"cannot serve, another can":             {shared{holder: "a", heir: "b"}, AddressClaim{Holding: true}, "b"},
		"cannot serve, does not have it either": {shared{holder: "a"}, AddressClaim{}, ""},
	} {
		c.c.Host = "a"
		if got := c.s.award(c.c); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestAddressesAreSharedInTheDatabase(t *testing.T) {
	arenas(t, func(t *testing.T, a arena) {
		lease := a.contender(t, LeaseConfig{Name: "one"})
		book := NewAddresses(fenceOf(t, lease), time.Hour)
		claim := func(c AddressClaim) string {
			t.Helper()
			c.Address = "10.0.0.100"
			holder, err := book.Claim(t.Context(), c)
			must(t, err)
			return holder
		}
		check := func(what, got, want string) {
			t.Helper()
			if got != want {
				t.Errorf("%s: %q is to hold it, want %q", what, got, want)
			}
		}
		check("first", claim(AddressClaim{Host: "a", Able: true}), "a")
		check("second", claim(AddressClaim{Host: "b", Able: true}), "a")
		check("able another", claim(AddressClaim{Host: "a", Holding: true}), "b")
		check("told", claim(AddressClaim{Host: "a", Able: true, Holding: true}), "b")
		must(t, book.Free(t.Context(), "b"))
		check("proven dead", claim(AddressClaim{Host: "a", Able: true}), "a")
		check("given back", claim(AddressClaim{Host: "a", GiveBack: true}), "")

		if _, err := book.Claim(t.Context(), AddressClaim{Address: "10.0.0.100 ", Host: "a", Able: true}); err == nil {
			t.Error("something that is no address can be shared")
		}
		check("again", claim(AddressClaim{Host: "a", Able: true}), "a")
		must(t, lease.Stop(t.Context()))
		fenceOf(t, a.contender(t, LeaseConfig{Name: "two"}))
		if _, err := book.Claim(t.Context(), AddressClaim{Address: "10.0.0.100", Host: "a", Able: true}); err == nil {
			t.Error("a leader that was superseded lets somebody hold an address")
		}
	})
}
