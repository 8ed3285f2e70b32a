package ticket

import (
	"context"
	"time"

	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/engine"
	"github.com/paceline/paceline/internal/org"
	"github.com/paceline/paceline/internal/process"
)

// What happens to late tasks: people are told by notices, and a task goes to somebody else.

// HandOver finds who gets a late task: whom the model names, else the superior of who has it, or of the requester
// where nobody has. process asks it inside a lane.
func (s *Service) HandOver(ctx context.Context, t *process.Transition, e *engine.HandOver) (login, why string, err error) {
	requester, err := s.requesterOf(ctx, t)
	if err != nil {
		return "", "", err
	}
	dir := s.org.Directory()
	has := requester
	if u := dir.UserByLogin(e.From); u != nil {
		has = u.ID
	}
	var to *org.User
	if len(e.To) > 0 {
		if person, one := sole(dir, dir.Resolve(org.Want{Requester: requester, CandidateUsers: e.To})); one {
			to = dir.User(person)
		}
	} else {
		to = dir.Superior(has, 1)
	}
	if to == nil || to.ID == has && e.From != "" {
		return "", "", nil
	}
	return to.Login, "overdue: transfer", nil
}

// Remind writes the notices of a late task: to whom the model names, else to who has or may take the tasks, or to
// their superiors. process asks it inside a lane.
func (s *Service) Remind(ctx context.Context, t *process.Transition, e *engine.Remind, ch *db.Change) error {
	requester, err := s.requesterOf(ctx, t)
	if err != nil {
		return err
	}
	kind, to := warnNotice, []db.ID(nil)
	if e.Escalates {
		kind = escalateNotice
	}
	if len(e.To) > 0 {
		to = s.people(s.org.Directory().Resolve(org.Want{Requester: requester, CandidateUsers: e.To}).Candidates)
	} else if to, err = s.lateFor(ctx, e, requester); err != nil {
		return err
	}
	for _, id := range to {
		ch.Inserts = append(ch.Inserts, noticeRow(s.newID(), id, t.Root, kind, e.Node.ID, 0, db.Micros(t.Now), e.Due.Format(time.RFC3339)))
		mayRead(ch, t.Root, id)
	}
	return nil
}

// lateFor are those who have or may take the late tasks; where it escalates, who stands above those who have them,
// or above the requester where nobody has.
func (s *Service) lateFor(ctx context.Context, e *engine.Remind, requester db.ID) ([]db.ID, error) {
	dir := s.org.Directory()
	var have, free []db.ID
	for _, task := range e.Tasks {
		if u := dir.UserByLogin(task.Assignee); u != nil {
			have = append(have, u.ID)
			continue
		}
		candidates, err := s.query.CandidatesOf(ctx, db.ID(task.ID))
		if err != nil {
			return nil, err
		}
		free = append(free, candidates...)
	}
	if !e.Escalates {
		return s.people(append(have, free...)), nil
	}
	if len(have) == 0 {
		have = []db.ID{requester}
	}
	var above []db.ID
	for _, id := range have {
		if u := dir.Superior(id, 1); u != nil {
			above = append(above, u.ID)
		}
	}
	return s.people(above), nil
}
