package bpmn

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf16"

	"golang.org/x/text/encoding/htmlindex"
)

// Bounds of what Parse reads. A file beyond one of them is refused, never cut.
const (
	MaxBytes    = 8 << 20
	MaxDepth    = 128
	MaxElements = 200_000
	maxAttrs    = 256
)

// Namespaces that mean something here. Everything else is a foreign extension.
const (
	nsBPMN     = "http://www.omg.org/spec/BPMN/20100524/MODEL"
	nsDiagram  = "http://www.omg.org/spec/BPMN/20100524/DI"
	nsPaceline = "https://paceline.dev/bpmn/1.0"
	nsZeebe    = "http://camunda.org/schema/zeebe/1.0"
	nsXSI      = "http://www.w3.org/2001/XMLSchema-instance"
)

// nsDMN are the namespaces of DMN 1.1 to 1.5; the shapes used here are the same in all.
var nsDMN = []string{
	"https://www.omg.org/spec/DMN/20230324/MODEL/",
	"https://www.omg.org/spec/DMN/20211108/MODEL/",
	"https://www.omg.org/spec/DMN/20191111/MODEL/",
	"http://www.omg.org/spec/DMN/20180521/MODEL/",
	"http://www.omg.org/spec/DMN/20151101/dmn.xsd",
	"http://www.omg.org/spec/DMN/20151101/dmn11.xsd",
	"http://www.omg.org/spec/DMN/20130901",
}

// nsVendor are the dialects of one family; an attribute means the same in each.
var nsVendor = []string{
	"http://camunda.org/schema/1.0/bpmn",
	"http://flowable.org/bpmn",
	"http://activiti.org/bpmn",
	"http://operaton.org/schema/1.0/bpmn",
	"http://www.signavio.com/bpmn20/camunda",
	"http://activiti.com/bpmn",
	"http://camunda.org/bpmn",
	"http://www.camunda.com/fox",
}

// element is one XML element with its place. Extension content is in the tree like all
// other content; who reads the tree asks by namespace.
type element struct {
	space, name string
	line        int
	attrs       []xml.Attr
	kids        []*element
	text        string // character data directly inside, joined
	at          int    // how much of the parent's text comes before
	notes       []note
	prolog      []string // of the root: the comments before it
	parent      *element
}

// note is a comment, kept only to be written again.
type note struct {
	at   int // how much of the text comes before
	kids int // and how many elements
	text string
}

// readXML builds the tree of src. The error is a Problem-shaped *malformed.
func readXML(src []byte) (*element, error) {
	if len(src) > MaxBytes {
		return nil, &malformed{1, fmt.Sprintf("the file has %d bytes; at most %d are read", len(src), MaxBytes)}
	}
	src, err := toUTF8(src)
	if err != nil {
		return nil, err
	}
	d := xml.NewDecoder(bytes.NewReader(src))
	d.CharsetReader = charset
	t := treeReader{decoder: d}
	return t.read()
}

// malformed says that a file is no XML that is read here.
type malformed struct {
	line int
	text string
}

func (m *malformed) Error() string { return fmt.Sprintf("line %d: %s", m.line, m.text) }

type treeReader struct {
	decoder *xml.Decoder
	root    *element
	prolog  []string // comments before the root
	at      *element // the innermost open element
	depth   int
	count   int
	texts   [][]byte // one per open element
}

func (t *treeReader) read() (*element, error) {
	for {
		line, _ := t.decoder.InputPos()
		token, err := t.decoder.Token()
		switch {
		case errors.Is(err, io.EOF) && t.root == nil:
			return nil, &malformed{line, "the file is empty"}
		case errors.Is(err, io.EOF):
			return t.root, nil
		case err != nil:
			return nil, malformedBy(err, line)
		}
		if err := t.take(token, line); err != nil {
			return nil, err
		}
	}
}

func malformedBy(err error, line int) error {
	var syntax *xml.SyntaxError
	if errors.As(err, &syntax) {
		return &malformed{syntax.Line, "no well-formed XML: " + syntax.Msg}
	}
	return &malformed{line, err.Error()}
}

func (t *treeReader) take(token xml.Token, line int) error {
	switch x := token.(type) {
	case xml.StartElement:
		return t.open(x, line)
	case xml.EndElement:
		t.at.text = string(t.texts[t.depth-1])
		t.texts = t.texts[:t.depth-1]
		t.depth--
		t.at = t.at.parent
	case xml.CharData:
		if t.at != nil {
			t.texts[t.depth-1] = append(t.texts[t.depth-1], x...)
		} else if len(bytes.TrimSpace(x)) > 0 && t.root != nil {
			return &malformed{line, "text after the root element"}
		}
	case xml.Comment:
		if t.at != nil {
			t.at.notes = append(t.at.notes, note{len(t.texts[t.depth-1]), len(t.at.kids), string(x)})
		} else if t.root == nil {
			t.prolog = append(t.prolog, string(x))
		}
	case xml.Directive:
		return &malformed{line, "a document type (<!" + firstWord(x) + "...>) is refused: entities and external files are never read; remove it"}
	}
	return nil
}

func firstWord(b []byte) string {
	word, _, _ := strings.Cut(string(b[:min(len(b), 20)]), " ")
	return word
}

