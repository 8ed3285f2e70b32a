package feel

// domain is what an iterator goes over: a list, or whole numbers or days counted up or down.
type domain struct {
	items List
	n     int
	at    func(i int) Value // when items is nil
}

func (d *domain) item(i int) Value {
	if d.items != nil {
		return d.items[i]
	}
	return d.at(i)
}

// domainOf is a list itself, a closed range of whole numbers or days, or anything else as a list of one.
func (m *machine) domainOf(v Value) (domain, bool) {
	switch v := v.(type) {
	case nil:
		return domain{}, false
	case List:
		m.spend(len(v))
		return domain{items: v, n: len(v)}, true
	case *Range:
		return m.rangeDomain(v)
	}
	return domain{n: 1, at: func(int) Value { return v }}, true
}

func (m *machine) rangeDomain(r *Range) (domain, bool) {
	d, ok := m.counted(r.Low, r.High)
	if !ok || d.n == 0 {
		return d, ok
	}
	first, n := 0, d.n
	if !r.LowClosed {
		first, n = 1, n-1
	}
	if !r.HighClosed {
		n--
	}
	at := d.at
	return domain{n: max(n, 0), at: func(i int) Value { return at(first + i) }}, true
}

// counted goes from one end to the other, both included.
func (m *machine) counted(from, to Value) (domain, bool) {
	switch from := from.(type) {
	case Number:
		end, ok := to.(Number)
		if !ok {
			return domain{}, false
		}
		a, ok1 := from.Int64()
		b, ok2 := end.Int64()
		if !ok1 || !ok2 {
			return domain{}, false
		}
		n, step := m.distance(a, b)
		return domain{n: n, at: func(i int) Value { return Int(a + int64(i)*step) }}, true
	case Date:
		end, ok := to.(Date)
		if !ok {
			return domain{}, false
		}
		n, step := m.distance(from.midnight().Unix()/daySecs, end.midnight().Unix()/daySecs)
		return domain{n: n, at: func(i int) Value {
			return DateOf(from.midnight().AddDate(0, 0, i*int(step)))
		}}, true
	}
	return domain{}, false
}

// distance is the number of steps from a to b, counted before the first is taken.
func (m *machine) distance(a, b int64) (n int, step int64) {
	step = 1
	if b < a {
		step = -1
	}
	d := uint64(b) - uint64(a)
	if step < 0 {
		d = -d
	}
	n = int(min(d, maxSteps)) + 1
	m.spend(n)
	return n, step
}

// iteration is a compiled chain of iterators.
type iteration struct {
	over, to []code
	captured bool // the body makes functions, which keep their env
}

// iterate compiles iterators, each in the scope of those before it, and the body in the scope of all.
func (c *compiler) iterate(its []iterator, body node) (iteration, code) {
	var it iteration
	before := c.functions
	for _, iter := range its {
		it.over = append(it.over, c.node(iter.over))
		var to code
		if iter.to != nil {
			to = c.node(iter.to)
		}
		it.to = append(it.to, to)
		defer c.push(&names{list: []string{iter.name}})()
	}
	run := c.node(body)
	it.captured = c.functions > before
	return it, run
}

// each runs visit for every combination until visit says false. It reports false when a domain is not one.
func (it *iteration) each(m *machine, up *env, visit func(*env) bool) bool {
	_, ok := it.level(m, up, 0, visit)
	return ok
}

func (it *iteration) level(m *machine, up *env, i int, visit func(*env) bool) (more, ok bool) {
	d, ok := it.domain(m, up, i)
	if !ok {
		return false, false
	}
	var e *env
	for k := range d.n {
		if e == nil || it.captured {
			e = &env{up, make([]Value, 1)}
		}
		e.vals[0] = d.item(k)
		if i == len(it.over)-1 {
			more, ok = visit(e), true
		} else {
			more, ok = it.level(m, e, i+1, visit)
		}
		if !more || !ok {
			return false, ok
		}
	}
	return true, true
}

func (it *iteration) domain(m *machine, e *env, i int) (domain, bool) {
	from := it.over[i](m, e)
	if it.to[i] == nil {
		return m.domainOf(from)
	}
	return m.counted(from, it.to[i](m, e))
}

// loop is for ... return; "partial" is the list of the results so far.
func (c *compiler) loop(n *loop) code {
	scope := &names{list: []string{"partial"}}
	defer c.push(scope)()
	it, body := c.iterate(n.iterators, n.body)
	return func(m *machine, up *env) Value {
		results := List{}
		partial := &env{up, []Value{results}}
		ok := it.each(m, partial, func(e *env) bool {
			m.items(1)
			results = append(results, body(m, e))
			if scope.used {
				partial.vals[0] = results[:len(results):len(results)]
			}
			return true
		})
		if !ok {
			return nil
		}
		return results
	}
}

// quantified is some and every: three-valued, as or and and are.
func (c *compiler) quantified(n *quantified) code {
	it, satisfies := c.iterate(n.iterators, n.satisfies)
	decisive := !n.every
	return func(m *machine, e *env) Value {
		var result Value = !decisive
		ok := it.each(m, e, func(e *env) bool {
			m.spend(1)
			switch b, ok := satisfies(m, e).(bool); {
			case !ok:
				result = nil
			case b == decisive:
				result = b
				return false
			}
			return true
		})
		if !ok {
			return nil
		}
		return result
	}
}

// filter is list[condition] or list[index]. Which of the two shows when the condition is evaluated
// for the first item: a number is an index. A condition that is neither boolean nor null gives null.
func (c *compiler) filter(n *filter) code {
	of := c.node(n.of)
	if index, ok := n.by.(*literal); ok {
		if i, ok := index.value.(Number); ok {
			return func(m *machine, e *env) Value { return itemAt(asList(of(m, e)), i) }
		}
	}
	before := c.functions
	defer c.push(&names{item: true})()
	by := c.node(n.by)
	captured := c.functions > before
	return func(m *machine, up *env) Value {
		l := asList(of(m, up))
		if len(l) == 0 {
			if _, ok := by(m, &env{up, []Value{nil}}).(Number); ok {
				return nil
			}
			return List{}
		}
		return m.filtered(l, by, up, captured)
	}
}

func (m *machine) filtered(l List, by code, up *env, captured bool) Value {
	var e *env
	kept := List{}
	for i, item := range l {
		if e == nil || captured {
			e = &env{up, []Value{nil}}
		}
		e.vals[0] = item
		m.spend(1)
		switch r := by(m, e).(type) {
		case bool:
			if r {
				m.items(1)
				kept = append(kept, item)
			}
		case nil:
		case Number:
			if i > 0 {
				return nil
			}
			return itemAt(l, r)
		default:
			return nil
		}
	}
	return kept
}

// asList is a list itself, nothing for null, and anything else as a list of one.
func asList(v Value) List {
	switch v := v.(type) {
	case nil:
		return nil
	case List:
		return v
	}
	return List{v}
}

// itemAt counts from 1, or with a negative index from the end; null outside.
func itemAt(l List, index Number) Value {
	i, ok := position(index, len(l))
	if !ok {
		return nil
	}
	return l[i]
}

// position turns FEEL's position among n into an index from 0.
func position(index Number, n int) (int, bool) {
	i, ok := index.Int64()
	switch {
	case !ok || i == 0 || i > int64(n) || i < -int64(n):
		return 0, false
	case i < 0:
		return n + int(i), true
	}
	return int(i) - 1, true
}
