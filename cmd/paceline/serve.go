package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime/debug"

	"github.com/paceline/paceline/internal/config"
	"github.com/paceline/paceline/internal/node"
)

// serveFlags are what a server may be told on the command line; they go over the
// environment (PACELINE_...), which goes over the file paceline.yaml in the data directory.
type serveFlags struct {
	Data    string `placeholder:"DIR" help:"Directory of what the server keeps; ./data when left out."`
	Listen  string `placeholder:"ADDR" help:"Address to serve on; 127.0.0.1:8100 when left out. Port 0 takes a free one."`
	DB      string `name:"db" placeholder:"DSN" help:"Database: sqlite:PATH, postgres://, mysql://. Left out: SQLite in the data directory."`
	Verbose bool   `short:"v" help:"Log every request."`
}

type serveCmd struct {
	serveFlags
	Samples string `placeholder:"PASSWORD" help:"Publish the sample apps and make the sample people, who all have this password."`
}

// Run serves until it is told to stop.
func (s serveCmd) Run(ctx context.Context, con *console) error {
	cfg, err := s.config(con)
	if err != nil {
		return err
	}
	if s.Samples != "" && cfg.Admin.Password == "" {
		cfg.Admin.Password = s.Samples
	}
	return serve(ctx, cfg, func(n *node.Node) error {
		if s.Samples != "" {
			if err := n.Samples(ctx, s.Samples); err != nil {
				return err
			}
		}
		fmt.Fprintf(con.out, "Paceline %s serves http://%s\n", version, n.Addr())
		if password := n.OneTimePassword(); password != "" {
			fmt.Fprintf(con.out, "First sign-in: user admin, password %s (good for one sign-in)\n", password)
		}
		return nil
	})
}

// serve runs a node; what ready returns ends it.
func serve(ctx context.Context, cfg node.Config, ready func(*node.Node) error) error {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(node.GCPercent)
	}
	n, err := node.New(ctx, cfg)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var failed error
	err = n.Run(ctx, func() {
		if failed = ready(n); failed != nil {
			stop()
		}
	})
	return errors.Join(failed, err)
}

// config reads the data directory's file and the environment, then the flags.
func (s serveFlags) config(con *console) (node.Config, error) {
	cfg := node.Defaults()
	if s.Data != "" {
		cfg.Data = config.Dir(s.Data)
	}
	data := cfg.Data
	if err := config.Load(&cfg, data.File(), os.Environ()); err != nil {
		return cfg, err
	}
	if s.Data != "" {
		cfg.Data = data
	}
	if s.Listen != "" {
		cfg.Listen = s.Listen
	}
	if s.DB != "" {
		cfg.DB.DSN = s.DB
	}
	level := slog.LevelInfo
	if s.Verbose {
		level = slog.LevelDebug
	}
	program, err := os.Executable()
	if err != nil {
		return cfg, err
	}
	cfg.Connect.Script.Command = []string{program, "script"}
	cfg.Version, cfg.Log = version, slog.New(slog.NewJSONHandler(con.err, &slog.HandlerOptions{Level: level}))
	return cfg, nil
}
