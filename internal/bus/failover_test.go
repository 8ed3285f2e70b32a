package bus_test

import (
	"context"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/paceline/paceline/internal/bus"
	"github.com/paceline/paceline/internal/trust"
)

func TestAClientGoesToTheOtherBoosterAndHomeAgain(t *testing.T) {
	w := newWorld(t)
	a := w.booster("a")
	b := w.booster("b", a)
	leader, host := w.own("b", b), w.host("h", a, b)
	heard := make(chan string, 100)
	_, err := host.Subscribe(bus.Table, func(m bus.Message) { heard <- m.From })
	w.must(err)
	w.at(host, "a")

	w.stop(a)
	w.at(host, "b")
	w.eventually("a word of b at b", func() bool { return leader.Publish(bus.Table, 1) == nil && len(heard) > 0 })

	w.must(a.Start(t.Context())) // on the ports it had
	w.at(host, "a")
	for len(heard) > 0 {
		<-heard
	}
	w.eventually("a word of b at a", func() bool { return leader.Publish(bus.Table, 2) == nil && len(heard) > 0 })
}

// TestSilenceTurnsToTheOtherBooster cuts the line between the Boosters off, in that there is
// none: the one that leads is only heard at its own.
func TestSilenceTurnsToTheOtherBooster(t *testing.T) {
	w := newWorld(t)
	a, b := w.booster("a"), w.booster("b")
	leader := w.own("b", b)
	beats := make(chan bus.Beat, 100)
	_, err := leader.Handle(bus.Lead("beat"), func(_ context.Context, m bus.Message) (any, error) {
		var beat bus.Beat
		if err := m.Read(&beat); err != nil {
			return nil, err
		}
		select {
		case beats <- beat:
		default:
		}
		return bus.Pulse{Leader: "b", Epoch: 7}, nil
	})
	w.must(err)
	pulses := make(chan bus.Pulse, 100)
	host := w.client(bus.Config{
		Identity: w.identity("h", trust.Host), Boosters: addresses([]*bus.Server{a, b}),
		Beat: func() bus.Beat { return bus.Beat{Node: "h/server", Load: 0.5} },
		Heard: func(p bus.Pulse) {
			select {
			case pulses <- p:
			default:
			}
		},
	})
	w.at(host, "a")
	w.at(host, "b")
	if p := <-pulses; p.Leader != "b" || p.Epoch != 7 {
		t.Errorf("the leader says %+v", p)
	}
	if beat := <-beats; beat.Node != "h/server" || beat.Load != 0.5 {
		t.Errorf("the leader heard %+v", beat)
	}
}

// TestAHungBoosterIsLeft puts something between that goes on taking connections and stops
// passing anything on, as a frozen machine does.
func TestAHungBoosterIsLeft(t *testing.T) {
	w := newWorld(t)
	a := w.booster("a")
	b := w.booster("b", a)
	address, freeze := freezer(t, a.Addr())
	host := w.client(bus.Config{Identity: w.identity("h", trust.Host), Boosters: []string{address, b.Addr()}})
	w.at(host, "a")
	freeze()
	w.at(host, "b")
}

// freezer passes connections on until it is frozen.
func freezer(t *testing.T, to string) (address string, freeze func()) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	frozen, freeze := context.WithCancel(context.Background())
	var all sync.WaitGroup
	var open sync.Map
	pass := func(from, to net.Conn) {
		buffer := make([]byte, 64<<10)
		for {
			n, err := from.Read(buffer)
			if frozen.Err() == nil {
				_, _ = to.Write(buffer[:n])
			}
			if err != nil {
				return
			}
		}
	}
	all.Go(func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", to)
			if err != nil {
				_ = in.Close()
				continue
			}
			open.Store(in, nil)
			open.Store(out, nil)
			all.Go(func() { pass(in, out) })
			all.Go(func() { pass(out, in) })
		}
	})
	t.Cleanup(func() {
		freeze()
		_ = l.Close()
		open.Range(func(c, _ any) bool { _ = c.(net.Conn).Close(); return true })
		all.Wait()
	})
	return l.Addr().String(), freeze
}

func TestAClientStartsBeforeItsBooster(t *testing.T) {
	w := newWorld(t)
	a := w.booster("a")
	w.stop(a)
	changes := make(chan bool, 100)
	host := w.client(bus.Config{Identity: w.identity("h", trust.Host), Boosters: []string{a.Addr()}, Changed: func(_ string, ok bool) { changes <- ok }})
	if err := host.Publish(bus.Exit, "server"); err == nil {
		t.Error("what nobody can hear was accepted")
	}
	w.must(a.Start(t.Context()))
	w.at(host, "a")
	if !<-changes {
		t.Error("the first change was a loss")
	}
	w.stop(a)
	if <-changes {
		t.Error("the loss was not told")
	}
}

func TestTheListOfBoostersGrows(t *testing.T) {
	w := newWorld(t)
	a, b := w.booster("a"), w.booster("b")
	host := w.host("h", a)
	w.at(host, "a")
	w.must(host.SetBoosters(addresses([]*bus.Server{a, b})))
	w.stop(a)
	w.at(host, "b")
	w.must(host.SetBoosters([]string{b.Addr()}))
	if err := host.SetBoosters([]string{"nowhere"}); err == nil {
		t.Error("an address without a port was accepted")
	}
}

func TestRefusedIsProofAndSilenceIsNone(t *testing.T) {
	w := newWorld(t)
	a := w.booster("a")
	if bus.Refused(t.Context(), a.Addr()) {
		t.Error("a listener that listens")
	}
	w.stop(a)
	if !bus.Refused(t.Context(), a.Addr()) {
		t.Error("a listener that is gone")
	}
	late, cancel := context.WithDeadline(t.Context(), time.Now())
	defer cancel()
	if bus.Refused(late, a.Addr()) {
		t.Error("no time to ask")
	}
}
