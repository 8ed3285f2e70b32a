// Package demo makes a whole cluster on one machine, to look at, to try and to hurt: Boosters,
// servers and gateways as processes of their own, each under the Agent of a host of its own, on
// ports of their own.
//
// It does what an administrator does, with the same commands: cluster init on the first host,
// tokens, join on every other. A Load lets people work in it and keeps a Ledger, which
// tells what was lost and what was doubled.
//
// What always holds: one cluster per directory; what a demo started ends with it, and what a
// crashed demo left is ended by the next one.
package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/paceline/paceline/internal/agent"
	"github.com/paceline/paceline/internal/config"
	"github.com/paceline/paceline/internal/errs"
)

// Plan says what cluster is made.
type Plan struct {
	Dir     string // of everything; made when it is not there
	Program string // the paceline binary
	DSN     string // empty: one SQLite file in Dir, shared by all
	// Seed makes the sample people and apps in the database, before the cluster.
	Seed func(ctx context.Context, dsn string) error

	Boosters, Servers, Gateways int
	// Listen are the addresses of the gateways; one that has none gets a free port.
	Listen []string
	// Network wires the hosts; nil: all are on this machine's loopback address.
	Network *Network
	// Report is told what happens; nil: nobody.
	Report func(format string, args ...any)
}

// Cluster is a plan come true.
type Cluster struct {
	plan  Plan
	Hosts []Host
}

// New makes a cluster that does not run. What a crashed one left in the directory is ended
// and removed.
func New(ctx context.Context, plan Plan) (c *Cluster, err error) {
	defer errs.Wrap(&err, "demo.New")
	if plan.Report == nil {
		plan.Report = func(string, ...any) {}
	}
	if plan.DSN == "" {
		plan.DSN = "sqlite:" + filepath.Join(plan.Dir, "paceline.db")
	}
	c = &Cluster{plan: plan, Hosts: hosts(plan.Dir, plan)}
	if err := Clear(ctx, plan.Dir); err != nil {
		return nil, err
	}
	for i := range c.Hosts {
		h := &c.Hosts[i]
		if plan.Network == nil {
			continue
		}
		if h.Space, h.Address, err = plan.Network.add(ctx, h.Name); err != nil {
			return nil, err
		}
	}
	return c, os.MkdirAll(plan.Dir, 0o700)
}

// Start makes the cluster and brings it up. It returns when everything is ready.
func (c *Cluster) Start(ctx context.Context) (err error) {
	defer errs.Wrap(&err, "demo.Start")
	c.plan.Report("sample people and apps")
	if err := c.plan.Seed(ctx, c.plan.DSN); err != nil {
		return err
	}
	if err := c.found(ctx); err != nil {
		return err
	}
	for _, h := range c.Hosts[1:] {
		if err := c.join(ctx, h); err != nil {
			return err
		}
	}
	for _, h := range c.Hosts[1:] { // the first runs: the others have joined by it
		if err := h.Start(ctx, c.plan.Program, true); err != nil {
			return err
		}
	}
	return c.Ready(ctx)
}

// found makes the first Booster and starts it.
func (c *Cluster) found(ctx context.Context) error {
	first := c.Hosts[0]
	c.plan.Report("cluster init on %s", first.Name)
	address, err := first.seat(3, busPort)
	if err != nil {
		return err
	}
	_, err = c.run(ctx, first, "cluster", "init", "--data", string(first.Dir), "--db", c.plan.DSN, "--name", first.Name,
		"--advertise", address[0], "--role", string(first.Role))
	if err != nil {
		return err
	}
	if err := c.place(first); err != nil {
		return err
	}
	if err := first.Start(ctx, c.plan.Program, true); err != nil {
		return err
	}
	return first.Ready(ctx)
}

// join makes a host of the cluster, by a token as an administrator would hand it over.
func (c *Cluster) join(ctx context.Context, h Host) error {
	c.plan.Report("join %s", h.Name)
	first := c.Hosts[0]
	text, err := c.run(ctx, first, "--output", "json", "token", "create", "--data", string(first.Dir), "--role", string(h.Role))
	if err != nil {
		return err
	}
	var made struct {
		Token string `json:"token"`
	}
	if err := json.Unmarshal(text, &made); err != nil {
		return err
	}
	known, err := config.LoadHost(first.Dir)
	if err != nil {
		return err
	}
	address, err := h.seat(3, busPort)
	if err != nil {
		return err
	}
	if _, err := c.run(ctx, h, "join", "--booster", known.Boosters[0], "--token", made.Token, "--data", string(h.Dir), "--name", h.Name,
		"--advertise", address[0]); err != nil {
		return err
	}
	return c.place(h)
}

