package app

import "github.com/paceline/paceline/internal/db"

// appTable has one row per app; version guards the pointer to what is active.
var appTable = db.Table{
	Name: "app",
	Columns: []db.Column{
		{Name: "id", Type: db.BigInt},
		{Name: "name", Type: db.Text, Size: 63}, // the manifest's id
		{Name: "active", Type: db.BigInt},       // app_version.id
		{Name: "created", Type: db.BigInt},
		{Name: "version", Type: db.BigInt},
	},
	Key:     []string{"id"},
	Indexes: []db.Index{{Name: "app_name", Columns: []string{"name"}, Unique: true}},
}

// versionTable is only ever added to.
var versionTable = db.Table{
	Name: "app_version",
	Columns: []db.Column{
		{Name: "id", Type: db.BigInt},
		{Name: "app", Type: db.BigInt},
		{Name: "num", Type: db.Int}, // from 1, per app
		{Name: "label", Type: db.Text, Size: 100},
		{Name: "hash", Type: db.Text, Size: 64},
		{Name: "size", Type: db.BigInt}, // of the zip
		{Name: "author", Type: db.BigInt},
		{Name: "author_name", Type: db.Text, Size: 200},
		{Name: "published", Type: db.BigInt},
		{Name: "bundle", Type: db.Bytes}, // zip
	},
	Key: []string{"id"},
	Indexes: []db.Index{
		{Name: "app_version_num", Columns: []string{"app", "num"}, Unique: true},
		{Name: "app_version_hash", Columns: []string{"app", "hash"}, Unique: true},
	},
}

// definitionTable names each process of each version; instances refer to it.
var definitionTable = db.Table{
	Name: "app_definition",
	Columns: []db.Column{
		{Name: "id", Type: db.BigInt},
		{Name: "app_version", Type: db.BigInt},
		{Name: "process", Type: db.Text, Size: 200},
	},
	Key:     []string{"id"},
	Indexes: []db.Index{{Name: "app_definition_process", Columns: []string{"app_version", "process"}, Unique: true}},
}

// revisionTable has one row: how often what is active has changed. Raising it comes first in
// every write, so its lock puts publications of the whole system in a row.
var revisionTable = db.Table{
	Name: "app_revision",
	Columns: []db.Column{
		{Name: "id", Type: db.BigInt}, // always 1
		{Name: "revision", Type: db.BigInt},
	},
	Key: []string{"id"},
}

// Migrations of this package's tables.
func Migrations() []db.Migration {
	return []db.Migration{{
		ID:   500,
		Name: "apps",
		Up: []db.DDL{
			db.CreateTable(&appTable), db.CreateTable(&versionTable),
			db.CreateTable(&definitionTable), db.CreateTable(&revisionTable),
		},
	}}
}
