package feel

// Context is an ordered set of named values (DMN 1.5 section 10.3.2.6).
type Context struct {
	entries []Entry
	index   map[string]int // built for contexts of more than linearEntries entries
}

// Entry is one name of a Context with its value.
type Entry struct {
	Name  string
	Value Value
}

// linearEntries is the size up to which looking through the entries beats a map.
const linearEntries = 8

// NewContext makes a context; of entries with the same name the last one counts, at
// the place of the first.
func NewContext(entries ...Entry) *Context {
	c := &Context{entries: make([]Entry, 0, len(entries))}
	for _, e := range entries {
		c.put(e.Name, e.Value)
	}
	return c
}

// put is used only while the context is being made.
func (c *Context) put(name string, v Value) {
	if i := c.find(name); i >= 0 {
		c.entries[i].Value = v
		return
	}
	c.entries = append(c.entries, Entry{name, v})
	switch {
	case c.index != nil:
		c.index[name] = len(c.entries) - 1
	case len(c.entries) > linearEntries:
		c.reindex()
	}
}

func (c *Context) reindex() {
	c.index = make(map[string]int, 2*len(c.entries))
	for i, e := range c.entries {
		c.index[e.Name] = i
	}
}

// distinctContext takes over entries whose names are known to differ.
func distinctContext(entries []Entry) *Context {
	c := &Context{entries: entries}
	if len(entries) > linearEntries {
		c.reindex()
	}
	return c
}

func (c *Context) find(name string) int {
	if c.index != nil {
		if i, ok := c.index[name]; ok {
			return i
		}
		return -1
	}
	for i := range c.entries {
		if c.entries[i].Name == name {
			return i
		}
	}
	return -1
}

// Get is the value of an entry, false when there is none of that name.
func (c *Context) Get(name string) (Value, bool) {
	if i := c.find(name); i >= 0 {
		return c.entries[i].Value, true
	}
	return nil, false
}

// Lookup makes a Context a Scope.
func (c *Context) Lookup(name string) (Value, bool) { return c.Get(name) }

// Len is the number of entries.
func (c *Context) Len() int { return len(c.entries) }

// At is the i-th entry, from 0.
func (c *Context) At(i int) Entry { return c.entries[i] }

// with is a copy in which name is v.
func (c *Context) with(name string, v Value) *Context {
	n := NewContext(c.entries...)
	n.put(name, v)
	return n
}

// Range is an interval between two values of one comparable type, Low not after High, or
// with no bound on one side (DMN 1.5 section 10.3.2.7).
type Range struct {
	Low, High             Value // nil: no bound on this side
	LowClosed, HighClosed bool
	// Op is the operator of a range written as (<10) or (!=10), else "". Such a range is not equal to
	// (null..10), nor (=10) to [10..10]; (!=10) is everything but the point Low.
	Op string
}

// Function is a function value: a built-in one or one defined in FEEL. It can be called
// only inside an evaluation and has no form outside of FEEL.
type Function struct {
	params []param
	native *builtin
	body   code
	env    *env
}

// kind is what FEEL's operators tell values apart by.
type kind uint8

const (
	kNull kind = iota
	kBool
	kString
	kNumber
	kDate
	kTime
	kDateTime
	kMonths
	kDuration
	kList
	kContext
	kRange
	kFunction

	// Only as the kind of a parameter:
	kAny
	kPoint // a value of an ordered kind
)

// kindOf tells the kind; a Go value that is no FEEL value counts as null.
func kindOf(v Value) kind {
	switch v.(type) {
	case Number:
		return kNumber
	case string:
		return kString
	case bool:
		return kBool
	case List:
		return kList
	case *Context:
		return kContext
	case Date:
		return kDate
	case DateTime:
		return kDateTime
	case Time:
		return kTime
	case MonthDuration:
		return kMonths
	case Duration:
		return kDuration
	case *Range:
		return kRange
	case *Function:
		return kFunction
	}
	return kNull
}

// ordered kinds have a < (table 51).
func (k kind) ordered() bool {
	switch k {
	case kNumber, kString, kDate, kTime, kDateTime, kMonths, kDuration:
		return true
	}
	return false
}

// Truth reports whether v is the boolean true; null and all other values are not.
func Truth(v Value) bool {
	b, ok := v.(bool)
	return ok && b
}
