package process

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/paceline/paceline/internal/bpmn"
	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/engine"
	"github.com/paceline/paceline/internal/errs"
)

// Query reads what the runtimes of all nodes have written. It asks nobody who he is: the
// use cases above do.
type Query struct {
	db          *db.DB
	definitions Definitions
	Calendars   Calendars // for Replay; nil: no instance has used any
}

// NewQuery makes a Query.
func NewQuery(d *db.DB, definitions Definitions) *Query {
	return &Query{db: d, definitions: definitions}
}

// Task is an open task.
type Task struct {
	ID           db.ID     `json:"id"`
	Instance     db.ID     `json:"instance"`
	Root         db.ID     `json:"root"` // the ticket
	Definition   db.ID     `json:"definition"`
	Node         string    `json:"node"`
	Name         string    `json:"name"`
	Kind         bpmn.Kind `json:"-"` // UserTask or ReceiveTask
	FormKey      string    `json:"formKey,omitempty"`
	Outcomes     []string  `json:"outcomes,omitempty"`
	Assignee     db.ID     `json:"assignee"` // 0: nobody yet
	AssigneeName string    `json:"assigneeName,omitempty"`
	Owner        db.ID     `json:"owner"` // who gets a delegated task back
	OwnerName    string    `json:"ownerName,omitempty"`
	Due          time.Time `json:"due,omitzero"`
	FollowUp     time.Time `json:"followUp,omitzero"`
	Priority     int       `json:"priority"`
	Turn         int       `json:"turn,omitempty"` // 1.. in a loop or multi-instance
	Version      int       `json:"version"`        // to be named by who changes it
	Created      time.Time `json:"created"`
	Problem      string    `json:"problem,omitempty"` // why nobody was found for it
}

// TaskColumns are what ScanTask reads, of the table named or aliased task.
const TaskColumns = "task.id, task.instance, task.root, task.definition, task.node, task.name, task.kind, task.form_key, task.outcomes, " +
	"task.assignee, task.assignee_name, task.owner, task.owner_name, task.due, task.follow_up, task.priority, task.turn, task.version, task.created, task.problem"

// ScanTask reads TaskColumns, and into more what was selected after them.
func ScanTask(s db.Scanner, more ...any) (Task, error) {
	var t Task
	var outcomes string
	var due, followUp, created int64
	err := s.Scan(append([]any{&t.ID, &t.Instance, &t.Root, &t.Definition, &t.Node, &t.Name, &t.Kind, &t.FormKey, &outcomes,
		&t.Assignee, &t.AssigneeName, &t.Owner, &t.OwnerName, &due, &followUp, &t.Priority, &t.Turn, &t.Version, &created, &t.Problem}, more...)...)
	if err != nil {
		return t, err
	}
	t.Due, t.FollowUp, t.Created = moment(due), moment(followUp), moment(created)
	return t, json.Unmarshal([]byte(outcomes), &t.Outcomes)
}

// Task finds an open task; NotFound when there is none (any more).
func (q *Query) Task(ctx context.Context, id db.ID) (Task, error) {
	t, err := ScanTask(q.db.QueryRow(ctx, "SELECT "+TaskColumns+" FROM task WHERE id = ?", id))
	if errors.Is(err, db.ErrNoRows) {
		return Task{}, errs.New(errs.NotFound, "there is no open task %s", id).WithCure("it may be done already; look at the ticket")
	}
	return t, err
}

// TasksOf lists the open tasks of an instance, oldest first.
func (q *Query) TasksOf(ctx context.Context, instance db.ID) ([]Task, error) {
	return db.All(ctx, q.db, func(s db.Scanner) (Task, error) { return ScanTask(s) },
		"SELECT "+TaskColumns+" FROM task WHERE instance = ? ORDER BY id", instance)
}

// CandidatesOf lists the principals who may take a task.
func (q *Query) CandidatesOf(ctx context.Context, task db.ID) ([]db.ID, error) {
	return db.All(ctx, q.db, func(s db.Scanner) (id db.ID, err error) { return id, s.Scan(&id) },
		"SELECT principal FROM task_candidate WHERE task = ? ORDER BY principal", task)
}

// Instance finds an instance without its state.
func (q *Query) Instance(ctx context.Context, id db.ID) (Instance, error) {
	in, _, err := q.row(ctx, id)
	return in, err
}

// Family lists an instance's root and all that it called, oldest first, at most limit.
func (q *Query) Family(ctx context.Context, root db.ID, limit int) ([]Instance, error) {
	return db.All(ctx, q.db, scanInstance,
		"SELECT "+instanceColumns+" FROM instance WHERE id = ? OR parent <> 0 AND root = ? ORDER BY id {limit}", root, root, limit)
}

