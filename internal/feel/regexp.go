package feel

import (
	"regexp"
	"strings"
)

// maxPattern bounds a regular expression; Go's run in time linear to the input.
const maxPattern = 1000

// regexpMemo remembers the last pattern: loops use the same one again.
type regexpMemo struct {
	pattern, flags string
	re             *regexp.Regexp
}

// pattern compiles an XPath regular expression (DMN 1.5 section 10.3.4.3); nil when it is not one,
// or needs what Go's linear-time matching does not have: back-references.
func (m *machine) pattern(pattern, flags string) *regexp.Regexp {
	memo := &m.regexp
	if memo.re != nil && memo.pattern == pattern && memo.flags == flags {
		return memo.re
	}
	m.spend(100 + len(pattern))
	if len(pattern) > maxPattern || strings.Trim(flags, "smixq") != "" {
		return nil
	}
	text, ok := pattern, true
	if strings.Contains(flags, "q") {
		text = regexp.QuoteMeta(pattern)
	} else {
		text, ok = goPattern(pattern, strings.Contains(flags, "x"), strings.Contains(flags, "s"))
	}
	if !ok {
		return nil
	}
	if goFlags := keep(flags, "smi"); goFlags != "" {
		text = "(?" + goFlags + ")" + text
	}
	re, err := regexp.Compile(text)
	if err != nil {
		return nil
	}
	*memo = regexpMemo{pattern, flags, re}
	return re
}

// keep is which of the wanted letters s has, each once.
func keep(s, wanted string) string {
	var b strings.Builder
	for _, r := range wanted {
		if strings.ContainsRune(s, r) {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// classes are XPath's escapes that Go has not, or has for ASCII only: their content in a class.
var classes = map[byte]string{
	'd': `\p{Nd}`,
	'i': `\p{L}_:`,
	'c': `\p{L}\p{Nd}\p{M}_:.\-·`,
	'w': `\p{L}\p{M}\p{N}\p{S}`,
}

// goPattern rewrites what the two languages write differently: Unicode classes, the dot that
// stops at both line ends, flag x, and groups with a question mark, which XPath has only as (?:.
func goPattern(p string, extended, dotAll bool) (string, bool) {
	var b strings.Builder
	inClass := 0
	for i := 0; i < len(p); i++ {
		c := p[i]
		switch {
		case c == '\\':
			if i++; i == len(p) {
				return "", false
			}
			if !escape(&b, p[i], inClass > 0) {
				return "", false
			}
		case extended && inClass == 0 && strings.IndexByte(" \t\r\n", c) >= 0:
		case c == '[':
			if inClass++; inClass > 1 {
				return "", false // class subtraction
			}
			b.WriteByte(c)
		case c == ']' && inClass > 0:
			inClass--
			b.WriteByte(c)
		case c == '.' && inClass == 0 && !dotAll:
			b.WriteString(`[^\n\r]`)
		case c == '(' && strings.HasPrefix(p[i:], "(?") && !strings.HasPrefix(p[i:], "(?:"):
			return "", false
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), true
}

func escape(b *strings.Builder, c byte, inClass bool) bool {
	lower := c | 0x20
	if class, ok := classes[lower]; ok {
		switch {
		case !inClass && c == lower:
			b.WriteString("[" + class + "]")
		case !inClass:
			b.WriteString("[^" + class + "]")
		case c == lower:
			b.WriteString(class)
		case c == 'D':
			b.WriteString(`\P{Nd}`)
		default:
			return false
		}
		return true
	}
	if c >= '1' && c <= '9' {
		return false // back-reference
	}
	if strings.IndexByte(`nrtsSpP\|.-^?*+{}()[]$`, c) < 0 {
		return false
	}
	b.WriteByte('\\')
	b.WriteByte(c)
	return true
}

// goReplacement rewrites $1 to ${1}, \$ to $$ and \\ to \; false for any other use of $ and \.
// Of the digits after $, as many count as there are groups.
func goReplacement(s string, re *regexp.Regexp, quoted bool) (string, bool) {
	if re == nil {
		return "", false
	}
	if quoted {
		return strings.ReplaceAll(s, "$", "$$"), true
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			if i++; i == len(s) || s[i] != '$' && s[i] != '\\' {
				return "", false
			}
			if s[i] == '$' {
				b.WriteByte('$')
			}
			b.WriteByte(s[i])
		case '$':
			n, group := 0, 0
			for j := i + 1; j < len(s) && s[j] >= '0' && s[j] <= '9'; j++ {
				next := group*10 + int(s[j]-'0')
				if n > 0 && next > re.NumSubexp() {
					break
				}
				n, group = n+1, next
			}
			if n == 0 {
				return "", false
			}
			if group <= re.NumSubexp() {
				b.WriteString("${" + s[i+1:i+1+n] + "}")
			}
			i += n
		default:
			b.WriteByte(s[i])
		}
	}
	return b.String(), true
}
