package node

import (
	"context"
	"testing"
	"time"

	"github.com/paceline/paceline/internal/cluster"
	"github.com/paceline/paceline/internal/db/dbtest"
)

// runNode runs a node until the test ends; stop ends it before.
func runNode(t *testing.T, cfg Config) (n *Node, stop func()) {
	t.Helper()
	n, err := New(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ready, ended := make(chan struct{}), make(chan error, 1)
	go func() { ended <- n.Run(ctx, func() { close(ready) }) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	select {
	case <-ready:
	case err := <-ended:
		cancel()
		t.Fatal(err)
	}
	t.Cleanup(stop)
	return n, stop
}

func eventually(t *testing.T, what string, so func() bool) {
	t.Helper()
	for end := time.Now().Add(15 * time.Second); !so(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within 15 s: %s", what)
		}
	}
}

// A single server leads at once, also after it has crashed; and nothing is left behind
// that its next start would have to wait for.
func TestASingleServerLeads(t *testing.T) {
	dir := t.TempDir()
	for epoch := range int64(3) {
		n, stop := runNode(t, testConfig(t, dir))
		eventually(t, "it leads", func() bool { return n.lease.Leader() == cluster.Leader{Name: "test", Epoch: epoch + 1} })
		eventually(t, "others see it", func() bool {
			o, err := n.lease.Look(t.Context())
			return err == nil && o.Leader == "test" && len(o.Nodes) == 1 && o.Nodes[0].State == cluster.Ready
		})
		stop()
	}
}

// Two servers share a database: one leads, and when it stops the other does.
func TestTwoServersShareTheLead(t *testing.T) {
	dsn := dbtest.DSN(t, "postgres")
	server := func(name string) (*Node, func()) {
		cfg := testConfig(t, t.TempDir())
		cfg.Name, cfg.DB.DSN, cfg.DB.Conns = name, dsn, 6
		return runNode(t, cfg)
	}
	first, stop := server("a")
	eventually(t, "a leads", func() bool { return first.lease.Epoch() > 0 })
	second, _ := server("b")
	eventually(t, "b sees both", func() bool {
		o, err := second.lease.Look(t.Context())
		return err == nil && o.Leader == "a" && len(o.Nodes) == 2 && o.Nodes[1].State == cluster.Ready
	})
	stop()
	eventually(t, "b leads", func() bool { return second.lease.Epoch() == 2 })
	o, err := second.lease.Look(t.Context())
	if err != nil || o.Nodes[0].State != cluster.Stopped {
		t.Errorf("%+v, %v", o, err)
	}
}
