package engine

import (
	"errors"

	"github.com/paceline/paceline/internal/feel"
)

// Typed JSON keeps what plain JSON loses: a date, time, duration or range is an object
// {"@": TYPE, ...}. A context that has a name "@" of its own is wrapped the same way.

var errTyped = errors.New("a value is not as it was written")

func typedVars(vars feel.Vars) ([]byte, error) {
	entries := make([]feel.Entry, 0, len(vars))
	for _, name := range names(vars) {
		entries = append(entries, feel.Entry{Name: name, Value: typed(vars[name])})
	}
	return feel.ToJSON(feel.NewContext(entries...))
}

func varsOf(data []byte) (feel.Vars, error) {
	if len(data) == 0 {
		return nil, nil
	}
	value, err := feel.FromJSON(data)
	if err != nil {
		return nil, err
	}
	c, ok := value.(*feel.Context)
	if !ok {
		return nil, errTyped
	}
	vars := make(feel.Vars, c.Len())
	for i := range c.Len() {
		if vars[c.At(i).Name], err = untyped(c.At(i).Value); err != nil {
			return nil, err
		}
	}
	return vars, nil
}

func marked(kind string, value feel.Value) *feel.Context {
	return feel.NewContext(feel.Entry{Name: "@", Value: kind}, feel.Entry{Name: "is", Value: value})
}

// typed replaces what JSON cannot tell apart.
func typed(value feel.Value) feel.Value {
	switch v := value.(type) {
	case feel.Date:
		return marked("date", v.String())
	case feel.Time:
		return marked("time", v.String())
	case feel.DateTime:
		return marked("date and time", v.String())
	case feel.MonthDuration:
		return marked("months", feel.Int(int64(v)))
	case feel.Duration:
		return marked("duration", v.String())
	case feel.List:
		l := make(feel.List, len(v))
		for i, item := range v {
			l[i] = typed(item)
		}
		return l
	case *feel.Range:
		return marked("range", feel.List{v.LowClosed, typed(v.Low), typed(v.High), v.HighClosed})
	case *feel.Context:
		entries := make([]feel.Entry, v.Len())
		for i := range entries {
			entries[i] = feel.Entry{Name: v.At(i).Name, Value: typed(v.At(i).Value)}
		}
		c := feel.NewContext(entries...)
		if _, own := v.Get("@"); own {
			return marked("context", c)
		}
		return c
	}
	return value
}

func untyped(value feel.Value) (feel.Value, error) {
	switch v := value.(type) {
	case feel.List:
		l := make(feel.List, len(v))
		for i, item := range v {
			var err error
			if l[i], err = untyped(item); err != nil {
				return nil, err
			}
		}
		return l, nil
	case *feel.Context:
		kind, special := v.Get("@")
		if !special {
			return untypedContext(v)
		}
		is, _ := v.Get("is")
		return unmarked(kind, is)
	}
	return value, nil
}

func untypedContext(c *feel.Context) (feel.Value, error) {
	entries := make([]feel.Entry, c.Len())
	for i := range entries {
		value, err := untyped(c.At(i).Value)
		if err != nil {
			return nil, err
		}
		entries[i] = feel.Entry{Name: c.At(i).Name, Value: value}
	}
	return feel.NewContext(entries...), nil
}

func unmarked(kind, is feel.Value) (feel.Value, error) {
	s, _ := is.(string)
	switch kind {
	case "date":
		return parsedText(s, feel.ParseDate)
	case "time":
		return parsedText(s, feel.ParseTime)
	case "date and time":
		return parsedText(s, feel.ParseDateTime)
	case "duration":
		return parsedText(s, feel.ParseDuration)
	case "months":
		if n, ok := is.(feel.Number); ok {
			i, whole := n.Int64()
			if whole {
				return feel.MonthDuration(i), nil
			}
		}
	case "context":
		if c, ok := is.(*feel.Context); ok {
			return untypedContext(c)
		}
	case "range":
		return untypedRange(is)
	}
	return nil, errTyped
}

func parsedText[T any](s string, parse func(string) (T, bool)) (feel.Value, error) {
	v, ok := parse(s)
	if !ok {
		return nil, errTyped
	}
	return v, nil
}

func untypedRange(is feel.Value) (feel.Value, error) {
	l, ok := is.(feel.List)
	if !ok || len(l) != 4 {
		return nil, errTyped
	}
	r := &feel.Range{}
	var err error
	if r.Low, err = untyped(l[1]); err != nil {
		return nil, err
	}
	if r.High, err = untyped(l[2]); err != nil {
		return nil, err
	}
	r.LowClosed, r.HighClosed = feel.Truth(l[0]), feel.Truth(l[3])
	return r, nil
}
