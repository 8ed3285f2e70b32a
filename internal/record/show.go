package record

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/feel"
	"github.com/paceline/paceline/internal/form"
	"github.com/paceline/paceline/internal/org"
)

// Table is a table as a list shows it.
type Table struct {
	App         string             `json:"app"`
	ID          string             `json:"id"`
	Name        string             `json:"name"`
	Description string             `json:"description,omitempty"`
	Icon        string             `json:"icon,omitempty"`
	Version     int                `json:"version" doc:"of the app"`
	Fields      []form.SearchField `json:"fields" doc:"by which records are filtered and sorted"`
	Unique      [][]string         `json:"unique" doc:"unique keys; an import finds records by them"`
	MayCreate   bool               `json:"mayCreate"`
}

// Tables lists the tables that the actor may use, by app and table.
func (s *Records) Tables(_ context.Context, actor *org.Actor) (tables []Table, err error) {
	defer errs.Wrap(&err, "record.Tables")
	if err := actor.Require(org.ReadRecords); err != nil {
		return nil, err
	}
	tables = []Table{}
	for _, live := range s.apps.Live() {
		for id := range live.Tables {
			if v, err := s.open(actor, live.App, id); err == nil {
				tables = append(tables, v.describe())
			}
		}
	}
	slices.SortFunc(tables, func(a, b Table) int { return cmp.Or(cmp.Compare(a.App, b.App), cmp.Compare(a.ID, b.ID)) })
	return tables, nil
}

func (v *view) describe() Table {
	t := Table{App: v.live.App, ID: v.table.ID, Name: v.word("name", v.table.Name), Description: v.word("description", v.table.Description),
		Icon: v.table.Icon, Version: v.live.Number, Fields: []form.SearchField{}, Unique: v.table.Unique, MayCreate: v.may(create, nil)}
	for _, f := range v.table.SearchFields() {
		if !v.hides(f.Path) {
			t.Fields = append(t.Fields, f)
		}
	}
	if t.Unique == nil {
		t.Unique = [][]string{}
	}
	return t
}

// word is a text of the table in the actor's language.
func (v *view) word(key, own string) string {
	if s, ok := v.live.Text(v.live.Language(v.actor.Languages()), "records."+v.table.ID+"."+key); ok {
		return s
	}
	return own
}

// View is a record as its page shows it.
type View struct {
	Item
	Form FormView `json:"form"`
	May  []string `json:"may" doc:"what the asker may do with it: change, delete"`
}

// FormView is the table's form with what the asker may see in it.
type FormView struct {
	Name    string                   `json:"name"`
	Schema  json.RawMessage          `json:"schema" doc:"form-js JSON"`
	Rights  map[string]string        `json:"rights" doc:"of each field that shows: read, edit or required"`
	Data    json.RawMessage          `json:"data"`
	Choices map[string][]form.Choice `json:"choices,omitempty" doc:"by path of a field that takes its choices from records: the first of them; more are found by getChoices"`
}

// Form is the form of a new record, filled with its defaults.
func (s *Records) Form(ctx context.Context, actor *org.Actor, appName, table string) (f FormView, err error) {
	defer errs.Wrap(&err, "record.Form")
	v, err := s.open(actor, appName, table)
	if err != nil {
		return f, err
	}
	data, err := v.table.Schema().Defaults(feel.Vars{}, s.now())
	if err != nil {
		return f, err
	}
	return s.formView(ctx, v, data, v.rights)
}

// Show shows one record.
func (s *Records) Show(ctx context.Context, actor *org.Actor, appName, table string, id db.ID) (shown View, err error) {
	defer errs.Wrap(&err, "record.Show")
	v, err := s.open(actor, appName, table)
	if err != nil {
		return shown, err
	}
	st, err := s.find(ctx, s.db, v, id)
	if err != nil {
		return shown, err
	}
	shown.May = []string{}
	for _, do := range []verb{change, remove} {
		if v.may(do, st) {
			shown.May = append(shown.May, string(do))
		}
	}
	if shown.Item, err = s.shown(v, st); err != nil {
		return shown, err
	}
	rights := v.rights
	if !v.may(change, st) {
		rights = readOnly(rights)
	}
	shown.Form, err = s.formView(ctx, v, st.data, rights)
	return shown, err
}

