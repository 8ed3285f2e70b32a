package ticket

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/feel"
	"github.com/paceline/paceline/internal/form"
	"github.com/paceline/paceline/internal/org"
)

// Query narrows a list of tickets.
type Query struct {
	App       string
	Kind      string
	Status    Status
	Requester db.ID
	Watching  bool   // only those that the actor watches
	Search    string // in number and title
	Fields    []FieldFilter
	Sort      Sort // Newest or Oldest
	After     string
	Limit     int // 1 to 200; 0: 50
}

// FieldFilter narrows by a searchable field of the form.
type FieldFilter struct {
	Name  string
	Op    string // eq, prefix, lt, le, gt, ge
	Value string
}

// maxFilters bounds the field filters of one query: each costs a look-up per row.
const maxFilters = 5

// Search lists the tickets that the actor may see.
func (s *Service) Search(ctx context.Context, actor *org.Actor, q Query) (page Page[Ticket], err error) {
	defer errs.Wrap(&err, "ticket.Search")
	if actor == nil {
		return page, actor.Require(org.OpenTickets)
	}
	var filter builder
	if err := q.narrow(&filter, actor); err != nil {
		return page, err
	}
	limit := pageLimit(q.Limit)
	var b builder
	b.add("SELECT " + ticketColumns + " FROM (")
	access := s.access(actor)
	if q.Requester != 0 {
		b.join(access.requestedBy(q.Requester, filter, q.orderBy(), limit+1))
	} else {
		b.join(access.visible(filter, q.orderBy(), limit+1))
	}
	b.add(") v JOIN ticket k ON k.id = v.id"+q.orderBy()+" {limit}", limit+1)
	tickets, err := db.All(ctx, s.db, s.scanTicket, b.text, b.args...)
	if err != nil {
		return page, err
	}
	page = pageOf(tickets, limit, func(last Ticket) string { return writeCursor(q.sort(), 0, last.ID) })
	return page, s.addSteps(ctx, actor, page.Items)
}

// builder collects portable SQL with its arguments.
type builder struct {
	text string
	args []any
}

func (b *builder) add(text string, args ...any) {
	b.text += text
	b.args = append(b.args, args...)
}

func (b *builder) addWith(text string, args []any) { b.add(text, args...) }

func (b *builder) join(other builder) { b.add(other.text, other.args...) }

// on is the same condition on another column.
func (b builder) on(column, other string) builder {
	return builder{strings.ReplaceAll(b.text, column, other), b.args}
}

func (q Query) sort() Sort {
	if q.Sort == "" {
		return Newest
	}
	return q.Sort
}

func (q Query) orderBy() string {
	if q.sort() == Oldest {
		return " ORDER BY k.id"
	}
	return " ORDER BY k.id DESC"
}

// narrow adds the filters and the place where the page begins.
func (q Query) narrow(b *builder, actor *org.Actor) error {
	if q.App != "" {
		b.add(" AND k.app = ?", q.App)
	}
	if q.Kind != "" {
		b.add(" AND k.kind = ?", q.Kind)
	}
	switch q.Status {
	case "":
	case Open:
		b.add(" AND k.status = 'open'") // in the text, so that the partial index is used
	case Closed, Cancelled, Failed:
		b.add(" AND k.status = ?", string(q.Status))
	default:
		return wrongField("status", "enum", "%q is not a state of a ticket", q.Status)
	}
	if q.Watching {
		b.add(" AND k.id IN (SELECT w.ticket FROM ticket_watcher w WHERE w.principal = ?)", actor.ID)
	}
	if q.Search != "" {
		text, args := searchText(q.Search)
		b.add(" AND "+text, args...)
	}
	if len(q.Fields) > maxFilters {
		return wrongField("field", "maxItems", "at most %d fields can be filtered at once", maxFilters)
	}
	for _, f := range q.Fields {
		text, args, err := f.condition()
		if err != nil {
			return err
		}
		b.add(" AND "+text, args...)
	}
	return q.begin(b)
}

func (q Query) begin(b *builder) error {
	if q.sort() != Newest && q.sort() != Oldest {
		return wrongField("sort", "enum", "%q is not known; use newest or oldest", q.Sort)
	}
	if q.After == "" {
		return nil
	}
	_, id, err := readCursor(q.After, q.sort())
	if q.sort() == Newest {
		b.add(" AND k.id < ?", id)
	} else {
		b.add(" AND k.id > ?", id)
	}
	return err
}

