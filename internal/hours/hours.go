// Package hours keeps the business calendars: which there are, in which revisions, and whose time goes by which.
//
// What always holds:
//
//   - Revisions are only ever added, so what was counted by one can be counted by it again.
//   - The current calendars are in memory; a change raises the revision, which other nodes see by polling, or
//     sooner by the ring.
//
// Tables: calendar_revision, calendar_head.
package hours

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/paceline/paceline/internal/calendar"
	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/org"
)

// Entry is a calendar in one revision.
type Entry struct {
	calendar.Spec
	Revision int64     `json:"revision"`
	Changed  time.Time `json:"changed"`
	Author   string    `json:"author"`
	Gone     bool      `json:"gone,omitempty" doc:"It was taken away with this revision."`
}

// Deps are what Hours works with.
type Deps struct {
	DB *db.DB
	// Audit notes who did what, in the same transaction.
	Audit func(ctx context.Context, tx *db.Tx, by *org.Actor, action, subject string, details any) error
	// AppOf says which app a definition belongs to and which calendar its manifest names, from memory.
	AppOf func(definition db.ID) (app, calendar string)
	// UnitsOf names the units that a login is in, the nearest first.
	UnitsOf func(login string) []string
	// Ring tells of a change after the commit: ("calendar", name).
	Ring func(topic, key string)
	Now  func() time.Time
}

// Hours are the calendars as one node knows them. It is safe for concurrent use.
type Hours struct {
	deps Deps

	mu      sync.RWMutex
	seen    int64
	missed  time.Time // when the database was asked for an unknown one
	current map[string]current
	known   map[string]*calendar.Calendar // by ref; all that were asked for
}

type current struct {
	Entry
	cal *calendar.Calendar
}

// New makes Hours. It reads nothing yet.
func New(deps Deps) *Hours {
	return &Hours{deps: deps, current: map[string]current{}, known: map[string]*calendar.Calendar{}}
}

// Calendar finds the calendar of a name for an instance; see process.Calendars. A name means first the calendar
// that came with the definition's app. The default is that of the nearest unit of who started the instance, else
// what the app's manifest names, else the calendar that is marked so, else none.
func (h *Hours) Calendar(definition db.ID, initiator, name string) (*calendar.Calendar, bool) {
	app, own := h.deps.AppOf(definition)
	if name != "" {
		return h.Named(app, name)
	}
	if own != "" {
		h.Named(app, own) // it may have come with the version that was published just now
	}
	h.mu.RLock()
	defer h.mu.RUnlock()
	for _, unit := range h.deps.UnitsOf(initiator) {
		for _, name := range slices.Sorted(maps.Keys(h.current)) {
			if c := h.current[name]; slices.Contains(c.Units, unit) {
				return c.cal, true
			}
		}
	}
	if own != "" {
		return h.named(app, own)
	}
	for _, name := range slices.Sorted(maps.Keys(h.current)) {
		if c := h.current[name]; c.Default {
			return c.cal, true
		}
	}
	return nil, true
}

// Named finds a calendar for an app, which may be empty. One that is not known may have been made a moment ago on
// another node, so the database is asked, at most once in missEvery.
func (h *Hours) Named(app, name string) (*calendar.Calendar, bool) {
	h.mu.RLock()
	cal, known := h.named(app, name)
	h.mu.RUnlock()
	if known || !h.mayAsk() {
		return cal, known
	}
	ctx, cancel := context.WithTimeout(context.Background(), missWait)
	defer cancel()
	if err := h.Refresh(ctx); err != nil {
		return nil, false // the next look tells why
	}
	h.mu.RLock()
	defer h.mu.RUnlock()
	return h.named(app, name)
}

const (
	missEvery = time.Second
	missWait  = 5 * time.Second
)

func (h *Hours) mayAsk() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := h.deps.Now()
	if now.Sub(h.missed) < missEvery {
		return false
	}
	h.missed = now
	return true
}

func (h *Hours) named(app, name string) (*calendar.Calendar, bool) {
	if c, ok := h.current[app+"."+name]; ok && app != "" {
		return c.cal, true
	}
	c, ok := h.current[name]
	return c.cal, ok
}

// At gives a calendar in the revision that its Ref names.
func (h *Hours) At(ctx context.Context, ref string) (cal *calendar.Calendar, err error) {
	defer errs.Wrap(&err, "hours.At")
	h.mu.RLock()
	cal = h.known[ref]
	h.mu.RUnlock()
	if cal != nil {
		return cal, nil
	}
	name, number, _ := strings.Cut(ref, "@")
	revision, err := strconv.ParseInt(number, 10, 64)
	if err != nil {
		return nil, errs.New(errs.Internal, "%q names no calendar", ref)
	}
	all, err := h.read(ctx, "WHERE name = ? AND revision = ?", name, revision)
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, errs.New(errs.Internal, "there is no calendar %s", ref)
	}
	if cal, err = compile(all[0]); err != nil {
		return nil, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.known[ref] = cal
	return cal, nil
}

func compile(e Entry) (*calendar.Calendar, error) {
	return calendar.New(e.Spec, fmt.Sprintf("%s@%d", e.Name, e.Revision))
}

// Refresh reads what has changed. A node calls it at start, every few seconds, and when the bell rings.
func (h *Hours) Refresh(ctx context.Context) (err error) {
	defer errs.Wrap(&err, "hours.Refresh")
	var head int64
	err = h.deps.DB.QueryRow(ctx, "SELECT revision FROM calendar_head WHERE id = 1").Scan(&head)
	if errors.Is(err, db.ErrNoRows) {
		return nil
	}
	h.mu.RLock()
	seen := h.seen
	h.mu.RUnlock()
	if err != nil || head == seen {
		return err
	}
	news, err := h.read(ctx, "WHERE revision > ? ORDER BY revision", seen)
	if err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, e := range news {
		if e.Revision <= h.seen {
			continue
		}
		h.seen = e.Revision
		if e.Gone {
			delete(h.current, e.Name)
			continue
		}
		cal, err := compile(e)
		if err != nil {
			return err
		}
		h.current[e.Name], h.known[cal.Ref()] = current{e, cal}, cal
	}
	return nil
}

const selectRevision = "SELECT revision, name, spec, gone, author, at FROM calendar_revision "

func (h *Hours) read(ctx context.Context, where string, args ...any) ([]Entry, error) {
	return db.All(ctx, h.deps.DB, func(s db.Scanner) (e Entry, err error) {
		var spec string
		var gone, at int64
		if err = s.Scan(&e.Revision, &e.Name, &spec, &gone, &e.Author, &at); err != nil {
			return e, err
		}
		name := e.Name
		err = json.Unmarshal([]byte(spec), &e.Spec)
		e.Name, e.Gone, e.Changed = name, gone != 0, db.Time(at)
		return e, err
	}, selectRevision+where, args...)
}
