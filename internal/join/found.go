package join

import (
	"context"
	"crypto/rand"
	"errors"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/paceline/paceline/internal/config"
	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/org"
	"github.com/paceline/paceline/internal/trust"
)

// BoosterPort is where Boosters listen for hosts, unless they are told otherwise. The next port is
// for the route between Boosters, the one after it for hosts that join.
const BoosterPort = 5169

// Founding is what a new cluster is told.
type Founding struct {
	Data      config.Dir
	DSN       string        // as all hosts reach the database; see db.Config.Address
	Name      string        // of the first host; empty: the machine's
	Advertise string        // host or host:port at which the others reach it; empty: the machine's name
	Roles     []config.Role // of the first host; empty: all
	Life      time.Duration // of its certificate; 0: trust.Life
	Key       []byte        // that the database's secrets are sealed with already; empty: a new one
}

// Founded is a new cluster.
type Founded struct {
	Cluster     string        `json:"cluster"` // id
	Name        string        `json:"name"`    // of the first host
	Roles       []config.Role `json:"roles"`
	Booster     string        `json:"booster"`     // where others join it
	Fingerprint string        `json:"fingerprint"` // of the authority
	Alone       bool          `json:"alone"`       // other machines cannot reach its database
}

// Found makes the database's cluster, with the machine as its first Booster. It may run
// beside a server that serves from the same data; a database that belongs to a cluster
// is errs.Conflict.
func Found(ctx context.Context, deps Deps, f Founding) (made Founded, err error) {
	defer errs.Wrap(&err, "join.Found")
	if f.Name, err = hostName(f.Name); err != nil {
		return made, err
	}
	place, err := parsePlace(f.Advertise, machineName())
	if err != nil {
		return made, err
	}
	if len(f.Roles) == 0 {
		f.Roles = config.Roles
	}
	if f.Life == 0 {
		f.Life = trust.Life
	}
	if err := f.Data.Make(); err != nil {
		return made, err
	}
	candidate, err := trust.Prepare(f.Data, f.Name)
	if err != nil {
		return made, err
	}
	made = Founded{Cluster: strings.ToLower(rand.Text()), Name: f.Name, Roles: f.Roles, Booster: place.booster(), Alone: db.ReachOf(f.DSN) != db.FromAnywhere}
	return made, found(ctx, deps, f, &made, candidate, place)
}

// found makes the authority and the first host. The Boosters' secret is kept in a file before
// the database has what it seals, so that a founding that was cut off can be finished.
func found(ctx context.Context, deps Deps, f Founding, made *Founded, candidate *trust.Candidate, place place) error {
	text, err := candidate.Request()
	if err != nil {
		return err
	}
	request, err := trust.ParseRequest(text)
	if err != nil {
		return err
	}
	own, err := candidate.Secret()
	if err != nil {
		return err
	}
	settings, err := foundersSettings(f, own)
	if err != nil {
		return err
	}
	secret, err := trust.SecretOf(settings.Secret)
	if err != nil {
		return err
	}
	if err := writeSettings(f.Data, own, settings); err != nil {
		return err
	}
	var authority *trust.Authority
	var certificate []byte
	err = deps.DB.Tx(ctx, func(ctx context.Context, tx *db.Tx) (err error) {
		authority, err = founded(ctx, tx, deps, f, made, request, secret)
		if err != nil {
			return err
		}
		certificate, err = issue(ctx, tx, authority, request, kindFor(f.Roles), deps.Now(), f.Life)
		return err
	})
	if err != nil {
		return err
	}
	made.Fingerprint = authority.Fingerprint()
	host := &config.Host{Name: f.Name, Cluster: made.Cluster, Boosters: []string{made.Booster}, Advertise: place.host, Roles: f.Roles, Listen: place.listen(f.Roles)}
	if err := config.SaveHost(f.Data, host); err != nil {
		return err
	}
	return candidate.Accept(authority.Certificate(), certificate)
}

