// Package engine is the interpreter of processes: a pure function from a definition,
// a state and an event to a new state and effects (BPMN 2.0.2 chapter 13).
//
// What always holds:
//
//   - Step reads no clock, makes no ids of its own, does no I/O, starts no goroutine. The same
//     arguments give the same answer, byte for byte, so a conflict is re-run, a
//     history replayed and a model tried dry on the very same code.
//   - The given State is never changed; a failed Step leaves nothing behind.
//   - Work that ends is closed: when a token leaves an element, whatever the element
//     opened outside (task, job, timer, subscription, child) is closed in the same Step.
//   - A Step is bounded: more than MaxMoves moves in one Step is an incident, not a hang.
//
// A kind of element is one file and one entry in the behaviours table; Step itself
// knows no element.
package engine

import (
	"time"

	"github.com/paceline/paceline/internal/bpmn"
	"github.com/paceline/paceline/internal/calendar"
	"github.com/paceline/paceline/internal/feel"
)

// ID names a thing an instance opened outside itself: a task, job, timer, subscription, child.
type ID = int64

// Env is what Step may know of the world.
type Env struct {
	Now   time.Time
	NewID func() ID
	// Calendar finds a business calendar by its name; empty: the default of the instance. The same name
	// gives the same calendar when the Step is done again. Nil: all time is work time.
	Calendar func(name string) (cal *calendar.Calendar, known bool)
}

// Refused is the error of an event that does not fit the state.
type Refused struct {
	Reason string
	Stale  bool // it fitted a moment ago: read again and decide

	Suspended bool   // it would fit if the instance were not suspended
	Element   string // of a Migrate: what cannot follow
}

func (e *Refused) Error() string { return e.Reason }

// Event is something that happened, or that somebody wants.
type Event interface{ apply(*run) error }

type (
	// Start begins an instance; the state passed to Step is nil.
	Start struct {
		Instance    ID
		Element     string // the start event; empty: the none start event
		At          string // instead of at a start event, begin at this element anywhere in the process
		Again       ID     // the instance that is done again from there; of no meaning to Step
		BusinessKey string
		Vars        feel.Vars
		Parent      ID // calling instance, 0 for none
		ParentCall  ID // the StartChild effect's id
		Initiator   string
	}
	// TaskCompleted ends an open user or receive task; a delegated one goes back to
	// who delegated it instead.
	TaskCompleted struct {
		Task    ID
		Version int // the version of the task that the page showed; 0: any
		Outcome string
		Vars    feel.Vars
		By      string // who, for withdrawal and for the variables of later steps
		Note    string // why, kept with the vote of a member of a group
	}
	// TaskAssigned gives an open task to somebody, or to nobody (claim, unclaim, transfer).
	// With Delegate the present assignee gets it back when the delegate completes it.
	TaskAssigned struct {
		Task     ID
		Version  int
		To       string
		Delegate bool
		By       string
	}
	// GroupFormed says who the members of an approval group are. Without members a Verdict decides,
	// else it is an incident.
	GroupFormed struct {
		Group   ID
		Members []Member
		Verdict Verdict
		Reason  string // of the verdict
	}
	// GroupChanged adds members to the group that an open task belongs to, or takes one out of it.
	//
	// In an approval, Add are names, Where says when they vote, and Member is who is removed; empty means the
	// task's own. In any other multi-instance activity Add are members of the collection, null where it has only
	// a number, and new instances run beside the others or, in a sequential group, after them.
	GroupChanged struct {
		Task   ID
		Add    feel.List
		Where  Where
		Remove bool
		Member string
		By     string
	}
	// TaskFailed ends a user task with a BPMN error.
	TaskFailed struct {
		Task    ID
		Code    string
		Message string
		Vars    feel.Vars
	}
	// JobDone ends a work job.
	JobDone struct {
		Job  ID
		Vars feel.Vars
	}
	// JobFailed ends a work job with a BPMN error (Code) or, without one, technically:
	// no retries are left and it becomes an incident.
	JobFailed struct {
		Job     ID
		Code    string
		Message string
		Vars    feel.Vars
	}
	// TimerFired says that a timer is due.
	TimerFired struct{ Timer ID }
	// MessageArrived delivers a message to one subscription.
	MessageArrived struct {
		Subscription ID
		Vars         feel.Vars
	}
	// SignalRaised delivers a signal to one subscription.
	SignalRaised struct {
		Subscription ID
		Vars         feel.Vars
	}
	// ChildFinished reports the end of a called instance.
	ChildFinished struct {
		Call    ID
		How     How
		Code    string // How Failed: the error code that left the child
		Message string // How Failed without a code: why, e.g. that the process does not exist
		All     bool   // How Terminated: the caller is to be terminated too
		Vars    feel.Vars
	}
	// ChildEscalated reports an escalation thrown by a called instance that goes on.
	ChildEscalated struct {
		Call ID
		Code string
		Vars feel.Vars
	}
	// VariablesSet writes variables from outside; conditional events see them.
	VariablesSet struct {
		Element string // scope of this element's instance; empty: the process
		Vars    feel.Vars
	}
	// Jump cancels what waits at From (an element id, or every token of the branches
	// that must die when To is entered) and places one token at To.
	Jump struct {
		From, To string
		Return   bool // remember where it came from, so that the work can go straight back
		Vars     feel.Vars
	}
	// Withdraw takes back the last task that By completed, when nobody has acted since.
	Withdraw struct{ By string }
	// Cancel ends the instance from outside.
	Cancel struct{ Reason string }
	// Retry clears an incident and does again what failed.
	Retry struct{ Incident ID }
	// Suspend and Resume stop and restart the taking of events, but for Cancel, TaskAssigned, VariablesSet and
	// Migrate. Conditions are looked at again on Resume.
	Suspend struct{}
	Resume  struct{}
)

