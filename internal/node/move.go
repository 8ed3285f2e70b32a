package node

import (
	"context"
	"errors"

	"github.com/paceline/paceline/internal/cluster"
	"github.com/paceline/paceline/internal/config"
	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/join"
	"github.com/paceline/paceline/internal/trust"
)

// Move says from which database to which one all data go.
type Move struct {
	From string // empty: the one that the server or the host of the data directory uses
	To   string
	Told func(db.Progress)
}

// Moved is what a move did.
type Moved struct {
	From   string      `json:"from"` // without its password
	To     string      `json:"to"`
	Tables []db.Copied `json:"tables,omitempty"`
	Host   string      `json:"host,omitempty"` // of a cluster, which uses the new database from now on
}

// MoveData copies all data into another database and verifies them. The source is only
// read (a cluster's is marked in the end as left), and refused while a server runs on it; a move that was ended in any way goes on
// where it was. A host of a cluster uses the new database from then on; a single server
// has to be told.
func MoveData(ctx context.Context, cfg Config, m Move) (done Moved, err error) {
	defer errs.Wrap(&err, "node.MoveData")
	host, err := hostOf(cfg.Data)
	if err != nil {
		return done, err
	}
	from := db.Config{DSN: m.From, Dir: string(cfg.Data), MaxConns: 2, Version: cfg.Version, Log: cfg.Log}
	if m.From == "" {
		if from.DSN, err = usedBy(cfg, host); err != nil {
			return done, err
		}
	}
	if from.DSN, err = from.Address(); err != nil {
		return done, err
	}
	to := from
	if to.DSN, err = (db.Config{DSN: m.To}).Address(); err != nil {
		return done, err
	}
	if to.DSN == from.DSN {
		return done, errs.New(errs.Invalid, "the data are in %s already", db.Redact(to.DSN))
	}
	done = Moved{From: db.Redact(from.DSN), To: db.Redact(to.DSN)}
	if done.Tables, err = copyData(ctx, from, to, m.Told); err != nil {
		return done, err
	}
	if host != nil && m.From == "" {
		done.Host = host.Name
		err = leave(ctx, cfg.Data, from, to.DSN)
	}
	return done, err
}

// leave has a host use the new database, and marks the old one, so that no host goes on there unawares.
func leave(ctx context.Context, dir config.Dir, from db.Config, to string) (err error) {
	revision, err := useDatabase(dir, to)
	if err != nil {
		return err
	}
	source, err := db.OpenExisting(ctx, from)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, source.Close()) }()
	return join.MarkMoved(ctx, source, revision)
}

// FollowMove lets a host of a cluster use the database into which its cluster's data were
// moved on another host.
func FollowMove(ctx context.Context, cfg Config, to string) (done Moved, err error) {
	defer errs.Wrap(&err, "node.FollowMove")
	host, err := config.LoadHost(cfg.Data)
	if err != nil {
		return done, err
	}
	dsn, err := (db.Config{DSN: to}).Address()
	if err != nil {
		return done, err
	}
	d, err := db.OpenExisting(ctx, db.Config{DSN: dsn, MaxConns: 2, Version: cfg.Version, Log: cfg.Log})
	if err != nil {
		return done, err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	if err := d.CheckSchema(ctx, migrations()); err != nil {
		return done, err
	}
	if _, err := join.Tell(ctx, d, host.Name); err != nil {
		return done, err
	}
	_, err = useDatabase(cfg.Data, dsn)
	return Moved{To: db.Redact(dsn), Host: host.Name}, err
}

func copyData(ctx context.Context, from, to db.Config, told func(db.Progress)) (tables []db.Copied, err error) {
	source, err := db.OpenExisting(ctx, from)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, source.Close()) }()
	target, err := db.Open(ctx, to)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, target.Close()) }()
	c := db.Copy{
		From: source, To: target, Migrations: migrations(), Told: told,
		Idle: func(ctx context.Context) error { return idle(ctx, source) },
	}
	return c.Run(ctx)
}

// idle says which server works on a database.
func idle(ctx context.Context, d *db.DB) error {
	nodes, err := cluster.List(ctx, d)
	if err != nil {
		return err
	}
	for _, n := range nodes {
		if n.Alive {
			return errs.New(errs.Conflict, "%s still works on the source", n.Name).
				WithCure("stop it and run this again; when it was killed, its place expires within seconds")
		}
	}
	return nil
}

// hostOf is the host of a cluster that a data directory belongs to; nil: none.
func hostOf(dir config.Dir) (*config.Host, error) {
	host, err := config.LoadHost(dir)
	if errs.Is(err, errs.NotFound) {
		return nil, nil
	}
	return host, err
}

// usedBy is the database that a host, or else a single server, uses.
func usedBy(cfg Config, host *config.Host) (string, error) {
	if host == nil {
		return cfg.DB.DSN, nil
	}
	told, err := ForHost(cfg.Data, config.RoleBooster)
	return told.DB.DSN, err
}

func useDatabase(dir config.Dir, dsn string) (revision int64, err error) {
	id, err := trust.Open(dir)
	if err != nil {
		return 0, err
	}
	return join.UseDatabase(dir, id, dsn)
}
