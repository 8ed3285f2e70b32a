package feel

import (
	"strings"
	"unicode/utf8"
)

const (
	maxSource  = 1 << 16 // bytes of one expression
	maxNesting = 200     // of brackets, operators and expressions in the text
	maxTokens  = 1 << 18 // read by the parser, trying again included
)

// parser is a recursive descent over the grammar of DMN 1.5 section 10.3.1.2. It keeps
// one token of lookahead and the names in scope.
type parser struct {
	lexer
	tok     token
	names   nameTable
	nesting int
	highEnd int // intervals whose high end is being read
	inputs  int // times that "?" was named
	read    int // tokens read, those read twice counted twice
}

// parse reads a whole expression, or unary tests.
func parse(src string, tests bool, o options) (n node, err error) {
	if len(src) > maxSource {
		return nil, &Error{Message: "expression is longer than 65536 bytes: split it into several"}
	}
	if !utf8.ValidString(src) {
		return nil, &Error{Message: "expression is not valid UTF-8"}
	}
	p := &parser{lexer: lexer{src: src}, names: newNameTable(o)}
	// The descent reports its first error by panic(*Error); nothing else is caught here.
	defer func() {
		if r := recover(); r != nil {
			e, ok := r.(*Error)
			if !ok {
				panic(r)
			}
			n, err = nil, e
		}
	}()
	p.advance()
	if tests {
		n = p.unaryTests()
	} else {
		n = p.expression()
	}
	if p.tok.kind != tEnd {
		p.unexpected("the end of the expression")
	}
	return n, nil
}

func (p *parser) advance() {
	t, err := p.next()
	if err != nil {
		panic(err)
	}
	p.tok = t
	if p.read++; p.read > maxTokens {
		p.errorf(t.pos, "expression is too complicated: write it with fewer brackets")
	}
}

func (p *parser) errorf(pos int, format string, args ...any) {
	panic(p.fail(pos, format, args...))
}

func (p *parser) unexpected(wanted string) {
	p.errorf(p.tok.pos, "expected %s, found %s", wanted, p.tok.describe())
}

func (p *parser) accept(op string) bool {
	if p.tok.is(op) {
		p.advance()
		return true
	}
	return false
}

func (p *parser) expect(op string) {
	if !p.accept(op) {
		p.unexpected(`"` + op + `"`)
	}
}

func (p *parser) acceptWord(word string) bool {
	if p.tok.isWord(word) {
		p.advance()
		return true
	}
	return false
}

func (p *parser) expectWord(word string) {
	if !p.acceptWord(word) {
		p.unexpected(`"` + word + `"`)
	}
}

// enter counts nesting; every recursion of the grammar passes through it.
func (p *parser) enter() func() {
	p.nesting++
	if p.nesting > maxNesting {
		p.errorf(p.tok.pos, "expression is nested more than %d deep", maxNesting)
	}
	return func() { p.nesting-- }
}

// mark and reset let the parser try one reading of the text and then another.
type mark struct {
	pos     int
	tok     token
	names   int
	filters int
	highEnd int
	nesting int
}

func (p *parser) mark() mark {
	return mark{p.pos, p.tok, len(p.names.local), p.names.filters, p.highEnd, p.nesting}
}

func (p *parser) reset(m mark) {
	p.pos, p.tok, p.names.filters, p.highEnd, p.nesting = m.pos, m.tok, m.filters, m.highEnd, m.nesting
	p.names.local = p.names.local[:m.names]
}

// follows reports whether the text after the current token begins with one of the operators.
func (p *parser) follows(ops ...string) bool {
	m := p.mark()
	defer p.reset(m)
	p.advance()
	for _, op := range ops {
		if p.tok.is(op) {
			return true
		}
	}
	return false
}

