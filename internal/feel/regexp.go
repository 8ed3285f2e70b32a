package feel

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"
)

// maxPattern bounds a regular expression, in bytes.
const maxPattern = 1000

// pattern is a compiled XPath regular expression. Go's engine, linear in the input, runs it
// unless it has back-references, which take backtracking.
type pattern struct {
	linear *regexp.Regexp
	back   *syntax.Regexp // instead of linear
	groups int
}

// regexpMemo remembers the last pattern: loops use the same one again.
type regexpMemo struct {
	text, flags string
	compiled    *pattern
}

// pattern compiles a regular expression with the syntax and the flags of XPath 2.0 (DMN 1.5 section
// 10.3.4.3); nil when it is not one.
func (m *machine) pattern(text, flags string) *pattern {
	if memo := &m.regexp; memo.compiled != nil && memo.text == text && memo.flags == flags {
		return memo.compiled
	}
	m.spend(100 + len(text))
	if len(text) > maxPattern || strings.Trim(flags, "smix") != "" {
		return nil
	}
	p := compilePattern(text, flags)
	if p != nil {
		m.regexp = regexpMemo{text, flags, p}
	}
	return p
}

func compilePattern(text, flags string) *pattern {
	t := translator{in: text, foldCase: strings.Contains(flags, "i"), dotAll: strings.Contains(flags, "s")}
	if strings.Contains(flags, "x") {
		t.in = withoutSpace(text)
	}
	if !t.run() {
		return nil
	}
	out := t.out.String()
	for _, flag := range []string{"m", "i"} {
		if strings.Contains(flags, flag) {
			out = "(?" + flag + ")" + out
		}
	}
	if t.backReferences {
		tree, err := syntax.Parse(out, syntax.Perl)
		if err != nil {
			return nil
		}
		return &pattern{back: tree, groups: t.groups}
	}
	re, err := regexp.Compile(out)
	if err != nil {
		return nil
	}
	return &pattern{linear: re, groups: t.groups}
}

// matches finds up to n matches that do not overlap, all for -1, as pairs of offsets for the whole and each group.
func (p *pattern) matches(m *machine, s string, n int) [][]int {
	m.spend(len(s)/16 + 1)
	size := itemBytes + 16*(p.groups+1)
	if n < 0 {
		n = m.memory/size + 1 // one more than there is memory for
	}
	var found [][]int
	if p.linear != nil {
		found = p.linear.FindAllStringSubmatchIndex(s, n)
	} else {
		found = backtrackAll(m, p, s, n)
	}
	m.bytes(len(found) * size)
	return found
}

