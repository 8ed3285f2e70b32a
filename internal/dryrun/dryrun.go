// Package dryrun runs models in memory, on the interpreter that also runs them for good, with a clock
// that moves only when it is told to. The same models, variables and steps give the same output,
// byte for byte.
//
// It is what `paceline bpmn run` does, and the harness of the interpreter's golden scripts. What it
// prints and what a step means is fixed in one place, the page "bpmn run: steps, events, state";
// section numbers in comments refer to that page.
package dryrun

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/paceline/paceline/internal/bpmn"
	"github.com/paceline/paceline/internal/engine"
	"github.com/paceline/paceline/internal/feel"
)

// Options say what is run and how it is told.
type Options struct {
	Process string // the process to start; empty: the file's first executable one
	Vars    []byte // a JSON object for it; nil: none
	Steps   string // path of a steps file; empty: everything completes by itself
	JSON    bool   // one JSON object a line, else text for people
	// Calendars are the paths of business calendars; the first is the default. Without any all time counts.
	Calendars []string
}

// The bounds of one run.
const (
	maxEvents    = 10_000  // printed, without steps
	maxStepped   = 500_000 // printed, with steps
	maxInstances = 10_000
	maxSteps     = 16 << 20 // bytes of a steps file
)

// Models are loaded files.
type Models struct {
	files []*file
}

type file struct {
	path     string
	defs     *bpmn.Definitions
	problems []bpmn.Problem
}

func (f *file) refused() bool {
	for _, p := range f.problems {
		if p.Severity == bpmn.Error {
			return true
		}
	}
	return false
}

// Load reads models. One that cannot be read or run is told by Run.
func Load(paths ...string) *Models {
	m := &Models{}
	for _, path := range paths {
		m.files = append(m.files, load(path))
	}
	return m
}

func load(path string) *file {
	f := &file{path: path}
	src, err := os.ReadFile(path)
	if err != nil {
		f.problems = []bpmn.Problem{{Line: 1, Severity: bpmn.Error, Message: "the file cannot be read: " + err.Error()}}
		return f
	}
	f.defs, err = bpmn.Parse(src)
	if f.defs != nil {
		f.problems = f.defs.Problems
	}
	if err != nil && !f.refused() {
		f.problems = append(f.problems, bpmn.Problem{Line: 1, Severity: bpmn.Error, Message: err.Error()})
	}
	return f
}

// Run runs the models and returns the exit status: 0 when every step was applied and every expectation
// held, else 1. The error is of writing to out.
func (m *Models) Run(opts Options, out io.Writer) (status int, err error) {
	buf := bufio.NewWriter(out)
	defer func() {
		if flushed := buf.Flush(); err == nil {
			err = flushed
		}
	}()
	p := &printer{out: buf, json: opts.JSON}
	if m.printProblems(p) {
		return 1, p.err
	}
	w := newWorld(p, opts.Steps == "")
	w.folder = filepath.Dir(opts.Steps)
	held := w.run(m, opts)
	w.printVariables()
	if !held {
		status = 1
	}
	return status, p.err
}

// printProblems prints what keeps a file from being run.
func (m *Models) printProblems(p *printer) bool {
	refused := false
	for _, f := range m.files {
		refused = refused || f.refused()
	}
	if !refused {
		return false
	}
	for _, f := range m.files {
		for _, problem := range f.problems {
			p.problem(f.path, problem)
		}
	}
	return true
}

// run does the whole run and reports whether all went as the steps want it.
func (w *world) run(m *Models, opts Options) bool {
	for _, f := range m.files {
		if err := w.deploy(f); err != nil {
			return w.refuse(0, err)
		}
	}
	var err error
	if w.calendars, err = readCalendars(opts.Calendars); err != nil {
		return w.refuse(0, err)
	}
	vars, err := parseVars(opts.Vars)
	if err != nil {
		return w.refuse(0, err)
	}
	steps, err := readSteps(opts.Steps)
	if err != nil {
		return w.refuse(0, err)
	}
	for len(steps) > 0 && steps[0].verb == "deploy" {
		if err := w.deployStep(steps[0]); err != nil {
			return w.refuse(steps[0].n, err)
		}
		steps = steps[1:]
	}
	if opts.Steps != "" {
		w.scheduleStarts()
	}
	if err := w.autostart(opts.Process, vars, steps); err != nil {
		return w.refuse(0, err)
	}
	if opts.Steps == "" {
		return w.runByItself()
	}
	for _, s := range steps {
		held, err := w.apply(s)
		if err != nil {
			return w.refuse(s.n, err)
		}
		if !held {
			return false
		}
		if w.overrun() {
			return w.refuse(s.n, fmt.Errorf("more than %d events", maxStepped))
		}
	}
	return true
}

