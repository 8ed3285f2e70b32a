package join

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/org"
	"github.com/paceline/paceline/internal/service"
	"github.com/paceline/paceline/internal/trust"
)

// BoosterConfig is what the joining part of a Booster is told.
type BoosterConfig struct {
	Listen   string        // for machines that join; see JoinAddress
	Settings Settings      // of this host
	Life     time.Duration // of certificates; 0: trust.Life
	Look     time.Duration // between looks for removed hosts; 0: 1 s
	Version  string        // of the program
}

// BoosterDeps are what it works with.
type BoosterDeps struct {
	DB    *db.DB
	ID    *trust.Identity
	Audit func(ctx context.Context, tx *db.Tx, by *org.Actor, action, subject string, details any) error
	Cut   func(host string) // ends the connections of a removed host
	Ring  func(topic, key string)
	Now   func() time.Time
	Log   *slog.Logger
}

// Booster lets machines in, renews certificates and has removed hosts cut off. It is a service.Service. All
// Boosters of a cluster do it, none needs to lead.
type Booster struct {
	cfg   BoosterConfig
	deps  BoosterDeps
	watch *Watch
	sweep *service.Loop
	brake *brake

	mu   sync.Mutex // guards door
	door *door      // nil: closed
}

// JoinAddress is where a Booster that hosts reach at this address lets machines join: two ports on.
func JoinAddress(booster string) (string, error) {
	host, port, err := net.SplitHostPort(booster)
	if err != nil {
		host, port = booster, strconv.Itoa(BoosterPort)
	}
	n, err := strconv.Atoi(port)
	if err != nil || n < 0 || n > 65535-joinOffset {
		return "", errs.New(errs.Invalid, "%.300q is not the address of a Booster", booster).WithCure("write HOST:PORT, such as boost1.example.com:%d", BoosterPort)
	}
	if n == 0 {
		return net.JoinHostPort(host, "0"), nil
	}
	return net.JoinHostPort(host, strconv.Itoa(n+joinOffset)), nil
}

// NewBooster makes it; nothing listens yet.
func NewBooster(cfg BoosterConfig, deps BoosterDeps) *Booster {
	if cfg.Life == 0 {
		cfg.Life = trust.Life
	}
	b := &Booster{cfg: cfg, deps: deps, brake: newBrake(deps.Now)}
	b.watch = NewWatch(deps.DB, deps.ID, cfg.Look, deps.Cut, deps.Log)
	b.sweep = service.NewLoop(sweepEvery, b.forget)
	return b
}

// Look has the Booster look for removed hosts now.
func (b *Booster) Look() { b.watch.Ring() }

// Start listens. Whom the Booster knew to be revoked before it stopped it refuses from its
// first handshake on, and who was removed meanwhile as soon as it has looked.
func (b *Booster) Start(ctx context.Context) (err error) {
	defer errs.Wrap(&err, "join.Booster.Start")
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.door != nil {
		return nil
	}
	if b.door, err = openDoor(b.cfg.Listen, b.take); err != nil {
		return err
	}
	return errors.Join(b.watch.Start(ctx), b.sweep.Start(ctx))
}

// Stop ends what is under way.
func (b *Booster) Stop(ctx context.Context) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	var closed error
	if b.door != nil {
		closed = b.door.close()
		b.door = nil
	}
	return errors.Join(closed, b.watch.Stop(ctx), b.sweep.Stop(ctx))
}

// Addr is where machines join, after Start.
func (b *Booster) Addr() net.Addr {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.door.Addr()
}

// take decides whether a connection is listened to, and talks.
func (b *Booster) take(conn net.Conn) {
	from := addressOf(conn.RemoteAddr())
	if b.brake.enter(from) { // else nothing is said, and nothing is lost
		b.brake.leave(from, b.talk(conn, from))
	}
}

// talk is one join. It says whether the caller had a token of this cluster.
func (b *Booster) talk(raw net.Conn, from string) (good bool) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := raw.SetDeadline(time.Now().Add(patience)); err != nil {
		return false
	}
	conn := tls.Server(raw, b.deps.ID.OpenTLS(protocol))
	if err := conn.HandshakeContext(ctx); err != nil || conn.ConnectionState().NegotiatedProtocol != protocol {
		return false
	}
	a, known, err := b.answer(ctx, conn, from)
	b.note(a, from, known, err)
	switch {
	case !known:
		return false
	case err != nil:
		a = refuse(err)
	default:
		b.deps.Ring(TopicHost, a.Name)
	}
	_ = send(conn, a) // if it does not arrive, the host asks again
	return true
}

// note logs how a join ended.
func (b *Booster) note(a answer, from string, known bool, err error) {
	switch kind := errs.KindOf(err); {
	case err == nil:
		b.deps.Log.Info("a host has joined", "node", a.Name, "role", joinRoles(a.Roles), "from", from)
	case kind == errs.Internal || kind == errs.Unavailable:
		b.deps.Log.Error("a host could not join", "from", from, "err", err)
	default:
		b.deps.Log.Warn("a host was refused", "from", from, "known", known, "cause", err)
	}
}

// answer reads the question and decides. known says that the caller has a token of this
// cluster; nobody else is told anything.
func (b *Booster) answer(ctx context.Context, conn *tls.Conn, from string) (a answer, known bool, err error) {
	var q question
	if err := receive(conn, &q); err != nil {
		return a, false, errStranger
	}
	var id string
	err = b.deps.DB.QueryRow(ctx, "SELECT id FROM cluster_token WHERE hash = ?", hashSecret(q.Secret)).Scan(&id)
	if errors.Is(err, db.ErrNoRows) {
		err = errStranger
	}
	if err != nil {
		return a, false, err
	}
	signed, err := proven(conn, q.Request)
	if err != nil {
		return a, true, err
	}
	k, err := understand(q, signed)
	if err != nil {
		return a, true, err
	}
	k.from, k.inside = from, isInside(from)
	a, err = b.admit(ctx, k)
	return a, !errors.Is(err, errStranger), err
}

func addressOf(a net.Addr) string {
	host, _, err := net.SplitHostPort(a.String())
	if err != nil {
		return a.String()
	}
	return host
}

// isInside says whether an address is one of this machine's own.
func isInside(address string) bool {
	ip := net.ParseIP(address)
	if ip == nil || ip.IsLoopback() {
		return ip != nil
	}
	own, err := net.InterfaceAddrs()
	if err != nil {
		return false
	}
	for _, a := range own {
		if n, ok := a.(*net.IPNet); ok && n.IP.Equal(ip) {
			return true
		}
	}
	return false
}
