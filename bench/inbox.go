package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/org"
	"github.com/paceline/paceline/internal/ticket"
)

// The people of the inbox benchmark: principals that rows name, in no directory.
const (
	people     = 1000
	groups     = 50
	firstUser  = 1_000_000
	firstGroup = 2_000_000
)

// inbox measures the pages that people look at all day, in a database as it is after years.
func inbox(ctx context.Context, finished, open int) error {
	w, err := newWorld(ctx, "postgres", planOptions)
	if err != nil {
		return err
	}
	defer w.end()
	began := time.Now()
	if err := fill(ctx, w, finished, open); err != nil {
		return err
	}
	fmt.Printf("\n%d finished and %d open tickets, %d people, %d groups; made in %s\n\n", finished, open, people, groups, time.Since(began).Round(time.Second))
	fmt.Println("| page | calls | p50 ms | p99 ms | limit |")
	fmt.Println("|---|--:|--:|--:|--:|")
	l := load{Clients: 2, For: 4 * time.Second}
	m := meter{db: w.DB, server: w.server}
	for _, page := range pages(w) {
		r, err := measured(ctx, m, l, func(ctx context.Context, l load) (report, error) {
			return l.drive(ctx, func(ctx context.Context) error { return page.read(ctx, someone()) })
		})
		if err != nil {
			return fmt.Errorf("%s: %w", page.name, err)
		}
		fmt.Printf("| %s | %d | %.2f | %.2f | 20 |\n", page.name, r.ops(), millis(r.quantile(0.5)), millis(r.quantile(0.99)))
	}
	return plans(ctx, w)
}

type page struct {
	name string
	read func(context.Context, *org.Actor) error
}

func pages(w *world) []page {
	inbox := func(q ticket.InboxQuery, pages int) func(context.Context, *org.Actor) error {
		return func(ctx context.Context, a *org.Actor) error {
			for range pages {
				p, err := w.Tickets.Inbox(ctx, a, q)
				if err != nil || p.Next == "" {
					return err
				}
				q.After = p.Next
			}
			return nil
		}
	}
	search := func(q ticket.Query) func(context.Context, *org.Actor) error {
		return func(ctx context.Context, a *org.Actor) error {
			_, err := w.Tickets.Search(ctx, a, q)
			return err
		}
	}
	return []page{
		{"inbox: mine", inbox(ticket.InboxQuery{Queue: ticket.Mine}, 1)},
		{"inbox: group", inbox(ticket.InboxQuery{Queue: ticket.Group}, 1)},
		{"inbox: group, by due date", inbox(ticket.InboxQuery{Queue: ticket.Group, Sort: ticket.DueDate}, 1)},
		{"inbox: counts", func(ctx context.Context, a *org.Actor) error {
			_, err := w.Tickets.Counts(ctx, a)
			return err
		}},
		{"my requests", func(ctx context.Context, a *org.Actor) error {
			return search(ticket.Query{Requester: a.ID})(ctx, a)
		}},
		{"open tickets I may see", search(ticket.Query{Status: ticket.Open})},
	}
}

// someone is one of the people, in two of the groups.
func someone() *org.Actor {
	n := rand.IntN(people)
	return &org.Actor{
		ID: db.ID(firstUser + n), Login: "someone", Roles: []string{org.RoleStaff},
		Principals: []db.ID{db.ID(firstUser + n), db.ID(firstGroup + n%groups), db.ID(firstGroup + (n+7)%groups)},
	}
}

// fill makes the rows that finished and open tickets leave, in the database itself. Half of the
// open tasks belong to a person, half wait for a group; open tickets are among the newest third.
func fill(ctx context.Context, w *world, finished, open int) error {
	live, err := w.Apps.Active("bench")
	if err != nil {
		return err
	}
	d, total, definition := w.DB, finished+open, live.DefinitionID("request")
	for _, q := range []string{
		`INSERT INTO ticket (id, number, app, kind, app_version, title, requester, status, created, updated, closed)
			SELECT i, 'R-' || i, 'bench', 'request', 1, 'Request number ' || i || ' about something', @user + i % @people,
				CASE WHEN i > @total * 2 / 3 AND i % 1000 < @open * 3000 / @total THEN 'open' ELSE 'closed' END, i, i, 9223372036854775807
			FROM generate_series(1, @total) i`,
		`INSERT INTO ticket_reader (principal, ticket) SELECT @user + i % @people, i FROM generate_series(1, @total) i`,
		`INSERT INTO ticket_reader (principal, ticket) SELECT @group + i % @groups, i FROM generate_series(1, @total) i`,
		`INSERT INTO ticket_field (ticket, name, txt, num) SELECT i, 'subject', 'number ' || i, NULL FROM generate_series(1, @total) i`,
		`INSERT INTO task (id, instance, root, definition, node, name, kind, form_key, outcomes, assignee, assignee_name, owner, owner_name,
				due, follow_up, priority, turn, version, created, problem)
			SELECT id, id, id, @definition, 'one', 'Approve 1', 2, 'request', '["approve"]', CASE WHEN id / @groups % 2 = 0 THEN @user + id / 2 % @people ELSE 0 END, '', 0, '',
				1700000000000000 + id % 5000, 9223372036854775807, id % 3, 0, 1, id, ''
			FROM ticket WHERE status = 'open'`,
		`INSERT INTO task_candidate (principal, task, due, priority) SELECT @group + id % @groups, id, due, priority FROM task`,
		`ANALYZE`,
	} {
		if _, err := d.Exec(ctx, expand(q, total, open, definition)); err != nil {
			return err
		}
	}
	var n int
	if err := d.QueryRow(ctx, "SELECT COUNT(*) FROM task").Scan(&n); err != nil {
		return err
	}
	if n < open*9/10 || n > open*11/10 {
		return fmt.Errorf("%d open tickets were made, wanted %d", n, open)
	}
	return nil
}

// expand fills in the numbers; the statements are for PostgreSQL alone.
func expand(query string, total, open int, definition db.ID) string {
	return strings.NewReplacer(
		"@total", fmt.Sprint(total), "@definition", definition.String(), "@open", fmt.Sprint(open), "@people", fmt.Sprint(people),
		"@groups", fmt.Sprint(groups), "@group", fmt.Sprint(firstGroup), "@user", fmt.Sprint(firstUser),
	).Replace(query)
}
