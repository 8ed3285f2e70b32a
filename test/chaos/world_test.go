package chaos

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/paceline/paceline/internal/config"
	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/db/dbtest"
	"github.com/paceline/paceline/internal/demo"
	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/node"
)

const (
	password = "paceline chaos"
	rate     = 60 // requests a second
	warmUp   = 60 // requests before the fault and after it
)

// world is the cluster that is hurt: two Boosters, three servers and two gateways, each on a
// host of its own, and PostgreSQL.
type world struct {
	*demo.Cluster
	program   string
	dir       string
	network   *demo.Network // nil: hosts have none of their own
	noNetwork string        // why
	server    *dbtest.Server
	db        *db.DB
	gateways  []string
}

func newWorld(t *testing.T) *world {
	w := &world{program: build(t)}
	ctx := t.Context()
	var err error
	if w.dir, err = os.MkdirTemp("", "chaos"); err != nil { // sockets of Agents do not fit into t.TempDir
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(w.dir) })
	listen := "127.0.0.1"
	switch w.network, err = demo.NewNetwork(ctx); {
	case errs.Is(err, errs.Unsupported):
		w.noNetwork = err.Error()
		t.Logf("SKIPPED: partitions: %v", err)
	case err != nil:
		t.Fatal(err)
	default:
		listen = w.network.Address(demo.Outside)
		t.Cleanup(func() {
			if err := w.network.Close(context.Background()); err != nil {
				t.Error(err)
			}
		})
	}
	w.server = dbtest.Own(t, "postgres", dbtest.Options{Fsync: true, Listen: listen})
	dsn, _, err := w.server.Create(ctx)
	if err != nil {
		t.Fatal(err)
	}
	w.db = dbtest.OpenDSN(t, dsn)
	w.Cluster, err = demo.New(ctx, demo.Plan{
		Dir: filepath.Join(w.dir, "c"), Program: w.program, DSN: dsn, Seed: seed, Boosters: 2, Servers: 3, Gateways: 2, Network: w.network, Report: t.Logf,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		w.keepLogs(t)
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		if err := w.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	if err := w.Start(ctx); err != nil {
		t.Fatal(err)
	}
	w.gateways = w.Gateways(ctx)
	return w
}

// build makes the program as it is delivered: without the race detector, which would be
// what is measured.
func build(t *testing.T) string {
	program := filepath.Join(t.TempDir(), "paceline")
	if out, err := exec.Command("go", "build", "-o", program, "../../cmd/paceline").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return program
}

// seed makes the sample people and apps by a server that runs alone for a moment.
func seed(ctx context.Context, dsn string) error {
	dir, err := os.MkdirTemp("", "seed")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	cfg := node.Defaults()
	cfg.Name, cfg.Data, cfg.Listen, cfg.DB.DSN, cfg.Admin.Password = "seed", config.Dir(dir), "127.0.0.1:0", dsn, password
	cfg.Log = slog.New(slog.DiscardHandler)
	n, err := node.New(ctx, cfg)
	if err != nil {
		return err
	}
	running, stop := context.WithCancel(ctx)
	defer stop()
	var made error
	err = n.Run(running, func() {
		made = n.Samples(ctx, password)
		stop()
	})
	return errors.Join(made, err)
}

// settle waits until everything is well: each role ready, one Booster leads, and both
// gateways have every server.
func (w *world) settle(t *testing.T, ctx context.Context) {
	t.Helper()
	if err := w.Ready(ctx); err != nil {
		t.Fatal(err)
	}
	eventually(t, "somebody leads", 30*time.Second, func() bool { return w.leads(ctx) != "" })
	for _, g := range w.of(config.RoleGateway) {
		for _, s := range w.of(config.RoleServer) {
			eventually(t, g.Name+" sends requests to "+s.Name, 30*time.Second, func() bool {
				e, found := last(w.log(g), func(e entry) bool { return e.about(w.address(s)) })
				return found && e.Msg == "server ready"
			})
		}
	}
}

// slowStart is how long a gateway spares a server that came back.
const slowStart = 10 * time.Second

// even waits until the gateways spare no server.
func (w *world) even(t *testing.T) {
	t.Helper()
	for _, g := range w.of(config.RoleGateway) {
		if e, found := last(w.log(g), func(e entry) bool { return e.Msg == "server ready" }); found {
			eventually(t, "no server is spared", 2*slowStart, func() bool { return time.Since(e.Time) > slowStart })
		}
	}
}

// leads is the name of the host that holds the lease; empty: nobody does.
func (w *world) leads(ctx context.Context) (host string) {
	var holder string
	err := w.db.QueryRow(ctx, "SELECT holder FROM cluster_lease WHERE role = ? AND expires_at > {now}", "center").Scan(&holder)
	if err != nil {
		return ""
	}
	return filepath.Dir(holder)
}

// of are the hosts of a role.
func (w *world) of(role config.Role) (all []demo.Host) {
	for _, h := range w.Hosts {
		if h.Role == role {
			all = append(all, h)
		}
	}
	return all
}

// address is where a server listens.
func (w *world) address(h demo.Host) string {
	file, err := config.LoadHost(h.Dir)
	if err != nil {
		return ""
	}
	return file.AddressOf(file.Listen.Server)
}

// keepLogs saves what the processes logged from being removed with the cluster.
func (w *world) keepLogs(t *testing.T) {
	kept := os.Getenv("CHAOS_LOGS")
	if kept == "" {
		return
	}
	for _, h := range w.Hosts {
		if err := os.CopyFS(filepath.Join(kept, h.Name), os.DirFS(h.Dir.Logs())); err != nil {
			t.Log(err)
		}
	}
}
