package process

import (
	"math"
	"slices"
	"time"

	"github.com/paceline/paceline/internal/db"
)

// Never is the time of what has none: a task without a due date, an instance that has not
// ended. It is later than every real time, so it sorts last in every database without a
// word about nulls.
const Never int64 = math.MaxInt64

// stamp is a time as the database keeps it; the zero time is Never.
func stamp(t time.Time) int64 {
	if t.IsZero() {
		return Never
	}
	return t.UnixMicro()
}

// moment is the reverse of stamp.
func moment(micros int64) time.Time {
	if micros == Never {
		return time.Time{}
	}
	return time.UnixMicro(micros).UTC()
}

// Instances: one row for each running or ended process. All of an instance that only its own
// transitions need is in state; the other tables hold what is searched across instances.
var Instances = &db.Table{
	Name: "instance",
	Columns: []db.Column{
		{Name: "id", Type: db.BigInt},
		{Name: "version", Type: db.BigInt}, // rises by one with every committed update
		{Name: "definition", Type: db.BigInt},
		{Name: "root", Type: db.BigInt},   // the instance at the top of the calls: the ticket
		{Name: "parent", Type: db.BigInt}, // calling instance, 0 for none; a called instance has the id of its call
		{Name: "business_key", Type: db.Text, Size: 250},
		{Name: "status", Type: db.Int}, // Status
		{Name: "seq", Type: db.BigInt}, // transitions so far: the seq of the last history row
		{Name: "started", Type: db.BigInt},
		{Name: "ended", Type: db.BigInt}, // Never while it runs
		{Name: "state", Type: db.Bytes},  // pack(engine state)
	},
	Key: []string{"id"},
	Indexes: []db.Index{
		{Name: "instance_root", Columns: []string{"root"}, Where: "parent <> 0"},
	},
}

var (
	instanceStep = []string{"status", "seq", "ended", "state"}
	instanceMove = append(slices.Clip(instanceStep), "definition") // a migration among the steps
)

// Tasks are the open user and receive tasks, one row each; a task that is over has no row.
// The inbox reads them together with Candidates.
var Tasks = &db.Table{
	Name: "task",
	Columns: []db.Column{
		{Name: "id", Type: db.BigInt},
		{Name: "instance", Type: db.BigInt},
		{Name: "root", Type: db.BigInt},
		{Name: "definition", Type: db.BigInt},
		{Name: "node", Type: db.Text, Size: 250},
		{Name: "name", Type: db.Text, Size: 500},
		{Name: "kind", Type: db.Int}, // bpmn.Kind: UserTask or ReceiveTask
		{Name: "form_key", Type: db.Text, Size: 250},
		{Name: "outcomes", Type: db.Long},   // JSON array of strings
		{Name: "assignee", Type: db.BigInt}, // 0: nobody yet
		{Name: "assignee_name", Type: db.Text, Size: 250},
		{Name: "owner", Type: db.BigInt}, // who gets a delegated task back; 0: not delegated
		{Name: "owner_name", Type: db.Text, Size: 250},
		{Name: "due", Type: db.BigInt},       // Never for none
		{Name: "follow_up", Type: db.BigInt}, // Never for none
		{Name: "priority", Type: db.Int},
		{Name: "turn", Type: db.Int},       // 1.. in a loop or multi-instance, else 0
		{Name: "version", Type: db.BigInt}, // of the task, as the engine counts it
		{Name: "created", Type: db.BigInt},
		{Name: "problem", Type: db.Text, Size: 1000}, // why nobody could be found for it
	},
	Key: []string{"id"},
	Indexes: []db.Index{
		{Name: "task_instance", Columns: []string{"instance"}},
		{Name: "task_root", Columns: []string{"root"}, Where: "root <> instance"}, // of called processes; the others have root = instance
		{Name: "task_assignee", Columns: []string{"assignee", "id"}, Where: "assignee <> 0"},
	},
}

var taskDue = []string{"due"} // of Tasks and of Candidates

var taskAssigned = []string{"assignee", "assignee_name", "owner", "owner_name", "version"}

// Candidates are the principals who may take a task. When it is due and how urgent it is stands here too, so that
// the queue of a group is read in that order, a page at a time; tasks without either take no place in those indexes.
var Candidates = &db.Table{
	Name: "task_candidate",
	Columns: []db.Column{
		{Name: "principal", Type: db.BigInt},
		{Name: "task", Type: db.BigInt},
		{Name: "due", Type: db.BigInt, Since: 45}, // Never for none
		{Name: "priority", Type: db.Int, Since: 45},
	},
	Key: []string{"principal", "task"},
	Indexes: []db.Index{
		{Name: "task_candidate_task", Columns: []string{"task"}},
		{Name: "task_candidate_due", Columns: []string{"principal", "due", "task"}, Where: "due < 9223372036854775807", Since: 45},
		{Name: "task_candidate_priority", Columns: []string{"principal", "priority", "task"}, Where: "priority <> 0", Since: 45},
	},
}

