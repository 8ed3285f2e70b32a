package ticket

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/engine"
	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/org"
	"github.com/paceline/paceline/internal/process"
)

// Notice tells somebody of a ticket and asks for nothing. That it was read is kept.
type Notice struct {
	ID      db.ID     `json:"id"`
	Kind    string    `json:"kind" enum:"cc,urge,warn,escalate"`
	Ticket  db.ID     `json:"ticket"`
	Number  string    `json:"number"`
	Title   string    `json:"title"`
	Element string    `json:"element,omitempty" doc:"the step that a cc is about"`
	To      Person    `json:"to"`
	Author  Person    `json:"author" doc:"id 0: the process itself"`
	At      time.Time `json:"at"`
	Read    time.Time `json:"read,omitzero" doc:"when they read it; absent until then"`
	Body    string    `json:"body,omitempty" doc:"what its author said; of warn and escalate the due time"`
	Text    string    `json:"text" doc:"a sentence for people, in the language of who reads it"`

	definition db.ID
}

// The kinds of notices.
const (
	ccNotice   = "cc"
	urgeNotice = "urge"

	warnNotice     = "warn"     // a task is due soon, or late; the body is its due time
	escalateNotice = "escalate" // the same, to others
)

// UrgeEvery is how often one person may urge one ticket.
const UrgeEvery = time.Hour

// maxNotified bounds who is told at once.
const maxNotified = 500

var notices = &db.Table{
	Name: "notice",
	Columns: []db.Column{
		{Name: "id", Type: db.BigInt},
		{Name: "recipient", Type: db.BigInt},
		{Name: "ticket", Type: db.BigInt},
		{Name: "kind", Type: db.Text, Size: 10},
		{Name: "element", Type: db.Text, Size: 250},
		{Name: "author", Type: db.BigInt}, // 0: the process
		{Name: "at", Type: db.BigInt},
		{Name: "read_at", Type: db.BigInt}, // 0 until it is read
		{Name: "body", Type: db.Long},
	},
	Key: []string{"id"},
	Indexes: []db.Index{
		{Name: "notice_recipient", Columns: []string{"recipient", "id"}},
		{Name: "notice_unread", Columns: []string{"recipient"}, Where: "read_at = 0"},
		{Name: "notice_ticket", Columns: []string{"ticket", "id"}},
	},
}

const noticeColumns = "SELECT n.id, n.kind, n.ticket, k.number, k.title, n.element, n.recipient, n.author, n.at, n.read_at, n.body, i.definition FROM notice n JOIN ticket k ON k.id = n.ticket JOIN instance i ON i.id = n.ticket "

func (s *Service) scanNotice(row db.Scanner) (n Notice, err error) {
	var to, author db.ID
	var at, read int64
	err = row.Scan(&n.ID, &n.Kind, &n.Ticket, &n.Number, &n.Title, &n.Element, &to, &author, &at, &read, &n.Body, &n.definition)
	n.To, n.Author, n.At = s.person(to), s.person(author), db.Time(at)
	if read != 0 {
		n.Read = db.Time(read)
	}
	return n, err
}

// projectCopies writes the notices that the model wants.
func (s *Service) projectCopies(t *process.Transition, ch *db.Change) {
	for _, effect := range t.Effects {
		e, ok := effect.(engine.Notify)
		if !ok {
			continue
		}
		found := s.org.Directory().Resolve(org.Want{Requester: s.knownRequester(t), CandidateUsers: e.To})
		for _, id := range s.people(found.Candidates) {
			ch.Inserts = append(ch.Inserts, noticeRow(s.newID(), id, t.Root, ccNotice, e.Node.ID, 0, db.Micros(t.Now), ""))
			mayRead(ch, t.Root, id)
		}
	}
}

func noticeRow(id, to, ticket db.ID, kind, element string, author db.ID, at int64, body string) db.Row {
	return db.Row{Table: notices, Values: []any{id, to, ticket, kind, element, author, at, 0, body}}
}

