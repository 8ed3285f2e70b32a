package ticket

import (
	"context"
	"sync"
	"time"

	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/engine"
	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/org"
	"github.com/paceline/paceline/internal/process"
)

// Deputy is a standing rule: from one moment until another, tasks that would go to a person go to
// somebody else. It is looked at when a task opens, and the history keeps for whom.
type Deputy struct {
	ID    db.ID     `json:"id"`
	For   Person    `json:"for"`
	By    Person    `json:"by"`
	From  time.Time `json:"from"`
	Until time.Time `json:"until"`
	App   string    `json:"app,omitempty" doc:"only tickets of this app"`
	Note  string    `json:"note,omitempty"`
}

var deputies = &db.Table{
	Name: "deputy",
	Columns: []db.Column{
		{Name: "id", Type: db.BigInt},
		{Name: "absent", Type: db.BigInt},
		{Name: "substitute", Type: db.BigInt},
		{Name: "begins", Type: db.BigInt},
		{Name: "ends", Type: db.BigInt},
		{Name: "app", Type: db.Text, Size: 60},
		{Name: "note", Type: db.Long},
	},
	Key:     []string{"id"},
	Indexes: []db.Index{{Name: "deputy_absent", Columns: []string{"absent", "ends"}}},
}

const deputyColumns = "SELECT d.id, d.absent, d.substitute, d.begins, d.ends, d.app, d.note FROM deputy d "

func (s *Service) scanDeputy(row db.Scanner) (d Deputy, err error) {
	var absent, substitute db.ID
	var begins, ends int64
	err = row.Scan(&d.ID, &absent, &substitute, &begins, &ends, &d.App, &d.Note)
	d.For, d.By, d.From, d.Until = s.person(absent), s.person(substitute), db.Time(begins), db.Time(ends)
	return d, err
}

// deputyMemory keeps the rules that have not ended, because lanes ask for each task. What another node
// has changed is known here after at most deputyAge.
type deputyMemory struct {
	mu    sync.Mutex
	read  time.Time
	rules []Deputy
}

const (
	deputyAge  = 10 * time.Second
	maxDeputes = 10_000 // rules looked at
)

func (m *deputyMemory) forget() {
	m.mu.Lock()
	m.read = time.Time{}
	m.mu.Unlock()
}

func (s *Service) deputyRules(ctx context.Context) ([]Deputy, error) {
	m := &s.deputies
	m.mu.Lock()
	defer m.mu.Unlock()
	now := s.now()
	if age := now.Sub(m.read); age >= 0 && age < deputyAge {
		return m.rules, nil
	}
	rules, err := db.All(ctx, s.db, s.scanDeputy, deputyColumns+"WHERE d.ends > ? ORDER BY d.id DESC {limit}", db.Micros(now), maxDeputes)
	if err == nil {
		m.rules, m.read = rules, now
	}
	return m.rules, err
}

// substitute finds who has a person's tasks now; nil when the person has them. Of several rules the
// youngest counts, and a substitute's own substitute does not.
func (s *Service) substitute(ctx context.Context, t *process.Transition, task engine.ID, person db.ID) (*org.User, string, error) {
	rules, err := s.deputyRules(ctx)
	if err != nil || person == 0 {
		return nil, "", err
	}
	for _, rule := range rules {
		if rule.For.ID != person || t.Now.Before(rule.From) || !t.Now.Before(rule.Until) || !s.inApp(ctx, t, rule.App) {
			continue
		}
		u := s.org.Directory().User(rule.By.ID)
		if u == nil || u.Disabled || votes(t, task, u.Login) {
			continue
		}
		return u, "for " + rule.For.Name + ", who has a deputy until " + rule.Until.UTC().Format(time.DateOnly), nil
	}
	return nil, "", nil
}

func (s *Service) inApp(ctx context.Context, t *process.Transition, app string) bool {
	if app == "" {
		return true
	}
	live, err := s.apps.ByDefinition(ctx, t.Definition)
	return err == nil && live.App == app
}

// votes says whether somebody has a vote of his own in the group of a task: one person has one.
func votes(t *process.Transition, task engine.ID, login string) bool {
	voting, _ := t.After.VotingOf(task)
	for _, m := range voting.Members {
		if m.Name == login || m.By == login {
			return true
		}
		if open, ok := t.After.OpenTask(m.Task); ok && open.Assignee == login {
			return true
		}
	}
	return false
}

