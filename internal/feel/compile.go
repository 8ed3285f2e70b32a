package feel

import "slices"

// maxTree is the depth of the tree; long chains (a + b + c ...) are deep trees too.
const maxTree = 1000

// compiler turns the tree into closures. Names become places in an env where the tree
// shows where they come from; the others are looked up in the Scope.
type compiler struct {
	src       string
	scope     *names
	free      map[string]bool
	known     [][]string
	depth     int
	functions int  // definitions compiled: code without any can reuse its env
	cell      bool // whether unary tests are those of a decision table
}

// names is one scope of names. The scope of a filter has the item, whose entries,
// known only when the filter runs, come before the names outside.
type names struct {
	up   *names
	list []string
	item bool
	used bool // whether any name was found here
}

func (c *compiler) push(n *names) func() {
	n.up = c.scope
	c.scope = n
	return func() { c.scope = n.up }
}

func (c *compiler) whole(n node) (run code, err error) {
	// As in parse: the first error comes up by panic(*Error).
	defer func() {
		if r := recover(); r != nil {
			e, ok := r.(*Error)
			if !ok {
				panic(r)
			}
			err = e
		}
	}()
	if t, ok := n.(*testList); ok {
		c.free["?"], c.cell = true, true
		return c.tests(t, func(m *machine, _ *env) Value { return m.lookup("?") }), nil
	}
	return c.node(n), nil
}

func constant(v Value) code { return func(*machine, *env) Value { return v } }

func (c *compiler) node(n node) code {
	c.depth++
	defer func() { c.depth-- }()
	if c.depth > maxTree {
		panic(&Error{Message: "expression is a chain of more than 1000 parts: split it into several"})
	}
	switch n := n.(type) {
	case *literal:
		return constant(n.value)
	case anyTest:
		return constant(true)
	case *name:
		return c.name(n.text)
	case *path:
		return c.path(n)
	case *filter:
		return c.filter(n)
	case *call:
		return c.call(n)
	case *negation:
		return unaryCode(c.node(n.of), negative)
	case *binary:
		return c.binary(n)
	case *between:
		return c.between(n)
	case *membership:
		return c.membership(n)
	case *instance:
		of, typ := c.node(n.of), n.typ
		return func(m *machine, e *env) Value { return typ.has(of(m, e)) }
	case *conditional:
		return c.conditional(n)
	case *loop:
		return c.loop(n)
	case *quantified:
		return c.quantified(n)
	case *function:
		return c.function(n)
	case *list:
		return c.list(n)
	case *context:
		return c.context(n)
	case *interval:
		return c.interval(n)
	case *halfRange:
		return c.halfRange(n)
	case *testList:
		return c.tests(n, c.name("?"))
	}
	panic(&Error{Message: "unexpected part of an expression"})
}

func unaryCode(of code, op func(Value) Value) code {
	return func(m *machine, e *env) Value { return op(of(m, e)) }
}

// name finds where a name comes from: filter items on the way out, then the scope that
// declares it, then the Scope and the built-in functions.
func (c *compiler) name(text string) code {
	var items []int
	depth := 0
	for s := c.scope; s != nil; s = s.up {
		if s.item {
			items = append(items, depth)
			if text == "item" {
				return withItems(items, text, place(depth, 0))
			}
		} else if i := lastIndex(s.list, text); i >= 0 {
			s.used = true
			return withItems(items, text, place(depth, i))
		}
		depth++
	}
	if b := builtins[text]; b != nil {
		return withItems(items, text, orFunction(b))
	}
	c.free[text] = true
	return withItems(items, text, func(m *machine, _ *env) Value { return m.lookup(text) })
}

func lastIndex(list []string, s string) int {
	for i := len(list) - 1; i >= 0; i-- {
		if list[i] == s {
			return i
		}
	}
	return -1
}

// orFunction is a variable that may hide the built-in function of its name.
func orFunction(b *builtin) code {
	f := &Function{native: b, params: b.forms[0].params}
	return func(m *machine, _ *env) Value {
		if v := m.lookup(b.name); v != nil {
			return v
		}
		return f
	}
}

