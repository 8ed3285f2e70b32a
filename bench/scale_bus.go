package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/paceline/paceline/internal/bus"
	"github.com/paceline/paceline/internal/config"
	"github.com/paceline/paceline/internal/trust"
)

// beBooster carries the bus and answers beats, as a Booster that leads does.
func (p part) beBooster(ctx context.Context) error {
	id, err := trust.Open(config.Dir(p.Dir))
	if err != nil {
		return err
	}
	server, err := bus.NewServer(bus.ServerConfig{Identity: id, Listen: "127.0.0.1:0", Route: "127.0.0.1:0"}, quiet)
	if err != nil {
		return err
	}
	if err := server.Start(ctx); err != nil {
		return err
	}
	own, err := bus.New(bus.Config{Identity: id, Own: server}, quiet)
	if err != nil {
		return err
	}
	if err := own.Start(ctx); err != nil {
		return err
	}
	var beats atomic.Int64
	_, err = own.Handle(bus.Lead("beat"), func(_ context.Context, m bus.Message) (any, error) {
		var b bus.Beat
		beats.Add(1)
		return bus.Pulse{Leader: "booster", Epoch: 1, Wall: time.Now()}, m.Read(&b)
	})
	if err != nil {
		return err
	}
	return serveLines(server.Addr(), func() any { return beats.Load() })
}

// identity makes a host with a certificate.
func identity(a *trust.Authority, parent, name string, kind trust.Kind) (dir string, id *trust.Identity, err error) {
	if dir, err = dirOf(parent, name); err != nil {
		return "", nil, err
	}
	c, err := trust.Prepare(config.Dir(dir), name)
	if err != nil {
		return "", nil, err
	}
	text, err := c.Request()
	if err != nil {
		return "", nil, err
	}
	request, err := trust.ParseRequest(text)
	if err != nil {
		return "", nil, err
	}
	cert, _, err := a.Issue(request, kind, time.Now(), trust.Life)
	if err != nil {
		return "", nil, err
	}
	if err := c.Accept(a.Certificate(), cert); err != nil {
		return "", nil, err
	}
	id, err = trust.Open(config.Dir(dir))
	return dir, id, err
}

// crowd is simulated hosts on the bus of one Booster, which is a process of its own.
type crowd struct {
	booster *child
	id      *trust.Identity
	address string
	hosts   []*bus.Client
	heard   atomic.Int64
}

// scaleBus measures what hosts that beat and listen cost a Booster, and what a bell costs that all of them hear.
func scaleBus(ctx context.Context, b *strings.Builder, sizes []int) error {
	dir, err := os.MkdirTemp("", "paceline-scale-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	authority, err := trust.NewAuthority("bench", time.Now())
	if err != nil {
		return err
	}
	home, _, err := identity(authority, dir, "booster", trust.Booster)
	if err != nil {
		return err
	}
	c := &crowd{}
	if _, c.id, err = identity(authority, dir, "host", trust.Host); err != nil {
		return err
	}
	if c.booster, c.address, err = newChild(ctx, part{Role: "booster", Dir: home}); err != nil {
		return err
	}
	defer c.booster.kill()
	defer c.end()
	b.WriteString("### The bus: beats twice a second, and bells that everybody hears (one Booster)\n\n")
	b.WriteString("| hosts | beats/s answered | Booster CPU us/s | of each host | Booster MB | CPU us of a bell, Booster | for each that hears it | heard |\n|--:|--:|--:|--:|--:|--:|--:|--:|\n")
	for _, n := range sizes {
		if err := c.grow(ctx, n); err != nil {
			return err
		}
		if err := c.measure(ctx, b); err != nil {
			return err
		}
	}
	b.WriteString("\n")
	return nil
}

func (c *crowd) end() {
	for _, h := range c.hosts {
		_ = h.Stop(context.Background())
	}
}

func (c *crowd) grow(ctx context.Context, to int) error {
	for len(c.hosts) < to {
		name := fmt.Sprintf("host%04d", len(c.hosts))
		h, err := bus.New(bus.Config{Identity: c.id, Boosters: []string{c.address}, Beat: func() bus.Beat {
			return bus.Beat{Node: name + "/server", Number: 1, Epoch: 1, Host: name, Role: "server", Version: "1.0.0", State: "ready",
				Address: name + ".example.com:8100", Wall: time.Now(), Zone: "UTC"}
		}}, quiet)
		if err != nil {
			return err
		}
		if _, err := h.Listen(func(string, string) { c.heard.Add(1) }); err != nil {
			return err
		}
		if err := h.Start(ctx); err != nil {
			return err
		}
		c.hosts = append(c.hosts, h)
		for end := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
			if _, ok := h.Connected(); ok {
				break
			}
			if time.Now().After(end) {
				return fmt.Errorf("%s does not get to the bus", name)
			}
		}
	}
	return nil
}

func (c *crowd) measure(ctx context.Context, b *strings.Builder) error {
	const length, bells = 5 * time.Second, 200
	time.Sleep(2 * time.Second)
	pid := c.booster.cmd.Process.Pid
	var before, after int64
	if err := c.booster.ask(&before); err != nil {
		return err
	}
	cpu := cpuOf(pid)
	time.Sleep(length)
	if err := c.booster.ask(&after); err != nil {
		return err
	}
	idle := (cpuOf(pid) - cpu).Seconds() / length.Seconds() // of a processor
	resident, err := residentBytes(pid)
	if err != nil {
		return err
	}

	c.heard.Store(0)
	cpu = cpuOf(pid)
	began := time.Now()
	for i := range bells {
		c.hosts[i%len(c.hosts)].Ring("bench", fmt.Sprint(i))
		time.Sleep(5 * time.Millisecond)
	}
	for end := time.Now().Add(3 * time.Second); c.heard.Load() < int64(bells*(len(c.hosts)-1)) && time.Now().Before(end); {
		time.Sleep(10 * time.Millisecond)
	}
	took := time.Since(began).Seconds()
	rung := max((cpuOf(pid)-cpu).Seconds()-idle*took, 0) * 1e6 / bells
	n := float64(len(c.hosts))
	fmt.Fprintf(b, "| %d | %.0f | %.0f | %.0f | %d | %.0f | %.1f | %.1f %% |\n", len(c.hosts), float64(after-before)/length.Seconds(),
		idle*1e6, idle*1e6/n, resident>>20, rung, rung/max(n-1, 1), 100*float64(c.heard.Load())/(bells*max(n-1, 1)))
	return nil
}
