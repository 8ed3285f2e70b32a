package vip

import (
	"net/netip"
	"testing"
	"time"
)

func TestWhatAGatewayDoes(t *testing.T) {
	const long = TTL + time.Millisecond
	mine, others := Answer{Holder: "a"}, Answer{Holder: "b"}
	for name, c := range map[string]struct {
		v    view
		want act
	}{
		"holder, told to hold":                     {view{word: mine, holding: true, able: true}, rest},
		"holder, told that it is another":          {view{word: others, holding: true, able: true}, give},
		"holder, told that it is nobody":           {view{holding: true, able: true}, rest},
		"holder without servers, told to hold":     {view{word: mine, holding: true}, rest},
		"holder, nobody leads":                     {view{word: mine, age: long, holding: true, able: true}, probe},
		"holder, nobody leads, another answers":    {view{word: mine, age: long, holding: true, able: true, yields: true}, give},
		"holder, nobody leads, told of another":    {view{word: others, age: long, holding: true, able: true}, probe},
		"holder, led, another answers":             {view{word: mine, holding: true, able: true, yields: true}, rest},
		"other, told that it is another":           {view{word: others, able: true, probed: 99, quiet: time.Hour}, rest},
		"other, told to hold":                      {view{word: mine, able: true}, probe},
		"other, told to hold, few probes":          {view{word: mine, able: true, probed: leastProbes - 1, quiet: time.Hour}, probe},
		"other, told to hold, short silence":       {view{word: mine, able: true, probed: 99, quiet: quietLed - 1}, probe},
		"other, told to hold, silence":             {view{word: mine, able: true, probed: leastProbes, quiet: quietLed}, take},
		"other, told to hold, no servers":          {view{word: mine, probed: 99, quiet: time.Hour}, rest},
		"other, nobody leads":                      {view{word: others, age: long, able: true}, probe},
		"other, nobody leads, silence as if led":   {view{word: mine, age: long, able: true, probed: 99, quiet: quietLed}, probe},
		"other, nobody leads, long silence":        {view{word: others, age: long, able: true, probed: 99, quiet: quietAlone}, take},
		"other, nobody leads, silence, no servers": {view{word: others, age: long, probed: 99, quiet: quietAlone}, rest},
	} {
		c.v.host = "a"
		if got := decide(c.v); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

// TestAFrozenHolderIsGoneBefore holds the figures together: without a leader, a frozen
// holder's address is gone from its kernel before another gateway may take it.
func TestAFrozenHolderIsGoneBefore(t *testing.T) {
	if quietAlone < TTL+time.Second {
		t.Errorf("another takes the address after %v, and the kernel may keep it for %v", quietAlone, TTL+time.Second)
	}
}

func TestFramesSayWhatTheyMean(t *testing.T) {
	from := mac{2, 0, 0, 0, 0, 1}
	for _, text := range []string{"10.0.0.100", "2001:db8::100"} {
		address, other := netip.MustParseAddr(text), netip.MustParseAddr(text).Next()
		if by, probes, ok := claimed(probeFrame(from, address), address); !ok || !probes || by != from {
			t.Errorf("%s: a probe is read as %v %v %v", text, by, probes, ok)
		}
		if by, probes, ok := claimed(announceFrame(from, address), address); !ok || probes || by != from {
			t.Errorf("%s: an announcement is read as %v %v %v", text, by, probes, ok)
		}
		for _, frame := range [][]byte{probeFrame(from, other), announceFrame(from, other)} {
			if _, _, ok := claimed(frame, address); ok {
				t.Errorf("%s: a frame about another address counts", text)
			}
		}
		for _, frame := range [][]byte{probeFrame(from, address), announceFrame(from, address)} {
			for n := range frame { // must not panic, nor be taken for whole
				if _, _, ok := claimed(frame[:min(n, 14+27)], address); ok {
					t.Errorf("%s: %d bytes of a frame count", text, n)
				}
			}
		}
	}
}

func TestOrdinaryQuestionsAreNoClaims(t *testing.T) {
	address, client := netip.MustParseAddr("10.0.0.100"), netip.MustParseAddr("10.0.0.9")
	if _, _, ok := claimed(arpFrame(mac{2}, client, address), address); ok {
		t.Error("a client that looks for the address is taken for its holder")
	}
}

func TestConfigIsChecked(t *testing.T) {
	for _, c := range []Config{{Address: "10.0.0.100", Interface: "eth0"}, {Address: "10.0.0.100/24"}, {Interface: "eth0"}, {Address: "127.0.0.1/8", Interface: "lo"},
		{Address: "::ffff:10.0.0.1/120", Interface: "eth0"}, {Address: "10.0.0.100/24", Interface: "a-name-that-is-too-long"}} {
		if c.Check() == nil {
			t.Errorf("%+v passes", c)
		}
	}
	for _, c := range []Config{{}, {Address: "10.0.0.100/24", Interface: "eth0"}, {Address: "2001:db8::100/64", Interface: "eth0"}} {
		if err := c.Check(); err != nil {
			t.Errorf("%+v: %v", c, err)
		}
	}
}
