package app

import (
	"sync"

	"github.com/paceline/paceline/internal/db"
)

// cache keeps read versions by id, the least recently used ones leave first. A version
// that many ask for at once is read once.
type cache struct {
	mu      sync.Mutex
	max     int
	tick    int64
	entries map[db.ID]*entry
}

type entry struct {
	once   sync.Once
	loaded *Loaded
	err    error
	used   int64
}

func newCache(most int) *cache { return &cache{max: most, entries: map[db.ID]*entry{}} }

// get answers from the cache or reads with load. A failure is not kept.
func (c *cache) get(id db.ID, load func() (*Loaded, error)) (*Loaded, error) {
	e := c.entry(id)
	e.once.Do(func() { e.loaded, e.err = load() })
	if e.err != nil {
		c.mu.Lock()
		if c.entries[id] == e {
			delete(c.entries, id)
		}
		c.mu.Unlock()
	}
	return e.loaded, e.err
}

func (c *cache) entry(id db.ID) *entry {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.entries[id]
	if e == nil {
		if len(c.entries) >= c.max {
			c.evict()
		}
		e = &entry{}
		c.entries[id] = e
	}
	c.tick++
	e.used = c.tick
	return e
}

func (c *cache) evict() {
	var oldest db.ID
	for id, e := range c.entries {
		if oldest == 0 || e.used < c.entries[oldest].used {
			oldest = id
		}
	}
	delete(c.entries, oldest)
}
