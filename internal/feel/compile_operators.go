package feel

// binary compiles an operator of two operands.
func (c *compiler) binary(n *binary) code {
	left, right := c.node(n.left), c.node(n.right)
	switch n.op {
	case "and":
		return and(left, right)
	case "or":
		return or(left, right)
	case "=":
		return func(m *machine, e *env) Value { return m.equals(left(m, e), right(m, e)) }
	case "!=":
		return func(m *machine, e *env) Value { return not(m.equals(left(m, e), right(m, e))) }
	case "<", "<=", ">", ">=":
		if l, ok := n.right.(*literal); ok {
			if limit, ok := l.value.(Number); ok {
				return compareWith(left, limit, n.op)
			}
		}
		op := n.op
		return func(m *machine, e *env) Value { return m.compare(op, left(m, e), right(m, e)) }
	}
	op := arithmetic[n.op]
	return func(m *machine, e *env) Value { return op(m, left(m, e), right(m, e)) }
}

var arithmetic = map[string]func(m *machine, a, b Value) Value{
	"+":  (*machine).add,
	"-":  func(_ *machine, a, b Value) Value { return subtract(a, b) },
	"*":  func(_ *machine, a, b Value) Value { return multiply(a, b) },
	"/":  func(_ *machine, a, b Value) Value { return quotient(a, b) },
	"**": exponent,
}

// compareWith is the most frequent comparison: something with a literal number.
func compareWith(left code, limit Number, op string) code {
	accepts := accepting(op)
	return func(m *machine, e *env) Value {
		if n, ok := left(m, e).(Number); ok {
			return accepts(n.Cmp(limit))
		}
		return nil
	}
}

// accepting turns an operator into a predicate on -1, 0 and 1.
func accepting(op string) func(int) bool {
	switch op {
	case "<":
		return func(c int) bool { return c < 0 }
	case "<=":
		return func(c int) bool { return c <= 0 }
	case ">":
		return func(c int) bool { return c > 0 }
	}
	return func(c int) bool { return c >= 0 }
}

// and is three-valued: false with anything is false, else null with anything is null.
func and(left, right code) code {
	return func(m *machine, e *env) Value {
		l, lok := left(m, e).(bool)
		if lok && !l {
			return false
		}
		r, rok := right(m, e).(bool)
		switch {
		case rok && !r:
			return false
		case lok && rok:
			return true
		}
		return nil
	}
}

func or(left, right code) code {
	return func(m *machine, e *env) Value {
		l, lok := left(m, e).(bool)
		if lok && l {
			return true
		}
		r, rok := right(m, e).(bool)
		switch {
		case rok && r:
			return true
		case lok && rok:
			return false
		}
		return nil
	}
}

// not is null for everything but booleans.
func not(v Value) Value {
	b, ok := v.(bool)
	if !ok {
		return nil
	}
	return !b
}

func (c *compiler) between(n *between) code {
	of, low, high := c.node(n.of), c.node(n.low), c.node(n.high)
	return func(m *machine, e *env) Value {
		v := of(m, e)
		return both(m.compare(">=", v, low(m, e)), m.compare("<=", v, high(m, e)))
	}
}

func both(a, b Value) Value {
	x, xok := a.(bool)
	y, yok := b.(bool)
	switch {
	case xok && !x, yok && !y:
		return false
	case xok && yok:
		return true
	}
	return nil
}

// membership is "x in tests".
func (c *compiler) membership(n *membership) code {
	defer func(cell bool) { c.cell = cell }(c.cell)
	c.cell = false
	return c.tests(&testList{tests: n.tests}, c.node(n.of))
}

// tester decides one unary test for a value.
type tester func(m *machine, e *env, v Value) Value

// tests is true when one test is, null when none is and one is null.
func (c *compiler) tests(n *testList, of code) code {
	testers := make([]tester, len(n.tests))
	for i, t := range n.tests {
		testers[i] = c.test(t)
	}
	run := func(m *machine, e *env) Value {
		v := of(m, e)
		var result Value = false
		for _, t := range testers {
			switch t(m, e, v) {
			case true:
				return true
			case nil:
				result = nil
			}
		}
		return result
	}
	if n.negated {
		return func(m *machine, e *env) Value { return not(run(m, e)) }
	}
	return run
}

