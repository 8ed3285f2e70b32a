// Package feel evaluates FEEL, the expression language of DMN 1.5 (chapter 10).
//
// Text is parsed once into a tree (lexer, parser), the tree is compiled to closures
// (compile), and an Expr is then evaluated any number of times, from any goroutine.
// Nothing here reads a clock or does I/O: now() and today() take their instant from the
// Scope. docs/feel.md says what is covered, and how what the standard leaves open is done.
//
// Two kinds of failure are kept apart. Text that does not parse, or calls a function
// that does not exist, is an *Error with a position, from Compile. What the standard
// answers with null (a missing name, an operand of the wrong type) is null. Eval fails
// only when a bound is reached: steps, depth or memory.
package feel

import "time"

// Value is one of: nil (null), bool, string, Number, Date, Time, DateTime,
// MonthDuration, Duration, List, *Context, *Range, *Function.
// Values are immutable once made.
type Value = any

// List is a FEEL list. Positions in FEEL count from 1.
type List = []Value

// Scope is where an expression's free names come from.
type Scope interface {
	Lookup(name string) (Value, bool)
}

// Clock is implemented by a Scope that knows what time it is, for now() and today().
// Without it both are null.
type Clock interface {
	Now() time.Time
}

// Vars is the plain Scope: a map of names.
type Vars map[string]Value

// Lookup finds a variable.
func (v Vars) Lookup(name string) (Value, bool) {
	x, ok := v[name]
	return x, ok
}
