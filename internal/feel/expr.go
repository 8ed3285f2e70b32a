package feel

import (
	"maps"
	"slices"
)

// Expr is compiled text.
type Expr struct {
	src  string
	run  code
	free []string
}

// Option tells Compile about the surroundings of an expression.
type Option func(*options)

type options struct {
	names   [][]string
	global  []nameIndex // of the names
	entries []nameIndex // of contexts
}

// WithNames tells which variables there will be. A name needs it only when it contains an operator
// or a reserved word (first-name, time in stock), or when the variable holds a function that the
// expression calls. An Option is made once for many expressions.
func WithNames(names ...string) Option {
	index := newNameIndex(names)
	return func(o *options) {
		o.names = append(o.names, names)
		o.global = append(o.global, index)
	}
}

// WithEntries tells names of entries of contexts, which follow a dot or stand in a filter. As
// with WithNames, only those with an operator or a reserved word matter.
func WithEntries(names ...string) Option {
	index := newNameIndex(names)
	return func(o *options) { o.entries = append(o.entries, index) }
}

// Compile parses and compiles one expression. Its errors are *Error with a position.
func Compile(src string, opts ...Option) (*Expr, error) { return compile(src, false, opts) }

// CompileTests parses and compiles unary tests (DMN 1.5 table 53), as decision tables use them.
// The value under test is the variable "?". The result is true, false or null.
func CompileTests(src string, opts ...Option) (*Expr, error) { return compile(src, true, opts) }

func compile(src string, tests bool, opts []Option) (*Expr, error) {
	var o options
	for _, opt := range opts {
		opt(&o)
	}
	tree, err := parse(src, tests, o)
	if err != nil {
		return nil, err
	}
	c := &compiler{src: src, free: map[string]bool{}, known: o.names}
	run, err := c.whole(tree)
	if err != nil {
		return nil, err
	}
	return &Expr{src: src, run: run, free: slices.Sorted(maps.Keys(c.free))}, nil
}

// Source is the text the expression was compiled from.
func (x *Expr) Source() string { return x.src }

// Names are the free variables in order: the names the expression may ask the Scope for.
// A name inside a filter counts although it may turn out to be an entry of the item.
func (x *Expr) Names() []string { return slices.Clone(x.free) }

// Eval evaluates the expression. The only errors are bounds that were reached, as *Error.
func (x *Expr) Eval(s Scope) (v Value, err error) {
	m := newMachine(s)
	defer m.recover(&v, &err)
	v = x.run(m, nil)
	m.measure(v, 0)
	return v, nil
}
