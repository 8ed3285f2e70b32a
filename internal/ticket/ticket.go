// Package ticket is what people do: open a ticket, find it in the inbox, claim its
// task, fill in its form, pass it on, look it up.
//
// What always holds:
//
//   - A ticket is its root process instance: same id, and its form data are the
//     instance's variables. The rows here are what lists and searches need; they are
//     written by Project in the very transaction that moves the instance.
//   - Every act on a running ticket is one command of the process package. This
//     package decides whether the actor may, and whether the data are right.
//   - Who may see what is decided in access.go alone, in the query itself. What an
//     actor may not see is NotFound.
package ticket

import (
	"time"

	"github.com/paceline/paceline/internal/app"
	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/org"
	"github.com/paceline/paceline/internal/process"
	"github.com/paceline/paceline/internal/record"
)

// Service holds the use cases. What it keeps in memory is the serial numbers that this node
// has in hand, and the tasks it opened lately; both may be lost at any time.
type Service struct {
	db      *db.DB
	apps    *app.Apps
	org     *org.Org
	process *process.Runtime
	records *record.Records
	query   *process.Query
	newID   func() db.ID
	ring    func(topic, key string)
	now     func() time.Time

	numbers   *numbers
	openTasks *db.Lookup[db.ID, openTask]
	recent    *recent
	deputies  deputyMemory
}

// Deps are what the use cases stand on.
type Deps struct {
	DB      *db.DB
	Apps    *app.Apps
	Org     *org.Org
	Process *process.Runtime
	Query   *process.Query
	Records *record.Records // choices of forms; nil: there are none
	NewID   func() db.ID
	// Ring tells listeners that something changed; called after commit.
	Ring func(topic, key string)
	Now  func() time.Time
}

// Status of a ticket.
type Status string

// The states of a ticket.
const (
	Open      Status = "open"
	Closed    Status = "closed"    // its process ran to an end
	Cancelled Status = "cancelled" // somebody ended it
	Failed    Status = "failed"    // an error left the process
)

// Ticket is one row of a list.
type Ticket struct {
	ID        db.ID     `json:"id"`
	Number    string    `json:"number" doc:"what people call it, by the number rule of its kind" example:"INC-20260105-0001"`
	App       string    `json:"app"`
	Kind      string    `json:"kind"`
	KindName  string    `json:"kindName"`
	Version   int       `json:"version" doc:"the version of the app that it began with and keeps"`
	Title     string    `json:"title"`
	Requester Person    `json:"requester"`
	Status    Status    `json:"status" enum:"open,closed,cancelled,failed"`
	Created   time.Time `json:"created"`
	Updated   time.Time `json:"updated"`
	Closed    time.Time `json:"closed,omitzero"`
	Steps     []Step    `json:"steps" doc:"what waits for people now"`
}

// Step is an open task as a list shows it.
type Step struct {
	Task     db.ID     `json:"task"`
	Element  string    `json:"element"`
	Name     string    `json:"name"`
	Assignee *Person   `json:"assignee,omitempty"`
	Since    time.Time `json:"since"`
	Due      time.Time `json:"due,omitzero"`

	definition db.ID
}

// Person is a user as other people see one.
type Person struct {
	ID   db.ID  `json:"id"`
	Name string `json:"name"`
}

// New makes the use cases.
func New(deps Deps) *Service {
	s := &Service{
		db: deps.DB, apps: deps.Apps, org: deps.Org, process: deps.Process, records: deps.Records, query: deps.Query, newID: deps.NewID,
		numbers: newNumbers(deps.DB, deps.Now), recent: newRecent(), ring: deps.Ring, now: deps.Now,
	}
	s.openTasks = db.NewLookup(s.readTasks)
	return s
}

// person names a user, also one that is gone.
func (s *Service) person(id db.ID) Person {
	return Person{ID: id, Name: s.org.Directory().Name(id)}
}

// changed rings for a ticket after something about it was written.
func (s *Service) changed(ticket db.ID) {
	s.ring("ticket", ticket.String())
}