// deploy makes the processes of a file startable and callable. One that only describes and cannot be run is
// left out where there are others.
func (w *world) deploy(f *file) error {
	var left error
	before := len(w.processes)
	for _, p := range f.defs.Processes {
		def, err := engine.Compile(f.defs, p.ID)
		if err != nil && !p.Executable {
			left = err
			continue
		}
		if err != nil {
			return err
		}
		proc := &process{def: def, id: p.ID, executable: p.Executable, global: p.Global}
		w.processes = append(w.processes, proc)
	}
	if len(w.processes) == before {
		return left
	}
	return nil
}

func (w *world) deployStep(s step) error {
	if s.err != nil {
		return s.err
	}
	f, err := w.read(s.Deploy)
	if err != nil {
		return err
	}
	return w.deploy(f)
}

// read loads a file that a step names, relative to the steps.
func (w *world) read(name string) (*file, error) {
	path := name
	if !filepath.IsAbs(path) {
		path = filepath.Join(w.folder, path)
	}
	f := load(path)
	if f.refused() {
		for _, p := range f.problems {
			if p.Severity == bpmn.Error {
				return nil, fmt.Errorf("%s cannot be run: %s", name, p.Message)
			}
		}
	}
	return f, nil
}

// autostart starts a process before the first step, unless that is a start itself. A process that
// begins only with an event is left to a first step that brings one.
func (w *world) autostart(id string, vars feel.Vars, steps []step) error {
	if len(steps) > 0 && steps[0].verb == "start" {
		return nil
	}
	var first *process
	if id != "" {
		first = w.process(id)
	} else {
		first = w.firstExecutable()
	}
	if first == nil {
		return fmt.Errorf("there is no process %q", id)
	}
	if len(steps) > 0 && !first.def.StartsByItself() && w.brings(steps, first) {
		return nil
	}
	return w.start(first, engine.Start{Vars: vars}, nil)
}

func (w *world) firstExecutable() *process {
	for _, p := range w.processes {
		if p.executable && !p.global {
			return p
		}
	}
	if len(w.processes) > 0 {
		return w.processes[0]
	}
	return nil
}

// brings reports whether the first step that moves anything is an event that starts the process.
func (w *world) brings(steps []step, p *process) bool {
	for _, s := range steps {
		kind := map[string]bpmn.EventKind{"message": bpmn.MessageEvent, "signal": bpmn.SignalEvent,
			"advance": bpmn.TimerEvent, "fire": bpmn.TimerEvent, "set": bpmn.ConditionalEvent}[s.verb]
		if s.verb == "expect" {
			continue
		}
		for _, t := range p.def.Triggers() {
			if t.Kind == kind && kind != 0 {
				return true
			}
		}
		return false
	}
	return false
}

// runByItself completes whatever waits, the oldest first, and moves the clock when nothing else can
// happen.
func (w *world) runByItself() bool {
	for !w.overrun() {
		if !w.completeOldest() && !w.fireEarliest() {
			return true
		}
	}
	return w.refuse(0, fmt.Errorf("stopped after %d events", maxEvents))
}

func parseVars(src []byte) (feel.Vars, error) {
	if len(bytes.TrimSpace(src)) == 0 {
		return nil, nil
	}
	value, err := feel.FromJSON(src)
	if err != nil {
		return nil, fmt.Errorf("the variables are no JSON: %w", err)
	}
	c, ok := value.(*feel.Context)
	if !ok {
		return nil, fmt.Errorf("the variables are no JSON object")
	}
	vars := make(feel.Vars, c.Len())
	for i := range c.Len() {
		vars[c.At(i).Name] = c.At(i).Value
	}
	return vars, nil
}

// jsonVars are variables in a step.
type jsonVars feel.Vars

func (v *jsonVars) UnmarshalJSON(src []byte) error {
	if string(src) == "null" {
		return nil
	}
	vars, err := parseVars(src)
	*v = jsonVars(vars)
	return err
}