// State reads an instance with its state: variables, where its tokens are, what it waits for.
func (q *Query) State(ctx context.Context, id db.ID) (Instance, *engine.State, error) {
	for torn := 0; ; torn++ {
		in, packed, err := q.row(ctx, id)
		if err != nil {
			return in, nil, err
		}
		states, err := decodeStates(ctx, q.db, []storedState{{in, packed}})
		if err != nil {
			return in, nil, err
		}
		if !errors.Is(states[0].err, errTorn) || torn == tornMost {
			return in, states[0].state, states[0].err
		}
	}
}

func (q *Query) row(ctx context.Context, id db.ID) (Instance, []byte, error) {
	var packed []byte
	in, err := scanInstance(with{q.db.QueryRow(ctx, "SELECT "+instanceColumns+", state FROM instance WHERE id = ?", id), &packed})
	if errors.Is(err, db.ErrNoRows) {
		err = errs.New(errs.NotFound, "there is no instance %s", id)
	}
	return in, packed, err
}

// with scans one more column into extra.
type with struct {
	db.Scanner
	extra any
}

func (w with) Scan(dest ...any) error { return w.Scanner.Scan(append(dest, w.extra)...) }

func scanInstance(s db.Scanner) (Instance, error) {
	var in Instance
	var started, ended int64
	err := s.Scan(&in.ID, &in.Version, &in.Definition, &in.Root, &in.Parent, &in.BusinessKey, &in.Status, &in.Seq, &started, &ended)
	in.Started, in.Ended = moment(started), moment(ended)
	return in, err
}

// OpenIncident is something that cannot go on without a person: engine.Retry repairs it after
// the cause is gone or engine.VariablesSet has changed the data, engine.Jump passes it by.
type OpenIncident struct {
	ID         db.ID     `json:"id"`
	Instance   db.ID     `json:"instance"`
	Root       db.ID     `json:"root"`
	Definition db.ID     `json:"definition"`
	Node       string    `json:"node"`
	Code       string    `json:"code,omitempty"`
	Message    string    `json:"message"`
	Created    time.Time `json:"created"`
}

const incidentColumns = "id, instance, root, definition, node, code, message, created"

func scanIncident(s db.Scanner) (OpenIncident, error) {
	var i OpenIncident
	var created int64
	err := s.Scan(&i.ID, &i.Instance, &i.Root, &i.Definition, &i.Node, &i.Code, &i.Message, &created)
	i.Created = moment(created)
	return i, err
}

// Incidents lists what cannot go on, oldest first: those with an id above after, at most limit.
func (q *Query) Incidents(ctx context.Context, after db.ID, limit int) ([]OpenIncident, error) {
	return db.All(ctx, q.db, scanIncident, "SELECT "+incidentColumns+" FROM incident WHERE id > ? ORDER BY id {limit}", after, limit)
}

// IncidentsOf lists those of an instance.
func (q *Query) IncidentsOf(ctx context.Context, instance db.ID) ([]OpenIncident, error) {
	return db.All(ctx, q.db, scanIncident, "SELECT "+incidentColumns+" FROM incident WHERE instance = ? ORDER BY id", instance)
}

// PendingJob is machine work, a timer or a message on its way, for who looks why a ticket waits.
type PendingJob struct {
	ID      db.ID     `json:"id"`
	Kind    string    `json:"kind"`
	Type    string    `json:"type,omitempty"` // of work; name of a message or signal
	Node    string    `json:"node,omitempty"`
	Due     time.Time `json:"due"`
	Retries int       `json:"retries"` // attempts left
	Error   string    `json:"error,omitempty"`
	Worker  string    `json:"worker,omitempty"` // outside, who fetched it last
}

// JobsOf lists the pending jobs of an instance, oldest first.
func (q *Query) JobsOf(ctx context.Context, instance db.ID) ([]PendingJob, error) {
	return db.All(ctx, q.db, func(s db.Scanner) (PendingJob, error) {
		var j PendingJob
		var kind jobKind
		var due int64
		var worker []byte
		err := s.Scan(&j.ID, &kind, &j.Type, &j.Node, &due, &j.Retries, &j.Error, &worker)
		j.Kind, j.Due = kind.String(), moment(due)
		if err == nil && len(worker) > 0 {
			err = json.Unmarshal(worker, &j.Worker)
		}
		return j, err
	}, "SELECT id, kind, type, node, due, retries, error, CASE WHEN owner < 0 THEN payload END FROM job WHERE instance = ? ORDER BY id", instance)
}