// knownRequester is requesterOf without a look into the database; 0 when it is not known.
func (s *Service) knownRequester(t *process.Transition) db.ID {
	for _, login := range []string{requesterIn(t.After.Vars()), t.After.Initiator()} {
		if u := s.org.Directory().UserByLogin(login); u != nil {
			return u.ID
		}
	}
	if t.Before == nil {
		return t.Actor
	}
	return 0
}

// people are the users whom principals mean, each once.
func (s *Service) people(principals []db.ID) []db.ID {
	var found []db.ID
	for _, principal := range principals {
		for _, u := range s.org.Directory().Members(principal) {
			if !slices.Contains(found, u.ID) && len(found) < maxNotified {
				found = append(found, u.ID)
			}
		}
	}
	return found
}

// Notified answers CopyTo and Urge.
type Notified struct {
	Told []Person `json:"told"`
}

// CopyTo tells people of a ticket, who may see it from now on. To are logins, or terms such as group:NAME.
func (s *Service) CopyTo(ctx context.Context, actor *org.Actor, ticket db.ID, to []string, body string) (n Notified, err error) {
	defer errs.Wrap(&err, "ticket.CopyTo")
	if body, err = cleanText("body", body, false); err != nil {
		return n, err
	}
	t, _, err := s.own(ctx, actor, ticket)
	if err != nil {
		return n, err
	}
	found := s.org.Directory().Resolve(org.Want{Requester: t.Requester.ID, CandidateUsers: to})
	if found.Problem != "" {
		return n, wrongField("to", "exists", "%s", found.Problem)
	}
	return s.notify(ctx, actor, ticket, ccNotice, s.people(found.Candidates), body)
}

// Urge reminds those whom a ticket waits for: who has its open tasks, else who may take them. The
// requester may, and who repairs tickets, once in UrgeEvery.
func (s *Service) Urge(ctx context.Context, actor *org.Actor, ticket db.ID, body string) (n Notified, err error) {
	defer errs.Wrap(&err, "ticket.Urge")
	if body, err = cleanText("body", body, false); err != nil {
		return n, err
	}
	t, _, err := s.own(ctx, actor, ticket)
	switch {
	case err != nil:
		return n, err
	case t.Requester.ID != actor.ID && !s.access(actor).repairs():
		return n, errs.New(errs.Denied, "%s may not urge this ticket", actor.Login).WithCure("ask its requester to")
	}
	var waits []db.ID
	for _, step := range t.Steps {
		if step.Assignee != nil {
			waits = append(waits, step.Assignee.ID)
			continue
		}
		candidates, err := s.query.CandidatesOf(ctx, step.Task)
		if err != nil {
			return n, err
		}
		waits = append(waits, candidates...)
	}
	to := s.people(waits)
	if len(to) == 0 {
		return n, errs.New(errs.Conflict, "ticket %s waits for nobody", t.Number)
	}
	return s.notify(ctx, actor, ticket, urgeNotice, to, body)
}

func (s *Service) notify(ctx context.Context, actor *org.Actor, ticket db.ID, kind string, to []db.ID, body string) (Notified, error) {
	n, err := db.Do(ctx, s.db, func(ctx context.Context, tx *db.Tx) (Notified, error) {
		at := db.Micros(s.now())
		if _, err := tx.Exec(ctx, "UPDATE ticket SET updated = ? WHERE id = ?", at, ticket); err != nil { // also the lock for the limit
			return Notified{}, err
		}
		if kind == urgeNotice {
			if err := s.limitUrging(ctx, tx, actor, ticket, at); err != nil {
				return Notified{}, err
			}
		}
		answer := Notified{Told: []Person{}}
		for _, id := range to {
			if err := tx.Insert(ctx, noticeRow(s.newID(), id, ticket, kind, "", actor.ID, at, body)); err != nil {
				return answer, err
			}
			if _, err := tx.InsertIgnore(ctx, db.Row{Table: readers, Values: []any{id, ticket}}); err != nil {
				return answer, err
			}
			answer.Told = append(answer.Told, s.person(id))
		}
		return answer, nil
	})
	if err == nil {
		s.changed(ticket)
		for _, p := range n.Told {
			s.ring("inbox", p.ID.String())
		}
	}
	return n, err
}

