package ticket

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"time"

	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/org"
)

// Incident is something in a ticket that waits for repair.
type Incident struct {
	ID         db.ID     `json:"id"`
	Ticket     db.ID     `json:"ticket"`
	Instance   db.ID     `json:"instance" doc:"the ticket itself, or a process that it called"`
	Definition db.ID     `json:"definition" doc:"the process in a version of its app"`
	Element    string    `json:"element"`
	Code       string    `json:"code,omitempty" doc:"of a BPMN error that nothing catches"`
	Message    string    `json:"message"`
	Since      time.Time `json:"since"`
}

// cause is the same for incidents that one repair may cure: of one element, with one message.
func (i Incident) cause() string {
	sum := sha256.Sum256([]byte(i.Definition.String() + "\x00" + i.Element + "\x00" + i.Code + "\x00" + i.Message))
	return hex.EncodeToString(sum[:8])
}

const incidentColumns = "SELECT i.id, i.root, i.instance, i.definition, i.node, i.code, i.message, i.created FROM incident i "

func scanIncident(row db.Scanner) (i Incident, err error) {
	var since int64
	err = row.Scan(&i.ID, &i.Ticket, &i.Instance, &i.Definition, &i.Element, &i.Code, &i.Message, &since)
	i.Since = db.Time(since)
	return i, err
}

func (s *Service) incidentsOf(ctx context.Context, ticket db.ID) ([]Incident, error) {
	found, err := db.All(ctx, s.db, scanIncident, incidentColumns+"WHERE i.root = ? ORDER BY i.id", ticket)
	return append([]Incident{}, found...), err
}

// IncidentFilter narrows a list of incidents; what is zero does not.
type IncidentFilter struct {
	Ticket     db.ID
	Definition db.ID
	Element    string
	Code       string
}

func (f IncidentFilter) narrow(b *builder) {
	if f.Ticket != 0 {
		b.add(" AND i.root = ?", f.Ticket)
	}
	if f.Definition != 0 {
		b.add(" AND i.definition = ?", f.Definition)
	}
	if f.Element != "" {
		b.add(" AND i.node = ?", f.Element)
	}
	if f.Code != "" {
		b.add(" AND i.code = ?", f.Code)
	}
}

// Incidents lists what waits for repair in the tickets that the actor may see, oldest
// first.
func (s *Service) Incidents(ctx context.Context, actor *org.Actor, f IncidentFilter, after db.ID, limit int) (page Page[Incident], err error) {
	defer errs.Wrap(&err, "ticket.Incidents")
	limit = pageLimit(limit)
	found, err := s.incidents(ctx, actor, f, after, limit+1)
	return pageOf(found, limit, func(last Incident) string { return last.ID.String() }), err
}

func (s *Service) incidents(ctx context.Context, actor *org.Actor, f IncidentFilter, after db.ID, limit int) ([]Incident, error) {
	if err := actor.Require(org.RepairTickets); err != nil {
		return nil, err
	}
	var b builder
	b.add(incidentColumns+"JOIN ticket k ON k.id = i.root WHERE i.id > ? AND ", after)
	b.addWith(s.access(actor).sees())
	f.narrow(&b)
	b.add(" ORDER BY i.id {limit}", limit)
	return db.All(ctx, s.db, scanIncident, b.text, b.args...)
}

// incident finds one that the actor may repair.
func (s *Service) incident(ctx context.Context, actor *org.Actor, id db.ID) (i Incident, err error) {
	if err := actor.Require(org.RepairTickets); err != nil {
		return i, err
	}
	var b builder
	b.add(incidentColumns+"JOIN ticket k ON k.id = i.root WHERE i.id = ? AND ", id)
	b.addWith(s.access(actor).sees())
	found, err := db.All(ctx, s.db, scanIncident, b.text, b.args...)
	switch {
	case err != nil:
		return i, err
	case len(found) == 0:
		return i, errs.New(errs.NotFound, "there is no incident %s", id).WithCure("it may be repaired already: look at the ticket")
	}
	return found[0], nil
}

// IncidentGroup are the incidents that have one cause.
type IncidentGroup struct {
	Cause      string    `json:"cause" doc:"names the group, to repair it as a whole"`
	App        string    `json:"app"`
	Definition db.ID     `json:"definition" doc:"the process in a version of its app"`
	Element    string    `json:"element"`
	Code       string    `json:"code,omitempty" doc:"of a BPMN error that nothing catches"`
	Message    string    `json:"message"`
	Count      int       `json:"count"`
	Oldest     time.Time `json:"oldest"`
	Newest     time.Time `json:"newest"`
	Ticket     db.ID     `json:"ticket" doc:"of the oldest"`
}

// incidentsMost is how many incidents are looked at together.
const incidentsMost = 10_000

// IncidentGroups lists the causes of what waits for repair, the most frequent first. With more than
// incidentsMost incidents it tells of the oldest.
func (s *Service) IncidentGroups(ctx context.Context, actor *org.Actor, f IncidentFilter) (groups []IncidentGroup, err error) {
	defer errs.Wrap(&err, "ticket.IncidentGroups")
	found, err := s.incidents(ctx, actor, f, 0, incidentsMost)
	if err != nil {
		return nil, err
	}
	at := map[string]int{}
	for _, i := range found {
		cause := i.cause()
		n, known := at[cause]
		if !known {
			live, err := s.apps.ByDefinition(ctx, i.Definition)
			if err != nil {
				return nil, err
			}
			n = len(groups)
			at[cause] = n
			groups = append(groups, IncidentGroup{
				Cause: cause, App: live.App, Definition: i.Definition, Element: i.Element, Code: i.Code, Message: i.Message, Oldest: i.Since, Ticket: i.Ticket,
			})
		}
		groups[n].Count++
		groups[n].Newest = i.Since
	}
	slices.SortStableFunc(groups, func(a, b IncidentGroup) int { return cmp.Compare(b.Count, a.Count) })
	return groups, nil
}
