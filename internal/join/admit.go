package join

import (
	"context"
	"crypto/sha256"
	"errors"
	"time"

	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/org"
	"github.com/paceline/paceline/internal/trust"
)

// errStranger says that somebody has no token of this cluster. It is not told to them.
var errStranger = errs.New(errs.Denied, "no such join token")

// knock is a machine that asks to be let in.
type knock struct {
	question
	request trust.Request
	from    string // its address
	inside  bool   // it is the Booster's own machine
}

// admission is a token as it was found for a knock.
type admission struct {
	token Token
	again bool // the same host was let in by it before, and asks once more
}

// admit lets a machine in, or says why not. It is one transaction, which takes the use of the token,
// makes the host and issues the certificate.
func (b *Booster) admit(ctx context.Context, k knock) (a answer, err error) {
	place, err := parsePlace(k.Advertise, k.from)
	if err != nil {
		return a, err
	}
	authority, err := b.authority(ctx)
	if err != nil {
		return a, err
	}
	a = answer{Cluster: b.deps.ID.Cluster(), Name: k.request.Name, Authority: authority.Certificate(), Version: b.cfg.Version}
	a.Settings = b.cfg.Settings
	a.Settings.Secret = nil
	err = b.deps.DB.Tx(ctx, func(ctx context.Context, tx *db.Tx) error {
		adm, err := b.consume(ctx, tx, k)
		if err != nil {
			return err
		}
		a.Roles, a.Address = adm.token.Roles, place.host
		if kindFor(a.Roles) == trust.Booster {
			a.Address, a.Settings.Secret = place.booster(), b.cfg.Settings.Secret
		}
		if !adm.again {
			if err := b.enroll(ctx, tx, k, adm.token, a.Address); err != nil {
				return err
			}
		}
		if a.Certificate, err = issue(ctx, tx, authority, k.request, kindFor(a.Roles), b.deps.Now(), b.cfg.Life); err != nil {
			return err
		}
		a.Boosters, err = boosters(ctx, tx)
		return err
	})
	return a, err
}

// consume finds the token and takes one use of it. The update holds what the token allows
// against others who ask at the same moment.
func (b *Booster) consume(ctx context.Context, tx *db.Tx, k knock) (a admission, err error) {
	a.token, err = scanToken(tx.QueryRow(ctx,
		"SELECT id, roles, uses, used, creator, created, expires, revoked, {now} FROM cluster_token WHERE hash = ?", hashSecret(k.Secret)))
	if errors.Is(err, db.ErrNoRows) {
		return a, errStranger
	}
	if err != nil {
		return a, err
	}
	if err := b.reachable(k); err != nil {
		return a, err
	}
	var key, token string
	err = lockHost(ctx, tx, k.request.Name, "public_key", "token").Scan(&key, &token)
	if err != nil && !errors.Is(err, db.ErrNoRows) {
		return a, err
	}
	if a.again = err == nil && key == k.request.Key && token == a.token.ID; a.again && a.token.State == "used" {
		return a, nil
	}
	if a.token.State != "open" {
		return a, refusedToken(a.token)
	}
	if a.again {
		return a, nil
	}
	n, err := tx.Exec(ctx, "UPDATE cluster_token SET used = used + 1 WHERE id = ? AND used < uses AND revoked = 0 AND expires > {now}", a.token.ID)
	if err == nil && n == 0 {
		a.token.State = "used"
		err = refusedToken(a.token)
	}
	return a, err
}

func refusedToken(t Token) error {
	what := map[string]string{"used": "has been used", "expired": "has expired", "revoked": "was revoked"}[t.State]
	return errs.New(errs.Denied, "the join token %s %s", t.ID, what).WithCure("make a new one on a Booster: paceline token create")
}

// reachable refuses a host that could not use the cluster's database.
func (b *Booster) reachable(k knock) error {
	if k.inside {
		return nil
	}
	switch db.ReachOf(b.cfg.Settings.DSN) {
	case db.FromFile:
		return errs.New(errs.Unsupported, "this cluster keeps its data in a SQLite file, which other machines cannot share").
			WithCure("move it to PostgreSQL, MySQL, MariaDB, SQL Server or Oracle first: paceline migrate --to DSN on the Booster's machine")
	case db.FromHere:
		return errs.New(errs.Unsupported, "the cluster's database is known by an address that only the Booster's own machine can use").
			WithCure("make the cluster with an address of the database that all hosts reach: paceline cluster init --db DSN")
	}
	return nil
}