// founded writes the cluster and its first host, or finds both from this founding's first
// attempt.
func founded(ctx context.Context, tx *db.Tx, deps Deps, f Founding, made *Founded, r trust.Request, secret trust.Secret) (*trust.Authority, error) {
	switch id, err := setting(ctx, tx, settingID); {
	case err == nil:
		var key string
		if err := lockHost(ctx, tx, f.Name, "public_key").Scan(&key); errors.Is(err, db.ErrNoRows) || err == nil && key != r.Key {
			return nil, errFounded()
		} else if err != nil {
			return nil, err
		}
		made.Cluster = string(id)
		return readAuthority(ctx, tx, secret)
	case !errors.Is(err, db.ErrNoRows):
		return nil, err
	}
	authority, err := trust.NewAuthority(made.Cluster, deps.Now())
	if err != nil {
		return nil, err
	}
	if err := insertSettings(ctx, tx, made.Cluster, authority, secret); err != nil {
		return nil, err
	}
	now, err := db.Now(ctx, tx)
	if err != nil {
		return nil, err
	}
	h := Host{Name: f.Name, Roles: f.Roles, Address: made.Booster}
	if err := insertHost(ctx, tx, h, "", r.Key, now); err != nil {
		return nil, err
	}
	return authority, deps.Audit(ctx, tx, org.System("cluster init"), "cluster.init", made.Cluster, map[string]any{"host": f.Name, "address": made.Booster})
}

// foundersSettings have the secrets that a first attempt has kept, else new ones.
func foundersSettings(f Founding, own trust.Secret) (Settings, error) {
	s, err := readSettings(f.Data, own)
	if err != nil && !errs.Is(err, errs.NotFound) {
		return s, err
	}
	s.DSN = f.DSN
	if len(s.Secret) == 0 {
		s.Secret = trust.NewSecret().Bytes()
	}
	if len(f.Key) > 0 {
		s.Key = f.Key
	} else if len(s.Key) == 0 {
		s.Key = trust.NewSecret().Bytes()
	}
	return s, nil
}

func insertSettings(ctx context.Context, tx *db.Tx, cluster string, authority *trust.Authority, secret trust.Secret) error {
	key, err := authority.Key()
	if err != nil {
		return err
	}
	sealed, err := secret.Seal(settingAuthorityKey, key)
	if err != nil {
		return err
	}
	free, err := tx.InsertIgnore(ctx, db.Row{Table: &settingTable, Values: []any{settingID, []byte(cluster)}})
	if err != nil {
		return err
	}
	if !free {
		return errFounded()
	}
	return tx.Insert(ctx,
		db.Row{Table: &settingTable, Values: []any{settingAuthority, authority.Certificate()}},
		db.Row{Table: &settingTable, Values: []any{settingAuthorityKey, sealed}})
}

func errFounded() error {
	return errs.New(errs.Conflict, "the database belongs to a cluster already").
		WithCure("join it: paceline token create on a Booster, then paceline join here; or name another --db")
}

// place is where a host is reached.
type place struct {
	host string
	port int // of its Booster
}

// parsePlace reads host or host:port; empty stands for the fallback.
func parsePlace(text, fallback string) (p place, err error) {
	if text == "" {
		return place{fallback, BoosterPort}, nil
	}
	host, port, err := net.SplitHostPort(text)
	if err != nil {
		host, port = strings.Trim(text, "[]"), strconv.Itoa(BoosterPort)
	}
	p.host = host
	p.port, err = strconv.Atoi(port)
	if err != nil || p.port < 1 || p.port > 65535-joinOffset || host == "" || len(host) > 255 || strings.ContainsAny(host, " /@") {
		return p, errs.New(errs.Invalid, "%.300q is not an address", text).WithCure("write HOST or HOST:PORT, such as boost1.example.com:%d", BoosterPort)
	}
	return p, nil
}

func (p place) at(port int) string { return net.JoinHostPort(p.host, strconv.Itoa(port)) }

// booster is where its Booster listens for hosts.
func (p place) booster() string { return p.at(p.port) }

// listen is where the host has to listen so that it is reached there: on a port of its own
// the Booster needs telling, and what is for this machine only is open to it only.
func (p place) listen(roles []config.Role) (l config.Listen) {
	ip := net.ParseIP(p.host)
	inside := ip != nil && ip.IsLoopback()
	if kindFor(roles) != trust.Booster || p.port == BoosterPort && !inside {
		return l
	}
	on := place{"", p.port}
	if inside {
		on.host = p.host
	}
	return config.Listen{Booster: on.at(p.port), Route: on.at(p.port + 1), Join: on.at(p.port + joinOffset)}
}
