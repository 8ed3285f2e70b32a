package feel

import "slices"

// listFunctions: DMN 1.5 section 10.3.4.4. The figures of lists are in builtin_statistics.go.
var listFunctions = map[string][]form{
	"list contains": {sig("list: list, element: any", func(m *machine, a []Value) Value {
		return m.find(a[0].(List), a[1]) >= 0
	})},
	"count":   {sig("list: list", func(_ *machine, a []Value) Value { return Int(int64(len(a[0].(List)))) }), sig("c: any...", countAll)},
	"min":     listOrItems("c", extreme(-1)),
	"max":     listOrItems("c", extreme(1)),
	"sum":     listOrItems("n", total),
	"mean":    listOrItems("n", mean),
	"product": listOrItems("n", productOf),
	"median":  listOrItems("n", median),
	"stddev":  listOrItems("n", deviation),
	"mode":    listOrItems("n", mode),
	"all":     listOrItems("b", every(false)),
	"any":     listOrItems("b", every(true)),
	"sublist": {sig("list: list, start position: number, length: number?", sublist)},
	"append": {
		sig("list: list, item: any", func(m *machine, a []Value) Value { return m.joined(a[0].(List), List{a[1]}) }),
		sig("list: any...", func(m *machine, a []Value) Value {
			all := a[0].(List)
			if all[0] == nil {
				return nil
			}
			return m.joined(asItems(all[0]), all[1:])
		}),
	},
	"concatenate":   {sig("list: any...", concatenate)},
	"union":         {sig("list: any...", union)},
	"insert before": {sig("list: list, position: number, newItem: any", insertBefore)},
	"remove":        {sig("list: list, position: number", remove)},
	"list replace": {
		sig("list: list, position: number, newItem: any", replaceAt),
		sig("list: list, match: function, newItem: any", replaceMatching),
	},
	"reverse": {sig("list: list", func(m *machine, a []Value) Value {
		l := m.joined(a[0].(List), nil)
		slices.Reverse(l)
		return l
	})},
	"index of":         {sig("list: list, match: any", indexOf)},
	"distinct values":  {sig("list: list", func(m *machine, a []Value) Value { return m.distinct(a[0].(List)) })},
	"duplicate values": {sig("list: list", duplicates)},
	"flatten":          {sig("list: list", func(m *machine, a []Value) Value { return m.flatten(List{}, a[0].(List), 0) })},
	"sort":             {sig("list: list, precedes: function", sorted), sig("list: list", sortedByValue)},
}

// listOrItems are the two forms of functions that take a list or its items as arguments.
func listOrItems(item string, f func(*machine, List) Value) []form {
	run := func(m *machine, a []Value) Value {
		l := a[0].(List)
		m.spend(len(l))
		return f(m, l)
	}
	return []form{sig("list: list", run), sig(item+": any...", run)}
}

// asItems is a list itself and anything else, null too, as a list of one.
func asItems(v Value) List {
	if l, ok := v.(List); ok {
		return l
	}
	return List{v}
}

func countAll(_ *machine, a []Value) Value {
	all := a[0].(List)
	if len(all) == 1 && all[0] == nil {
		return nil
	}
	return Int(int64(len(all)))
}

// joined is a new list of the items of both.
func (m *machine) joined(a, b List) List {
	m.items(len(a) + len(b))
	l := make(List, 0, len(a)+len(b))
	return append(append(l, a...), b...)
}

// find is the index of the first item equal to v, -1 for none.
func (m *machine) find(l List, v Value) int {
	for i, x := range l {
		m.spend(1)
		if m.equals(x, v) == true {
			return i
		}
	}
	return -1
}

// every is all (until false) and any (until true), three-valued; what is neither boolean nor null makes it null.
func every(decisive bool) func(*machine, List) Value {
	return func(_ *machine, l List) Value {
		var result Value = !decisive
		for _, v := range l {
			switch b, ok := v.(bool); {
			case ok && b == decisive:
				result = b
			case v == nil && result != decisive:
				result = nil
			case v != nil && !ok:
				return nil
			}
		}
		return result
	}
}

