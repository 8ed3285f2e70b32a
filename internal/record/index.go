package record

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"
	"sync"

	"github.com/paceline/paceline/internal/app"
	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/feel"
	"github.com/paceline/paceline/internal/form"
)

// shapeOf names what a table writes beside its records: rows of another shape are out of date.
func shapeOf(t *app.Table) string {
	text, _ := json.Marshal([]any{t.Title, t.Unique, t.SearchFields(), t.Read}) // plain texts
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:8])
}

// index writes the rows beside a record, as far as they differ from those of before; nil: there are none.
func (s *Records) index(ctx context.Context, tx *db.Tx, v *view, before, after *stored) error {
	if before != nil && before.shape != shapeOf(v.table) {
		return s.rebuild(ctx, tx, v, after, func(key []string) error { return errTaken(key) })
	}
	if err := s.indexFields(ctx, tx, v, before, after); err != nil {
		return err
	}
	for _, key := range v.table.Unique {
		was := ""
		if before != nil {
			was = keyValue(key, before.data)
		}
		is := keyValue(key, after.data)
		if was == is {
			continue
		}
		if was != "" {
			if _, err := tx.Exec(ctx, "DELETE FROM record_key WHERE name = ? AND value = ? AND record = ?", keyName(v.table, key), was, after.id); err != nil {
				return err
			}
		}
		if free, err := claim(ctx, tx, v.table, key, is, after.id); err != nil || !free {
			return orTaken(err, key)
		}
	}
	return s.indexReaders(ctx, tx, v, before, after)
}

func (s *Records) indexFields(ctx context.Context, tx *db.Tx, v *view, before, after *stored) error {
	is := form.Search(v.table.SearchFields(), after.data)
	var was []form.SearchValue
	if before != nil {
		was = form.Search(v.table.SearchFields(), before.data)
	}
	var fresh []db.Row
	for i, value := range is {
		cells := fieldCells(value)
		switch {
		case before == nil:
			fresh = append(fresh, db.Row{Table: fields, Values: append([]any{after.id, value.Path, tableName(v.table)}, cells...)})
		case was[i] != value:
			if _, err := tx.Exec(ctx, "UPDATE record_field SET absent = ?, txt = ?, num = ? WHERE record = ? AND name = ?",
				append(cells, after.id, value.Path)...); err != nil {
				return err
			}
		}
	}
	return tx.Insert(ctx, fresh...)
}

// fieldCells are the columns absent, txt and num of a searchable value.
func fieldCells(v form.SearchValue) []any {
	switch {
	case !v.Present:
		return []any{true, nil, nil}
	case v.Type == form.SearchText:
		return []any{false, v.Text, nil}
	}
	return []any{false, nil, v.Number}
}

func (s *Records) indexReaders(ctx context.Context, tx *db.Tx, v *view, before, after *stored) error {
	is := v.meant(v.table.Read, after.owner, after.data)
	had := map[db.ID]bool{}
	if before != nil {
		for _, id := range v.meant(v.table.Read, before.owner, before.data) {
			had[id] = true
		}
	}
	keep := map[db.ID]bool{}
	for _, id := range is {
		if keep[id] = true; had[id] {
			continue
		}
		if _, err := tx.InsertIgnore(ctx, db.Row{Table: readers, Values: []any{id, after.id}}); err != nil {
			return err
		}
	}
	if before == nil {
		return nil
	}
	rows, err := db.All(ctx, tx, func(row db.Scanner) (id db.ID, err error) { return id, row.Scan(&id) },
		"SELECT principal FROM record_reader WHERE record = ?", after.id)
	for _, id := range rows { // also those that the organisation of then had named
		if !keep[id] && err == nil {
			_, err = tx.Exec(ctx, "DELETE FROM record_reader WHERE principal = ? AND record = ?", id, after.id)
		}
	}
	return err
}

// claim takes a unique key for a record; an empty value needs none.
func claim(ctx context.Context, tx *db.Tx, t *app.Table, key []string, value string, id db.ID) (bool, error) {
	if value == "" {
		return true, nil
	}
	return tx.InsertIgnore(ctx, db.Row{Table: keys, Values: []any{keyName(t, key), value, id}})
}

func orTaken(err error, key []string) error {
	if err != nil {
		return err
	}
	return errTaken(key)
}

func errTaken(key []string) error {
	return errs.New(errs.Invalid, "another record has the same %s", strings.Join(key, ", ")).
		WithDetails(errs.Detail{Place: key[0], Rule: "unique", Message: "another record has the same " + strings.Join(key, ", ")}).
		WithCure("change that record, or give this one another value")
}

