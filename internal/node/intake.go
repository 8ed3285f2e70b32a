package node

import (
	"context"
	"crypto/sha256"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/paceline/paceline/internal/app"
	"github.com/paceline/paceline/internal/calendar"
	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/intake"
	"github.com/paceline/paceline/internal/org"
	"github.com/paceline/paceline/internal/process"
	"github.com/paceline/paceline/internal/service"
	"github.com/paceline/paceline/internal/ticket"
	"github.com/paceline/paceline/internal/trust"
)

// lookEvery is how often a node looks for due schedules.
const lookEvery = time.Second

// makeIntake makes what schedules and webhooks come in by.
func (n *Node) makeIntake() error {
	vault, err := openVault(n.cfg)
	if err != nil {
		return err
	}
	n.intake = intake.New(intake.Deps{
		DB: n.db, NewID: n.member.NewID, Open: n.openFor, Message: n.process.Correlate, Post: n.process.Post, Signal: n.process.RaiseSignal,
		Calendar: n.calendarFor, Audit: n.org.Audit, Vault: vault, Now: n.cfg.Now, Log: n.cfg.Log,
	})
	n.intakeLoop = service.NewLoop(lookEvery, n.watching("schedules", n.intake.Look))
	return nil
}

// openFor opens a ticket in somebody's name.
func (n *Node) openFor(ctx context.Context, o intake.Opening) (process.Reached, error) {
	opened, err := n.tickets.OpenFor(ctx, o.Requester, ticket.Draft{App: o.App, Kind: o.Kind, Data: o.Data, Note: o.Note, With: o.With})
	return process.Reached{Ticket: opened.ID, Instance: opened.ID, Started: true}, err
}

// calendarFor finds a calendar for an app, whose own come first; default is what counts where nothing is said.
func (n *Node) calendarFor(app, name string) (*calendar.Calendar, bool) {
	if name == "default" {
		return n.hours.Calendar(0, "", "")
	}
	return n.hours.Named(app, name)
}

// imported takes over what a bundle has beside its processes, in the transaction that makes a version active.
func (n *Node) imported(ctx context.Context, tx *db.Tx, by *org.Actor, l *app.Loaded) error {
	if err := n.hours.Import(ctx, tx, by, l.App, l.Calendars); err != nil {
		return err
	}
	own := map[string]*calendar.Calendar{}
	for _, spec := range l.Calendars {
		cal, err := calendar.New(spec, "")
		if err != nil {
			return err
		}
		own[spec.Name] = cal
	}
	if err := n.intake.ImportSchedules(ctx, tx, by, l.App, l.Schedules, own); err != nil {
		return err
	}
	return n.intake.ImportHooks(ctx, tx, by, l.App, l.Hooks)
}

// keyFile holds the key that secrets in the database are sealed with, where the configuration has none.
const keyFile = "secret.key"

// openVault finds that key, and makes one at the first start. Servers on one database need the same: those of a
// cluster have it from the cluster.
func openVault(cfg Config) (secret trust.Secret, err error) {
	defer errs.Wrap(&err, "node.openVault")
	key := cfg.Key
	if len(key) == 0 {
		key, err = ownKey(cfg)
	}
	if err == nil && key == nil {
		key = trust.NewSecret().Bytes()
		err = os.WriteFile(filepath.Join(string(cfg.Data), keyFile), key, 0o600)
	}
	if err != nil {
		return secret, err
	}
	return trust.SecretOf(key)
}

// ownKey is what a single server seals with; nil: it has sealed nothing yet.
func ownKey(cfg Config) ([]byte, error) {
	switch {
	case len(cfg.SecretKey) >= 32:
		sum := sha256.Sum256([]byte(cfg.SecretKey))
		return sum[:], nil
	case cfg.SecretKey != "":
		return nil, errs.New(errs.Invalid, "secret_key is shorter than 32 characters").WithCure("make one with: openssl rand -base64 32")
	}
	key, err := os.ReadFile(filepath.Join(string(cfg.Data), keyFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return key, err
}
