package node

import (
	"context"
	"maps"

	"github.com/paceline/paceline/internal/cluster"
	"github.com/paceline/paceline/internal/feel"
	"github.com/paceline/paceline/internal/process"
)

// schema is the service that finds the database and brings it up to date.
type schema struct{ *Node }

// Start waits for the database, and migrates.
func (s schema) Start(ctx context.Context) error {
	if err := s.await(ctx, "the database", s.db.Ping); err != nil {
		return err
	}
	return s.db.Migrate(ctx, migrations())
}

// Stop does nothing: the database is closed when everything has stopped.
func (s schema) Stop(context.Context) error { return nil }

// people is the service that makes sure that there is somebody who can sign in.
type people struct{ *Node }

// Start makes the built-in roles and the first administrator, once per database.
func (p people) Start(ctx context.Context) (err error) {
	p.oneTime, err = p.org.Bootstrap(ctx, p.cfg.Admin.Password)
	return err
}

// Stop does nothing.
func (p people) Stop(context.Context) error { return nil }

// starting is a service that is done when its start is.
type starting func(context.Context) error

// Start does it.
func (s starting) Start(ctx context.Context) error { return s(ctx) }

// Stop does nothing.
func (s starting) Stop(context.Context) error { return nil }

// watching makes a loop's call of a refresh: a failure is logged, and the next call
// comes soon.
func (n *Node) watching(what string, refresh func(context.Context) error) func(context.Context) {
	return func(ctx context.Context) {
		if err := refresh(ctx); err != nil && ctx.Err() == nil {
			n.cfg.Log.Warn("refresh failed", "what", what, "err", err)
		}
	}
}

// refreshApps reads what is active, and brings the data tables up to it.
func (n *Node) refreshApps(ctx context.Context) error {
	if err := n.apps.Refresh(ctx); err != nil {
		return err
	}
	return n.records.Reindex(ctx)
}

// sweep removes what has no meaning any more.
func (n *Node) sweep(ctx context.Context, _ cluster.Fence) {
	if err := n.org.Sweep(ctx); err != nil && ctx.Err() == nil {
		n.cfg.Log.Warn("sweep failed", "what", "sessions", "err", err)
	}
	if err := n.records.Sweep(ctx); err != nil && ctx.Err() == nil {
		n.cfg.Log.Warn("sweep failed", "what", "imports", "err", err)
	}
	if err := n.intake.Sweep(ctx); err != nil && ctx.Err() == nil {
		n.cfg.Log.Warn("sweep failed", "what", "due times", "err", err)
	}
	const batch = 1000
	for {
		gone, err := n.db.ForgetCommands(ctx, keepCommands, batch)
		if err != nil && ctx.Err() == nil {
			n.cfg.Log.Warn("sweep failed", "what", "idempotency keys", "err", err)
		}
		if err != nil || gone < batch {
			return
		}
	}
}

// handlers do the jobs that this program has the means for, by type.
func (n *Node) handlers() map[string]process.Handler {
	all := n.connect.Handlers()
	all["org.user"] = n.readUser
	maps.Copy(all, n.records.Handlers())
	return all
}

// readUser answers jobs of type org.user: what the organisation knows of the person
// whose login the variable login has. An unknown login is the BPMN error NO_SUCH_USER.
func (n *Node) readUser(_ context.Context, job process.Job) (feel.Vars, error) {
	login, _ := job.Vars["login"].(string)
	dir := n.org.Directory()
	u := dir.UserByLogin(login)
	if u == nil {
		return nil, &process.BPMNError{Code: "NO_SUCH_USER", Message: "there is no user " + login}
	}
	result := "user"
	if w := job.Node.Work; w != nil && w.ResultVar != "" {
		result = w.ResultVar
	}
	return feel.Vars{result: feel.From(dir.Facts(u.ID))}, nil
}
