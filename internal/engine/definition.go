package engine

import (
	"fmt"

	"github.com/paceline/paceline/internal/bpmn"
)

// Definition is one process in the form that Step runs: nodes with their behaviour,
// their scope and what the graph says about joins and jumps. It is never
// changed once compiled and may be shared by any number of goroutines.
type Definition struct {
	Process *bpmn.Process
	file    *bpmn.Definitions
	root    *node
	nodes   map[string]*node
	flows   map[string]*flow
	watches bool // some event waits for a variable to be written
}

// node is a flow node, or the process itself (root).
type node struct {
	*bpmn.Node
	behave   *behaviour
	scope    *node // the sub-process or process it is in; nil for the root
	in, out  []*flow
	fallback *flow
	boundary []*node
	host     *node // of a boundary event: the activity
	undoneBy *node // the compensation handler of an activity
	link     *node // the catch event that a link throw event goes on at

	// Only of scopes.
	inner  []*node
	starts []*node // where tokens are placed on entering
	events []*node // event sub-processes

	forward [][]int // by index in inner: the edges that do not lead back

	index     int      // position in scope.inner
	after     bitset   // neighbours that a token can reach from here without going back
	ahead     bitset   // the same, for the token that is here: without non-interrupting boundary events
	dominator *node    // what every such way to here passes last
	depth     int      // number of dominators
	upwards   []bitset // of an inclusive join: for each incoming flow, where tokens can still come from
}

type flow struct {
	*bpmn.Flow
	from, to *node
}

// start returns the start event of an event sub-process.
func (n *node) start() *node { return n.starts[0] }

// Node finds a node anywhere in the process by its id; nil when there is none.
func (def *Definition) Node(id string) *bpmn.Node {
	if n := def.nodes[id]; n != nil {
		return n.Node
	}
	return nil
}

// isScope reports whether other nodes live inside.
func (n *node) isScope() bool { return n.scope == nil || n.Kind.IsSubProcess() }

// Compile turns one process of a file into the form that Step runs. An empty process
// means the file's first executable one. It fails when the file has a problem of severity Error.
func Compile(file *bpmn.Definitions, process string) (*Definition, error) {
	for _, p := range file.Problems {
		if p.Severity == bpmn.Error {
			return nil, fmt.Errorf("%s (line %d): %s", p.Element, p.Line, p.Message)
		}
	}
	p := find(file, process)
	if p == nil {
		return nil, fmt.Errorf("the file has no executable process %q", process)
	}
	def := &Definition{Process: p, file: file, nodes: map[string]*node{}, flows: map[string]*flow{}}
	def.root = &node{Node: &bpmn.Node{ID: p.ID, Name: p.Name, Tag: "process", Line: p.Line, Inner: &p.Scope, Calendar: p.Calendar}, behave: processBehaviour}
	if err := def.add(def.root); err != nil {
		return nil, err
	}
	for _, n := range def.nodes {
		def.connect(n)
	}
	def.root.settleScope()
	for _, n := range def.nodes {
		if n.isScope() {
			n.settleScope()
		}
	}
	return def, nil
}

func find(file *bpmn.Definitions, process string) *bpmn.Process {
	for _, p := range file.Processes {
		if p.ID == process || process == "" && p.Executable {
			return p
		}
	}
	return nil
}

// add makes the nodes and flows of a scope, and of the scopes inside it.
func (def *Definition) add(scope *node) error {
	for _, b := range scope.Inner.Nodes {
		n := &node{Node: b, scope: scope, index: len(scope.inner), behave: behaviourOf(b)}
		if n.behave == nil {
			return fmt.Errorf("%s (line %d): this engine does not run a %s", b.ID, b.Line, b.Tag)
		}
		scope.inner = append(scope.inner, n)
		def.watches = def.watches || b.Event != nil && b.Event.Kind == bpmn.VariableEvent
		def.nodes[b.ID] = n
		if b.Inner != nil {
			if err := def.add(n); err != nil {
				return err
			}
		}
	}
	for _, b := range scope.Inner.Flows {
		def.flows[b.ID] = &flow{Flow: b, from: def.nodes[b.From.ID], to: def.nodes[b.To.ID]}
	}
	return nil
}

// connect replaces the model's references by compiled ones.
func (def *Definition) connect(n *node) {
	for _, f := range n.In {
		n.in = append(n.in, def.flows[f.ID])
	}
	for _, f := range n.Out {
		n.out = append(n.out, def.flows[f.ID])
	}
	if n.Default != nil {
		n.fallback = def.flows[n.Default.ID]
	}
	for _, b := range n.Boundary {
		event := def.nodes[b.ID]
		event.host = n
		n.boundary = append(n.boundary, event)
	}
	if n.Event != nil && n.Event.LinkTo != nil {
		n.link = def.nodes[n.Event.LinkTo.ID]
	}
	if n.CompensatedBy != nil {
		n.undoneBy = def.nodes[n.CompensatedBy.ID]
	}
}

// settleScope finds where a scope begins (BPMN 13.2: at its none start event; without start
// events at everything that has no incoming flow) and analyses its graph.
func (n *node) settleScope() {
	for _, in := range n.inner {
		switch {
		case in.Kind == bpmn.EventSubProcess:
			n.events = append(n.events, in)
		case in.Kind == bpmn.StartEvent && (in.Event == nil || n.Kind == bpmn.EventSubProcess):
			n.starts = append(n.starts, in)
		}
	}
	if len(n.starts) == 0 && !n.hasStartEvent() {
		for _, in := range n.inner {
			if in.beginsImplicitly() {
				n.starts = append(n.starts, in)
			}
		}
	}
	n.analyse()
}

func (n *node) hasStartEvent() bool {
	for _, in := range n.inner {
		if in.Kind == bpmn.StartEvent {
			return true
		}
	}
	return false
}

// beginsImplicitly reports whether a node without incoming flow gets a token when its
// scope is entered.
func (n *node) beginsImplicitly() bool {
	switch {
	case len(n.In) > 0, n.ForCompensation:
		return false
	case n.Kind == bpmn.BoundaryEvent, n.Kind == bpmn.EventSubProcess:
		return false
	case n.Instantiate && n.scope.scope == nil: // its message starts the process
		return false
	case n.Kind == bpmn.CatchEvent && n.Event != nil && n.Event.Kind == bpmn.LinkEvent:
		return false
	}
	return true
}
