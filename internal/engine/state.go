package engine

import (
	"iter"
	"slices"
	"sort"
	"time"

	"github.com/paceline/paceline/internal/bpmn"
	"github.com/paceline/paceline/internal/feel"
)

// State is one process instance at rest. It is only read from outside; Step answers
// with a changed copy. It has a compact encoding (MarshalBinary) and one for people (MarshalJSON).
type State struct {
	instance    ID
	businessKey string
	initiator   string
	parent      ID
	parentCall  ID
	how         How // 0 while it runs
	suspended   bool
	acted       bool   // a person has acted since the last completed task
	lastKey     uint32 // of the youngest activation

	def    *Definition   // nil after decoding, until the first Step
	acts   []*activation // in order of key; the first is the process itself
	arms   []arm         // in order of arming
	passed []Pass

	kept    []keptVotes // of approvals that keep them
	closing []closing   // what is still to be closed outside, in slices
	slice   ID          // the timer of the next slice
	ending  Finished    // what is told when that is done

	stopped []stoppedClock // in the order in which their work was sent back

	step   uint64 // counts the Steps since it was decoded
	shares bool   // some activations may be those of the state before
}

// activation is one running instance of a node: a token where the node is not a scope,
// and the owner of tokens where it is. Each hangs under the activation of the scope it runs in;
// the instances of a looped activity hang under one more, the loop's body.
type activation struct {
	key     uint32 // unique in the instance, rising with time
	parent  uint32 // 0 for the process
	element string
	phase   phase
	entered bool   // its Entered was told, so its end will be too
	via     string // the flow it arrived by
	loop    int32  // 1.. in a loop or multi-instance
	id      ID     // the task, job or call it opened outside

	vars     []variable // declared here, by name
	task     *task
	body     *loopBody
	arrived  []string // a join: the flows of waiting tokens
	later    []string // a sequential ad-hoc sub-process: what has still to start
	undo     []undo   // a scope: what can be compensated, in order of completion
	pending  []undo   // what is still to be compensated by this one, last first
	undoFor  uint32   // a compensation handler: who waits for it
	taken    bool     // a scope: an interrupting event sub-process has taken over
	incident *incident
	detour   *detour // it was returned to: where to go when it is done
	clock    *clock  // of a user task or approval group with an SLA
	armed    bool    // it stuck after its boundary events were armed, which they stay

	// Only within a Step, and set by bind.
	node    *node
	up      *activation
	kids    int
	dead    bool
	step    uint64 // of the state that owns it
	written []byte // its encoding, of one that sleeps in a large state
	ownVars bool   // vars is not shared with the state before
}

// phase says what an activation waits for.
type phase uint8

const (
	arriving phase = iota // to be entered in this very Step
	waiting               // an event from outside: task, job, call or what is armed
	joining               // more tokens
	holding               // what runs inside
	throwing              // that nothing else moves, to throw its event
	undoing               // compensation handlers
	stuck                 // an incident to be retried
	over                  // the ended process, kept for its variables
)

// arm is something that an event from outside can trigger.
type arm struct {
	id      ID
	owner   uint32 // the activation it ends with
	element string // the event or receive task that it triggers
	kind    bpmn.EventKind
	name    string // of a message or signal
	key     string // correlation key of a message
	due     int64  // of a timer: microseconds since 1970
	cycle   string // of a repeating timer: the repetition or cron text
	left    int32  // of a repeating timer: how often it fires after that; -1: for ever
	met     bool   // of a condition: it holds now
	level   int32  // of an SLA's timer: which level of the element, from 1

	node  *node // derived
	since int   // of a variable event: the write of this Step to look at next
}

// Pass is a user task that somebody completed.
type Pass struct {
	Task    ID
	Element string
	Loop    int // 1.. in a loop or multi-instance, else 0
	By      string
	At      time.Time
	group   uint32 // the body of the loop
}

// maxPassed bounds how far back an instance knows who did what.
const maxPassed = 200

// Ended reports whether the instance is over, and how.
func (s *State) Ended() (How, bool) { return s.how, s.how != 0 }

// Instance is the id given at the start.
func (s *State) Instance() ID { return s.instance }

// BusinessKey is the key given at the start.
func (s *State) BusinessKey() string { return s.businessKey }

// Initiator is who started the instance.
func (s *State) Initiator() string { return s.initiator }

// Suspended reports whether events are refused until Resume.
func (s *State) Suspended() bool { return s.suspended }

// Passed lists the user tasks that were completed, oldest first.
func (s *State) Passed() []Pass { return s.passed }

// Vars are the variables at process level.
func (s *State) Vars() feel.Vars { return asVars(s.acts[0].vars) }

