package api

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"html/template"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// document is the API document in its two forms, rendered once: the operations do not
// change while the server runs.
type document struct {
	json []byte
	page []byte
}

func (s *Server) renderDocument() error {
	doc := s.huma.OpenAPI()
	for _, unused := range []string{"ErrorModel", "ErrorDetail"} { // huma's own errors, which restate replaces
		delete(doc.Components.Schemas.Map(), unused)
	}
	body, err := json.MarshalIndent(doc, "", " ")
	if err != nil {
		return fmt.Errorf("api document: %w", err)
	}
	var page bytes.Buffer
	err = pageTemplates.ExecuteTemplate(&page, "docs.html", map[string]any{
		"Doc": doc, "Sections": docSections(doc), "Schemas": docSchemas(doc), "Key": idempotencyParam(),
	})
	if err != nil {
		return fmt.Errorf("api document: %w", err)
	}
	s.document = document{json: append(body, '\n'), page: page.Bytes()}
	return nil
}

func (s *Server) serveDocument(w http.ResponseWriter, r *http.Request) {
	contentType, body := "application/json", s.document.json
	if r.URL.Path == docsPath {
		contentType, body = "text/html; charset=utf-8", s.document.page
	}
	w.Header().Set("Content-Type", contentType)
	if _, err := w.Write(body); err != nil {
		s.log.Debug("client went away", "err", err)
	}
}

// docSection, docOperation and docField are the document as its page shows it.
type docSection struct {
	Tag        string
	Operations []docOperation
}

type docOperation struct {
	ID, Method, Path, Summary, Description string

	Parameters []docField
	Request    template.HTML
	Answers    []docAnswer
}

type docAnswer struct {
	Status string
	Type   template.HTML
}

type docField struct {
	Name, In, Description string
	Type                  template.HTML
	Required              bool
}

type docSchema struct {
	Name   string
	Fields []docField
}

func docSections(doc *huma.OpenAPI) []docSection {
	byTag := map[string]*docSection{}
	var order []string
	for _, path := range slices.Sorted(maps.Keys(doc.Paths)) {
		for _, op := range pathOperations(doc.Paths[path]) {
			tag := op.Tags[0]
			if byTag[tag] == nil {
				byTag[tag] = &docSection{Tag: tag}
				order = append(order, tag)
			}
			byTag[tag].Operations = append(byTag[tag].Operations, docOperationOf(op, path))
		}
	}
	slices.Sort(order)
	sections := make([]docSection, 0, len(order))
	for _, tag := range order {
		sections = append(sections, *byTag[tag])
	}
	return sections
}

func pathOperations(p *huma.PathItem) []*huma.Operation {
	all := []*huma.Operation{p.Get, p.Post, p.Put, p.Patch, p.Delete}
	return slices.DeleteFunc(all, func(op *huma.Operation) bool { return op == nil })
}

func docOperationOf(op *huma.Operation, path string) docOperation {
	d := docOperation{ID: op.OperationID, Method: op.Method, Path: path, Summary: op.Summary, Description: op.Description}
	for _, p := range op.Parameters {
		if p.Name == keyHeader {
			continue // said once, at the top of the page
		}
		d.Parameters = append(d.Parameters, docField{Name: p.Name, In: p.In, Type: typeName(p.Schema), Required: p.Required, Description: cmp.Or(p.Description, p.Schema.Description)})
	}
	if op.RequestBody != nil {
		d.Request = contentName(op.RequestBody.Content)
	}
	for _, status := range slices.Sorted(maps.Keys(op.Responses)) {
		d.Answers = append(d.Answers, docAnswer{status, contentName(op.Responses[status].Content)})
	}
	return d
}

func docSchemas(doc *huma.OpenAPI) []docSchema {
	all := doc.Components.Schemas.Map()
	var list []docSchema
	for _, name := range slices.Sorted(maps.Keys(all)) {
		schema := docSchema{Name: name}
		for _, field := range slices.Sorted(maps.Keys(all[name].Properties)) {
			p := all[name].Properties[field]
			schema.Fields = append(schema.Fields, docField{Name: field, Type: typeName(p), Description: p.Description,
				Required: slices.Contains(all[name].Required, field)})
		}
		list = append(list, schema)
	}
	return list
}

func contentName(content map[string]*huma.MediaType) template.HTML {
	var names []string
	for _, kind := range slices.Sorted(maps.Keys(content)) {
		names = append(names, string(typeName(content[kind].Schema))+" as "+template.HTMLEscapeString(kind))
	}
	if len(names) == 0 {
		return "no body"
	}
	return template.HTML(strings.Join(names, ", ")) //nolint:gosec // every part is escaped above and in typeName
}

// typeName names a schema, with a link where it is one of the document's.
func typeName(s *huma.Schema) template.HTML {
	if s == nil {
		return "anything"
	}
	if name, ok := strings.CutPrefix(s.Ref, "#/components/schemas/"); ok {
		name = template.HTMLEscapeString(name)
		return template.HTML(`<a href="#schema-` + name + `">` + name + `</a>`) //nolint:gosec // escaped
	}
	text := template.HTMLEscapeString(s.Type)
	switch {
	case s.Type == huma.TypeArray:
		text = "list of " + string(typeName(s.Items))
	case s.Format != "":
		text += " (" + template.HTMLEscapeString(s.Format) + ")"
	case len(s.Enum) > 0:
		words := make([]string, len(s.Enum))
		for i, word := range s.Enum {
			words[i] = template.HTMLEscapeString(fmt.Sprint(word))
		}
		text = strings.Join(words, " | ")
	case s.Type == "":
		text = "anything"
	}
	return template.HTML(text) //nolint:gosec // escaped
}
