package engine

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/paceline/paceline/internal/feel"
)

// Typed JSON keeps what plain JSON loses: a date, time, duration or range is an object
// {"@": TYPE, ...}. A context that has a name "@" of its own is wrapped the same way.

var errTyped = errors.New("a value is not as it was written")

func typedVars(vars feel.Vars) ([]byte, error) {
	b := make([]byte, 0, 256)
	b = append(b, '{')
	for i, name := range names(vars) {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendText(b, name), ':')
		var err error
		if b, err = appendTyped(b, vars[name]); err != nil {
			return nil, err
		}
	}
	return append(b, '}'), nil
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

func appendMarked(b []byte, kind, value string) []byte {
	b = appendText(append(b, `{"@":`...), kind)
	b = appendText(append(b, `,"is":`...), value)
	return append(b, '}')
}

// appendTyped writes a value so that untyped gives it back.
func appendTyped(b []byte, value feel.Value) ([]byte, error) {
	switch v := value.(type) {
	case nil:
		return append(b, "null"...), nil
	case bool:
		return strconv.AppendBool(b, v), nil
	case string:
		return appendText(b, v), nil
	case feel.Number:
		return append(b, v.String()...), nil
	case feel.Date:
		return appendMarked(b, "date", v.String()), nil
	case feel.Time:
		return appendMarked(b, "time", v.String()), nil
	case feel.DateTime:
		return appendMarked(b, "date and time", v.String()), nil
	case feel.MonthDuration:
		return appendMarked(b, "months", strconv.FormatInt(int64(v), 10)), nil
	case feel.Duration:
		return appendMarked(b, "duration", v.String()), nil
	case feel.List:
		return appendTypedList(b, v)
	case *feel.Range:
		b, err := appendTypedList(append(b, `{"@":"range","is":`...), feel.List{v.LowClosed, v.Low, v.High, v.HighClosed, v.Op})
		return append(b, '}'), err
	case *feel.Context:
		if _, own := v.Get("@"); !own {
			return appendTypedContext(b, v)
		}
		b, err := appendTypedContext(append(b, `{"@":"context","is":`...), v)
		return append(b, '}'), err
	}
	return nil, fmt.Errorf("a variable holds a %T, which cannot be kept", value)
}

func appendTypedList(b []byte, l feel.List) ([]byte, error) {
	b = append(b, '[')
	for i, item := range l {
		if i > 0 {
			b = append(b, ',')
		}
		var err error
		if b, err = appendTyped(b, item); err != nil {
			return nil, err
		}
	}
	return append(b, ']'), nil
}

func appendTypedContext(b []byte, c *feel.Context) ([]byte, error) {
	b = append(b, '{')
	for i := range c.Len() {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendText(b, c.At(i).Name), ':')
		var err error
		if b, err = appendTyped(b, c.At(i).Value); err != nil {
			return nil, err
		}
	}
	return append(b, '}'), nil
}

// appendText writes a JSON string; the encoder is needed only for what is not plain.
func appendText(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			quoted, _ := json.Marshal(s) // a string always has JSON
			return append(b, quoted...)
		}
	}
	return append(append(append(b, '"'), s...), '"')
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
		if n, err := strconv.ParseInt(s, 10, 64); err == nil {
			return feel.MonthDuration(n), nil
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
	if !ok || len(l) != 5 {
		return nil, errTyped
	}
	op, ok := l[4].(string)
	if !ok {
		return nil, errTyped
	}
	r := &feel.Range{Op: op}
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