// Visible are the variables that an open task or job sees; false when there is no such.
func (s *State) Visible(id ID) (feel.Vars, bool) {
	for _, a := range s.acts {
		if a.id == id && id != 0 {
			return s.visible(a), true
		}
	}
	return nil, false
}

func (s *State) visible(a *activation) feel.Vars {
	all := feel.Vars{}
	for at := a; at != nil; at = s.above(at) {
		for _, v := range at.vars {
			if _, hidden := all[v.name]; !hidden {
				all[v.name] = v.value
			}
		}
		at.loopVars(func(name string, value feel.Value) {
			if _, hidden := all[name]; !hidden {
				all[name] = value
			}
		})
	}
	return all
}

// above finds the enclosing activation, also of one that sleeps and in a state that is not bound to a definition.
func (s *State) above(a *activation) *activation {
	switch {
	case a.parent == 0:
		return nil
	case a.up != nil && s.owns(a):
		return a.up
	}
	return s.find(a.parent)
}

// find returns the activation with the key, which may sleep, or nil.
func (s *State) find(key uint32) *activation {
	if i, found := s.place(key); found {
		return s.acts[i]
	}
	return nil
}

func (s *State) place(key uint32) (int, bool) {
	i := sort.Search(len(s.acts), func(i int) bool { return s.acts[i].key >= key })
	return i, i < len(s.acts) && s.acts[i].key == key
}

// Task is an open user or receive task.
type Task struct {
	ID       ID
	Element  string
	Version  int    // rises with each change of who has it
	Assignee string // empty for none
	Owner    string // who delegated it and gets it back
	Loop     int
}

// OpenTasks lists the open user and receive tasks, oldest first.
func (s *State) OpenTasks() []Task {
	var open []Task
	for _, a := range s.acts {
		if a.task != nil && a.phase == waiting {
			open = append(open, a.openTask())
		}
	}
	return open
}

// OpenTask finds one open task.
func (s *State) OpenTask(id ID) (Task, bool) {
	for _, a := range s.acts {
		if a.id == id && a.task != nil && a.phase == waiting {
			return a.openTask(), true
		}
	}
	return Task{}, false
}

func (a *activation) openTask() Task {
	t := Task{ID: a.id, Element: a.element, Version: a.task.version, Assignee: a.task.assignee, Loop: int(a.loop)}
	if n := len(a.task.owners); n > 0 {
		t.Owner = a.task.owners[n-1]
	}
	return t
}

// Place is where a token waits.
type Place struct {
	Key      int // unique in the instance, rising with time
	ID       ID  // of the task, job or call; else 0
	Element  string
	Node     *bpmn.Node // nil in a state that was decoded and not stepped since
	Assignee string
	Loop     int
	Incident ID // 0: none
}

// Waiting yields where tokens wait, oldest first: user, receive and work tasks, catch events,
// event-based gateways, joins and call activities, but not the scopes around them.
func (s *State) Waiting() iter.Seq[Place] {
	return func(yield func(Place) bool) {
		for _, a := range s.acts {
			failed := a.phase == stuck && a.incident.work
			if (a.phase == waiting || a.phase == joining || failed) && !yield(a.place()) {
				return
			}
		}
	}
}

func (a *activation) place() Place {
	p := Place{Key: int(a.key), ID: a.id, Element: a.element, Loop: int(a.loop)}
	if a.node != nil {
		p.Node = a.node.Node
	}
	if a.task != nil {
		p.Assignee = a.task.assignee
	}
	if a.incident != nil {
		p.Incident = a.incident.id
	}
	return p
}

// Armed is what an outside event can trigger.
type Armed struct {
	ID      ID // the timer's, subscription's or condition's, rising with time
	Element string
	Kind    bpmn.EventKind
	Name    string    // of a message or signal
	Key     string    // correlation key of a message
	Due     time.Time // of a timer
}

// Armed lists what outside events can trigger, oldest first.
func (s *State) Armed() []Armed {
	armed := make([]Armed, 0, len(s.arms))
	for _, m := range s.arms {
		a := Armed{ID: m.id, Element: m.element, Kind: m.kind, Name: m.name, Key: m.key}
		if m.kind == bpmn.TimerEvent {
			a.Due = time.UnixMicro(m.due).UTC()
		}
		armed = append(armed, a)
	}
	return armed
}

// Incident is something that keeps an element from going on.
type Incident struct {
	ID      ID
	Element string
	Code    string
	Message string
}

// Incidents lists what keeps elements from going on, oldest first.
func (s *State) Incidents() []Incident {
	var all []Incident
	for _, a := range s.acts {
		if i := a.incident; i != nil {
			all = append(all, Incident{ID: i.id, Element: a.element, Code: i.code, Message: i.message})
		}
	}
	return all
}