func (t *treeReader) open(x xml.StartElement, line int) error {
	t.count++
	switch {
	case t.root != nil && t.at == nil:
		return &malformed{line, "a second root element"}
	case t.depth == MaxDepth:
		return &malformed{line, fmt.Sprintf("elements are nested deeper than %d", MaxDepth)}
	case t.count > MaxElements:
		return &malformed{line, fmt.Sprintf("more than %d elements", MaxElements)}
	case len(x.Attr) > maxAttrs:
		return &malformed{line, fmt.Sprintf("an element with more than %d attributes", maxAttrs)}
	}
	seen := make(map[xml.Name]bool, len(x.Attr))
	for _, a := range x.Attr {
		if seen[a.Name] {
			return &malformed{line, "no well-formed XML: attribute " + a.Name.Local + " is given twice"}
		}
		seen[a.Name] = true
	}
	e := &element{space: x.Name.Space, name: x.Name.Local, line: line, attrs: x.Attr, parent: t.at}
	if t.at == nil {
		t.root, e.prolog = e, t.prolog
	} else {
		e.at = len(t.texts[t.depth-1])
		t.at.kids = append(t.at.kids, e)
	}
	t.at = e
	t.depth++
	t.texts = append(t.texts, nil)
	return nil
}

// toUTF8 turns UTF-16 with a byte order mark, which the XML decoder cannot read, into UTF-8.
func toUTF8(src []byte) ([]byte, error) {
	big := bytes.HasPrefix(src, []byte{0xFE, 0xFF})
	if !big && !bytes.HasPrefix(src, []byte{0xFF, 0xFE}) {
		return bytes.TrimPrefix(src, []byte{0xEF, 0xBB, 0xBF}), nil
	}
	if len(src)%2 != 0 {
		return nil, &malformed{1, "UTF-16 with an odd number of bytes"}
	}
	units := make([]uint16, 0, len(src)/2)
	for i := 2; i < len(src); i += 2 {
		if big {
			units = append(units, uint16(src[i])<<8|uint16(src[i+1]))
		} else {
			units = append(units, uint16(src[i+1])<<8|uint16(src[i]))
		}
	}
	return []byte(string(utf16.Decode(units))), nil
}

// charset reads the encodings that a declaration may name. UTF-16 has become UTF-8 before.
func charset(label string, in io.Reader) (io.Reader, error) {
	if strings.HasPrefix(strings.ToLower(label), "utf-16") {
		return in, nil
	}
	known, err := htmlindex.Get(label)
	if err != nil {
		return nil, fmt.Errorf("the encoding %q is not known; save the file as UTF-8", label)
	}
	return known.NewDecoder().Reader(in), nil
}

// is tells whether e is the BPMN element of that name.
func (e *element) is(name string) bool { return e.space == nsBPMN && e.name == name }

// attr is the value of an attribute without a namespace, trimmed.
func (e *element) attr(name string) string {
	v, _ := e.lookup("", name)
	return v
}

func (e *element) lookup(space, name string) (string, bool) {
	for _, a := range e.attrs {
		if a.Name.Local == name && a.Name.Space == space {
			return strings.TrimSpace(a.Value), true
		}
	}
	return "", false
}

// vendor is the value of an attribute of the camunda/flowable family.
func (e *element) vendor(name string) string {
	v, _ := e.vendorLookup(name)
	return v
}

func (e *element) vendorLookup(name string) (string, bool) {
	for _, space := range nsVendor {
		if v, ok := e.lookup(space, name); ok {
			return v, true
		}
	}
	return "", false
}

func (e *element) paceline(name string) string {
	v, _ := e.lookup(nsPaceline, name)
	return v
}

// child is the first BPMN child of that name, or nil.
func (e *element) child(name string) *element {
	for _, k := range e.kids {
		if k.is(name) {
			return k
		}
	}
	return nil
}

// children are the BPMN children of that name.
func (e *element) children(name string) []*element {
	var found []*element
	for _, k := range e.kids {
		if k.is(name) {
			found = append(found, k)
		}
	}
	return found
}

// childText is the trimmed text of the first BPMN child of that name.
func (e *element) childText(name string) string {
	if k := e.child(name); k != nil {
		return k.trimmed()
	}
	return ""
}

func (e *element) trimmed() string { return strings.TrimSpace(e.text) }

// inside are the children of any of the namespaces with that local name.
func (e *element) inside(spaces []string, name string) []*element {
	var found []*element
	for _, k := range e.kids {
		if k.name == name && slices.Contains(spaces, k.space) {
			found = append(found, k)
		}
	}
	return found
}

// extensions are the elements of that name inside e's extensionElements.
func (e *element) extensions(name string, spaces ...string) []*element {
	var found []*element
	for _, x := range e.children("extensionElements") {
		found = append(found, x.inside(spaces, name)...)
	}
	return found
}

// extension is the first of extensions, or nil.
func (e *element) extension(name string, spaces ...string) *element {
	if all := e.extensions(name, spaces...); len(all) > 0 {
		return all[0]
	}
	return nil
}

// ref is a reference without its namespace prefix: "tns:order" is "order".
func ref(qname string) string {
	if i := strings.LastIndexByte(qname, ':'); i >= 0 {
		return qname[i+1:]
	}
	return qname
}
