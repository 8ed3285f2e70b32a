package bpmn

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/paceline/paceline/internal/feel"
)

// Problems are the problems of one file as one error.
type Problems []Problem

func (p Problems) Error() string {
	if len(p) == 0 {
		return "no problem"
	}
	var b strings.Builder
	b.WriteString(p[0].String())
	if n := len(p) - 1; n > 0 {
		fmt.Fprintf(&b, " (and %d more)", n)
	}
	return b.String()
}

// String is the problem in one line: where, what, the cure, the rule.
func (p Problem) String() string {
	if p.Element == "" {
		return fmt.Sprintf("line %d: %s", p.Line, p.text())
	}
	return fmt.Sprintf("line %d: %s: %s", p.Line, p.Element, p.text())
}

// text is the problem without its place.
func (p Problem) text() string {
	text := p.Message
	if p.Cure != "" {
		text += "; " + p.Cure
	}
	switch {
	case p.Rule == "":
		return text
	case strings.HasPrefix(p.Rule, "DMN"):
		return text + " (" + p.Rule + ")"
	}
	return text + " (BPMN " + p.Rule + ")"
}

// Parse reads one BPMN file, or one DMN file, which has only decisions. The Definitions
// are never nil and carry every problem; the error is Definitions.Err, so a caller that
// only runs models looks at nothing else.
func Parse(src []byte) (*Definitions, error) {
	d := &Definitions{}
	root, err := readXML(src)
	if err != nil {
		d.Problems = []Problem{unreadable(err)}
		return d, d.Err()
	}
	d.root = root
	p := newParser(d)
	p.definitions(root)
	d.Problems = p.sorted()
	return d, d.Err()
}

func unreadable(err error) Problem {
	var m *malformed
	if errors.As(err, &m) {
		return Problem{Line: m.line, Severity: Error, Message: m.text}
	}
	return Problem{Line: 1, Severity: Error, Message: err.Error()}
}

// Err is nil when the file can be run, else Problems with those of severity Error.
func (d *Definitions) Err() error {
	var bad Problems
	for _, p := range d.Problems {
		if p.Severity == Error {
			bad = append(bad, p)
		}
	}
	if len(bad) == 0 {
		return nil
	}
	return bad
}

// Process finds a process by id; nil when there is none. The empty id is the first
// executable process.
func (d *Definitions) Process(id string) *Process {
	for _, p := range d.Processes {
		if p.ID == id || id == "" && p.Executable && !p.Global {
			return p
		}
	}
	return nil
}

// Decision finds a decision by id; nil when there is none.
func (d *Definitions) Decision(id string) *Decision {
	for _, x := range d.Decisions {
		if x.ID == id {
			return x
		}
	}
	return nil
}

// Node finds a node of this scope or of one inside it; nil when there is none.
func (s *Scope) Node(id string) *Node {
	for _, n := range s.Nodes {
		if n.ID == id {
			return n
		}
		if n.Inner != nil {
			if found := n.Inner.Node(id); found != nil {
				return found
			}
		}
	}
	return nil
}

// All yields the nodes of this scope and, after each sub-process, those inside it.
func (s *Scope) All(yield func(*Node) bool) { s.each(yield) }

func (s *Scope) each(yield func(*Node) bool) bool {
	for _, n := range s.Nodes {
		if !yield(n) || n.Inner != nil && !n.Inner.each(yield) {
			return false
		}
	}
	return true
}

// parser is the state of one Parse. Its methods are in the files named after what they read.
type parser struct {
	defs      *Definitions
	problems  []Problem
	ids       map[string]*element // every BPMN element that has an id
	nodes     map[string]*Node    // flow nodes by id
	source    map[*Node]*element  // the element of a node
	home      map[*Node]*Scope    // the scope that a node stands in
	scopes    map[*Scope]*element // the element of a process or sub-process
	flowAt    map[*element]*Flow  // the flow of an element
	arrow     map[*Flow]*element  // the element of a flow
	byID      map[string]*Process // processes and global tasks by id
	flowNames map[string]int      // how often a name was given to a flow without id
	referred  map[*element]bool   // event definitions that an eventDefinitionRef names
	describes bool                // every process says that it is not executable
	lenient   bool                // written for an engine: see isLenient
	prefixes  map[string]bool     // of namespaces, declared anywhere in the file
	words     []feel.Option       // the names that expressions of decisions may use
}

func newParser(d *Definitions) *parser {
	return &parser{
		defs:      d,
		ids:       map[string]*element{},
		nodes:     map[string]*Node{},
		source:    map[*Node]*element{},
		home:      map[*Node]*Scope{},
		scopes:    map[*Scope]*element{},
		flowAt:    map[*element]*Flow{},
		arrow:     map[*Flow]*element{},
		byID:      map[string]*Process{},
		flowNames: map[string]int{},
		referred:  map[*element]bool{},
		prefixes:  map[string]bool{"xml": true},
	}
}

// maxProblems bounds what a hostile file can make us say. Warnings stop there, errors at
// twice as much, so that no number of warnings hides an error.
const maxProblems = 500

// report notes a problem. In a process that says it is not executable, and in a file with
// no other, every problem is a warning: it describes, and nobody will run it.
func (p *parser) report(at *element, s Severity, rule, message, cure string) {
	if p.describes || at.descriptive() {
		s = Warning
	}
	if len(p.problems) < maxProblems*int(s) {
		p.problems = append(p.problems, Problem{at.owner(), at.line, s, rule, message, cure})
	}
}

func (p *parser) fail(at *element, rule, cure, format string, args ...any) {
	p.report(at, Error, rule, fmt.Sprintf(format, args...), cure)
}

func (p *parser) warn(at *element, rule, cure, format string, args ...any) {
	p.report(at, Warning, rule, fmt.Sprintf(format, args...), cure)
}

// sorted gives the problems in order of line, each once.
func (p *parser) sorted() []Problem {
	seen := make(map[Problem]bool, len(p.problems))
	p.problems = slices.DeleteFunc(p.problems, func(x Problem) bool {
		again := seen[x]
		seen[x] = true
		return again
	})
	slices.SortStableFunc(p.problems, func(a, b Problem) int { return a.Line - b.Line })
	return p.problems
}

func (e *element) descriptive() bool {
	for ; e != nil; e = e.parent {
		if e.is("process") {
			return isFalse(e.attr("isExecutable"))
		}
	}
	return false
}

// owner is the id that a problem at e is shown under: its own or that of the nearest
// element around it that has one.
func (e *element) owner() string {
	for ; e != nil; e = e.parent {
		if id := e.attr("id"); id != "" && e.space == nsBPMN {
			return id
		}
	}
	return ""
}
