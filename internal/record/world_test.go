package record_test

import (
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/paceline/paceline/apps"
	"github.com/paceline/paceline/internal/app"
	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/db/dbtest"
	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/org"
	"github.com/paceline/paceline/internal/record"
)

// world is a database with the sample people and an app that has data tables.
type world struct {
	t       testing.TB
	db      *db.DB
	org     *org.Org
	apps    *app.Apps
	records *record.Records
	rings   atomic.Int64
	slow    atomic.Bool  // the clock runs a second with every look at it
	late    atomic.Int64 // seconds
}

const partsForm = `{"type": "default", "id": "part", "schemaVersion": 20, "components": [
	{"type": "textfield", "key": "code", "label": "Code", "validate": {"required": true, "maxLength": 20}, "properties": {"searchable": "true"}},
	{"type": "textfield", "key": "title", "label": "Title", "properties": {"searchable": "true"}},
	{"type": "number", "key": "price", "label": "Price", "decimalDigits": 2, "validate": {"min": 0}, "properties": {"searchable": "true"}},
	{"type": "datetime", "key": "since", "subtype": "date", "dateLabel": "Since", "properties": {"searchable": "true"}},
	{"type": "select", "key": "colour", "label": "Colour", "defaultValue": "r", "values": [{"label": "Red", "value": "r"}, {"label": "Green", "value": "g"}], "properties": {"searchable": "true"}},
	{"type": "checklist", "key": "uses", "label": "Uses", "values": [{"label": "Indoors", "value": "in"}, {"label": "Outdoors", "value": "out"}]},
	{"type": "checkbox", "key": "active", "label": "Active"},
	{"type": "textfield", "key": "secret", "label": "Secret", "properties": {"searchable": "true"}},
	{"type": "textfield", "key": "keeper", "label": "Keeper"},
	{"type": "dynamiclist", "path": "sizes", "label": "Sizes", "defaultRepetitions": 0, "components": [
		{"type": "number", "key": "width", "label": "Width"}]},
	{"type": "select", "key": "like", "label": "Like", "properties": {"records": "parts"}}
]}`

const partsTable = `
name: Parts
form: part
title: '=code + " " + title'
unique: [[code]]
read: [service-desk, own, '=if keeper = null then null else "user:" + keeper']
create: [service-desk, finance, hr]
change: [service-desk, own]
delete: [service-desk]
rights:
  - who: [service-desk]
    fields: {}
  - fields: {secret: hide}
`

const notesForm = `{"type": "default", "id": "note", "schemaVersion": 20, "components": [
	{"type": "textfield", "key": "text", "label": "Text", "validate": {"required": true}, "properties": {"searchable": "true"}}]}`

const notesTable = `
name: Notes
form: note
title: '=text'
read: [unit]
create: [everyone]
change: [own]
delete: [own]
`

const storeModel = `<?xml version="1.0" encoding="UTF-8"?>
<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" id="d" targetNamespace="t">
  <process id="store" isExecutable="true"><startEvent id="s"/><sequenceFlow id="f" sourceRef="s" targetRef="e"/><endEvent id="e"/></process>
</definitions>`

func folder(id string, changed map[string]string) fstest.MapFS {
	files := map[string]string{
		"app.yaml":             "id: " + id + "\nname: Store\nversion: \"1\"\n",
		"forms/part.json":      partsForm,
		"forms/note.json":      notesForm,
		"records/parts.yaml":   partsTable,
		"records/notes.yaml":   notesTable,
		"processes/store.bpmn": strings.ReplaceAll(storeModel, `"store"`, `"`+id+`"`),
	}
	for name, text := range changed {
		files[name] = text
	}
	fs := fstest.MapFS{}
	for name, text := range files {
		fs[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return fs
}

// each runs a test on every database.
func each(t *testing.T, run func(t *testing.T, w *world)) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) { run(t, newWorld(t, d)) })
}

func newWorld(t testing.TB, d *db.DB) *world {
	t.Helper()
	ctx := t.Context()
	must(t, d.Migrate(ctx, slices.Concat(org.Migrations(), app.Migrations(), record.Migrations())))
	ids := db.NewIDs(1, time.Now)
	w := &world{t: t, db: d}
	w.org = org.New(org.Config{}, org.Deps{DB: d, NewID: ids.Next})
	w.apps = app.New(app.Config{}, app.Deps{DB: d, NewID: ids.Next})
	w.records = record.New(record.Deps{DB: d, Apps: w.apps, Org: w.org, NewID: ids.Next, Now: w.now,
		Ring: func(string, string) { w.rings.Add(1) }, Log: slog.New(slog.DiscardHandler)})
	_, err := w.org.Bootstrap(ctx, "a password for the test")
	must(t, err)
	src, err := apps.Org()
	must(t, err)
	people, err := org.ParseFile("demo-org.yaml", src)
	must(t, err)
	_, err = w.org.Import(ctx, org.System("test"), people)
	must(t, err)
	w.publish(folder("store", nil))
	return w
}

func (w *world) now() time.Time {
	if w.slow.Load() {
		w.late.Add(1)
	}
	return time.Now().Add(time.Duration(w.late.Load()) * time.Second)
}

func (w *world) publish(files fstest.MapFS) {
	w.t.Helper()
	bundle, err := app.Read(files)
	must(w.t, err)
	_, err = w.apps.Publish(w.t.Context(), org.System("test"), bundle)
	must(w.t, err)
	must(w.t, w.apps.Refresh(w.t.Context()))
}

// as is the actor with a login.
func (w *world) as(login string) *org.Actor {
	w.t.Helper()
	dir := w.org.Directory()
	u := dir.UserByLogin(login)
	if u == nil {
		w.t.Fatalf("no user %s", login)
	}
	return &org.Actor{ID: u.ID, Login: u.Login, Name: u.Name, Principals: dir.Principals(u.ID), Roles: []string{org.RoleStaff}}
}

// create makes a part as somebody of the service desk.
func (w *world) create(data string) record.Written {
	w.t.Helper()
	done, err := w.records.Create(w.t.Context(), w.as("desk1"), "store", "parts", json.RawMessage(data))
	must(w.t, err)
	return done
}

// titles lists what an actor finds.
func (w *world) titles(login string, q record.Query) []string {
	w.t.Helper()
	titles := []string{}
	for {
		page, err := w.records.List(w.t.Context(), w.as(login), "store", "parts", q)
		must(w.t, err)
		for _, item := range page.Items {
			titles = append(titles, item.Title)
		}
		if q.After = page.Next; page.Next == "" {
			return titles
		}
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		var e *errs.Error
		if errors.As(err, &e) {
			t.Fatalf("%v %+v", err, e.Details)
		}
		t.Fatal(err)
	}
}

// rules are the places and rules that an error names.
func rules(err error) []string {
	var e *errs.Error
	var all []string
	if errors.As(err, &e) {
		for _, d := range e.Details {
			all = append(all, d.Place+":"+d.Rule)
		}
	}
	return all
}

func same[T any](t testing.TB, what string, got, want T) {
	t.Helper()
	g, _ := json.Marshal(got)
	w, _ := json.Marshal(want)
	if string(g) != string(w) {
		t.Errorf("%s:\n got %s\nwant %s", what, g, w)
	}
}
