package join

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"time"

	"github.com/paceline/paceline/internal/config"
	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/trust"
)

// Entry is what a machine is told to join a cluster.
type Entry struct {
	Boosters  []string   // host:port, the primary first; at least one
	Token     string     // as it was made
	Data      config.Dir // of the host to be
	Name      string     // empty: the machine's
	Advertise string     // host or host:port at which the others reach it; empty: where it connects from
	Version   string     // of the program
}

// Entered is a machine that has become a host.
type Entered struct {
	Cluster  string        `json:"cluster"`
	Name     string        `json:"name"`
	Roles    []config.Role `json:"roles"`
	Boosters []string      `json:"boosters"`
	Version  string        `json:"version"` // of the Booster's program
}

// Enter joins the cluster and writes the host's files. If its answer is lost, entering again
// with the same token and data directory gives the same host.
func Enter(ctx context.Context, e Entry) (in Entered, err error) {
	defer errs.Wrap(&err, "join.Enter")
	token, err := parseToken(e.Token)
	if err != nil {
		return in, err
	}
	name, err := hostName(e.Name)
	if err != nil {
		return in, err
	}
	if len(e.Boosters) == 0 {
		return in, errs.New(errs.Invalid, "no Booster is named").WithCure("add --booster HOST:%d", BoosterPort)
	}
	if err := e.Data.Make(); err != nil {
		return in, err
	}
	candidate, err := trust.Prepare(e.Data, name)
	if err != nil {
		return in, err
	}
	var failed error
	for _, booster := range e.Boosters {
		a, err := ask(ctx, booster, token, candidate, e)
		if err == nil {
			return settle(e, booster, candidate, a)
		}
		failed = errors.Join(failed, err)
		if kind := errs.KindOf(err); kind != errs.Unavailable && kind != errs.Internal {
			return in, err // another Booster would say the same
		}
	}
	return in, failed
}

// ask asks one Booster.
func ask(ctx context.Context, booster string, token fullToken, candidate *trust.Candidate, e Entry) (a answer, err error) {
	address, err := JoinAddress(booster)
	if err != nil {
		return a, err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	raw, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return a, errs.New(errs.Unavailable, "the Booster %s cannot be reached at %s: %w", booster, address, err).
			WithCure("start it, and let the ports %d to %d through the firewall", BoosterPort, BoosterPort+joinOffset)
	}
	defer raw.Close()
	if err := raw.SetDeadline(time.Now().Add(patience)); err != nil {
		return a, err
	}
	conn := tls.Client(raw, believing(token.fingerprint))
	if err := conn.HandshakeContext(ctx); err != nil {
		if errs.Is(err, errs.Denied) {
			return a, err
		}
		return a, errs.New(errs.Unavailable, "the Booster %s does not let anybody join at %s: %w", booster, address, err).
			WithCure("after several failures it listens to an address again in a minute; look whether a Booster runs there")
	}
	q := question{Secret: token.secret, Advertise: e.Advertise, Version: e.Version}
	if q.Request, err = candidate.Request(); err != nil {
		return a, err
	}
	signed, err := proven(conn, q.Request)
	if err != nil {
		return a, err
	}
	if q.Proof, err = candidate.Prove(signed); err != nil {
		return a, err
	}
	if err := send(conn, q); err != nil {
		return a, errs.New(errs.Unavailable, "the Booster %s has hung up: %w", booster, err)
	}
	if err := receive(conn, &a); err != nil {
		return a, errs.New(errs.Unavailable, "the Booster %s gives no answer to this token", booster).
			WithCure("make a new token there, unless the Booster or its database is down")
	}
	if r := a.Refusal; r != nil {
		e := errs.New(r.Kind, "%s", r.Message)
		e.Cure = r.Cure
		return a, e
	}
	return a, nil
}

// believing is for talking to a Booster of the cluster whose authority has the fingerprint,
// and to nobody else.
func believing(fingerprint string) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13, NextProtos: []string{protocol},
		InsecureSkipVerify: true, // the fingerprint is what counts; see trust.CheckBooster
		VerifyConnection: func(state tls.ConnectionState) error {
			return trust.CheckBooster(state.PeerCertificates, fingerprint)
		},
	}
}

// settle writes the host's files, the certificate last: then it is a host.
func settle(e Entry, asked string, candidate *trust.Candidate, a answer) (in Entered, err error) {
	secret, err := candidate.Secret()
	if err != nil {
		return in, err
	}
	if err := writeSettings(e.Data, secret, a.Settings); err != nil {
		return in, err
	}
	place, err := parsePlace(a.Address, "")
	if err != nil {
		return in, err
	}
	h := &config.Host{Name: a.Name, Cluster: a.Cluster, Boosters: a.Boosters, Advertise: place.host, Roles: a.Roles, Listen: place.listen(a.Roles)}
	if len(h.Boosters) == 0 {
		h.Boosters = []string{asked}
	}
	if err := config.SaveHost(e.Data, h); err != nil {
		return in, err
	}
	if err := candidate.Accept(a.Authority, a.Certificate); err != nil {
		return in, err
	}
	return Entered{Cluster: a.Cluster, Name: a.Name, Roles: a.Roles, Boosters: h.Boosters, Version: a.Version}, nil
}
