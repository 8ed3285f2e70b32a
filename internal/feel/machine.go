package feel

import "fmt"

// Bounds of one evaluation. They are far above what a decision or a condition needs
// and low enough that no text can hold a server up.
const (
	maxSteps  = 4_000_000 // items iterated over, calls, comparisons of parts
	maxMemory = 64 << 20  // bytes of lists, contexts and strings made
	maxCalls  = 400       // functions calling each other
	maxDepth  = 1000      // lists and contexts inside each other

	itemBytes    = 64  // what an item of a list is counted as
	bytesPerStep = 256 // of strings that are read through
)

// machine is the state of one evaluation.
type machine struct {
	scope  Scope
	steps  int
	memory int
	calls  int
	regexp regexpMemo

	// rangeLiteral is readRange; as a field, for the table of functions cannot refer to the parser that refers to it.
	rangeLiteral func(text string) *Range
}

// env holds the values of one scope of names; up is the scope around it.
type env struct {
	up   *env
	vals []Value
}

// code is a compiled node.
type code func(*machine, *env) Value

func newMachine(s Scope) *machine {
	return &machine{scope: s, steps: maxSteps, memory: maxMemory, rangeLiteral: readRange}
}

// exceeded carries a reached bound from the depth of an evaluation up to Eval.
type exceeded struct{ err *Error }

func (m *machine) exceed(format string, args ...any) {
	panic(exceeded{&Error{Message: fmt.Sprintf(format, args...)}})
}

// recover turns a reached bound into Eval's error.
func (m *machine) recover(v *Value, err *error) {
	r := recover()
	if r == nil {
		return
	}
	e, ok := r.(exceeded)
	if !ok {
		panic(r)
	}
	*v, *err = nil, e.err
}

// bounded runs f on a machine of its own and reports whether it stayed within the bounds.
func bounded(f func(*machine)) bool {
	var err error
	func() {
		m := newMachine(nil)
		defer m.recover(new(Value), &err)
		f(m)
	}()
	return err == nil
}

// spend counts work.
func (m *machine) spend(n int) {
	if n > m.steps {
		m.exceed("evaluation takes more than %d steps: iterate over less", maxSteps)
	}
	m.steps -= n
}

// items counts n list items about to be made, and the work of making them.
func (m *machine) items(n int) {
	m.spend(n)
	m.bytes(n * itemBytes)
}

// bytes counts memory about to be taken.
func (m *machine) bytes(n int) {
	if n < 0 || n > m.memory {
		m.exceed("evaluation needs more than %d MiB: build smaller lists and strings", maxMemory>>20)
	}
	m.memory -= n
}

// text counts a string that was made.
func (m *machine) text(s string) Value {
	m.bytes(len(s))
	return s
}

// measure walks a value as a tree: what leaves an evaluation is safe to walk for whoever gets it.
func (m *machine) measure(v Value, depth int) {
	m.deep(depth)
	switch v := v.(type) {
	case List:
		m.spend(len(v))
		for _, x := range v {
			m.measure(x, depth+1)
		}
	case *Context:
		m.spend(len(v.entries))
		for i := range v.entries {
			m.measure(v.entries[i].Value, depth+1)
		}
	case *Range:
		m.spend(2)
		m.measure(v.Low, depth+1)
		m.measure(v.High, depth+1)
	}
}

func (m *machine) deep(depth int) {
	if depth > maxDepth {
		m.exceed("value is nested more than %d deep", maxDepth)
	}
}

// lookup is the value of a free name: a variable, or a built-in function.
func (m *machine) lookup(name string) Value {
	if m.scope != nil {
		if v, ok := m.scope.Lookup(name); ok {
			return known(v)
		}
	}
	return nil
}

// known lets through FEEL values and converts Go's own.
func known(v Value) Value {
	if v == nil || kindOf(v) != kNull {
		return v
	}
	return From(v)
}

// call calls a function value with positional arguments.
func (m *machine) call(f *Function, args []Value) Value {
	if f.native != nil {
		return m.native(f.native.fitting(len(args), nil), args)
	}
	if f.body == nil || len(args) != len(f.params) {
		return nil
	}
	vals := make([]Value, len(args))
	for i, p := range f.params {
		v, ok := convert(args[i], p.typ)
		if !ok {
			return nil
		}
		vals[i] = v
	}
	m.enter()
	v := f.body(m, &env{f.env, vals})
	m.calls--
	return v
}

func (m *machine) enter() {
	m.spend(1)
	if m.calls++; m.calls > maxCalls {
		m.exceed("functions call each other more than %d deep", maxCalls)
	}
}

// convert is the implicit conversion of DMN 1.5 section 10.3.2.9.4: an item for a list of
// one, a list of one for an item, a date for its first moment in UTC.
func convert(v Value, t *Type) (Value, bool) {
	if v == nil || t.has(v) {
		return v, true
	}
	if l, ok := v.(List); ok && len(l) == 1 && t.has(l[0]) {
		return l[0], true
	}
	if d, ok := v.(Date); ok && t.kind == kDateTime {
		return DateTime{d, Time{Zone: UTC()}}, true
	}
	if one := (List{v}); t.kind == kList && t.has(one) {
		return one, true
	}
	return nil, false
}
