package cluster

import (
	"strings"
	"testing"
	"time"
)

func TestWhoMayTakeTheLease(t *testing.T) {
	start := time.Unix(1000, 0)
	held := func(change func(*tenure)) tenure {
		r := tenure{holder: "a", winner: "a", epoch: 7, fence: 7, seq: 3, ttl: 1500 * time.Millisecond, now: 50_000_000, expires: 51_000_000}
		if change != nil {
			change(&r)
		}
		return r
	}
	for name, tt := range map[string]struct {
		row   tenure
		who   candidate
		after time.Duration // since the same was read first
		why   string        // empty: it may not
	}{
		"held by another":              {row: held(nil)},
		"expired":                      {row: held(func(r *tenure) { r.expires = r.now }), why: "expired"},
		"never held":                   {row: tenure{now: 50_000_000}, why: "free"},
		"the clock went back a little": {row: held(func(r *tenure) { r.expires = r.now + 2*1_500_000 })},
		"the clock went back far":      {row: held(func(r *tenure) { r.expires = r.now + 2*1_500_000 + 1 }), why: "from the future"},
		"stood still, not long enough": {row: held(nil), after: 1999 * time.Millisecond},
		"stood still":                  {row: held(nil), after: 2 * time.Second, why: "stands still"},
		"proof of this epoch":          {row: held(nil), who: candidate{proof: 7}, why: "dead"},
		"proof of an earlier epoch":    {row: held(nil), who: candidate{proof: 6}},
		"proof of a later epoch":       {row: held(nil), who: candidate{proof: 8}},
		"handed over to us":            {row: held(func(r *tenure) { r.holder = "b" }), why: "handed over"},
		"handed over to a third":       {row: held(func(r *tenure) { r.holder = "c" })},
		"ours when we started":         {row: held(func(r *tenure) { r.holder, r.winner = "b", "b" }), why: "our own"},
		"a twin's": {row: held(func(r *tenure) { r.holder, r.winner = "b", "b" }),
			who: candidate{known: true, own: 6, epoch: 7, seq: 3, since: start}},
		"alone": {row: held(nil), who: candidate{alone: true}, why: "alone"},
		"alone, but somebody took it since": {row: held(nil),
			who: candidate{alone: true, known: true, own: 6, epoch: 7, seq: 3, since: start}},
	} {
		c := tt.who
		c.name = "b"
		c.observe(tt.row, start)
		c.observe(tt.row, start.Add(tt.after))
		why, ok := c.may(tt.row, start.Add(tt.after))
		if ok != (tt.why != "") || !strings.Contains(why, tt.why) {
			t.Errorf("%s: %v %q, want %q", name, ok, why, tt.why)
		}
	}
}

func TestRenewalsAreSeenAsMovement(t *testing.T) {
	c := candidate{name: "b"}
	r := tenure{holder: "a", winner: "a", epoch: 7, ttl: time.Second, now: 1, expires: 1_000_000}
	at := time.Unix(1000, 0)
	for range 10 {
		c.observe(r, at)
		if why, ok := c.may(r, at); ok {
			t.Fatalf("taken from a holder that renews: %s", why)
		}
		r.seq++
		at = at.Add(time.Second)
	}
}
