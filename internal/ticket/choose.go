package ticket

import (
	"context"

	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/org"
)

// Choose lists the ids of the tickets that a query means, at most limit, for who operates on many of them; with only,
// those of them. The paging of the query is not looked at.
func (s *Service) Choose(ctx context.Context, actor *org.Actor, q Query, only []db.ID, limit int) (ids []db.ID, err error) {
	defer errs.Wrap(&err, "ticket.Choose")
	if err := actor.Require(org.RepairTickets); err != nil {
		return nil, err
	}
	q.Sort, q.After = Oldest, ""
	var filter, b builder
	if err := q.narrow(&filter, actor); err != nil {
		return nil, err
	}
	if len(only) > 0 {
		filter.add(" AND k.id IN (?)", db.In(only))
	}
	access := s.access(actor)
	b.add("SELECT v.id FROM (")
	if q.Requester != 0 {
		b.join(access.requestedBy(q.Requester, filter, q.orderBy(), limit))
	} else {
		b.join(access.visible(filter, q.orderBy(), limit))
	}
	b.add(") v ORDER BY v.id {limit}", limit)
	return db.All(ctx, s.db, scanID, b.text, b.args...)
}

// Running is an open ticket of one version of an app.
type Running struct {
	ID     db.ID
	Number string
	Kind   string
}

// RunningOn lists the open tickets of a version of an app, by id, those after one. Who asks has to be allowed to.
func (s *Service) RunningOn(ctx context.Context, app string, version int, after db.ID, limit int) (found []Running, err error) {
	defer errs.Wrap(&err, "ticket.RunningOn")
	return db.All(ctx, s.db, func(row db.Scanner) (r Running, err error) { return r, row.Scan(&r.ID, &r.Number, &r.Kind) },
		"SELECT id, number, kind FROM ticket WHERE status = 'open' AND app = ? AND app_version = ? AND id > ? ORDER BY id {limit}", app, version, after, limit)
}

func scanID(row db.Scanner) (id db.ID, err error) { return id, row.Scan(&id) }
