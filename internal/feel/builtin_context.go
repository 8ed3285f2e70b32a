package feel

// contextFunctions: DMN 1.5 section 10.3.4.11.
var contextFunctions = map[string][]form{
	"get value": {
		sig("m: context, key: string", func(_ *machine, a []Value) Value {
			v, _ := a[0].(*Context).Get(a[1].(string))
			return v
		}),
		sig("context: context, keys: list", getPath),
	},
	"get entries": {sig("m: context", getEntries)},
	"context":     {sig("entries: list", contextOf)},
	"context put": {
		sig("context: context, key: string, value: any", func(m *machine, a []Value) Value {
			c := a[0].(*Context)
			m.items(2 * (c.Len() + 1))
			return c.with(a[1].(string), a[2])
		}),
		sig("context: context, keys: list, value: any", func(m *machine, a []Value) Value {
			return m.putPath(a[0].(*Context), a[1].(List), a[2], 0)
		}),
	},
	"context merge": {sig("contexts: list", merge)},
}

func getPath(_ *machine, a []Value) Value {
	var v Value = a[0]
	for _, key := range a[1].(List) {
		c, ok := v.(*Context)
		name, ok2 := key.(string)
		if !ok || !ok2 {
			return nil
		}
		v, _ = c.Get(name)
	}
	return v
}

func getEntries(m *machine, a []Value) Value {
	c := a[0].(*Context)
	m.items(3 * c.Len())
	l := make(List, c.Len())
	for i, e := range c.entries {
		l[i] = NewContext(Entry{"key", e.Name}, Entry{"value", e.Value})
	}
	return l
}

// contextOf is made of contexts with key and value; a key that is there twice makes it null.
func contextOf(m *machine, a []Value) Value {
	c := NewContext()
	for _, v := range a[0].(List) {
		m.items(2)
		entry, ok := v.(*Context)
		if !ok {
			return nil
		}
		key, _ := entry.Get("key")
		name, ok := key.(string)
		value, hasValue := entry.Get("value")
		if !ok || !hasValue || c.find(name) >= 0 {
			return nil
		}
		c.put(name, value)
	}
	return c
}

// putPath is context put for one key after the other; null when there is no context on the way.
func (m *machine) putPath(c *Context, keys List, v Value, depth int) Value {
	m.deep(depth)
	m.items(2 * (c.Len() + 1))
	if len(keys) == 0 {
		return nil
	}
	name, ok := keys[0].(string)
	if !ok {
		return nil
	}
	if len(keys) > 1 {
		inner, _ := c.Get(name)
		next, ok := inner.(*Context)
		if !ok {
			return nil
		}
		if v = m.putPath(next, keys[1:], v, depth+1); v == nil {
			return nil
		}
	}
	return c.with(name, v)
}

func merge(m *machine, a []Value) Value {
	c := NewContext()
	for _, v := range a[0].(List) {
		next, ok := v.(*Context)
		if !ok {
			return nil
		}
		m.items(2 * next.Len())
		for _, e := range next.entries {
			c.put(e.Name, e.Value)
		}
	}
	return c
}
