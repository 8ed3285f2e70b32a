// Package operation does one thing to many tickets: what ticket.Operate does to one, and migrations to another
// version of an app.
//
// What always holds:
//
//   - The tickets of a run are chosen when it begins and written down, so that what was counted before is
//     what is done, and the outcome of each can be read for ever.
//   - A run goes on in batches on one living node of the cluster; when that dies or stops, another takes it up.
//   - What is done to a ticket and the mark that it is done are one transaction, under a key of their own: a ticket is
//     changed once, whoever dies in between.
//   - A run that is paused or cancelled ends its batch and touches no further ticket. What is done stays done.
package operation

import (
	"cmp"
	"context"
	"log/slog"
	"time"

	"github.com/paceline/paceline/internal/app"
	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/org"
	"github.com/paceline/paceline/internal/process"
	"github.com/paceline/paceline/internal/service"
	"github.com/paceline/paceline/internal/ticket"
)

// Config of a Service. The zero value of a field stands for its default.
type Config struct {
	Batch    int           // tickets between two looks at whether to go on; 50
	Parallel int           // of a batch, at the same time; 8
	Every    time.Duration // between looks for runs that nobody works on; 1 s
}

// Deps are what a Service works with.
type Deps struct {
	DB      *db.DB
	Apps    *app.Apps
	Org     *org.Org
	Tickets *ticket.Service
	Process *process.Runtime
	Lease   process.Lease
	NewID   func() db.ID
	Now     func() time.Time
	Log     *slog.Logger
}

// Service keeps and works on runs. It is a service.Service.
type Service struct {
	cfg  Config
	deps Deps
	db   *db.DB
	loop *service.Loop
}

// New makes a Service that does nothing until it is started.
func New(cfg Config, deps Deps) *Service {
	cfg.Batch = cmp.Or(cfg.Batch, 50)
	cfg.Parallel = cmp.Or(cfg.Parallel, 8)
	cfg.Every = cmp.Or(cfg.Every, time.Second)
	s := &Service{cfg: cfg, deps: deps, db: deps.DB}
	s.loop = service.NewLoop(cfg.Every, s.work)
	return s
}

// Start begins to work on runs.
func (s *Service) Start(ctx context.Context) error { return s.loop.Start(ctx) }

// Stop ends the batch under way and lets other nodes go on.
func (s *Service) Stop(ctx context.Context) error {
	if err := s.loop.Stop(ctx); err != nil {
		return err
	}
	_, err := s.db.Exec(ctx, "UPDATE operation SET owner = 0, epoch = 0 WHERE status = ? AND owner = ? AND epoch = ?",
		string(Running), s.deps.Lease.Number(), s.deps.Lease.Epoch())
	if err != nil {
		s.deps.Log.Warn("operations are not handed over; they wait until this node's epoch has ended", "cause", err)
	}
	return nil
}

// Status of a run.
type Status string

// The states of a run.
const (
	Running   Status = "running"
	Paused    Status = "paused"
	Done      Status = "done"
	Cancelled Status = "cancelled"
)

// Outcome is what became of one ticket.
type Outcome int

// The outcomes.
const (
	Waiting Outcome = iota
	Changed
	Failed
)

var outcomeNames = [...]string{"waiting", "done", "failed"}

func (o Outcome) String() string { return outcomeNames[o] }

// Run is one operation on many tickets.
type Run struct {
	ID      db.ID         `json:"id"`
	Do      ticket.Verb   `json:"do" doc:"suspend, resume, move, set, cancel, restart or migrate"`
	App     string        `json:"app,omitempty"`
	Reason  string        `json:"reason"`
	By      ticket.Person `json:"by"`
	Status  Status        `json:"status" enum:"running,paused,done,cancelled"`
	Total   int           `json:"total" doc:"tickets chosen when it began"`
	Waiting int           `json:"waiting"`
	Done    int           `json:"done"`
	Failed  int           `json:"failed"`
	Created time.Time     `json:"created"`
	Ended   time.Time     `json:"ended,omitzero"`

	login        string
	request      []byte
	owner, epoch int64
}

// Item is one ticket of a run.
type Item struct {
	Ticket  db.ID     `json:"ticket"`
	Number  string    `json:"number"`
	Outcome string    `json:"outcome" enum:"waiting,done,failed"`
	Cause   string    `json:"cause,omitempty" doc:"why it failed"`
	At      time.Time `json:"at,omitzero"`
}

// Cause is why tickets cannot be changed, with how many there are.
type Cause struct {
	Element string `json:"element,omitempty" doc:"of a migration: what cannot follow"`
	Reason  string `json:"reason"`
	Count   int    `json:"count"`
}
