package ticket

import (
	"context"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/org"
)

// Comment is something a person wrote beside the form.
type Comment struct {
	ID     db.ID     `json:"id"`
	Author Person    `json:"author"`
	At     time.Time `json:"at"`
	Body   string    `json:"body"`
}

// Work is an entry of the worklog: time spent, and on what.
type Work struct {
	ID      db.ID     `json:"id"`
	Author  Person    `json:"author"`
	At      time.Time `json:"at"`
	Minutes int       `json:"minutes"`
	Body    string    `json:"body"`
}

// Bounds of what people write beside the form.
const (
	MaxComment = 10_000  // characters
	MaxMinutes = 60 * 24 // of one worklog entry
)

// Added answers the adding of a comment or a worklog entry.
type Added struct {
	ID db.ID `json:"id"`
}

// Comment adds a comment.
func (s *Service) Comment(ctx context.Context, actor *org.Actor, ticket db.ID, body string) (added Added, err error) {
	defer errs.Wrap(&err, "ticket.Comment")
	if body, err = cleanText("body", body, true); err != nil {
		return added, err
	}
	return s.beside(ctx, actor, ticket, func(id db.ID, at int64) db.Row {
		return db.Row{Table: comments, Values: []any{id, ticket, actor.ID, at, body}}
	})
}

// LogWork adds an entry to the worklog.
func (s *Service) LogWork(ctx context.Context, actor *org.Actor, ticket db.ID, minutes int, body string) (added Added, err error) {
	defer errs.Wrap(&err, "ticket.LogWork")
	if body, err = cleanText("body", body, false); err != nil {
		return added, err
	}
	if minutes < 1 || minutes > MaxMinutes {
		return added, wrongField("minutes", "range", "must be from 1 to %d", MaxMinutes)
	}
	return s.beside(ctx, actor, ticket, func(id db.ID, at int64) db.Row {
		return db.Row{Table: worklogs, Values: []any{id, ticket, actor.ID, at, minutes, body}}
	})
}

// beside writes a row that hangs on a ticket, open or not.
func (s *Service) beside(ctx context.Context, actor *org.Actor, ticket db.ID, row func(id db.ID, at int64) db.Row) (Added, error) {
	if err := actor.Require(org.OpenTickets); err != nil {
		return Added{}, err
	}
	if err := s.mustSee(ctx, actor, ticket); err != nil {
		return Added{}, err
	}
	added, err := db.Do(ctx, s.db, func(ctx context.Context, tx *db.Tx) (Added, error) {
		id, at := s.newID(), db.Micros(s.now())
		if err := tx.Insert(ctx, row(id, at)); err != nil {
			return Added{}, err
		}
		_, err := tx.Exec(ctx, "UPDATE ticket SET updated = ? WHERE id = ?", at, ticket)
		return Added{ID: id}, err
	})
	if err == nil {
		s.changed(ticket)
	}
	return added, err
}

// Comments lists the comments of a ticket, oldest first, after the given one.
func (s *Service) Comments(ctx context.Context, actor *org.Actor, ticket, after db.ID, limit int) (page Page[Comment], err error) {
	defer errs.Wrap(&err, "ticket.Comments")
	const query = "SELECT c.id, c.author, c.at, c.body FROM ticket_comment c WHERE c.ticket = ? AND c.id > ? ORDER BY c.id {limit}"
	scan := func(row db.Scanner) (c Comment, err error) {
		var author db.ID
		var at int64
		err = row.Scan(&c.ID, &author, &at, &c.Body)
		c.Author, c.At = s.person(author), db.Time(at)
		return c, err
	}
	return listBeside(ctx, s, actor, ticket, scan, func(c Comment) db.ID { return c.ID }, query, after, limit)
}

// Worklog lists the worklog of a ticket, oldest first, after the given entry.
func (s *Service) Worklog(ctx context.Context, actor *org.Actor, ticket, after db.ID, limit int) (page Page[Work], err error) {
	defer errs.Wrap(&err, "ticket.Worklog")
	const query = "SELECT w.id, w.author, w.at, w.minutes, w.body FROM ticket_worklog w WHERE w.ticket = ? AND w.id > ? ORDER BY w.id {limit}"
	scan := func(row db.Scanner) (w Work, err error) {
		var author db.ID
		var at int64
		err = row.Scan(&w.ID, &author, &at, &w.Minutes, &w.Body)
		w.Author, w.At = s.person(author), db.Time(at)
		return w, err
	}
	return listBeside(ctx, s, actor, ticket, scan, func(w Work) db.ID { return w.ID }, query, after, limit)
}

