package bus_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/paceline/paceline/internal/bus"
	"github.com/paceline/paceline/internal/config"
	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/service/servicetest"
	"github.com/paceline/paceline/internal/trust"
)

func dir(t *testing.T) config.Dir { return config.Dir(t.TempDir()) }

func TestStartAndStopInAnyOrder(t *testing.T) {
	w := newWorld(t)
	a := w.booster("a")
	t.Run("client", func(t *testing.T) {
		c, err := bus.New(bus.Config{Identity: w.identity("h", trust.Host), Boosters: []string{a.Addr()}, Beat: func() bus.Beat { return bus.Beat{} }}, w.log)
		w.must(err)
		_, err = c.Handle(bus.Host("h", "status"), func(context.Context, bus.Message) (any, error) { return "well", nil })
		w.must(err)
		servicetest.Stress(t, c)
	})
	t.Run("server", func(t *testing.T) {
		s, err := bus.NewServer(bus.ServerConfig{Identity: w.identity("b", trust.Booster), Listen: "127.0.0.1:0", Route: "127.0.0.1:0"}, w.log)
		w.must(err)
		servicetest.Stress(t, s)
	})
}

func TestStopWaitsForAnswersUnderWay(t *testing.T) {
	w := newWorld(t)
	a := w.booster("a")
	leader, host := w.own("a", a), w.host("h", a)
	asked, release := make(chan struct{}), make(chan struct{})
	_, err := host.Handle(bus.Host("h", "drain"), func(context.Context, bus.Message) (any, error) {
		close(asked)
		<-release
		return nil, nil
	})
	w.must(err)
	w.at(host, "a")
	ctx, cancel := context.WithCancel(t.Context())
	gave := make(chan error, 1)
	go func() { gave <- leader.Request(ctx, bus.Host("h", "drain"), nil, nil) }()
	<-asked
	late, end := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer end()
	if err := host.Stop(late); err == nil {
		t.Error("stopped while an answer was under way")
	}
	close(release)
	w.must(host.Stop(t.Context()))
	cancel()
	if err := <-gave; !errs.Is(err, errs.Unavailable) {
		t.Errorf("the question ended with %v", err)
	}
}

func TestWrongConfigurationsAreRefused(t *testing.T) {
	w := newWorld(t)
	log := slog.New(slog.DiscardHandler)
	if _, err := bus.NewServer(bus.ServerConfig{Identity: w.identity("h", trust.Host)}, log); !errs.Is(err, errs.Invalid) {
		t.Errorf("a host as Booster: %v", err)
	}
	if _, err := bus.NewServer(bus.ServerConfig{Identity: w.identity("a", trust.Booster), Peers: []string{"b"}}, log); !errs.Is(err, errs.Invalid) {
		t.Errorf("a peer without a port: %v", err)
	}
	if _, err := bus.New(bus.Config{Identity: w.identity("h", trust.Host)}, log); !errs.Is(err, errs.Invalid) {
		t.Errorf("no Booster: %v", err)
	}
	a := w.booster("a")
	s, err := bus.NewServer(bus.ServerConfig{Identity: w.identity("b", trust.Booster), Listen: a.Addr(), Route: "127.0.0.1:0"}, log)
	w.must(err)
	if err := s.Start(t.Context()); !errs.Is(err, errs.Unavailable) || !strings.Contains(err.Error(), "in use") {
		t.Errorf("a port that is taken: %v", err)
	}
	if got := bus.RouteOf("10.0.0.1:5169"); got != "10.0.0.1:5170" {
		t.Errorf("the route of the usual port is %s", got)
	}
}
