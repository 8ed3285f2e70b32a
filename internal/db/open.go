package db

import (
	"cmp"
	"context"
	"log/slog"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/paceline/paceline/internal/errs"
)

// Config of a database.
type Config struct {
	// DSN names the database:
	//
	//	sqlite:PATH                            a file; also when empty: paceline.db in Dir
	//	postgres://user:password@host:5432/db
	//	mysql://user:password@host:3306/db     MySQL 8.0.19 or MariaDB 10.6 and later
	//	sqlserver://user:password@host:1433?database=db
	//	oracle://user:password@host:1521/service
	//
	// A socket directory or file is named by ?host=/dir (postgres) and ?socket=/file
	// (mysql). For SQLite ?sync=full (default), normal or off says when writes reach the disk.
	DSN string

	Dir      string // of the default SQLite file; default the working directory
	MaxConns int    // to a database server; default 24

	// Patience is for a coordinator, who must neither wait nor be waited for: how long a
	// statement waits for a lock, and how long the server waits for a silent client within
	// a transaction before it ends the session and with it the client's locks (PostgreSQL,
	// MySQL, MariaDB). 0: 10 to 20 s, and for ever. With Patience an ended context cuts off
	// a write under way and even a commit; the outcome is then ErrUnknown.
	Patience time.Duration

	// Later leaves it to the first statement to find out whether the database answers: for
	// who can wait for it (Ping).
	Later bool

	Version string           // of the program, noted beside the migrations it applies
	Clock   func() time.Time // dates claims and migrations; default time.Now
	Log     *slog.Logger     // default: discards

	foreign bool // see OpenForeign
}

// commitTimeout bounds one statement of Commit, which outlives the caller's context:
// a commit cut off half-way would have an unknown outcome.
const commitTimeout = 30 * time.Second

// DB is an open database. It is safe for concurrent use.
type DB struct {
	cfg        Config
	dialect    dialect
	pools      pools
	statements statements
	held       held
	stats      stats
}

// Open connects to the database that cfg.DSN names and, unless cfg.Later, checks that it answers. An
// unreachable database is errs.Unavailable, a DSN of another form errs.Invalid.
// Passwords appear in no error.
func Open(ctx context.Context, cfg Config) (*DB, error) {
	cfg.MaxConns = cmp.Or(cfg.MaxConns, 24)
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.DSN == "" {
		cfg.DSN = "sqlite:" + filepath.Join(cfg.Dir, "paceline.db")
	}
	d := &DB{cfg: cfg}
	if d.dialect = dialectOf(cfg.DSN); d.dialect == nil {
		return nil, errs.New(errs.Invalid, "%q is not a database address", Redact(cfg.DSN)).WithCure(
			"use sqlite:PATH, postgres://USER:PASSWORD@HOST/DB, mysql://USER:PASSWORD@HOST/DB, sqlserver://USER:PASSWORD@HOST?database=DB or oracle://USER:PASSWORD@HOST/SERVICE")
	}
	var err error
	if d.pools, err = d.dialect.open(cfg); err != nil {
		return nil, errs.New(errs.Invalid, "database address %s: %s", Redact(cfg.DSN), d.scrub(err))
	}
	if cfg.Later {
		return d, nil
	}
	for _, pool := range d.pools.all() {
		if err := d.retry(ctx, func() error { return pool.PingContext(ctx) }); err != nil {
			d.Close()
			return nil, errs.New(errs.Unavailable, "database %s does not answer: %s", Redact(cfg.DSN), d.scrub(err)).
				WithCure("start it, or correct the address, the user and the password")
		}
	}
	return d, nil
}

func dialectOf(dsn string) dialect {
	scheme, _, _ := strings.Cut(dsn, ":")
	switch scheme {
	case "sqlite":
		return &sqlite{}
	case "postgres", "postgresql":
		return &postgres{}
	case "mysql":
		return &mysql{}
	case "sqlserver":
		return &sqlserver{}
	case "oracle":
		return &oracle{}
	}
	return nil
}

// Close ends every connection. It may be called twice. Those that write go first: nobody is to write down that
// something could not be read.
func (d *DB) Close() error {
	var first error
	for _, pool := range slices.Backward(d.pools.all()) {
		if err := pool.Close(); err != nil && first == nil {
			first = err
		}
	}
	return first
}

// Ping asks the database for a sign of life; the answer to "are we ready".
func (d *DB) Ping(ctx context.Context) error {
	_, err := Now(ctx, d)
	return err
}

// Dialect names the database for people: sqlite, postgres, mysql, sqlserver, oracle.
// Nothing may depend on it.
func (d *DB) Dialect() string { return d.dialect.kind() }

// password is the part of an address between user and host, or a query parameter.
var password = regexp.MustCompile(`(://[^:/@?]*:)[^/]*(@)|((?i:password|pwd)=)[^&; ]*`)

// Redact is an address without its password, for logs and errors.
func Redact(dsn string) string { return password.ReplaceAllString(dsn, "${1}${3}***${2}") }

// scrub is the text of a driver's error without our password in it.
func (d *DB) scrub(err error) string {
	text := err.Error()
	if u, _ := url.Parse(d.cfg.DSN); u != nil && u.User != nil {
		if p, _ := u.User.Password(); p != "" {
			text = strings.ReplaceAll(text, p, "***")
		}
	}
	return text
}

// Stats count what went to the database since it was opened.
type Stats struct {
	RoundTrips int64 // statements sent and answered, begin and commit among them; not the preparing of a statement
	Groups     int64 // groups that Commit sent
	Applied    int64 // Changes of them that were applied
	Refused    int64 // Changes that were stale, claimed or refused
	Retries    int64 // groups, transactions and statements tried again after a deadlock
}

type stats struct{ roundTrips, groups, applied, refused, retries atomic.Int64 }

// Stats reads the counters.
func (d *DB) Stats() Stats {
	return Stats{
		RoundTrips: d.stats.roundTrips.Load(),
		Groups:     d.stats.groups.Load(),
		Applied:    d.stats.applied.Load(),
		Refused:    d.stats.refused.Load(),
		Retries:    d.stats.retries.Load(),
	}
}

// trip counts round trips.
func (d *DB) trip(n int64) { d.stats.roundTrips.Add(n) }
