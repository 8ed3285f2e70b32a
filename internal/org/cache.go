package org

import (
	"sync"
	"time"
)

// maxCached bounds a cache: what is over it is read from the database each time.
const maxCached = 8192

// cache keeps rows for a few seconds, by the hash of the secret that finds them.
type cache[T any] struct {
	mu      sync.Mutex
	entries map[string]cached[T]
}

type cached[T any] struct {
	value T
	until time.Time
}

func (c *cache[T]) get(hash string, now time.Time) (value T, found bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, found := c.entries[hash]
	if !found || !now.Before(e.until) {
		return value, false
	}
	return e.value, true
}

func (c *cache[T]) put(hash string, value T, now time.Time, life time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.entries) >= maxCached {
		for h, e := range c.entries {
			if !now.Before(e.until) {
				delete(c.entries, h)
			}
		}
	}
	if c.entries == nil || len(c.entries) >= maxCached {
		c.entries = make(map[string]cached[T])
	}
	c.entries[hash] = cached[T]{value, now.Add(life)}
}

// drop forgets the values that match, so that this node sees a revocation at once.
func (c *cache[T]) drop(match func(T) bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for h, e := range c.entries {
		if match(e.value) {
			delete(c.entries, h)
		}
	}
}
