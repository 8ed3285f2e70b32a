package bpmn

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// shape is what the XML schema of BPMN allows of one type of element: the attributes, and the
// children in their order.
type shape struct {
	attrs map[string]attribute
	must  []string // attributes that must be given, in order of the alphabet
	kids  []particle
	place map[string]int // of a child's name: its particle
	text  string         // of an element that has only text: the type of that
	free  bool           // anything may be inside
	mixed bool           // text may stand between the children
}

type attribute struct {
	kind string // as in valueForms, or words between bars
	must bool
}

// particle is one child, or one group of children that may stand for each other.
type particle struct {
	name       string
	once, must bool
}

// valueForms are the simple types; what is not here takes any text.
var valueForms = map[string]*regexp.Regexp{
	"boolean": regexp.MustCompile(`^(true|false|0|1)$`),
	"integer": regexp.MustCompile(`^[+-]?[0-9]+$`),
	"name":    regexp.MustCompile(`^[\p{L}_][\p{L}\p{N}\p{M}_.·-]*$`),
	"QName":   regexp.MustCompile(`^([\p{L}_][\p{L}\p{N}\p{M}_.·-]*:)?[\p{L}_][\p{L}\p{N}\p{M}_.·-]*$`),
}

// shapes are the types of schemaTypes, each with all that it inherits.
var shapes = sync.OnceValue(func() map[string]*shape {
	all := make(map[string]*shape, len(schemaTypes))
	for name := range schemaTypes {
		all[name] = newShape(name)
	}
	return all
})

func newShape(name string) *shape {
	s := &shape{attrs: map[string]attribute{}, place: map[string]int{}}
	s.extend(name)
	for attr, a := range s.attrs {
		if a.must {
			s.must = append(s.must, attr)
		}
	}
	slices.Sort(s.must)
	for i, k := range s.kids {
		for _, member := range append(schemaGroups[k.name], k.name) {
			s.place[member] = i
		}
	}
	return s
}

// extend adds what a type declares after what its base does.
func (s *shape) extend(name string) {
	t := schemaTypes[name]
	if t.base != "" {
		s.extend(t.base)
	}
	s.free, s.mixed, s.text = s.free || t.free, s.mixed || t.mixed, t.text
	for _, word := range strings.Fields(t.attrs) {
		word, must := strings.CutSuffix(word, "!")
		attr, kind, _ := strings.Cut(word, ":")
		s.attrs[attr] = attribute{kind, must}
	}
	for _, word := range strings.Fields(t.kids) {
		kid := strings.TrimRight(word, "?*+")
		mark := word[len(kid):]
		s.kids = append(s.kids, particle{name: kid, once: mark == "" || mark == "?", must: mark == "" || mark == "+"})
	}
}

// schemaRules holds a file to the XML schema of BPMN (BPMN 15.3). Of a file that is written for an engine only names
// and values are looked at: what they say is ignored.
func (p *parser) schemaRules(e *element, s *shape) {
	p.schemaAttributes(e, s)
	switch {
	case s.free:
		return
	case s.text != "":
		p.schemaText(e, s)
		return
	case !s.mixed && e.trimmed() != "" && !p.lenient:
		p.fail(e, schemaRule, "remove it", "there is text directly inside the %s: %s", e.name, shorten(e.text))
	}
	at, seen := -1, make([]bool, len(s.kids))
	for _, k := range e.kids {
		i, known := s.place[k.name]
		if k.space == nsDiagram && k.name == "BPMNDiagram" {
			i, known = s.place["BPMNDiagram"]
		} else if k.space != nsBPMN {
			known = false
		}
		if !known {
			p.misplaced(e, k)
			continue
		}
		if !p.lenient {
			p.schemaOrder(k, s, at, i, seen[i])
		}
		at, seen[i] = max(at, i), true
		if k.space == nsBPMN {
			p.schemaRules(k, shapeOf(s.kids[i].name, k.name))
		}
	}
	for i, kid := range s.kids {
		if kid.must && !seen[i] && !p.lenient {
			p.fail(e, schemaRule, "add it", "the %s has no %s", e.name, kid.name)
		}
	}
}

