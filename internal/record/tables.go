package record

import "github.com/paceline/paceline/internal/db"

// Migrations of this package's tables.
func Migrations() []db.Migration {
	return []db.Migration{{ID: 700, Name: "records", Up: []db.DDL{
		db.CreateTable(records), db.CreateTable(fields), db.CreateTable(keys), db.CreateTable(readers),
		db.CreateTable(histories), db.CreateTable(imports),
	}}}
}

// records has one row per record; tbl is "app/table".
var records = &db.Table{
	Name: "record",
	Columns: []db.Column{
		{Name: "id", Type: db.BigInt},
		{Name: "tbl", Type: db.Text, Size: 130},
		{Name: "version", Type: db.BigInt},
		{Name: "title", Type: db.Text, Size: 300, Null: true},
		{Name: "shape", Type: db.Text, Size: 16}, // of the rows beside it
		{Name: "data", Type: db.Long},            // JSON object
		{Name: "owner", Type: db.BigInt},         // who made it; 0: a process
		{Name: "owner_name", Type: db.Text, Size: 200, Null: true},
		{Name: "updater", Type: db.BigInt},
		{Name: "updater_name", Type: db.Text, Size: 200, Null: true},
		{Name: "created", Type: db.BigInt},
		{Name: "updated", Type: db.BigInt},
	},
	Key: []string{"id"},
	Indexes: []db.Index{
		{Name: "record_tbl", Columns: []string{"tbl", "id"}},
		{Name: "record_shape", Columns: []string{"tbl", "shape", "id"}},
		{Name: "record_owner", Columns: []string{"owner", "tbl", "id"}},
	},
	Rewritten: true,
}

// fields holds the searchable fields. Every one has its row, so that sorting by it finds every
// record; absent tells those without a value apart, which databases sort differently.
var fields = &db.Table{
	Name: "record_field",
	Columns: []db.Column{
		{Name: "record", Type: db.BigInt},
		{Name: "name", Type: db.Text, Size: 100},
		{Name: "tbl", Type: db.Text, Size: 130},
		{Name: "absent", Type: db.Bool},
		{Name: "txt", Type: db.Text, Size: 200, Null: true},
		{Name: "num", Type: db.BigInt, Null: true}, // numbers times 10,000, instants in microseconds
	},
	Key: []string{"record", "name"},
	Indexes: []db.Index{
		{Name: "record_field_txt", Columns: []string{"tbl", "name", "absent", "txt", "record"}},
		{Name: "record_field_num", Columns: []string{"tbl", "name", "absent", "num", "record"}},
	},
}

// keys are the unique keys: the name of one is "app/table/fields", and its value the hash of the
// fields' values.
var keys = &db.Table{
	Name: "record_key",
	Columns: []db.Column{
		{Name: "name", Type: db.Text, Size: 200},
		{Name: "value", Type: db.Text, Size: 64},
		{Name: "record", Type: db.BigInt},
	},
	Key:     []string{"name", "value"},
	Indexes: []db.Index{{Name: "record_key_record", Columns: []string{"record"}}},
}

// readers says who may see a record beside those who see its whole table.
var readers = &db.Table{
	Name: "record_reader",
	Columns: []db.Column{
		{Name: "principal", Type: db.BigInt},
		{Name: "record", Type: db.BigInt},
	},
	Key:     []string{"principal", "record"},
	Indexes: []db.Index{{Name: "record_reader_record", Columns: []string{"record"}}},
}

// histories is append-only, and outlives the record.
var histories = &db.Table{
	Name: "record_history",
	Columns: []db.Column{
		{Name: "record", Type: db.BigInt},
		{Name: "version", Type: db.BigInt},
		{Name: "tbl", Type: db.Text, Size: 130},
		{Name: "at", Type: db.BigInt},
		{Name: "actor", Type: db.BigInt},
		{Name: "actor_name", Type: db.Text, Size: 200, Null: true},
		{Name: "done", Type: db.Text, Size: 10},
		{Name: "via", Type: db.Text, Size: 20}, // form, import or process
		{Name: "instance", Type: db.BigInt},    // of the process; 0: none
		{Name: "before_data", Type: db.Long},   // JSON object of what changed
		{Name: "after_data", Type: db.Long},
	},
	Key:     []string{"record", "version"},
	Indexes: []db.Index{{Name: "record_history_tbl", Columns: []string{"tbl", "record", "version"}}},
}

// imports tells how far an import is, by the key that its sender gave it.
var imports = &db.Table{
	Name: "record_import",
	Columns: []db.Column{
		{Name: "import_key", Type: db.Text, Size: 200},
		{Name: "hash", Type: db.Text, Size: 64},
		{Name: "tbl", Type: db.Text, Size: 130},
		{Name: "actor", Type: db.BigInt},
		{Name: "started", Type: db.BigInt},
		{Name: "updated", Type: db.BigInt},
		{Name: "read_rows", Type: db.BigInt}, // of the file, that are done with
		{Name: "report", Type: db.Long},      // JSON
	},
	Key:     []string{"import_key"},
	Indexes: []db.Index{{Name: "record_import_updated", Columns: []string{"updated"}}},
}
