package cluster

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/db/dbtest"
	"github.com/paceline/paceline/internal/service"
	"github.com/paceline/paceline/internal/service/servicetest"
)

// quick is for tests in which a lease has to expire.
var quick = Profile{TTL: 600 * time.Millisecond, Renew: 120 * time.Millisecond, Statement: 200 * time.Millisecond,
	SelfFence: 480 * time.Millisecond, Poll: 40 * time.Millisecond}

// patient is a Fast lease that expires so late that a test which waits for it fails.
var patient = Profile{TTL: time.Minute, Renew: 100 * time.Millisecond, Statement: 2 * time.Second,
	SelfFence: 40 * time.Second, Poll: 100 * time.Millisecond}

// arena is a database in which leases are contended for.
type arena struct {
	dsn string
	db  *db.DB // for looking
}

// arenas runs a test in an arena of every kind, at the same time.
func arenas(t *testing.T, run func(t *testing.T, a arena)) {
	t.Helper()
	for _, kind := range dbtest.Kinds() {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			run(t, newArena(t, dbtest.DSN(t, kind)))
		})
	}
}

func newArena(t *testing.T, dsn string) arena {
	a := arena{dsn, dbtest.OpenDSN(t, dsn)}
	must(t, a.db.Migrate(t.Context(), append(Migrations(), journalMigration)))
	return a
}

// open gives a handle like that of a process of its own.
func (a arena) open(t *testing.T) *db.DB {
	t.Helper()
	d, err := db.Open(t.Context(), db.Config{DSN: a.dsn, MaxConns: 4, Patience: time.Second})
	must(t, err)
	t.Cleanup(func() { d.Close() })
	return d
}

func (a arena) lease(t *testing.T, cfg LeaseConfig) *Lease {
	t.Helper()
	cfg.Shared = true
	l, err := NewLease(cfg, a.open(t), slog.New(slog.DiscardHandler))
	must(t, err)
	t.Cleanup(func() { must(t, l.Stop(context.WithoutCancel(t.Context()))) })
	return l
}

// contender starts a lease.
func (a arena) contender(t *testing.T, cfg LeaseConfig) *Lease {
	t.Helper()
	l := a.lease(t, cfg)
	must(t, l.Start(t.Context()))
	return l
}

// tenure is what the database says.
func (a arena) tenure(t *testing.T) tenure {
	t.Helper()
	r, err := readTenure(t.Context(), a.db, "center")
	if errors.Is(err, db.ErrNoRows) {
		return tenure{}
	}
	must(t, err)
	return r
}

// eventually polls until it is so.
func eventually(t *testing.T, what string, so func() bool) time.Duration {
	t.Helper()
	begin := time.Now()
	for !so() {
		if time.Since(begin) > 15*time.Second {
			t.Fatalf("not within 15 s: %s", what)
		}
		time.Sleep(time.Millisecond)
	}
	return time.Since(begin)
}

func waitLeads(t *testing.T, l *Lease) (epoch int64) {
	t.Helper()
	eventually(t, l.cfg.Name+" leads", func() bool { epoch = l.Epoch(); return epoch > 0 })
	return epoch
}

func TestOneOfManyLeads(t *testing.T) {
	arenas(t, func(t *testing.T, a arena) {
		const n, rounds = 8, 4
		var active, starts atomic.Int32
		var leases []*Lease
		for i := range n {
			l := a.lease(t, LeaseConfig{Name: fmt.Sprint("n", i), Profile: patient})
			l.Lead("probe", func(ctx context.Context, f Fence) service.Service {
				return service.NewBackground(func(ctx context.Context) {
					if active.Add(1) > 1 {
						t.Error("two nodes do the leader's work")
					}
					starts.Add(1)
					<-ctx.Done()
					active.Add(-1)
				})
			})
			leases = append(leases, l)
		}
		var all sync.WaitGroup
		for _, l := range leases {
			all.Go(func() { must(t, l.Start(t.Context())) })
		}
		all.Wait()
		seen := map[int64]bool{}
		for range rounds {
			var leader *Lease
			eventually(t, "somebody leads", func() bool {
				for _, l := range leases {
					if l.Epoch() > 0 && !seen[l.Epoch()] {
						leader = l
					}
				}
				return leader != nil
			})
			seen[leader.Epoch()] = true
			if r := a.tenure(t); r.holder != leader.cfg.Name || r.fence != r.epoch {
				t.Errorf("%s leads and the database says %+v", leader.cfg.Name, r)
			}
			must(t, leader.HandOver(t.Context(), ""))
		}
		eventually(t, "the last of them leads", func() bool { return starts.Load() > rounds })
		if r := a.tenure(t); r.epoch != rounds+1 {
			t.Errorf("epoch %d after %d terms", r.epoch, rounds+1)
		}
	})
}