func (s *Service) limitUrging(ctx context.Context, tx *db.Tx, actor *org.Actor, ticket db.ID, at int64) error {
	var recent int64
	since := at - UrgeEvery.Microseconds()
	err := tx.QueryRow(ctx, "SELECT COALESCE(MAX(at), 0) FROM notice WHERE ticket = ? AND kind = ? AND author = ? AND at > ?",
		ticket, urgeNotice, actor.ID, since).Scan(&recent)
	if err != nil || recent == 0 {
		return err
	}
	wait := time.Duration(recent-since) * time.Microsecond
	return errs.New(errs.Exhausted, "you urged this ticket at %s UTC already", db.Time(recent).UTC().Format("15:04")).
		WithCure("once an hour is enough; add a comment, or speak to them").RetryAfter(wait)
}

// Notices lists what the actor was told, newest first; only what is unread, or all of it.
func (s *Service) Notices(ctx context.Context, actor *org.Actor, all bool, before db.ID, limit int) (page Page[Notice], err error) {
	defer errs.Wrap(&err, "ticket.Notices")
	if err := actor.Require(org.OpenTickets); err != nil {
		return page, err
	}
	limit = pageLimit(limit)
	var b builder
	b.add(noticeColumns+"WHERE n.recipient = ?", actor.ID)
	if !all {
		b.add(" AND n.read_at = 0")
	}
	if before != 0 {
		b.add(" AND n.id < ?", before)
	}
	b.add(" ORDER BY n.id DESC {limit}", limit+1)
	found, err := db.All(ctx, s.db, s.scanNotice, b.text, b.args...)
	if err != nil {
		return page, err
	}
	page = pageOf(found, limit, func(last Notice) string { return last.ID.String() })
	return page, s.sayNotices(ctx, actor, page.Items)
}

// NoticesOf lists who was told of a ticket, oldest first, and when they read it.
func (s *Service) NoticesOf(ctx context.Context, actor *org.Actor, ticket, after db.ID, limit int) (page Page[Notice], err error) {
	defer errs.Wrap(&err, "ticket.NoticesOf")
	page, err = listBeside(ctx, s, actor, ticket, s.scanNotice, func(n Notice) db.ID { return n.ID },
		noticeColumns+"WHERE n.ticket = ? AND n.id > ? ORDER BY n.id {limit}", after, limit)
	if err != nil {
		return page, err
	}
	return page, s.sayNotices(ctx, actor, page.Items)
}

// ReadNotice keeps that the actor has read a notice; the first time counts.
func (s *Service) ReadNotice(ctx context.Context, actor *org.Actor, id db.ID) (n Notice, err error) {
	defer errs.Wrap(&err, "ticket.ReadNotice")
	if err := actor.Require(org.OpenTickets); err != nil {
		return n, err
	}
	found, err := s.scanNotice(s.db.QueryRow(ctx, noticeColumns+"WHERE n.id = ? AND n.recipient = ?", id, actor.ID))
	if errors.Is(err, db.ErrNoRows) {
		err = errs.New(errs.NotFound, "there is no notice %s for you", id).WithCure("look at your notices again")
	}
	if err != nil {
		return n, err
	}
	said := []Notice{found}
	if err := s.sayNotices(ctx, actor, said); err != nil {
		return n, err
	}
	n, err = db.Do(ctx, s.db, func(ctx context.Context, tx *db.Tx) (Notice, error) {
		n, read := said[0], int64(0)
		if _, err := tx.Exec(ctx, "UPDATE notice SET read_at = ? WHERE id = ? AND recipient = ? AND read_at = 0", db.Micros(s.now()), id, actor.ID); err != nil {
			return n, err
		}
		err := tx.QueryRow(ctx, "SELECT n.read_at FROM notice n WHERE n.id = ?", id).Scan(&read)
		n.Read = db.Time(read)
		return n, err
	})
	if err == nil {
		s.changed(n.Ticket)
	}
	return n, err
}
