package join

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/paceline/paceline/internal/config"
	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/trust"
)

// Settings are what a host keeps of the cluster's secrets, sealed with a key that is derived
// from its private one.
type Settings struct {
	DSN    string // of the database; see db.Config
	Secret []byte // of the Boosters, which unseals the authority's key; other hosts have none
	Key    []byte // of the servers, which seals secrets in the database; the same on all hosts
}

const (
	settingsFile    = "settings.sealed"
	settingsPurpose = "the settings of a host"
)

// ReadSettings opens the settings of the host that a data directory belongs to.
func ReadSettings(data config.Dir, id *trust.Identity) (s Settings, err error) {
	defer errs.Wrap(&err, "join.ReadSettings")
	secret, err := id.Secret()
	if err != nil {
		return s, err
	}
	return readSettings(data, secret)
}

func readSettings(data config.Dir, secret trust.Secret) (s Settings, err error) {
	sealed, err := os.ReadFile(filepath.Join(string(data), settingsFile))
	if errors.Is(err, fs.ErrNotExist) {
		return s, errs.New(errs.NotFound, "%s has no settings of a cluster", data).WithCure("join again with a new token")
	}
	if err != nil {
		return s, err
	}
	text, err := secret.Open(settingsPurpose, sealed)
	if err != nil {
		return s, err
	}
	return s, json.Unmarshal(text, &s)
}

// UseDatabase tells the roles of a host of another database, from their next start.
func UseDatabase(data config.Dir, id *trust.Identity, dsn string) (err error) {
	defer errs.Wrap(&err, "join.UseDatabase")
	secret, err := id.Secret()
	if err != nil {
		return err
	}
	s, err := readSettings(data, secret)
	if err != nil {
		return err
	}
	s.DSN = dsn
	return writeSettings(data, secret, s)
}

// writeSettings seals and writes them.
func writeSettings(data config.Dir, secret trust.Secret, s Settings) error {
	text, err := json.Marshal(s)
	if err != nil {
		return err
	}
	sealed, err := secret.Seal(settingsPurpose, text)
	if err != nil {
		return err
	}
	return config.Replace(filepath.Join(string(data), settingsFile), sealed)
}

// String hides what is secret from logs.
func (s Settings) String() string { return "[redacted]" }

// GoString hides it too.
func (s Settings) GoString() string { return s.String() }