// Deputies lists the actor's rules that have not ended, or those of somebody else for an administrator; and
// with them those in which the actor is the deputy.
func (s *Service) Deputies(ctx context.Context, actor *org.Actor, of string) (list []Deputy, err error) {
	defer errs.Wrap(&err, "ticket.Deputies")
	person, err := s.whose(actor, of)
	if err != nil {
		return nil, err
	}
	return db.All(ctx, s.db, s.scanDeputy, deputyColumns+"WHERE d.ends > ? AND (d.absent = ? OR d.substitute = ?) ORDER BY d.id {limit}",
		db.Micros(s.now()), person, person, 200)
}

// whose is whom a request about deputies means: the actor, or for an administrator anybody.
func (s *Service) whose(actor *org.Actor, of string) (db.ID, error) {
	if err := actor.Require(org.WorkTasks); err != nil {
		return 0, err
	}
	if of == "" || of == actor.Login {
		return actor.ID, nil
	}
	if !actor.Admin {
		return 0, errs.New(errs.Denied, "%s may not decide who stands in for %s", actor.Login, of).WithCure("ask an administrator")
	}
	u := s.org.Directory().UserByLogin(of)
	if u == nil {
		return 0, wrongField("for", "exists", "there is no user %q", of)
	}
	return u.ID, nil
}

// NewDeputy is a rule to be made.
type NewDeputy struct {
	For   string // login; empty: the actor
	By    string // login
	From  time.Time
	Until time.Time
	App   string
	Note  string
}

// AddDeputy makes a rule. It is about tasks that open from then on.
func (s *Service) AddDeputy(ctx context.Context, actor *org.Actor, n NewDeputy) (d Deputy, err error) {
	defer errs.Wrap(&err, "ticket.AddDeputy")
	person, err := s.whose(actor, n.For)
	if err != nil {
		return d, err
	}
	if n.Note, err = cleanText("note", n.Note, false); err != nil {
		return d, err
	}
	if n.From.IsZero() {
		n.From = s.now()
	}
	u := s.org.Directory().UserByLogin(n.By)
	switch {
	case u == nil || u.Disabled:
		return d, wrongField("by", "exists", "there is no user %q who could stand in", n.By)
	case u.ID == person:
		return d, wrongField("by", "other", "nobody is his own deputy")
	case !n.Until.After(n.From):
		return d, wrongField("until", "range", "must be after from")
	case len(n.App) > 60:
		return d, wrongField("app", "range", "is too long")
	}
	d, err = db.Do(ctx, s.db, func(ctx context.Context, tx *db.Tx) (Deputy, error) {
		d := Deputy{ID: s.newID(), For: s.person(person), By: s.person(u.ID), From: n.From, Until: n.Until, App: n.App, Note: n.Note}
		return d, tx.Insert(ctx, db.Row{Table: deputies, Values: []any{d.ID, person, u.ID, db.Micros(n.From), db.Micros(n.Until), n.App, n.Note}})
	})
	s.deputies.forget()
	return d, err
}

// EndDeputy ends a rule now; tasks that the deputy has stay with him.
func (s *Service) EndDeputy(ctx context.Context, actor *org.Actor, id db.ID) (err error) {
	defer errs.Wrap(&err, "ticket.EndDeputy")
	if err := actor.Require(org.WorkTasks); err != nil {
		return err
	}
	found, err := db.All(ctx, s.db, s.scanDeputy, deputyColumns+"WHERE d.id = ?", id)
	switch {
	case err != nil:
		return err
	case len(found) == 0 || found[0].For.ID != actor.ID && !actor.Admin:
		return errs.New(errs.NotFound, "there is no deputy rule %s of yours", id).WithCure("paceline deputy list names them")
	}
	_, err = db.Do(ctx, s.db, func(ctx context.Context, tx *db.Tx) (struct{}, error) {
		at := db.Micros(s.now())
		_, err := tx.Exec(ctx, "UPDATE deputy SET ends = ? WHERE id = ? AND ends > ?", at, id, at)
		return struct{}{}, err
	})
	s.deputies.forget()
	return err
}
