package cluster

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/paceline/paceline/internal/db/dbtest"
)

// A leader's process is killed, and nobody tells. The others take over when its lease
// has expired: that is at most one TTL after its death, and one look later.
func TestTakeoverFromAKilledLeader(t *testing.T) {
	arenas(t, func(t *testing.T, a arena) {
		leader := a.spawn(t, nodeConfig{Name: "a", Profile: Fast, Patience: time.Second})
		eventually(t, "the process leads", func() bool { return leader.leads() > 0 })
		next := a.contender(t, LeaseConfig{Name: "b", Profile: Fast})
		for range 2 {
			eventually(t, "b follows", func() bool { return next.Leader() == Leader{"a", leader.leads()} })
			killed := time.Now()
			leader.kill()
			eventually(t, "b leads", func() bool { return next.Epoch() > 0 })
			took := time.Since(killed)
			t.Logf("takeover from a killed leader took %v", took.Round(time.Millisecond))
			if most := Fast.TTL + Fast.Poll*6/5 + 300*time.Millisecond; took > most {
				t.Errorf("that is more than %v", most)
			}
			leader = a.spawn(t, nodeConfig{Name: "a", Profile: Fast, Patience: time.Second})
			eventually(t, "a is there", func() bool { _ = next.HandOver(t.Context(), "a"); return leader.leads() > 0 })
		}
	})
}

// Leaders freeze at random while they write. A frozen leader's writes that come after
// those of its successor are refused; without the fence they happen.
func TestFrozenLeaders(t *testing.T) {
	for _, fenced := range []bool{true, false} {
		t.Run(fmt.Sprintf("fenced=%v", fenced), func(t *testing.T) {
			t.Parallel()
			arenas(t, func(t *testing.T, a arena) { freezeLeaders(t, a, fenced) })
		})
	}
}

func freezeLeaders(t *testing.T, a arena, fenced bool) {
	var nodes []*node
	for i := range 3 {
		nodes = append(nodes, a.spawn(t, nodeConfig{
			Name: string(rune('a' + i)), Profile: quick, Patience: 400 * time.Millisecond, Write: true, Fenced: fenced}))
	}
	leader := func() *node {
		var found *node
		eventually(t, "somebody leads", func() bool {
			for _, n := range nodes {
				if e := n.leads(); e > 0 && (found == nil || e > found.leads()) {
					found = n
				}
			}
			return found != nil
		})
		return found
	}
	frozen := 0
	most := 4 * time.Second
	if !fenced {
		most = 15 * time.Second // or until the fault is shown
	}
	for begin := time.Now(); time.Since(begin) < most; {
		n := leader()
		time.Sleep(rand.N(80 * time.Millisecond)) // into its writing
		n.freeze()
		time.Sleep(quick.TTL + rand.N(900*time.Millisecond))
		n.thaw()
		frozen++
		if _, bad := disorder(t, a.db); bad > 0 && !fenced {
			break
		}
	}
	for _, n := range nodes {
		n.in.Close()
	}
	for _, n := range nodes {
		eventually(t, "it has stopped", func() bool { return n.leads() == 0 })
	}
	lines, bad := disorder(t, a.db)
	refused := 0
	for _, n := range nodes {
		refused += n.heard("fenced")
	}
	t.Logf("frozen %d times, epoch %d, %d lines, %d out of order, %d leaders refused", frozen, a.tenure(t).epoch, lines, bad, refused)
	if fenced && bad > 0 {
		t.Errorf("%d of %d fenced writes are out of order", bad, lines)
	}
	if !fenced && bad == 0 {
		t.Error("no write is out of order without the fence: this test shows nothing")
	}
	if fenced && (a.tenure(t).epoch < 3 || lines < 20) {
		t.Error("too little happened")
	}
}

// The database stalls for longer than a lease lasts: the leader stops by itself, nobody
// leads, and afterwards one does.
func TestDatabaseThatStalls(t *testing.T) {
	for _, kind := range []string{"postgres", "mariadb"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			server := dbtest.Own(t, kind, dbtest.Options{})
			dsn, _, err := server.Create(t.Context())
			must(t, err)
			a := newArena(t, dsn)
			leases := []*Lease{a.contender(t, LeaseConfig{Name: "a", Profile: quick}), a.contender(t, LeaseConfig{Name: "b", Profile: quick})}
			stop := make(chan struct{})
			two := make(chan int)
			go func() { two <- believers(leases, stop) }()
			one := func() bool { return leases[0].Epoch()+leases[1].Epoch() > 0 }
			eventually(t, "one leads", one)
			before := a.tenure(t).epoch

			must(t, server.Freeze())
			took := eventually(t, "nobody leads", func() bool { return !one() })
			t.Logf("the leader stopped itself %v after the database froze", took.Round(time.Millisecond))
			if took > quick.SelfFence+150*time.Millisecond {
				t.Errorf("it trusted itself for %v", took)
			}
			for end := time.Now().Add(2 * quick.TTL); time.Now().Before(end); time.Sleep(time.Millisecond) {
				if one() {
					t.Fatal("somebody leads without the database")
				}
			}
			must(t, server.Thaw())
			took = eventually(t, "one leads again", one)
			t.Logf("a new one led %v after the thaw", took.Round(time.Millisecond))
			if after := a.tenure(t).epoch; after <= before {
				t.Errorf("epoch %d after %d", after, before)
			}

			// A node can stop while the database does not answer.
			must(t, server.Freeze())
			limit, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			for _, l := range leases {
				if err := l.Stop(limit); err != nil {
					t.Errorf("%s does not stop: %v", l.cfg.Name, err)
				}
			}
			must(t, server.Thaw())
			close(stop)
			if n := <-two; n > 0 {
				t.Errorf("two led at once, seen %d times", n)
			}
		})
	}
}

// believers counts how often more than one lease says that it leads.
func believers(leases []*Lease, stop <-chan struct{}) (times int) {
	for {
		select {
		case <-stop:
			return times
		case <-time.After(time.Millisecond):
		}
		n := 0
		for _, l := range leases {
			if l.Epoch() > 0 {
				n++
			}
		}
		if n > 1 {
			times++
		}
	}
}
