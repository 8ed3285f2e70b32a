package bus

import (
	"log/slog"
	"net/url"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
)

// TestTurningGetsSlowerWhileNobodyLeads walks through the decisions with a clock of its own.
func TestTurningGetsSlowerWhileNobodyLeads(t *testing.T) {
	start := time.Unix(0, 0)
	c := &Client{route: newRoute([]string{"a:1", "b:1"}), log: slog.New(slog.DiscardHandler)}
	w := &walker{Client: c, answered: start, patience: patience, ban: homeAfter}
	var turned []time.Duration
	c.route.connected("tls://a:1")
	for now := time.Duration(0); now < time.Minute; now += beatEvery {
		at, of := c.route.where()
		if at < 0 { // turned: the other one takes us
			turned = append(turned, now-beatEvery)
			c.route.connected(c.route.places[c.route.next])
			if next, _ := c.route.where(); next == at || of != 2 {
				t.Fatalf("turned from %d to %d", at, next)
			}
		}
		w.silence(start.Add(now))
	}
	want := []time.Duration{2, 6, 14, 30}
	if len(turned) != len(want) {
		t.Fatalf("turned at %v", turned)
	}
	for i, at := range turned {
		if at != want[i]*time.Second {
			t.Errorf("turn %d at %v, want %v", i, at, want[i]*time.Second)
		}
	}
}

func TestAPrimaryThatWasLeftForSilenceIsNotHomeAtOnce(t *testing.T) {
	start := time.Unix(0, 0)
	c := &Client{route: newRoute([]string{"a:1", "b:1"}), log: slog.New(slog.DiscardHandler)}
	w := &walker{Client: c, answered: start, patience: patience, ban: homeAfter}
	c.route.connected("tls://a:1")
	if w.away(start) {
		t.Error("away while at home")
	}
	left := start.Add(patience)
	w.silence(left)
	c.route.connected("tls://b:1")
	if w.away(left.Add(homeAfter - time.Millisecond)) {
		t.Error("home too early")
	}
	if !w.away(left.Add(homeAfter)) {
		t.Error("never home again")
	}
}

func TestRoundsOverTheListPause(t *testing.T) {
	r := newRoute([]string{"a:1", "b:1"})
	r.connected("tls://b:1")
	pool := make([]nats.Server, 2)
	for i, place := range r.list() {
		at, err := url.Parse(place)
		if err != nil {
			t.Fatal(err)
		}
		pool[i].URL = at
	}
	for i, want := range []struct {
		host   string
		pauses bool
	}{{"a:1", false}, {"b:1", false}, {"a:1", true}, {"b:1", false}, {"a:1", true}} {
		got, pause := r.pick(pool, nats.ServerInfo{})
		if got.URL.Host != want.host || (pause > 0) != want.pauses {
			t.Errorf("try %d is at %s after %v", i, got.URL.Host, pause)
		}
	}
}
