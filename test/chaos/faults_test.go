package chaos

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/paceline/paceline/internal/agent"
	"github.com/paceline/paceline/internal/config"
	"github.com/paceline/paceline/internal/demo"
)

// fault is something bad that happens to the cluster, and is over when do returns. What it
// is to be measured by, do notes in the harm.
type fault struct {
	name  string
	short bool // part of the short form
	wires bool // needs hosts with a network of their own
	even  bool // each server has its share of the requests before
	times int  // in the full form; 0: once
	do    func(h *harm)
}

// harm is one fault happening.
type harm struct {
	*world
	t        *testing.T
	ctx      context.Context
	takeover sight
	outs     []sight
}

// How long a fault lasts.
const (
	aWhile = 3 * time.Second
	long   = 6 * time.Second
)

var faults = []fault{
	{name: "none", do: func(h *harm) { h.lasts(aWhile) }},

	{name: "kill a server", even: true, short: true, times: 3, do: func(h *harm) { h.crash(h.named("server-1"), demo.TheRole) }},
	{name: "kill the machine of a server", even: true, times: 3, do: func(h *harm) { h.crash(h.named("server-2"), demo.TheMachine) }},
	{name: "freeze a server", even: true, short: true, times: 3, do: func(h *harm) { h.hang(h.named("server-3"), demo.TheRole, aWhile) }},
	{name: "kill all servers in turn", even: true, short: true, do: func(h *harm) {
		for _, s := range h.of(config.RoleServer) {
			h.crash(s, demo.TheRole)
		}
	}},
	{name: "kill an Agent", even: true, do: func(h *harm) { h.crash(h.named("server-1"), demo.TheAgent) }},
	{name: "freeze an Agent", do: func(h *harm) { h.hang(h.named("server-1"), demo.TheAgent, long) }},

	{name: "kill the leading Booster", short: true, times: 10, do: func(h *harm) { h.crash(h.leading(), demo.TheRole) }},
	{name: "kill the machine of the leading Booster", times: 3, do: func(h *harm) { h.crash(h.leading(), demo.TheMachine) }},
	{name: "freeze the leading Booster", short: true, times: 10, do: func(h *harm) { h.hang(h.leading(), demo.TheRole, aWhile) }},
	{name: "freeze the machine of the leading Booster", times: 3, do: func(h *harm) { h.hang(h.leading(), demo.TheMachine, aWhile) }},
	{name: "kill the other Booster", times: 3, do: func(h *harm) { h.crash(h.other(), demo.TheRole) }},
	{name: "freeze the other Booster", do: func(h *harm) { h.hang(h.other(), demo.TheRole, aWhile) }},
	{name: "both Boosters dead for 6 s", short: true, do: func(h *harm) {
		for _, b := range h.of(config.RoleBooster) {
			h.must(b.Kill(demo.TheMachine))
		}
		h.lasts(long)
		h.startAll(h.of(config.RoleBooster))
	}},

	{name: "kill a gateway", short: true, times: 3, do: func(h *harm) { h.crash(h.named("gateway-1"), demo.TheRole) }},
	{name: "kill the machine of a gateway", do: func(h *harm) { h.crash(h.named("gateway-2"), demo.TheMachine) }},
	{name: "freeze a gateway", do: func(h *harm) { h.hang(h.named("gateway-1"), demo.TheRole, aWhile) }},

	{name: "crash of the database", even: true, short: true, times: 3, do: func(h *harm) { h.must(h.server.Restart()) }},
	{name: "the database hangs for 3 s", even: true, short: true, do: func(h *harm) {
		h.must(h.server.Freeze())
		h.lasts(aWhile)
		h.must(h.server.Thaw())
	}},

	{name: "cut a server from the database", even: true, short: true, wires: true, do: func(h *harm) { h.cut("server-1", demo.Outside) }},
	{name: "cut the leading Booster from the database", wires: true, do: func(h *harm) { h.led(); h.cut(h.leading().Name, demo.Outside) }},
	{name: "cut the other Booster from the database", wires: true, do: func(h *harm) { h.cut(h.other().Name, demo.Outside) }},
	{name: "cut a server from both Boosters", even: true, wires: true, do: func(h *harm) { h.cut("server-1", "booster-1", "booster-2") }},
	{name: "cut a server from the leading Booster", even: true, wires: true, do: func(h *harm) { h.cut("server-2", h.leading().Name) }},
	{name: "cut the Boosters apart", short: true, wires: true, do: func(h *harm) { h.cut("booster-1", "booster-2") }},
	{name: "cut a gateway from a server", even: true, wires: true, do: func(h *harm) {
		h.outs = append(h.outs, h.outOf(h.named("server-1"), h.named("gateway-1")))
		h.cut("gateway-1", "server-1")
	}},
	{name: "cut a gateway from all servers", wires: true, do: func(h *harm) { h.cut("gateway-1", "server-1", "server-2", "server-3") }},
	{name: "cut a gateway from both Boosters", wires: true, do: func(h *harm) { h.cut("gateway-1", "booster-1", "booster-2") }},
	{name: "cut a server off", even: true, short: true, wires: true, times: 3, do: func(h *harm) {
		h.out("server-3")
		h.isolate("server-3")
	}},
	{name: "cut the leading Booster off", wires: true, times: 5, do: func(h *harm) { h.led(); h.isolate(h.leading().Name) }},
	{name: "cut a gateway off", wires: true, do: func(h *harm) { h.isolate("gateway-1") }},

	{name: "clock of a server 1.5 s ahead", do: func(h *harm) { h.skew("server-1", "1500ms", true) }},
	{name: "clock of a server 1 h behind", short: true, do: func(h *harm) { h.skew("server-2", "-1h", false) }},
	{name: "clock of the leading Booster 1 h ahead", do: func(h *harm) { h.skew(h.leading().Name, "1h", false) }},

	{name: "power cut of everything, started in the wrong order", short: true, do: func(h *harm) {
		h.must(h.server.Freeze())
		h.end(h.Hosts)
		for i := range h.Hosts {
			h.start(h.Hosts[len(h.Hosts)-1-i])
		}
		h.lasts(aWhile)
		h.must(h.server.Thaw())
	}},
	{name: "power cut of everything, started at once", do: func(h *harm) {
		h.end(h.Hosts)
		h.must(h.server.Restart())
		h.startAll(h.Hosts)
	}},
}

