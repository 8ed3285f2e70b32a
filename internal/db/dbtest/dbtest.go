// Package dbtest gives tests and benchmarks fresh, empty databases of every kind.
//
// PostgreSQL and MariaDB servers are started from the programs the distribution
// installs, on a socket in a directory of their own, once per process and only when
// asked for. They end, and their files go, when the process ends in whatever way.
package dbtest

import (
	"context"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/paceline/paceline/internal/db"
)

// Open opens a fresh database of a kind of Kinds, without any tables but those that db
// itself needs. It is dropped when the test ends. Where the server's programs are
// missing the test is skipped, or fails when REQUIRE_ALL=1.
func Open(t testing.TB, kind string) *db.DB {
	t.Helper()
	return OpenDSN(t, DSN(t, kind))
}

// OpenDSN opens another connection to a database of DSN.
func OpenDSN(t testing.TB, dsn string) *db.DB {
	t.Helper()
	d, err := db.Open(t.Context(), db.Config{DSN: dsn, Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	if err := d.Migrate(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	return d
}

// DSN is the address of a fresh, empty database, which is dropped when the test ends.
func DSN(t testing.TB, kind string) string {
	t.Helper()
	if kind == "sqlite" {
		return "sqlite:" + t.TempDir() + "/test.db?sync=off"
	}
	if dsn := externalDSN(t, kind); dsn != "" {
		return dsn
	}
	server, err := shared(kind)
	if err != nil {
		lacking(t, err)
	}
	dsn, drop, err := server.Create(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		if err := drop(ctx); err != nil {
			t.Error(err)
		}
	})
	return dsn
}

// Each runs the test as a subtest on every database of Kinds.
func Each(t *testing.T, run func(t *testing.T, d *db.DB)) {
	t.Helper()
	for _, kind := range Kinds() {
		t.Run(kind, func(t *testing.T) { run(t, Open(t, kind)) })
	}
}

// Own starts a server for this test alone, which may do with it what it wants.
func Own(t testing.TB, kind string, o Options) *Server {
	t.Helper()
	server, err := Start(kind, o)
	if err != nil {
		lacking(t, err)
	}
	t.Cleanup(server.Stop)
	return server
}

// lacking skips the test, or fails it where everything is expected to be installed.
func lacking(t testing.TB, err error) {
	t.Helper()
	if os.Getenv("REQUIRE_ALL") == "1" {
		t.Fatal(err)
	}
	t.Skip(err)
}

var servers struct {
	sync.Mutex
	byKind map[string]*start
}

type start struct {
	server *Server
	err    error
}

// shared starts the server of this process, or finds it started.
func shared(kind string) (*Server, error) {
	servers.Lock()
	defer servers.Unlock()
	if s := servers.byKind[kind]; s != nil {
		return s.server, s.err
	}
	if servers.byKind == nil {
		servers.byKind = make(map[string]*start)
	}
	s := &start{}
	s.server, s.err = Start(kind, Options{})
	servers.byKind[kind] = s
	return s.server, s.err
}