// expression is rule 1 (textual expression).
func (p *parser) expression() node {
	defer p.enter()()
	if p.tok.kind == tName && !p.names.begins(p.src[p.tok.pos:]) {
		switch p.tok.text {
		case "for":
			return p.loop()
		case "if":
			return p.conditional()
		case "some", "every":
			if n := p.quantified(); n != nil {
				return n
			}
		}
	}
	return p.disjunction()
}

func (p *parser) disjunction() node {
	left := p.conjunction()
	for p.acceptWord("or") {
		left = &binary{"or", left, p.conjunction()}
	}
	return left
}

func (p *parser) conjunction() node {
	left := p.comparison()
	for p.acceptWord("and") {
		left = &binary{"and", left, p.comparison()}
	}
	return left
}

// comparison is rule 49.
func (p *parser) comparison() node {
	left := p.addition()
	for {
		switch {
		case p.tok.kind == tOperator && isComparison(p.tok.text):
			op := p.tok.text
			p.advance()
			left = &binary{op, left, p.addition()}
		case p.acceptWord("between"):
			low := p.addition()
			p.expectWord("and")
			left = &between{left, low, p.addition()}
		case p.acceptWord("in"):
			left = &membership{left, p.inTests()}
		default:
			return left
		}
	}
}

func isComparison(op string) bool {
	switch op {
	case "=", "!=", "<", "<=", ">", ">=":
		return true
	}
	return false
}

func (p *parser) addition() node {
	left := p.multiplication()
	for p.tok.is("+") || p.tok.is("-") {
		op := p.tok.text
		p.advance()
		left = &binary{op, left, p.multiplication()}
	}
	return left
}

func (p *parser) multiplication() node {
	left := p.exponentiation()
	for p.tok.is("*") || p.tok.is("/") {
		op := p.tok.text
		p.advance()
		left = &binary{op, left, p.exponentiation()}
	}
	return left
}

// exponentiation associates to the left, as all operators of FEEL do.
func (p *parser) exponentiation() node {
	left := p.unary()
	for p.accept("**") {
		left = &binary{"**", left, p.unary()}
	}
	return left
}

func (p *parser) unary() node {
	if !p.tok.is("-") {
		return p.instanceOf()
	}
	defer p.enter()()
	p.advance()
	of := p.unary()
	if l, ok := of.(*literal); ok {
		if n, ok := l.value.(Number); ok {
			return &literal{negate(n)}
		}
	}
	return &negation{of}
}

// instanceOf is rule 51.
func (p *parser) instanceOf() node {
	n := p.postfix()
	for p.tok.isWord("instance") {
		p.advance()
		p.expectWord("of")
		n = &instance{n, p.parseType()}
	}
	return n
}

// postfix is a primary expression with its paths, filters and invocations (rules 45, 52, 38).
func (p *parser) postfix() node {
	n := p.primary()
	for {
		switch {
		case p.accept("."):
			n = &path{n, p.member(), false}
		case p.accept("..."):
			n = &path{n, p.member(), true}
		case p.tok.is("["):
			if p.highEnd > 0 && p.closesInterval() {
				return n
			}
			n = p.filter(n)
		case p.tok.is("("):
			n = p.invocation(n)
		default:
			return n
		}
	}
}

// filter is rule 52. The entries of the items are names in it.
func (p *parser) filter(of node) node {
	p.expect("[")
	p.names.filters++
	by := p.expression()
	p.names.filters--
	p.expect("]")
	return &filter{of, by}
}

// invocation is rule 38: positional or named arguments.
func (p *parser) invocation(fn node) node {
	c := &call{fn: fn, pos: p.tok.pos}
	if named, ok := fn.(*name); ok {
		c.pos = named.pos
	}
	p.expect("(")
	defer p.enter()()
	for !p.tok.is(")") {
		if key, ok := p.argumentName(); ok {
			if len(c.names) != len(c.args) {
				p.errorf(p.tok.pos, "named and positional arguments cannot be mixed")
			}
			c.names = append(c.names, key)
		} else if c.names != nil {
			p.errorf(p.tok.pos, "named and positional arguments cannot be mixed")
		}
		c.args = append(c.args, p.expression())
		if !p.accept(",") {
			break
		}
		if p.tok.is(")") {
			p.unexpected("an argument")
		}
	}
	p.expect(")")
	return c
}

