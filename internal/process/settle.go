package process

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/errs"
)

// settle gives every member its outcome and returns those that run again.
func (l *lane) settle(ctx context.Context, units []*unit, outcomes []error) (again []*call) {
	for i, u := range units {
		err := outcomes[i]
		if errors.Is(err, db.ErrUnknown) {
			err = l.find(ctx, u, err)
		}
		var claimed *db.Claimed
		switch {
		case err == nil:
			l.done(u)
		case errors.Is(err, db.ErrStale):
			again = append(again, l.stale(u)...)
		case errors.As(err, &claimed):
			again = append(again, l.claimed(u, claimed)...)
		case len(u.commands()) > 1 && !errs.Is(err, errs.Unavailable):
			for _, c := range u.commands() {
				c.alone = true
				again = append(again, c)
			}
		default:
			l.failAll(u, err)
		}
	}
	return again
}

// done tells everybody: first who asked, then who listens, then the jobs.
func (l *lane) done(u *unit) {
	l.r.cache.put(u.next)
	for _, m := range u.members {
		m.call.answer(Result{Instance: u.instance, Version: u.next.Version, Answer: m.answer})
	}
	for _, j := range u.held {
		l.r.jobs.add(j)
	}
	for _, g := range u.change.Gones { // some of those just added among them
		if g.Table == Jobs {
			l.r.jobs.forget(db.ID(g.Value))
		}
	}
	for r := range u.rings {
		switch {
		case r == freeWork:
			l.r.jobs.free()
			continue
		case r.topic == freeWork.topic:
			l.r.workers.ring(r.key)
		}
		l.r.deps.Ring(r.topic, r.key)
	}
}

// maxStale bounds how often a command is re-run because another node was faster each time.
const maxStale = 100

func (l *lane) stale(u *unit) (again []*call) {
	l.r.cache.drop(u.instance)
	for _, c := range u.commands() {
		l.r.stale.Add(1)
		if c.tries++; c.tries > maxStale {
			c.fail(errs.New(errs.Unavailable, "instance %s changes faster than this command can follow", u.instance).RetryAfter(time.Second))
			continue
		}
		again = append(again, c)
	}
	return again
}

// claimed answers the member whose key was taken with what is kept; the others run again.
func (l *lane) claimed(u *unit, by *db.Claimed) (again []*call) {
	l.r.cache.drop(u.instance)
	again = u.commands()
	i := slices.IndexFunc(again, func(c *call) bool { return c.once.Key == by.Key })
	if i < 0 {
		l.failAll(u, errs.New(errs.Internal, "the key %q was claimed by none of the commands", by.Key))
		return nil
	}
	if c := again[i]; c.once.Hash == by.Hash {
		c.replay(by.Answer)
	} else {
		c.fail(db.ErrKeyReused)
	}
	return slices.Delete(again, i, i+1)
}

// commands are the members that somebody waits for; those derived from them come again by themselves.
func (u *unit) commands() (calls []*call) {
	for _, m := range u.members {
		if !m.derived {
			calls = append(calls, m.call)
		}
	}
	return calls
}

func (l *lane) failAll(u *unit, err error) {
	l.r.cache.drop(u.instance)
	for _, m := range u.members {
		m.fail(err)
	}
}

// find resolves a commit whose outcome is unknown: the unit's mark is in the history, or it never
// happened and runs again. While the database does not answer, the caller is told the truth.
func (l *lane) find(ctx context.Context, u *unit, unknown error) error {
	first := u.next.Seq - int64(len(u.members)) + 1
	pause := 10 * time.Millisecond
	for range 8 {
		var mark db.ID
		err := l.r.deps.DB.QueryRow(ctx, "SELECT mark FROM history WHERE instance = ? AND seq = ?", u.instance, first).Scan(&mark)
		switch {
		case errors.Is(err, db.ErrNoRows):
			return db.ErrStale
		case err == nil && mark == u.mark:
			return nil
		case err == nil:
			return db.ErrStale
		}
		time.Sleep(pause)
		pause *= 2
	}
	return unknown
}
