package cluster

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/db/dbtest"
	"github.com/paceline/paceline/internal/service/servicetest"
)

func each(t *testing.T, run func(t *testing.T, d *db.DB)) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		must(t, d.Migrate(t.Context(), Migrations()))
		run(t, d)
	})
}

func join(t *testing.T, d *db.DB, cfg Config) *Member {
	t.Helper()
	m := New(cfg, d, time.Now, slog.New(slog.DiscardHandler))
	must(t, m.Start(t.Context()))
	t.Cleanup(func() { _ = m.Stop(context.WithoutCancel(t.Context())) }) // a test may have closed its database
	return m
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func isDead(t *testing.T, by *Member, number, epoch int64) bool {
	t.Helper()
	dead, err := by.Dead(t.Context())
	must(t, err)
	return dead(number, epoch)
}

func waitLost(t *testing.T, m *Member) {
	t.Helper()
	select {
	case <-m.Lost():
	case <-time.After(10 * time.Second):
		t.Fatal("the member still trusts its row")
	}
}

func TestNodesThatStartTogetherGetDifferentNumbers(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB) {
		var mu sync.Mutex
		var all sync.WaitGroup
		holders := map[int64]int{}
		for i := range 12 {
			all.Go(func() {
				m := New(Config{Name: fmt.Sprint("n", i)}, d, time.Now, slog.New(slog.DiscardHandler))
				if err := m.Start(t.Context()); err != nil {
					t.Error(err)
					return
				}
				t.Cleanup(func() { must(t, m.Stop(context.WithoutCancel(t.Context()))) })
				mu.Lock()
				defer mu.Unlock()
				holders[m.Number()]++
				if id := m.NewID(); int64(id.Node()) != m.Number() {
					t.Errorf("node %d draws ids of node %d", m.Number(), id.Node())
				}
			})
		}
		all.Wait()
		if len(holders) != 12 {
			t.Errorf("numbers and how many hold them: %v", holders)
		}
	})
}

func TestStoppedNodeIsDeadAtOnce(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB) {
		a, b := join(t, d, Config{Name: "a"}), join(t, d, Config{Name: "b"})
		number, epoch := a.Number(), a.Epoch()
		if isDead(t, b, number, epoch) {
			t.Error("a is dead while it runs")
		}
		if isDead(t, b, 77, 1) || isDead(t, b, number, epoch+1) {
			t.Error("an epoch that nobody has heard of is dead")
		}
		must(t, a.Stop(t.Context()))
		if !isDead(t, b, number, epoch) || !isDead(t, b, number, epoch-1) {
			t.Error("a is not dead after it has stopped")
		}
	})
}

func TestNodeStartedAgainTakesThePlaceOfTheOld(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB) {
		old := join(t, d, Config{Name: "a", Renew: 10 * time.Millisecond})
		number, epoch := old.Number(), old.Epoch()
		again := join(t, d, Config{Name: "a"})
		if again.Number() == number {
			t.Error("it has the number of a process that may still draw ids")
		}
		if !isDead(t, again, number, epoch) {
			t.Error("the old process is not dead")
		}
		waitLost(t, old)
	})
}

func TestRowThatIsNotRenewedExpires(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB) {
		frozen := join(t, d, Config{Name: "a", TTL: 50 * time.Millisecond, Renew: time.Hour})
		other := join(t, d, Config{Name: "b"})
		for end := time.Now().Add(10 * time.Second); !isDead(t, other, frozen.Number(), frozen.Epoch()); time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				t.Fatal("it never expires")
			}
		}
		waitLost(t, frozen)
	})
}

// A node that cannot reach the database stops trusting itself although nobody tells it.
func TestMemberFencesItself(t *testing.T) {
	d := dbtest.Open(t, "sqlite")
	must(t, d.Migrate(t.Context(), Migrations()))
	m := join(t, d, Config{Name: "a", TTL: 100 * time.Millisecond, Renew: 10 * time.Millisecond})
	must(t, d.Close())
	waitLost(t, m)
}

func TestStress(t *testing.T) {
	d := dbtest.Open(t, "sqlite")
	must(t, d.Migrate(t.Context(), Migrations()))
	servicetest.Stress(t, New(Config{Name: "a", TTL: time.Minute}, d, time.Now, slog.New(slog.DiscardHandler)))
}

func TestChoose(t *testing.T) {
	now := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	at := func(number int64, alive bool, ago time.Duration) Node {
		return Node{Number: number, Epoch: 5, Alive: alive, Expires: now.Add(-ago)}
	}
	for name, tt := range map[string]struct {
		nodes  []Node
		number int64
		epoch  int64
		again  bool
	}{
		"the first node":                   {nil, 1, 1, false},
		"all others alive":                 {[]Node{at(1, true, 0), at(2, true, 0)}, 3, 1, false},
		"a number free for long":           {[]Node{at(1, true, 0), at(2, false, time.Hour)}, 2, 6, true},
		"a number free since a moment ago": {[]Node{at(1, false, time.Second), at(2, true, 0)}, 3, 1, false},
		"the one that is free longest":     {[]Node{at(1, false, time.Hour), at(2, false, 2*time.Hour)}, 2, 6, true},
	} {
		n, again := choose(tt.nodes, now.Add(-time.Minute))
		if n.Number != tt.number || n.Epoch != tt.epoch || again != tt.again {
			t.Errorf("%s: got number %d, epoch %d, again %v", name, n.Number, n.Epoch, again)
		}
	}
}

// A node that is proven dead is dead at once; proof of an earlier epoch, of another number
// or name proves nothing.
func TestProofOfDeathFreesWhatTheNodeHeld(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB) {
		a, b := join(t, d, Config{Name: "a"}), join(t, d, Config{Name: "b"})
		number, epoch := a.Number(), a.Epoch()
		for _, wrong := range []Node{{Name: "a", Number: number, Epoch: epoch - 1}, {Name: "a", Number: number + 1, Epoch: epoch}, {Name: "b", Number: number, Epoch: epoch}} {
			must(t, ProveDead(t.Context(), d, wrong.Name, wrong.Number, wrong.Epoch))
		}
		if isDead(t, b, number, epoch) {
			t.Fatal("dead without proof")
		}
		must(t, ProveDead(t.Context(), d, "a", number, epoch))
		if !isDead(t, b, number, epoch) {
			t.Error("not dead in spite of proof")
		}
	})
}