// listBeside pages through what hangs on a ticket, by id.
func listBeside[T any](ctx context.Context, s *Service, actor *org.Actor, ticket db.ID, scan func(db.Scanner) (T, error), id func(T) db.ID, query string, after db.ID, limit int) (Page[T], error) {
	if err := s.mustSee(ctx, actor, ticket); err != nil {
		return Page[T]{}, err
	}
	limit = pageLimit(limit)
	items, err := db.All(ctx, s.db, scan, query, ticket, after, limit+1)
	return pageOf(items, limit, func(last T) string { return id(last).String() }), err
}

// Watchers lists who watches a ticket.
func (s *Service) Watchers(ctx context.Context, actor *org.Actor, ticket db.ID) (people []Person, err error) {
	defer errs.Wrap(&err, "ticket.Watchers")
	if err := s.mustSee(ctx, actor, ticket); err != nil {
		return nil, err
	}
	scan := func(row db.Scanner) (p Person, err error) {
		var id db.ID
		err = row.Scan(&id)
		return s.person(id), err
	}
	return db.All(ctx, s.db, scan, "SELECT w.principal FROM ticket_watcher w WHERE w.ticket = ? ORDER BY w.since, w.principal", ticket)
}

// Watching answers Watch and Unwatch.
type Watching struct {
	Ticket   db.ID `json:"ticket"`
	Watching bool  `json:"watching"`
}

// Watch lets a person follow a ticket: they see it from now on. Who sees a ticket may
// add others; user 0 is the actor.
func (s *Service) Watch(ctx context.Context, actor *org.Actor, ticket, user db.ID) (w Watching, err error) {
	defer errs.Wrap(&err, "ticket.Watch")
	if user == 0 {
		user = actor.ID
	}
	if err := actor.Require(org.OpenTickets); err != nil {
		return w, err
	}
	if err := s.mustSee(ctx, actor, ticket); err != nil {
		return w, err
	}
	if s.org.Directory().User(user) == nil {
		return w, wrongField("user", "exists", "there is no user %s", user)
	}
	return db.Do(ctx, s.db, func(ctx context.Context, tx *db.Tx) (Watching, error) {
		at := db.Micros(s.now())
		if _, err := tx.InsertIgnore(ctx, db.Row{Table: watchers, Values: []any{ticket, user, at}}); err != nil {
			return Watching{}, err
		}
		_, err := tx.InsertIgnore(ctx, db.Row{Table: readers, Values: []any{user, ticket}})
		return Watching{Ticket: ticket, Watching: true}, err
	})
}

// Unwatch ends the watching. What a person was once allowed to read they may still read.
func (s *Service) Unwatch(ctx context.Context, actor *org.Actor, ticket, user db.ID) (w Watching, err error) {
	defer errs.Wrap(&err, "ticket.Unwatch")
	if user == 0 {
		user = actor.ID
	}
	if err := s.mustSee(ctx, actor, ticket); err != nil {
		return w, err
	}
	if user != actor.ID && !actor.Can(org.RepairTickets) {
		return w, errs.New(errs.Denied, "only they themselves may end their watching")
	}
	return db.Do(ctx, s.db, func(ctx context.Context, tx *db.Tx) (Watching, error) {
		_, err := tx.Exec(ctx, "DELETE FROM ticket_watcher WHERE ticket = ? AND principal = ?", ticket, user)
		return Watching{Ticket: ticket}, err
	})
}

// cleanText trims what a person wrote and holds it to its bounds.
func cleanText(field, text string, required bool) (string, error) {
	text = strings.TrimSpace(text)
	switch n := utf8.RuneCountInString(text); {
	case required && n == 0:
		return "", wrongField(field, "required", "must not be empty")
	case n > MaxComment:
		return "", wrongField(field, "maxLength", "must have at most %d characters", MaxComment)
	}
	return text, nil
}

func wrongField(place, rule, format string, args ...any) error {
	e := errs.New(errs.Invalid, format, args...)
	return errs.New(errs.Invalid, "the request has a wrong value").WithDetails(errs.Detail{Place: place, Rule: rule, Message: e.Message})
}
