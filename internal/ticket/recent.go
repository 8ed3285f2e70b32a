package ticket

import (
	"slices"
	"sync"

	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/engine"
	"github.com/paceline/paceline/internal/process"
)

// openTask is an open task with what decides about it.
type openTask struct {
	process.Task
	app        string
	candidates []db.ID
	instance   int64 // version of its instance when this was known
}

// recent remembers the tasks that this node opened lately, so that completing one need not read
// it. What it says may be old: whoever acts on it names the task's version, which the
// engine compares, and what it refuses is asked again of the database. It is filled
// before the commit; a task that was never committed has an id that nobody has.
type recent struct {
	mu    sync.Mutex
	tasks map[db.ID]openTask
	order []db.ID // oldest first from next on, around the ring
	next  int
}

// maxRecent bounds the tasks remembered, at about 500 bytes each.
const maxRecent = 20_000

func newRecent() *recent {
	return &recent{tasks: map[db.ID]openTask{}}
}

// find gives a task in the version that the caller has seen; a caller who names none gets nothing.
func (r *recent) find(id db.ID, version int) (openTask, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	t, known := r.tasks[id]
	return t, known && version != 0 && t.Version == version
}

// follow takes over what a transition did to tasks.
func (r *recent) follow(t *process.Transition, app string, person func(login string) (db.ID, string)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, o := range t.Opened {
		r.put(openTask{Task: o.Row(t), app: app, candidates: slices.Clone(o.Candidates), instance: t.Version})
	}
	for _, effect := range t.Effects {
		switch e := effect.(type) {
		case engine.CloseTask:
			delete(r.tasks, db.ID(e.Task))
		case engine.Reattach:
			delete(r.tasks, db.ID(e.ID))
		case engine.ChangeTask:
			if known, ok := r.tasks[db.ID(e.Task)]; ok {
				known.Assignee, known.AssigneeName = person(e.Assignee)
				known.Version, known.instance = e.Version, t.Version
				r.tasks[db.ID(e.Task)] = known
			}
		}
	}
}

func (r *recent) put(t openTask) {
	if len(r.order) < maxRecent {
		r.order = append(r.order, t.ID)
	} else {
		delete(r.tasks, r.order[r.next])
		r.order[r.next] = t.ID
		r.next = (r.next + 1) % maxRecent
	}
	r.tasks[t.ID] = t
}
