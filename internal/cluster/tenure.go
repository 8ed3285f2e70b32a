package cluster

import (
	"context"
	"crypto/rand"
	"errors"
	"time"

	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/errs"
)

// Epochs is the fence. It changes only when somebody begins to lead, and its rows are
// never deleted: a transaction of the leader shares the row's lock, renewals do not
// touch it.
var Epochs = &db.Table{
	Name: "cluster_epoch",
	Columns: []db.Column{
		{Name: "role", Type: db.Text, Size: 40},
		{Name: "epoch", Type: db.BigInt},
		{Name: "holder", Type: db.Text, Size: 200},
		{Name: "nonce", Type: db.Text, Size: 40},
	},
	Key: []string{"role"},
}

// Leases say who may lead, and until when.
var Leases = &db.Table{
	Name: "cluster_lease",
	Columns: []db.Column{
		{Name: "role", Type: db.Text, Size: 40},
		{Name: "holder", Type: db.Text, Size: 200},
		{Name: "epoch", Type: db.BigInt},
		{Name: "seq", Type: db.BigInt},
		{Name: "ttl_ms", Type: db.Int},
		{Name: "expires_at", Type: db.BigInt},
	},
	Key: []string{"role"},
}

// errTaken says that the lease is somebody else's, or that somebody else is taking it.
var errTaken = errs.New(errs.Conflict, "the lease is not free")

// readTenure reads the lease and the fence of a role.
func readTenure(ctx context.Context, q db.Queryer, role string) (t tenure, err error) {
	var ttl int64
	err = q.QueryRow(ctx, `SELECT l.holder, l.epoch, l.seq, l.ttl_ms, l.expires_at, {now}, e.epoch, e.holder
FROM cluster_lease l INNER JOIN cluster_epoch e ON e.role = l.role WHERE l.role = ?`, role).
		Scan(&t.holder, &t.epoch, &t.seq, &ttl, &t.expires, &t.now, &t.fence, &t.winner)
	t.ttl = time.Duration(ttl) * time.Millisecond
	return t, err
}

// establish makes the rows of a role that nobody has led yet.
func establish(ctx context.Context, d *db.DB, role string) error {
	return d.Tx(ctx, func(ctx context.Context, tx *db.Tx) error {
		if _, err := tx.InsertIgnore(ctx, db.Row{Table: Epochs, Values: []any{role, 0, "", ""}}); err != nil {
			return err
		}
		_, err := tx.InsertIgnore(ctx, db.Row{Table: Leases, Values: []any{role, "", 0, 0, 0, 0}})
		return err
	})
}

// try looks at the lease and acquires it if it may; else the error is errTaken. Nothing
// is locked, and nobody waits, before it seems that it may.
func (l *Lease) try(ctx context.Context) (*term, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*l.pace.profile().Statement)
	defer cancel()
	t, err := readTenure(ctx, l.db, l.cfg.Role)
	if errors.Is(err, db.ErrNoRows) {
		return nil, establish(ctx, l.db, l.cfg.Role)
	}
	if err != nil {
		return nil, err
	}
	l.observe(t)
	if _, ok := l.may(t); !ok || !l.willing() {
		return nil, errTaken
	}
	incarnation, err := l.db.Incarnation(ctx)
	if err != nil {
		return nil, err
	}
	return l.acquire(ctx, incarnation)
}

// acquire takes the lease and begins the next epoch, if the lease may still be taken
// once its row is locked. When the outcome of the commit is unknown, it was not
// acquired; should it have happened, the next look finds the lease in our name.
func (l *Lease) acquire(ctx context.Context, incarnation string) (*term, error) {
	sent, profile := time.Now(), l.pace.profile()
	fence := Fence{role: l.cfg.Role, nonce: rand.Text(), db: l.db}
	var why string
	var seq int64
	err := l.db.Tx(ctx, func(ctx context.Context, tx *db.Tx) (err error) {
		if err := tx.ReadLocked(ctx, db.LockNoWait, Leases, []string{"seq"}, l.cfg.Role).Scan(&seq); err != nil {
			return err
		}
		t, err := readTenure(ctx, tx, l.cfg.Role)
		if err != nil {
			return err
		}
		l.observe(t)
		var ok bool
		if why, ok = l.may(t); !ok {
			return errTaken
		}
		fence.Epoch = l.floor.get() + 1
		return l.begin(ctx, tx, fence, seq, profile)
	})
	if err != nil {
		l.mine(fence.Epoch)
		return nil, err
	}
	if err := l.floor.raise(fence.Epoch); err != nil {
		l.log.Warn("the highest epoch cannot be kept", "epoch", fence.Epoch, "err", err)
	}
	l.log.Info("this node leads", "epoch", fence.Epoch, "why", why)
	t := newTerm(fence, sent.Add(profile.SelfFence))
	t.incarnation, t.seq = incarnation, seq+1
	return t, nil
}

// begin shuts out the epoch before, adopts its rows and writes the lease. It waits for
// transactions of that epoch that have passed the fence.
func (l *Lease) begin(ctx context.Context, tx *db.Tx, f Fence, seq int64, p Profile) error {
	_, err := tx.Exec(ctx, "UPDATE cluster_epoch SET epoch = ?, holder = ?, nonce = ? WHERE role = ?", f.Epoch, l.cfg.Name, f.nonce, f.role)
	if err != nil {
		return err
	}
	if l.cfg.Adopt != nil {
		if err := l.cfg.Adopt(ctx, tx, f.Epoch); err != nil {
			return err
		}
	}
	_, err = tx.Exec(ctx, "UPDATE cluster_lease SET holder = ?, epoch = ?, seq = ?, ttl_ms = ?, expires_at = {now} + ? WHERE role = ?",
		l.cfg.Name, f.Epoch, seq+1, p.TTL.Milliseconds(), p.TTL.Microseconds(), f.role)
	return err
}

// renew extends the lease by the profile's TTL. Only a lease that has not expired is
// renewed: a renewal that was held up on its way would keep others from a lease that
// its holder has given up. A seq below the one that we know of is that of a database
// which was set back.
func (l *Lease) renew(ctx context.Context, t *term, p Profile) error {
	ctx, cancel := context.WithTimeout(ctx, p.Statement)
	defer cancel()
	n, err := l.db.Exec(ctx, `UPDATE cluster_lease SET seq = seq + 1, ttl_ms = ?, expires_at = {now} + ?
WHERE role = ? AND holder = ? AND epoch = ? AND seq >= ? AND expires_at > {now}`,
		p.TTL.Milliseconds(), p.TTL.Microseconds(), l.cfg.Role, l.cfg.Name, t.fence.Epoch, t.seq)
	if err == nil && n == 0 {
		return errSuperseded
	}
	return err
}

// yield gives the lease back, to heir alone for one TTL unless that is empty.
func (l *Lease) yield(ctx context.Context, t *term, heir string) error {
	p := l.pace.profile()
	ctx, cancel := context.WithTimeout(ctx, p.Statement)
	defer cancel()
	query, args := "UPDATE cluster_lease SET seq = seq + 1, holder = ?, expires_at = 0", []any{heir}
	if heir != "" {
		query, args = "UPDATE cluster_lease SET seq = seq + 1, holder = ?, expires_at = {now} + ?", []any{heir, p.TTL.Microseconds()}
	}
	_, err := l.db.Exec(ctx, query+" WHERE role = ? AND holder = ? AND epoch = ?", append(args, l.cfg.Role, l.cfg.Name, t.fence.Epoch)...)
	return err
}