// crash kills a target and has it started again; what its death is to bring about is noted.
func (h *harm) crash(host demo.Host, target demo.Target) {
	h.expect(host, target)
	was, _ := agent.Find(host.Dir, host.Role)
	h.must(host.Kill(target))
	switch target {
	case demo.TheRole:
		eventually(h.t, host.Name+" is started again", 30*time.Second, func() bool {
			now, alive := agent.Find(host.Dir, host.Role)
			return alive && now.PID != was.PID
		})
		h.well(host)
	default:
		h.lasts(aWhile)
		h.start(host)
	}
}

// hang freezes a target for some time.
func (h *harm) hang(host demo.Host, target demo.Target, d time.Duration) {
	h.expect(host, target)
	h.must(host.Freeze(target))
	h.lasts(d)
	h.must(host.Thaw())
}

// expect notes what follows when a host's role is silent.
func (h *harm) expect(host demo.Host, target demo.Target) {
	switch {
	case target == demo.TheAgent:
	case host.Role == config.RoleServer:
		h.out(host.Name)
	case host.Role == config.RoleBooster && host.Name == h.leads(h.ctx):
		h.led()
	}
}

// out notes that a server has to be out of all gateways soon.
func (h *harm) out(server string) {
	h.outs = append(h.outs, h.outOf(h.named(server), h.of(config.RoleGateway)...))
}

// led notes that another Booster has to lead soon.
func (h *harm) led() { h.takeover = h.takenOver(h.other()) }

// cut drops what goes between a host and others, for some time.
func (h *harm) cut(host string, others ...string) {
	for _, other := range others {
		h.must(h.network.Cut(h.ctx, host, other))
	}
	h.lasts(long)
	h.must(h.network.Heal(h.ctx))
}

func (h *harm) isolate(host string) {
	h.must(h.network.Isolate(h.ctx, host))
	h.lasts(long)
	h.must(h.network.Heal(h.ctx))
}

// skew starts a host with a clock that is wrong. One that is more than 2 s off says so and takes
// no requests.
func (h *harm) skew(name, by string, works bool) {
	host := h.named(name)
	wrong := host
	wrong.Env = []string{"PACELINE_TEST_CLOCK_SKEW=" + by}
	h.end([]demo.Host{host})
	h.start(wrong)
	if works {
		h.well(host)
		h.lasts(aWhile)
	} else {
		eventually(h.t, name+" says that its clock is wrong", 30*time.Second, func() bool { return h.waits(host, "clock") })
		h.lasts(aWhile)
	}
	h.end([]demo.Host{host})
	h.start(host)
}

// lasts lets time pass.
func (h *harm) lasts(d time.Duration) {
	select {
	case <-time.After(d):
	case <-h.ctx.Done():
		h.t.Fatal(h.ctx.Err())
	}
}

func (h *harm) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

func (h *harm) named(name string) demo.Host {
	h.t.Helper()
	host, err := h.Find(name)
	h.must(err)
	return host
}

// leading is the host of the Booster that leads.
func (h *harm) leading() demo.Host {
	h.t.Helper()
	var name string
	eventually(h.t, "somebody leads", 30*time.Second, func() bool {
		name = h.leads(h.ctx)
		return name != ""
	})
	return h.named(name)
}

// other is the host of the Booster that does not lead.
func (h *harm) other() demo.Host {
	h.t.Helper()
	if h.leading().Name == "booster-1" {
		return h.named("booster-2")
	}
	return h.named("booster-1")
}

func (h *harm) start(host demo.Host) {
	h.t.Helper()
	h.must(host.Start(h.ctx, h.program, true))
}

func (h *harm) startAll(hosts []demo.Host) {
	h.t.Helper()
	var all sync.WaitGroup
	for _, host := range hosts {
		all.Go(func() {
			if err := host.Start(h.ctx, h.program, true); err != nil {
				h.t.Error(err)
			}
		})
	}
	all.Wait()
}

// end kills machines, and waits until their processes have gone.
func (h *harm) end(hosts []demo.Host) {
	h.t.Helper()
	for _, host := range hosts {
		h.must(host.Kill(demo.TheMachine))
	}
	for _, host := range hosts {
		eventually(h.t, host.Name+" has ended", 10*time.Second, host.Over)
	}
}

// well waits until a host's role is ready.
func (h *harm) well(host demo.Host) {
	h.t.Helper()
	h.must(host.Ready(h.ctx))
}

// waits says whether a host's role waits for something of that name.
func (h *harm) waits(host demo.Host, what string) bool {
	s, err := host.Status(h.ctx)
	return err == nil && waitsFor(s, what)
}
