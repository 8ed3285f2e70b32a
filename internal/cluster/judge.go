package cluster

import "time"

// tenure is the lease and the fence as they are in the database.
type tenure struct {
	holder  string // may lead until expires; empty: nobody
	epoch   int64
	seq     int64 // rises with each renewal
	ttl     time.Duration
	expires int64 // microseconds, as is now
	now     int64 // the database's clock when it was read

	fence  int64  // the epoch of the fence
	winner string // who acquired that epoch
}

func (t tenure) live() bool { return t.holder != "" && t.expires > t.now }

// candidate is what a node that wants to lead knows beside what it reads.
type candidate struct {
	name  string
	alone bool  // no other process uses the database, so whoever led when we started is gone
	proof int64 // the holder of this epoch is known to be dead

	// own: a lease in our name with an epoch up to this one is of an earlier process of ours,
	// or of a term of ours that has ended, or of a commit whose outcome we do not know.
	own int64

	known      bool // what follows has been read
	epoch, seq int64
	since      time.Time // by our own clock: epoch and seq have stood still since then
}

// expiry is how long it takes, by the database's clock, until what was read expires.
func (t tenure) expiry() time.Duration { return time.Duration(t.expires-t.now) * time.Microsecond }

// standstill is how long, beyond its TTL, a lease must stand still before our own clock
// overrules the database's.
const standstill = 500 * time.Millisecond

// observe takes in what was read at the time at, by our own clock.
func (c *candidate) observe(t tenure, at time.Time) {
	if !c.known {
		c.own = max(c.own, t.epoch)
	}
	if !c.known || t.epoch != c.epoch || t.seq != c.seq {
		c.known, c.epoch, c.seq, c.since = true, t.epoch, t.seq, at
	}
}

// may says whether the candidate may take the lease, and why.
func (c *candidate) may(t tenure, at time.Time) (why string, ok bool) {
	switch ttl := t.ttl.Microseconds(); {
	case t.expires <= t.now:
		return "the lease is free or has expired", true
	case t.expires > t.now+2*ttl:
		return "the lease is from the future: the database's clock went back", true
	case at.Sub(c.since) >= t.ttl+standstill:
		return "the lease stands still", true
	case c.proof > 0 && c.proof == t.epoch:
		return "the holder is known to be dead", true
	case t.holder == c.name && t.winner != c.name:
		return "the lease was handed over to us", true
	case t.holder == c.name && t.epoch <= c.own:
		return "the lease is our own from before", true
	case c.alone && t.epoch <= c.own:
		return "this process is alone", true
	}
	return "", false
}
