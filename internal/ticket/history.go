package ticket

import (
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/org"
	"github.com/paceline/paceline/internal/process"
)

// Entry is one line of a ticket's history: what was done or came due, and what the
// process did because of it.
type Entry struct {
	Instance db.ID            `json:"instance" doc:"the ticket, or a process that it called"`
	Seq      int64            `json:"seq"`
	At       time.Time        `json:"at"`
	Actor    Person           `json:"actor" doc:"id 0: the system"`
	Kind     string           `json:"kind" doc:"start, taskCompleted, taskAssigned, timerFired, jump ..."`
	Detail   process.Detail   `json:"detail,omitzero"`
	Note     string           `json:"note,omitempty"`
	Moments  []process.Moment `json:"moments" doc:"elements that were entered, completed or cancelled, in order"`
}

// History tells what happened in a ticket and the processes it called, oldest first.
// Pages go by instance: first the ticket's own history, then those of its calls in the order in
// which they were made.
func (s *Service) History(ctx context.Context, actor *org.Actor, ticket db.ID, after string, limit int) (page Page[Entry], err error) {
	defer errs.Wrap(&err, "ticket.History")
	if err := s.mustSee(ctx, actor, ticket); err != nil {
		return page, err
	}
	family, err := s.query.Family(ctx, ticket, maxFamily)
	if err != nil {
		return page, err
	}
	at, seq := family[0].ID, int64(0)
	if after != "" {
		if seq, at, err = readCursor(after, historyOrder); err != nil {
			return page, err
		}
	}
	limit = pageLimit(limit)
	var entries []Entry
	for _, in := range family {
		if in.ID < at || len(entries) > limit {
			continue
		}
		if in.ID > at {
			seq = 0
		}
		more, err := s.query.History(ctx, in.ID, seq, limit+1-len(entries))
		if err != nil {
			return page, err
		}
		for _, e := range more {
			entries = append(entries, s.entry(in.ID, e))
		}
	}
	return pageOf(entries, limit, func(last Entry) string { return writeCursor(historyOrder, last.Seq, last.Instance) }), nil
}

const (
	historyOrder Sort = "history"
	maxFamily    int  = 1000 // called processes whose history is shown
)

func (s *Service) entry(instance db.ID, e process.Entry) Entry {
	moments := e.Moments
	if moments == nil {
		moments = []process.Moment{}
	}
	return Entry{
		Instance: instance, Seq: e.Seq, At: e.At, Actor: Person{ID: e.Actor, Name: e.By},
		Kind: e.Kind, Detail: e.Detail, Note: e.Note, Moments: moments,
	}
}

// ExportRows is how many tickets one export holds at most.
const ExportRows = 100_000

// Export gives the tickets of a query to write, the column names first, as many pages as
// there are up to ExportRows.
func (s *Service) Export(ctx context.Context, actor *org.Actor, q Query, write func([]string) error) (err error) {
	defer errs.Wrap(&err, "ticket.Export")
	if err := actor.Require(org.OpenTickets); err != nil {
		return err
	}
	q.After, q.Limit = "", 200
	page, err := s.Search(ctx, actor, q)
	if err != nil {
		return err
	}
	if err := write([]string{"number", "title", "app", "kind", "version", "status", "requester", "created", "updated", "closed", "steps"}); err != nil {
		return err
	}
	for rows := 0; ; rows += len(page.Items) {
		for _, t := range page.Items {
			if err := write(t.record()); err != nil {
				return err
			}
		}
		if page.Next == "" || rows+len(page.Items) >= ExportRows {
			return nil
		}
		q.After = page.Next
		if page, err = s.Search(ctx, actor, q); err != nil {
			return err
		}
	}
}

// record is a ticket as cells of a table. Text that a spreadsheet would run as a
// formula is quoted.
func (t *Ticket) record() []string {
	steps := ""
	for i, st := range t.Steps {
		if i > 0 {
			steps += "; "
		}
		steps += st.Name
		if st.Assignee != nil {
			steps += " (" + st.Assignee.Name + ")"
		}
	}
	cells := []string{
		t.Number, t.Title, t.App, t.Kind, strconv.Itoa(t.Version), string(t.Status), t.Requester.Name,
		instant(t.Created), instant(t.Updated), instant(t.Closed), steps,
	}
	for i, cell := range cells {
		if cell != "" && slices.Contains([]byte("=+-@\t\r"), cell[0]) {
			cells[i] = "'" + cell
		}
	}
	return cells
}

func instant(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}