// place gives what listens on a host an address that no other one has, and that it keeps.
func (c *Cluster) place(h Host) error {
	file, err := config.LoadHost(h.Dir)
	if err != nil {
		return err
	}
	address, err := h.seat(2, rolePort)
	if err != nil {
		return err
	}
	switch h.Role {
	case config.RoleBooster:
		file.Listen.BoosterHealth = address[0]
	case config.RoleServer:
		file.Listen.Server = address[0]
	case config.RoleGateway:
		file.Listen.Gateway, file.Listen.GatewayHealth = address[0], address[1]
		if n := int(h.Name[len(h.Name)-1] - '1'); n < len(c.plan.Listen) {
			file.Listen.Gateway = c.plan.Listen[n]
		}
	}
	return config.SaveHost(h.Dir, file)
}

// run runs a command of the program on a host and gives what it answers.
func (c *Cluster) run(ctx context.Context, on Host, args ...string) ([]byte, error) {
	cmd := on.command(ctx, c.plan.Program, args...)
	var out, trouble bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &trouble
	if err := cmd.Run(); err != nil {
		return nil, errs.New(errs.Unavailable, "paceline %s: %w: %s", strings.Join(args[:2], " "), err, strings.TrimSpace(trouble.String()))
	}
	return out.Bytes(), nil
}

// Find is the host of a name.
func (c *Cluster) Find(name string) (Host, error) { return Find(c.Hosts, name) }

// Ready waits until every host's role is ready.
func (c *Cluster) Ready(ctx context.Context) error {
	for _, h := range c.Hosts {
		if err := h.Ready(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Gateways are the addresses that people use.
func (c *Cluster) Gateways(ctx context.Context) []string {
	var all []string
	for _, h := range c.Hosts {
		if h.Role == config.RoleGateway {
			all = append(all, h.address(ctx, "http"))
		}
	}
	return all
}

// Stop ends all hosts, the gateways first, and gives back the directory.
func (c *Cluster) Stop(ctx context.Context) error {
	return Clear(ctx, c.plan.Dir)
}

// Clear ends every host of a directory in good order, or by force when the context ends, and removes
// the directory.
func Clear(ctx context.Context, dir string) (err error) {
	defer errs.Wrap(&err, "demo.Clear")
	left, err := Left(dir)
	if err != nil {
		return err
	}
	var all []error
	for i := len(left) - 1; i >= 0; i-- {
		all = append(all, left[i].end(ctx))
	}
	if err := errors.Join(all...); err != nil {
		return err
	}
	return os.RemoveAll(dir)
}

// Left are the hosts that a directory holds.
func Left(dir string) ([]Host, error) {
	var all []Host
	for _, role := range config.Roles {
		found, err := filepath.Glob(filepath.Join(dir, string(role)+"-[1-9]"))
		if err != nil {
			return nil, err
		}
		for _, path := range found {
			all = append(all, Host{Name: filepath.Base(path), Role: role, Dir: config.Dir(path)})
		}
	}
	return all, nil
}

// endPatience is how long a host may take to end in good order.
const endPatience = 10 * time.Second

// end ends a host.
func (h Host) end(ctx context.Context) error {
	if _, err := h.processes(TheMachine); err != nil {
		return nil // nothing runs
	}
	if err := h.Thaw(); err != nil {
		return err
	}
	orderly, cancel := context.WithTimeout(ctx, endPatience)
	defer cancel()
	if _, err := agent.Ask(orderly, h.Dir, agent.Order{Verb: agent.VerbStop}); err == nil && await(orderly, h.Name+" has ended", h.Over) == nil {
		return nil
	}
	if err := h.Kill(TheMachine); err != nil && !h.Over() {
		return err
	}
	return await(context.WithoutCancel(ctx), h.Name+" has ended", h.Over)
}

// Over says that no process of the host runs.
func (h Host) Over() bool {
	_, err := h.processes(TheMachine)
	return err != nil
}

// The first ports of what a host's role listens on, where the host has an address of its own.
const (
	busPort  = 5169
	rolePort = 8100
)

// seat gives n addresses in a row for a host to listen on: from the port first on where the host
// has an address of its own, else free ports.
func (h Host) seat(n, first int) (addresses []string, err error) {
	address := h.Address
	if address == "" {
		address = "127.0.0.1"
		if first, err = freePorts(n); err != nil {
			return nil, err
		}
	}
	for i := range n {
		addresses = append(addresses, net.JoinHostPort(address, strconv.Itoa(first+i)))
	}
	return addresses, nil
}

// freePorts finds n ports in a row that nobody listens on, and gives the first.
func freePorts(n int) (int, error) {
	const attempts = 100
	for range attempts {
		base := 20000 + rand.IntN(10000) // below the ports that the system gives to connections
		var held []net.Listener
		for i := range n {
			if l, err := net.Listen("tcp", loopback(base+i)); err == nil {
				held = append(held, l)
			}
		}
		for _, l := range held {
			l.Close()
		}
		if len(held) == n {
			return base, nil
		}
	}
	return 0, errs.New(errs.Exhausted, "there are no %d free ports in a row on 127.0.0.1", n)
}

func loopback(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }
