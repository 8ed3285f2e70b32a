package form

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/feel"
)

// Parse reads a form. The error is Invalid and lists every problem with its place in
// the JSON; a form with a problem is not returned.
func Parse(src []byte) (*Form, error) {
	if len(src) > MaxBytes {
		return nil, errs.New(errs.Invalid, "the form has %d bytes, more than %d", len(src), MaxBytes).
			WithCure("Split the form, or move large option lists into the process as data (valuesKey).")
	}
	root, err := decodeObject(src)
	if err != nil {
		return nil, err
	}
	p := &parser{form: &Form{byPath: map[string]*Component{}}, ids: map[string]string{}}
	p.root(root)
	p.checkDefaults()
	if len(p.problems) > 0 {
		return nil, errs.New(errs.Invalid, "the form cannot be used").
			WithDetails(p.problems...).
			WithCure("Correct the places named; form-js documents each component's properties.")
	}
	p.form.index()
	return p.form, nil
}

// decodeObject reads exactly one JSON object and tells the line of a slip.
func decodeObject(src []byte) (map[string]any, error) {
	dec := json.NewDecoder(bytes.NewReader(src))
	dec.UseNumber()
	var root map[string]any
	err := dec.Decode(&root)
	if err == nil {
		if _, more := dec.Token(); !errors.Is(more, io.EOF) {
			err = errors.New("more than one value in the file")
		} else if root == nil {
			err = errors.New("null is not a form")
		}
	}
	if err == nil {
		return root, nil
	}
	at := dec.InputOffset()
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		at = syntax.Offset
	}
	line := 1 + bytes.Count(src[:min(int(at), len(src))], []byte("\n"))
	return nil, errs.New(errs.Invalid, "the form is no JSON object").
		WithDetails(errs.Detail{Place: fmt.Sprintf("line %d", line), Rule: RuleJSON, Message: err.Error()})
}

// parser collects the form and its problems.
type parser struct {
	form     *Form
	problems []errs.Detail
	ids      map[string]string // component id -> place
	count    int
	patterns int // instructions of all patterns
}

func (p *parser) problem(place, rule, format string, args ...any) {
	if len(p.problems) < maxProblems {
		p.problems = append(p.problems, errs.Detail{Place: place, Rule: rule, Message: fmt.Sprintf(format, args...)})
	}
}

func (p *parser) root(m map[string]any) {
	p.form.source = m
	o := p.object("", m)
	if t := o.str("type"); t != "" && t != "default" {
		p.problem("type", RuleForm, "a form's type is \"default\", not %q", t)
	}
	p.form.ID = o.str("id")
	p.form.Version = o.count("schemaVersion", 1<<30)
	if p.form.Version > SchemaVersion {
		p.problem("schemaVersion", RuleForm, "schema version %d is newer than %d, the newest known here; save the form for that version", p.form.Version, SchemaVersion)
	}
	o.skip("$schema", "executionPlatform", "executionPlatformVersion", "versionTag", "exporter", "properties", "generator")
	p.form.Components = p.components(o, nil, 0)
	o.rest()
}

// components reads the children of a container or of the form.
func (p *parser) components(o *object, parent *Component, depth int) []*Component {
	if depth > MaxDepth {
		p.problem(o.place, RuleForm, "containers are nested deeper than %d", MaxDepth)
		return nil
	}
	var list []*Component
	for _, child := range o.objects("components") {
		if p.count++; p.count == MaxComponents+1 {
			p.problem(child.place, RuleForm, "the form has more than %d components", MaxComponents)
		}
		if p.count > MaxComponents {
			return list
		}
		if c := p.component(child, parent, depth); c != nil {
			list = append(list, c)
		}
	}
	return list
}

// component reads one component by the shape of its type.
func (p *parser) component(o *object, parent *Component, depth int) *Component {
	c := &Component{Type: Type(o.str("type")), Parent: parent, Place: o.place, source: o.m, Rules: Rules{Digits: -1}}
	shape, known := shapes[c.Type]
	switch {
	case c.Type == "":
		p.problem(o.place+".type", RuleType, "the component has no type")
		return nil
	case !known:
		p.problem(o.place+".type", RuleType, "%q is no component type; use one of %s", c.Type, typeNames())
		return nil
	case (c.Type == Page) != (parent != nil && parent.Type == Multipage):
		p.problem(o.place, RuleType, "a multipage holds pages and nothing else, and a page is only in a multipage")
	}
	p.identity(o, c)
	c.Label = o.text("label")
	if cond := o.child("conditional"); cond != nil {
		if hide := cond.str("hide"); hide != "" {
			c.Hide = p.compile(cond.at("hide"), hide)
		}
		cond.strict()
	}
	properties := p.properties(o, c)
	o.skip("layout", "appearance")
	if shape.value {
		p.path(o, c)
		p.valueProperties(o, c)
	}
	if shape.read != nil {
		shape.read(p, o, properties, c)
	}
	if shape.container {
		c.Children = p.components(o, c, depth+1)
	}
	o.rest()
	return c
}

