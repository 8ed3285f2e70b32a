package process

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/paceline/paceline/internal/calendar"
	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/engine"
)

// Calendars gives business calendars. They are asked in the middle of transitions, so the answers are in memory.
type Calendars interface {
	// Calendar finds the calendar of a name for an instance of a definition that initiator, a login, has
	// started; empty: its default, which is nil where there is none: all time counts. An unknown name is false.
	Calendar(definition db.ID, initiator, name string) (*calendar.Calendar, bool)
	// At gives a calendar in the revision that its Ref names.
	At(ctx context.Context, ref string) (*calendar.Calendar, error)
}

// consulted notes which revision of which calendar a transition was given by which name, so that it can be
// done again.
type consulted map[string]string

// lookup answers engine.Env.Calendar.
func (r *Runtime) lookup(definition db.ID, initiator string, notes consulted) func(string) (*calendar.Calendar, bool) {
	if r.deps.Calendars == nil {
		return nil
	}
	return func(name string) (*calendar.Calendar, bool) {
		cal, known := r.deps.Calendars.Calendar(definition, initiator, name)
		if known {
			notes[name] = cal.Ref()
		}
		return cal, known
	}
}

func (c consulted) encode() []byte {
	if len(c) == 0 {
		return nil
	}
	raw, err := json.Marshal(c)
	if err != nil {
		panic(err) // strings always encode
	}
	return raw
}

// recall gives a transition that is done again the calendars that it had.
func (q *Query) recall(ctx context.Context, noted []byte) (func(string) (*calendar.Calendar, bool), error) {
	if len(noted) == 0 {
		return func(string) (*calendar.Calendar, bool) { return nil, false }, nil
	}
	var refs consulted
	if err := json.Unmarshal(noted, &refs); err != nil {
		return nil, fmt.Errorf("the calendars are damaged: %w", err)
	}
	had := map[string]*calendar.Calendar{}
	for name, ref := range refs {
		if had[name] = nil; ref == "" {
			continue
		}
		if q.Calendars == nil {
			return nil, fmt.Errorf("nobody knows the calendar %s", ref)
		}
		cal, err := q.Calendars.At(ctx, ref)
		if err != nil {
			return nil, err
		}
		had[name] = cal
	}
	return func(name string) (*calendar.Calendar, bool) {
		cal, known := had[name]
		return cal, known
	}, nil
}

// initiatorOf is who started the instance that an event is for.
func initiatorOf(state *engine.State, ev engine.Event) string {
	if start, ok := ev.(engine.Start); ok {
		return start.Initiator
	}
	return state.Initiator()
}