func place(depth, i int) code {
	switch depth {
	case 0:
		return func(_ *machine, e *env) Value { return e.vals[i] }
	case 1:
		return func(_ *machine, e *env) Value { return e.up.vals[i] }
	}
	return func(_ *machine, e *env) Value { return e.at(depth).vals[i] }
}

func (e *env) at(depth int) *env {
	for range depth {
		e = e.up
	}
	return e
}

// withItems asks the filter items, innermost first, before the name's static place.
func withItems(items []int, text string, otherwise code) code {
	if len(items) == 0 {
		return otherwise
	}
	return func(m *machine, e *env) Value {
		for _, depth := range items {
			if c, ok := e.at(depth).vals[0].(*Context); ok {
				if v, ok := c.Get(text); ok {
					return v
				}
			}
		}
		return otherwise(m, e)
	}
}

// local reports whether a scope of the text declares the name.
func (c *compiler) local(text string) bool {
	for s := c.scope; s != nil; s = s.up {
		if slices.Contains(s.list, text) {
			return true
		}
	}
	return false
}

func (c *compiler) path(n *path) code {
	of, name := c.node(n.of), n.name
	if n.deep {
		return func(m *machine, e *env) Value { return m.descendants(List{}, of(m, e), name, 0) }
	}
	return func(m *machine, e *env) Value { return m.property(of(m, e), name) }
}

func (c *compiler) conditional(n *conditional) code {
	when, then, otherwise := c.node(n.when), c.node(n.then), c.node(n.otherwise)
	return func(m *machine, e *env) Value {
		if Truth(when(m, e)) {
			return then(m, e)
		}
		return otherwise(m, e)
	}
}

func (c *compiler) list(n *list) code {
	items := make([]code, len(n.items))
	fixed := true
	for i, item := range n.items {
		items[i] = c.node(item)
		_, isLiteral := item.(*literal)
		fixed = fixed && isLiteral
	}
	run := func(m *machine, e *env) Value {
		m.items(len(items))
		l := make(List, len(items))
		for i, item := range items {
			l[i] = item(m, e)
		}
		return l
	}
	if fixed {
		return constant(run(newMachine(nil), nil))
	}
	return run
}

// context evaluates entries in order, each seeing those before it. A key that is there
// twice makes the whole null.
func (c *compiler) context(n *context) code {
	scope := &names{}
	defer c.push(scope)()
	keys := make([]string, len(n.entries))
	values := make([]code, len(n.entries))
	seen := make(map[string]bool, len(n.entries))
	for i, entry := range n.entries {
		if seen[entry.name] {
			return constant(nil)
		}
		seen[entry.name] = true
		values[i] = c.node(entry.value)
		keys[i] = entry.name
		scope.list = append(scope.list, entry.name)
	}
	return func(m *machine, up *env) Value {
		m.items(2 * len(keys))
		e := &env{up, make([]Value, len(keys))}
		entries := make([]Entry, len(keys))
		for i, value := range values {
			e.vals[i] = value(m, e)
			entries[i] = Entry{keys[i], e.vals[i]}
		}
		return distinctContext(entries)
	}
}

func (c *compiler) function(n *function) code {
	c.functions++
	if n.external {
		f := &Function{params: n.params}
		return constant(f)
	}
	scope := &names{}
	for _, p := range n.params {
		scope.list = append(scope.list, p.name)
	}
	defer c.push(scope)()
	body := c.node(n.body)
	return func(m *machine, e *env) Value {
		m.bytes(itemBytes)
		return &Function{params: n.params, body: body, env: e}
	}
}

func (c *compiler) interval(n *interval) code {
	low, high := c.node(n.low), c.node(n.high)
	return func(m *machine, e *env) Value {
		return newRange(low(m, e), high(m, e), n.lowClosed, n.highClosed)
	}
}

func (c *compiler) halfRange(n *halfRange) code {
	of, op := c.node(n.of), n.op
	return func(m *machine, e *env) Value { return rangeOf(op, of(m, e)) }
}