// Jobs are the machine work, the timers and the outbox. Queries repeat the condition of the partial
// index that serves them, so that the database can use it whatever the arguments.
var Jobs = &db.Table{
	Name: "job",
	Columns: []db.Column{
		{Name: "id", Type: db.BigInt},
		{Name: "instance", Type: db.BigInt}, // 0: a start timer
		{Name: "root", Type: db.BigInt},
		{Name: "definition", Type: db.BigInt},
		{Name: "kind", Type: db.Int}, // jobKind
		{Name: "type", Type: db.Text, Size: 250},
		{Name: "node", Type: db.Text, Size: 250},
		{Name: "owner", Type: db.BigInt}, // number of the node that holds it; 0: free; external: for workers outside
		{Name: "epoch", Type: db.BigInt}, // of that node
		{Name: "due", Type: db.BigInt},
		{Name: "retries", Type: db.Int}, // attempts left
		{Name: "created", Type: db.BigInt},
		{Name: "payload", Type: db.Bytes}, // JSON, shape by kind
		{Name: "error", Type: db.Long},    // of the last attempt
	},
	Key: []string{"id"},
	Indexes: []db.Index{
		{Name: "job_free", Columns: []string{"due"}, Where: "owner = 0"},
		{Name: "job_held", Columns: []string{"owner", "epoch"}, Where: "owner > 0"},
		{Name: "job_external", Columns: []string{"type", "due"}, Where: "owner < 0"},
		{Name: "job_instance", Columns: []string{"instance"}},
	},
}

// Subscriptions are the messages and signals that instances wait for.
var Subscriptions = &db.Table{
	Name: "subscription",
	Columns: []db.Column{
		{Name: "id", Type: db.BigInt},
		{Name: "instance", Type: db.BigInt},
		{Name: "kind", Type: db.Int}, // bpmn.MessageEvent or bpmn.SignalEvent
		{Name: "name", Type: db.Text, Size: 250},
		{Name: "correlation", Type: db.Text, Size: 250}, // key of a message
		{Name: "node", Type: db.Text, Size: 250},
		{Name: "created", Type: db.BigInt},
	},
	Key: []string{"id"},
	Indexes: []db.Index{
		{Name: "subscription_name", Columns: []string{"name", "correlation", "kind"}},
	},
}

// Starts are the start events of live definitions that a message, a signal or the clock sets off.
var Starts = &db.Table{
	Name: "process_start",
	Columns: []db.Column{
		{Name: "id", Type: db.BigInt},
		{Name: "app", Type: db.BigInt}, // who registered it, see Runtime.SetStarts
		{Name: "definition", Type: db.BigInt},
		{Name: "element", Type: db.Text, Size: 250},
		{Name: "kind", Type: db.Int}, // bpmn.TimerEvent, MessageEvent or SignalEvent
		{Name: "name", Type: db.Text, Size: 250},
	},
	Key: []string{"id"},
	Indexes: []db.Index{
		{Name: "process_start_app", Columns: []string{"app"}},
		{Name: "process_start_name", Columns: []string{"name", "kind"}},
	},
}

// Histories is append-only: one row for each transition, enough to do it again exactly.
var Histories = &db.Table{
	Name: "history",
	Columns: []db.Column{
		{Name: "instance", Type: db.BigInt},
		{Name: "seq", Type: db.BigInt},  // 1.. without a gap
		{Name: "mark", Type: db.BigInt}, // of the attempt that wrote it, see lane.settle
		{Name: "at", Type: db.BigInt},   // the engine's now
		{Name: "actor", Type: db.BigInt},
		{Name: "actor_name", Type: db.Text, Size: 250},
		{Name: "kind", Type: db.Text, Size: 40}, // of the event
		{Name: "note", Type: db.Long},
		{Name: "event", Type: db.Bytes},                            // pack(engine event)
		{Name: "ids", Type: db.Bytes},                              // those drawn, see packIDs
		{Name: "trace", Type: db.Bytes},                            // pack(JSON of []Moment)
		{Name: "calendars", Type: db.Bytes, Null: true, Since: 44}, // JSON of consulted
	},
	Key: []string{"instance", "seq"},
}

// Incidents are what cannot go on without a person.
var Incidents = &db.Table{
	Name: "incident",
	Columns: []db.Column{
		{Name: "id", Type: db.BigInt},
		{Name: "instance", Type: db.BigInt},
		{Name: "root", Type: db.BigInt},
		{Name: "definition", Type: db.BigInt},
		{Name: "node", Type: db.Text, Size: 250},
		{Name: "code", Type: db.Text, Size: 250},
		{Name: "message", Type: db.Long},
		{Name: "created", Type: db.BigInt},
	},
	Key:     []string{"id"},
	Indexes: []db.Index{{Name: "incident_instance", Columns: []string{"instance"}}},
}

// Migrations make the tables of this package. Their ids are 40 to 59.
func Migrations() []db.Migration {
	return []db.Migration{{ID: 40, Name: "processes", Up: []db.DDL{
		db.CreateTable(Instances), db.CreateTable(Tasks), db.CreateTable(Candidates), db.CreateTable(Jobs),
		db.CreateTable(Subscriptions), db.CreateTable(Starts), db.CreateTable(Histories), db.CreateTable(Incidents),
	}}, {ID: 44, Name: "history calendars", Up: []db.DDL{
		db.AddColumns(Histories),
	}}, {ID: 45, Name: "queues by due date", Up: []db.DDL{
		db.AddColumns(Candidates),
		db.SQL("UPDATE task_candidate SET due = (SELECT task.due FROM task WHERE task.id = task_candidate.task), " +
			"priority = (SELECT task.priority FROM task WHERE task.id = task_candidate.task)"),
	}}, {ID: 46, Name: "large variables", Up: []db.DDL{db.CreateTable(Parts)}}}
}
