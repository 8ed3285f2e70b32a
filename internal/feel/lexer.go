package feel

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

type tokenKind uint8

const (
	tEnd tokenKind = iota
	tName
	tNumber
	tString
	tAt // @"..."
	tOperator
)

// token is one piece of the text. For strings, text is the unescaped content.
type token struct {
	kind     tokenKind
	text     string
	pos, end int
}

func (t token) is(op string) bool       { return t.kind == tOperator && t.text == op }
func (t token) isWord(word string) bool { return t.kind == tName && t.text == word }

// describe names the token in an error message.
func (t token) describe() string {
	switch t.kind {
	case tEnd:
		return "the end of the expression"
	case tString, tAt:
		return "a string"
	}
	return strconv.Quote(t.text)
}

// nameStart and namePart are rules 28 and 29 of the grammar.
func nameStart(r rune) bool {
	return r == '?' || r == '_' || unicode.IsLetter(r) ||
		r >= 0x2070 && r <= 0x218F || r >= 0x2C00 && r <= 0x2FEF || r >= 0x10000 && r <= 0xEFFFF
}

func namePart(r rune) bool {
	return nameStart(r) || r >= '0' && r <= '9' || r == 0xB7 || r >= 0x300 && r <= 0x36F || r == 0x203F || r == 0x2040
}

// space is rule 61: white space and vertical space.
func space(r rune) bool {
	return r == 0xFEFF || r == 0x180E || r == 0x200B || unicode.IsSpace(r)
}

// operators, longest first.
var operators = []string{
	"...", "..", "**", "->", "<=", ">=", "!=", "<", ">", "=", "+", "-", "*", "/",
	"(", ")", "[", "]", "{", "}", ",", ":", ".", "'",
}

// lexer cuts text into tokens, one at a time: where a name ends depends on the names
// known at that point, so the parser may move pos.
type lexer struct {
	src string
	pos int
}

func (l *lexer) fail(pos int, format string, args ...any) *Error {
	return errorAt(l.src, pos, fmt.Sprintf(format, args...))
}

// skip moves over white space and comments.
func (l *lexer) skip() *Error {
	for l.pos < len(l.src) {
		rest := l.src[l.pos:]
		switch r, n := utf8.DecodeRuneInString(rest); {
		case space(r):
			l.pos += n
		case strings.HasPrefix(rest, "//"):
			end := strings.IndexByte(rest, '\n')
			if end < 0 {
				end = len(rest)
			}
			l.pos += end
		case strings.HasPrefix(rest, "/*"):
			end := strings.Index(rest[2:], "*/")
			if end < 0 {
				return l.fail(l.pos, "comment is not closed: */ is missing")
			}
			l.pos += end + 4
		default:
			return nil
		}
	}
	return nil
}

func (l *lexer) next() (token, *Error) {
	if err := l.skip(); err != nil {
		return token{}, err
	}
	if l.pos >= len(l.src) {
		return token{kind: tEnd, pos: l.pos, end: l.pos}, nil
	}
	rest := l.src[l.pos:]
	r, _ := utf8.DecodeRuneInString(rest)
	switch {
	case nameStart(r):
		return l.token(tName, wordLength(rest)), nil
	case r >= '0' && r <= '9', r == '.' && len(rest) > 1 && rest[1] >= '0' && rest[1] <= '9':
		return l.token(tNumber, numberLength(rest)), nil
	case r == '"':
		return l.string(tString, 0)
	case r == '@' && len(rest) > 1 && rest[1] == '"':
		return l.string(tAt, 1)
	}
	for _, op := range operators {
		if strings.HasPrefix(rest, op) {
			return l.token(tOperator, len(op)), nil
		}
	}
	return token{}, l.fail(l.pos, "unexpected character %q", r)
}

func (l *lexer) token(kind tokenKind, n int) token {
	t := token{kind: kind, text: l.src[l.pos : l.pos+n], pos: l.pos, end: l.pos + n}
	l.pos += n
	return t
}

func wordLength(s string) int {
	for i, r := range s {
		if !namePart(r) {
			return i
		}
	}
	return len(s)
}

// numberLength is the length of digits[.digits][e[+-]digits]; the dots of 1..2 are not part of it.
func numberLength(s string) int {
	run := func(i int) int {
		for i < len(s) && s[i] >= '0' && s[i] <= '9' {
			i++
		}
		return i
	}
	n := run(0)
	if n+1 < len(s) && s[n] == '.' && s[n+1] >= '0' && s[n+1] <= '9' {
		n = run(n + 1)
	}
	if n < len(s) && (s[n] == 'e' || s[n] == 'E') {
		e := n + 1
		if e < len(s) && (s[e] == '+' || s[e] == '-') {
			e++
		}
		if end := run(e); end > e {
			return end
		}
	}
	return n
}

// string reads a string literal whose quote is at pos+skip.
func (l *lexer) string(kind tokenKind, skip int) (token, *Error) {
	start := l.pos
	i := start + skip + 1
	var b strings.Builder
	for i < len(l.src) {
		switch c := l.src[i]; c {
		case '"':
			l.pos = i + 1
			return token{kind: kind, text: b.String(), pos: start, end: l.pos}, nil
		case '\\':
			text, n := unescape(l.src[i:])
			b.WriteString(text)
			i += n
		default:
			b.WriteByte(c)
			i++
		}
	}
	return token{}, l.fail(start, "string is not closed: \" is missing")
}

// unescape reads one escape sequence (rule 64). A backslash before any other character
// stands for itself, so that regular expressions can be written as they are.
func unescape(s string) (string, int) {
	if len(s) < 2 {
		return s, len(s)
	}
	switch s[1] {
	case 'n':
		return "\n", 2
	case 'r':
		return "\r", 2
	case 't':
		return "\t", 2
	case '"', '\'', '\\':
		return s[1:2], 2
	case 'u':
		r, ok := hexRune(s, 2, 4)
		if !ok {
			return s[:1], 1
		}
		if utf16.IsSurrogate(r) && strings.HasPrefix(s[6:], `\u`) {
			if low, ok := hexRune(s, 8, 4); ok {
				if pair := utf16.DecodeRune(r, low); pair != utf8.RuneError {
					return string(pair), 12
				}
			}
		}
		return string(r), 6
	case 'U':
		if r, ok := hexRune(s, 2, 6); ok {
			return string(r), 8
		}
	}
	return s[:1], 1
}

func hexRune(s string, from, n int) (rune, bool) {
	if len(s) < from+n {
		return 0, false
	}
	v, err := strconv.ParseUint(s[from:from+n], 16, 32)
	return rune(v), err == nil && v <= unicode.MaxRune
}
