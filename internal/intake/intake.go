// Package intake is where work begins without a person at a form: schedules that are due, and webhooks of other
// systems. Both set off a Target: they open a ticket, send a message or raise a signal.
//
// What always holds:
//
//   - Every due time of a schedule is a row of its own, so it is done once in the whole cluster, whichever node sees
//     it first and however often one dies in between.
//   - A delivery of a webhook is kept in the transaction of its effect, so a repeat finds both or neither.
//   - Secrets of webhooks are sealed in the database and are never logged, listed or exported.
//
// Tables: schedule, schedule_due, hook, hook_delivery.
package intake

import (
	"context"
	"encoding/json"
	"log/slog"
	"time"

	"github.com/paceline/paceline/internal/calendar"
	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/org"
	"github.com/paceline/paceline/internal/process"
)

// Deps are what an Intake works with.
type Deps struct {
	DB    *db.DB
	NewID func() db.ID
	// Open opens a ticket in the name of a login. The rows that with adds belong to its transaction.
	Open func(ctx context.Context, o Opening) (process.Reached, error)
	// Message and Signal are those of process.Runtime.
	Message func(context.Context, process.Message) (process.Result, error)
	Post    func(context.Context, process.Message, func(context.Context, *db.Tx) error) (process.Sent, error)
	Signal  func(context.Context, process.Signal) (process.Sent, error)
	// Calendar finds a business calendar for an app.
	Calendar func(app, name string) (*calendar.Calendar, bool)
	// Audit notes who did what, in the same transaction.
	Audit func(ctx context.Context, tx *db.Tx, by *org.Actor, action, subject string, details any) error
	Vault Vault
	Now   func() time.Time
	Log   *slog.Logger
}

// Opening is a ticket that a Target opens.
type Opening struct {
	App, Kind, Requester string
	Data                 json.RawMessage
	Note                 string
	With                 func(*process.Transition, *db.Change) error
}

// Vault seals texts at rest for a purpose; trust.Secret is one.
type Vault interface {
	Seal(purpose string, text []byte) ([]byte, error)
	Open(purpose string, sealed []byte) ([]byte, error)
}

// Intake keeps schedules and webhooks. It is safe for concurrent use.
type Intake struct {
	deps   Deps
	limits *limits
}

// New makes an Intake, which does nothing by itself: see Intake.Look.
func New(deps Deps) *Intake {
	if deps.Log == nil {
		deps.Log = slog.New(slog.DiscardHandler)
	}
	return &Intake{deps: deps, limits: newLimits()}
}

// now is in whole microseconds, as the database keeps times.
func (in *Intake) now() time.Time { return in.deps.Now().UTC().Truncate(time.Microsecond) }

// Migrations make the tables of this package.
func Migrations() []db.Migration {
	return []db.Migration{
		{ID: 810, Name: "schedules", Up: []db.DDL{db.CreateTable(scheduleTable), db.CreateTable(dueTable)}},
		{ID: 900, Name: "webhooks", Up: []db.DDL{db.CreateTable(hookTable), db.CreateTable(deliveryTable)}},
	}
}