const schemaRule = "15.3"

// shapeOf is the shape of a child: a group's member is of its own type.
func shapeOf(kid, name string) *shape {
	if local, ok := schemaLocal[kid]; ok {
		name = local
	}
	return shapes()[name]
}

func (p *parser) misplaced(e, k *element) {
	switch {
	case k.space == nsBPMN && schemaTypes[k.name].known() && !p.lenient:
		p.fail(k, schemaRule, "move it to where it belongs", "a %s is not allowed in a %s", k.name, e.name)
	case k.space == nsBPMN && !schemaTypes[k.name].known():
		p.looser(k, schemaRule, "remove it", "there is no element %s in a %s", k.name, e.name)
	case k.space != nsBPMN && !p.lenient:
		p.fail(k, schemaRule, "put it into extensionElements", "the element %s of another namespace stands outside extensionElements", k.name)
	}
}

func (p *parser) schemaOrder(k *element, s *shape, at, i int, again bool) {
	switch {
	case i < at:
		p.fail(k, schemaRule, "move it there", "the %s must stand before the %s", k.name, s.kids[at].name)
	case again && s.kids[i].once:
		p.fail(k, schemaRule, "keep one", "there is a second %s", k.name)
	}
}

func (p *parser) schemaText(e *element, s *shape) {
	if len(e.kids) > 0 && !p.lenient {
		p.fail(e.kids[0], schemaRule, "write the name as text", "a %s has no elements inside", e.name)
		return
	}
	if message := p.wrongValue(s.text, e.trimmed()); message != "" {
		p.looser(e, schemaRule, "correct it", "the %s %q %s", e.name, shorten(e.trimmed()), message)
	}
}

func (p *parser) schemaAttributes(e *element, s *shape) {
	formal := s == shapes()["expression"] && strings.HasSuffix(e.xsiType(), "tFormalExpression")
	if formal {
		s = shapes()["formalExpression"]
	}
	for _, a := range e.attrs {
		if a.Name.Space != "" || a.Name.Local == "xmlns" {
			continue
		}
		declared, known := s.attrs[a.Name.Local]
		if !known {
			p.looser(e, schemaRule, "remove it", "the %s has no attribute %s", e.name, a.Name.Local)
			continue
		}
		if message := p.wrongValue(declared.kind, strings.TrimSpace(a.Value)); message != "" {
			p.looser(e, schemaRule, "correct it", "the %s %q %s", a.Name.Local, shorten(a.Value), message)
		}
	}
	for _, name := range s.must {
		if _, given := e.lookup("", name); !given && !p.lenient {
			p.fail(e, schemaRule, "add it", "the %s has no %s", e.name, name)
		}
	}
}

func (e *element) xsiType() string {
	t, _ := e.lookup(nsXSI, "type")
	return t
}

// wrongValue says what is wrong with a value of a simple type; nothing is "". Engines let expressions and names of
// their own stand for references.
func (p *parser) wrongValue(kind, value string) string {
	if p.lenient && (kind == "name" || kind == "QName") {
		return ""
	}
	if words, ok := strings.CutPrefix(kind, "|"); ok {
		if !slices.Contains(strings.Split(words, "|"), value) {
			return "is none of " + strings.ReplaceAll(words, "|", ", ")
		}
		return ""
	}
	if form := valueForms[kind]; form != nil && !form.MatchString(value) {
		return "is no " + kind
	}
	if prefix, _, prefixed := strings.Cut(value, ":"); kind == "QName" && prefixed && !p.prefixes[prefix] {
		return fmt.Sprintf("has the prefix %s, which no xmlns:%s declares", prefix, prefix)
	}
	return ""
}