// argumentName reads "name :" before an argument, if it is there.
func (p *parser) argumentName() (string, bool) {
	if p.tok.kind != tName && p.tok.kind != tString {
		return "", false
	}
	m := p.mark()
	var key string
	if p.tok.kind == tString {
		key = p.tok.text
		p.advance()
	} else {
		key = p.rawName(":")
	}
	if key != "" && p.accept(":") {
		return key, true
	}
	p.reset(m)
	return "", false
}

// primary is a literal, a name, or something in brackets.
func (p *parser) primary() node {
	defer p.enter()()
	switch p.tok.kind {
	case tNumber:
		n, ok := ParseNumber(p.tok.text)
		if !ok {
			p.errorf(p.tok.pos, "number %s is out of range", shorten(p.tok.text))
		}
		p.advance()
		return &literal{n}
	case tString:
		s := p.tok.text
		p.advance()
		return &literal{s}
	case tAt:
		s := p.tok.text
		p.advance()
		return &literal{atLiteral(s)}
	case tName:
		return p.word()
	case tOperator:
		switch p.tok.text {
		case "(":
			return p.parenthesis()
		case "[":
			return p.bracket()
		case "]":
			return p.openInterval()
		case "{":
			return p.context()
		}
	}
	p.unexpected("a value")
	return nil
}

func shorten(s string) string {
	if len(s) > 40 {
		return s[:40] + "..."
	}
	return s
}

// word is what begins with a name: a keyword's literal, a function definition or a name.
func (p *parser) word() node {
	if !p.names.begins(p.src[p.tok.pos:]) {
		switch p.tok.text {
		case "null", "true", "false":
			return p.constant()
		case "function":
			if p.follows("(") {
				return p.function()
			}
		case "if", "for":
			return p.expression()
		case "some", "every":
			if n := p.quantified(); n != nil {
				return n
			}
		}
		if reserved[p.tok.text] {
			p.unexpected("a value")
		}
	}
	n := &name{pos: p.tok.pos}
	n.text = p.name()
	if n.text == "?" {
		p.inputs++
	}
	return n
}

// constant is null, true or false.
func (p *parser) constant() node {
	var v Value
	if p.tok.text != "null" {
		v = p.tok.text == "true"
	}
	p.advance()
	return &literal{v}
}

// context is rule 57.
func (p *parser) context() node {
	p.expect("{")
	defer p.names.scope()()
	c := &context{}
	for !p.tok.is("}") {
		key := p.key()
		p.expect(":")
		value := p.expression()
		p.names.add(key)
		c.entries = append(c.entries, contextEntry{key, value})
		if !p.accept(",") {
			break
		}
		if p.tok.is("}") {
			p.unexpected("a key")
		}
	}
	p.expect("}")
	return c
}

// key is a name, or any text in quotes.
func (p *parser) key() string {
	if p.tok.kind == tString {
		text := p.tok.text
		p.advance()
		return text
	}
	name := p.rawName(":")
	if name == "" && p.tok.is(":") {
		p.unexpected("a key")
	}
	return name
}

func (p *parser) list(first node) node {
	l := &list{}
	if first != nil {
		l.items = append(l.items, first)
		if p.accept(",") && p.tok.is("]") {
			p.unexpected("a value")
		}
	}
	for !p.tok.is("]") {
		l.items = append(l.items, p.listItem())
		if !p.accept(",") {
			break
		}
		if p.tok.is("]") {
			p.unexpected("a value")
		}
	}
	p.expect("]")
	return l
}

func normalName(s string) string { return strings.Join(strings.Fields(s), " ") }