// readOnly keeps what is hidden hidden and lets the rest be read.
func readOnly(rights form.Rights) form.Rights {
	only := form.Rights{"*": form.Read}
	for key, right := range rights {
		only[key] = form.Read
		if right == form.Hide {
			only[key] = form.Hide
		}
	}
	return only
}

func (s *Records) formView(ctx context.Context, v *view, data feel.Vars, rights form.Rights) (f FormView, err error) {
	f.Name = v.live.FormName(v.table.Form)
	language := v.live.Language(v.actor.Languages())
	seen := v.table.Schema().View(rights, data, func(key string) (string, bool) {
		return v.live.Text(language, "forms."+f.Name+"."+key)
	})
	f.Schema, f.Rights = seen.Schema, map[string]string{}
	for path, right := range seen.Rights {
		f.Rights[path] = string(right)
	}
	if f.Data, err = json.Marshal(seen.Data); err != nil {
		return f, err
	}
	f.Choices, err = s.FormChoices(ctx, v.actor, v.live.App, v.table.Schema(), rights)
	return f, err
}

// Entry is one write in the history of a record.
type Entry struct {
	Version  int64           `json:"version" doc:"that the write made"`
	At       time.Time       `json:"at"`
	By       Person          `json:"by"`
	Done     Done            `json:"done" enum:"created,changed,deleted"`
	Via      string          `json:"via" enum:"form,import,process"`
	Instance db.ID           `json:"instance,omitzero" doc:"the process that wrote"`
	Before   json.RawMessage `json:"before" doc:"object: the values that were changed, as they were"`
	After    json.RawMessage `json:"after" doc:"object: and as they became; a value that is absent was cleared"`
}

// History lists the writes of a record, newest first, with what the actor may see of them. That of a
// record that is gone is for those who see the whole table.
func (s *Records) History(ctx context.Context, actor *org.Actor, appName, table string, id db.ID, after string, limit int) (page Page[Entry], err error) {
	defer errs.Wrap(&err, "record.History")
	v, err := s.open(actor, appName, table)
	if err != nil {
		return page, err
	}
	if !v.all {
		if _, err := s.find(ctx, s.db, v, id); err != nil {
			return page, err
		}
	}
	if limit == 0 {
		limit = usualPage
	}
	var b builder
	b.add("SELECT version, at, actor, actor_name, done, via, instance, before_data, after_data FROM record_history WHERE record = ? AND tbl = ?", id, tableName(v.table))
	if after != "" {
		before, err := db.ParseID(after)
		if err != nil {
			return page, err
		}
		b.add(" AND version < ?", before)
	}
	b.add(" ORDER BY version DESC {limit}", min(limit, maxPage)+1)
	entries, err := db.All(ctx, s.db, func(row db.Scanner) (Entry, error) { return s.scanEntry(v, row) }, b.text, b.args...)
	if err != nil {
		return page, err
	}
	if len(entries) == 0 && after == "" {
		return page, errs.New(errs.NotFound, "there is no record %s in %s", id, tableName(v.table))
	}
	page.Items = entries
	if len(entries) > limit {
		page.Items = entries[:limit]
		page.Next = db.ID(entries[limit-1].Version).String()
	}
	return page, nil
}

func (s *Records) scanEntry(v *view, row db.Scanner) (e Entry, err error) {
	var at int64
	var actor db.ID
	var name, before, after string
	if err := row.Scan(&e.Version, &at, &actor, &name, &e.Done, &e.Via, &e.Instance, &before, &after); err != nil {
		return e, err
	}
	e.At, e.By = db.Time(at), s.person(actor, name)
	if e.Before, err = v.seen(before); err == nil {
		e.After, err = v.seen(after)
	}
	return e, err
}

// seen is the JSON of data without what is hidden from the actor.
func (v *view) seen(text string) (json.RawMessage, error) {
	data, err := readVars([]byte(text))
	if err != nil {
		return nil, err
	}
	return feel.ToJSON(v.table.Schema().Visible(v.rights, data))
}
