package cluster

import (
	"slices"
	"time"

	"github.com/paceline/paceline/internal/errs"
)

// Profile is how fast a lease is renewed, and how fast it is taken over.
type Profile struct {
	TTL       time.Duration // of the lease after a renewal, by the database's clock
	Renew     time.Duration // between renewals
	Statement time.Duration // how long a renewal may take; an acquisition twice that
	SelfFence time.Duration // how long a renewal is trusted, by our own clock from before it was sent
	Poll      time.Duration // between a candidate's looks, give or take a fifth
}

// The profiles that are in use.
var (
	// Fast takes over from a node that fell silent in less than two seconds.
	Fast = Profile{TTL: 1500 * time.Millisecond, Renew: 400 * time.Millisecond, Statement: 400 * time.Millisecond,
		SelfFence: 1200 * time.Millisecond, Poll: 250 * time.Millisecond}

	// Calm is what the holder of a Fast lease turns to while the database is slow.
	Calm = Profile{TTL: 5 * time.Second, Renew: 1500 * time.Millisecond, Statement: time.Second,
		SelfFence: 4 * time.Second, Poll: 250 * time.Millisecond}

	// Alone is for a database that one process uses: the lease is taken at the start from
	// whoever had it, and costs next to nothing to keep.
	Alone = Profile{TTL: time.Minute, Renew: 15 * time.Second, Statement: 5 * time.Second,
		SelfFence: 45 * time.Second, Poll: 5 * time.Second}
)

// check holds what makes a profile safe: trust ends well before the lease does, and two
// renewals may fail before it ends.
func (p Profile) check() error {
	switch {
	case p.TTL <= 0 || p.Renew <= 0 || p.Statement <= 0 || p.SelfFence <= 0 || p.Poll <= 0:
		return errs.New(errs.Invalid, "every time of a lease's profile has to be more than 0")
	case p.SelfFence > p.TTL*4/5:
		return errs.New(errs.Invalid, "a lease of %v must not be trusted for %v", p.TTL, p.SelfFence).WithCure("trust it for at most four fifths")
	case 2*p.Renew+p.Statement > p.SelfFence:
		return errs.New(errs.Invalid, "a lease that is trusted for %v must be renewed more often than every %v", p.SelfFence, p.Renew).
			WithCure("two renewals and one statement have to fit")
	}
	return nil
}

// pace chooses the profile by how long renewals take: calm when the slowest in a hundred
// have taken more than slowRenewal for a minute, fast again after ten minutes in which
// they did not.
type pace struct {
	fast, calm Profile
	calmed     bool
	since      time.Time // of the first renewal that counts
	slow       time.Time // when they were too slow last
	renewals   []renewal // of the last minute
}

type renewal struct {
	at   time.Time
	took time.Duration
}

const (
	slowRenewal = 150 * time.Millisecond
	slowFor     = time.Minute
	quietFor    = 10 * time.Minute
)

func (p *pace) profile() Profile {
	if p.calmed {
		return p.calm
	}
	return p.fast
}

// note takes in a renewal, also one that failed.
func (p *pace) note(at time.Time, took time.Duration) {
	if p.since.IsZero() {
		p.since = at
	}
	p.renewals = append(p.renewals, renewal{at, took})
	p.renewals = slices.DeleteFunc(p.renewals, func(r renewal) bool { return at.Sub(r.at) > slowFor })
	if p.p99() > slowRenewal {
		p.slow = at
	}
	switch {
	case !p.calmed && p.slow.Equal(at) && at.Sub(p.since) >= slowFor:
		p.calmed = true
	case p.calmed && at.Sub(p.slow) >= quietFor:
		*p = pace{fast: p.fast, calm: p.calm}
	}
}

// p99 is by nearest rank: of up to a hundred renewals the slowest.
func (p *pace) p99() time.Duration {
	took := make([]time.Duration, len(p.renewals))
	for i, r := range p.renewals {
		took[i] = r.took
	}
	slices.Sort(took)
	return took[(len(took)*99+99)/100-1]
}
