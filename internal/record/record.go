// Package record keeps data tables: the data of a form without a process. People, imports
// and processes create, change, query and delete records, with the same checks and one history.
//
// What always holds:
//
//   - Data that are stored passed through the table's form, whoever wrote them.
//   - Every write raises the record's version and writes one history row in the same
//     transaction: who, when, on behalf of what, and each value before and after.
//   - A unique key is a primary key of the database, so no race gets past it.
//   - Who may see, create, change and delete is decided in access.go alone; what may be
//     seen in the query itself. What an actor may not see is NotFound.
//   - Rows beside a record (searchable fields, readers, keys) are written with it. Where a new version
//     of the app wants others, Reindex brings them up to date; until then nobody sees
//     a record by rows of the old shape.
//
// Tables: record, record_field, record_key, record_reader, record_history, record_import.
package record

import (
	"encoding/json"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/paceline/paceline/internal/app"
	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/feel"
	"github.com/paceline/paceline/internal/org"
)

// Records holds the use cases of data tables. It is safe for concurrent use.
type Records struct {
	db    *db.DB
	apps  *app.Apps
	org   *org.Org
	newID func() db.ID
	ring  func(topic, key string)
	now   func() time.Time
	log   *slog.Logger

	reindexed shapes
}

// Deps are what the use cases stand on. All must be there.
type Deps struct {
	DB    *db.DB
	Apps  *app.Apps
	Org   *org.Org
	NewID func() db.ID
	// Ring tells listeners after the commit that a table changed: ("record", "app/table").
	Ring func(topic, key string)
	Now  func() time.Time
	Log  *slog.Logger
}

// New makes the use cases. It reads nothing yet.
func New(deps Deps) *Records {
	return &Records{
		db: deps.DB, apps: deps.Apps, org: deps.Org, newID: deps.NewID, ring: deps.Ring, now: deps.Now, log: deps.Log,
		reindexed: shapes{done: map[string]string{}},
	}
}

// Item is one row of a table, as far as its reader may see it.
type Item struct {
	ID        db.ID           `json:"id"`
	Version   int64           `json:"version" doc:"to be named by a change, so that none is made on what was not seen"`
	Title     string          `json:"title"`
	Data      json.RawMessage `json:"data" doc:"object: the values of the form"`
	Created   time.Time       `json:"created"`
	CreatedBy Person          `json:"createdBy"`
	Updated   time.Time       `json:"updated"`
	UpdatedBy Person          `json:"updatedBy"`
}

// Person is a user as other people see one; the id is absent where a process wrote.
type Person struct {
	ID   db.ID  `json:"id,omitzero"`
	Name string `json:"name"`
}

// Written answers a write.
type Written struct {
	ID      db.ID  `json:"id"`
	Version int64  `json:"version"`
	Title   string `json:"title"`
	Done    Done   `json:"done" enum:"created,changed,unchanged,deleted"`
}

// Done is what a write did.
type Done string

// What a write did. Unchanged data are not written, and have no history.
const (
	Created   Done = "created"
	Changed   Done = "changed"
	Unchanged Done = "unchanged"
	Deleted   Done = "deleted"
)

// maxData bounds the bytes of one record's data.
const maxData = 256 << 10

// stored is a record as the database has it.
type stored struct {
	id                   db.ID
	version              int64
	title                string
	shape                string
	data                 feel.Vars
	owner, updater       db.ID
	created, updated     int64
	ownerName, lastWrite string
}

const storedColumns = "k.id, k.version, k.title, k.shape, k.data, k.owner, k.owner_name, k.updater, k.updater_name, k.created, k.updated"

func scanStored(row db.Scanner) (*stored, error) {
	st := &stored{}
	var data string
	err := row.Scan(&st.id, &st.version, &st.title, &st.shape, &data, &st.owner, &st.ownerName, &st.updater, &st.lastWrite, &st.created, &st.updated)
	if err != nil {
		return nil, err
	}
	st.data, err = readVars([]byte(data))
	return st, err
}

// shown is the record with what the rights of its reader let through.
func (s *Records) shown(v *view, st *stored) (Item, error) {
	data, err := feel.ToJSON(v.table.Schema().Visible(v.rights, st.data))
	return Item{
		ID: st.id, Version: st.version, Title: v.title(st), Data: data,
		Created: db.Time(st.created), CreatedBy: s.person(st.owner, st.ownerName),
		Updated: db.Time(st.updated), UpdatedBy: s.person(st.updater, st.lastWrite),
	}, err
}

// person names who wrote: as they are called now, or were then when they are gone.
func (s *Records) person(id db.ID, then string) Person {
	if name := s.org.Directory().Name(id); name != "" {
		return Person{id, name}
	}
	return Person{id, then}
}

// readVars reads a JSON object.
func readVars(data []byte) (feel.Vars, error) {
	v, err := feel.FromJSON(data)
	if err != nil {
		return nil, errs.New(errs.Invalid, "the data are no JSON: %w", err)
	}
	c, ok := v.(*feel.Context)
	if !ok {
		return nil, errs.New(errs.Invalid, "the data have to be a JSON object with the values of the form")
	}
	vars := make(feel.Vars, c.Len())
	for i := range c.Len() {
		vars[c.At(i).Name] = c.At(i).Value
	}
	return vars, nil
}

// writeVars is the JSON of data, in order of name; what has no value is left out.
func writeVars(vars feel.Vars) ([]byte, error) {
	return feel.ToJSON(contextOf(vars))
}

func contextOf(vars feel.Vars) *feel.Context {
	var entries []feel.Entry
	for _, name := range slices.Sorted(maps.Keys(vars)) {
		if vars[name] != nil {
			entries = append(entries, feel.Entry{Name: name, Value: vars[name]})
		}
	}
	return feel.NewContext(entries...)
}

// clip shortens text to what a column takes.
func clip(text string, characters int) string {
	text = strings.ToValidUTF8(strings.ReplaceAll(text, "\x00", ""), "\uFFFD")
	if r := []rune(text); len(r) > characters {
		return string(r[:characters-1]) + "…"
	}
	return text
}

// changed rings for a table after something in it was written.
func (s *Records) changed(v *view) { s.ring("record", tableName(v.table)) }