// The bell is wired as a bus would do it; no lease expires within the test.
func TestPlannedHandover(t *testing.T) {
	arenas(t, func(t *testing.T, a arena) {
		var first, second *Lease
		first = a.contender(t, LeaseConfig{Name: "a", Profile: patient, Ring: func() { second.Ring() }})
		epoch := waitLeads(t, first)
		second = a.contender(t, LeaseConfig{Name: "b", Profile: patient, Ring: func() { first.Ring() }})
		eventually(t, "b has looked", func() bool { return second.Leader().Name == "a" })
		begin := time.Now()
		must(t, first.Stop(t.Context()))
		if got := waitLeads(t, second); got != epoch+1 {
			t.Errorf("epoch %d after %d", got, epoch)
		}
		t.Logf("planned handover took %v", time.Since(begin).Round(time.Millisecond))
	})
}

// Of three, the one that is named gets it, though another hears of it as well.
func TestHandoverToANode(t *testing.T) {
	arenas(t, func(t *testing.T, a arena) {
		var other, heir *Lease
		first := a.contender(t, LeaseConfig{Name: "a", Profile: patient, Ring: func() { other.Ring(); heir.Ring() }})
		waitLeads(t, first)
		other = a.contender(t, LeaseConfig{Name: "b", Profile: patient})
		heir = a.contender(t, LeaseConfig{Name: "c", Profile: patient})
		if err := other.HandOver(t.Context(), "c"); err == nil {
			t.Error("who does not lead has handed over")
		}
		must(t, first.HandOver(t.Context(), "c"))
		if r := a.tenure(t); r.holder != "c" {
			t.Errorf("it was handed over, and the database says %+v", r)
		}
		waitLeads(t, heir)
		if other.Epoch() != 0 {
			t.Error("b has taken what was given to c")
		}
	})
}

// An heir that is not there delays the next leader by a TTL and no more.
func TestHandoverToNobody(t *testing.T) {
	arenas(t, func(t *testing.T, a arena) {
		first := a.contender(t, LeaseConfig{Name: "a", Profile: quick})
		waitLeads(t, first)
		other := a.contender(t, LeaseConfig{Name: "b", Profile: quick})
		must(t, first.HandOver(t.Context(), "nobody"))
		eventually(t, "one of them leads", func() bool { return other.Epoch() > 0 || first.Epoch() > 0 })
	})
}

func TestProofOfDeathHastens(t *testing.T) {
	arenas(t, func(t *testing.T, a arena) {
		frozen := a.contender(t, LeaseConfig{Name: "a", Profile: patient})
		epoch := waitLeads(t, frozen)
		next := a.contender(t, LeaseConfig{Name: "b", Profile: patient})
		eventually(t, "b has looked", func() bool { return next.Leader().Name == "a" })
		next.ProveDead(epoch - 1)
		begin := time.Now()
		next.ProveDead(epoch)
		if got := waitLeads(t, next); got != epoch+1 {
			t.Errorf("epoch %d after %d", got, epoch)
		}
		t.Logf("takeover on proof took %v", time.Since(begin).Round(time.Millisecond))
		eventually(t, "a knows that it leads no more", func() bool { return frozen.Epoch() == 0 })
	})
}

// The database's clock goes back while nobody renews: the lease seems to last for hours.
func TestClockThatGoesBack(t *testing.T) {
	for name, ahead := range map[string]time.Duration{"by hours": 3 * time.Hour, "by less than two TTL": Fast.TTL - 100*time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			arenas(t, func(t *testing.T, a arena) {
				must(t, establish(t.Context(), a.db, "center"))
				_, err := a.db.Exec(t.Context(), "UPDATE cluster_lease SET holder = ?, epoch = 5, seq = 9, ttl_ms = ?, expires_at = {now} + ?",
					"gone", Fast.TTL.Milliseconds(), (Fast.TTL + ahead).Microseconds())
				must(t, err)
				begin := time.Now()
				l := a.contender(t, LeaseConfig{Name: "b", Profile: Fast})
				if epoch := waitLeads(t, l); epoch != 6 {
					t.Errorf("epoch %d after 5", epoch)
				}
				if took := time.Since(begin); took > Fast.TTL+standstill+3*Fast.Poll {
					t.Errorf("it took %v", took)
				}
			})
		})
	}
}

