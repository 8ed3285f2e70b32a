package bus_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/paceline/paceline/internal/bus"
	"github.com/paceline/paceline/internal/service"
	"github.com/paceline/paceline/internal/trust"
	"github.com/paceline/paceline/internal/trust/trusttest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a cluster of which only the bus is there.
type world struct {
	testing.TB
	*trusttest.Cluster
	log *slog.Logger
	ids map[string]*trust.Identity
}

func newWorld(t testing.TB) *world {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	if testing.Verbose() {
		log = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	return &world{t, trusttest.New(t), log, map[string]*trust.Identity{}}
}

// identity of a host, always the same one.
func (w *world) identity(name string, kind trust.Kind) *trust.Identity {
	w.Helper()
	if w.ids[name] == nil {
		w.ids[name] = w.Host(name, kind)
	}
	return w.ids[name]
}

// booster starts the server of a Booster that dials those that are there already.
func (w *world) booster(name string, peers ...*bus.Server) *bus.Server {
	w.Helper()
	cfg := bus.ServerConfig{Identity: w.identity(name, trust.Booster), Listen: "127.0.0.1:0", Route: "127.0.0.1:0"}
	for _, p := range peers {
		cfg.Peers = append(cfg.Peers, p.RouteAddr())
	}
	s, err := bus.NewServer(cfg, w.log.With("booster", name))
	w.must(err)
	w.run(s)
	return s
}

// host starts a client of a host with a name of its own.
func (w *world) host(name string, boosters ...*bus.Server) *bus.Client {
	w.Helper()
	return w.client(bus.Config{Identity: w.identity(name, trust.Host), Boosters: addresses(boosters)})
}

// own starts a client of a Booster, on the Booster's own server.
func (w *world) own(name string, s *bus.Server) *bus.Client {
	w.Helper()
	return w.client(bus.Config{Identity: w.identity(name, trust.Booster), Own: s})
}

func (w *world) client(cfg bus.Config) *bus.Client {
	w.Helper()
	c, err := bus.New(cfg, w.log.With("client", cfg.Identity.Name()))
	w.must(err)
	w.run(c)
	return c
}

func (w *world) run(s service.Service) {
	w.Helper()
	w.must(s.Start(w.Context()))
	w.Cleanup(func() { w.stop(s) })
}

func (w *world) stop(s service.Service) {
	w.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := s.Stop(ctx); err != nil {
		w.Error(err)
	}
}

func addresses(boosters []*bus.Server) (all []string) {
	for _, b := range boosters {
		all = append(all, b.Addr())
	}
	return all
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// eventually waits for something that has to come true.
func (w *world) eventually(what string, come func() bool) {
	w.Helper()
	w.within(15*time.Second, what, come)
}

func (w *world) within(d time.Duration, what string, come func() bool) {
	w.Helper()
	for end := time.Now().Add(d); !come(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			w.Fatalf("not within %v: %s", d, what)
		}
	}
}

// at waits until a client is connected to a Booster.
func (w *world) at(c *bus.Client, booster string) {
	w.Helper()
	w.eventually(fmt.Sprintf("%s at %s", c.Name(), booster), func() bool {
		b, ok := c.Connected()
		return ok && b == booster
	})
}
