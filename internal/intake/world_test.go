package intake_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/paceline/paceline/internal/calendar"
	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/db/dbtest"
	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/intake"
	"github.com/paceline/paceline/internal/org"
	"github.com/paceline/paceline/internal/process"
	"github.com/paceline/paceline/internal/trust"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// opened stands for the tickets that are opened.
var opened = &db.Table{
	Name: "opened",
	Columns: []db.Column{
		{Name: "id", Type: db.BigInt}, {Name: "requester", Type: db.Text, Size: 100}, {Name: "note", Type: db.Text, Size: 200}, {Name: "data", Type: db.Long},
	},
	Key: []string{"id"},
}

// world is one database, a clock, and the nodes that work on it.
type world struct {
	t     *testing.T
	db    *db.DB
	vault trust.Secret
	cal   *calendar.Calendar
	log   strings.Builder

	mu  sync.Mutex
	now time.Time
}

func newWorld(t *testing.T, d *db.DB) *world {
	t.Helper()
	must(t, d.Migrate(t.Context(), append(intake.Migrations(), db.Migration{ID: 999, Name: "opened", Up: []db.DDL{db.CreateTable(opened)}})))
	week := map[string][]string{}
	for _, day := range []string{"mon", "tue", "wed", "thu", "fri"} {
		week[day] = []string{"09:00-18:00"}
	}
	cal, err := calendar.New(calendar.Spec{Name: "tw", Zone: "Asia/Taipei", Week: week, Holidays: []calendar.Holiday{{Date: "2026-03-04"}}}, "tw@1")
	must(t, err)
	return &world{t: t, db: d, vault: trust.NewSecret(), cal: cal, now: time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)}
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) set(at time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = at
}

// node is an Intake of its own. died, when it is true, makes it die right after the effect.
func (w *world) node(number int, died func() bool) *intake.Intake {
	ids := db.NewIDs(number, time.Now)
	open := func(ctx context.Context, o intake.Opening) (process.Reached, error) {
		switch o.Kind {
		case "broken":
			return process.Reached{}, errs.New(errs.Invalid, "there is no such field")
		case "away":
			return process.Reached{}, errs.New(errs.Unavailable, "the database is away")
		}
		got, err := db.Do(ctx, w.db, func(ctx context.Context, tx *db.Tx) (process.Reached, error) {
			id := ids.Next()
			change := &db.Change{}
			t := &process.Transition{Instance: id, Root: id}
			if err := o.With(t, change); err != nil {
				return process.Reached{}, err
			}
			if err := tx.Insert(ctx, change.Inserts...); err != nil {
				return process.Reached{}, err
			}
			return process.Reached{Ticket: id, Instance: id}, tx.Insert(ctx, db.Row{Table: opened, Values: []any{id, o.Requester, o.Note, string(o.Data)}})
		})
		if err == nil && died != nil && died() {
			return got, errDied
		}
		return got, err
	}
	return intake.New(intake.Deps{
		DB: w.db, NewID: ids.Next, Open: open, Vault: w.vault, Now: w.clock,
		Message: func(_ context.Context, m process.Message) (process.Result, error) {
			if m.Name == "nobody" {
				return process.Result{}, errs.New(errs.NotFound, "nobody waits")
			}
			return process.Result{}, errors.New("not in this test")
		},
		Calendar: func(_, name string) (*calendar.Calendar, bool) { return w.cal, name == "tw" },
		Audit:    func(context.Context, *db.Tx, *org.Actor, string, string, any) error { return nil },
		Log:      slog.New(slog.NewTextHandler(&w.log, nil)),
	})
}

var errDied = errs.New(errs.Unavailable, "the node died")

// tickets are the notes of what was opened, in order.
func (w *world) tickets() []string {
	w.t.Helper()
	all, err := db.All(w.t.Context(), w.db, func(s db.Scanner) (note string, err error) {
		var requester, data string
		err = s.Scan(&requester, &note, &data)
		return requester + " " + note + " " + data, err
	}, "SELECT requester, note, data FROM opened ORDER BY data, id")
	must(w.t, err)
	return all
}

var admin = org.System("test")

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func spec(t testing.TB, name, cycle string, change ...func(*intake.ScheduleSpec)) intake.ScheduleSpec {
	t.Helper()
	s := intake.ScheduleSpec{Name: name, Cycle: cycle, Target: intake.Target{Ticket: &intake.TicketTarget{
		App: "desk", Requester: "ann", Data: map[string]any{"at": "= string(due)", "n": json.Number("1").String()}}}}
	for _, c := range change {
		c(&s)
	}
	return s
}

func each(t *testing.T, run func(t *testing.T, w *world)) {
	for _, kind := range dbtest.Kinds() {
		t.Run(kind, func(t *testing.T) { run(t, newWorld(t, dbtest.Open(t, kind))) })
	}
}
