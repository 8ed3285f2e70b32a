package db_test

import (
	"testing"

	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/db/dbtest"
)

// The sample schema has everything a table can have.
var (
	instances = db.Table{
		Name: "instance",
		Columns: []db.Column{
			{Name: "id", Type: db.BigInt},
			{Name: "version", Type: db.BigInt},
			{Name: "status", Type: db.Int},
			{Name: "title", Type: db.Text, Size: 40},
			{Name: "state", Type: db.Bytes},
			{Name: "note", Type: db.Long, Null: true},
			{Name: "urgent", Type: db.Bool, Since: 12},
		},
		Key: []string{"id"},
		Indexes: []db.Index{
			{Name: "instance_open", Columns: []string{"status"}, Where: "status < 5"},
			{Name: "instance_urgent", Columns: []string{"urgent", "id"}, Since: 12},
		},
	}
	tasks = db.Table{
		Name: "task",
		Columns: []db.Column{
			{Name: "id", Type: db.BigInt},
			{Name: "instance", Type: db.BigInt},
			{Name: "assignee", Type: db.BigInt, Null: true},
			{Name: "name", Type: db.Text, Size: 60},
		},
		Key:     []string{"id"},
		Indexes: []db.Index{{Name: "task_instance", Columns: []string{"instance"}}},
	}
	candidates = db.Table{
		Name:    "task_candidate",
		Columns: []db.Column{{Name: "task", Type: db.BigInt}, {Name: "principal", Type: db.BigInt}},
		Key:     []string{"task", "principal"},
	}
	history = db.Table{
		Name: "history",
		Columns: []db.Column{
			{Name: "instance", Type: db.BigInt},
			{Name: "seq", Type: db.BigInt},
			{Name: "event", Type: db.Bytes, Null: true},
		},
		Key: []string{"instance", "seq"},
	}
	jobs = db.Table{
		Name: "job",
		Columns: []db.Column{
			{Name: "id", Type: db.BigInt},
			{Name: "due", Type: db.BigInt},
			{Name: "owner", Type: db.BigInt, Null: true},
			{Name: "kind", Type: db.Text, Size: 20},
		},
		Key:     []string{"id"},
		Indexes: []db.Index{{Name: "job_due", Columns: []string{"due"}, Where: "owner IS NULL"}, {Name: "job_kind", Columns: []string{"kind", "id"}, Unique: true}},
	}
)

func migrations() []db.Migration {
	return []db.Migration{
		{ID: 10, Name: "instances", Up: []db.DDL{db.CreateTable(&instances), db.CreateTable(&tasks), db.CreateTable(&candidates), db.CreateTable(&history)}},
		{ID: 11, Name: "jobs", Up: []db.DDL{db.CreateTable(&jobs)}},
		{ID: 12, Name: "urgency", Up: []db.DDL{db.AddColumns(&instances), db.SQL("UPDATE instance SET urgent = 1 WHERE status = 9")}},
	}
}

// each runs the test on every database, with the sample schema.
func each(t *testing.T, run func(t *testing.T, d *db.DB)) {
	t.Helper()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		if err := d.Migrate(t.Context(), migrations()); err != nil {
			t.Fatal(err)
		}
		run(t, d)
	})
}
