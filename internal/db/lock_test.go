package db_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/db/dbtest"
	"github.com/paceline/paceline/internal/errs"
)

func TestGoldenLocks(t *testing.T) {
	var b strings.Builder
	for _, name := range db.DialectNames() {
		fmt.Fprintf(&b, "-- %s: shared, without waiting\n", name)
		for _, mode := range []db.LockMode{db.LockShared, db.LockNoWait} {
			text, _, err := db.RenderLock(name, mode, &candidates, []string{"task"}, 1, 2)
			if err != nil {
				t.Fatal(err)
			}
			b.WriteString(text + ";\n")
		}
	}
	golden(t, "lock.golden.sql", b.String())
}

// What one transaction has locked, another shares if both want to share it, and is
// refused at once if it wants it alone.
func TestReadLocked(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB) {
		addInstances(t, d, 1)
		read := func(ctx context.Context, tx *db.Tx, mode db.LockMode, id int) (status int, err error) {
			err = tx.ReadLocked(ctx, mode, &instances, []string{"status"}, id).Scan(&status)
			return status, err
		}
		err := d.Tx(t.Context(), func(ctx context.Context, tx *db.Tx) error {
			if _, err := read(ctx, tx, db.LockShared, 77); !errors.Is(err, db.ErrNoRows) {
				t.Errorf("no such row: %v", err)
			}
			if _, err := tx.Exec(ctx, "UPDATE instance SET status = 7 WHERE id = 1"); err != nil {
				return err
			}
			status, err := read(ctx, tx, db.LockNoWait, 1)
			if status != 7 {
				t.Errorf("status %d", status)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if d.Dialect() == "sqlite" { // which lets one in at a time
			return
		}
		err = d.Tx(t.Context(), func(ctx context.Context, tx *db.Tx) error {
			if _, err := read(ctx, tx, db.LockShared, 1); err != nil {
				return err
			}
			if d.Dialect() != "oracle" {
				err := d.Tx(t.Context(), func(ctx context.Context, other *db.Tx) error {
					_, err := read(ctx, other, db.LockShared, 1)
					return err
				})
				if err != nil {
					t.Errorf("a second reader: %v", err)
				}
			}
			tries := d.Stats().Retries
			err := d.Tx(t.Context(), func(ctx context.Context, other *db.Tx) error {
				_, err := read(ctx, other, db.LockNoWait, 1)
				return err
			})
			if !errors.Is(err, db.ErrLocked) || d.Stats().Retries != tries {
				t.Errorf("alone, while it is shared: %v after %d tries more", err, d.Stats().Retries-tries)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	})
}

// A shared row does not change before the transaction that shares it has ended.
func TestSharedRowDoesNotChange(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB) {
		if d.Dialect() == "sqlite" {
			t.Skip("one transaction at a time")
		}
		addInstances(t, d, 1)
		changed := make(chan error, 1)
		err := d.Tx(t.Context(), func(ctx context.Context, tx *db.Tx) error {
			var status int
			if err := tx.ReadLocked(ctx, db.LockShared, &instances, []string{"status"}, 1).Scan(&status); err != nil {
				return err
			}
			go func() {
				_, err := d.Exec(t.Context(), "UPDATE instance SET status = 5 WHERE id = 1")
				changed <- err
			}()
			select {
			case err := <-changed:
				t.Errorf("it was changed: %v", err)
				changed <- err
			case <-time.After(100 * time.Millisecond):
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		if err := <-changed; err != nil {
			t.Error(err)
		}
	})
}

// A client that falls silent within a transaction loses its locks.
func TestPatienceWithASilentClient(t *testing.T) {
	for _, kind := range []string{"postgres", "mariadb"} {
		t.Run(kind, func(t *testing.T) {
			dsn := dbtest.DSN(t, kind)
			other := dbtest.OpenDSN(t, dsn)
			if err := other.Migrate(t.Context(), migrations()); err != nil {
				t.Fatal(err)
			}
			addInstances(t, other, 1)
			d, err := db.Open(t.Context(), db.Config{DSN: dsn, Patience: 500 * time.Millisecond})
			if err != nil {
				t.Fatal(err)
			}
			defer d.Close()
			err = d.Tx(t.Context(), func(ctx context.Context, tx *db.Tx) error {
				if _, err := tx.Exec(ctx, "UPDATE instance SET status = 1 WHERE id = 1"); err != nil {
					return err
				}
				limit, cancel := context.WithTimeout(t.Context(), 15*time.Second)
				defer cancel()
				if _, err := other.Exec(limit, "UPDATE instance SET status = 2 WHERE id = 1"); err != nil {
					t.Errorf("the row is still locked: %v", err)
				}
				return nil
			})
			if err == nil {
				t.Error("the silent client could commit")
			}
			if status := count(t, other, "SELECT status FROM instance"); status != 2 {
				t.Errorf("status %d", status)
			}
		})
	}
}

// A server that does not answer holds up a patient handle for as long as it wants, but
// not one with Patience: neither a statement nor a commit.
func TestPatienceWithASilentServer(t *testing.T) {
	for _, kind := range []string{"postgres", "mariadb"} {
		t.Run(kind, func(t *testing.T) {
			server := dbtest.Own(t, kind, dbtest.Options{})
			dsn, _, err := server.Create(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if err := dbtest.OpenDSN(t, dsn).Migrate(t.Context(), migrations()); err != nil {
				t.Fatal(err)
			}
			d, err := db.Open(t.Context(), db.Config{DSN: dsn, Patience: 500 * time.Millisecond})
			if err != nil {
				t.Fatal(err)
			}
			defer d.Close()
			const write = "UPDATE instance SET status = 1"
			for what, call := range map[string]func(ctx context.Context) error{
				"commit": func(ctx context.Context) error {
					return d.Tx(ctx, func(ctx context.Context, tx *db.Tx) error {
						if _, err := tx.Exec(ctx, write); err != nil {
							return err
						}
						return server.Freeze()
					})
				},
				"statement": func(ctx context.Context) error {
					if err := server.Freeze(); err != nil {
						return err
					}
					_, err := d.Exec(ctx, write)
					return err
				},
			} {
				ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
				begin := time.Now()
				err := call(ctx)
				if took := time.Since(begin); took > 3*time.Second || !errors.Is(err, db.ErrUnknown) {
					t.Errorf("%s: %v after %v", what, err, took)
				}
				cancel()
				if err := server.Thaw(); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

func TestIncarnation(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB) {
		first, err := d.Incarnation(t.Context())
		if err != nil || first == "" {
			t.Fatalf("%q, %v", first, err)
		}
		if again, err := d.Incarnation(t.Context()); err != nil || again != first {
			t.Errorf("%q, then %q, %v", first, again, err)
		}
	})
}

func TestIncarnationOfAnExchangedFile(t *testing.T) {
	path := t.TempDir() + "/a.db"
	d, err := db.Open(t.Context(), db.Config{DSN: "sqlite:" + path})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if _, err := d.Incarnation(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path+".backup", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".backup", path); err != nil {
		t.Fatal(err)
	}
	if now, err := d.Incarnation(t.Context()); !errs.Is(err, errs.Conflict) {
		t.Errorf("%q, %v", now, err)
	}
}

func TestCheckSchema(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		if err := d.CheckSchema(t.Context(), nil); err != nil {
			t.Error(err)
		}
		if err := d.CheckSchema(t.Context(), migrations()); err == nil || !strings.Contains(err.Error(), "lacks 3 migrations") {
			t.Errorf("before: %v", err)
		}
		if err := d.Migrate(t.Context(), migrations()); err != nil {
			t.Fatal(err)
		}
		if err := d.CheckSchema(t.Context(), migrations()); err != nil {
			t.Errorf("after: %v", err)
		}
		if err := d.CheckSchema(t.Context(), nil); err == nil {
			t.Error("an older program finds nothing strange")
		}
	})
}
