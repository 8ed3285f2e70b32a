package feel

import (
	"slices"
	"strings"
)

// builtin is a built-in function with its forms (DMN 1.5 section 10.3.4).
type builtin struct {
	name  string
	forms []form
}

// form is one way to call a built-in function. Its run gets arguments of the declared
// kinds, nil only for an optional one left out or one of kind any.
type form struct {
	params   []param
	variadic bool // run gets all arguments as one List
	run      func(m *machine, a []Value) Value
}

// fit is a form with the places of a call's arguments.
type fit struct {
	*form
	order []int // order[i]: the argument for parameter i, -1 for none; nil: as they come
}

// paramKinds are the words for kinds in a signature.
var paramKinds = map[string]kind{
	"any": kAny, "boolean": kBool, "string": kString, "number": kNumber, "list": kList, "context": kContext,
	"date": kDate, "time": kTime, "moment": kDateTime, "months": kMonths, "duration": kDuration,
	"range": kRange, "point": kPoint, "function": kFunction,
}

// sig makes a form from a signature: "name: kind, ...", a ? after the kind of an optional
// parameter, ... after a variadic one.
func sig(signature string, run func(m *machine, a []Value) Value) form {
	f := form{run: run}
	for _, p := range strings.Split(signature, ", ") {
		if p == "" {
			continue
		}
		name, kind, _ := strings.Cut(p, ": ")
		kind, optional := strings.CutSuffix(kind, "?")
		kind, f.variadic = strings.CutSuffix(kind, "...")
		f.params = append(f.params, param{name: name, kind: paramKinds[kind], optional: optional})
	}
	return f
}

// builtins are all functions by name, builtinNames those of several words by first word.
var (
	builtins     = index(conversionFunctions, booleanFunctions, stringFunctions, listFunctions, numberFunctions, temporalFunctions, rangeFunctions, contextFunctions)
	builtinNames = longNames(builtins)
)

func index(families ...map[string][]form) map[string]*builtin {
	all := map[string]*builtin{}
	for _, family := range families {
		for name, forms := range family {
			all[name] = &builtin{name, forms}
		}
	}
	return all
}

func longNames(all map[string]*builtin) nameIndex {
	names := nameIndex{}
	for name := range all {
		names.put(name)
	}
	return names
}

// fitting are the forms that take so many arguments, or arguments with these names.
func (b *builtin) fitting(n int, names []string) []fit {
	var fits []fit
	for i := range b.forms {
		f := &b.forms[i]
		if names != nil {
			if order, ok := f.order(names); ok {
				fits = append(fits, fit{f, order})
			}
		} else if f.takes(n) {
			fits = append(fits, fit{f, nil})
		}
	}
	return fits
}

func (f *form) takes(n int) bool {
	if f.variadic {
		return n > 0
	}
	least := 0
	for _, p := range f.params {
		if !p.optional {
			least++
		}
	}
	return n >= least && n <= len(f.params)
}

// order finds the arguments by name; only optional parameters may be without one.
func (f *form) order(names []string) ([]int, bool) {
	order := make([]int, len(f.params))
	used := 0
	for i, p := range f.params {
		order[i] = slices.Index(names, p.name)
		switch {
		case order[i] >= 0:
			used++
		case !p.optional:
			return nil, false
		}
	}
	return order, used == len(names)
}

// native calls the first form whose parameters take the arguments; null when none does.
func (m *machine) native(fits []fit, args []Value) Value {
	m.spend(1)
	for _, a := range args {
		if s, ok := a.(string); ok {
			m.spend(len(s) / bytesPerStep)
		}
	}
	for _, f := range fits {
		if f.variadic {
			return f.run(m, []Value{List(args)})
		}
		if vals, ok := f.bind(args); ok {
			return f.run(m, vals)
		}
	}
	return nil
}

// bind puts the arguments in order and converts them to the parameters' kinds.
func (f *fit) bind(args []Value) ([]Value, bool) {
	vals := args
	if f.order != nil || len(args) < len(f.params) {
		vals = make([]Value, len(f.params))
		for i := range vals {
			switch {
			case f.order == nil && i < len(args):
				vals[i] = args[i]
			case f.order != nil && f.order[i] >= 0:
				vals[i] = args[f.order[i]]
			}
		}
	}
	for i, p := range f.params {
		v, converted, ok := p.take(vals[i])
		if !ok {
			return nil, false
		}
		if converted {
			// args are still needed as they were, should this form not fit.
			vals = slices.Clone(vals)
			vals[i] = v
		}
	}
	return vals, true
}

// take converts an argument to a parameter's kind, as far as FEEL converts by itself.
func (p *param) take(v Value) (taken Value, converted, ok bool) {
	k := kindOf(v)
	switch {
	case p.kind == kAny || k == p.kind || p.kind == kPoint && k.ordered():
		return v, false, true
	case k == kNull:
		return nil, false, p.optional
	case p.kind == kList:
		return List{v}, true, true
	case k == kList:
		if l := v.(List); len(l) == 1 && kindOf(l[0]) == p.kind {
			return l[0], true, true
		}
	case k == kDate && p.kind == kDateTime:
		return DateTime{v.(Date), Time{Zone: UTC()}}, true, true
	}
	return nil, false, false
}