// Effect is something that has to happen outside because of a Step.
type Effect interface{ effect() }

type (
	// OpenTask asks people, or for a receive task the outside, to do something.
	OpenTask struct {
		Task            ID
		Node            *bpmn.Node
		Assignee        string   // name, empty for none
		CandidateUsers  []string // names
		CandidateGroups []string
		Due, FollowUp   time.Time // zero for none
		Priority        int
		Loop            int // 1.. in a loop or multi-instance, else 0
	}
	// ChangeTask tells of a new assignee of an open task.
	ChangeTask struct {
		Task     ID
		Version  int
		Assignee string
		Owner    string // who gets it back, when delegated
	}
	// CloseTask says that a task is over. Completed is false when something else ended it.
	CloseTask struct {
		Task      ID
		Node      *bpmn.Node
		Completed bool
	}
	// FormGroup asks who the members of an approval group are. GroupFormed is to follow before any
	// other event; it is not kept outside.
	FormGroup struct {
		Group           ID
		Node            *bpmn.Node
		Assignee        string
		CandidateUsers  []string
		CandidateGroups []string
	}
	// Notify tells people of a step: they are asked for nothing.
	Notify struct {
		Node *bpmn.Node
		To   []string // terms
	}
	// Remind tells people that the clock of a task, or of an approval group, has reached a level.
	Remind struct {
		Node      *bpmn.Node
		Tasks     []Task // those open
		Escalates bool
		To        []string // terms; none: who has or may take the tasks, or where it escalates their superiors
		Due       time.Time
	}
	// HandOver asks for a TaskAssigned that gives a task to somebody else, because it is late; it is not
	// kept outside.
	HandOver struct {
		Task ID
		Node *bpmn.Node
		From string   // who has it; empty for nobody
		To   []string // terms; none: the superior of who has it
	}
	// ChangeDue tells of a new due time of an open task, whose clock stood still.
	ChangeDue struct {
		Task ID
		Due  time.Time
	}
	// OpenJob asks for a piece of machine work.
	OpenJob struct {
		Job  ID
		Node *bpmn.Node
		Type string
		Vars feel.Vars // what the work sees: the inputs, or all visible variables where none are declared
		Loop int
	}
	// CloseJob withdraws a job whose work is no longer wanted, or marks it done.
	CloseJob struct {
		Job  ID
		Done bool
	}
	// ArmTimer wants TimerFired at Due.
	ArmTimer struct {
		Timer ID
		Node  *bpmn.Node
		Due   time.Time
		Slice bool // it is due now: the rest of what was too much for one Step
	}
	// DisarmTimer withdraws a timer (also sent when it fired).
	DisarmTimer struct{ Timer ID }
	// Subscribe waits for a message or a signal.
	Subscribe struct {
		Subscription ID
		Node         *bpmn.Node
		Kind         bpmn.EventKind // MessageEvent or SignalEvent
		Name         string
		Key          string // correlation key of a message
	}
	// Unsubscribe ends a subscription (also sent when it was met).
	Unsubscribe struct{ Subscription ID }
	// StartChild starts another process; ChildFinished with the same Call answers.
	StartChild struct {
		Call        ID
		Node        *bpmn.Node
		Process     string
		BusinessKey string
		Vars        feel.Vars
		Loop        int
	}
	// CancelChild ends the instance that a StartChild started.
	CancelChild struct{ Call ID }
	// Throw sends a message or raises a signal to other instances. What waits for it in this one has
	// been served already, in the same Step.
	Throw struct {
		Node   *bpmn.Node
		Kind   bpmn.EventKind
		Name   string
		Key    string // correlation key; empty: every instance
		Vars   feel.Vars
		Served bool // something in this instance took it
	}
	// Escalate tells the calling instance of an escalation that nothing here caught.
	Escalate struct {
		Code string
		Vars feel.Vars
	}
	// OpenIncident says that an element cannot go on.
	OpenIncident struct {
		Incident ID
		Node     *bpmn.Node
		Code     string // a BPMN error that nothing catches
		Message  string
	}
	// CloseIncident says that an incident is over.
	CloseIncident struct{ Incident ID }
	// Trace is one line of the history, in the order in which things happened.
	Trace struct {
		What Moment
		Node *bpmn.Node
		Loop int
	}
	// Finished says that the instance is over.
	Finished struct {
		How  How
		Code string // How Failed: the error code that left the process
		All  bool   // How Terminated: the calling instances end too
	}
)

