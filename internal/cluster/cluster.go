// Package cluster knows the nodes that share one database.
//
// A Member is this process among them: a row that it renews, with a number that no other living
// node has and an epoch that rises each time a number is taken. Who holds work notes (number,
// epoch) beside it; when the row has expired or the epoch has passed, the work is free.
//
// What always holds:
//
//   - The database's clock decides whether a row has expired; the node's own clock only measures
//     how long it may trust its last renewal, from before that was sent.
//   - A member that cannot renew stops trusting itself before the database lets others take over.
//   - A number is not taken again before its last holder must have noticed.
package cluster

import (
	"context"
	"time"

	"github.com/paceline/paceline/internal/db"
)

// Nodes has one row for each number that was ever used.
var Nodes = &db.Table{
	Name: "cluster_node",
	Columns: []db.Column{
		{Name: "number", Type: db.BigInt},
		{Name: "epoch", Type: db.BigInt},
		{Name: "name", Type: db.Text, Size: 200},
		{Name: "started", Type: db.BigInt},
		{Name: "expires", Type: db.BigInt},
	},
	Key: []string{"number"},
}

// Node is a row of Nodes.
type Node struct {
	Number  int64     `json:"number"`
	Epoch   int64     `json:"epoch"`
	Name    string    `json:"name"`
	Started time.Time `json:"started"`
	Expires time.Time `json:"expires"`
	Alive   bool      `json:"alive"` // by the database's clock, when it was read
}

// List reads all nodes, by number.
func List(ctx context.Context, q db.Queryer) ([]Node, error) {
	return db.All(ctx, q, func(s db.Scanner) (Node, error) {
		var n Node
		var started, expires, now int64
		err := s.Scan(&n.Number, &n.Epoch, &n.Name, &started, &expires, &now)
		n.Started, n.Expires, n.Alive = db.Time(started), db.Time(expires), expires > now
		return n, err
	}, "SELECT number, epoch, name, started, expires, {now} FROM cluster_node ORDER BY number")
}

// Migrations make the tables of this package. Their ids are 20 to 39.
func Migrations() []db.Migration {
	return []db.Migration{{ID: 20, Name: "nodes", Up: []db.DDL{db.CreateTable(Nodes)}}}
}
