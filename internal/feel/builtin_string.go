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
	m.spend(len(s) / 64)
	n := int64(utf8.RuneCountInString(s))
	if start < 0 {
		start = n + start + 1
	}
	if start < 1 || start > n {
		return ""
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
	re := m.pattern(a[1].(string), flags)
	if re == nil {
		return nil
	}
	m.spend(len(a[0].(string)) / 16)
	return re.MatchString(a[0].(string))
}

func replace(m *machine, a []Value) Value {
	flags, _ := a[3].(string)
	re := m.pattern(a[1].(string), flags)
	replacement, ok := goReplacement(a[2].(string), re, strings.Contains(flags, "q"))
	if re == nil || !ok {
		return nil
	}
	input := a[0].(string)
	m.spend(len(input) / 16)
	// A replacement may repeat groups: what it can grow to is counted before it is made.
	m.bytes((len(input) + 1) * (1 + len(replacement)))
	return re.ReplaceAllString(input, replacement)
}

func split(m *machine, a []Value) Value {
	re := m.pattern(a[1].(string), "")
	if re == nil {
		return nil
	}
	s := a[0].(string)
	m.spend(len(s) / 16)
	parts := List{}
	for _, part := range re.Split(s, -1) {
		m.items(1)
		parts = append(parts, part)
	}
	return parts
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