// Restoring an old backup must not let anybody lead under an epoch that was used since.
func TestDatabaseThatIsSetBack(t *testing.T) {
	arenas(t, func(t *testing.T, a arena) {
		path := t.TempDir() + "/epoch"
		l := a.contender(t, LeaseConfig{Name: "a", Profile: quick, Floor: path})
		before := waitLeads(t, l)
		backup := a.tenure(t)
		eventually(t, "it was renewed", func() bool { return a.tenure(t).seq >= backup.seq+3 })
		_, err := a.db.Exec(t.Context(), "UPDATE cluster_lease SET seq = ?, expires_at = {now} + 60000000", backup.seq)
		must(t, err)
		_, err = a.db.Exec(t.Context(), "UPDATE cluster_epoch SET epoch = 0")
		must(t, err)
		var after int64
		eventually(t, "it has noticed, and leads again", func() bool { after = l.Epoch(); return after > before })

		must(t, l.Stop(t.Context()))
		for _, query := range []string{"DELETE FROM cluster_lease", "DELETE FROM cluster_epoch"} {
			_, err = a.db.Exec(t.Context(), query)
			must(t, err)
		}
		again := a.contender(t, LeaseConfig{Name: "a", Profile: quick, Floor: path})
		if epoch := waitLeads(t, again); epoch <= after {
			t.Errorf("epoch %d in an empty database, after %d", epoch, after)
		}
	})
}

func TestDrainingNodeHandsOver(t *testing.T) {
	arenas(t, func(t *testing.T, a arena) {
		var draining atomic.Bool
		first := a.contender(t, LeaseConfig{Name: "a", Profile: patient, Willing: func() bool { return !draining.Load() }})
		waitLeads(t, first)
		second := a.contender(t, LeaseConfig{Name: "b", Profile: patient})
		draining.Store(true)
		waitLeads(t, second)
		if first.Epoch() != 0 {
			t.Error("a still leads")
		}
	})
}

func named(name string) func(context.Context) (string, error) {
	return func(context.Context) (string, error) { return name, nil }
}

func TestFailbackToThePrimary(t *testing.T) {
	arenas(t, func(t *testing.T, a arena) {
		const after = 300 * time.Millisecond
		second := a.contender(t, LeaseConfig{Name: "b", Primary: named("a"), Profile: patient, Failback: after})
		waitLeads(t, second)
		primary := a.contender(t, LeaseConfig{Name: "a", Primary: named("a"), Profile: patient, Failback: after})
		m := join(t, a.db, Config{Name: "a", Renew: 50 * time.Millisecond})
		begin := time.Now()
		m.Tell(Failed, "disk: full")
		eventually(t, "a waits", func() bool { return stateOf(t, a.db, "a") == Waiting })
		m.Tell(Passed, "")
		waitLeads(t, primary)
		if took := time.Since(begin); took < after {
			t.Errorf("the primary was given the lease after %v", took)
		}
		if second.Epoch() != 0 {
			t.Error("b still leads")
		}
	})
}

func TestAdoptedRowsGetTheEpoch(t *testing.T) {
	arenas(t, func(t *testing.T, a arena) {
		must(t, a.db.Insert(t.Context(), db.Row{Table: journal, Values: []any{1, 0, "live"}}, db.Row{Table: journal, Values: []any{2, 0, "done"}}))
		l := a.contender(t, LeaseConfig{Name: "a", Profile: Fast, Adopt: func(ctx context.Context, tx *db.Tx, epoch int64) error {
			_, err := tx.Exec(ctx, "UPDATE journal SET epoch = ? WHERE name = ?", epoch, "live")
			return err
		}})
		epoch := waitLeads(t, l)
		for _, try := range []struct{ epoch, rows int64 }{{epoch - 1, 0}, {epoch, 1}} {
			n, err := a.db.Exec(t.Context(), "UPDATE journal SET name = ? WHERE id = 1 AND epoch = ?", "live", try.epoch)
			if err != nil || n != try.rows {
				t.Errorf("a write with epoch %d: %d rows, %v", try.epoch, n, err)
			}
		}
	})
}

