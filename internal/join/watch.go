package join

import (
	"context"
	"log/slog"
	"time"

	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/service"
	"github.com/paceline/paceline/internal/trust"
)

const (
	keepExpired = 24 * time.Hour // how long an expired certificate is listed, for clocks that differ
	sweepEvery  = time.Hour
)

// Watch has a process refuse the certificates of removed hosts, and cut off who holds one.
// It is a service.Service.
type Watch struct {
	*service.Loop
	db   *db.DB
	id   *trust.Identity
	cut  func(host string)
	log  *slog.Logger
	seen map[string]bool // serials that have been cut off
}

// NewWatch makes it; every is the pause between looks, 0 for a second, and a ring hastens. cut
// ends the connections of a host.
func NewWatch(d *db.DB, id *trust.Identity, every time.Duration, cut func(host string), log *slog.Logger) *Watch {
	if every == 0 {
		every = time.Second
	}
	w := &Watch{db: d, id: id, cut: cut, log: log, seen: map[string]bool{}}
	w.Loop = service.NewLoop(every, w.look)
	return w
}

// revokedCertificate is one that is refused.
type revokedCertificate struct{ serial, host string }

// look reads which certificates are revoked, refuses them from now on, and has the hosts cut
// off that hold one. A look that fails changes nothing.
func (w *Watch) look(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	all, err := revoked(ctx, w.db)
	if err != nil {
		if ctx.Err() == nil {
			w.log.Warn("cannot read which certificates are revoked", "cause", err)
		}
		return
	}
	if err := w.id.Revoke(serialsOf(all)); err != nil {
		w.log.Warn("cannot keep which certificates are revoked", "cause", err)
	}
	for _, c := range all {
		if !w.seen[c.serial] {
			w.seen[c.serial] = true
			w.cut(c.host)
		}
	}
}

func revoked(ctx context.Context, q db.Queryer) ([]revokedCertificate, error) {
	return db.All(ctx, q, func(row db.Scanner) (c revokedCertificate, err error) {
		return c, row.Scan(&c.serial, &c.host)
	}, "SELECT serial, host FROM cluster_certificate WHERE revoked > 0 ORDER BY revoked, serial")
}

func serialsOf(all []revokedCertificate) []string {
	serials := make([]string, len(all))
	for i, c := range all {
		serials[i] = c.serial
	}
	return serials
}

// forget drops certificates that have long expired: nobody accepts them any more.
func (b *Booster) forget(ctx context.Context) {
	_, err := b.deps.DB.Exec(ctx, "DELETE FROM cluster_certificate WHERE expires < {now} - ?", keepExpired.Microseconds())
	if err != nil && ctx.Err() == nil {
		b.deps.Log.Warn("sweep failed", "what", "certificates", "err", err)
	}
}
