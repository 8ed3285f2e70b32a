// Package bpmn reads BPMN 2.0 XML into a validated graph.
//
// Parse never runs anything and never looks outside the bytes it is given: no
// entities, no includes, bounded size and depth. It returns the graph together with
// every problem it found, each with element, line, the rule's section in BPMN 2.0.2
// (formal/2013-12-09) and the cure. A graph with a problem of severity Error must not
// be run; Definitions.Err says so in one error.
//
// Expressions are compiled here, so that a wrong one is a problem of the model with a
// line and not a surprise in a running ticket.
//
// Models of other engines are read with their attributes where these mean the same. Our
// own are in the namespace https://paceline.dev/bpmn/1.0. docs/bpmn.md lists element by
// element what runs, what is ignored and what is refused.
package bpmn

import "github.com/paceline/paceline/internal/feel"

// Definitions is one BPMN file.
type Definitions struct {
	ID              string
	TargetNamespace string
	Exporter        string
	Processes       []*Process
	Decisions       []*Decision // DMN decisions carried in the same file
	Problems        []Problem   // in order of line

	root *element // the file as it was read, for Write
}

// Process is one executable or descriptive process.
type Process struct {
	Scope
	ID         string
	Name       string
	Executable bool // a missing isExecutable counts as true; a false one must not be run
	Global     bool // made of a global task: one node, no events
	VersionTag string
	Line       int
	Lanes      []*Lane
	Data       []Mapping // variables that it begins with, unless who starts it gives others
	// CandidateStarters who may start it, from vendor attributes; empty: everybody.
	CandidateStarters []string
	Properties        map[string]string // paceline:property and vendor equivalents
	Calendar          string            // the business calendar that times in it are counted in; default or a name; empty or none: all time counts
}

// Scope is what a process and a sub-process have in common: nodes and flows.
// Nodes of inner sub-processes are in those sub-processes, not here.
type Scope struct {
	Nodes []*Node
	Flows []*Flow
}

// Kind is the kind of a node, independent of its event definition.
type Kind uint8

const (
	UndefinedTask Kind = iota + 1
	UserTask
	ServiceTask
	SendTask
	ReceiveTask
	ScriptTask
	ManualTask
	BusinessRuleTask
	CallActivity
	SubProcess      // embedded
	EventSubProcess // triggeredByEvent
	AdHocSubProcess
	Transaction
	ExclusiveGateway
	ParallelGateway
	InclusiveGateway
	EventBasedGateway
	ComplexGateway // never runs: always with a problem
	StartEvent
	CatchEvent
	ThrowEvent
	BoundaryEvent
	EndEvent
)

// Node is a flow node: an activity, a gateway or an event.
type Node struct {
	ID     string
	Name   string
	Kind   Kind
	Tag    string // the BPMN tag: userTask, startEvent ...
	Line   int
	Parent *Node   // the sub-process it is in; nil directly in the process
	In     []*Flow // in document order
	Out    []*Flow
	// Default is the flow taken when no condition holds (activities, exclusive and inclusive gateways).
	Default *Flow
	Lane    *Lane
	Doc     string
	// Calendar is the business calendar of its times, as in Process; empty: that of what is around it.
	Calendar string

	// Events.
	// Event is nil for a none event. A receive task has the message that it waits for, a
	// send task without Work the message that it throws.
	Event        *EventDefinition
	Interrupting bool    // boundary events and start events of event sub-processes
	AttachedTo   *Node   // boundary events
	Boundary     []*Node // activities: the events attached to it

	// Sub-processes: what is inside.
	Inner *Scope
	AdHoc *AdHoc

	// Activities.
	Loop            *Loop
	StartQuantity   int // tokens that one start takes; 1 unless the model says more (BPMN 10.3.1)
	EndQuantity     int // tokens that one completion gives on each outgoing flow
	ForCompensation bool
	CompensatedBy   *Node       // the handler, for an activity with a compensation boundary event
	User            *User       // user tasks; start events with a form
	Work            *Work       // service, send, business-rule, script tasks; message throw and end events with an implementation
	Call            *Call       // call activities
	Instantiate     bool        // receive tasks and event-based gateways that start the process
	Initiator       string      // start events: the variable that takes who started the process
	Inputs          []Mapping   // evaluated when the activity starts, into its own scope
	Outputs         []Mapping   // evaluated when it completes, into the enclosing scope
	CC              []CC        // whom to tell when it starts or ends
	Listeners       []*Listener // execution and task listeners that carry an expression
	Skip            *Expression // the activity is passed without being done when this holds (Flowable's skipExpression)
}

