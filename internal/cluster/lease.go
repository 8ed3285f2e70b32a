package cluster

import (
	"cmp"
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/service"
)

// LeaseConfig says what is led, and by whom.
type LeaseConfig struct {
	Role string // what is led; "center"
	Name string // of this node, unlike any other's
	// Primary gives the node that is to lead while it is healthy; empty, and nil: any. A
	// leader asks it again and again.
	Primary func(ctx context.Context) (string, error)
	Floor   string // file that keeps the highest epoch seen; empty: only memory does

	// Profile is Fast, or Alone in a Local database that is not Shared.
	Profile Profile
	Shared  bool // several processes of this machine use one Local database

	// Willing tells whether the node may lead; nil: always. When it turns false the lease
	// is given back.
	Willing func() bool

	// Failback is how long the Primary must have been ready before it is given the lease;
	// 30 s. It is given at most once in 20 times that.
	Failback time.Duration

	// Adopt gives rows that the leader owns the new epoch, within the acquisition.
	Adopt func(ctx context.Context, tx *db.Tx, epoch int64) error

	// Ring is called when the lease was given back: whom it reaches need not wait for
	// their next look (Lease.Ring there).
	Ring func()
}

// Lease is this node's part in deciding who leads. It is a service.Service: while it
// runs, the node leads or looks whether it may.
type Lease struct {
	cfg    LeaseConfig
	db     *db.DB
	log    *slog.Logger
	duties []namedDuty
	loop   *service.Background
	bell   chan struct{}
	heirs  chan string // who is to lead from now on; empty: anybody else
	floor  floor
	pace   pace // of the goroutine that contends, or of the one that renews
	blind  bool // of the goroutine that contends: its last look failed

	mu        sync.Mutex // guards the rest
	candidate candidate
	term      *term // nil: this node does not lead
	last      Leader
	expires   time.Time // when what was read last expires, by our own clock
	rests     time.Time // no candidate until then, or until another has led
}

// Leader is who leads, as somebody knew it at some time.
type Leader struct {
	Name  string `json:"name,omitempty"` // empty: nobody
	Epoch int64  `json:"epoch"`
}

// NewLease makes a part in a lease that starts nothing. The handle is best one with
// db.Config.Patience, so that nobody waits long for a leader that froze.
func NewLease(cfg LeaseConfig, d *db.DB, log *slog.Logger) (*Lease, error) {
	cfg.Role = cmp.Or(cfg.Role, "center")
	alone := d.Local() && !cfg.Shared
	calm := cfg.Profile
	switch {
	case cfg.Profile == Profile{} && alone:
		cfg.Profile, calm = Alone, Alone
	case cfg.Profile == Profile{}, cfg.Profile == Fast:
		cfg.Profile, calm = Fast, Calm
	}
	if err := cfg.Profile.check(); err != nil {
		return nil, err
	}
	if cfg.Name == "" {
		return nil, errs.New(errs.Invalid, "a lease needs the name of the node")
	}
	cfg.Failback = cmp.Or(cfg.Failback, 30*time.Second)
	l := &Lease{cfg: cfg, db: d, log: log, bell: make(chan struct{}, 1), heirs: make(chan string, 1),
		floor: floor{path: cfg.Floor}, pace: pace{fast: cfg.Profile, calm: calm}, candidate: candidate{name: cfg.Name, alone: alone}}
	l.loop = service.NewBackground(l.run)
	if cfg.Primary != nil {
		l.Lead("failback", Repeat(cfg.Profile.Renew, (&failback{lease: l}).look))
	}
	return l, nil
}

// Lead adds a duty, which is done by this node while it leads. Duties start in the order
// in which they are added and stop in reverse. Lead is called before Start.
func (l *Lease) Lead(name string, duty Duty) { l.duties = append(l.duties, namedDuty{name, duty}) }

// Start begins to contend.
func (l *Lease) Start(ctx context.Context) (err error) {
	defer errs.Wrap(&err, "cluster.Lease.Start")
	if err := l.floor.load(); err != nil {
		return err
	}
	return l.loop.Start(ctx)
}

// Stop stops the duties and then gives the lease back, so that another node leads at once.
func (l *Lease) Stop(ctx context.Context) error { return l.loop.Stop(ctx) }

// Epoch of this node's term; 0 while it does not lead.
func (l *Lease) Epoch() int64 {
	if t := l.current(); t != nil && t.ctx.Err() == nil {
		return t.fence.Epoch
	}
	return 0
}

// Leader is who leads as far as this node knows, which takes no query: it is as old as
// its last look or renewal.
func (l *Lease) Leader() Leader {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.last
}

// Ring makes a candidate look now: the lease was given back.
func (l *Lease) Ring() {
	select {
	case l.bell <- struct{}{}:
	default:
	}
}

// ProveDead says that the holder of exactly this epoch is dead, so that its lease need
// not be waited for. Proof is that its process was seen to exit, that its machine
// answers and refuses the connection, or an operator's word. Silence is none.
func (l *Lease) ProveDead(epoch int64) {
	l.mu.Lock()
	l.candidate.proof = max(l.candidate.proof, epoch)
	l.mu.Unlock()
	l.Ring()
}

// Heed takes in the epoch of a command that came from elsewhere than the database. A
// command with a lower epoch than the highest seen so far is of a leader that has been
// superseded: it is refused with ErrFenced.
func (l *Lease) Heed(epoch int64) error {
	switch {
	case epoch < 1 || epoch > maxEpoch:
		return errs.New(errs.Invalid, "%d is no epoch", epoch)
	case epoch < l.floor.get():
		return ErrFenced
	}
	return l.floor.raise(epoch)
}

// maxEpoch leaves room to count on from: a thousand changes a second for nine thousand years.
const maxEpoch = 1 << 48

// HandOver gives the lease to the node of that name, or to any other node when it is
// empty. It returns when the duties have stopped and the lease is given; a node that
// does not lead has nothing to give, which is errs.Conflict.
func (l *Lease) HandOver(ctx context.Context, to string) error {
	t := l.current()
	if t == nil {
		return errs.New(errs.Conflict, "this node does not lead")
	}
	l.resign(to)
	select {
	case <-t.over:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// resign asks the leading goroutine to hand over, once.
func (l *Lease) resign(to string) {
	select {
	case l.heirs <- to:
	default:
	}
}

func (l *Lease) current() *term {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.term
}

func (l *Lease) willing() bool {
	l.mu.Lock()
	rests := time.Now().Before(l.rests)
	l.mu.Unlock()
	return !rests && (l.cfg.Willing == nil || l.cfg.Willing())
}
