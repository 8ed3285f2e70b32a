package intake

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/org"
)

func (in *Intake) hook(ctx context.Context, q db.Queryer, name string) (Hook, error) {
	h, err := scanHook(q.QueryRow(ctx, selectHook+"WHERE name = ?", clip(name, 130)))
	if errors.Is(err, db.ErrNoRows) {
		err = errs.New(errs.NotFound, "there is no webhook %q", clip(name, 60)).WithCure("list the webhooks")
	}
	return h, err
}

// told is a webhook with its secrets' names.
func (in *Intake) told(h Hook, err error) (Hook, error) {
	if err != nil {
		return h, err
	}
	secrets, err := in.secretsOf(h)
	h.Secrets = []HookSecret{}
	for _, s := range secrets {
		h.Secrets = append(h.Secrets, HookSecret{s.ID, s.Added})
	}
	return h, err
}

// Hooks lists the webhooks in order of name.
func (in *Intake) Hooks(ctx context.Context, by *org.Actor) (all []Hook, err error) {
	defer errs.Wrap(&err, "intake.Hooks")
	if err := by.Require(org.ReadApps); err != nil {
		return nil, err
	}
	found, err := db.All(ctx, in.deps.DB, scanHook, selectHook+"ORDER BY name {limit}", 1000)
	all = []Hook{}
	for _, h := range found {
		if h, err = in.told(h, nil); err != nil {
			return nil, err
		}
		all = append(all, h)
	}
	return all, err
}

// Hook finds one.
func (in *Intake) Hook(ctx context.Context, by *org.Actor, name string) (h Hook, err error) {
	defer errs.Wrap(&err, "intake.Hook")
	if err := by.Require(org.ReadApps); err != nil {
		return h, err
	}
	return in.told(in.hook(ctx, in.deps.DB, name))
}

// PutHook makes a webhook or changes one; its secrets stay.
func (in *Intake) PutHook(ctx context.Context, by *org.Actor, spec HookSpec) (h Hook, err error) {
	defer errs.Wrap(&err, "intake.PutHook")
	if err := by.Require(org.WriteApps); err != nil {
		return h, err
	}
	if err := spec.check(); err != nil {
		return h, err
	}
	if t := spec.Ticket; t != nil && t.App == "" {
		return h, errs.New(errs.Invalid, "the ticket's app is needed").WithCure("name it as open.app")
	}
	return db.Do(ctx, in.deps.DB, func(ctx context.Context, tx *db.Tx) (Hook, error) {
		if err := in.putHook(ctx, tx, by, spec, ""); err != nil {
			return Hook{}, err
		}
		return in.told(in.hook(ctx, tx, spec.Name))
	})
}

func (in *Intake) putHook(ctx context.Context, tx *db.Tx, by *org.Actor, spec HookSpec, app string) error {
	text, err := json.Marshal(spec)
	if err != nil {
		return err
	}
	old, err := in.hook(ctx, tx, spec.Name)
	now := db.Micros(in.now())
	switch {
	case errs.Is(err, errs.NotFound):
		err = tx.Insert(ctx, db.Row{Table: hookTable, Values: []any{in.deps.NewID(), spec.Name, app, string(text), []byte{}, by.Login, now, 1}})
	case err == nil && old.App != app:
		return errs.New(errs.Conflict, "the webhook %q belongs to another app or to none", spec.Name).WithCure("choose another name")
	case err == nil:
		_, err = tx.Exec(ctx, "UPDATE hook SET spec = ?, author = ?, changed = ?, version = version + 1 WHERE id = ?", string(text), by.Login, now, old.id)
	}
	if err != nil {
		return err
	}
	return in.deps.Audit(ctx, tx, by, "hook.put", spec.Name, nil)
}

// DeleteHook takes a webhook away, with its secrets and receipts.
func (in *Intake) DeleteHook(ctx context.Context, by *org.Actor, name string) (h Hook, err error) {
	defer errs.Wrap(&err, "intake.DeleteHook")
	if err := by.Require(org.WriteApps); err != nil {
		return h, err
	}
	return db.Do(ctx, in.deps.DB, func(ctx context.Context, tx *db.Tx) (Hook, error) {
		h, err := in.told(in.hook(ctx, tx, name))
		if err != nil {
			return h, err
		}
		return h, in.dropHook(ctx, tx, by, h)
	})
}

func (in *Intake) dropHook(ctx context.Context, tx *db.Tx, by *org.Actor, h Hook) error {
	for _, statement := range []string{"DELETE FROM hook_delivery WHERE hook = ?", "DELETE FROM hook WHERE id = ?"} {
		if _, err := tx.Exec(ctx, statement, h.id); err != nil {
			return err
		}
	}
	return in.deps.Audit(ctx, tx, by, "hook.delete", h.Name, nil)
}

// ImportHooks makes the webhooks of an app's bundle the app's, named APP.NAME, in the transaction that publishes
// it. Those that stay keep their secrets; a new one takes nothing before it has one.
func (in *Intake) ImportHooks(ctx context.Context, tx *db.Tx, by *org.Actor, app string, specs []HookSpec) (err error) {
	defer errs.Wrap(&err, "intake.ImportHooks")
	old, err := db.All(ctx, tx, scanHook, selectHook+"WHERE app = ?", app)
	if err != nil {
		return err
	}
	kept := map[string]bool{}
	for _, spec := range specs {
		spec.Name = app + "." + spec.Name
		kept[spec.Name] = true
		if err := in.putHook(ctx, tx, by, spec, app); err != nil {
			return err
		}
	}
	for _, h := range old {
		if kept[h.Name] {
			continue
		}
		if err := in.dropHook(ctx, tx, by, h); err != nil {
			return err
		}
	}
	return nil
}

