package feel

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"
)

// maxLine bounds one line of a batch, in bytes.
const maxLine = 16 << 20

// Batch reads JSON lines {"expr": TEXT, "context": OBJECT} and answers each with one line,
// {"value": JSON} or {"error": TEXT}, written before the next is read. The answers see now as
// their time. An error is returned only when in or out fails, or a line is longer than 16 MiB.
func Batch(in io.Reader, out io.Writer, now time.Time) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(make([]byte, 0, 64<<10), maxLine)
	for lines.Scan() {
		line := bytes.TrimSpace(lines.Bytes())
		if len(line) == 0 {
			continue
		}
		if _, err := out.Write(answer(line, now)); err != nil {
			return err
		}
	}
	return lines.Err()
}

// answer is the line for one request, with its line end.
func answer(line []byte, now time.Time) []byte {
	value, err := evaluateLine(line, now)
	if err != nil {
		text, _ := appendText(nil, err.Error())
		return fmt.Appendf(nil, "{\"error\":%s}\n", text)
	}
	return fmt.Appendf(nil, "{\"value\":%s}\n", value)
}

func evaluateLine(line []byte, now time.Time) ([]byte, error) {
	var request struct {
		Expr    *string         `json:"expr"`
		Context json.RawMessage `json:"context"`
	}
	if err := json.Unmarshal(line, &request); err != nil {
		return nil, fmt.Errorf("the line is no JSON object with expr and context: %w", err)
	}
	if request.Expr == nil {
		return nil, errors.New(`the line has no "expr"`)
	}
	vars := NewContext()
	if len(request.Context) > 0 {
		v, err := FromJSON(request.Context)
		if err != nil {
			return nil, fmt.Errorf("context: %w", err)
		}
		c, ok := v.(*Context)
		if !ok && v != nil {
			return nil, errors.New("context is not a JSON object")
		}
		if ok {
			vars = c
		}
	}
	return EvalJSON(*request.Expr, vars, now)
}

// EvalJSON compiles and evaluates an expression that sees the entries of vars, and writes its value
// as JSON. A function, which has no JSON, is written as null, in lists and contexts too.
func EvalJSON(expr string, vars *Context, now time.Time) ([]byte, error) {
	x, err := Compile(expr, NamesOf(vars))
	if err != nil {
		return nil, err
	}
	v, err := x.Eval(At(vars, now))
	if err != nil {
		return nil, err
	}
	return ToJSON(withoutFunctions(v, 0))
}

// withoutFunctions is v with null for each function in it.
func withoutFunctions(v Value, depth int) Value {
	if depth > maxDepth {
		return v
	}
	switch v := v.(type) {
	case *Function:
		return nil
	case List:
		out := make(List, len(v))
		for i, x := range v {
			out[i] = withoutFunctions(x, depth+1)
		}
		return out
	case *Context:
		out := make([]Entry, len(v.entries))
		for i, e := range v.entries {
			out[i] = Entry{e.Name, withoutFunctions(e.Value, depth+1)}
		}
		return NewContext(out...)
	}
	return v
}

// NamesOf tells the names of the variables in vars, and of all entries in them.
func NamesOf(vars *Context) Option {
	var names []string
	entries := map[string]bool{}
	for _, e := range vars.entries {
		names = append(names, e.Name)
		entryNames(entries, e.Value, 0)
	}
	variables, members := WithNames(names...), WithEntries(slices.Sorted(maps.Keys(entries))...)
	return func(o *options) {
		variables(o)
		members(o)
	}
}

// entryNames collects the names of all entries in v, at any depth.
func entryNames(names map[string]bool, v Value, depth int) {
	if depth > maxDepth {
		return
	}
	switch v := v.(type) {
	case *Context:
		for _, e := range v.entries {
			names[e.Name] = true
			entryNames(names, e.Value, depth+1)
		}
	case List:
		for _, x := range v {
			entryNames(names, x, depth+1)
		}
	}
}

// At is a Scope that knows the time.
func At(s Scope, now time.Time) Scope { return clocked{s, now} }

type clocked struct {
	Scope
	now time.Time
}

// Now makes the scope a Clock.
func (c clocked) Now() time.Time { return c.now }
