package db_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/errs"
)

func TestOpenRefuses(t *testing.T) {
	for dsn, want := range map[string]struct {
		says string
		kind errs.Kind
	}{
		"file.db":                              {"not a database address", errs.Invalid},
		"redis://u:secret@h/1":                 {"redis://u:***@h/1", errs.Invalid},
		"sqlite:":                              {"path of a file", errs.Invalid},
		"sqlite:/tmp/x?sync=sometimes":         {"expected full, normal or off", errs.Invalid},
		"mysql://u:secret@h":                   {"name of a database", errs.Invalid},
		"postgres://u:secret@127.0.0.1:1/x":    {"does not answer", errs.Unavailable},
		"postgres://u:secret@127.0.0.1:port/x": {"database address postgres://u:***@", errs.Invalid},
		"mysql://u:secret@127.0.0.1:1/x":       {"does not answer", errs.Unavailable},
		"sqlserver://u:secret@127.0.0.1:1":     {"does not answer", errs.Unavailable},
		"oracle://u:secret@127.0.0.1:1/x":      {"does not answer", errs.Unavailable},
	} {
		_, err := db.Open(t.Context(), db.Config{DSN: dsn})
		if err == nil || !strings.Contains(err.Error(), want.says) || errs.KindOf(err) != want.kind {
			t.Errorf("%s: %v", dsn, err)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: the password is in %v", dsn, err)
		}
	}
}

func TestRedact(t *testing.T) {
	for in, want := range map[string]string{
		"postgres://u:p@ss@h/db":             "postgres://u:***@h/db",
		"postgres://u@h/db?password=x&a=b":   "postgres://u@h/db?password=***&a=b",
		"sqlserver://h?user=u;Password=x;a=": "sqlserver://h?user=u;Password=***;a=",
		"sqlite:/a/b.db":                     "sqlite:/a/b.db",
	} {
		if got := db.Redact(in); got != want {
			t.Errorf("%s became %s", in, got)
		}
	}
}

func TestDefaultFile(t *testing.T) {
	dir := t.TempDir()
	dir = filepath.Join(dir, "new dir%41?b=#c")
	d, err := db.Open(t.Context(), db.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if err := d.Migrate(t.Context(), migrations()); err != nil {
		t.Fatal(err)
	}
	if err := d.Ping(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "paceline.db")); err != nil {
		t.Error(err)
	}
	if _, err := d.Query(t.Context(), "UPDATE instance SET status = 1 RETURNING id"); err == nil {
		t.Error("a query that writes was let through")
	}
	if d.Dialect() != "sqlite" {
		t.Error(d.Dialect())
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	if err := d.Close(); err != nil {
		t.Error("second close:", err)
	}
}
