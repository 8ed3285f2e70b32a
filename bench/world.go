package main

import (
	"bytes"
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"sync/atomic"

	"github.com/paceline/paceline/client"
	"github.com/paceline/paceline/internal/app"
	"github.com/paceline/paceline/internal/config"
	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/db/dbtest"
	"github.com/paceline/paceline/internal/node"
	"github.com/paceline/paceline/internal/org"
	"github.com/paceline/paceline/internal/ticket"
)

//go:embed app
var bundle embed.FS

const password = "paceline bench"

// world is a node on a fresh database, with the benchmark's app and people.
type world struct {
	node.Parts
	node   *node.Node
	server *dbtest.Server // nil for SQLite
	dsn    string
	actor  *org.Actor // an approver
	token  string     // of the same
	url    string
	close  []func()

	serial atomic.Int64 // numbers what loads do: every key and every subject is new

	mu    sync.Mutex
	tasks []task // open ones that no load has taken yet
	taken db.ID  // the highest task id that was ever read
}

type task struct {
	ID      db.ID
	Version int
}

// newWorld starts a database server where the kind has one, and a node. The options are
// added to the server's DSN.
func newWorld(ctx context.Context, kind, options string) (w *world, err error) {
	w = &world{}
	defer func() {
		if err != nil {
			w.end()
		}
	}()
	dir, err := os.MkdirTemp("", "paceline-bench-")
	if err != nil {
		return w, err
	}
	w.close = append(w.close, func() { os.RemoveAll(dir) })
	dsn := ""
	if kind != "sqlite" {
		if w.server, err = dbtest.Start(kind, dbtest.Options{Fsync: true}); err != nil {
			return w, err
		}
		w.close = append(w.close, func() { w.server.Stop() })
		if dsn, _, err = w.server.Create(ctx); err != nil {
			return w, err
		}
		dsn += options
	}
	w.dsn = dsn
	cfg := node.Defaults()
	cfg.Name, cfg.Data, cfg.Listen, cfg.DB.DSN, cfg.Admin.Password = "bench", config.Dir(dir), "127.0.0.1:0", dsn, password
	if w.node, err = node.New(ctx, cfg); err != nil {
		return w, err
	}
	w.close = append(w.close, func() { w.node.Stop(context.Background()) })
	if err := w.node.Start(ctx); err != nil {
		return w, err
	}
	w.Parts, w.url = w.node.Parts(), "http://"+w.node.Addr().String()
	return w, w.prepare(ctx)
}

// end stops everything, the latest first.
func (w *world) end() {
	for i := len(w.close) - 1; i >= 0; i-- {
		w.close[i]()
	}
}

// prepare makes the person who does everything, and publishes the app.
func (w *world) prepare(ctx context.Context) error {
	file := org.File{
		Groups: []org.FileGroup{{Name: "approvers", Title: "Approvers"}},
		Users:  []org.FileUser{{Login: "approver", Name: "Sample Approver", Groups: []string{"approvers"}, Password: password}},
	}
	if _, err := w.Org.Import(ctx, org.System("bench"), file); err != nil {
		return err
	}
	dir := w.Org.Directory()
	u := dir.UserByLogin("approver")
	w.actor = &org.Actor{ID: u.ID, Login: u.Login, Name: u.Name, Principals: dir.Principals(u.ID), Roles: []string{org.RoleStaff}}
	return w.publish(ctx)
}

func (w *world) publish(ctx context.Context) error {
	admin, err := w.signIn(ctx, "admin")
	if err != nil {
		return err
	}
	folder, err := fs.Sub(bundle, "app")
	if err != nil {
		return err
	}
	b, err := app.Read(folder)
	if err != nil {
		return err
	}
	zip, err := b.Zip()
	if err != nil {
		return err
	}
	if _, err := admin.PublishApp(ctx, zip); err != nil {
		return err
	}
	c, err := w.signIn(ctx, "approver")
	if err != nil {
		return err
	}
	token, err := c.CreateToken(ctx, client.NewToken{Name: "bench", Scopes: []string{"write"}})
	w.token = token.Secret
	return err
}

func (w *world) signIn(ctx context.Context, login string) (*client.Client, error) {
	c, err := client.New(client.Config{URL: w.url})
	if err != nil {
		return nil, err
	}
	_, err = c.Login(ctx, login, password)
	return c, err
}

// reason is what people write: it makes the state of a ticket about 700 bytes.
var reason = string(bytes.Repeat([]byte("because it is needed; "), 20))

func values(i int64) json.RawMessage {
	return fmt.Appendf(nil, `{"subject": "benchmark %d", "amount": %d, "reason": %q}`, i, i%1000, reason)
}

func draft(i int64) ticket.Draft {
	return ticket.Draft{App: "bench", Kind: "request", Data: values(i)}
}

// next gives an open task, each one once.
func (w *world) next(ctx context.Context) (task, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.tasks) == 0 {
		var err error
		w.tasks, err = db.All(ctx, w.DB, func(row db.Scanner) (t task, err error) { return t, row.Scan(&t.ID, &t.Version) },
			"SELECT id, version FROM task WHERE id > ? AND definition <> ? ORDER BY id {limit}", w.taken, peerDefinition, 200_000)
		if err != nil {
			return task{}, err
		}
		if len(w.tasks) == 0 {
			return task{}, errNothingLeft
		}
		w.taken = w.tasks[len(w.tasks)-1].ID
	}
	t := w.tasks[0]
	w.tasks = w.tasks[1:]
	return t, nil
}