// searchText finds text in number and title, in any case of letters.
func searchText(text string) (string, []any) {
	like := db.Contains(strings.ToLower(text))
	return "(LOWER(k.number) LIKE ? ESCAPE '!' OR LOWER(k.title) LIKE ? ESCAPE '!')", []any{like, like}
}

// comparison of each operator.
var comparisons = map[string]string{"eq": "=", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}

// condition is the filter as SQL on "ticket k". A value that reads as a number or an
// instant is compared as one.
func (f FieldFilter) condition() (string, []any, error) {
	const exists = "EXISTS (SELECT 1 FROM ticket_field f WHERE f.ticket = k.id AND f.name = ? AND "
	if f.Op == "prefix" {
		return exists + "f.txt LIKE ? ESCAPE '!')", []any{f.Name, db.Prefix(f.Value)}, nil
	}
	compare, known := comparisons[f.Op]
	if !known {
		return "", nil, wrongField("field", "op", "%q is not known; use eq, prefix, lt, le, gt or ge", f.Op)
	}
	if n, ok := sortable(f.Value); ok {
		return exists + "(f.num " + compare + " ? OR f.num IS NULL AND f.txt " + compare + " ?))", []any{f.Name, n, f.Value}, nil
	}
	return exists + "f.txt " + compare + " ?)", []any{f.Name, f.Value}, nil
}

const ticketColumns = "k.id, k.number, k.app, k.kind, k.app_version, k.title, k.requester, k.status, k.created, k.updated, k.closed"

func (s *Service) scanTicket(row db.Scanner) (t Ticket, err error) {
	var requester db.ID
	var created, updated, closed int64
	err = row.Scan(&t.ID, &t.Number, &t.App, &t.Kind, &t.Version, &t.Title, &requester, &t.Status, &created, &updated, &closed)
	t.Requester, t.Steps = s.person(requester), []Step{}
	t.Created, t.Updated, t.Closed = db.Time(created), db.Time(updated), moment(closed)
	return t, err
}

// addSteps says of every open ticket what waits for people, with one query for a page, in the
// words of the actor.
func (s *Service) addSteps(ctx context.Context, actor *org.Actor, tickets []Ticket) error {
	at := map[db.ID]int{}
	var open []db.ID
	for i, t := range tickets {
		if t.Status == Open {
			at[t.ID] = i
			open = append(open, t.ID)
		}
	}
	if len(open) == 0 {
		return s.nameTickets(ctx, actor, tickets)
	}
	type step struct {
		Step
		ticket db.ID
	}
	scan := func(row db.Scanner) (st step, err error) {
		var assignee db.ID
		var created, due int64
		err = row.Scan(&st.ticket, &st.definition, &st.Task, &st.Element, &st.Name, &assignee, &created, &due)
		st.Assignee, st.Since, st.Due = s.personOrNil(assignee), db.Time(created), moment(due)
		return st, err
	}
	const columns = "SELECT t.root, t.definition, t.id, t.node, t.name, t.assignee, t.created, t.due FROM task t "
	steps, err := db.All(ctx, s.db, scan, columns+"WHERE t.instance IN (?) UNION ALL "+columns+"WHERE t.root <> t.instance AND t.root IN (?)",
		db.In(open), db.In(open))
	if err != nil {
		return err
	}
	slices.SortFunc(steps, func(a, b step) int { return cmp.Compare(a.Task, b.Task) })
	for _, st := range steps {
		t := &tickets[at[st.ticket]]
		t.Steps = append(t.Steps, st.Step)
	}
	return s.nameTickets(ctx, actor, tickets)
}

// sortable reads a number or an instant as ticket_field keeps them.
func sortable(text string) (int64, bool) {
	if n, ok := feel.ParseNumber(text); ok {
		return form.TenThousandths(n), true
	}
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UnixMicro(), true
		}
	}
	return 0, false
}

// mustSee is NotFound unless the actor may see the ticket.
func (s *Service) mustSee(ctx context.Context, actor *org.Actor, ticket db.ID) error {
	if actor == nil {
		return actor.Require(org.OpenTickets)
	}
	sees, args := s.access(actor).sees()
	n, err := db.Count(ctx, s.db, 1, "FROM ticket k WHERE k.id = ? AND "+sees, append([]any{ticket}, args...)...)
	if err == nil && n == 0 {
		return errNoTicket(ticket)
	}
	return err
}

func errNoTicket(id db.ID) error {
	return errs.New(errs.NotFound, "there is no ticket %s, or you may not see it", id).WithCure("look it up in the list of tickets")
}
