package agent

import (
	"time"

	"github.com/paceline/paceline/internal/config"
)

// Status is how a host is, as its Agent sees it.
type Status struct {
	Host    string       `json:"host"`
	Cluster string       `json:"cluster"`
	PID     int          `json:"pid"` // of the Agent
	Version string       `json:"version"`
	Started time.Time    `json:"started"`
	Booster string       `json:"booster,omitempty"` // it is connected to; empty: to none
	Retired string       `json:"retired,omitempty"` // why its roles do not run any more: an alert
	Roles   []RoleStatus `json:"roles"`
}

// RoleStatus is how one role is.
type RoleStatus struct {
	Role     config.Role `json:"role"`
	State    State       `json:"state"`
	Since    time.Time   `json:"since"`              // its process runs, or it has ended
	Restarts int         `json:"restarts"`           // after ends that nobody had asked for
	Looping  bool        `json:"looping,omitempty"`  // it ends again and again: an alert
	Hung     string      `json:"hung,omitempty"`     // it gives no sign of life: an alert, and soon its end
	Next     *time.Time  `json:"next,omitempty"`     // when it is started again
	LastExit *Exit       `json:"lastExit,omitempty"` // of this Agent's time
	Report   *Report     `json:"report,omitempty"`   // of the process that runs
	Figures  *Figures    `json:"figures,omitempty"`  // of the process that runs
}

// State of a role on its host.
type State string

// The states. A process that runs tells the first four of itself.
const (
	Starting State = "starting"
	Waiting  State = "waiting" // for what its report says
	Ready    State = "ready"
	Draining State = "draining"
	Stopped  State = "stopped" // and wanted so
	Resting  State = "resting" // it has ended and is about to be started again
)

// Exit is the end of a role's process. Having been seen by the one that looks after the
// process, it proves that its node, in exactly this epoch, and its lease are dead.
type Exit struct {
	Host string `json:"host"`
	Report
	How     string    `json:"how"`
	At      time.Time `json:"at"`
	Wanted  bool      `json:"wanted"`           // somebody had asked for it
	Hung    string    `json:"hung,omitempty"`   // it gave no sign of life and was ended by force for this
	Looping bool      `json:"looping"`          // not the first of its kind: an alert
	Output  string    `json:"output,omitempty"` // the last of what it wrote outside its log
}

// Order is what somebody wants of an Agent.
type Order struct {
	Verb Verb        `json:"verb"`
	Role config.Role `json:"role,omitempty"` // empty: all that the host has; agent: the Agent alone
}

// Verb of an Order.
type Verb string

// The verbs. The status of afterwards is the answer to each.
const (
	VerbStatus  Verb = "status"
	VerbStart   Verb = "start"
	VerbStop    Verb = "stop"    // without a role: everything, and then the Agent itself
	VerbRestart Verb = "restart" // one after the other
	VerbReload  Verb = "reload"  // read host.yaml again: start and stop what has changed
)

// Verbs are all of them.
var Verbs = []Verb{VerbStatus, VerbStart, VerbStop, VerbRestart, VerbReload}
