package process

import (
	"container/list"
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/engine"
	"github.com/paceline/paceline/internal/errs"
)

// Status of an instance.
type Status int

const (
	Running Status = iota + 1
	Completed
	Terminated
	Cancelled
	Failed // a BPMN error left the process
)

var statusNames = [...]string{"", "running", "completed", "terminated", "cancelled", "failed"}

func (s Status) String() string { return statusNames[s] }

// MarshalText makes the status a word in JSON.
func (s Status) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads the word.
func (s *Status) UnmarshalText(text []byte) error {
	for i, name := range statusNames {
		if i > 0 && name == string(text) {
			*s = Status(i)
			return nil
		}
	}
	return errs.New(errs.Invalid, "%.40q is not the status of an instance", text)
}

func statusOf(how engine.How) Status { return Running + Status(how) }

// Instance is the row of an instance, without its state.
type Instance struct {
	ID          db.ID     `json:"id"`
	Version     int64     `json:"version"`
	Definition  db.ID     `json:"definition"`
	Root        db.ID     `json:"root"`
	Parent      db.ID     `json:"parent"`
	BusinessKey string    `json:"businessKey,omitempty"`
	Status      Status    `json:"status"`
	Seq         int64     `json:"seq"` // transitions so far
	Started     time.Time `json:"started"`
	Ended       time.Time `json:"ended,omitzero"`
}

const instanceColumns = "id, version, definition, root, parent, business_key, status, seq, started, ended"

// snapshot is an instance at one version. It is never changed once made.
type snapshot struct {
	Instance
	def   *engine.Definition
	state *engine.State
	size  int64 // of the encoded state with its parts
	parts partIDs
	err   error // why it cannot be used: its state or its definition is damaged; all else is nil then
}

// load brings the snapshots of the given instances, from the cache or in one read. An unknown
// instance is missing in the answer. What the cache gives may be old; the guard finds out.
func (r *Runtime) load(ctx context.Context, ids []db.ID) (map[db.ID]*snapshot, error) {
	found := make(map[db.ID]*snapshot, len(ids))
	var missing []db.ID
	for _, id := range ids {
		if s := r.cache.get(id); s != nil {
			found[id] = s
		} else {
			missing = append(missing, id)
		}
	}
	if len(missing) == 0 {
		return found, nil
	}
	read, err := r.readSnapshots(ctx, missing)
	if err != nil {
		return nil, err
	}
	for _, s := range read {
		found[s.ID] = s
		if s.err == nil {
			r.cache.put(s)
		}
	}
	return found, nil
}

// readSnapshots reads instances as they are in the database; unknown ones are missing, and one that is
// damaged carries its error, so that it hurts no other.
func (r *Runtime) readSnapshots(ctx context.Context, ids []db.ID) ([]*snapshot, error) {
	var read []*snapshot
	for torn := 0; len(ids) > 0; torn++ {
		again, err := r.readOnce(ctx, ids, &read)
		if err != nil {
			return nil, err
		}
		if ids = again; torn == tornMost && len(ids) > 0 {
			return nil, errTorn
		}
	}
	var err error
	for _, s := range read {
		if s.err != nil {
			continue
		}
		if s.def, err = r.deps.Definitions.Definition(ctx, s.Definition); err != nil {
			s.err = lacking(s.Definition, err)
		}
	}
	return read, nil
}

// readOnce adds the instances that were read whole, and gives those whose state and parts do not fit together.
func (r *Runtime) readOnce(ctx context.Context, ids []db.ID, read *[]*snapshot) (torn []db.ID, err error) {
	rows, err := db.All(ctx, r.deps.DB, scanState, "SELECT "+instanceColumns+", state FROM instance WHERE id IN (?)", db.In(ids))
	if err != nil {
		return nil, err
	}
	states, err := decodeStates(ctx, r.deps.DB, rows)
	if err != nil {
		return nil, err
	}
	for i, row := range rows {
		d := states[i]
		if errors.Is(d.err, errTorn) {
			torn = append(torn, row.ID)
			continue
		}
		*read = append(*read, &snapshot{Instance: row.Instance, state: d.state, size: d.size, parts: d.parts, err: d.err})
	}
	return torn, nil
}

func scanState(s db.Scanner) (row storedState, err error) {
	row.Instance, err = scanInstance(with{s, &row.packed})
	return row, err
}

// lacking says that the definition of an instance is not to be had. That it is not found is a fault of ours, and
// must not be taken for the absence of the instance.
func lacking(definition db.ID, err error) error {
	if errs.Is(err, errs.NotFound) {
		return errs.New(errs.Internal, "definition %s of a running instance: %w", definition, err)
	}
	return err
}

// cache keeps the snapshots used last, bounded by the size of their states.
type cache struct {
	limit        int64
	hits, misses atomic.Int64

	mu    sync.Mutex
	size  int64
	byID  map[db.ID]*list.Element
	order *list.List // of *snapshot, used last at the front
}

// snapshotCost is what a snapshot takes beside its encoded state, roughly.
const snapshotCost = 1 << 10

func newCache(limit int64) *cache {
	return &cache{limit: limit, byID: map[db.ID]*list.Element{}, order: list.New()}
}

func (c *cache) get(id db.ID) *snapshot {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.byID[id]
	if e == nil {
		c.misses.Add(1)
		return nil
	}
	c.hits.Add(1)
	c.order.MoveToFront(e)
	return e.Value.(*snapshot)
}

// put keeps s unless a newer version is there. An ended instance is not worth keeping.
func (c *cache) put(s *snapshot) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.byID[s.ID]; e != nil {
		if e.Value.(*snapshot).Version > s.Version {
			return
		}
		c.remove(e)
	}
	if s.Status != Running {
		return
	}
	c.byID[s.ID] = c.order.PushFront(s)
	c.size += s.size + snapshotCost
	for c.size > c.limit && c.order.Len() > 1 {
		c.remove(c.order.Back())
	}
}

func (c *cache) len() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.byID)
}

func (c *cache) drop(id db.ID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.byID[id]; e != nil {
		c.remove(e)
	}
}

func (c *cache) remove(e *list.Element) {
	s := c.order.Remove(e).(*snapshot)
	delete(c.byID, s.ID)
	c.size -= s.size + snapshotCost
}
