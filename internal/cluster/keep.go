package cluster

import (
	"context"
	"errors"
	"time"

	"github.com/paceline/paceline/internal/errs"
)

// identityEvery is how many renewals go by between two looks at the database's identity.
const identityEvery = 5

// keep renews the lease until ctx ends or the term does.
func (l *Lease) keep(ctx context.Context, t *term) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(t.ctx, cancel)()
	for round := 1; ; round++ {
		began, pause := time.Now(), l.pace.profile().Renew
		if !l.renewed(ctx, t) {
			pause /= 8 // try again soon, while the lease is trusted
		} else if round%identityEvery == 0 {
			l.identify(ctx, t)
		}
		timer := time.NewTimer(time.Until(began.Add(pause)))
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
		if !l.willing() {
			l.resign("")
		}
	}
}

// renewed renews once and moves the end of trust; it says whether that went well.
func (l *Lease) renewed(ctx context.Context, t *term) bool {
	p, sent := l.pace.profile(), time.Now()
	// Whether it arrives or not: from here on the lease may be as short as p says.
	t.trustAtMost(sent.Add(p.SelfFence))
	err := l.renew(ctx, t, p)
	if ctx.Err() != nil {
		return false
	}
	l.pace.note(sent, time.Since(sent))
	if now := l.pace.profile(); now != p {
		l.log.Warn("the pace of the lease changes with that of the database", "epoch", t.fence.Epoch, "ttl", now.TTL)
	}
	switch {
	case errors.Is(err, errSuperseded):
		t.end(err)
	case err != nil:
		l.log.Warn("cannot renew the lease", "epoch", t.fence.Epoch, "err", err)
	default:
		t.seq++
		t.trust(sent.Add(p.SelfFence))
		return true
	}
	return false
}

// identify ends the term if another database answers than the one it was acquired in.
func (l *Lease) identify(ctx context.Context, t *term) {
	ctx, cancel := context.WithTimeout(ctx, l.pace.profile().Statement)
	defer cancel()
	now, err := l.db.Incarnation(ctx)
	if errs.Is(err, errs.Conflict) || err == nil && now != t.incarnation {
		l.log.Error("another database answers than the one in which this node began to lead", "epoch", t.fence.Epoch,
			"was", t.incarnation, "is", now, "err", err)
		t.end(errReplaced)
	}
}
