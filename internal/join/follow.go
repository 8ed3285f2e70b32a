package join

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/service"
)

// Follower tells a process of a host what is wanted of the host. It is a service.Service.
type Follower struct {
	*service.Loop
	db      *db.DB
	host    string
	changed func(Wanted)
	removed func()
	log     *slog.Logger
	last    atomic.Pointer[Wanted]
}

// followEvery is the pause between looks; a ring hastens.
const followEvery = time.Second

// NewFollower makes it. changed is called with what is wanted first and whenever that changes,
// removed once the host is not in the cluster any more.
func NewFollower(d *db.DB, host string, changed func(Wanted), removed func(), log *slog.Logger) *Follower {
	f := &Follower{db: d, host: host, changed: changed, removed: removed, log: log}
	f.Loop = service.NewLoop(followEvery, f.look)
	return f
}

func (f *Follower) look(ctx context.Context) {
	var text string
	err := f.db.QueryRow(ctx, "SELECT wanted FROM cluster_host WHERE name = ?", f.host).Scan(&text)
	wanted := Wanted(text)
	switch last := f.last.Load(); {
	case errors.Is(err, db.ErrNoRows):
		f.removed()
	case err != nil:
		if ctx.Err() == nil {
			f.log.Warn("cannot read what is wanted of the host", "cause", err)
		}
	case last == nil || *last != wanted:
		f.last.Store(&wanted)
		f.changed(wanted)
	}
}