// Flow is a sequence flow.
type Flow struct {
	ID        string
	Name      string
	Line      int
	From, To  *Node
	Condition *Expression // nil: unconditional
}

// Lane is a lane; the innermost lane of a user task names its default candidate group.
type Lane struct {
	ID, Name string
	Parent   *Lane
}

// EventKind is the kind of an event definition.
type EventKind uint8

const (
	TimerEvent EventKind = iota + 1
	MessageEvent
	SignalEvent
	ConditionalEvent
	ErrorEvent
	EscalationEvent
	TerminateEvent
	LinkEvent
	CompensationEvent
	CancelEvent
	VariableEvent // a variable is written; not BPMN, but Flowable's variable listener
)

// EventDefinition is what an event waits for or throws.
type EventDefinition struct {
	Kind EventKind
	// Name of the message, signal, link or variable; the code of the error or escalation. Empty
	// code on a catching error or escalation event: catches every code.
	Name string
	// Change says which writes a variable event waits for: create, update, or empty for both.
	Change string
	// NameExpr replaces Name where the name is an expression.
	NameExpr *Expression
	// CorrelationKey is evaluated where a message is awaited; nil: the business key.
	CorrelationKey *Expression
	Timer          *Timer
	Condition      *Expression
	LinkTo         *Node       // link throw: the catching event
	Activity       *Node       // compensation throw: the activity to compensate; nil: the whole scope
	WaitCompletion bool        // compensation throw; default true
	Local          bool        // thrown signal: it reaches only the instance that throws it
	TerminateAll   bool        // terminate: the process, not only the sub-process that it is in
	TerminateLoop  bool        // terminate: all instances of the multi-instance activity that it is in
	CodeVariable   string      // catching error and escalation: the variable that takes the code
	MessageVar     string      // catching error: the variable that takes the message
	Message        *Expression // thrown error: its message, where the model gives one
	Payload        []Mapping
}

// Timer is a timer event definition: exactly one of the three is set.
type Timer struct {
	Date     *Expression
	Duration *Expression
	Cycle    *Expression // ISO 8601 repetition or cron
}

// Expression is compiled text.
type Expression struct {
	Text   string // as it stands in the file
	Source string // the FEEL it was reduced to
	Line   int
	FEEL   *feel.Expr
}

// Mapping sets Target to the value of Source. An empty Target with All set copies every variable.
type Mapping struct {
	Source *Expression
	Target string
	All    bool
}

// Loop makes an activity run more than once.
type Loop struct {
	// Standard loop (BPMN 13.3.6).
	Standard   bool
	TestBefore bool
	While      *Expression
	Maximum    *Expression
	// Multi-instance (BPMN 13.3.7).
	Sequential  bool
	Cardinality *Expression
	Collection  *Expression
	ElementVar  string      // takes the member of the collection
	IndexVar    string      // takes the position in the collection, counted from 0
	OutputList  string      // variable that collects OutputItem of each instance, in order of the input
	OutputItem  *Expression // evaluated in each instance
	Completion  *Expression
	// Behavior says which events the completion of instances throws (BPMN 13.3.7): All,
	// the default, none; One the event in Throws when the first completes; None that
	// event each time; Complex each of Throws whose condition holds, each time.
	Behavior LoopBehavior
	Throws   []LoopThrow
	// Approval of a user task: its members are the instances. The rest of the Loop is empty.
	Approval *Approval
}

// LoopBehavior is the behavior attribute of multi-instance characteristics.
type LoopBehavior uint8

