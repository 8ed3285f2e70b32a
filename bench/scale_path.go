package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/paceline/paceline/client"
	"github.com/paceline/paceline/internal/config"
	"github.com/paceline/paceline/internal/node"
)

// serverStats is what a server part says of itself.
type serverStats struct{ Hits, Misses, Stale, Trips, Number int64 }

// beServer is a server of its own on a shared database.
func (p part) beServer(ctx context.Context) error {
	cfg := node.Defaults()
	cfg.Name, cfg.Data, cfg.Listen, cfg.DB.DSN, cfg.Admin.Password = p.Name, config.Dir(p.Dir), "127.0.0.1:0", p.DSN, password
	n, err := node.New(ctx, cfg)
	if err != nil {
		return err
	}
	if err := n.Start(ctx); err != nil {
		return err
	}
	defer n.Stop(context.WithoutCancel(ctx))
	parts := n.Parts()
	return serveLines(n.Addr().String(), func() any {
		s := parts.Process.Stats()
		return serverStats{Hits: s.Hits, Misses: s.Misses, Stale: s.Stale, Trips: parts.DB.Stats().RoundTrips, Number: parts.Number}
	})
}

// scalePath measures requests on their whole way: gateway, server, PostgreSQL. Each client opens a ticket,
// reads it, reads its task, claims and completes that.
func scalePath(ctx context.Context, b *strings.Builder, l load, binary string) error {
	w, err := newWorld(ctx, "postgres", "")
	if err != nil {
		return err
	}
	defer w.end()
	dir, err := os.MkdirTemp("", "paceline-scale-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	var servers []*child
	var addresses []string
	for i := range 3 {
		data := filepath.Join(dir, fmt.Sprint("s", i+1))
		if err := os.Mkdir(data, 0o700); err != nil {
			return err
		}
		s, address, err := newChild(ctx, part{Role: "server", DSN: w.dsn, Dir: data, Name: fmt.Sprint("s", i+1)})
		if err != nil {
			return err
		}
		defer s.end()
		servers, addresses = append(servers, s), append(addresses, address)
	}
	p := path{w, binary, dir, servers, addresses}
	if err := p.idle(ctx, b); err != nil {
		return err
	}
	fmt.Fprintf(b, "### Requests through a gateway\n\n%d clients, %s each; open, show, show the task, claim, complete.\n\n", l.Clients, l.For)
	b.WriteString("| servers | policy | requests/s | p50 ms | p99 ms | gateway CPU us | servers' CPU us | database CPU us | WAL bytes | round trips | in memory | run again |\n")
	b.WriteString("|--:|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n")
	for _, c := range []struct {
		servers int
		policy  string
	}{{1, "least-loaded"}, {2, "least-loaded"}, {3, "least-loaded"}, {3, "ticket"}} {
		if err := p.measure(ctx, b, c.servers, c.policy, l); err != nil {
			return err
		}
	}
	b.WriteString("\n")
	return nil
}

type path struct {
	*world
	binary    string
	dir       string
	servers   []*child
	addresses []string
}

// spent is what has been used up to a moment.
type spent struct {
	gateway, servers, database time.Duration
	wal                        int64
	stats                      serverStats
}

func (p path) read(ctx context.Context, gateway, servers int) (s spent, err error) {
	if gateway > 0 {
		s.gateway = cpuOf(gateway)
	}
	for _, c := range p.servers[:servers] {
		var own serverStats
		if err := c.ask(&own); err != nil {
			return s, err
		}
		s.servers += cpuOf(c.cmd.Process.Pid)
		s.stats.Hits += own.Hits
		s.stats.Misses += own.Misses
		s.stats.Stale += own.Stale
		s.stats.Trips += own.Trips
	}
	m, err := meter{db: p.DB, server: p.server}.read(ctx)
	s.database, s.wal = m.theirCPU, m.wal
	return s, err
}

// idle measures what servers cost that have nothing to do. There are four: three parts, and that of the benchmark.
func (p path) idle(ctx context.Context, b *strings.Builder) error {
	const length, all = 10 * time.Second, 4
	time.Sleep(2 * time.Second)
	before, err := p.read(ctx, 0, 3)
	if err != nil {
		return err
	}
	time.Sleep(length)
	after, err := p.read(ctx, 0, 3)
	if err != nil {
		return err
	}
	var connections int
	if err := p.DB.QueryRow(ctx, "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'").Scan(&connections); err != nil {
		return err
	}
	resident, err := residentBytes(p.servers[0].cmd.Process.Pid)
	if err != nil {
		return err
	}
	per := func(total float64, n float64) float64 { return total / n / length.Seconds() }
	fmt.Fprintf(b, "### A server that has nothing to do\n\n| what | each second |\n|---|--:|\n")
	fmt.Fprintf(b, "| CPU of the server, us | %.0f |\n", per(float64((after.servers-before.servers).Microseconds()), 3))
	fmt.Fprintf(b, "| CPU of the database, us | %.0f |\n", per(float64((after.database-before.database).Microseconds()), all))
	fmt.Fprintf(b, "| round trips to the database | %.1f |\n", per(float64(after.stats.Trips-before.stats.Trips), 3))
	fmt.Fprintf(b, "| WAL, bytes | %.0f |\n", per(float64(after.wal-before.wal), all))
	fmt.Fprintf(b, "\nIt has %.1f connections to the database, and %d MB of memory.\n\n", float64(connections)/all, resident>>20)
	return err
}

// measure lets clients work through a gateway of its own.
func (p path) measure(ctx context.Context, b *strings.Builder, servers int, policy string, l load) error {
	address, gateway, err := p.gateway(ctx, servers, policy)
	if err != nil {
		return err
	}
	defer func() {
		_ = gateway.Process.Signal(syscall.SIGTERM)
		_ = gateway.Wait()
	}()
	c, err := client.New(client.Config{URL: "http://" + address, Token: p.token, HTTP: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: l.Clients}}})
	if err != nil {
		return err
	}
	warm := l
	warm.For = l.For / 4
	if _, err := warm.drive(ctx, func(ctx context.Context) error { _, err := p.ticket(ctx, c); return err }); err != nil {
		return err
	}
	before, err := p.read(ctx, gateway.Process.Pid, servers)
	if err != nil {
		return err
	}
	var requests atomic.Int64
	did, err := l.drive(ctx, func(ctx context.Context) error {
		n, err := p.ticket(ctx, c)
		requests.Add(int64(n))
		return err
	})
	if err != nil {
		return err
	}
	after, err := p.read(ctx, gateway.Process.Pid, servers)
	if err != nil {
		return err
	}
	r, n := result{report: did}, float64(requests.Load())
	us := func(d time.Duration) float64 { return float64(d.Microseconds()) / n }
	hits, misses := float64(after.stats.Hits-before.stats.Hits), float64(after.stats.Misses-before.stats.Misses)
	fmt.Fprintf(b, "| %d | %s | %.0f | %.1f | %.1f | %.0f | %.0f | %.0f | %.0f | %.2f | %.0f %% | %.2f %% |\n", servers, policy,
		n/did.Took.Seconds(), millis(r.quantile(0.5)), millis(r.quantile(0.99)),
		us(after.gateway-before.gateway), us(after.servers-before.servers), us(after.database-before.database),
		float64(after.wal-before.wal)/n, float64(after.stats.Trips-before.stats.Trips)/n,
		100*hits/max(hits+misses, 1), 100*float64(after.stats.Stale-before.stats.Stale)/n)
	return nil
}

