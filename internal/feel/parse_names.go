package feel

import (
	"strings"
	"unicode/utf8"
)

// reserved words begin something else or end what stands before them; they are part of
// a name only when the scope knows such a name.
var reserved = map[string]bool{
	"and": true, "or": true, "between": true, "in": true, "if": true, "then": true, "else": true,
	"for": true, "return": true, "some": true, "every": true, "satisfies": true,
	"function": true, "true": true, "false": true, "null": true,
}

// nameIndex holds names by their first word, each as its words and operators. Only names of
// more than one part are in it: the others need no scope to be told from an expression.
type nameIndex map[string][][]string

// maxSameStart bounds the names that begin with the same word: each is tried wherever the word stands.
const maxSameStart = 200

func (x nameIndex) put(name string) {
	parts := splitName(name)
	if len(parts) > 1 && len(x[parts[0]]) < maxSameStart {
		x[parts[0]] = append(x[parts[0]], parts)
	}
}

// longest is the length of the longest of these names at the beginning of text, 0 for none.
func (x nameIndex) longest(text string) int {
	best := 0
	for _, parts := range x[text[:wordLength(text)]] {
		best = max(best, matchName(text, parts))
	}
	return best
}

func newNameIndex(names []string) nameIndex {
	x := nameIndex{}
	for _, name := range names {
		x.put(name)
	}
	return x
}

func longestOf(indexes []nameIndex, text string) int {
	best := 0
	for _, x := range indexes {
		best = max(best, x.longest(text))
	}
	return best
}

// nameTable holds the names known at the current token.
type nameTable struct {
	global  []nameIndex
	local   [][]string  // of the scopes around the token
	entries []nameIndex // of contexts outside: names after a dot and in filters
	members nameIndex   // as well, of contexts in the text
	filters int         // filters around the token
}

func newNameTable(o options) nameTable {
	return nameTable{global: o.global, entries: o.entries, members: nameIndex{}}
}

// add makes a name known until the scope ends; as a member it is known for the rest of the text.
func (t *nameTable) add(name string) {
	if parts := splitName(name); len(parts) > 1 {
		t.local = append(t.local, parts)
		t.members.put(name)
	}
}

// scope begins a scope and returns what ends it.
func (t *nameTable) scope() func() {
	n := len(t.local)
	return func() { t.local = t.local[:n] }
}

// begins reports whether text begins with a known name of several parts.
func (t *nameTable) begins(text string) bool { return t.longest(text, false) > 0 }

// longest is the length of the longest known name at the beginning of text, 0 for none.
func (t *nameTable) longest(text string, member bool) int {
	best := 0
	if member || t.filters > 0 {
		best = max(t.members.longest(text), longestOf(t.entries, text))
	}
	if member {
		return best
	}
	for _, parts := range t.local {
		best = max(best, matchName(text, parts))
	}
	return max(best, longestOf(t.global, text), builtinNames.longest(text))
}

// matchName is the length of the text that spells the name, white space between its
// parts not counting; 0 when text does not begin with it.
func matchName(text string, parts []string) int {
	pos := 0
	for i, part := range parts {
		if i > 0 {
			pos += leadingSpace(text[pos:])
		}
		if !strings.HasPrefix(text[pos:], part) {
			return 0
		}
		pos += len(part)
		if r, _ := utf8.DecodeRuneInString(part); namePart(r) {
			if next, _ := utf8.DecodeRuneInString(text[pos:]); pos < len(text) && namePart(next) {
				return 0
			}
		}
	}
	return pos
}

func leadingSpace(s string) int {
	for i, r := range s {
		if !space(r) {
			return i
		}
	}
	return len(s)
}

// splitName cuts a name into its words and single operator characters.
func splitName(s string) []string {
	var parts []string
	for s = s[leadingSpace(s):]; s != ""; s = s[leadingSpace(s):] {
		n := wordLength(s)
		if n == 0 {
			_, n = utf8.DecodeRuneInString(s)
		}
		parts = append(parts, s[:n])
		s = s[n:]
	}
	return parts
}

// name reads the name at the current token: the longest known one, or all the words that
// follow each other, whichever is longer.
func (p *parser) name() string { return p.longestName(false) }

// member reads the name after a dot.
func (p *parser) member() string {
	if p.tok.kind != tName {
		p.unexpected("a name")
	}
	return p.longestName(true)
}

func (p *parser) longestName(member bool) string {
	start := p.tok.pos
	known := start + p.names.longest(p.src[start:], member)
	end := p.tok.end
	for {
		p.advance()
		if !p.continuesName() {
			break
		}
		end = p.tok.end
	}
	if known <= end {
		return normalName(p.src[start:end])
	}
	p.pos = known
	p.advance()
	return canonicalName(p.src[start:known])
}

// continuesName reports whether the token can only be a further word of the name before it.
func (p *parser) continuesName() bool {
	switch p.tok.kind {
	case tNumber:
		return digits(p.tok.text)
	case tName:
		if p.tok.text == "instance" {
			m := p.mark()
			p.advance()
			of := p.tok.isWord("of")
			p.reset(m)
			return !of
		}
		return !reserved[p.tok.text]
	}
	return false
}

// rawName reads a name that is being defined, so that everything up to one of the stops belongs to it.
func (p *parser) rawName(stops ...string) string {
	if p.tok.kind != tName {
		return ""
	}
	start, end := p.tok.pos, p.tok.pos
	for {
		for _, stop := range stops {
			if p.tok.is(stop) || p.tok.isWord(stop) && end > start {
				return canonicalName(p.src[start:end])
			}
		}
		if !inName(p.tok) {
			return canonicalName(p.src[start:end])
		}
		end = p.tok.end
		p.advance()
	}
}

// inName: words, numbers and the additional name symbols (rule 30).
func inName(t token) bool {
	switch t.kind {
	case tName, tNumber:
		return true
	case tOperator:
		switch t.text {
		case ".", "/", "-", "+", "*", "**", "'":
			return true
		}
	}
	return false
}

// canonicalName spells a name the one way it is stored: words parted by one space, operators by none.
func canonicalName(s string) string {
	var b strings.Builder
	wasWord := false
	for _, part := range splitName(s) {
		r, _ := utf8.DecodeRuneInString(part)
		if wasWord && namePart(r) {
			b.WriteByte(' ')
		}
		b.WriteString(part)
		wasWord = namePart(r)
	}
	return b.String()
}
