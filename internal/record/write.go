package record

import (
	"context"
	"encoding/json"
	"errors"
	"maps"

	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/feel"
	"github.com/paceline/paceline/internal/form"
	"github.com/paceline/paceline/internal/org"
)

// Create makes a record of the values of the table's form.
func (s *Records) Create(ctx context.Context, actor *org.Actor, appName, table string, values json.RawMessage) (w Written, err error) {
	defer errs.Wrap(&err, "record.Create")
	v, err := s.open(actor, appName, table)
	if err != nil {
		return w, err
	}
	if err := v.require(create, nil); err != nil {
		return w, err
	}
	sent, err := readVars(values)
	if err != nil {
		return w, err
	}
	return s.once(ctx, v, func(ctx context.Context, tx *db.Tx) (Written, error) {
		return s.insert(ctx, tx, v, sent, author{actor: actor, via: viaForm})
	})
}

// Change writes the values sent over those of a record that has the version named; what is
// not sent stays, and null clears.
func (s *Records) Change(ctx context.Context, actor *org.Actor, appName, table string, id db.ID, version int64, values json.RawMessage) (w Written, err error) {
	defer errs.Wrap(&err, "record.Change")
	v, err := s.open(actor, appName, table)
	if err != nil {
		return w, err
	}
	sent, err := readVars(values)
	if err != nil {
		return w, err
	}
	return s.once(ctx, v, func(ctx context.Context, tx *db.Tx) (Written, error) {
		st, err := s.at(ctx, tx, v, id, version)
		if err != nil {
			return Written{}, err
		}
		if err := v.require(change, st); err != nil {
			return Written{}, err
		}
		return s.update(ctx, tx, v, st, sent, author{actor: actor, via: viaForm})
	})
}

// Delete removes the record; its history stays.
func (s *Records) Delete(ctx context.Context, actor *org.Actor, appName, table string, id db.ID, version int64) (w Written, err error) {
	defer errs.Wrap(&err, "record.Delete")
	v, err := s.open(actor, appName, table)
	if err != nil {
		return w, err
	}
	return s.once(ctx, v, func(ctx context.Context, tx *db.Tx) (Written, error) {
		st, err := s.at(ctx, tx, v, id, version)
		if err != nil {
			return Written{}, err
		}
		if err := v.require(remove, st); err != nil {
			return Written{}, err
		}
		return s.erase(ctx, tx, v, st, author{actor: actor, via: viaForm})
	})
}

// once runs a write in its transaction, once for its idempotency key, and rings after it.
func (s *Records) once(ctx context.Context, v *view, fn func(context.Context, *db.Tx) (Written, error)) (Written, error) {
	w, err := db.Do(ctx, s.db, fn)
	if err == nil && w.Done != Unchanged {
		s.changed(v)
	}
	return w, err
}

// author is who writes, and how.
type author struct {
	actor    *org.Actor // nil: a process
	via      string
	instance db.ID
	name     string // of the process
}

// How a write came.
const (
	viaForm    = "form"
	viaImport  = "import"
	viaProcess = "process"
)

func (a author) who() (db.ID, string) {
	if a.actor == nil {
		return 0, a.name
	}
	return a.actor.ID, a.actor.Name
}

// find reads a record that the view sees.
func (s *Records) find(ctx context.Context, q db.Queryer, v *view, id db.ID) (*stored, error) {
	var b builder
	b.add("SELECT "+storedColumns+" FROM record k WHERE k.id = ? AND ", id)
	v.sees(&b)
	st, err := scanStored(q.QueryRow(ctx, b.text, b.args...))
	if errors.Is(err, db.ErrNoRows) {
		return nil, errs.New(errs.NotFound, "there is no record %s in %s, or you may not see it", id, tableName(v.table)).
			WithCure("look at the list of records again")
	}
	return st, err
}

// at is find for a write on a version that was seen; version 0 means whichever there is.
func (s *Records) at(ctx context.Context, tx *db.Tx, v *view, id db.ID, version int64) (*stored, error) {
	st, err := s.find(ctx, tx, v, id)
	if err == nil && version != 0 && st.version != version {
		err = errStale(st.id, st.version)
	}
	return st, err
}

func errStale(id db.ID, version int64) error {
	return errs.New(errs.Conflict, "record %s was changed in the meantime: it has version %d", id, version).
		WithCure("read it again, and make the change on what it is now")
}

// apply holds the values sent against the form and gives the data as they will be, and those that change.
func (s *Records) apply(ctx context.Context, q db.Queryer, v *view, current, sent feel.Vars) (data, changed feel.Vars, err error) {
	var broken error
	changed, err = v.table.Schema().Apply(form.Submission{
		Current: current, Values: sent, Rights: v.rights, Now: s.now(),
		Chosen: func(from *form.RecordSource, value feel.Value) bool {
			ok, err := s.chosen(ctx, q, v.actor, v.table.App, from, value)
			broken = errors.Join(broken, err)
			return ok
		},
	})
	if broken != nil || err != nil {
		return nil, nil, errors.Join(broken, err)
	}
	data = maps.Clone(current)
	if data == nil {
		data = feel.Vars{}
	}
	maps.Copy(data, changed)
	maps.DeleteFunc(data, func(_ string, v feel.Value) bool { return v == nil })
	return data, changed, nil
}