// ticket is the life of one ticket; it says how many requests that took.
func (p path) ticket(ctx context.Context, c *client.Client) (requests int, err error) {
	i := p.serial.Add(1)
	opened, err := c.OpenTicket(ctx, client.Draft{App: "bench", Kind: "request", Data: values(i)})
	if err != nil {
		return 1, err
	}
	shown, err := c.Ticket(ctx, opened.ID)
	if err != nil || len(shown.Steps) == 0 {
		return 2, fmt.Errorf("ticket %s has no step: %w", opened.ID, err)
	}
	task, err := c.Task(ctx, shown.Steps[0].Task)
	if err != nil {
		return 3, err
	}
	claimed, err := c.Claim(ctx, task.Task, task.Version)
	if err != nil {
		return 4, err
	}
	_, err = c.Complete(ctx, task.Task, client.Completion{Version: claimed.Version, Outcome: "approve", Data: opinion})
	return 5, err
}

// gateway starts one in front of the first servers.
func (p path) gateway(ctx context.Context, servers int, policy string) (address string, cmd *exec.Cmd, err error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	address = ln.Addr().String()
	ln.Close()
	var pool strings.Builder
	for i, s := range p.addresses[:servers] {
		var own serverStats
		if err := p.servers[i].ask(&own); err != nil {
			return "", nil, err
		}
		fmt.Fprintf(&pool, "{address: %q, node: %d}, ", s, own.Number)
	}
	file := filepath.Join(p.dir, "gateway.yaml")
	text := fmt.Sprintf("listen: %q\nadmin: \"127.0.0.1:0\"\ntable:\n  routes: [{app: bench, path: /, pool: main}]\n  pools: {main: {policy: %s, ticket_after: [tickets, tasks], servers: [%s]}}\n",
		address, policy, strings.TrimSuffix(pool.String(), ", "))
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return "", nil, err
	}
	cmd = exec.CommandContext(ctx, p.binary, "gateway", "run", "--config", file)
	if err := cmd.Start(); err != nil {
		return "", nil, fmt.Errorf("%w: build it with make build", err)
	}
	for end := time.Now().Add(15 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if res, err := http.Get("http://" + address + "/livez"); err == nil {
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return address, cmd, nil
			}
		}
		if time.Now().After(end) {
			return "", nil, fmt.Errorf("the gateway does not serve")
		}
	}
}
