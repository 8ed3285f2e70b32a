package cluster

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/service"
)

// Config of a Member. The zero value of a field stands for its default.
type Config struct {
	Name  string        // of the node; another that starts with the same name takes its place
	TTL   time.Duration // of the row after a renewal; 7 s
	Renew time.Duration // between renewals; 2 s

	Roles   []string // that it plays, for people
	Version string   // of the program

	Address func() string // asked by Start: where the node's role is reached; nil: nowhere
}

// Member is this process in the cluster. It is a service.Service; it is of use between Start and
// the end of Lost.
type Member struct {
	cfg   Config
	db    *db.DB
	log   *slog.Logger
	clock func() time.Time
	renew *service.Background
	bell  chan struct{} // renew now: the state has changed

	mu    sync.Mutex // held through Start and Stop
	holds atomic.Pointer[holding]
	peers atomic.Int64

	told  sync.Mutex // guards the rest
	state State
	cause string
}

// holding is one taking of a number.
type holding struct {
	number, epoch int64
	ids           *db.IDs
	lost          chan struct{} // closed when it is no longer trusted
	once          sync.Once
	trusted       atomic.Int64 // UnixNano until which it is, by our own clock
}

func (h *holding) end() { h.once.Do(func() { close(h.lost) }) }

// New makes a Member that holds no row until it is started. The clock dates ids.
func New(cfg Config, d *db.DB, clock func() time.Time, log *slog.Logger) *Member {
	if cfg.TTL == 0 {
		cfg.TTL = 7 * time.Second
	}
	if cfg.Renew == 0 {
		cfg.Renew = 2 * time.Second
	}
	m := &Member{cfg: cfg, db: d, log: log, clock: clock, bell: make(chan struct{}, 1)}
	m.renew = service.NewBackground(m.keep)
	return m
}

// Start takes a number. An earlier process of the same name is declared gone: it is the same
// node, started again, and what it held need not wait for its row to expire.
func (m *Member) Start(ctx context.Context) (err error) {
	defer errs.Wrap(&err, "cluster.Member.Start")
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.holds.Load() != nil {
		return nil
	}
	sent := time.Now()
	h, err := m.take(ctx)
	if err != nil {
		return err
	}
	h.trusted.Store(sent.Add(m.cfg.TTL).UnixNano())
	m.holds.Store(h)
	m.after(Joined, "")
	m.log.Info("joined", "node", h.number, "epoch", h.epoch)
	return m.renew.Start(ctx)
}

// Stop gives the number back, so that others take over at once what the node holds.
func (m *Member) Stop(ctx context.Context) (err error) {
	defer errs.Wrap(&err, "cluster.Member.Stop")
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.renew.Stop(ctx); err != nil {
		return err
	}
	h := m.holds.Swap(nil)
	if h == nil {
		return nil
	}
	h.end()
	m.after(Left, "")
	_, err = m.db.Exec(ctx, "UPDATE cluster_node SET expires = {now}, state = ?, cause = ?, since = {now} WHERE number = ? AND epoch = ? AND expires > {now}",
		string(Stopped), "", h.number, h.epoch)
	return err
}

// Tell says what has happened to this node, and the cause when it is Failed. Others see
// the state that follows as soon as the row is written, which is begun at once.
func (m *Member) Tell(e Event, cause string) {
	if !m.after(e, cause) {
		return
	}
	select {
	case m.bell <- struct{}{}:
	default:
	}
}

// after takes an event in, and says whether it changed anything.
func (m *Member) after(e Event, cause string) bool {
	m.told.Lock()
	defer m.told.Unlock()
	next := m.state.After(e)
	if next != Waiting {
		cause = ""
	} else if e != Failed {
		cause = m.cause
	}
	if next == m.state && cause == m.cause {
		return false
	}
	if next != m.state {
		m.log.Info("the node's state has changed", "node", m.cfg.Name, "was", string(m.state), "is", string(next), "cause", cause)
	}
	m.state, m.cause = next, cause
	return true
}

// State is this node's, and what it waits for.
func (m *Member) State() (State, string) {
	m.told.Lock()
	defer m.told.Unlock()
	return m.state, m.cause
}

// Number is this node's; 0 while it holds none.
func (m *Member) Number() int64 {
	if h := m.holds.Load(); h != nil {
		return h.number
	}
	return 0
}

// Epoch of the number; 0 while it holds none.
func (m *Member) Epoch() int64 {
	if h := m.holds.Load(); h != nil {
		return h.epoch
	}
	return 0
}

// NewID draws an id that no other node draws. Before Start there is no number to make it of,
// and it panics.
func (m *Member) NewID() db.ID { return m.holds.Load().ids.Next() }

// Lost is closed when the node must stop: its row has expired, was taken over, or could not
// be renewed in time. Before Start it is nil, which never ends.
func (m *Member) Lost() <-chan struct{} {
	if h := m.holds.Load(); h != nil {
		return h.lost
	}
	return nil
}

// Dead reads who is gone. The answer is true for an epoch that has passed or whose row has expired,
// and false for one it knows nothing of: that may have begun since.
func (m *Member) Dead(ctx context.Context) (func(number, epoch int64) bool, error) {
	nodes, err := List(ctx, m.db)
	if err != nil {
		return nil, err
	}
	byNumber := make(map[int64]Node, len(nodes))
	for _, n := range nodes {
		byNumber[n.Number] = n
	}
	m.count(nodes)
	return func(number, epoch int64) bool {
		n, known := byNumber[number]
		return known && (epoch < n.Epoch || epoch == n.Epoch && !n.Alive)
	}, nil
}