// identity checks that ids are unique: rights, texts and errors name components by them.
func (p *parser) identity(o *object, c *Component) {
	c.ID = o.str("id")
	if c.ID == "" {
		return
	}
	if other, taken := p.ids[c.ID]; taken {
		p.problem(o.place+".id", RuleID, "the id %q is used by %s already", c.ID, other)
	}
	p.ids[c.ID] = o.place
}

var pathPattern = regexp.MustCompile(`^[\pL_][\pL\pN_]{0,63}(\.[\pL_][\pL\pN_]{0,63}){0,7}$`)

// path places the component's value in the data: prefixes of groups, then its key. A
// list takes its place from "path", an input from "key".
func (p *parser) path(o *object, c *Component) {
	property := "key"
	if c.Type == DynamicList {
		property = "path"
	}
	own := o.str(property)
	if own == "" {
		p.problem(o.place+"."+property, RuleKey, "the %s needs a %s: the variable that takes its value", c.Type, property)
		return
	}
	if !pathPattern.MatchString(own) {
		p.problem(o.place+"."+property, RuleKey, "%q is no name: letters, digits and _, not beginning with a digit, parts joined by dots", own)
		return
	}
	outer := ""
	c.keys = strings.Split(own, ".")
	for up := c.Parent; up != nil; up = up.Parent {
		if up.Type == DynamicList {
			outer = up.Path + "."
			break
		}
		c.keys = append(slices.Clone(up.keys), c.keys...)
	}
	c.Path = outer + strings.Join(c.keys, ".")
	p.register(c)
}

// register refuses two components that would write the same place, or one inside the
// other. The same key may occur twice when at most one of them shows at a time.
func (p *parser) register(c *Component) {
	if same := p.form.byPath[c.Path]; same != nil {
		if same.Type != c.Type || same.Hide == nil || c.Hide == nil {
			p.problem(c.Place+".key", RuleKey, "%q is the key of %s already; give each a key of its own, or the same type and a condition each", c.Path, same.Place)
			return
		}
		p.form.fields = append(p.form.fields, c)
		return
	}
	for _, other := range p.form.fields {
		inside := strings.HasPrefix(c.Path, other.Path+".") && !within(c, other)
		around := strings.HasPrefix(other.Path, c.Path+".")
		if inside || around {
			p.problem(c.Place+".key", RuleKey, "%q and %q (%s) cannot both hold a value: one is inside the other", c.Path, other.Path, other.Place)
			return
		}
	}
	p.form.byPath[c.Path] = c
	p.form.fields = append(p.form.fields, c)
}

func within(c, container *Component) bool {
	for p := c.Parent; p != nil; p = p.Parent {
		if p == container {
			return true
		}
	}
	return false
}

// properties reads the custom properties; those known here are rules of our own that
// form-js has no word for.
func (p *parser) properties(o *object, c *Component) *object {
	props := o.child("properties")
	if props == nil {
		return p.object(o.place+".properties", map[string]any{})
	}
	if searchable := props.str("searchable"); searchable != "" {
		if searchable != "true" && searchable != "false" {
			p.problem(props.place+".searchable", RuleForm, "searchable is \"true\" or \"false\"")
		}
		c.Searchable = searchable == "true"
		if c.Searchable && !shapes[c.Type].searchable {
			p.problem(props.place+".searchable", RuleForm, "a %s has no value to search for", c.Type)
		}
	}
	return props
}

// compile compiles FEEL and names the place of a mistake.
func (p *parser) compile(place, src string) *feel.Expr {
	x, err := feel.Compile(strings.TrimPrefix(strings.TrimSpace(src), "="))
	if err != nil {
		p.problem(place, RuleExpression, "%v", err)
	}
	return x
}