func (c *compiler) test(t *unaryTest) tester {
	switch n := t.of.(type) {
	case *halfRange:
		of, op := c.node(n.of), n.op
		return func(m *machine, e *env, v Value) Value { return m.compareAny(op, v, of(m, e)) }
	case *testList:
		// not(...) inside "in" is about the same value.
		return c.inputTest(n, true)
	}
	if t.input {
		return c.inputTest(t.of, false)
	}
	of := c.node(t.of)
	_, interval := t.of.(*interval)
	cell := c.cell
	return func(m *machine, e *env, v Value) Value {
		r := of(m, e)
		switch {
		case interval && !hasEnds(r):
			return nil // nothing can be compared with an end that is null
		case r == true && cell && v != nil && kindOf(v) != kBool:
			return true // a condition that does not need the input
		}
		return m.in(v, r)
	}
}

func hasEnds(v Value) bool {
	r, ok := v.(*Range)
	return ok && r.Low != nil && r.High != nil
}

// inputTest compiles a test that names the value as "?": a boolean is its answer, other
// values are what the input is compared with.
func (c *compiler) inputTest(n node, answer bool) tester {
	defer c.push(&names{list: []string{"?"}})()
	of := c.node(n)
	return func(m *machine, up *env, v Value) Value {
		r := of(m, &env{up, []Value{v}})
		if _, ok := r.(bool); ok || answer || r == nil {
			return r
		}
		return m.in(v, r)
	}
}

// in is the meaning of a unary test that is an expression with the value t. What cannot be compared
// with an item is not equal to it; what cannot be compared with the ends of a range gives null.
func (m *machine) in(v, t Value) Value {
	switch t := t.(type) {
	case *Range:
		return m.contains(t, v)
	case List:
		m.spend(len(t))
		for _, x := range t {
			if r, ok := x.(*Range); ok && Truth(m.contains(r, v)) || Truth(m.equals(v, x)) {
				return true
			}
		}
		if _, ok := v.(List); ok {
			return m.equals(v, t)
		}
		return false
	}
	return m.equals(v, t) == true
}

// contains is null when the value cannot be compared with the ends.
func (m *machine) contains(r *Range, v Value) Value {
	if x, ok := v.(*Range); ok {
		return m.equals(r, x)
	}
	if r.Op == "!=" {
		return not(m.equals(v, r.Low))
	}
	var above, below Value = true, true
	if r.Low != nil {
		op := ">"
		if r.LowClosed {
			op = ">="
		}
		above = m.compare(op, v, r.Low)
	}
	if r.High != nil {
		op := "<"
		if r.HighClosed {
			op = "<="
		}
		below = m.compare(op, v, r.High)
	}
	return both(above, below)
}

func (m *machine) compareAny(op string, a, b Value) Value {
	switch op {
	case "=":
		return m.equals(a, b)
	case "!=":
		return not(m.equals(a, b))
	}
	return m.compare(op, a, b)
}

// compare is null for values of different or unordered kinds.
func (m *machine) compare(op string, a, b Value) Value {
	c, ok := m.order(a, b)
	if !ok {
		return nil
	}
	switch op {
	case "<":
		return c < 0
	case "<=":
		return c <= 0
	case ">":
		return c > 0
	}
	return c >= 0
}

func negative(v Value) Value {
	switch v := v.(type) {
	case Number:
		return negate(v)
	case MonthDuration:
		return -v
	case Duration:
		return v.neg()
	}
	return nil
}

func exponent(m *machine, a, b Value) Value {
	x, ok1 := a.(Number)
	y, ok2 := b.(Number)
	if !ok1 || !ok2 {
		return nil
	}
	return power(m, x, y)
}

// numbers applies op when both are numbers.
func numbers(op func(a, b Number) Value, a, b Value) (Value, bool) {
	x, ok1 := a.(Number)
	y, ok2 := b.(Number)
	if !ok1 || !ok2 {
		return nil, false
	}
	return op(x, y), true
}

func minus(a, b Number) Value { return plus(a, negate(b)) }
