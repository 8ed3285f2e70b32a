package node

import (
	"context"
	"errors"
	"time"

	"github.com/paceline/paceline/internal/config"
	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/join"
	"github.com/paceline/paceline/internal/org"
)

// Found makes the database that a server is told of a cluster, with this machine as its first
// host. A server that runs on the same data is not disturbed. Where nobody can sign in yet it
// makes the first administrator: oneTime is the password of the user admin, unless one was
// chosen, and is to be shown once.
func Found(ctx context.Context, cfg Config, f join.Founding) (made join.Founded, oneTime string, err error) {
	defer errs.Wrap(&err, "node.Found")
	f.Data = cfg.Data
	if f.DSN, err = (db.Config{DSN: cfg.DB.DSN, Dir: string(cfg.Data)}).Address(); err != nil {
		return made, "", err
	}
	if err := cfg.Data.Make(); err != nil {
		return made, "", err
	}
	if f.Key, err = ownKey(cfg); err != nil {
		return made, "", err
	}
	err = atDatabase(ctx, cfg, func(deps join.Deps, people *org.Org) error {
		if err := deps.DB.Migrate(ctx, migrations()); err != nil {
			return err
		}
		if made, err = join.Found(ctx, deps, f); err != nil {
			return err
		}
		oneTime, err = people.Bootstrap(ctx, cfg.Admin.Password)
		return err
	})
	return made, oneTime, err
}

// AtHost handles the cluster on a machine of it, for whoever may read the host's files:
// no server need run.
func AtHost(ctx context.Context, dir config.Dir, version string, do func(*join.Cluster) error) (err error) {
	defer errs.Wrap(&err, "node.AtHost")
	cfg, err := ForHost(dir, config.RoleBooster)
	if err != nil {
		return err
	}
	cfg.Version = version
	return atDatabase(ctx, cfg, func(deps join.Deps, _ *org.Org) error { return do(join.NewCluster(deps)) })
}

// atDatabase opens the database for one deed of an operator. What is written is audited
// under ids of the number 0, which no node has; nobody is rung, so others find it by looking.
func atDatabase(ctx context.Context, cfg Config, do func(join.Deps, *org.Org) error) (err error) {
	d, err := db.Open(ctx, db.Config{DSN: cfg.DB.DSN, Dir: string(cfg.Data), MaxConns: 2, Version: cfg.Version, Log: cfg.Log})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	ring := func(string, string) {}
	people := org.New(cfg.Org, org.Deps{DB: d, NewID: db.NewIDs(0, time.Now).Next, Now: time.Now, Log: cfg.Log, Ring: ring})
	return do(join.Deps{DB: d, Audit: people.Audit, Ring: ring, Now: time.Now}, people)
}

// hosts is what people do with the cluster's hosts.
func (n *Node) hosts() *join.Cluster {
	return join.NewCluster(join.Deps{DB: n.db, Audit: n.org.Audit, Ring: n.ring, Now: n.cfg.Now})
}
