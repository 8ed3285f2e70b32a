package bus_test

import (
	"strings"
	"sync/atomic"
	"testing"

	"github.com/paceline/paceline/internal/bus"
	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/trust"
)

func TestRingsReachTheOthersOnly(t *testing.T) {
	w := newWorld(t)
	a := w.booster("a")
	one, two := w.host("one", a), w.host("two", a)
	w.at(one, "a")
	w.at(two, "a")
	type ring struct{ topic, key string }
	heard := make(chan ring, 100)
	var own atomic.Int32
	_, err := one.Listen(func(string, string) { own.Add(1) })
	w.must(err)
	_, err = two.Listen(func(topic, key string) { heard <- ring{topic, key} })
	w.must(err)
	w.eventually("a ring", func() bool { one.Ring("inbox", "42"); return len(heard) > 0 })
	if r := <-heard; r.topic != "inbox" || r.key != "42" {
		t.Errorf("heard %+v", r)
	}
	if own.Load() != 0 {
		t.Error("a client heard its own ring")
	}
}

func TestEveryMessageCanBeLost(t *testing.T) {
	w := newWorld(t)
	a := w.booster("a")
	var heard atomic.Int32
	deaf := w.client(bus.Config{Identity: w.identity("h", trust.Host), Boosters: []string{a.Addr()}, Lose: true})
	leader := w.own("a", a)
	for _, c := range []*bus.Client{deaf, leader} {
		_, err := c.Subscribe(bus.AnyBell, func(m bus.Message) {
			if c == deaf || m.From == "h" {
				heard.Add(1)
			}
		})
		w.must(err)
		w.at(c, "a")
	}
	w.must(deaf.Publish(bus.Bell("inbox"), 1))
	w.must(leader.Publish(bus.Bell("inbox"), 1))
	if err := deaf.Request(t.Context(), bus.Lead("beat"), bus.Beat{}, nil); !errs.Is(err, errs.Unavailable) {
		t.Errorf("a question that was lost: %v", err)
	}
	if heard.Load() != 0 {
		t.Errorf("%d messages got through", heard.Load())
	}
}

func TestASlowListenerLosesMessagesAndHarmsNobody(t *testing.T) {
	w := newWorld(t)
	a := w.booster("a")
	leader, host := w.own("a", a), w.host("h", a)
	block := make(chan struct{})
	var slow, fast atomic.Int32
	_, err := host.Subscribe(bus.Bell("slow"), func(bus.Message) { slow.Add(1); <-block })
	w.must(err)
	_, err = host.Subscribe(bus.Bell("fast"), func(bus.Message) { fast.Add(1) })
	w.must(err)
	w.at(leader, "a")
	w.at(host, "a")
	w.eventually("the slow one is busy", func() bool { return leader.Publish(bus.Bell("slow"), 1) == nil && slow.Load() > 0 })
	const many = 20000
	for range many {
		w.must(leader.Publish(bus.Bell("slow"), 1))
	}
	w.eventually("the fast one hears", func() bool { return leader.Publish(bus.Bell("fast"), 1) == nil && fast.Load() > 0 })
	close(block)
	before := slow.Load()
	w.eventually("the slow one hears again", func() bool { return leader.Publish(bus.Bell("slow"), 1) == nil && slow.Load() > before+1 })
	if slow.Load() >= many {
		t.Errorf("%d messages waited; the queue has no end", slow.Load())
	}
}

func TestMessagesAreBounded(t *testing.T) {
	w := newWorld(t)
	a := w.booster("a")
	host := w.host("h", a)
	w.at(host, "a")
	if err := host.Publish(bus.Exit, strings.Repeat("x", 1<<20)); !errs.Is(err, errs.Exhausted) {
		t.Errorf("more than a megabyte: %v", err)
	}
	if _, ok := host.Connected(); !ok {
		t.Error("it cost the connection")
	}
	for _, subject := range []bus.Subject{"", "bell.", "bell.*", "bell.a b", "bell.>", "bell..a", bus.Bell(strings.Repeat("x", 300))} {
		if err := host.Publish(subject, 1); !errs.Is(err, errs.Invalid) {
			t.Errorf("%q: %v", subject, err)
		}
	}
}