// clone copies the state for one Step, but for what sleeps. The spare activations are for those that the Step makes or wakes.
func (s *State) clone(def *Definition) (next *State, spare []activation, err error) {
	copied := *s
	next = &copied
	known := s.def == def
	next.def, next.step, next.shares = def, s.step+1, known
	awake := 0
	for _, a := range s.acts {
		if !known || !a.sleeps() {
			awake++
		}
	}
	backing := make([]activation, awake+spareActivations)
	next.acts = make([]*activation, len(s.acts), len(s.acts)+8)
	for i, a := range s.acts {
		if !known || !a.sleeps() {
			a = next.copyOf(a, &backing[0])
			backing = backing[1:]
		}
		next.acts[i] = a
	}
	next.closing = slices.Clip(s.closing)
	next.arms = slices.Clone(s.arms)
	return next, backing, next.bind(known)
}

// spareActivations are as many as most Steps make or wake.
const spareActivations = 3

// bind sets what is derived: nodes and the tree.
func (s *State) bind(known bool) error {
	for _, a := range s.acts {
		if s.owns(a) {
			a.kids = 0
		}
	}
	var up *activation // of the one before: as a rule it is the same
	for _, a := range s.acts {
		if !known || a.node == nil {
			if a.node = s.def.node(a.element); a.node == nil {
				return refuse("the definition has no element %q that the state is at", a.element)
			}
		}
		if a.parent == 0 {
			a.up = nil
		} else {
			if up == nil || up.key != a.parent {
				up = s.find(a.parent)
			}
			if up == nil || !s.owns(up) {
				return refuse("the state is damaged: %s hangs nowhere", a.element)
			}
			if s.owns(a) {
				a.up = up
			}
			up.kids++
		}
		if !known && !s.fits(a) {
			return refuse("the state does not fit the definition at %s", a.element)
		}
	}
	for i := range s.arms {
		s.arms[i].since = 0
		if m := &s.arms[i]; m.node == nil || !known {
			if m.node = s.def.node(m.element); m.node == nil {
				return refuse("the definition has no element %q that the state waits at", m.element)
			}
			if !m.fits(s.find(m.owner)) {
				return refuse("the state does not fit the definition at %s", m.element)
			}
		}
	}
	return nil
}

// fits checks, for an activation that was decoded, what the behaviours rely on.
func (s *State) fits(a *activation) bool {
	if (a.up == nil) != (a.node == s.def.root) || a.up != nil && a.node.scope != a.scopeNode() {
		return false
	}
	if looped := a.loop > 0; looped && (a.node.Loop == nil || a.up.body == nil) || a.body != nil && a.node.Loop == nil {
		return false
	}
	if a.body != nil && !a.body.fits(a.node.Loop.Approval) || a.loop > 0 && !a.up.body.has(a.loop) {
		return false
	}
	if (a.phase == joining) != (len(a.arrived) > 0) || a.up == nil && a.phase == joining {
		return false
	}
	for _, via := range a.arrived {
		if f := s.def.flows[via]; f == nil || f.to != a.node {
			return false
		}
	}
	if a.clock != nil && (a.node.User == nil || a.node.User.SLA == nil) {
		return false
	}
	return s.canUndo(a.undo) && s.canUndo(a.pending)
}

// fits checks that the owner is one that arms this element.
func (m *arm) fits(owner *activation) bool {
	n := m.node
	if m.level > 0 {
		sla := n.User != nil && n.User.SLA != nil && int(m.level) <= len(n.User.SLA.Levels)
		return sla && owner != nil && owner.node == n && owner.clock != nil
	}
	if owner == nil || n.Event == nil || n.Event.Kind != m.kind {
		return false
	}
	switch n.Kind {
	case bpmn.BoundaryEvent:
		return owner.loop == 0 && slices.Contains(owner.node.boundary, n)
	case bpmn.StartEvent:
		return owner.body == nil && slices.Contains(owner.node.events, n.scope)
	}
	return owner.node == n || owner.node.Kind == bpmn.EventBasedGateway && owner.up != nil
}

// scopeNode is the scope that the activation is drawn in: the body of a loop stands between.
func (a *activation) scopeNode() *node {
	if a.loop > 0 {
		return a.up.node.scope
	}
	return a.up.node
}

func (s *State) canUndo(all []undo) bool {
	for _, u := range all {
		if s.def.nodes[u.element] == nil || !s.canUndo(u.inside) {
			return false
		}
	}
	return true
}

// node finds a node by id; the process itself goes by its own.
func (def *Definition) node(element string) *node {
	if element == def.root.ID {
		return def.root
	}
	return def.nodes[element]
}

// At is the element that an open task, job or call belongs to; false when there is no such.
func (s *State) At(id ID) (string, bool) {
	for _, a := range s.acts {
		if a.id == id && id != 0 {
			return a.element, true
		}
	}
	return "", false
}
