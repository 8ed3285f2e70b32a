package join

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/paceline/paceline/internal/config"
	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/db/dbtest"
	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/org"
	"github.com/paceline/paceline/internal/trust"
)

// dsn is what hosts are told; the tests use a database of their own.
const dsn = "postgres://paceline:the-password@db.example/paceline"

// world is a cluster with one Booster that lets hosts join on a free port.
type world struct {
	t       *testing.T
	db      *db.DB
	data    config.Dir
	made    Founded
	id      *trust.Identity
	cluster *Cluster
	booster *Booster
	log     *buffer

	mu    sync.Mutex
	deeds []string
	cut   chan string
}

func onEach(t *testing.T, run func(t *testing.T, w *world)) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) { run(t, newWorld(t, d)) })
}

// one is a world on SQLite, for what the database has no part in.
func one(t *testing.T) *world { return newWorld(t, dbtest.Open(t, dbtest.Kinds()[0])) }

func newWorld(t *testing.T, d *db.DB) *world {
	t.Helper()
	w := &world{t: t, db: d, data: config.Dir(t.TempDir()), log: &buffer{}, cut: make(chan string, 100)}
	must(t, d.Migrate(t.Context(), migrations()))
	w.cluster = NewCluster(w.deps())
	made, err := Found(t.Context(), w.deps(), Founding{Data: w.data, DSN: dsn, Name: "first", Advertise: "127.0.0.1:7000"})
	must(t, err)
	w.made = made
	w.id, w.booster = w.start(w.data)
	return w
}

// start starts the Booster of a host.
func (w *world) start(data config.Dir) (*trust.Identity, *Booster) {
	w.t.Helper()
	id, err := trust.Open(data)
	must(w.t, err)
	settings, err := ReadSettings(data, id)
	must(w.t, err)
	b := NewBooster(BoosterConfig{Listen: "127.0.0.1:0", Settings: settings, Look: 20 * time.Millisecond, Version: "test"}, w.boosterDeps(id))
	must(w.t, b.Start(w.t.Context()))
	w.t.Cleanup(func() { must(w.t, b.Stop(context.Background())) })
	return id, b
}

func (w *world) deps() Deps {
	return Deps{DB: w.db, Audit: w.audit, Ring: func(string, string) {}, Now: time.Now}
}

func (w *world) boosterDeps(id *trust.Identity) BoosterDeps {
	return BoosterDeps{
		DB: w.db, ID: id, Audit: w.audit, Cut: func(host string) { w.cut <- host }, Ring: func(string, string) {}, Now: time.Now,
		Log: slog.New(slog.NewJSONHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
}

func (w *world) audit(_ context.Context, _ *db.Tx, _ *org.Actor, action, subject string, _ any) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.deeds = append(w.deeds, action+" "+subject)
	return nil
}

// token makes one.
func (w *world) token(d TokenDraft) (Token, string) {
	w.t.Helper()
	t, secret, err := w.cluster.CreateToken(w.t.Context(), root(), d)
	must(w.t, err)
	return t, secret
}

// entry is how a machine of the name asks the world's Booster.
func (w *world) entry(name, token string) Entry {
	return Entry{Boosters: []string{before(w.booster)}, Token: token, Data: config.Dir(w.t.TempDir()), Name: name, Version: "test"}
}

// enter has a new machine join.
func (w *world) enter(name string, roles ...config.Role) (config.Dir, *trust.Identity) {
	w.t.Helper()
	_, token := w.token(TokenDraft{Roles: roles})
	e := w.entry(name, token)
	_, err := Enter(w.t.Context(), e)
	must(w.t, err)
	id, err := trust.Open(e.Data)
	must(w.t, err)
	return e.Data, id
}

// before is the address that a person would type for the Booster.
func before(b *Booster) string {
	host, port, _ := net.SplitHostPort(b.Addr().String())
	n, _ := strconv.Atoi(port)
	return net.JoinHostPort(host, strconv.Itoa(n-joinOffset))
}

func root() *org.Actor { return org.System("root") }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func refusedAs(t *testing.T, err error, kind errs.Kind) {
	t.Helper()
	if !errs.Is(err, kind) {
		t.Errorf("%v, want an error of kind %s", err, kind)
	}
}

// buffer is a log.
type buffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}
