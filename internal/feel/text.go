package feel

import (
	"strconv"
	"strings"
)

// String is FEEL's string(v): a string as it is, everything else as it would be written, null
// as "null". A value too deep or large to write is "".
func String(v Value) string {
	var text string
	if !bounded(func(m *machine) { text = m.format(v) }) {
		return ""
	}
	return text
}

func (m *machine) format(v Value) string {
	if s, ok := v.(string); ok {
		return s
	}
	var b strings.Builder
	m.write(&b, v, 0)
	return b.String()
}

func (m *machine) write(b *strings.Builder, v Value, depth int) {
	m.deep(depth)
	m.spend(1)
	switch v := v.(type) {
	case nil:
		b.WriteString("null")
	case bool:
		b.WriteString(strconv.FormatBool(v))
	case string:
		m.bytes(len(v))
		b.WriteString(quote(v))
	case Number:
		b.WriteString(v.String())
	case List:
		m.writeAll(b, "[", "]", len(v), func(i int) { m.write(b, v[i], depth+1) })
	case *Context:
		m.writeAll(b, "{", "}", v.Len(), func(i int) {
			b.WriteString(key(v.entries[i].Name) + ": ")
			m.write(b, v.entries[i].Value, depth+1)
		})
	case *Range:
		m.writeRange(b, v, depth)
	case *Function:
		names := make([]string, len(v.params))
		for i, p := range v.params {
			names[i] = p.name
		}
		b.WriteString("function(" + strings.Join(names, ", ") + ")")
	case interface{ String() string }:
		b.WriteString(v.String())
	default:
		b.WriteString("null")
	}
}

func (m *machine) writeAll(b *strings.Builder, open, end string, n int, item func(int)) {
	b.WriteString(open)
	for i := range n {
		if i > 0 {
			b.WriteString(", ")
		}
		item(i)
	}
	b.WriteString(end)
}

func (m *machine) writeRange(b *strings.Builder, r *Range, depth int) {
	side := func(op string, v Value) {
		b.WriteString("(" + op)
		m.write(b, v, depth+1)
		b.WriteString(")")
	}
	switch {
	case r.Op == "=", r.Op == "!=":
		side(r.Op, r.Low)
	case r.Low == nil && r.HighClosed:
		side("<=", r.High)
	case r.Low == nil:
		side("<", r.High)
	case r.High == nil && r.LowClosed:
		side(">=", r.Low)
	case r.High == nil:
		side(">", r.Low)
	default:
		b.WriteString(pick(r.LowClosed, "[", "("))
		m.write(b, r.Low, depth+1)
		b.WriteString("..")
		m.write(b, r.High, depth+1)
		b.WriteString(pick(r.HighClosed, "]", ")"))
	}
}

func pick(first bool, a, b string) string {
	if first {
		return a
	}
	return b
}

// quote writes a string literal.
func quote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\r", `\r`, "\t", `\t`).Replace(s) + `"`
}

// key writes a context's key without quotes where it is a name.
func key(name string) string {
	parts := splitName(name)
	if len(parts) == 0 || canonicalName(name) != name {
		return quote(name)
	}
	for i, p := range parts {
		if n := wordLength(p); n != len(p) || i == 0 && p[0] >= '0' && p[0] <= '9' {
			return quote(name)
		}
	}
	return name
}