// withoutSpace takes out white space except in classes, for flag x.
func withoutSpace(s string) string {
	var b strings.Builder
	class := 0
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\' && i+1 < len(s) && strings.IndexByte(" \t\r\n", s[i+1]) < 0:
			b.WriteByte(c)
			i++
			b.WriteByte(s[i])
			continue
		case c == '[':
			class++
		case c == ']':
			class--
		case class <= 0 && strings.IndexByte(" \t\r\n", c) >= 0:
			continue
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// firstReference is the rune that stands for \1 in the translated text; it is in no alphabet.
const firstReference = 0x10FF00

// translator rewrites what XPath and Go write differently: Unicode classes, class subtraction, the dot
// that stops at both line ends, and back-references.
type translator struct {
	in               string
	pos              int
	out              strings.Builder
	foldCase, dotAll bool
	groups           int
	open             []int // groups not yet closed, 0 for (?:
	closed           []bool
	backReferences   bool
}

func (t *translator) run() bool {
	if strings.ContainsFunc(t.in, func(r rune) bool { return r >= firstReference }) {
		return false
	}
	for t.pos < len(t.in) {
		if !t.atom() {
			return false
		}
	}
	return len(t.open) == 0
}

func (t *translator) atom() bool {
	c := t.in[t.pos]
	t.pos++
	switch c {
	case '\\':
		return t.escape()
	case '[':
		class, ok := t.class()
		t.out.WriteString(class)
		return ok
	case '.':
		if t.dotAll {
			t.out.WriteString(`(?s:.)`)
		} else {
			t.out.WriteString(`[^\n\r]`)
		}
	case '(':
		return t.group()
	case ')':
		return t.endGroup()
	default:
		t.out.WriteByte(c)
	}
	return true
}

// group allows for no (? but (?:.
func (t *translator) group() bool {
	if strings.HasPrefix(t.in[t.pos:], "?") {
		if !strings.HasPrefix(t.in[t.pos:], "?:") {
			return false
		}
		t.open = append(t.open, 0)
		t.pos += 2
		t.out.WriteString("(?:")
		return true
	}
	t.groups++
	t.open = append(t.open, t.groups)
	t.closed = append(t.closed, false)
	t.out.WriteByte('(')
	return true
}

func (t *translator) endGroup() bool {
	if len(t.open) == 0 {
		return false
	}
	if n := t.open[len(t.open)-1]; n > 0 {
		t.closed[n-1] = true
	}
	t.open = t.open[:len(t.open)-1]
	t.out.WriteByte(')')
	return true
}

func (t *translator) escape() bool {
	if t.pos == len(t.in) {
		return false
	}
	c := t.in[t.pos]
	if c >= '1' && c <= '9' {
		return t.backReference()
	}
	t.pos++
	if class, ok := unicodeClasses[c|0x20]; ok && c != '|' {
		if c&0x20 == 0 {
			class = "^" + class
		}
		t.out.WriteString("[" + class + "]")
		return true
	}
	if c == 'p' || c == 'P' {
		class, ok := t.property(c == 'P')
		t.out.WriteString("[" + class + "]")
		return ok
	}
	return writeEscape(&t.out, c)
}

// property reads the braces after \p or \P, and gives what stands for them in a Go class.
func (t *translator) property(negated bool) (string, bool) {
	name, rest, ok := strings.Cut(t.in[t.pos:], "}")
	if !ok || !strings.HasPrefix(name, "{") {
		return "", false
	}
	t.pos = len(t.in) - len(rest)
	if block, ok := strings.CutPrefix(name, "{Is"); ok {
		return blockClass(block, negated)
	}
	if negated {
		return `\P` + name + "}", true
	}
	return `\p` + name + "}", true
}

// backReference takes as many digits as make the number of a group; that group must have ended.
func (t *translator) backReference() bool {
	n, digits := groupNumber(t.in[t.pos:], t.groups)
	t.pos += digits
	if n > t.groups || !t.closed[n-1] {
		return false
	}
	t.backReferences = true
	t.out.WriteRune(rune(firstReference + n))
	return true
}

// unicodeClasses is the content of \d, \i, \c and \w, which in XPath are not limited to ASCII.
var unicodeClasses = map[byte]string{
	'd': `\p{Nd}`,
	'i': `\p{L}_:`,
	'c': `\p{L}\p{Nd}\p{M}_:.\-·`,
	'w': `\p{L}\p{M}\p{N}\p{S}`,
}

// writeEscape copies an escape that both languages know.
func writeEscape(b *strings.Builder, c byte) bool {
	if strings.IndexByte(`nrtsS\|.-^?*+{}()[]$`, c) < 0 {
		return false
	}
	b.WriteByte('\\')
	b.WriteByte(c)
	return true
}

// class reads a class after its [, with a subtraction if there is one.
func (t *translator) class() (string, bool) {
	var b strings.Builder
	b.WriteByte('[')
	for first := true; t.pos < len(t.in); first = false {
		c := t.in[t.pos]
		t.pos++
		switch {
		case c == ']':
			if first {
				return "", false
			}
			b.WriteByte(']')
			return b.String(), true
		case c == '[':
			return "", false
		case c == '-' && strings.HasPrefix(t.in[t.pos:], "["):
			t.pos++
			less, ok := t.class()
			if !ok || !strings.HasPrefix(t.in[t.pos:], "]") {
				return "", false
			}
			t.pos++
			b.WriteByte(']')
			return t.subtract(b.String(), less)
		case c == '\\':
			if !t.classEscape(&b) {
				return "", false
			}
		default:
			b.WriteByte(c)
		}
	}
	return "", false
}

func (t *translator) classEscape(b *strings.Builder) bool {
	if t.pos == len(t.in) {
		return false
	}
	c := t.in[t.pos]
	t.pos++
	class, ok := unicodeClasses[c|0x20]
	switch {
	case c == 'p' || c == 'P':
		class, ok = t.property(c == 'P')
		b.WriteString(class)
		return ok
	case !ok || c == '|':
		return writeEscape(b, c)
	case c&0x20 != 0:
		b.WriteString(class)
	case c == 'D':
		b.WriteString(`\P{Nd}`)
	default:
		return false // the complement of several sets is no part of a Go class
	}
	return true
}

// subtract writes the class of what is in one class and not in another.
func (t *translator) subtract(from, less string) (string, bool) {
	a, ok1 := t.runes(from)
	b, ok2 := t.runes(less)
	if !ok1 || !ok2 {
		return "", false
	}
	var out strings.Builder
	for i := 0; i < len(a); i += 2 {
		low, high := a[i], a[i+1]
		for k := 0; k < len(b) && low <= high; k += 2 {
			if b[k+1] < low || b[k] > high {
				continue
			}
			if b[k] > low {
				fmt.Fprintf(&out, `\x{%X}-\x{%X}`, low, b[k]-1)
			}
			low = b[k+1] + 1
		}
		if low <= high {
			fmt.Fprintf(&out, `\x{%X}-\x{%X}`, low, high)
		}
	}
	if out.Len() == 0 {
		return `[^\x{0}-\x{10FFFF}]`, true
	}
	return "(?-i:[" + out.String() + "])", true
}

// runes are the ranges of a class, in order.
func (t *translator) runes(class string) ([]rune, bool) {
	flags := syntax.Perl
	if t.foldCase {
		flags |= syntax.FoldCase
	}
	re, err := syntax.Parse(class, flags)
	if err != nil {
		return nil, false
	}
	switch re.Op {
	case syntax.OpCharClass:
		return re.Rune, true
	case syntax.OpLiteral:
		return []rune{re.Rune[0], re.Rune[0]}, len(re.Rune) == 1 && re.Flags&syntax.FoldCase == 0
	case syntax.OpNoMatch:
		return nil, true
	}
	return nil, false
}

// replacement is the text for a match: pieces of text and numbers of groups.
type replacement []any

// parseReplacement reads $N, \$ and \\; false for any other use of $ and \. Of the digits after $, as
// many count as make the number of a group.
func parseReplacement(s string, groups int) (replacement, bool) {
	var r replacement
	for s != "" {
		i := strings.IndexAny(s, `\$`)
		if i < 0 {
			return append(r, s), true
		}
		r = append(r, s[:i])
		rest := s[i+1:]
		if s[i] == '\\' {
			if rest == "" || rest[0] != '$' && rest[0] != '\\' {
				return nil, false
			}
			r, s = append(r, rest[:1]), rest[1:]
			continue
		}
		group, digits := groupNumber(rest, groups)
		if digits == 0 {
			return nil, false
		}
		r, s = append(r, group), rest[digits:]
	}
	return r, true
}

func groupNumber(s string, groups int) (group, digits int) {
	for digits < len(s) && s[digits] >= '0' && s[digits] <= '9' {
		next := group*10 + int(s[digits]-'0')
		if digits > 0 && next > groups {
			break
		}
		group = next
		digits++
	}
	return group, digits
}

// expand appends the replacement of one match.
func (r replacement) expand(b *strings.Builder, s string, match []int) {
	for _, piece := range r {
		switch piece := piece.(type) {
		case string:
			b.WriteString(piece)
		case int:
			if 2*piece+1 < len(match) && match[2*piece] >= 0 {
				b.WriteString(s[match[2*piece]:match[2*piece+1]])
			}
		}
	}
}
