package form

import (
	"maps"
	"slices"
	"strings"

	"github.com/paceline/paceline/internal/feel"
)

// record makes a context of variables, in order of name, so that problems come in the
// same order every time.
func record(vars feel.Vars) *feel.Context {
	entries := make([]feel.Entry, 0, len(vars))
	for _, name := range slices.Sorted(maps.Keys(vars)) {
		entries = append(entries, feel.Entry{Name: name, Value: vars[name]})
	}
	return feel.NewContext(entries...)
}

// find walks down a path of keys; false when some part is missing.
func find(v feel.Value, keys []string) (feel.Value, bool) {
	for _, key := range keys {
		c, ok := v.(*feel.Context)
		if !ok || c == nil {
			return nil, false
		}
		if v, ok = c.Get(key); !ok {
			return nil, false
		}
	}
	return v, true
}

// set is a copy of c in which the path has the value. Null is not written where
// nothing was.
func set(c *feel.Context, keys []string, v feel.Value) *feel.Context {
	present, _ := c.Get(keys[0])
	if len(keys) > 1 {
		inner, ok := present.(*feel.Context)
		if !ok {
			if v == nil {
				return c
			}
			inner = feel.NewContext()
		}
		v = set(inner, keys[1:], v)
	}
	if v == nil && present == nil {
		return c
	}
	entries := make([]feel.Entry, 0, c.Len()+1)
	for i := range c.Len() {
		entries = append(entries, c.At(i))
	}
	return feel.NewContext(append(entries, feel.Entry{Name: keys[0], Value: v})...)
}

// same compares values as a client sees them: empty text is no value, and so is an
// absent entry; what JSON has no type for is compared as its text.
func same(a, b feel.Value) bool {
	if empty(a) || empty(b) {
		return empty(a) && empty(b)
	}
	switch a := a.(type) {
	case feel.Number:
		b, ok := b.(feel.Number)
		return ok && a.Cmp(b) == 0
	case bool:
		return a == b
	case feel.List:
		b, ok := b.(feel.List)
		return ok && slices.EqualFunc(a, b, same)
	case *feel.Context:
		b, ok := b.(*feel.Context)
		return ok && covers(a, b) && covers(b, a)
	}
	at, aok := text(a)
	bt, bok := text(b)
	return aok && bok && at == bt
}

// covers tells whether every entry of a is the same in b.
func covers(a, b *feel.Context) bool {
	for i := range a.Len() {
		e := a.At(i)
		if other, _ := b.Get(e.Name); !same(e.Value, other) {
			return false
		}
	}
	return true
}

func empty(v feel.Value) bool { return v == nil || v == "" }

// text is a string, or a date, time or duration as FEEL writes it.
func text(v feel.Value) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case feel.Date, feel.Time, feel.DateTime, feel.Duration, feel.MonthDuration:
		return feel.String(v), true
	}
	return "", false
}

// optionKey identifies a choice: equal choices have equal keys, whatever their spelling.
func optionKey(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return "text " + v, true
	case bool:
		if v {
			return "true", true
		}
		return "false", true
	case feel.Number:
		s := v.String()
		if strings.Contains(s, ".") && !strings.Contains(s, "E") {
			s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
		}
		return "number " + s, true
	}
	return "", false
}
