package process

import (
	"encoding/json"

	"github.com/paceline/paceline/internal/bpmn"
	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/engine"
)

var (
	taskMoved   = []string{"definition", "node", "name", "form_key", "outcomes", "version"}
	openMoved   = []string{"definition", "node"}
	waitedMoved = []string{"node"}
)

// reattach moves the row of something open to where it belongs after a migration.
func (w *rows) reattach(e engine.Reattach) error {
	moved := db.Set{Key: []any{e.ID}, Columns: openMoved, Values: []any{w.t.Definition, e.Node.ID}}
	switch e.What {
	case engine.TaskThing:
		user := e.Node.User
		if user == nil {
			user = &bpmn.User{}
		}
		outcomes, err := json.Marshal(append([]string{}, user.Outcomes...))
		if err != nil {
			return err
		}
		moved.Table, moved.Columns = Tasks, taskMoved
		moved.Values = []any{w.t.Definition, e.Node.ID, cut(e.Node.Name, 500), user.FormKey, string(outcomes), e.Version}
		w.ring("task", db.ID(e.ID))
	case engine.SubscriptionThing:
		moved.Table, moved.Columns, moved.Values = Subscriptions, waitedMoved, []any{e.Node.ID}
	case engine.IncidentThing:
		moved.Table = Incidents
	default: // work, timers, calls that have not begun
		moved.Table = Jobs
	}
	w.change.Sets = append(w.change.Sets, moved)
	return nil
}
