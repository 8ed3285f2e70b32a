package ticket_test

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"log/slog"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/paceline/paceline/apps"
	"github.com/paceline/paceline/internal/app"
	"github.com/paceline/paceline/internal/cluster"
	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/db/dbtest"
	"github.com/paceline/paceline/internal/engine"
	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/feel"
	"github.com/paceline/paceline/internal/org"
	"github.com/paceline/paceline/internal/process"
	"github.com/paceline/paceline/internal/ticket"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a database with the sample people and the sample apps, and one node on it.
type world struct {
	t       testing.TB
	db      *db.DB
	org     *org.Org
	apps    *app.Apps
	process *process.Runtime
	tickets *ticket.Service

	calendars *lateCalendars
}

// each runs a test on every database.
func each(t *testing.T, run func(t *testing.T, w *world)) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) { run(t, newWorld(t, d)) })
}

func newWorld(t testing.TB, d *db.DB) *world {
	t.Helper()
	ctx, log := t.Context(), slog.New(slog.DiscardHandler)
	must(t, d.Migrate(ctx, slices.Concat(cluster.Migrations(), process.Migrations(), org.Migrations(), app.Migrations(), ticket.Migrations())))
	member := cluster.New(cluster.Config{Name: "test"}, d, time.Now, log)
	must(t, member.Start(ctx))
	t.Cleanup(func() { member.Stop(context.Background()) })

	w := &world{t: t, db: d, calendars: &lateCalendars{}}
	w.org = org.New(org.Config{}, org.Deps{DB: d, NewID: member.NewID})
	w.apps = app.New(app.Config{}, app.Deps{
		DB: d, NewID: member.NewID,
		Activated: func(ctx context.Context, tx *db.Tx, app db.ID, live map[db.ID]*engine.Definition) error {
			return w.process.SetStarts(ctx, tx, app, live)
		},
	})
	ring := func(string, string) {}
	w.process = process.New(process.Config{PollEvery: 20 * time.Millisecond}, process.Deps{
		DB: d, NewID: member.NewID, Lease: member, Definitions: w.apps, Log: log,
		Assign: func(ctx context.Context, a process.Assignment) (process.Assigned, error) {
			return w.tickets.Assign(ctx, a)
		},
		Gather: func(ctx context.Context, g process.Gathering) (engine.GroupFormed, error) {
			return w.tickets.Gather(ctx, g)
		},
		HandOver: func(ctx context.Context, t *process.Transition, e *engine.HandOver) (string, string, error) {
			return w.tickets.HandOver(ctx, t, e)
		},
		Remind: func(ctx context.Context, t *process.Transition, e *engine.Remind, ch *db.Change) error {
			return w.tickets.Remind(ctx, t, e, ch)
		},
		Calendars: w.calendars,
		Person:    func(ctx context.Context, login string) (db.ID, string, error) { return w.tickets.Person(ctx, login) },
		Project: func(t *process.Transition, ch *db.Change) error {
			return w.tickets.Project(t, ch)
		},
		Handlers: map[string]process.Handler{"org.user": w.readUser},
		Ring:     ring,
	})
	w.tickets = ticket.New(ticket.Deps{
		DB: d, Apps: w.apps, Org: w.org, Process: w.process, Query: process.NewQuery(d, w.apps),
		NewID: member.NewID, Ring: ring, Now: time.Now,
	})
	w.seed(ctx)
	must(t, w.process.Start(ctx))
	t.Cleanup(func() { w.process.Stop(context.Background()) })
	return w
}

// seed makes the sample people and publishes the sample apps.
func (w *world) seed(ctx context.Context) {
	w.t.Helper()
	_, err := w.org.Bootstrap(ctx, "a password for the test")
	must(w.t, err)
	src, err := apps.Org()
	must(w.t, err)
	file, err := org.ParseFile("demo-org.yaml", src)
	must(w.t, err)
	_, err = w.org.Import(ctx, org.System("test"), file)
	must(w.t, err)
	for _, name := range apps.Names {
		folder, err := apps.Bundle(name)
		must(w.t, err)
		w.publish(ctx, folder)
	}
}

func (w *world) publish(ctx context.Context, folder fs.FS) {
	w.t.Helper()
	bundle, err := app.Read(folder)
	must(w.t, err)
	_, err = w.apps.Publish(ctx, org.System("test"), bundle)
	must(w.t, err)
}

// readUser is the job handler org.user.
func (w *world) readUser(_ context.Context, job process.Job) (feel.Vars, error) {
	login, _ := job.Vars["login"].(string)
	dir := w.org.Directory()
	return feel.Vars{"record": feel.From(dir.Facts(dir.UserByLogin(login).ID))}, nil
}

// as is the actor with a login.
func (w *world) as(login string) *org.Actor {
	w.t.Helper()
	dir := w.org.Directory()
	u := dir.UserByLogin(login)
	if u == nil {
		w.t.Fatalf("no user %s", login)
	}
	return &org.Actor{ID: u.ID, Login: u.Login, Name: u.Name, Principals: dir.Principals(u.ID), Roles: []string{org.RoleStaff}}
}

// operator is somebody who repairs tickets.
func (w *world) operator() *org.Actor {
	a := w.as("director")
	a.Roles = append(a.Roles, org.RoleOperator)
	return a
}

// incident opens an incident of the service desk.
func (w *world) incident(login string) ticket.Opened {
	w.t.Helper()
	opened, err := w.tickets.Open(w.t.Context(), w.as(login), ticket.Draft{App: "service-desk", Kind: "incident", Data: incidentData})
	must(w.t, err)
	return opened
}

// one is the only task of a queue that belongs to a ticket.
func (w *world) one(login string, queue ticket.Queue, id db.ID) ticket.Item {
	w.t.Helper()
	page, err := w.tickets.Inbox(w.t.Context(), w.as(login), ticket.InboxQuery{Queue: queue})
	must(w.t, err)
	for _, it := range page.Items {
		if it.Ticket == id {
			return it
		}
	}
	w.t.Fatalf("%s has no task of ticket %s in %s: %+v", login, id, queue, page.Items)
	return ticket.Item{}
}

// complete does a task.
func (w *world) complete(login string, it ticket.Item, outcome string, data string) ticket.Acted {
	w.t.Helper()
	acted, err := w.tickets.Complete(w.t.Context(), w.as(login), ticket.Completion{Task: it.Task, Version: it.Version, Outcome: outcome, Data: json.RawMessage(data)})
	must(w.t, err)
	return acted
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func newWorldOn(t testing.TB, kind string) *world { return newWorld(t, dbtest.Open(t, kind)) }

// count counts the rows of a table.
func (w *world) count(table string) (n int) {
	w.t.Helper()
	must(w.t, w.db.QueryRow(w.t.Context(), "SELECT COUNT(*) FROM "+table).Scan(&n))
	return n
}

func wantKind(t *testing.T, what string, err error, kind errs.Kind) {
	t.Helper()
	if !errs.Is(err, kind) {
		t.Errorf("%s: got %v, want an error of kind %q", what, err, kind)
	}
}

// wantPlace wants an Invalid error that names a place.
func wantPlace(t *testing.T, what string, err error, place string) {
	t.Helper()
	var e *errs.Error
	if !errors.As(err, &e) || e.Kind != errs.Invalid {
		t.Errorf("%s: got %v, want it invalid", what, err)
		return
	}
	if !slices.ContainsFunc(e.Details, func(d errs.Detail) bool { return d.Place == place }) {
		t.Errorf("%s: %v does not name %s", what, err, place)
	}
}
