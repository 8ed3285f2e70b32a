package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/paceline/paceline/internal/config"
	"github.com/paceline/paceline/internal/errs"
)

type database struct {
	DSN  string `yaml:"dsn" secret:"true"`
	Size int    `yaml:"size"`
}

type all struct {
	Listen string            `yaml:"listen"`
	Idle   time.Duration     `yaml:"idle"`
	Roles  []string          `yaml:"roles"`
	DB     database          `yaml:"db"`
	Labels map[string]string `yaml:"labels"`
	Peers  []database        `yaml:"peers"`
}

func write(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "paceline.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestEnvironmentStandsAboveFileAboveDefaults(t *testing.T) {
	cfg := all{Listen: ":8100", Idle: time.Hour, DB: database{Size: 4}}
	file := write(t, "idle: 30m\ndb: {dsn: file.db, size: 8}\nlabels: {zone: a}\n")
	err := config.Load(&cfg, file, []string{"PACELINE_DB_DSN=postgres://x", "PACELINE_ROLES=server,storage", "PACELINE_DB_SIZEX=1", "HOME=/"})
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Listen != ":8100" || cfg.Idle != 30*time.Minute || cfg.DB.DSN != "postgres://x" || cfg.DB.Size != 8 ||
		cfg.Labels["zone"] != "a" || !slices.Equal(cfg.Roles, []string{"server", "storage"}) {
		t.Errorf("loaded %+v", cfg)
	}
}

func TestNoFileAndAnEmptyFileAreFine(t *testing.T) {
	for _, file := range []string{filepath.Join(t.TempDir(), "none.yaml"), write(t, ""), write(t, "# only a remark\n")} {
		cfg := all{Listen: ":8100"}
		if err := config.Load(&cfg, file, nil); err != nil || cfg.Listen != ":8100" {
			t.Errorf("%s: %v, %+v", file, err, cfg)
		}
	}
}

func TestWrongInputNamesPlaceAndCure(t *testing.T) {
	tests := []struct{ name, text, place, message string }{
		{"misspelt key", "lisen: x\n", "paceline.yaml:1", `did you mean "listen"?`},
		{"unknown key in a list", "listen: x\npeers:\n  - dsm: y\n", "paceline.yaml:3", `did you mean "dsn"?`},
		{"a key far from all", "db:\n  colour: red\n", "paceline.yaml:2", "known here: dsn, size"},
		{"wrong type", "db:\n  size: many\n", "paceline.yaml", "line 2: cannot unmarshal"},
		{"alias", "listen: &a x\nlabels: {b: *a}\n", "paceline.yaml:2", "aliases are not accepted"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := config.Load(new(all), write(t, tt.text), nil)
			var e *errs.Error
			if !errors.As(err, &e) || e.Kind != errs.Invalid || len(e.Details) == 0 {
				t.Fatalf("got %v", err)
			}
			if d := e.Details[0]; d.Place != tt.place || !strings.Contains(d.Message, tt.message) {
				t.Errorf("got %s: %s", d.Place, d.Message)
			}
		})
	}
	for _, text := range []string{"a: [", "listen: a\n---\nlisten: b\n", "listen: a\nlisten: b\n", "\x00"} {
		if err := config.Load(new(all), write(t, text), nil); !errs.Is(err, errs.Invalid) {
			t.Errorf("%q: %v", text, err)
		}
	}
	if err := config.Load(new(all), "", []string{"PACELINE_DB_SIZE=many"}); err == nil || !strings.Contains(err.Error(), "PACELINE_DB_SIZE") {
		t.Errorf("variable: %v", err)
	}
}

func TestSecretsAreNotPrinted(t *testing.T) {
	cfg := all{Listen: ":1", DB: database{DSN: "postgres://u:hunter2@h/d"}, Peers: []database{{DSN: "hunter2"}}}
	text := config.Print(cfg)
	if strings.Contains(text, "hunter2") || !strings.Contains(text, "[redacted]") || !strings.Contains(text, "listen: :1") {
		t.Errorf("printed %s", text)
	}
	if cfg.DB.DSN != "postgres://u:hunter2@h/d" {
		t.Error("printing changed the configuration")
	}
}

func TestDirIsItsOwnersAlone(t *testing.T) {
	dir := config.Dir(filepath.Join(t.TempDir(), "data"))
	if err := dir.Make(); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(string(dir)); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if filepath.Dir(dir.File()) != string(dir) || filepath.Base(dir.Database()) != "paceline.db" {
		t.Error(dir.File(), dir.Database())
	}
}
