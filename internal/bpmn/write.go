package bpmn

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
)

// Write writes the file that the definitions were read from, in UTF-8: everything that was in it, also
// what means nothing here, such as diagrams, other tools' extensions and comments. Reading it again
// gives the same graph and the same problems.
func (d *Definitions) Write(out io.Writer) error {
	if d.root == nil {
		return errors.New("bpmn: there is no file to write")
	}
	w := &writer{}
	w.WriteString(`<?xml version="1.0" encoding="UTF-8"?>` + "\n")
	for _, comment := range d.root.prolog {
		w.WriteString("<!--" + comment + "-->\n")
	}
	w.element(d.root)
	w.WriteByte('\n')
	_, err := out.Write(w.Bytes())
	return err
}

type writer struct {
	bytes.Buffer
	bound []binding // namespace declarations in force, innermost last
}

type binding struct{ prefix, space string }

const nsXML = "http://www.w3.org/XML/1998/namespace"

func (w *writer) element(e *element) {
	outer := len(w.bound)
	for _, a := range e.attrs {
		if prefix, ok := declares(a); ok {
			w.bound = append(w.bound, binding{prefix, a.Value})
		}
	}
	name := w.name(e.space, e.name, true)
	w.WriteString("<" + name)
	for _, a := range e.attrs {
		w.attribute(a)
	}
	if e.text == "" && len(e.kids)+len(e.notes) == 0 {
		w.WriteString("/>")
	} else {
		w.WriteByte('>')
		w.content(e)
		w.WriteString("</" + name + ">")
	}
	w.bound = w.bound[:outer]
}

func (w *writer) attribute(a xml.Attr) {
	name := a.Name.Local
	if prefix, ok := declares(a); ok {
		if name = "xmlns"; prefix != "" {
			name += ":" + prefix
		}
	} else if a.Name.Space != "" {
		name = w.name(a.Name.Space, a.Name.Local, false)
	}
	w.WriteString(" " + name + `="` + attrEscapes.Replace(a.Value) + `"`)
}

// declares reports whether an attribute is a namespace declaration, and for which prefix.
func declares(a xml.Attr) (prefix string, ok bool) {
	if a.Name.Space == "xmlns" {
		return a.Name.Local, true
	}
	return "", a.Name.Space == "" && a.Name.Local == "xmlns"
}

// name is a name with a prefix that stands for its namespace here; only elements may do without.
func (w *writer) name(space, local string, isElement bool) string {
	if space == nsXML {
		return "xml:" + local
	}
	hidden := map[string]bool{}
	for i := len(w.bound) - 1; i >= 0; i-- {
		b := w.bound[i]
		if b.space == space && !hidden[b.prefix] && (b.prefix != "" || isElement) {
			if b.prefix == "" {
				return local
			}
			return b.prefix + ":" + local
		}
		hidden[b.prefix] = true
	}
	if space == "" {
		return local
	}
	return space + ":" + local // a prefix that was never declared
}

// content writes text, elements and comments in the order in which they were.
func (w *writer) content(e *element) {
	written, notes := 0, e.notes
	upTo := func(at int) {
		w.WriteString(textEscapes.Replace(e.text[written:at]))
		written = at
	}
	for i := 0; ; i++ {
		for ; len(notes) > 0 && notes[0].kids == i; notes = notes[1:] {
			upTo(notes[0].at)
			w.WriteString("<!--" + notes[0].text + "-->")
		}
		if i == len(e.kids) {
			break
		}
		upTo(e.kids[i].at)
		w.element(e.kids[i])
	}
	upTo(len(e.text))
}

var (
	textEscapes = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", "\r", "&#xD;")
	attrEscapes = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "\t", "&#x9;", "\n", "&#xA;", "\r", "&#xD;")
)
