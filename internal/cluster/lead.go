package cluster

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/service"
)

// run contends and leads in turns.
func (l *Lease) run(ctx context.Context) {
	for ctx.Err() == nil {
		t, err := l.try(ctx)
		if ctx.Err() == nil {
			l.see(err)
		}
		switch {
		case t != nil:
			l.lead(ctx, t)
			continue
		case err == nil: // the rows of the role are there now
			continue
		}
		pause := time.NewTimer(l.pauseBeforeLook())
		select {
		case <-ctx.Done():
		case <-l.bell:
		case <-pause.C:
		}
		pause.Stop()
	}
}

// see logs when looking begins to fail, and when it works again.
func (l *Lease) see(err error) {
	was := l.blind
	l.blind = err != nil && !errors.Is(err, errTaken) && !errors.Is(err, db.ErrLocked)
	switch {
	case l.blind && !was:
		l.log.Warn("cannot see who leads", "err", err)
	case was && !l.blind:
		l.log.Info("can see again who leads")
	}
}

// pauseBeforeLook is the poll interval, give or take a fifth, or shorter when the lease
// that was read expires before: to be there when it does, not in step with the others.
func (l *Lease) pauseBeforeLook() time.Duration {
	poll := l.pace.profile().Poll
	pause := poll*4/5 + rand.N(poll*2/5+1)
	l.mu.Lock()
	defer l.mu.Unlock()
	if until := time.Until(l.expires); until > 0 && until < pause {
		return until + rand.N(poll/10+1)
	}
	return pause
}

// lead does the duties until the node is stopped, hands over or loses the lease.
func (l *Lease) lead(ctx context.Context, t *term) {
	select { // an heir that an earlier term was asked for is none of this one's
	case <-l.heirs:
	default:
	}
	l.enter(t)
	defer l.leave(t)
	keeper := service.NewBackground(func(ctx context.Context) { l.keep(ctx, t) })
	_ = keeper.Start(ctx) // a Background always starts
	duties := service.NewGroup(l.log)
	for _, d := range l.duties {
		duties.Add(d.name, d.make(t.ctx, t.fence))
	}
	heir, whole := "", context.WithoutCancel(ctx)
	if err := duties.Start(t.ctx); err != nil && t.ctx.Err() == nil {
		l.log.Error("this node cannot do the leader's work and gives it to another", "epoch", t.fence.Epoch, "err", err)
	} else {
		select {
		case <-ctx.Done():
		case <-t.ctx.Done():
		case heir = <-l.heirs:
		}
	}
	if err := duties.Stop(whole); err != nil { // the lease is renewed meanwhile
		l.log.Error("the leader's work did not stop well", "epoch", t.fence.Epoch, "err", err)
	}
	_ = keeper.Stop(whole) // whole does not end
	if t.ctx.Err() != nil {
		l.log.Warn("this node leads no more", "epoch", t.fence.Epoch, "err", context.Cause(t.ctx))
		return
	}
	if ctx.Err() == nil {
		l.rest()
	}
	l.give(whole, t, heir)
}

// rest keeps the node from contending for as long as others need to take its place.
func (l *Lease) rest() {
	p := l.pace.profile()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rests = time.Now().Add(p.TTL + 2*p.Poll)
}

// give ends the term in good order.
func (l *Lease) give(ctx context.Context, t *term, heir string) {
	t.end(errYielded)
	if heir == l.cfg.Name {
		heir = ""
	}
	if err := l.yield(ctx, t, heir); err != nil {
		l.log.Warn("the lease cannot be given back and has to expire", "epoch", t.fence.Epoch, "err", err)
		return
	}
	l.log.Info("this node has given the lead back", "epoch", t.fence.Epoch, "heir", heir)
	if l.cfg.Ring != nil {
		l.cfg.Ring()
	}
}

// enter makes t the current term.
func (l *Lease) enter(t *term) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.term, l.last = t, Leader{Name: l.cfg.Name, Epoch: t.fence.Epoch}
}

// leave ends the current term.
func (l *Lease) leave(t *term) {
	t.end(errYielded)
	l.mu.Lock()
	defer l.mu.Unlock()
	defer close(t.over)
	l.term, l.last = nil, Leader{Epoch: t.fence.Epoch}
	l.candidate.own = max(l.candidate.own, t.fence.Epoch)
	l.candidate.since = time.Now() // we have not looked meanwhile
}

// mine says that a lease of this epoch, if it is in our name, is our own.
func (l *Lease) mine(epoch int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.candidate.own = max(l.candidate.own, epoch)
}

// observe takes in what was read just now.
func (l *Lease) observe(t tenure) {
	l.mu.Lock()
	if t.epoch > l.candidate.own { // another has led since
		l.rests = time.Time{}
	}
	l.candidate.observe(t, time.Now())
	l.expires = time.Now().Add(t.expiry())
	l.last = Leader{Epoch: t.epoch}
	if t.live() {
		l.last.Name = t.holder
	}
	l.mu.Unlock()
	if err := l.floor.raise(max(t.epoch, t.fence)); err != nil {
		l.log.Warn("the highest epoch cannot be kept", "epoch", t.epoch, "err", err)
	}
}

func (l *Lease) may(t tenure) (why string, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.candidate.may(t, time.Now())
}
