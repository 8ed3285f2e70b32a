package hours

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/paceline/paceline/internal/calendar"
	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/org"
)

var nameForm = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}(\.[a-z0-9][a-z0-9-]{0,62})?$`)

// reserved names mean something else in models.
var reserved = []string{"none", "default"}

// List gives the current calendars in order of name.
func (h *Hours) List(_ context.Context, by *org.Actor) (all []Entry, err error) {
	defer errs.Wrap(&err, "hours.List")
	if err := by.Require(org.ReadOrg); err != nil {
		return nil, err
	}
	h.mu.RLock()
	defer h.mu.RUnlock()
	all = []Entry{}
	for _, name := range slices.Sorted(maps.Keys(h.current)) {
		all = append(all, h.current[name].Entry)
	}
	return all, nil
}

// Show gives a calendar; revision 0 is the current one.
func (h *Hours) Show(ctx context.Context, by *org.Actor, name string, revision int64) (e Entry, err error) {
	defer errs.Wrap(&err, "hours.Show")
	if err := by.Require(org.ReadOrg); err != nil {
		return e, err
	}
	where, args := "WHERE name = ? ORDER BY revision DESC {limit}", []any{name, 1}
	if revision != 0 {
		where, args = "WHERE name = ? AND revision = ?", []any{name, revision}
	}
	found, err := h.read(ctx, where, args...)
	if err == nil && (len(found) == 0 || found[0].Gone && revision == 0) {
		err = errs.New(errs.NotFound, "there is no calendar %q", name).WithCure("list the calendars")
	}
	if err != nil {
		return e, err
	}
	return found[0], nil
}

// Put makes a calendar, or a new revision of one. What counts now keeps the moments that it was given; what is
// counted from now on goes by the new revision.
func (h *Hours) Put(ctx context.Context, by *org.Actor, spec calendar.Spec) (e Entry, err error) {
	defer errs.Wrap(&err, "hours.Put")
	if err := by.Require(org.WriteApps); err != nil {
		return e, err
	}
	if !nameForm.MatchString(spec.Name) || slices.Contains(reserved, spec.Name) {
		return e, errs.New(errs.Invalid, "%q is no name for a calendar", spec.Name).WithCure("use small letters, digits and -, such as tw-office; none and default mean something else")
	}
	if _, err := calendar.New(spec, ""); err != nil {
		return e, err
	}
	e, err = db.Do(ctx, h.deps.DB, func(ctx context.Context, tx *db.Tx) (Entry, error) {
		return h.write(ctx, tx, by, spec, false)
	})
	return e, h.changed(ctx, spec.Name, err)
}

// Delete takes a calendar away. Its revisions stay, for what was counted by them.
func (h *Hours) Delete(ctx context.Context, by *org.Actor, name string) (e Entry, err error) {
	defer errs.Wrap(&err, "hours.Delete")
	if err := by.Require(org.WriteApps); err != nil {
		return e, err
	}
	if e, err = h.Show(ctx, by, name, 0); err != nil {
		return e, err
	}
	e, err = db.Do(ctx, h.deps.DB, func(ctx context.Context, tx *db.Tx) (Entry, error) {
		return h.write(ctx, tx, by, e.Spec, true)
	})
	return e, h.changed(ctx, name, err)
}

// Import makes the calendars of an app's bundle the app's, in the transaction that publishes it. They are
// named APP.NAME.
func (h *Hours) Import(ctx context.Context, tx *db.Tx, by *org.Actor, app string, specs []calendar.Spec) (err error) {
	defer errs.Wrap(&err, "hours.Import")
	h.mu.RLock()
	old := map[string]Entry{}
	for name, c := range h.current {
		if strings.HasPrefix(name, app+".") {
			old[name] = c.Entry
		}
	}
	h.mu.RUnlock()
	for _, spec := range specs {
		spec.Name = app + "." + spec.Name
		was, known := old[spec.Name]
		delete(old, spec.Name)
		if known && sameSpec(was.Spec, spec) {
			continue
		}
		if _, err := h.write(ctx, tx, by, spec, false); err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(old)) {
		if _, err := h.write(ctx, tx, by, old[name].Spec, true); err != nil {
			return err
		}
	}
	return nil
}

func sameSpec(a, b calendar.Spec) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && string(x) == string(y)
}

// write adds a revision. The head's row is locked by then, so revisions become visible in their order.
func (h *Hours) write(ctx context.Context, tx *db.Tx, by *org.Actor, spec calendar.Spec, gone bool) (Entry, error) {
	const up = "UPDATE calendar_head SET revision = revision + 1 WHERE id = 1"
	n, err := tx.Exec(ctx, up)
	if err == nil && n == 0 {
		if _, err = tx.InsertIgnore(ctx, db.Row{Table: headTable, Values: []any{1, 0}}); err == nil {
			_, err = tx.Exec(ctx, up)
		}
	}
	if err != nil {
		return Entry{}, err
	}
	e := Entry{Spec: spec, Changed: h.deps.Now().UTC(), Author: by.Login, Gone: gone}
	if err := tx.QueryRow(ctx, "SELECT revision FROM calendar_head WHERE id = 1").Scan(&e.Revision); err != nil {
		return e, err
	}
	text, err := json.Marshal(spec)
	if err != nil {
		return e, err
	}
	flag := int64(0)
	if gone {
		flag = 1
	}
	if err := tx.Insert(ctx, db.Row{Table: revisionTable, Values: []any{e.Revision, spec.Name, string(text), flag, e.Author, db.Micros(e.Changed)}}); err != nil {
		return e, err
	}
	action := "calendar.put"
	if gone {
		action = "calendar.delete"
	}
	return e, h.deps.Audit(ctx, tx, by, action, spec.Name, map[string]any{"revision": e.Revision})
}

// changed takes a change over on this node and tells the others.
func (h *Hours) changed(ctx context.Context, name string, err error) error {
	if err != nil {
		return err
	}
	h.deps.Ring("calendar", name)
	if err := h.Refresh(context.WithoutCancel(ctx)); err != nil {
		return fmt.Errorf("it is stored, and will be seen at the next look: %w", err)
	}
	return nil
}

// revisionTable is only ever added to.
var revisionTable = &db.Table{
	Name: "calendar_revision",
	Columns: []db.Column{
		{Name: "revision", Type: db.BigInt}, // rises over all calendars
		{Name: "name", Type: db.Text, Size: 130},
		{Name: "spec", Type: db.Long}, // JSON of calendar.Spec
		{Name: "gone", Type: db.Int},
		{Name: "author", Type: db.Text, Size: 250},
		{Name: "at", Type: db.BigInt},
	},
	Key:     []string{"revision"},
	Indexes: []db.Index{{Name: "calendar_revision_name", Columns: []string{"name", "revision"}}},
}

// headTable has one row: the last revision. Raising it comes first in every write.
var headTable = &db.Table{
	Name:    "calendar_head",
	Columns: []db.Column{{Name: "id", Type: db.BigInt}, {Name: "revision", Type: db.BigInt}},
	Key:     []string{"id"},
}

// Migrations make the tables of this package.
func Migrations() []db.Migration {
	return []db.Migration{{ID: 800, Name: "calendars", Up: []db.DDL{db.CreateTable(revisionTable), db.CreateTable(headTable)}}}
}
