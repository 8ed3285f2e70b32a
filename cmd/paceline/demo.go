package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/term"

	"github.com/paceline/paceline/internal/agent"
	"github.com/paceline/paceline/internal/config"
	"github.com/paceline/paceline/internal/demo"
	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/node"
)

// demoDir is where a demo keeps everything.
type demoDir struct {
	Dir string `placeholder:"DIR" help:"Directory of the demo; one of this user's in the temporary directory when left out. It is removed at the end."`
}

func (d demoDir) path() string {
	if d.Dir != "" {
		return d.Dir
	}
	return filepath.Join(os.TempDir(), "paceline-demo-"+strconv.Itoa(os.Getuid()))
}

type demoCmd struct {
	Run    demoRunCmd    `cmd:"" default:"withargs" help:"Run a whole cluster on this machine, with sample apps and people."`
	Kill   demoKillCmd   `cmd:"" help:"Kill a node of the demo, as a power cut would."`
	Freeze demoFreezeCmd `cmd:"" help:"Freeze a node of the demo: it lives, and does nothing."`
	Start  demoStartCmd  `cmd:"" help:"Start or thaw a node of the demo."`
}

type demoRunCmd struct {
	demoDir
	DB       string   `name:"db" placeholder:"DSN" help:"Database: postgres://, mysql:// or another one that is empty. Left out: one SQLite file that all share."`
	Listen   []string `placeholder:"ADDR,..." default:"127.0.0.1:8100,127.0.0.1:8101" help:"Addresses of the gateways."`
	Boosters int      `default:"2" help:"How many (1 to 9)."`
	Servers  int      `default:"3" help:"How many (1 to 9)."`
	Gateways int      `default:"2" help:"How many (1 to 9)."`
	Load     float64  `placeholder:"N" help:"Let sample people work: N requests a second; 0 for none."`
	Plain    bool     `help:"Print lines instead of a page that changes."`
	Password string   `default:"paceline demo" help:"Of the administrator and of every sample person."`
}

// roleDemo is what keeps a second demo out of the directory.
const roleDemo config.Role = "demo"

// Run brings the cluster up and shows it until it is told to stop.
func (d demoRunCmd) Run(ctx context.Context, con *console) (err error) {
	for _, n := range []int{d.Boosters, d.Servers, d.Gateways} {
		if n < 1 || n > 9 {
			return errs.New(errs.Invalid, "a demo has 1 to 9 of each kind of node")
		}
	}
	dir := config.Dir(d.path())
	if _, runs := agent.Find(dir, roleDemo); runs {
		return errs.New(errs.Conflict, "a demo runs in %s", dir).WithCure("stop it with Ctrl-C where it runs, or give this one another --dir")
	}
	program, err := os.Executable()
	if err != nil {
		return err
	}
	c, err := demo.New(ctx, demo.Plan{
		Dir: string(dir), Program: program, DSN: d.DB, Seed: d.seed(con),
		Boosters: d.Boosters, Servers: d.Servers, Gateways: d.Gateways, Listen: d.addresses(),
		Report: func(format string, args ...any) { con.say(format, args...) },
	})
	if err != nil {
		return err
	}
	life, err := agent.Begin(dir, roleDemo, version)
	if err != nil {
		return err
	}
	defer func() {
		con.say("stopping")
		stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopWithin)
		defer cancel()
		err = errors.Join(err, life.End(), c.Stop(stopping))
	}()
	if err := c.Start(ctx); err != nil {
		return unlessStopped(ctx, err)
	}
	return unlessStopped(ctx, d.show(ctx, con, c))
}