// Peers is how many nodes were alive, this one among them, when it looked last.
func (m *Member) Peers() int { return int(max(m.peers.Load(), 1)) }

func (m *Member) count(nodes []Node) {
	alive := int64(0)
	for _, n := range nodes {
		if n.Alive {
			alive++
		}
	}
	m.peers.Store(alive)
}

// ProveDead says that the node of that name, in exactly this epoch of its number, is dead: its
// row expires now, and what it held is free. Proof is that its process was seen to exit, or
// an operator's word; silence is none.
func ProveDead(ctx context.Context, d *db.DB, name string, number, epoch int64) error {
	_, err := d.Exec(ctx, "UPDATE cluster_node SET expires = {now} WHERE number = ? AND epoch = ? AND name = ? AND expires > {now}", number, epoch, name)
	return err
}

// take finds a number and makes its row ours.
func (m *Member) take(ctx context.Context) (*holding, error) {
	_, err := m.db.Exec(ctx, "UPDATE cluster_node SET expires = {now} WHERE name = ? AND expires > {now}", m.cfg.Name)
	if err != nil {
		return nil, err
	}
	for range 100 {
		nodes, err := List(ctx, m.db)
		if err != nil {
			return nil, err
		}
		now, err := db.Now(ctx, m.db)
		if err != nil {
			return nil, err
		}
		m.count(nodes)
		n, again := choose(nodes, db.Time(now).Add(-2*m.cfg.TTL))
		if n.Number > db.MaxNode {
			return nil, errs.New(errs.Exhausted, "all %d node numbers are in use", db.MaxNode).RetryAfter(m.cfg.TTL)
		}
		won, err := m.write(ctx, n, again, now)
		if err != nil {
			return nil, err
		}
		if won {
			ids := db.NewIDs(int(n.Number), m.clock)
			return &holding{number: n.Number, epoch: n.Epoch, ids: ids, lost: make(chan struct{})}, nil
		}
	}
	return nil, errs.New(errs.Unavailable, "too many nodes start at the same time").RetryAfter(m.cfg.TTL)
}

// choose picks the number that has been free longest, if that was before rested; else a new one.
func choose(nodes []Node, rested time.Time) (n Node, again bool) {
	n = Node{Number: 1, Epoch: 1}
	for _, old := range nodes {
		if !again {
			n.Number = max(n.Number, old.Number+1)
		}
		if !old.Alive && old.Expires.Before(rested) && (!again || old.Expires.Before(n.Expires)) {
			n, again = old, true
		}
	}
	if again {
		n.Epoch++
	}
	return n, again
}

// write makes the row ours unless another node was faster.
func (m *Member) write(ctx context.Context, n Node, again bool, now int64) (won bool, err error) {
	expires := now + m.cfg.TTL.Microseconds()
	roles, address := strings.Join(m.cfg.Roles, ","), ""
	if m.cfg.Address != nil {
		address = m.cfg.Address()
	}
	if !again {
		return m.db.InsertIgnore(ctx, db.Row{Table: Nodes, Values: []any{
			n.Number, n.Epoch, m.cfg.Name, now, expires, roles, m.cfg.Version, string(Joining), "", now, address}})
	}
	affected, err := m.db.Exec(ctx, `UPDATE cluster_node SET epoch = ?, name = ?, started = ?, expires = ?, roles = ?, version = ?, state = ?, cause = ?, since = ?, address = ?
WHERE number = ? AND epoch = ?`, n.Epoch, m.cfg.Name, now, expires, roles, m.cfg.Version, string(Joining), "", now, address, n.Number, n.Epoch-1)
	return affected == 1, err
}

// keep renews the row until ctx ends or the row is lost. The deadline of trust runs on a timer of its own, so a
// renewal that hangs does not stretch it.
func (m *Member) keep(ctx context.Context) {
	h := m.holds.Load()
	tick := time.NewTicker(m.cfg.Renew)
	defer tick.Stop()
	for {
		watchdog := time.AfterFunc(time.Until(time.Unix(0, h.trusted.Load())), func() {
			m.log.Error("the node could not renew its row in time and stops", "node", h.number, "epoch", h.epoch)
			h.end()
		})
		select {
		case <-ctx.Done():
			watchdog.Stop()
			return
		case <-h.lost:
			watchdog.Stop()
			return
		case <-tick.C:
		case <-m.bell:
		}
		m.renewOnce(ctx, h)
		watchdog.Stop()
	}
}

func (m *Member) renewOnce(ctx context.Context, h *holding) {
	ctx, cancel := context.WithTimeout(ctx, m.cfg.Renew)
	defer cancel()
	sent := time.Now()
	state, cause := m.State()
	// MySQL evaluates in the order written, so since looks at the state before.
	n, err := m.db.Exec(ctx, `UPDATE cluster_node SET expires = {now} + ?, since = CASE WHEN state = ? THEN since ELSE {now} END, state = ?, cause = ?
WHERE number = ? AND epoch = ? AND expires > {now}`, m.cfg.TTL.Microseconds(), string(state), string(state), cause, h.number, h.epoch)
	switch {
	case ctx.Err() != nil:
	case err != nil:
		m.log.Warn("cannot renew the node's row", "node", h.number, "epoch", h.epoch, "cause", err)
	case n == 0:
		m.log.Error("the node's row was taken over or has expired, so it stops", "node", h.number, "epoch", h.epoch)
		h.end()
	default:
		h.trusted.Store(sent.Add(m.cfg.TTL).UnixNano())
	}
}