const (
	BehaviorAll LoopBehavior = iota
	BehaviorOne
	BehaviorNone
	BehaviorComplex
)

// LoopThrow is an event thrown to the boundary of a multi-instance activity.
type LoopThrow struct {
	When  *Expression // complex behavior only
	Event *EventDefinition
}

// AdHoc is what an ad-hoc sub-process adds.
type AdHoc struct {
	Sequential      bool
	Completion      *Expression
	CancelRemaining bool
	Active          *Expression // list of element ids to start with; nil: every node without incoming flow
}

// User is what a user task asks of people. Assignee and candidates are expressions
// over the ticket's variables; literal vendor text has become a string literal.
type User struct {
	Assignee         *Expression
	CandidateUsers   *Expression // list or one string
	CandidateGroups  *Expression
	FormKey          string
	Due              *Expression // date and time, date, or a duration from creation
	FollowUp         *Expression
	Priority         *Expression
	Outcomes         []string          // the buttons: paceline:outcomes="approve,reject"
	FormRights       map[string]string // field key -> hide | read | edit | required
	Returnable       bool              // work may be returned from here
	Properties       map[string]string
	Assignment       string // paceline: starter, superior, head, unit ... see docs
	CandidateStarter bool
	Policies         []Policy
	SLA              *SLA
}

// Work is a piece of machine work. Type names the job handler; a script or an
// expression that is FEEL is evaluated inside the transition instead.
//
// A decision in the same file is found under Decision; MapResult says how its result
// becomes the value of ResultVar: singleEntry, singleResult, collectEntries, resultList,
// or empty for the plain FEEL result.
type Work struct {
	Type       string      // empty: the model names none
	TypeExpr   *Expression // replaces Type where it is an expression
	Retries    int         // attempts before an incident; 0: the default
	Headers    map[string]string
	Script     *Expression // FEEL script or expression evaluated at once
	ScriptText string      // a script in another language, with Language; Type is script: and its name, such as script:javascript
	Language   string
	ResultVar  string
	Decision   string // business-rule task: decision id
	// DecisionExpr replaces Decision where it is an expression; the decision is one of the file.
	DecisionExpr *Expression
	MapResult    string
	Topic        string // external work
}

// Call names the process that a call activity starts.
type Call struct {
	Process     string
	ProcessExpr *Expression
	BusinessKey *Expression
	Version     string
}

// Listener runs an expression when an activity starts, completes, is assigned or created.
type Listener struct {
	Event  string // start, end, create, assignment, complete
	Script *Expression
	Result string
}

// Decision is a DMN decision: a decision table or a literal expression.
type Decision struct {
	ID, Name  string
	Line      int
	Literal   *Expression
	ResultVar string
	Requires  []string // ids of required decisions
	Table     *DecisionTable
}

// DecisionTable is a DMN 1.5 decision table (8.3).
type DecisionTable struct {
	HitPolicy   string // U A P F C R O, with Aggregation for C
	Aggregation string
	Inputs      []DecisionInput
	Outputs     []DecisionOutput
	Rules       []DecisionRule
}

type DecisionInput struct {
	Expr     *Expression
	Values   *Expression // unary tests
	Temporal bool        // the type is a date, a time or a duration: text is read as one
}

type DecisionOutput struct {
	Name    string
	Values  *Expression // unary tests
	Order   *Expression // the list of the allowed values, for P and O
	Default *Expression
}

type DecisionRule struct {
	ID   string
	Line int
	When []*Expression // unary tests, one per input; nil: any
	Then []*Expression // one per output
}

// Severity of a problem.
type Severity uint8

const (
	Warning Severity = iota + 1 // it runs, but something in it is ignored
	Error                       // it cannot run
)

func (s Severity) String() string {
	if s == Error {
		return "error"
	}
	return "warning"
}

// Problem is one thing wrong in a file.
type Problem struct {
	Element  string
	Line     int
	Severity Severity
	Rule     string // section of BPMN 2.0.2, e.g. "10.4.5"
	Message  string
	Cure     string
}
