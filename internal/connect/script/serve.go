package script

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"

	"github.com/dop251/goja"
)

// The exit codes of a process that a script has ended.
const (
	exitCrash  = 2 // Go's own: the stack is too deep
	exitTime   = 3
	exitMemory = 4
)

// Depth of calls, in JavaScript and in Go below it.
const (
	callMost  = 2000
	stackMost = 64 << 20
)

// Serve is the whole life of a process: it reads a task, runs it and writes the Result. It exits the
// process when the task takes too long or too much.
func Serve(in io.Reader, out io.Writer) error {
	var t task
	if err := json.NewDecoder(io.LimitReader(in, inMost+1)).Decode(&t); err != nil {
		return fmt.Errorf("no task: %w", err)
	}
	debug.SetMaxStack(stackMost)
	go watch(t.Timeout, uint64(t.Memory)<<20)
	res, err := run(t)
	if err != nil {
		res = Result{Failure: failureOf(err)}
	}
	text, err := json.Marshal(res)
	if err == nil && len(text) > outMost {
		text, err = json.Marshal(Result{Failure: &Failure{Message: fmt.Sprintf("what the script brings back is larger than %d KB", outMost>>10)}})
	}
	if err != nil {
		return err
	}
	_, err = out.Write(text)
	return err
}

// watch ends the process from outside of the interpreter: what is called in Go, such as
// the search for a pattern, cannot be interrupted.
func watch(timeout time.Duration, memory uint64) {
	heap := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	end := time.After(timeout)
	for tick := time.NewTicker(2 * time.Millisecond); ; {
		select {
		case <-end:
			os.Exit(exitTime)
		case <-tick.C:
			if metrics.Read(heap); heap[0].Value.Uint64() > memory {
				os.Exit(exitMemory)
			}
		}
	}
}

// prelude is what a script finds beside the language.
const prelude = `class BpmnError extends Error {
	constructor(code, message) { super(message || code); this.name = "BpmnError"; this.code = String(code); }
}`

// machine is one interpreter with its variables.
type machine struct {
	vm        *goja.Runtime
	parse     goja.Callable // JSON.parse and JSON.stringify, as they were before the script
	stringify goja.Callable
	vars      *goja.Object
	known     map[string]bool // names of vars
	set       map[string]json.RawMessage
}

func run(t task) (res Result, err error) {
	m, err := newMachine(t.Vars)
	if err != nil {
		return res, err
	}
	program, returns, err := compile(t.Source)
	if err != nil {
		return res, err
	}
	value, err := m.vm.RunProgram(program)
	if err != nil {
		return res, err
	}
	res = Result{Returned: returns, Set: m.set}
	res.Value, err = m.encode(value)
	return res, err
}

// compile takes a script as it stands, or as the body of a function where it has a return.
func compile(source string) (p *goja.Program, returns bool, err error) {
	if p, err = goja.Compile("script", source, false); err == nil {
		return p, false, nil
	}
	if p, wrapped := goja.Compile("script", "(function(){"+source+"\n})()", false); wrapped == nil {
		return p, true, nil
	}
	return nil, false, err
}

func newMachine(vars json.RawMessage) (*machine, error) {
	m := &machine{vm: goja.New(), known: map[string]bool{}, set: map[string]json.RawMessage{}}
	m.vm.SetMaxCallStackSize(callMost)
	text := m.vm.Get("JSON").ToObject(m.vm)
	m.parse, _ = goja.AssertFunction(text.Get("parse"))
	m.stringify, _ = goja.AssertFunction(text.Get("stringify"))
	value, err := m.parse(goja.Undefined(), m.vm.ToValue(string(vars)))
	if err != nil {
		return nil, err
	}
	m.vars = value.ToObject(m.vm)
	for _, name := range m.vars.Keys() {
		m.known[name] = true
		if err := m.vm.Set(name, m.vars.Get(name)); err != nil {
			return nil, err
		}
	}
	if _, err := m.vm.RunScript("prelude", prelude); err != nil {
		return nil, err
	}
	return m, m.vm.Set("execution", m.execution())
}

// execution is the object by which scripts of other engines reach their variables.
func (m *machine) execution() map[string]any {
	return map[string]any{
		"hasVariable": func(name string) bool { return m.known[name] },
		"getVariable": func(name string) goja.Value {
			if !m.known[name] {
				return goja.Null()
			}
			return m.vars.Get(name)
		},
		"getVariables": func() goja.Value { return m.vars },
		"setVariable": func(name string, value goja.Value) error {
			text, err := m.encode(value)
			if err != nil {
				return err
			}
			if text == nil {
				text = json.RawMessage("null")
			}
			m.known[name], m.set[name] = true, text
			return m.vars.Set(name, value)
		},
	}
}

// encode makes JSON of a value; nil for undefined.
func (m *machine) encode(v goja.Value) (json.RawMessage, error) {
	if v == nil || goja.IsUndefined(v) {
		return nil, nil
	}
	text, err := m.stringify(goja.Undefined(), v)
	if err != nil || goja.IsUndefined(text) {
		return nil, err
	}
	return json.RawMessage(text.String()), nil
}

func failureOf(err error) *Failure {
	var thrown *goja.Exception
	if !errors.As(err, &thrown) {
		return &Failure{Message: err.Error()}
	}
	f := &Failure{Message: thrown.Error()}
	if o, ok := thrown.Value().(*goja.Object); ok {
		if name := o.Get("name"); name != nil && name.String() == "BpmnError" {
			f.Code, f.Message = o.Get("code").String(), o.Get("message").String()
		}
	}
	return f
}
