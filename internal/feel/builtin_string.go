package feel

import (
	"strings"
	"unicode/utf8"
)

// stringFunctions: DMN 1.5 section 10.3.4.3. Positions and lengths count characters.
var stringFunctions = map[string][]form{
	"substring": {sig("string: string, start position: number, length: number?", substring)},
	"string length": {sig("string: string", func(_ *machine, a []Value) Value {
		return Int(int64(utf8.RuneCountInString(a[0].(string))))
	})},
	"upper case": {sig("string: string", func(m *machine, a []Value) Value { return m.text(strings.ToUpper(a[0].(string))) })},
	"lower case": {sig("string: string", func(m *machine, a []Value) Value { return m.text(strings.ToLower(a[0].(string))) })},
	"substring before": {sig("string: string, match: string", func(_ *machine, a []Value) Value {
		before, _, found := strings.Cut(a[0].(string), a[1].(string))
		if !found {
			return ""
		}
		return before
	})},
	"substring after": {sig("string: string, match: string", func(_ *machine, a []Value) Value {
		_, after, _ := strings.Cut(a[0].(string), a[1].(string))
		return after
	})},
	"contains":    {sig("string: string, match: string", textTest(strings.Contains))},
	"starts with": {sig("string: string, match: string", textTest(strings.HasPrefix))},
	"ends with":   {sig("string: string, match: string", textTest(strings.HasSuffix))},
	"replace":     {sig("input: string, pattern: string, replacement: string, flags: string?", replace)},
	"matches":     {sig("input: string, pattern: string, flags: string?", matches)},
	"split":       {sig("string: string, delimiter: string", split)},
	"string join": {sig("list: list, delimiter: string?", stringJoin)},
}

func textTest(test func(s, part string) bool) func(*machine, []Value) Value {
	return func(_ *machine, a []Value) Value { return test(a[0].(string), a[1].(string)) }
}

// substring counts from 1, or with a negative start from the end.
func substring(m *machine, a []Value) Value {
	s := a[0].(string)
	start, ok := a[1].(Number).truncated()
	if !ok || start == 0 {
		return nil
	}
	n := int64(utf8.RuneCountInString(s))
	if start < 0 {
		start = n + start + 1
	}
	if start < 1 || start > n {
		return nil
	}
	length := n
	if l, given := a[2].(Number); given {
		if length, ok = l.truncated(); !ok || length < 1 {
			return nil
		}
	}
	from := byteOffset(s, start-1)
	return s[from : from+byteOffset(s[from:], length)]
}

// byteOffset is where the n-th character begins, at most the end.
func byteOffset(s string, n int64) int {
	for i := range s {
		if n == 0 {
			return i
		}
		n--
	}
	return len(s)
}

func matches(m *machine, a []Value) Value {
	flags, _ := a[2].(string)
	p := m.pattern(a[1].(string), flags)
	if p == nil {
		return nil
	}
	return len(p.matches(m, a[0].(string), 1)) > 0
}

// replace is null for a pattern that matches nothing at all, as in XPath.
func replace(m *machine, a []Value) Value {
	input, flags := a[0].(string), ""
	if a[3] != nil {
		flags = a[3].(string)
	}
	p := m.pattern(a[1].(string), flags)
	if p == nil || len(p.matches(m, "", 1)) > 0 {
		return nil
	}
	r, ok := parseReplacement(a[2].(string), p.groups)
	if !ok {
		return nil
	}
	var b strings.Builder
	end := 0
	for _, match := range p.matches(m, input, -1) {
		before := b.Len()
		b.WriteString(input[end:match[0]])
		r.expand(&b, input, match)
		m.bytes(b.Len() - before)
		end = match[1]
	}
	b.WriteString(input[end:])
	return b.String()
}

// split leaves empty parts in, also at the ends.
func split(m *machine, a []Value) Value {
	p := m.pattern(a[1].(string), "")
	if p == nil {
		return nil
	}
	s := a[0].(string)
	parts, end := List{}, 0
	for _, match := range p.matches(m, s, -1) {
		if match[1] == 0 || match[0] == len(s) && match[0] == match[1] {
			continue // an empty match at an end parts nothing
		}
		m.items(1)
		parts = append(parts, s[end:match[0]])
		end = match[1]
	}
	return append(parts, s[end:])
}

// stringJoin leaves out null; anything else but a string makes it null.
func stringJoin(m *machine, a []Value) Value {
	delimiter, _ := a[1].(string)
	var parts []string
	for _, v := range a[0].(List) {
		m.spend(1)
		switch s := v.(type) {
		case nil:
		case string:
			m.bytes(len(s) + len(delimiter))
			parts = append(parts, s)
		default:
			return nil
		}
	}
	return strings.Join(parts, delimiter)
}
