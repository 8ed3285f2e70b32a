package feel

// loop is rule 46: for name in domain, ... return body.
func (p *parser) loop() node {
	p.expectWord("for")
	defer p.names.scope()()
	l := &loop{iterators: p.iterators()}
	p.expectWord("return")
	p.names.add("partial")
	l.body = p.expression()
	return l
}

// iterators reads "name in domain" one or more times; each sees the names before it.
func (p *parser) iterators() []iterator {
	var its []iterator
	for {
		if p.tok.kind != tName {
			p.unexpected("a name")
		}
		it := iterator{name: p.rawName("in")}
		p.expectWord("in")
		it.over = p.expression()
		if p.accept("..") {
			it.to = p.expression()
		}
		p.names.add(it.name)
		its = append(its, it)
		if !p.accept(",") {
			return its
		}
	}
}

// conditional is rule 47.
func (p *parser) conditional() node {
	p.expectWord("if")
	c := &conditional{when: p.expression()}
	p.expectWord("then")
	c.then = p.expression()
	p.expectWord("else")
	c.otherwise = p.expression()
	return c
}

// quantified is rule 48. A name that merely begins with "some" or "every" gives nil.
func (p *parser) quantified() node {
	m := p.mark()
	q := &quantified{every: p.tok.text == "every"}
	p.advance()
	if p.tok.kind != tName {
		p.reset(m)
		return nil
	}
	defer p.names.scope()()
	q.iterators = p.iterators()
	p.expectWord("satisfies")
	q.satisfies = p.expression()
	return q
}

// function is rule 55.
func (p *parser) function() node {
	p.expectWord("function")
	p.expect("(")
	defer p.names.scope()()
	f := &function{}
	for !p.tok.is(")") {
		if p.tok.kind != tName {
			p.unexpected("a parameter name")
		}
		a := param{name: p.rawName(":", ",", ")"), kind: kAny}
		if p.accept(":") {
			a.typ = p.parseType()
		}
		for _, other := range f.params {
			if other.name == a.name {
				p.errorf(p.tok.pos, "parameter %q is there twice", a.name)
			}
		}
		f.params = append(f.params, a)
		p.names.add(a.name)
		if !p.accept(",") {
			break
		}
	}
	p.expect(")")
	if p.acceptWord("external") {
		f.external = true
		f.body = p.expression()
		return f
	}
	f.body = p.expression()
	return f
}

// parenthesis is an expression in (), an interval open at its low end, or a half range.
func (p *parser) parenthesis() node {
	p.expect("(")
	if p.tok.kind == tOperator && isComparison(p.tok.text) {
		h := p.halfRange()
		p.expect(")")
		return h
	}
	n := p.expression()
	if p.accept("..") {
		return p.intervalEnd(n, false)
	}
	p.expect(")")
	return n
}

// bracket is a list, or an interval closed at its low end.
func (p *parser) bracket() node {
	p.expect("[")
	if p.tok.is("]") {
		return p.list(nil)
	}
	n := p.listItem()
	if p.accept("..") {
		return p.intervalEnd(n, true)
	}
	if !p.tok.is(",") && !p.tok.is("]") {
		p.unexpected(`"," or "]"`)
	}
	return p.list(n)
}

// listItem allows for half ranges without parentheses inside a list: [<5, >10].
func (p *parser) listItem() node {
	if p.tok.kind == tOperator && isComparison(p.tok.text) {
		return p.halfRange()
	}
	return p.expression()
}

// openInterval is an interval that begins with ].
func (p *parser) openInterval() node {
	p.expect("]")
	low := p.addition()
	p.expect("..")
	return p.intervalEnd(low, false)
}

func (p *parser) intervalEnd(low node, lowClosed bool) node {
	p.highEnd++
	i := &interval{low: low, lowClosed: lowClosed, high: p.addition()}
	p.highEnd--
	switch {
	case p.accept("]"):
		i.highClosed = true
	case p.accept(")"), p.accept("["):
	default:
		p.unexpected(`"]", ")" or "["`)
	}
	return i
}

// closesInterval tells the [ that ends an interval, as in [1..10[, from one that begins a filter:
// after it, no value begins.
func (p *parser) closesInterval() bool {
	m := p.mark()
	defer p.reset(m)
	p.advance()
	switch p.tok.kind {
	case tEnd:
		return true
	case tOperator:
		switch p.tok.text {
		case "(", "[", "{", "-", "<", "<=", ">", ">=", "=", "!=":
			return false
		}
		return true
	case tName:
		switch p.tok.text {
		case "and", "or", "between", "in", "then", "else", "return", "satisfies", "instance":
			return true
		}
	}
	return false
}

// halfRange is rule 7: an operator and the value it compares with.
func (p *parser) halfRange() node {
	op := p.tok.text
	p.advance()
	return &halfRange{op, p.addition()}
}

// inTests are the tests after "in": one, or several in parentheses.
func (p *parser) inTests() []*unaryTest {
	if !p.tok.is("(") {
		return []*unaryTest{p.test(p.operand)}
	}
	// (1..5) and (a) + 1 begin with a parenthesis too: read those as one test.
	m := p.mark()
	p.advance()
	tests := p.testsUntilEnd()
	if p.tok.is("..") {
		p.reset(m)
		return []*unaryTest{p.test(p.operand)}
	}
	p.expect(")")
	return tests
}

func (p *parser) testsUntilEnd() []*unaryTest {
	tests := []*unaryTest{p.test(p.wholeTest)}
	for p.accept(",") {
		tests = append(tests, p.test(p.wholeTest))
	}
	return tests
}

// test is one unary test, read by one of the two functions below.
func (p *parser) test(read func() node) *unaryTest {
	defer p.enter()()
	before := p.inputs
	if p.tok.kind == tOperator && isComparison(p.tok.text) {
		return &unaryTest{of: p.halfRange()}
	}
	of := read()
	return &unaryTest{of, p.inputs > before}
}

// operand of "in" without parentheses: stops before "and" and "or".
func (p *parser) operand() node { return p.addition() }

func (p *parser) wholeTest() node {
	if p.tok.isWord("not") && p.follows("(") {
		if n, ok := p.negatedTests(); ok {
			return n
		}
	}
	return p.expression()
}

// negatedTests is not(test, test); not(...) that goes on, as in "not(a) and b", is an expression.
func (p *parser) negatedTests() (node, bool) {
	m := p.mark()
	p.advance()
	p.advance()
	t := &testList{tests: p.testsUntilEnd(), negated: true}
	p.expect(")")
	if p.tok.kind == tEnd || p.tok.is(",") || p.tok.is(")") {
		return t, true
	}
	p.reset(m)
	return nil, false
}

// unaryTests is rule 15.
func (p *parser) unaryTests() node {
	if p.tok.is("-") && p.last() {
		p.advance()
		return anyTest{}
	}
	return &testList{tests: p.testsUntilEnd()}
}

// last reports whether nothing follows the current token.
func (p *parser) last() bool {
	m := p.mark()
	defer p.reset(m)
	p.advance()
	return p.tok.kind == tEnd
}
