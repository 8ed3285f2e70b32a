package join

import (
	"context"
	"time"

	"github.com/paceline/paceline/internal/db"
)

const (
	keepExpired = 24 * time.Hour // how long an expired certificate is listed, for clocks that differ
	sweepEvery  = time.Hour
)

// revokedCertificate is one that is refused.
type revokedCertificate struct{ serial, host string }

// look reads which certificates are revoked, refuses them from now on, and has the hosts cut
// off that hold one. A look that fails changes nothing.
func (b *Booster) look(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	all, err := db.All(ctx, b.deps.DB, func(row db.Scanner) (c revokedCertificate, err error) {
		return c, row.Scan(&c.serial, &c.host)
	}, "SELECT serial, host FROM cluster_certificate WHERE revoked > 0 ORDER BY revoked, serial")
	if err != nil {
		if ctx.Err() == nil {
			b.deps.Log.Warn("cannot read which certificates are revoked", "cause", err)
		}
		return
	}
	serials := make([]string, len(all))
	for i, c := range all {
		serials[i] = c.serial
	}
	if err := b.deps.ID.Revoke(serials); err != nil {
		b.deps.Log.Warn("cannot keep which certificates are revoked", "cause", err)
	}
	for _, c := range all {
		if !b.revoked[c.serial] {
			b.revoked[c.serial] = true
			b.deps.Cut(c.host)
		}
	}
}

// forget drops certificates that have long expired: nobody accepts them any more.
func (b *Booster) forget(ctx context.Context) {
	_, err := b.deps.DB.Exec(ctx, "DELETE FROM cluster_certificate WHERE expires < {now} - ?", keepExpired.Microseconds())
	if err != nil && ctx.Err() == nil {
		b.deps.Log.Warn("sweep failed", "what", "certificates", "err", err)
	}
}
