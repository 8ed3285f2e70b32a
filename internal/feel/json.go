package feel

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"time"
)

var (
	errTooDeep = fmt.Errorf("JSON is nested more than %d deep", maxDepth)
	errNumber  = errors.New("number is outside of the range of decimal128, or has more than 1000 digits")
)

// FromJSON reads one JSON value. Numbers keep all their digits, objects the order of their
// names; of a name that is there twice the last value counts.
func FromJSON(data []byte) (Value, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	v, err := readJSON(d, 0)
	if err != nil {
		return nil, err
	}
	if d.More() {
		return nil, errors.New("more than one JSON value")
	}
	return v, nil
}

func readJSON(d *json.Decoder, depth int) (Value, error) {
	if depth > maxDepth {
		return nil, errTooDeep
	}
	token, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch t := token.(type) {
	case json.Number:
		n, ok := ParseNumber(t.String())
		if !ok {
			return nil, errNumber
		}
		return n, nil
	case json.Delim:
		if t == '[' {
			return readArray(d, depth)
		}
		return readObject(d, depth)
	}
	return token, nil
}

func readArray(d *json.Decoder, depth int) (Value, error) {
	l := List{}
	for d.More() {
		v, err := readJSON(d, depth+1)
		if err != nil {
			return nil, err
		}
		l = append(l, v)
	}
	_, err := d.Token()
	return l, err
}

func readObject(d *json.Decoder, depth int) (Value, error) {
	c := NewContext()
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, err
		}
		v, err := readJSON(d, depth+1)
		if err != nil {
			return nil, err
		}
		c.put(name.(string), v)
	}
	_, err := d.Token()
	return c, err
}

// ToJSON writes a value. Numbers keep all their digits; dates, times and durations are the
// ISO strings of FEEL's string(), and so are ranges. A function has no JSON.
func ToJSON(v Value) ([]byte, error) { return appendJSON(nil, v, 0) }

func appendJSON(b []byte, v Value, depth int) ([]byte, error) {
	if depth > maxDepth {
		return nil, errTooDeep
	}
	var err error
	switch v := v.(type) {
	case nil:
		return append(b, "null"...), nil
	case bool:
		return strconv.AppendBool(b, v), nil
	case Number:
		return append(b, v.String()...), nil
	case string:
		return appendText(b, v)
	case List:
		b = append(b, '[')
		for i, x := range v {
			if i > 0 {
				b = append(b, ',')
			}
			if b, err = appendJSON(b, x, depth+1); err != nil {
				return nil, err
			}
		}
		return append(b, ']'), nil
	case *Context:
		b = append(b, '{')
		for i, e := range v.entries {
			if i > 0 {
				b = append(b, ',')
			}
			if b, err = appendText(b, e.Name); err != nil {
				return nil, err
			}
			if b, err = appendJSON(append(b, ':'), e.Value, depth+1); err != nil {
				return nil, err
			}
		}
		return append(b, '}'), nil
	case *Function:
		return nil, errors.New("a function cannot be written as JSON")
	}
	if kindOf(v) == kNull {
		return nil, fmt.Errorf("a Go %T is no FEEL value", v)
	}
	return appendText(b, String(v))
}

func appendText(b []byte, s string) ([]byte, error) {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil {
		return nil, err
	}
	return append(b, bytes.TrimSuffix(out.Bytes(), []byte("\n"))...), nil
}

// From converts Go's own values: booleans, strings, numbers (json.Number too), slices and maps
// of any, time.Time and time.Duration. What is a FEEL value stays as it is; anything else is null.
// Maps become contexts in the order of their names.
func From(v any) Value { return fromGo(v, 0) }

func fromGo(v any, depth int) Value {
	if depth > maxDepth {
		return nil
	}
	switch v := v.(type) {
	case List:
		l := make(List, len(v))
		for i, x := range v {
			l[i] = fromGo(x, depth+1)
		}
		return l
	case map[string]any:
		return fromMap(v, depth)
	case Vars:
		return fromMap(v, depth)
	case []string:
		l := make(List, len(v))
		for i, x := range v {
			l[i] = x
		}
		return l
	case json.Number:
		return orNull(ParseNumber(v.String()))
	case float64:
		return fromFloat(v, 64)
	case float32:
		return fromFloat(float64(v), 32)
	case int:
		return Int(int64(v))
	case int32:
		return Int(int64(v))
	case int64:
		return Int(v)
	case uint32:
		return Int(int64(v))
	case uint64:
		return orNull(ParseNumber(strconv.FormatUint(v, 10)))
	case time.Time:
		return DateTimeOf(v, zoneOf(v))
	case time.Duration:
		return DurationOf(v)
	}
	if kindOf(v) == kNull {
		return nil
	}
	return v
}

func fromMap(m map[string]any, depth int) Value {
	c := NewContext()
	for _, name := range slices.Sorted(maps.Keys(m)) {
		c.put(name, fromGo(m[name], depth+1))
	}
	return c
}

func fromFloat(f float64, bits int) Value {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return nil
	}
	return orNull(ParseNumber(strconv.FormatFloat(f, 'g', -1, bits)))
}

// ToGo converts to plain Go values: nil, bool, string, json.Number, []any and map[string]any;
// dates, times, durations and ranges as the strings ToJSON writes, functions as nil.
func ToGo(v Value) any {
	switch v := v.(type) {
	case bool, string:
		return v
	case nil, *Function:
		return nil
	case Number:
		return json.Number(v.String())
	case List:
		l := make([]any, len(v))
		for i, x := range v {
			l[i] = ToGo(x)
		}
		return l
	case *Context:
		m := make(map[string]any, v.Len())
		for _, e := range v.entries {
			m[e.Name] = ToGo(e.Value)
		}
		return m
	}
	if kindOf(v) == kNull {
		return nil
	}
	return String(v)
}
