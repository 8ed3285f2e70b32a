// Package cluster knows the nodes that share one database, and decides which of them leads.
//
// A Member is this process among the nodes: a row that it renews, with a number that no
// other living node has and an epoch that rises each time a number is taken. Who holds
// work notes (number, epoch) beside it; when the row has expired or the epoch has
// passed, the work is free. The row also says how the node is (State).
//
// A Lease is this process's part in deciding who leads. The leader does the duties that
// one node has to do for all. The lease keeps work from stopping when the leader dies;
// the Fence keeps a leader that was superseded from writing, whatever it believes.
//
// What always holds:
//
//   - The database's clock decides whether a row has expired; the node's own clock only measures
//     how long it may trust its last renewal, from before that was sent.
//   - A node that cannot renew stops trusting itself before the database lets others take over.
//   - A number is not taken again before its last holder must have noticed.
//   - Epochs of the lease rise, also over the loss or the restoring of a database, and a
//     write with an older one does not happen.
//   - Nothing needs a leader to be correct: without one, some work waits.
package cluster

import "github.com/paceline/paceline/internal/db"

// Migrations make the tables of this package. Their ids are 20 to 39.
func Migrations() []db.Migration {
	return []db.Migration{
		{ID: 20, Name: "nodes", Up: []db.DDL{db.CreateTable(Nodes)}},
		{ID: 21, Name: "lease and states", Up: []db.DDL{db.CreateTable(Epochs), db.CreateTable(Leases), db.AddColumns(Nodes)}},
		{ID: 22, Name: "addresses of nodes", Up: []db.DDL{db.AddColumns(Nodes)}},
		{ID: 23, Name: "shared addresses", Up: []db.DDL{db.CreateTable(SharedAddresses)}},
	}
}