// enroll makes the host.
func (b *Booster) enroll(ctx context.Context, tx *db.Tx, k knock, t Token, address string) error {
	now, err := db.Now(ctx, tx)
	if err != nil {
		return err
	}
	h := Host{Name: k.request.Name, Roles: t.Roles, Address: address}
	if err := insertHost(ctx, tx, h, t.ID, k.request.Key, now); err != nil {
		return err
	}
	by := org.System("join token " + t.ID)
	by.Address = k.from
	return b.deps.Audit(ctx, tx, by, "host.join", h.Name, map[string]any{"roles": h.Roles, "address": address, "version": k.Version})
}

// issue signs a certificate and notes it.
func issue(ctx context.Context, tx *db.Tx, a *trust.Authority, r trust.Request, kind trust.Kind, now time.Time, life time.Duration) ([]byte, error) {
	text, cert, err := a.Issue(r, kind, now, life)
	if err != nil {
		return nil, err
	}
	return text, tx.Insert(ctx, db.Row{Table: &certificateTable, Values: []any{
		trust.Serial(cert), r.Name, db.Micros(now), db.Micros(cert.NotAfter), 0}})
}

// lockHost reads a host that gets a certificate, and keeps it from being removed meanwhile.
func lockHost(ctx context.Context, tx *db.Tx, name string, columns ...string) db.Scanner {
	return tx.ReadLocked(ctx, db.LockShared, &hostTable, columns, name)
}

// authority unseals the authority's key for the time of one use.
func (b *Booster) authority(ctx context.Context) (*trust.Authority, error) {
	secret, err := trust.SecretOf(b.cfg.Settings.Secret)
	if err != nil {
		return nil, errs.New(errs.Denied, "this host has not the Boosters' secret").WithCure("join again with a token of role booster")
	}
	return readAuthority(ctx, b.deps.DB, secret)
}

func readAuthority(ctx context.Context, q db.Queryer, secret trust.Secret) (*trust.Authority, error) {
	cert, err := setting(ctx, q, settingAuthority)
	if err != nil {
		return nil, err
	}
	sealed, err := setting(ctx, q, settingAuthorityKey)
	if err != nil {
		return nil, err
	}
	key, err := secret.Open(settingAuthorityKey, sealed)
	if err != nil {
		return nil, err
	}
	return trust.ParseAuthority(cert, key)
}

// Renew signs a new certificate for a host of the cluster. Only the holder of the host's private key can
// have made the request, so it does not matter who brings it.
func (b *Booster) Renew(ctx context.Context, request []byte) (certificate []byte, err error) {
	defer errs.Wrap(&err, "join.Renew")
	r, err := trust.ParseRequest(request)
	if err != nil {
		return nil, err
	}
	authority, err := b.authority(ctx)
	if err != nil {
		return nil, err
	}
	err = b.deps.DB.Tx(ctx, func(ctx context.Context, tx *db.Tx) error {
		var key, roles string
		err := lockHost(ctx, tx, r.Name, "public_key", "roles").Scan(&key, &roles)
		if errors.Is(err, db.ErrNoRows) || err == nil && key != r.Key {
			return errs.New(errs.Denied, "there is no host %s with this key", r.Name).WithCure("let it join again with a new token")
		}
		if err != nil {
			return err
		}
		certificate, err = issue(ctx, tx, authority, r, kindFor(splitRoles(roles)), b.deps.Now(), b.cfg.Life)
		return err
	})
	return certificate, err
}

// understand checks all of a question that needs no database.
func understand(q question, proven []byte) (k knock, err error) {
	if len(q.Secret) > 100 || len(q.Advertise) > 300 || len(q.Version) > 100 {
		return k, errs.New(errs.Invalid, "the question is too long")
	}
	k.question = q
	if k.request, err = trust.ParseRequest(q.Request); err != nil {
		return k, err
	}
	if digest := sha256.Sum256(proven); !k.request.Verify(digest[:], q.Proof) {
		return k, errs.New(errs.Denied, "the request for a certificate was not signed for this connection")
	}
	return k, nil
}