func sublist(m *machine, a []Value) Value {
	l := a[0].(List)
	start, ok := position(a[1].(Number), len(l))
	if !ok {
		return nil
	}
	end := len(l)
	if length, given := a[2].(Number); given {
		n, ok := length.truncated()
		if !ok || n < 1 || n > int64(len(l)-start) {
			return nil
		}
		end = start + int(n)
	}
	return m.joined(l[start:end], nil)
}

func concatenate(m *machine, a []Value) Value {
	all := List{}
	for _, v := range a[0].(List) {
		if v == nil {
			return nil
		}
		m.items(len(asItems(v)))
		all = append(all, asItems(v)...)
	}
	return all
}

func union(m *machine, a []Value) Value {
	all, ok := concatenate(m, a).(List)
	if !ok {
		return nil
	}
	return m.distinct(all)
}

func insertBefore(m *machine, a []Value) Value {
	l := a[0].(List)
	i, ok := position(a[1].(Number), len(l))
	if !ok {
		return nil
	}
	return slices.Insert(m.joined(l, nil), i, a[2])
}

func remove(m *machine, a []Value) Value {
	l := a[0].(List)
	i, ok := position(a[1].(Number), len(l))
	if !ok {
		return nil
	}
	return m.joined(l[:i], l[i+1:])
}

func replaceAt(m *machine, a []Value) Value {
	l := a[0].(List)
	i, ok := position(a[1].(Number), len(l))
	if !ok {
		return nil
	}
	l = m.joined(l, nil)
	l[i] = a[2]
	return l
}

// replaceMatching asks match(item, newItem) for every item; any answer but a boolean makes it null.
func replaceMatching(m *machine, a []Value) Value {
	l := m.joined(a[0].(List), nil)
	for i, item := range l {
		replaced, ok := m.call(a[1].(*Function), []Value{item, a[2]}).(bool)
		if !ok {
			return nil
		}
		if replaced {
			l[i] = a[2]
		}
	}
	return l
}

func indexOf(m *machine, a []Value) Value {
	positions := List{}
	for i, x := range a[0].(List) {
		m.spend(1)
		if m.equals(x, a[1]) == true {
			m.items(1)
			positions = append(positions, Int(int64(i+1)))
		}
	}
	return positions
}

func (m *machine) distinct(l List) List {
	kept := List{}
	for _, v := range l {
		if m.find(kept, v) < 0 {
			m.items(1)
			kept = append(kept, v)
		}
	}
	return kept
}

func duplicates(m *machine, a []Value) Value {
	seen, twice := List{}, List{}
	for _, v := range a[0].(List) {
		m.items(1)
		switch {
		case m.find(seen, v) < 0:
			seen = append(seen, v)
		case m.find(twice, v) < 0:
			twice = append(twice, v)
		}
	}
	return twice
}

func (m *machine) flatten(flat, l List, depth int) List {
	m.deep(depth)
	for _, v := range l {
		m.items(1)
		if inner, ok := v.(List); ok {
			flat = m.flatten(flat, inner, depth+1)
		} else {
			flat = append(flat, v)
		}
	}
	return flat
}

// sorted is stable: an item moves before another only when precedes says so.
func sorted(m *machine, a []Value) Value {
	precedes := a[1].(*Function)
	if len(precedes.params) != 2 {
		return nil
	}
	l := m.joined(a[0].(List), nil)
	slices.SortStableFunc(l, func(x, y Value) int {
		switch {
		case Truth(m.call(precedes, []Value{x, y})):
			return -1
		case Truth(m.call(precedes, []Value{y, x})):
			return 1
		}
		return 0
	})
	return l
}

// sortedByValue is null when the items are not all of one ordered kind.
func sortedByValue(m *machine, a []Value) Value {
	l := m.joined(a[0].(List), nil)
	comparable := true
	slices.SortStableFunc(l, func(x, y Value) int {
		m.spend(1)
		c, ok := m.order(x, y)
		comparable = comparable && ok
		return c
	})
	if !comparable {
		return nil
	}
	return l
}