func (OpenTask) effect()      {}
func (ChangeTask) effect()    {}
func (CloseTask) effect()     {}
func (FormGroup) effect()     {}
func (Notify) effect()        {}
func (Remind) effect()        {}
func (HandOver) effect()      {}
func (ChangeDue) effect()     {}
func (OpenJob) effect()       {}
func (CloseJob) effect()      {}
func (ArmTimer) effect()      {}
func (DisarmTimer) effect()   {}
func (Subscribe) effect()     {}
func (Unsubscribe) effect()   {}
func (StartChild) effect()    {}
func (CancelChild) effect()   {}
func (Throw) effect()         {}
func (Escalate) effect()      {}
func (OpenIncident) effect()  {}
func (CloseIncident) effect() {}
func (Trace) effect()         {}
func (Finished) effect()      {}

// Member is one member of an approval group: a login, or a term such as group:NAME for one of its people.
type Member struct {
	Name   string `json:"name"`
	Weight int    `json:"weight"`
	Veto   bool   `json:"veto,omitempty"`
}

// Verdict decides for a group that has no members.
type Verdict string

// The verdicts.
const (
	Passes  Verdict = "pass"
	Rejects Verdict = "reject"
)

func (v Verdict) verdict() verdict {
	switch v {
	case Passes:
		return approved
	case Rejects:
		return rejected
	}
	return undecided
}

// Moment is what a Trace tells of an element.
type Moment uint8

const (
	Entered Moment = iota + 1
	Completed
	Cancelled
	Warned      // it is due soon, or late: who has it was told
	Escalated   // others were told
	Transferred // it is given to somebody else
)

// How an instance ended.
type How uint8

const (
	EndCompleted How = iota + 1
	EndTerminated
	EndCancelled
	EndFailed
)
