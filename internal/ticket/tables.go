package ticket

import "github.com/paceline/paceline/internal/db"

// Migrations of this package's tables.
func Migrations() []db.Migration {
	return []db.Migration{{ID: 600, Name: "tickets", Up: []db.DDL{
		db.CreateTable(tickets), db.CreateTable(readers), db.CreateTable(fields), db.CreateTable(counters),
		db.CreateTable(comments), db.CreateTable(watchers), db.CreateTable(worklogs),
	}}, {ID: 601, Name: "notices and deputies", Up: []db.DDL{db.CreateTable(notices), db.CreateTable(deputies)}}}
}

// tickets has one row per root instance; its id is the instance's.
var tickets = &db.Table{
	Name: "ticket",
	Columns: []db.Column{
		{Name: "id", Type: db.BigInt},
		{Name: "number", Type: db.Text, Size: 60},
		{Name: "app", Type: db.Text, Size: 60},
		{Name: "kind", Type: db.Text, Size: 60},
		{Name: "app_version", Type: db.Int},
		{Name: "title", Type: db.Text, Size: 300},
		{Name: "requester", Type: db.BigInt},
		{Name: "status", Type: db.Text, Size: 10},
		{Name: "created", Type: db.BigInt},
		{Name: "updated", Type: db.BigInt},
		{Name: "closed", Type: db.BigInt}, // process.Never while it is open
	},
	Key: []string{"id"},
	Indexes: []db.Index{
		{Name: "ticket_number", Columns: []string{"number"}},
		{Name: "ticket_requester", Columns: []string{"requester", "id"}},
		{Name: "ticket_app", Columns: []string{"app", "kind", "id"}},
		{Name: "ticket_open", Columns: []string{"id"}, Where: "status = 'open'"},
	},
	Rewritten: true, // with every step of its process
}

// readers says who may see a ticket beside those who read its whole app. The
// principal comes first: the question is always "which tickets may these see".
var readers = &db.Table{
	Name: "ticket_reader",
	Columns: []db.Column{
		{Name: "principal", Type: db.BigInt},
		{Name: "ticket", Type: db.BigInt},
	},
	Key: []string{"principal", "ticket"},
}

// fields holds the searchable fields of each ticket. Every declared field has its row
// from the start, so that a change is always an update.
var fields = &db.Table{
	Name: "ticket_field",
	Columns: []db.Column{
		{Name: "ticket", Type: db.BigInt},
		{Name: "name", Type: db.Text, Size: 100},
		{Name: "txt", Type: db.Text, Size: 200, Null: true},
		{Name: "num", Type: db.BigInt, Null: true}, // numbers times 10,000, instants in microseconds
	},
	Key: []string{"ticket", "name"},
	Indexes: []db.Index{
		{Name: "ticket_field_txt", Columns: []string{"name", "txt", "ticket"}, Where: "txt IS NOT NULL"},
		{Name: "ticket_field_num", Columns: []string{"name", "num", "ticket"}, Where: "num IS NOT NULL"},
	},
}

// counters are the serial numbers; next is the first one not handed out yet.
var counters = &db.Table{
	Name: "ticket_counter",
	Columns: []db.Column{
		{Name: "name", Type: db.Text, Size: 150},
		{Name: "next", Type: db.BigInt},
	},
	Key: []string{"name"},
}

var comments = &db.Table{
	Name: "ticket_comment",
	Columns: []db.Column{
		{Name: "id", Type: db.BigInt},
		{Name: "ticket", Type: db.BigInt},
		{Name: "author", Type: db.BigInt},
		{Name: "at", Type: db.BigInt},
		{Name: "body", Type: db.Long},
	},
	Key:     []string{"id"},
	Indexes: []db.Index{{Name: "ticket_comment_ticket", Columns: []string{"ticket", "id"}}},
}

var watchers = &db.Table{
	Name: "ticket_watcher",
	Columns: []db.Column{
		{Name: "ticket", Type: db.BigInt},
		{Name: "principal", Type: db.BigInt},
		{Name: "since", Type: db.BigInt},
	},
	Key: []string{"ticket", "principal"},
}

// worklogs is append-only: a wrong entry is corrected by another one.
var worklogs = &db.Table{
	Name: "ticket_worklog",
	Columns: []db.Column{
		{Name: "id", Type: db.BigInt},
		{Name: "ticket", Type: db.BigInt},
		{Name: "author", Type: db.BigInt},
		{Name: "at", Type: db.BigInt},
		{Name: "minutes", Type: db.Int},
		{Name: "body", Type: db.Long},
	},
	Key:     []string{"id"},
	Indexes: []db.Index{{Name: "ticket_worklog_ticket", Columns: []string{"ticket", "id"}}},
}
