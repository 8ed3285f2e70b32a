package node

import (
	"log/slog"
	"net"
	"os"
	"time"

	"github.com/paceline/paceline/internal/agent"
	"github.com/paceline/paceline/internal/app"
	"github.com/paceline/paceline/internal/config"
	"github.com/paceline/paceline/internal/connect"
	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/org"
	"github.com/paceline/paceline/internal/process"
)

// Config is all that a node is told: the sum of what its parts are told.
type Config struct {
	Name   string     `yaml:"name"`   // of this node; the host's name
	Data   config.Dir `yaml:"data"`   // directory of what it keeps
	Listen string     `yaml:"listen"` // address of the HTTP API; port 0 takes a free one
	Secure bool       `yaml:"secure"` // browsers reach it by https, through a proxy that ends TLS
	// Proxies are addresses or networks of proxies whose X-Forwarded-For is believed.
	Proxies []string `yaml:"proxies"`
	// Origins are other origins whose pages may write here.
	Origins []string `yaml:"origins"`
	DB      Database `yaml:"db"`
	Admin   Admin    `yaml:"admin"`

	// SecretKey seals the secrets of webhooks in the database; the same on every server. Empty: a file in Data.
	// A cluster's hosts have one in common.
	SecretKey string `yaml:"secret_key" secret:"true"`

	Connect connect.Config `yaml:"connect"` // what jobs of processes may reach
	Org     org.Config     `yaml:"org"`
	App     app.Config     `yaml:"-"`
	Process process.Config `yaml:"-"`

	Drain time.Duration `yaml:"drain"` // how long requests under way may take when the node stops; 20 s

	// In a cluster of several hosts; see ForHost.
	Role   config.Role  `yaml:"-"`
	Host   *config.Host `yaml:"-"`
	Secret []byte       `yaml:"-"` // of the Boosters; see join.Settings
	Key    []byte       `yaml:"-"` // in the place of SecretKey; see join.Settings
	// Revision is that of the settings which name the database.
	Revision int64       `yaml:"-"`
	Life     *agent.Life `yaml:"-"` // where the process reports; nil: nobody asks
	// LoseBus makes every message of the bus get lost: for tests.
	LoseBus bool `yaml:"-"`
	// Now is the node's clock; nil: time.Now. What it measures by itself, such as timeouts, it
	// measures with the real one.
	Now func() time.Time `yaml:"-"`

	Version string       `yaml:"-"` // of the program
	Log     *slog.Logger `yaml:"-"`
}

// GCPercent is what a program that runs a node gives debug.SetGCPercent, unless GOGC says
// otherwise. What a node keeps is small, and what a request leaves behind is short-lived:
// collecting a quarter as often saves a quarter of the processor time for some megabytes.
const GCPercent = 400

// Database names the database.
type Database struct {
	DSN   string `yaml:"dsn" secret:"true"` // see db.Config; empty: SQLite in Data
	Conns int    `yaml:"conns"`             // at most; 0: db's default
}

// Admin is the first administrator.
type Admin struct {
	Password string `yaml:"password" secret:"true"` // of the user admin, when it is made; empty: a random one, told once
}

// Defaults are what a node is told where nobody says otherwise.
func Defaults() Config {
	return Config{Data: "data", Listen: "127.0.0.1:8100", Drain: 20 * time.Second}
}

// roles are those of the node, as people read them.
func (c *Config) roles() []string {
	if c.Role == alone {
		return []string{"application", "center"}
	}
	return []string{string(c.Role)}
}

func (c *Config) complete() error {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Drain <= 0 {
		return errs.New(errs.Invalid, "drain has to be more than 0").WithCure("leave it out for 20s")
	}
	if _, _, err := net.SplitHostPort(c.Listen); err != nil {
		return errs.New(errs.Invalid, "%q is not an address to listen on", c.Listen).WithCure("write HOST:PORT, such as 127.0.0.1:8100 or :8100")
	}
	if c.Name == "" {
		name, err := os.Hostname()
		if err != nil {
			return err
		}
		c.Name = name
	}
	return c.Data.Make()
}