// maxSecrets bounds the secrets of a webhook that count at the same time.
const maxSecrets = 5

// NewSecret answers AddSecret: the only time that the secret is told.
type NewSecret struct {
	HookSecret
	Secret string `json:"secret"`
}

// AddSecret gives a webhook one more secret: text, or a random one. The others go on counting until they are
// taken away, so that a sender can change over.
func (in *Intake) AddSecret(ctx context.Context, by *org.Actor, name, text string) (n NewSecret, err error) {
	defer errs.Wrap(&err, "intake.AddSecret")
	if err := by.Require(org.WriteApps); err != nil {
		return n, err
	}
	if text == "" {
		text = rand.Text() + rand.Text()
	}
	if len(text) < 16 || len(text) > 500 {
		return n, errs.New(errs.Invalid, "a secret has 16 to 500 characters").WithCure("leave it out for a random one")
	}
	s := secret{ID: rand.Text()[:8], Secret: text, Added: in.now()}
	err = in.deps.DB.Tx(ctx, func(ctx context.Context, tx *db.Tx) error {
		return in.changeSecrets(ctx, tx, by, name, "hook.secret.add", s.ID, func(all []secret) ([]secret, error) {
			if len(all) == maxSecrets {
				return nil, errs.New(errs.Conflict, "the webhook has %d secrets already", maxSecrets).WithCure("take one away first")
			}
			return append(all, s), nil
		})
	})
	return NewSecret{HookSecret{s.ID, s.Added}, text}, err
}

// RemoveSecret takes a secret away: what is signed with it is refused from now on.
func (in *Intake) RemoveSecret(ctx context.Context, by *org.Actor, name, id string) (h Hook, err error) {
	defer errs.Wrap(&err, "intake.RemoveSecret")
	if err := by.Require(org.WriteApps); err != nil {
		return h, err
	}
	removed, err := db.Do(ctx, in.deps.DB, func(ctx context.Context, tx *db.Tx) (Hook, error) {
		if err := in.changeSecrets(ctx, tx, by, name, "hook.secret.remove", id, without(id)); err != nil {
			return Hook{}, err
		}
		return in.told(in.hook(ctx, tx, name))
	})
	return removed, err
}

func without(id string) func([]secret) ([]secret, error) {
	return func(all []secret) ([]secret, error) {
		i := slices.IndexFunc(all, func(s secret) bool { return s.ID == id })
		if i < 0 {
			return nil, errs.New(errs.NotFound, "the webhook has no secret %q", clip(id, 20)).WithCure("paceline hook list names their ids")
		}
		return slices.Delete(all, i, i+1), nil
	}
}

func (in *Intake) changeSecrets(ctx context.Context, tx *db.Tx, by *org.Actor, name, action, id string, change func([]secret) ([]secret, error)) error {
	if _, err := tx.Exec(ctx, "UPDATE hook SET version = version + 1 WHERE name = ?", name); err != nil { // also the lock
		return err
	}
	h, err := in.hook(ctx, tx, name)
	if err != nil {
		return err
	}
	all, err := in.secretsOf(h)
	if err != nil {
		return err
	}
	if all, err = change(all); err != nil {
		return err
	}
	text, err := json.Marshal(all)
	if err != nil {
		return err
	}
	sealed, err := in.deps.Vault.Seal(purpose(h.id), text)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, "UPDATE hook SET secrets = ? WHERE id = ?", sealed, h.id); err != nil {
		return err
	}
	return in.deps.Audit(ctx, tx, by, action, name, map[string]any{"secret": id})
}

func purpose(hook db.ID) string { return "secrets of the webhook " + hook.String() }

// secretsOf unseals the secrets of one webhook.
func (in *Intake) secretsOf(h Hook) (all []secret, err error) {
	if len(h.sealed) == 0 {
		return nil, nil
	}
	text, err := in.deps.Vault.Open(purpose(h.id), h.sealed)
	if err != nil {
		return nil, errs.New(errs.Internal, "%w", err).WithCure("give all servers the same secret key; see docs/webhooks.md")
	}
	return all, json.Unmarshal(text, &all)
}

// Taken is a delivery that was taken, as the keepers of the webhook see it.
type Taken struct {
	Receipt db.ID     `json:"receipt"`
	At      time.Time `json:"at"`
	Outcome
}

// Deliveries lists the last deliveries of a webhook, newest first.
func (in *Intake) Deliveries(ctx context.Context, by *org.Actor, name string, limit int) (all []Taken, err error) {
	defer errs.Wrap(&err, "intake.Deliveries")
	h, err := in.Hook(ctx, by, name)
	if err != nil {
		return nil, err
	}
	all, err = db.All(ctx, in.deps.DB, func(row db.Scanner) (t Taken, err error) {
		var at int64
		err = row.Scan(&t.Receipt, &at, &t.State, &t.Ticket, &t.Instance, &t.Reason)
		t.At = db.Time(at)
		return t, err
	}, "SELECT receipt, at, state, ticket, instance, reason FROM hook_delivery WHERE hook = ? ORDER BY at DESC {limit}", h.id, max(1, min(limit, 200)))
	if all == nil {
		all = []Taken{}
	}
	return all, err
}
