package ticket

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/org"
	"github.com/paceline/paceline/internal/process"
)

// Queue is one list of the inbox.
type Queue string

// The queues.
const (
	Mine  Queue = "mine"  // assigned to the actor
	Group Queue = "group" // free, and the actor is a candidate
)

// Item is one task of an inbox.
type Item struct {
	Task      db.ID     `json:"task"`
	Version   int       `json:"version" doc:"send it back with what you do to the task"`
	Element   string    `json:"element"`
	Name      string    `json:"name"`
	Ticket    db.ID     `json:"ticket"`
	Number    string    `json:"number"`
	App       string    `json:"app"`
	Kind      string    `json:"kind"`
	KindName  string    `json:"kindName"`
	Title     string    `json:"title"`
	Requester Person    `json:"requester"`
	Assignee  *Person   `json:"assignee,omitempty"`
	Owner     *Person   `json:"owner,omitempty" doc:"who gets it back, when it was delegated"`
	Priority  int       `json:"priority"`
	Created   time.Time `json:"created"`
	Due       time.Time `json:"due,omitzero"`

	definition db.ID
}

// InboxQuery narrows and orders an inbox.
type InboxQuery struct {
	Queue  Queue
	App    string
	Kind   string
	Search string // in the ticket's number and title
	Sort   Sort
	After  string // cursor of the page before
	Limit  int    // 1 to 200; 0: 50
}

// Sort orders a list. Every order ends with the id, so that pages never overlap.
type Sort string

// The orders of an inbox.
const (
	Newest  Sort = "newest"
	Oldest  Sort = "oldest"
	DueDate Sort = "due"      // what has no due date comes last
	Urgent  Sort = "priority" // highest first
)

// Page is one page of a list, with the cursor for the next.
type Page[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next,omitempty" doc:"pass it as after to get the next page; absent on the last one"`
}

// pageOf cuts a list that was read with one item too many, which says that there is more.
func pageOf[T any](items []T, limit int, cursor func(last T) string) Page[T] {
	page := Page[T]{Items: items}
	if len(items) > limit {
		page.Items, page.Next = items[:limit], cursor(items[limit-1])
	}
	if page.Items == nil {
		page.Items = []T{}
	}
	return page
}

// Inbox lists what the actor can work on.
func (s *Service) Inbox(ctx context.Context, actor *org.Actor, q InboxQuery) (page Page[Item], err error) {
	defer errs.Wrap(&err, "inbox")
	if err := actor.Require(org.ReadTasks); err != nil {
		return page, err
	}
	order, err := q.order()
	if err != nil {
		return page, err
	}
	limit := pageLimit(q.Limit)
	items, err := s.queued(ctx, actor, q, order, limit+1)
	if err != nil {
		return page, err
	}
	page = pageOf(items, limit, order.cursor)
	return page, s.nameItems(ctx, actor, page.Items)
}

// itemColumns are what scanItem reads.
const itemColumns = process.TaskColumns + ", k.number, k.app, k.kind, k.title, k.requester"

const fromTasks = "task JOIN ticket k ON k.id = task.root"

// queued reads the first items of a queue, driven by the indexes that belong to it.
func (s *Service) queued(ctx context.Context, actor *org.Actor, q InboxQuery, order itemOrder, limit int) (items []Item, err error) {
	filter := s.itemFilter(actor, q, order)
	if q.Queue == Mine {
		var b builder
		b.add("SELECT "+itemColumns+" FROM "+fromTasks+" WHERE task.assignee = ? AND task.assignee <> 0", actor.ID)
		b.join(filter)
		b.add(" ORDER BY "+order.by+" {limit}", limit)
		return db.All(ctx, s.db, s.scanItem, b.text, b.args...)
	}
	for _, st := range order.stretches {
		b := nearest(actor, filter, st, limit-len(items))
		b.add(" ORDER BY "+order.by+" {limit}", limit-len(items))
		more, err := db.All(ctx, s.db, s.scanItem, b.text, b.args...)
		if err != nil {
			return nil, err
		}
		if items = append(items, more...); len(items) >= limit {
			break
		}
	}
	return items, nil
}

// nearest reads the free tasks of one stretch per principal, each in the order of its index and no further
// than a page, so a group with a hundred thousand tasks costs as much as one with fifty.
func nearest(actor *org.Actor, filter builder, st stretch, limit int) (b builder) {
	b.add("SELECT " + itemColumns + " FROM (")
	own := filter.on("task.id", "c.task").on("task.due", "c.due").on("task.priority", "c.priority")
	for i, principal := range actor.Principals {
		if i > 0 {
			b.add(" UNION ")
		}
		b.add("SELECT * FROM (SELECT c.task FROM task_candidate c JOIN task ON task.id = c.task JOIN ticket k ON k.id = task.root"+
			" WHERE c.principal = ?"+st.where+" AND task.assignee = 0", principal)
		b.join(own)
		b.add(" ORDER BY "+st.by+" {limit}) p"+strconv.Itoa(i), limit)
	}
	b.add(") m JOIN task ON task.id = m.task JOIN ticket k ON k.id = task.root WHERE task.assignee = 0")
	return b
}

