// Package connect does the machine work of processes that reaches other systems: it
// calls HTTP services, sends signed webhooks and mail, runs SQL in named databases, and
// computes with scripts. Each connector is a handler of one type of job.
//
// What always holds:
//
//   - What a connector is told is in the model: a declared input, or a fixed header of the
//     element. A ticket's data never becomes a parameter because its name fits.
//   - Secrets and addresses of databases and mail servers are in the configuration. A model
//     names them and never sees them, and a credential goes only to the hosts it is for.
//   - Connections go to public addresses, unless the configuration allows the network. What
//     counts is the address that is connected to, not the name that was asked for.
//   - Sizes and times are bounded. What trying again cannot cure is an incident at once.
//   - Effects carry the job's key, the same at every attempt, so that the other side can
//     tell a repeat.
package connect

import (
	"log/slog"
	"net/http"
	"time"

	"github.com/paceline/paceline/internal/connect/script"
	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/process"
)

// Config of the connectors. The zero value reaches public HTTP services and nothing else.
type Config struct {
	// Allow are the networks and addresses that may be reached although they are not
	// public, such as 10.1.0.0/16 or 192.168.1.20. The addresses where clouds answer with the
	// machine's own credentials are reached only when they are named one by one.
	Allow       []string      `yaml:"allow"`
	Credentials []Credential  `yaml:"credentials"`
	Mail        Mail          `yaml:"mail"`
	Databases   []Database    `yaml:"databases"`
	Script      script.Config `yaml:"script"`
}

// Credential is what a model's auth or secret names.
type Credential struct {
	Name string `yaml:"name"`
	// Hosts that it may be sent to: api.example.com, or *.example.com for those below it.
	Hosts    []string `yaml:"hosts"`
	User     string   `yaml:"user"` // basic authentication, with Password
	Password string   `yaml:"password" secret:"true"`
	Token    string   `yaml:"token" secret:"true"`  // bearer authentication
	Secret   string   `yaml:"secret" secret:"true"` // signs webhooks; whsec_ and base64, or plain text
	Clear    bool     `yaml:"clear"`                // user and token may go by http too: nobody else is on the way
}

// Deps are what the connectors work with.
type Deps struct {
	Now func() time.Time // time.Now where nil
	Log *slog.Logger
}

// Connectors do jobs. They are safe for use by many goroutines.
type Connectors struct {
	cfg       Config
	now       func() time.Time
	http      *http.Client
	databases map[string]*database
	script    *script.Sandbox // nil: this program has no sandbox
}

// New checks the configuration. It connects to nothing.
func New(cfg Config, deps Deps) (c *Connectors, err error) {
	defer errs.Wrap(&err, "connect.New")
	if deps.Now == nil {
		deps.Now = time.Now
	}
	if deps.Log == nil {
		deps.Log = slog.New(slog.DiscardHandler)
	}
	g, err := newGuard(cfg.Allow)
	if err != nil {
		return nil, err
	}
	for _, check := range []error{checkCredentials(cfg.Credentials), cfg.Mail.check()} {
		if check != nil {
			return nil, check
		}
	}
	c = &Connectors{cfg: cfg, now: deps.Now, http: newClient(g)}
	if c.databases, err = newDatabases(cfg.Databases, deps.Log); err != nil {
		return nil, err
	}
	if len(cfg.Script.Command) > 0 {
		c.script = script.New(cfg.Script)
	}
	return c, nil
}

// Handlers are the types of job that this configuration has the means for. Jobs of other types wait
// for a worker outside.
func (c *Connectors) Handlers() map[string]process.Handler {
	all := map[string]process.Handler{"http": c.doHTTP, "webhook": c.doWebhook}
	if c.cfg.Mail.Host != "" {
		all["mail"] = c.doMail
	}
	if len(c.databases) > 0 {
		all["sql"] = c.doSQL
	}
	if c.script != nil {
		all["script:javascript"] = c.doScript
	}
	return all
}

// Close ends idle connections. No job may be running.
func (c *Connectors) Close() error {
	c.http.CloseIdleConnections()
	return closeDatabases(c.databases)
}

func checkCredentials(all []Credential) error {
	seen := map[string]bool{}
	for _, k := range all {
		switch {
		case k.Name == "" || seen[k.Name]:
			return errs.New(errs.Invalid, "each credential needs a name of its own, and %q is none", k.Name)
		case len(k.Hosts) == 0:
			return errs.New(errs.Invalid, "the credential %s names no hosts", k.Name).
				WithCure("list the hosts that it may be sent to")
		case k.User == "" && k.Token == "" && k.Secret == "":
			return errs.New(errs.Invalid, "the credential %s holds nothing", k.Name).
				WithCure("give it user and password, token, or secret")
		}
		if _, err := signingKey(k.Secret); err != nil {
			return errs.New(errs.Invalid, "the secret of the credential %s is not base64 after whsec_", k.Name)
		}
		seen[k.Name] = true
	}
	return nil
}
