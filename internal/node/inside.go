package node

import (
	"github.com/paceline/paceline/internal/app"
	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/org"
	"github.com/paceline/paceline/internal/process"
	"github.com/paceline/paceline/internal/ticket"
)

// Parts are what a program works with that measures a node from inside.
type Parts struct {
	DB      *db.DB
	Org     *org.Org
	Apps    *app.Apps
	Tickets *ticket.Service
	Process *process.Runtime
	Number  int64 // among the nodes
}

// Parts of a node that runs.
func (n *Node) Parts() Parts {
	return Parts{DB: n.db, Org: n.org, Apps: n.apps, Tickets: n.tickets, Process: n.process, Number: n.member.Number()}
}