// itemFilter is what the query's filters and its cursor add to the condition.
func (s *Service) itemFilter(actor *org.Actor, q InboxQuery, order itemOrder) builder {
	var b builder
	if q.App != "" {
		b.add(" AND k.app = ?", q.App)
	}
	if q.Kind != "" {
		b.add(" AND k.kind = ?", q.Kind)
	}
	if q.Search != "" {
		text, args := searchText(q.Search)
		b.add(" AND "+text, args...)
	}
	if only := s.access(actor).only; only != nil {
		b.add(" AND k.app IN (?)", db.In(only))
	}
	if order.after != "" {
		b.add(" AND "+order.after, order.afterArgs...)
	}
	return b
}

// item reads one open task as lists show it.
func (s *Service) item(ctx context.Context, actor *org.Actor, id db.ID) (Item, error) {
	it, err := s.scanItem(s.db.QueryRow(ctx, "SELECT "+itemColumns+" FROM "+fromTasks+" WHERE task.id = ?", id))
	if errors.Is(err, db.ErrNoRows) {
		err = errNoTask(id)
	}
	if err != nil {
		return it, err
	}
	named := []Item{it}
	err = s.nameItems(ctx, actor, named)
	return named[0], err
}

// scanItem reads itemColumns.
func (s *Service) scanItem(row db.Scanner) (it Item, err error) {
	var requester db.ID
	t, err := process.ScanTask(row, &it.Number, &it.App, &it.Kind, &it.Title, &requester)
	it.Task, it.Version, it.Element, it.Name, it.Ticket = t.ID, t.Version, t.Node, t.Name, t.Root
	it.Priority, it.Created, it.Due, it.definition = t.Priority, t.Created, t.Due, t.Definition
	it.Requester = s.person(requester)
	if t.Assignee != 0 {
		it.Assignee = &Person{ID: t.Assignee, Name: t.AssigneeName}
	}
	if t.Owner != 0 {
		it.Owner = &Person{ID: t.Owner, Name: t.OwnerName}
	}
	return it, err
}

// Counts are the sizes of the actor's queues. Beyond CountLimit they stay there: a badge
// needs no more, and counting further would cost more than the page.
type Counts struct {
	Mine    int `json:"mine"`
	Overdue int `json:"overdue" doc:"those of mine whose due date has passed"`
	Group   int `json:"group"`
	Notices int `json:"notices" doc:"those not read yet"`
	Limit   int `json:"limit" doc:"a count that reaches the limit means: at least so many"`
}

// CountLimit is where counting stops.
const CountLimit = 100

// Counts counts the actor's queues.
func (s *Service) Counts(ctx context.Context, actor *org.Actor) (c Counts, err error) {
	defer errs.Wrap(&err, "inbox counts")
	if err := actor.Require(org.ReadTasks); err != nil {
		return c, err
	}
	c.Limit = CountLimit
	if c.Mine, err = db.Count(ctx, s.db, CountLimit, "FROM task WHERE task.assignee = ? AND task.assignee <> 0", actor.ID); err != nil {
		return c, err
	}
	if c.Overdue, err = db.Count(ctx, s.db, CountLimit, "FROM task WHERE task.assignee = ? AND task.assignee <> 0 AND task.due < ?", actor.ID, db.Micros(s.now())); err != nil {
		return c, err
	}
	if c.Notices, err = db.Count(ctx, s.db, CountLimit, "FROM notice WHERE notice.recipient = ? AND notice.read_at = 0", actor.ID); err != nil {
		return c, err
	}
	var b builder
	b.add("FROM (")
	for i, principal := range actor.Principals {
		if i > 0 {
			b.add(" UNION ")
		}
		b.add("SELECT * FROM (SELECT c.task FROM task_candidate c JOIN task ON task.id = c.task WHERE c.principal = ? AND task.assignee = 0 {atmost}) p"+
			strconv.Itoa(i), principal, CountLimit)
	}
	b.add(") m")
	c.Group, err = db.Count(ctx, s.db, CountLimit, b.text, b.args...)
	return c, err
}

func pageLimit(asked int) int {
	switch {
	case asked <= 0:
		return 50
	case asked > 200:
		return 200
	}
	return asked
}

func (s *Service) personOrNil(id db.ID) *Person {
	if id == 0 {
		return nil
	}
	p := s.person(id)
	return &p
}