// unlessStopped keeps quiet about what only fails because the user wants to leave.
func unlessStopped(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// addresses are those wanted of the gateways, without those that somebody else has.
func (d demoRunCmd) addresses() []string {
	var free []string
	for _, address := range d.Listen {
		l, err := net.Listen("tcp", address)
		if err != nil {
			break
		}
		l.Close()
		free = append(free, address)
	}
	return free
}

// seed makes the sample people and apps by running a server alone for a moment.
func (d demoRunCmd) seed(con *console) func(context.Context, string) error {
	return func(ctx context.Context, dsn string) error {
		dir, err := os.MkdirTemp("", "paceline-seed-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		cfg := node.Defaults()
		cfg.Name, cfg.Data, cfg.Listen, cfg.DB.DSN, cfg.Admin.Password = "seed", config.Dir(dir), "127.0.0.1:0", dsn, d.Password
		cfg.Version, cfg.Log = version, slog.New(slog.NewJSONHandler(con.err, &slog.HandlerOptions{Level: slog.LevelWarn}))
		seeding, done := context.WithCancel(ctx)
		defer done()
		return serve(seeding, cfg, func(n *node.Node) error {
			defer done()
			return n.Samples(ctx, d.Password)
		})
	}
}

// show tells where to go, lets people work, and shows the cluster.
func (d demoRunCmd) show(ctx context.Context, con *console, c *demo.Cluster) error {
	head := fmt.Sprintf("Paceline %s, a cluster on this machine\n", version)
	gateways := c.Gateways(ctx)
	for _, address := range gateways {
		head += "  http://" + address + "\n"
	}
	head += "Sign in as admin, or as one of the sample people: staff1, staff2, desk1, desk2, it-manager, sales-manager, hr1, finance1, buyer1, director.\n" +
		"Everybody's password: " + d.Password + "\n" +
		"From another terminal: paceline demo kill|freeze|start NODE. Ctrl-C ends everything.\n\n"
	var load *demo.Load
	if d.Load > 0 {
		load = demo.NewLoad(demo.LoadConfig{Gateways: gateways, Password: d.Password, Rate: d.Load})
		if err := load.Start(ctx); err != nil {
			return err
		}
		defer func() { _ = load.Stop(context.WithoutCancel(ctx)) }()
	}
	if f, ok := con.out.(*os.File); ok && !d.Plain && term.IsTerminal(int(f.Fd())) {
		return page(ctx, con.out, head, demo.NewWatch(c, load))
	}
	fmt.Fprint(con.out, head)
	return lines(ctx, con.out, demo.NewWatch(c, load))
}

// page redraws the screen twice a second.
func page(ctx context.Context, out io.Writer, head string, w *demo.Watch) error {
	const clear = "\x1b[H\x1b[2J"
	for ctx.Err() == nil {
		if _, err := fmt.Fprint(out, clear, head, w.Look(ctx)); err != nil {
			return err
		}
		wait(ctx, 500*time.Millisecond)
	}
	return nil
}

// lines prints what changes, and how the load goes every ten seconds.
func lines(ctx context.Context, out io.Writer, w *demo.Watch) error {
	var last demo.Sight
	told := time.Now()
	for ctx.Err() == nil {
		s := w.Look(ctx)
		for _, line := range s.Since(last) {
			fmt.Fprintln(out, time.Now().Format("15:04:05.000"), line)
		}
		if time.Since(told) > 10*time.Second && s.Load.Requests > 0 {
			fmt.Fprintf(out, "%s %d requests, %d failed, longest %s %s\n", time.Now().Format("15:04:05.000"),
				s.Load.Requests, s.Load.Failed, s.Load.Longest.Round(time.Millisecond), s.Load.First)
			told = time.Now()
		}
		last = s
		wait(ctx, 200*time.Millisecond)
	}
	return nil
}

func wait(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// demoNode names a node of a running demo.
type demoNode struct {
	demoDir
	Node    string `arg:"" help:"Such as server-1, booster-2 or gateway-1."`
	Agent   bool   `xor:"target" help:"The Agent only: the role goes on."`
	Machine bool   `xor:"target" help:"The whole machine: the Agent and the role, so that nobody starts it again."`
}

func (d demoNode) find() (demo.Host, error) {
	left, err := demo.Left(d.path())
	if err != nil {
		return demo.Host{}, err
	}
	if len(left) == 0 {
		return demo.Host{}, errs.New(errs.NotFound, "no demo runs in %s", d.path()).WithCure("start one: paceline demo")
	}
	return demo.Find(left, d.Node)
}

func (d demoNode) target() demo.Target {
	switch {
	case d.Agent:
		return demo.TheAgent
	case d.Machine:
		return demo.TheMachine
	}
	return demo.TheRole
}

type demoKillCmd struct{ demoNode }

// Run kills.
func (k demoKillCmd) Run(con *console) error {
	h, err := k.find()
	if err != nil {
		return err
	}
	if err := h.Kill(k.target()); err != nil {
		return err
	}
	con.say("killed %s (%s)", h.Name, k.target())
	return nil
}

type demoFreezeCmd struct{ demoNode }

// Run freezes.
func (f demoFreezeCmd) Run(con *console) error {
	h, err := f.find()
	if err != nil {
		return err
	}
	if err := h.Freeze(f.target()); err != nil {
		return err
	}
	con.say("froze %s (%s); thaw it with: paceline demo start %s", h.Name, f.target(), h.Name)
	return nil
}

type demoStartCmd struct {
	demoDir
	Node string `arg:"" help:"Such as server-1, booster-2 or gateway-1."`
}

// Run starts or thaws.
func (s demoStartCmd) Run(ctx context.Context, con *console) error {
	h, err := demoNode{demoDir: s.demoDir, Node: s.Node}.find()
	if err != nil {
		return err
	}
	program, err := os.Executable()
	if err != nil {
		return err
	}
	if err := h.Start(ctx, program, false); err != nil {
		return err
	}
	con.say("started %s", h.Name)
	return nil
}
