package feel

import (
	"regexp/syntax"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxBacktrack bounds how deep a match with back-references goes into its input.
const maxBacktrack = 10_000

// backtracker matches patterns with back-references. Every step counts as one of the evaluation.
type backtracker struct {
	m     *machine
	s     string
	caps  []int
	depth int
}

// backtrackAll is pattern.matches for patterns with back-references.
func backtrackAll(m *machine, p *pattern, s string, n int) [][]int {
	var all [][]int
	for pos := 0; pos <= len(s) && len(all) < n; {
		match := backtrackAt(m, p, s, pos)
		switch {
		case match == nil:
			pos += max(1, runeLength(s[pos:]))
		case match[1] == pos:
			all = append(all, match)
			pos += max(1, runeLength(s[pos:]))
		default:
			all = append(all, match)
			pos = match[1]
		}
	}
	return all
}

func runeLength(s string) int {
	_, n := utf8.DecodeRuneInString(s)
	return n
}

func backtrackAt(m *machine, p *pattern, s string, pos int) []int {
	b := &backtracker{m: m, s: s, caps: make([]int, 2*(p.groups+1))}
	for i := range b.caps {
		b.caps[i] = -1
	}
	if !b.match(p.back, pos, func(end int) bool {
		b.caps[0], b.caps[1] = pos, end
		return true
	}) {
		return nil
	}
	return b.caps
}

// match tries re at pos; then is the rest of the pattern, asked for every way re can match.
func (b *backtracker) match(re *syntax.Regexp, pos int, then func(int) bool) bool {
	b.m.spend(1)
	if b.depth++; b.depth > maxBacktrack {
		b.m.exceed("a regular expression with back-references goes more than %d deep: use a shorter text", maxBacktrack)
	}
	defer func() { b.depth-- }()
	switch re.Op {
	case syntax.OpEmptyMatch:
		return then(pos)
	case syntax.OpLiteral:
		end, ok := b.literal(re, pos)
		return ok && then(end)
	case syntax.OpCharClass, syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		r, n := utf8.DecodeRuneInString(b.s[pos:])
		return n > 0 && inClass(re, r) && then(pos+n)
	case syntax.OpBeginText:
		return pos == 0 && then(pos)
	case syntax.OpEndText:
		return pos == len(b.s) && then(pos)
	case syntax.OpBeginLine:
		return (pos == 0 || b.s[pos-1] == '\n') && then(pos)
	case syntax.OpEndLine:
		return (pos == len(b.s) || b.s[pos] == '\n') && then(pos)
	case syntax.OpCapture:
		return b.capture(re, pos, then)
	case syntax.OpConcat:
		return b.concat(re.Sub, pos, then)
	case syntax.OpAlternate:
		for _, sub := range re.Sub {
			if b.match(sub, pos, then) {
				return true
			}
		}
		return false
	case syntax.OpStar:
		return b.repeat(re, 0, -1, pos, then)
	case syntax.OpPlus:
		return b.repeat(re, 1, -1, pos, then)
	case syntax.OpQuest:
		return b.repeat(re, 0, 1, pos, then)
	case syntax.OpRepeat:
		return b.repeat(re, re.Min, re.Max, pos, then)
	}
	return false
}

func inClass(re *syntax.Regexp, r rune) bool {
	switch re.Op {
	case syntax.OpAnyChar:
		return true
	case syntax.OpAnyCharNotNL:
		return r != '\n'
	}
	for i := 0; i < len(re.Rune); i += 2 {
		if r >= re.Rune[i] && r <= re.Rune[i+1] {
			return true
		}
	}
	return false
}

// literal matches runes; those from firstReference on stand for what a group has matched.
func (b *backtracker) literal(re *syntax.Regexp, pos int) (int, bool) {
	fold := re.Flags&syntax.FoldCase != 0
	for _, want := range re.Rune {
		text := string(want)
		if want > firstReference {
			group := int(want - firstReference)
			text = ""
			if start := b.caps[2*group]; start >= 0 {
				text = b.s[start:b.caps[2*group+1]]
			}
		}
		b.m.spend(len(text) / 16)
		end, ok := hasPrefix(b.s, pos, text, fold)
		if !ok {
			return 0, false
		}
		pos = end
	}
	return pos, true
}

func hasPrefix(s string, pos int, prefix string, fold bool) (end int, ok bool) {
	if !fold {
		return pos + len(prefix), strings.HasPrefix(s[pos:], prefix)
	}
	for _, want := range prefix {
		got, n := utf8.DecodeRuneInString(s[pos:])
		if n == 0 || got != want && !foldEqual(got, want) {
			return 0, false
		}
		pos += n
	}
	return pos, true
}

func foldEqual(a, b rune) bool {
	for r := unicode.SimpleFold(a); r != a; r = unicode.SimpleFold(r) {
		if r == b {
			return true
		}
	}
	return false
}

func (b *backtracker) capture(re *syntax.Regexp, pos int, then func(int) bool) bool {
	i := 2 * re.Cap
	return b.match(re.Sub[0], pos, func(end int) bool {
		start, stop := b.caps[i], b.caps[i+1]
		b.caps[i], b.caps[i+1] = pos, end
		if then(end) {
			return true
		}
		b.caps[i], b.caps[i+1] = start, stop
		return false
	})
}

func (b *backtracker) concat(subs []*syntax.Regexp, pos int, then func(int) bool) bool {
	if len(subs) == 0 {
		return then(pos)
	}
	return b.match(subs[0], pos, func(end int) bool { return b.concat(subs[1:], end, then) })
}

// repeat stops where another round matches nothing.
func (b *backtracker) repeat(re *syntax.Regexp, least, most, pos int, then func(int) bool) bool {
	again := func() bool {
		return most != 0 && b.match(re.Sub[0], pos, func(end int) bool {
			if end == pos && least <= 0 {
				return false
			}
			return b.repeat(re, least-1, most-1, end, then)
		})
	}
	switch {
	case least > 0:
		return again()
	case re.Flags&syntax.NonGreedy != 0:
		return then(pos) || again()
	}
	return again() || then(pos)
}