// insert writes a new record. Defaults of the form fill what was not sent.
func (s *Records) insert(ctx context.Context, tx *db.Tx, v *view, sent feel.Vars, by author) (Written, error) {
	data, err := s.fresh(ctx, tx, v, sent)
	if err != nil {
		return Written{}, err
	}
	who, name := by.who()
	now := db.Micros(s.now())
	st := &stored{id: s.newID(), version: 1, title: v.table.RecordTitle(data, s.now()), data: data, owner: who, ownerName: name,
		updater: who, lastWrite: name, created: now, updated: now}
	text, err := st.text()
	if err != nil {
		return Written{}, err
	}
	err = tx.Insert(ctx, db.Row{Table: records, Values: []any{
		st.id, tableName(v.table), st.version, clip(st.title, 300), shapeOf(v.table), text,
		who, clip(name, 200), who, clip(name, 200), now, now,
	}})
	if err != nil {
		return Written{}, err
	}
	if err := s.index(ctx, tx, v, nil, st); err != nil {
		return Written{}, err
	}
	return Written{st.id, 1, st.title, Created}, s.remember(ctx, tx, v, st, Created, feel.Vars{}, data, by)
}

// fresh are the data of a new record.
func (s *Records) fresh(ctx context.Context, q db.Queryer, v *view, sent feel.Vars) (feel.Vars, error) {
	start, err := v.table.Schema().Defaults(feel.Vars{}, s.now())
	if err != nil {
		return nil, err
	}
	data, _, err := s.apply(ctx, q, v, start, sent)
	return data, err
}

// update writes over a record that was read before in the same transaction.
func (s *Records) update(ctx context.Context, tx *db.Tx, v *view, st *stored, sent feel.Vars, by author) (Written, error) {
	data, changed, err := s.apply(ctx, tx, v, st.data, sent)
	if err != nil {
		return Written{}, err
	}
	if len(changed) == 0 {
		return Written{st.id, st.version, st.title, Unchanged}, nil
	}
	who, name := by.who()
	next := *st
	next.version, next.data, next.title = st.version+1, data, v.table.RecordTitle(data, s.now())
	next.updater, next.lastWrite, next.updated = who, name, db.Micros(s.now())
	text, err := next.text()
	if err != nil {
		return Written{}, err
	}
	n, err := tx.Exec(ctx, "UPDATE record SET version = ?, title = ?, shape = ?, data = ?, updater = ?, updater_name = ?, updated = ? WHERE id = ? AND version = ?",
		next.version, clip(next.title, 300), shapeOf(v.table), text, who, clip(name, 200), next.updated, st.id, st.version)
	if err != nil {
		return Written{}, err
	}
	if n == 0 {
		return Written{}, errStale(st.id, st.version+1)
	}
	if err := s.index(ctx, tx, v, st, &next); err != nil {
		return Written{}, err
	}
	before, after := feel.Vars{}, feel.Vars{}
	for key, value := range changed {
		before[key], after[key] = st.data[key], value
	}
	return Written{st.id, next.version, next.title, Changed}, s.remember(ctx, tx, v, &next, Changed, before, after, by)
}

// erase deletes a record and the rows beside it, not its history.
func (s *Records) erase(ctx context.Context, tx *db.Tx, v *view, st *stored, by author) (Written, error) {
	n, err := tx.Exec(ctx, "DELETE FROM record WHERE id = ? AND version = ?", st.id, st.version)
	if err != nil {
		return Written{}, err
	}
	if n == 0 {
		return Written{}, errStale(st.id, st.version+1)
	}
	for _, table := range []string{"record_field", "record_key", "record_reader"} {
		if _, err := tx.Exec(ctx, "DELETE FROM "+table+" WHERE record = ?", st.id); err != nil {
			return Written{}, err
		}
	}
	gone := *st
	gone.version, gone.updated = st.version+1, db.Micros(s.now())
	return Written{st.id, gone.version, st.title, Deleted}, s.remember(ctx, tx, v, &gone, Deleted, st.data, feel.Vars{}, by)
}

// text is the data as the column has them.
func (st *stored) text() (string, error) {
	text, err := writeVars(st.data)
	if err == nil && len(text) > maxData {
		err = errs.New(errs.Invalid, "the record has %d bytes of data; at most %d are kept", len(text), maxData)
	}
	return string(text), err
}

// remember writes the history row of a write.
func (s *Records) remember(ctx context.Context, tx *db.Tx, v *view, st *stored, done Done, before, after feel.Vars, by author) error {
	was, err := writeVars(before)
	if err != nil {
		return err
	}
	is, err := writeVars(after)
	if err != nil {
		return err
	}
	who, name := by.who()
	return tx.Insert(ctx, db.Row{Table: histories, Values: []any{
		st.id, st.version, tableName(v.table), st.updated, who, clip(name, 200), string(done), by.via, by.instance, string(was), string(is),
	}})
}
