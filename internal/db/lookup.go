package db

import (
	"context"
	"sync"
	"time"

	"github.com/paceline/paceline/internal/errs"
)

// Lookup reads rows by key, many callers at once with one statement: what is asked
// while a read is under way is read together next. It never waits to gather more, so a
// single caller pays a single read; under load reads grow as group commits do.
// It keeps nothing: every call sees the database as it is after the call began.
type Lookup[K comparable, V any] struct {
	read func(ctx context.Context, keys []K) (map[K]V, error)

	mu      sync.Mutex
	waiting map[K][]chan<- found[V]
	reading bool
}

type found[V any] struct {
	value V
	known bool
	err   error
}

const (
	lookupMost    = 256 // keys of one read
	lookupTimeout = 10 * time.Second
)

// NewLookup makes a Lookup of a read function, which gives what it finds. The function
// gets a context of its own, because its callers differ.
func NewLookup[K comparable, V any](read func(ctx context.Context, keys []K) (map[K]V, error)) *Lookup[K, V] {
	return &Lookup[K, V]{read: read, waiting: map[K][]chan<- found[V]{}}
}

// Find reads the value of a key; known is false when there is none.
func (l *Lookup[K, V]) Find(ctx context.Context, key K) (value V, known bool, err error) {
	answer := make(chan found[V], 1)
	l.mu.Lock()
	l.waiting[key] = append(l.waiting[key], answer)
	if !l.reading {
		l.reading = true
		go l.run()
	}
	l.mu.Unlock()
	select {
	case f := <-answer:
		return f.value, f.known, f.err
	case <-ctx.Done():
		return value, false, errs.New(errs.Unavailable, "the caller has gone before the answer: %w", ctx.Err())
	}
}

// run reads until nobody waits.
func (l *Lookup[K, V]) run() {
	for {
		asked := l.take()
		if asked == nil {
			return
		}
		keys := make([]K, 0, len(asked))
		for key := range asked {
			keys = append(keys, key)
		}
		ctx, cancel := context.WithTimeout(context.Background(), lookupTimeout)
		values, err := l.read(ctx, keys)
		cancel()
		for key, answers := range asked {
			value, known := values[key]
			for _, answer := range answers {
				answer <- found[V]{value, known, err}
			}
		}
	}
}

// take gives what is to be read next; nil, and the reading has ended, when there is nothing.
func (l *Lookup[K, V]) take() map[K][]chan<- found[V] {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.waiting) == 0 {
		l.reading = false
		return nil
	}
	if len(l.waiting) <= lookupMost {
		all := l.waiting
		l.waiting = map[K][]chan<- found[V]{}
		return all
	}
	some := make(map[K][]chan<- found[V], lookupMost)
	for key, answers := range l.waiting {
		some[key] = answers
		delete(l.waiting, key)
		if len(some) == lookupMost {
			break
		}
	}
	return some
}
