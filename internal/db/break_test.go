package db_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/db/dbtest"
	"github.com/paceline/paceline/internal/errs"
)

// killers end the connections of a server that are waiting for a lock, and say how many.
var killers = map[string]string{
	"postgres": "SELECT count(*) FROM (SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock') k",
	"mariadb":  "SELECT id FROM information_schema.processlist WHERE db = database() AND info LIKE '%FOR UPDATE' AND id <> connection_id()",
}

// The connection breaks in the middle of a commit. The outcome is then unknown to the
// committer, and whole or nothing in the database; the next commit works.
func TestBrokenConnection(t *testing.T) {
	for kind, kill := range killers {
		t.Run(kind, func(t *testing.T) {
			d := dbtest.Open(t, kind)
			if err := d.Migrate(t.Context(), migrations()); err != nil {
				t.Fatal(err)
			}
			addInstances(t, d, 2)
			outcomes := make(chan []error, 1)
			err := d.Tx(t.Context(), func(ctx context.Context, tx *db.Tx) error {
				if _, err := tx.Exec(ctx, "UPDATE instance SET status = 1 WHERE id = 1"); err != nil {
					return err
				}
				go func() { outcomes <- d.Commit(t.Context(), []*db.Change{claimed(1, 1, "a"), claimed(2, 1, "b")}) }()
				killWaiting(t, d, kind, kill)
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			for i, err := range <-outcomes {
				if !errors.Is(err, db.ErrUnknown) {
					t.Errorf("change %d: %v", i, err)
				}
			}
			for id := int64(1); id <= 2; id++ {
				version := count(t, d, "SELECT version FROM instance WHERE id = ?", id)
				written := count(t, d, "SELECT count(*) FROM history WHERE instance = ?", id)
				if version != 1+written {
					t.Errorf("instance %d is half written", id)
				}
				// What callers do: send it again with its claim.
				again := commitOne(t, d, claimed(id, int64(version), []string{"", "a", "b"}[id]))
				var was *db.Claimed
				if errors.As(again, &was) != (written == 1) || written == 0 && again != nil {
					t.Errorf("again: %v", again)
				}
			}
		})
	}
}

// killWaiting waits until a connection waits for a lock, and ends it.
func killWaiting(t *testing.T, d *db.DB, kind, kill string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	for n := 0; n == 0; {
		err := d.QueryRow(ctx, kill).Scan(&n)
		if err != nil && !errors.Is(err, db.ErrNoRows) {
			t.Error(err)
			return
		}
		if n > 0 && kind == "mariadb" {
			if _, err := d.Query(ctx, "KILL CONNECTION ?", n); err != nil {
				t.Error(err)
			}
		}
	}
}

// A server that is not there is told at once, and nothing is unknown.
func TestServerAway(t *testing.T) {
	server := dbtest.Own(t, "postgres", dbtest.Options{})
	dsn, _, err := server.Create(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	d := dbtest.OpenDSN(t, dsn)
	server.Stop()
	outcome := commitOne(t, d, &db.Change{Claims: []db.Claim{{Key: "k"}}})
	if outcome == nil {
		t.Error("a commit without a server succeeded")
	}
	outcome = commitOne(t, d, &db.Change{Claims: []db.Claim{{Key: "k"}}})
	if outcome == nil || errors.Is(outcome, db.ErrUnknown) {
		t.Errorf("without a connection: %v", outcome)
	}
}

func TestEndedContextStopsACommit(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB) {
		addInstances(t, d, 1)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := d.Commit(ctx, []*db.Change{step(1, 1)})[0]; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		if err := commitOne(t, d, step(1, 1)); err != nil {
			t.Error(err)
		}
	})
}

// A server that was restarted leaves broken connections in the pools. Where the driver
// finds that before it sends, nobody notices; PostgreSQL's does not look at connections
// that were used within the last second, and then the outcome is unknown, never wrong.
func TestStaleConnections(t *testing.T) {
	for kind, list := range map[string]string{
		"postgres": "SELECT pid FROM pg_stat_activity WHERE application_name = 'paceline' AND pid <> pg_backend_pid()",
		"mariadb":  "SELECT id FROM information_schema.processlist WHERE db = database() AND id <> connection_id()",
	} {
		t.Run(kind, func(t *testing.T) {
			dsn := dbtest.DSN(t, kind)
			d, other := dbtest.OpenDSN(t, dsn), dbtest.OpenDSN(t, dsn)
			if err := d.Migrate(t.Context(), migrations()); err != nil {
				t.Fatal(err)
			}
			addInstances(t, d, 5)
			restart := func() {
				ids, err := db.All(t.Context(), other, func(s db.Scanner) (id int, err error) { return id, s.Scan(&id) }, list)
				if err != nil || len(ids) == 0 {
					t.Fatal(ids, err)
				}
				for _, id := range ids {
					kill := "KILL CONNECTION ?"
					if kind == "postgres" {
						kill = "SELECT pg_terminate_backend(?)"
					}
					rows, err := other.Query(t.Context(), kill, id)
					if err != nil {
						t.Fatal(err)
					}
					rows.Close()
				}
				for left := 1; left > 0; {
					left = count(t, other, "SELECT count(*) FROM ("+list+") l")
				}
			}
			writes := map[string]func() error{
				"Commit": func() error { return commitOne(t, d, step(1, 1)) },
				"Tx": func() error {
					return d.Insert(t.Context(), db.Row{Table: &candidates, Values: []any{1, 1}})
				},
				"Exec":  func() error { _, err := d.Exec(t.Context(), "UPDATE instance SET status = 3"); return err },
				"Query": func() error { return d.Ping(t.Context()) },
			}
			// A connection that was used within the last second is not looked at before it is used
			// again; each such one may fail once.
			patiently := func(name string, write func() error) {
				err := write()
				for tries := 0; tries < 30 && kind == "postgres" && errs.Is(err, errs.Unavailable); tries++ {
					err = write()
				}
				if err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
			for name, write := range writes {
				serial := 0
				patiently("open a connection for "+name, func() error {
					serial++ // a claim whose outcome is unknown may be there
					return commitOne(t, d, &db.Change{Claims: []db.Claim{{Key: fmt.Sprint(name, serial)}}})
				})
				restart()
				patiently(name, write)
			}
		})
	}
}

func TestEndedContextRollsBackATx(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB) {
		ctx, cancel := context.WithCancel(t.Context())
		err := d.Tx(ctx, func(ctx context.Context, tx *db.Tx) error {
			err := tx.Insert(ctx, db.Row{Table: &candidates, Values: []any{1, 1}})
			cancel()
			return err
		})
		if !errors.Is(err, context.Canceled) || count(t, d, "SELECT count(*) FROM task_candidate") != 0 {
			t.Error(err)
		}
	})
}
