package operation

import "github.com/paceline/paceline/internal/db"

// Migrations of this package's tables.
func Migrations() []db.Migration {
	return []db.Migration{{ID: 950, Name: "operations", Up: []db.DDL{db.CreateTable(runs), db.CreateTable(items)}}}
}

// runs has one row per operation on many tickets.
var runs = &db.Table{
	Name: "operation",
	Columns: []db.Column{
		{Name: "id", Type: db.BigInt},
		{Name: "verb", Type: db.Text, Size: 20}, // ticket.Verb
		{Name: "app", Type: db.Text, Size: 60},  // of a migration, else what the filter names
		{Name: "reason", Type: db.Long},
		{Name: "request", Type: db.Long}, // JSON of Bulk or Migration
		{Name: "actor", Type: db.BigInt},
		{Name: "login", Type: db.Text, Size: 250},
		{Name: "actor_name", Type: db.Text, Size: 250},
		{Name: "status", Type: db.Text, Size: 10}, // Status
		{Name: "total", Type: db.Int},
		{Name: "created", Type: db.BigInt},
		{Name: "ended", Type: db.BigInt}, // process.Never until then
		{Name: "owner", Type: db.BigInt}, // number of the node that works on it; 0: none
		{Name: "epoch", Type: db.BigInt}, // of that node
	},
	Key:     []string{"id"},
	Indexes: []db.Index{{Name: "operation_status", Columns: []string{"status", "id"}}},
}

// items are the tickets of a run with what became of each. The row is set in the transaction that changes the ticket.
var items = &db.Table{
	Name: "operation_item",
	Columns: []db.Column{
		{Name: "operation", Type: db.BigInt},
		{Name: "ticket", Type: db.BigInt},
		{Name: "outcome", Type: db.Int}, // Outcome
		{Name: "cause", Type: db.Text, Size: 1000},
		{Name: "at", Type: db.BigInt}, // process.Never while it waits
	},
	Key:     []string{"operation", "ticket"},
	Indexes: []db.Index{{Name: "operation_item_outcome", Columns: []string{"operation", "outcome", "ticket"}}},
}

var itemDone = []string{"outcome", "cause", "at"}

const runColumns = "id, verb, app, reason, request, actor, login, actor_name, status, total, created, ended, owner, epoch"
