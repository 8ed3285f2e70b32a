package db

import (
	"path/filepath"
	"testing"
)

func TestReach(t *testing.T) {
	for dsn, want := range map[string]Reach{
		"":                              FromFile,
		"sqlite:/var/paceline.db":       FromFile,
		"postgres://u:p@db.example/app": FromAnywhere,
		"postgres://u:p@10.0.0.5/app":   FromAnywhere,
		"postgres://u:p@localhost/app":  FromHere,
		"postgres://u@/app?host=/run":   FromHere,
		"mysql://u:p@127.0.0.1:3306/a":  FromHere,
		"mysql://u:p@[::1]:3306/a":      FromHere,
		"mysql://u@/a?socket=/run/m":    FromHere,
	} {
		if got := ReachOf(dsn); got != want {
			t.Errorf("%s: %d, want %d", dsn, got, want)
		}
	}
}

func TestAddressIsAbsolute(t *testing.T) {
	here, _ := filepath.Abs(".")
	for _, c := range []struct {
		cfg  Config
		want string
	}{
		{Config{Dir: "data"}, "sqlite:" + here + "/data/paceline.db"},
		{Config{DSN: "sqlite:a/b.db?sync=off"}, "sqlite:" + here + "/a/b.db?sync=off"},
		{Config{DSN: "postgres://u:p@db/app"}, "postgres://u:p@db/app"},
	} {
		if got, err := c.cfg.Address(); err != nil || got != c.want {
			t.Errorf("%q, %v; want %q", got, err, c.want)
		}
	}
}
