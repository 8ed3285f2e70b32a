package join

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"github.com/paceline/paceline/internal/config"
	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/trust"
)

// Settings are what a host keeps of the cluster's secrets, sealed with a key that is derived
// from its private one.
type Settings struct {
	DSN      string // of the database; see db.Config
	Revision int64  // of the DSN: rises when the data go to another database; the higher one counts
	Secret   []byte // of the Boosters, which unseals the authority's key; other hosts have none
	Key      []byte // of the servers, which seals secrets in the database; the same on all hosts
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

// UseDatabase tells the roles of a host of another database, from their next start; the other hosts hear of it
// from the leader. The revision is that of the new settings.
func UseDatabase(data config.Dir, id *trust.Identity, dsn string) (revision int64, err error) {
	defer errs.Wrap(&err, "join.UseDatabase")
	secret, err := id.Secret()
	if err != nil {
		return 0, err
	}
	s, err := readSettings(data, secret)
	if err != nil {
		return 0, err
	}
	s.DSN, s.Revision = dsn, s.Revision+1
	return s.Revision, writeSettings(data, secret, s)
}

// Heed takes over what the leader knows of the database, if that is newer than what the host knows.
func Heed(data config.Dir, id *trust.Identity, newer Settings) (changed bool, err error) {
	defer errs.Wrap(&err, "join.Heed")
	secret, err := id.Secret()
	if err != nil {
		return false, err
	}
	s, err := readSettings(data, secret)
	if err != nil || newer.Revision <= s.Revision || newer.DSN == "" {
		return false, err
	}
	s.DSN, s.Revision, s.Key = newer.DSN, newer.Revision, newer.Key
	return true, writeSettings(data, secret, s)
}

// MarkMoved writes into a database that the cluster's data have left it, by the settings of that revision: hosts that
// have not heard of it do not work there.
func MarkMoved(ctx context.Context, d *db.DB, revision int64) (err error) {
	defer errs.Wrap(&err, "join.MarkMoved")
	value := []byte(strconv.FormatInt(revision, 10))
	return d.Tx(ctx, func(ctx context.Context, tx *db.Tx) error {
		free, err := tx.InsertIgnore(ctx, db.Row{Table: &settingTable, Values: []any{settingMoved, value}})
		if err == nil && !free {
			_, err = tx.Exec(ctx, "UPDATE cluster_setting SET value = ? WHERE name = ?", value, settingMoved)
		}
		return err
	})
}

// CheckMoved says whether the cluster's data have left a database, as a host with settings of that revision sees it.
func CheckMoved(ctx context.Context, q db.Queryer, revision int64) error {
	value, err := setting(ctx, q, settingMoved)
	if errors.Is(err, db.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	if moved, err := strconv.ParseInt(string(value), 10, 64); err != nil || moved <= revision {
		return err
	}
	return errs.New(errs.Conflict, "the cluster's data were moved to another database, of which this host has not heard").
		WithCure("it hears of it when a Booster leads there; or tell it: paceline migrate --no-copy --to DSN")
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
