package feel

import "slices"

// call compiles an invocation: of a built-in function, whose forms are matched here, or
// of a function value.
func (c *compiler) call(n *call) code {
	args := make([]code, len(n.args))
	for i, a := range n.args {
		args[i] = c.node(a)
	}
	if fn, ok := n.fn.(*name); ok && !c.local(fn.text) {
		if b := builtins[fn.text]; b != nil {
			return nativeCall(b, n.names, args)
		}
		if !slices.ContainsFunc(c.known, func(names []string) bool { return slices.Contains(names, fn.text) }) {
			panic(errorAt(c.src, fn.pos, unknownFunction(fn.text)))
		}
	}
	of, names := c.node(n.fn), n.names
	return func(m *machine, e *env) Value {
		f, ok := of(m, e).(*Function)
		if !ok {
			return nil
		}
		vals := evaluate(args, m, e)
		if names == nil {
			return m.call(f, vals)
		}
		return m.callNamed(f, names, vals)
	}
}

func unknownFunction(name string) string { return `there is no function "` + name + `"` }

func evaluate(args []code, m *machine, e *env) []Value {
	vals := make([]Value, len(args))
	for i, a := range args {
		vals[i] = a(m, e)
	}
	return vals
}

// nativeCall keeps the forms that can fit; with none the call is null, as for any wrong argument.
func nativeCall(b *builtin, names []string, args []code) code {
	forms := b.fitting(len(args), names)
	if len(forms) == 0 {
		return constant(nil)
	}
	return func(m *machine, e *env) Value { return m.native(forms, evaluate(args, m, e)) }
}

// callNamed puts named arguments in the order of the parameters; a parameter without one is null.
func (m *machine) callNamed(f *Function, names []string, vals []Value) Value {
	if f.native != nil {
		return m.native(f.native.fitting(len(vals), names), vals)
	}
	ordered := make([]Value, len(f.params))
	used := 0
	for i, p := range f.params {
		if at := slices.Index(names, p.name); at >= 0 {
			ordered[i] = vals[at]
			used++
		}
	}
	if used != len(names) {
		return nil
	}
	return m.call(f, ordered)
}