// On one machine alone there is nobody to wait for, not even after a crash.
func TestAloneLeadsAtOnce(t *testing.T) {
	a := newArena(t, dbtest.DSN(t, "sqlite"))
	alone := func() *Lease {
		l, err := NewLease(LeaseConfig{Name: "a"}, a.db, slog.New(slog.DiscardHandler))
		must(t, err)
		if l.pace.profile() != Alone {
			t.Error("not alone")
		}
		return l
	}
	must(t, establish(t.Context(), a.db, "center"))
	_, err := a.db.Exec(t.Context(), "UPDATE cluster_lease SET holder = ?, epoch = 5, seq = 9, ttl_ms = 60000, expires_at = {now} + 60000000", "crashed")
	must(t, err)
	l := alone()
	must(t, l.Start(t.Context()))
	begin := time.Now()
	waitLeads(t, l)
	if took := time.Since(begin); took > 2*time.Second {
		t.Errorf("it took %v", took)
	}
	must(t, l.Stop(t.Context()))
	servicetest.Stress(t, alone())
}

// A duty that cannot start is another node's chance.
func TestDutyThatCannotStart(t *testing.T) {
	arenas(t, func(t *testing.T, a arena) {
		broken := a.lease(t, LeaseConfig{Name: "a", Profile: Fast})
		broken.Lead("broken", func(context.Context, Fence) service.Service { return failing{} })
		must(t, broken.Start(t.Context()))
		eventually(t, "a has tried", func() bool { return a.tenure(t).epoch > 0 })
		waitLeads(t, a.contender(t, LeaseConfig{Name: "b", Profile: Fast}))
	})
}

type failing struct{}

func (failing) Start(context.Context) error { return errors.New("no") }
func (failing) Stop(context.Context) error  { return nil }

func stateOf(t *testing.T, d *db.DB, name string) State {
	t.Helper()
	nodes, err := List(t.Context(), d)
	must(t, err)
	for _, n := range newest(nodes) {
		if n.Name == name {
			return n.State
		}
	}
	return ""
}

// A renewal that comes late, because it was held up in the database, must not bring a
// lease back that has expired.
func TestExpiredLeaseIsNotRenewed(t *testing.T) {
	arenas(t, func(t *testing.T, a arena) {
		l := a.contender(t, LeaseConfig{Name: "a", Profile: patient})
		epoch := waitLeads(t, l)
		_, err := a.db.Exec(t.Context(), "UPDATE cluster_lease SET expires_at = {now} - 1")
		must(t, err)
		eventually(t, "it was acquired anew", func() bool { return a.tenure(t).epoch > epoch })
	})
}

// The answer to a renewal may take long. Trust counts from before it was sent, for the
// database may have counted from then on.
func TestTrustCountsFromBeforeARenewal(t *testing.T) {
	arenas(t, func(t *testing.T, a arena) {
		slow := patient
		slow.Renew = 500 * time.Millisecond
		l := a.contender(t, LeaseConfig{Name: "a", Profile: slow})
		waitLeads(t, l)
		eventually(t, "the first renewal is over", func() bool { return a.tenure(t).seq >= 2 })
		term := l.current()
		var before, released time.Time
		must(t, a.db.Tx(t.Context(), func(ctx context.Context, tx *db.Tx) error {
			if _, err := tx.Exec(ctx, "UPDATE cluster_lease SET ttl_ms = ttl_ms"); err != nil {
				return err
			}
			before = term.trusted()
			time.Sleep(slow.Renew + 200*time.Millisecond) // the next renewal is sent, and waits
			released = time.Now()
			return nil
		}))
		eventually(t, "the lease is renewed", func() bool { return term.trusted().After(before) })
		if sent := term.trusted().Add(-slow.SelfFence); released.Sub(sent) < 100*time.Millisecond {
			t.Errorf("trust counts from %v after the answer could come", sent.Sub(released))
		}
	})
}

// Two servers that each believe to be alone: the one that was started last leads, and
// the other does not take it back.
func TestAloneIsNotAlone(t *testing.T) {
	a := newArena(t, dbtest.DSN(t, "sqlite"))
	alone := func(name string) *Lease {
		l, err := NewLease(LeaseConfig{Name: name, Profile: patient}, a.open(t), slog.New(slog.DiscardHandler))
		must(t, err)
		must(t, l.Start(t.Context()))
		t.Cleanup(func() { must(t, l.Stop(context.WithoutCancel(t.Context()))) })
		return l
	}
	first := alone("a")
	waitLeads(t, first)
	second := alone("b")
	epoch := waitLeads(t, second)
	eventually(t, "a knows that it leads no more", func() bool { return first.Leader().Name == "b" })
	for end := time.Now().Add(3 * patient.Poll); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if first.Epoch() > 0 || second.Epoch() != epoch {
			t.Fatal("a has taken it back")
		}
	}
}