func keyName(t *app.Table, key []string) string {
	name := tableName(t) + "/" + strings.Join(key, "+")
	if len(name) > 200 {
		sum := sha256.Sum256([]byte(name))
		name = tableName(t) + "/" + hex.EncodeToString(sum[:])
	}
	return name
}

// keyValue is the hash of the values of a key's fields; empty when one has no value.
func keyValue(key []string, data feel.Vars) string {
	h := sha256.New()
	for _, path := range key {
		v := valueAt(data, path)
		if v == nil {
			return ""
		}
		text, err := feel.ToJSON(v)
		if err != nil {
			return ""
		}
		h.Write(append(text, 0))
	}
	return hex.EncodeToString(h.Sum(nil))
}

// valueAt is the value at the path of a field.
func valueAt(data feel.Vars, path string) feel.Value {
	first, rest, nested := strings.Cut(path, ".")
	v := data[first]
	for nested {
		inner, ok := v.(*feel.Context)
		if !ok {
			return nil
		}
		first, rest, nested = strings.Cut(rest, ".")
		v, _ = inner.Get(first)
	}
	return v
}

// shapes remembers which shape of each table this node has found no other of.
type shapes struct {
	mu   sync.Mutex
	done map[string]string
}

const reindexBatch = 100

// Reindex brings the rows beside records up to date where an active version of an app wants
// others than were written. It is called after the apps were refreshed; where nothing
// changed it costs nothing.
func (s *Records) Reindex(ctx context.Context) (err error) {
	defer errs.Wrap(&err, "record.Reindex")
	for _, live := range s.apps.Live() {
		for _, table := range live.Tables {
			name, shape := tableName(table), shapeOf(table)
			s.reindexed.mu.Lock()
			done := s.reindexed.done[name] == shape
			s.reindexed.mu.Unlock()
			if done {
				continue
			}
			v := &view{live: live, table: table, dir: s.org.Directory(), now: s.now()}
			if err := s.reindexTable(ctx, v, shape); err != nil {
				return err
			}
			s.reindexed.mu.Lock()
			s.reindexed.done[name] = shape
			s.reindexed.mu.Unlock()
		}
	}
	return nil
}

func (s *Records) reindexTable(ctx context.Context, v *view, shape string) error {
	for last := db.ID(0); ; {
		batch, err := db.All(ctx, s.db, scanStored, "SELECT "+storedColumns+
			" FROM record k WHERE k.tbl = ? AND k.shape <> ? AND k.id > ? ORDER BY k.id {limit}", tableName(v.table), shape, last, reindexBatch)
		if err != nil || len(batch) == 0 {
			return err
		}
		for _, st := range batch {
			last = st.id
			if err := s.reshape(ctx, v, st, shape); err != nil {
				return err
			}
		}
	}
}

// reshape writes the rows of one record anew. Whoever is faster, another node or a writer, has done it.
func (s *Records) reshape(ctx context.Context, v *view, st *stored, shape string) error {
	return s.db.Tx(ctx, func(ctx context.Context, tx *db.Tx) error {
		n, err := tx.Exec(ctx, "UPDATE record SET shape = ?, title = ? WHERE id = ? AND version = ? AND shape <> ?",
			shape, clip(v.table.RecordTitle(st.data, s.now()), 300), st.id, st.version, shape)
		if err != nil || n == 0 {
			return err
		}
		return s.rebuild(ctx, tx, v, st, func(key []string) error {
			s.log.Warn("two records have the same unique key, which is new", "app", v.table.App, "table", v.table.ID, "record", st.id, "key", key)
			return nil
		})
	})
}

// rebuild replaces the rows beside a record.
func (s *Records) rebuild(ctx context.Context, tx *db.Tx, v *view, st *stored, taken func(key []string) error) error {
	for _, table := range []string{"record_field", "record_key", "record_reader"} {
		if _, err := tx.Exec(ctx, "DELETE FROM "+table+" WHERE record = ?", st.id); err != nil {
			return err
		}
	}
	if err := s.indexFields(ctx, tx, v, nil, st); err != nil {
		return err
	}
	for _, key := range v.table.Unique {
		free, err := claim(ctx, tx, v.table, key, keyValue(key, st.data), st.id)
		if err == nil && !free {
			err = taken(key)
		}
		if err != nil {
			return err
		}
	}
	return s.indexReaders(ctx, tx, v, nil, st)
}
