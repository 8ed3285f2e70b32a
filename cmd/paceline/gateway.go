package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/paceline/paceline/internal/config"
	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/gateway"
	"github.com/paceline/paceline/internal/node"
)

// gatewayFlags name the file that says what a gateway serves: see docs/gateway.md.
type gatewayFlags struct {
	Config string `required:"" placeholder:"FILE" help:"What the gateway serves, and how; docs/gateway.md describes it."`
}

type gatewayCmd struct {
	Run    gatewayRunCmd    `cmd:"" help:"Run a gateway in front of servers. SIGHUP reads the routing table again."`
	Export gatewayExportCmd `cmd:"" help:"Print a configuration for another balancer."`
}

type gatewayRunCmd struct {
	gatewayFlags
}

// stopWithin is how long a gateway answers what is under way when it is told to stop.
const stopWithin = 30 * time.Second

// Run serves until it is told to stop.
func (r gatewayRunCmd) Run(ctx context.Context, con *console) error {
	cfg, err := r.load()
	if err != nil {
		return err
	}
	if cfg.VIP.Address != "" {
		return errs.New(errs.Unsupported, "a gateway without a cluster shares no address: there is no Booster to say who holds it").WithCure("leave vip out, or make the machine a host with the role gateway")
	}
	log := slog.New(slog.NewJSONHandler(con.err, nil))
	metrics := prometheus.NewRegistry()
	metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	cfg.AccessTo = con.err
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(node.GCPercent)
	}
	g, err := gateway.New(cfg, log, metrics)
	if err != nil {
		return err
	}
	again := make(chan os.Signal, 1)
	signal.Notify(again, syscall.SIGHUP)
	defer signal.Stop(again)
	if err := g.Start(ctx); err != nil {
		return err
	}
	if a := g.Addr(); a != nil {
		con.say("Gateway %s serves http://%s", version, a)
	}
	if a := g.TLSAddr(); a != nil {
		con.say("Gateway %s serves https://%s", version, a)
	}
	for {
		select {
		case <-again:
			if err := r.reload(ctx, g); err != nil {
				log.Error("the table stays as it is", "err", err)
			}
			continue
		case <-ctx.Done():
		}
		stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopWithin)
		defer cancel()
		return g.Stop(stopping)
	}
}

// reload applies the file's routing table. Everything else in it needs a restart.
func (r gatewayRunCmd) reload(ctx context.Context, g *gateway.Gateway) error {
	cfg, err := r.load()
	if err != nil {
		return err
	}
	return g.Apply(ctx, cfg.Table)
}

// load reads the file over the defaults. The environment is the server's: a PACELINE_LISTEN
// for it would take the gateway's port.
func (f gatewayFlags) load() (gateway.Config, error) {
	cfg := gateway.Defaults()
	if _, err := os.Stat(f.Config); errors.Is(err, fs.ErrNotExist) {
		return cfg, errs.New(errs.NotFound, "there is no file %s", f.Config)
	}
	err := config.Load(&cfg, f.Config, nil)
	return cfg, err
}

type gatewayExportCmd struct {
	Balancer string `arg:"" enum:"nginx,haproxy" help:"nginx or haproxy."`
	gatewayFlags
}

// Run prints the configuration.
func (e gatewayExportCmd) Run(con *console) error {
	cfg, err := e.load()
	if err != nil {
		return err
	}
	if err := gateway.Export(con.out, e.Balancer, cfg); err != nil {
		return fmt.Errorf("export: %w", err)
	}
	return nil
}
