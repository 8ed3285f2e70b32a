package ticket

import (
	"slices"
	"strconv"
	"strings"

	"github.com/paceline/paceline/internal/app"
	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/org"
)

// access is what one actor may see and do: the one place that decides it.
//
// A ticket is seen by its requester, its watchers, everybody who was asked to do
// something in it (those are its rows in ticket_reader), the readers that its app
// names, and who holds ticket.read_all. What is not seen is NotFound.
type access struct {
	actor *org.Actor
	all   bool     // every ticket
	apps  []string // every ticket of these
	only  []string // the token reaches these apps and no other; nil: all
}

func (s *Service) access(actor *org.Actor) access {
	a := access{actor: actor, all: actor.Can(org.ReadAllTickets)}
	reach := []string{}
	for _, live := range s.apps.Live() {
		if !actor.InApp(live.App) {
			continue
		}
		reach = append(reach, live.App)
		if s.holdsAny(actor, live.Manifest.Readers) {
			a.apps = append(a.apps, live.App)
		}
	}
	switch {
	case !actor.Reads():
		a.only = []string{}
	case slices.ContainsFunc(actor.Scopes, func(scope string) bool { return strings.HasPrefix(scope, org.AppScope) }):
		a.only = reach
	}
	return a
}

// sees is the condition on "ticket k" that lets only visible rows through, with its
// arguments. It asks row by row, so it is for queries that have few rows to ask about;
// lists are driven by visible.
func (a access) sees() (string, []any) {
	condition, args := "1 = 1", []any(nil)
	if !a.all {
		condition = "EXISTS (SELECT 1 FROM ticket_reader r WHERE r.ticket = k.id AND r.principal IN (?))"
		args = []any{db.In(a.actor.Principals)}
		if len(a.apps) > 0 {
			condition, args = "("+condition+" OR k.app IN (?))", append(args, db.In(a.apps))
		}
	}
	if a.only != nil {
		condition, args = condition+" AND k.app IN (?)", append(args, db.In(a.only))
	}
	return condition, args
}

// visible is a query for the ids of the first tickets that are visible and fit a filter on
// "ticket k", in the order given. For every principal and for the apps read as a
// whole it walks one index and no further than the limit, so it costs the same for who may see
// ten tickets and for who may see a million.
func (a access) visible(filter builder, order string, limit int) builder {
	var b builder
	if a.only != nil {
		filter.add(" AND k.app IN (?)", db.In(a.only))
	}
	if a.all {
		b.add("SELECT k.id FROM ticket k WHERE 1 = 1")
		b.join(filter)
		b.add(order+" {limit}", limit)
		return b
	}
	for i, principal := range a.actor.Principals {
		if i > 0 {
			b.add(" UNION ")
		}
		b.add("SELECT * FROM (SELECT k.id FROM ticket_reader r JOIN ticket k ON k.id = r.ticket WHERE r.principal = ?", principal)
		b.join(filter)
		b.add(strings.ReplaceAll(order, "k.id", "r.ticket")+" {limit}) p"+strconv.Itoa(i), limit)
	}
	if len(a.apps) > 0 {
		b.add(" UNION SELECT * FROM (SELECT k.id FROM ticket k WHERE k.app IN (?)", db.In(a.apps))
		b.join(filter)
		b.add(order+" {limit}) apps", limit)
	}
	return b
}

// requestedBy is visible for the tickets of one requester, who are few enough to be asked
// about one by one. One's own need not be asked about.
func (a access) requestedBy(requester db.ID, filter builder, order string, limit int) builder {
	var b builder
	b.add("SELECT k.id FROM ticket k WHERE k.requester = ?", requester)
	if a.only != nil || requester != a.actor.ID {
		condition, args := a.sees()
		b.add(" AND "+condition, args...)
	}
	b.join(filter)
	b.add(order+" {limit}", limit)
	return b
}

// repairs says whether the actor keeps other people's tickets going.
func (a access) repairs() bool { return a.actor.Can(org.RepairTickets) }

// holdsAny says whether the actor is in one of the roles and groups named.
func (s *Service) holdsAny(actor *org.Actor, names []string) bool {
	dir := s.org.Directory()
	return slices.ContainsFunc(names, func(name string) bool {
		return slices.ContainsFunc([]org.Kind{org.KindGroup, org.KindRole}, func(kind org.Kind) bool {
			g := dir.GroupByName(kind, name)
			return g != nil && actor.Is(g.ID)
		})
	})
}

// mayOpen decides who may open tickets of a kind.
func (s *Service) mayOpen(actor *org.Actor, kind *app.Kind) error {
	if err := actor.Require(org.OpenTickets); err != nil {
		return err
	}
	if !actor.InApp(kind.App) {
		return errs.New(errs.Denied, "this token does not reach the app %s", kind.App).
			WithCure("make a token with the scope app:%s", kind.App)
	}
	if len(kind.Starters) > 0 && !actor.Admin && !s.holdsAny(actor, kind.Starters) {
		return errs.New(errs.Denied, "%s may not open %s tickets", actor.Login, kind.ID).
			WithCure("ask an administrator for one of the groups that may")
	}
	return nil
}

// act is something done to a task.
type act string

const (
	claim    act = "claim"
	unclaim  act = "unclaim"
	complete act = "complete"
	delegate act = "delegate"
	transfer act = "transfer"
	giveBack act = "return"
)

// addSigner is allowed to whom a transfer is allowed, where the task is a vote.
const addSigner = "addSigner"

// may decides what the actor may do to a task that it sees.
func (a access) may(do act, t *task) error {
	if err := a.actor.Require(org.WorkTasks); err != nil {
		return err
	}
	mine := t.Assignee == a.actor.ID
	free := t.Assignee == 0 && t.candidate
	allowed := false
	switch do {
	case claim:
		allowed = free || mine || t.Assignee == 0 && a.repairs()
	case complete, giveBack:
		allowed = mine || free
	case unclaim, delegate, transfer:
		allowed = mine || a.repairs()
	}
	switch {
	case allowed:
		return nil
	case t.Assignee != 0 && !mine:
		return errs.New(errs.Conflict, "%s has this task now", t.AssigneeName).
			WithCure("look at the inbox again, or ask them to transfer it")
	default:
		return errs.New(errs.Denied, "%s may not %s this task", a.actor.Login, do).
			WithCure("claim it first, or ask one of its candidates")
	}
}
