package feel

import "strings"

// Type is a type as "instance of" and parameters name it (DMN 1.5 rule 52).
type Type struct {
	kind   kind
	null   bool  // the type Null, which only null has
	elem   *Type // of list and range, nil: any
	fields []field
	params []*Type // of function
	result *Type
}

type field struct {
	name string
	typ  *Type
}

// typeNames are the types that are spelled as plain names.
var typeNames = map[string]*Type{
	"Any": {kind: kAny}, "Null": {null: true},
	"number": {kind: kNumber}, "string": {kind: kString}, "boolean": {kind: kBool},
	"date": {kind: kDate}, "time": {kind: kTime}, "date and time": {kind: kDateTime}, "dateTime": {kind: kDateTime},
	"years and months duration": {kind: kMonths}, "yearMonthDuration": {kind: kMonths},
	"days and time duration": {kind: kDuration}, "dayTimeDuration": {kind: kDuration},
	"list": {kind: kList}, "context": {kind: kContext}, "range": {kind: kRange}, "function": {kind: kFunction},
}

// longTypeNames are those of several words.
var longTypeNames = [][]string{
	{"date", "and", "time"},
	{"years", "and", "months", "duration"},
	{"days", "and", "time", "duration"},
}

// parseType is rule 52.
func (p *parser) parseType() *Type {
	defer p.enter()()
	if p.tok.kind != tName {
		p.unexpected("a type")
	}
	pos, word := p.tok.pos, p.tok.text
	for _, parts := range longTypeNames {
		if n := matchName(p.src[pos:], parts); n > 0 {
			word = strings.Join(parts, " ")
			p.pos = pos + n
		}
	}
	t, ok := typeNames[word]
	if !ok {
		p.errorf(pos, "unknown type %q", word)
	}
	p.advance()
	if !p.tok.is("<") {
		return t
	}
	switch t.kind {
	case kList, kRange:
		p.advance()
		t = &Type{kind: t.kind, elem: p.parseType()}
		p.expect(">")
		return t
	case kContext:
		return p.contextType()
	case kFunction:
		return p.functionType()
	}
	return t
}

func (p *parser) contextType() *Type {
	p.expect("<")
	t := &Type{kind: kContext}
	for !p.tok.is(">") {
		f := field{name: p.rawName(":")}
		p.expect(":")
		f.typ = p.parseType()
		t.fields = append(t.fields, f)
		if !p.accept(",") {
			break
		}
	}
	p.expect(">")
	return t
}

func (p *parser) functionType() *Type {
	p.expect("<")
	t := &Type{kind: kFunction, params: []*Type{}}
	for !p.tok.is(">") {
		t.params = append(t.params, p.parseType())
		if !p.accept(",") {
			break
		}
	}
	p.expect(">")
	if p.accept("->") {
		t.result = p.parseType()
	}
	return t
}

// has reports whether v is of the type. null is of no type but Null.
func (t *Type) has(v Value) bool {
	switch {
	case t == nil:
		return true
	case t.null:
		return v == nil
	case v == nil:
		return false
	case t.kind == kAny:
		return true
	}
	if kindOf(v) != t.kind {
		return false
	}
	switch v := v.(type) {
	case List:
		return t.elem == nil || all(v, t.elem.accepts)
	case *Context:
		for _, f := range t.fields {
			if field, ok := v.Get(f.name); !ok || !f.typ.accepts(field) {
				return false
			}
		}
	case *Range:
		return t.elem == nil || t.elem.accepts(v.Low) && t.elem.accepts(v.High)
	case *Function:
		return t.params == nil || v.hasType(t)
	}
	return true
}

// accepts is has for the parts of a value, where null stands for a value that is not there.
func (t *Type) accepts(v Value) bool { return v == nil || t.has(v) }

func all(items List, ok func(Value) bool) bool {
	for _, v := range items {
		if !ok(v) {
			return false
		}
	}
	return true
}

// hasType compares parameters by number and, where the definition names them, by type.
func (f *Function) hasType(t *Type) bool {
	if len(f.params) != len(t.params) {
		return false
	}
	for i, p := range f.params {
		if p.typ != nil && !t.params[i].within(p.typ) {
			return false
		}
	}
	return true
}

// within reports whether every value of t is one of o (DMN 1.5 section 10.3.2.9.2).
func (t *Type) within(o *Type) bool {
	switch {
	case o == nil || o.kind == kAny || t != nil && t.null:
		return true
	case t == nil || t.kind != o.kind:
		return false
	}
	switch t.kind {
	case kList, kRange:
		return o.elem == nil || t.elem.within(o.elem)
	case kContext:
		for _, want := range o.fields {
			if got := t.field(want.name); got == nil || !got.within(want.typ) {
				return false
			}
		}
	}
	return true
}

func (t *Type) field(name string) *Type {
	for _, f := range t.fields {
		if f.name == name {
			return f.typ
		}
	}
	return nil
}
