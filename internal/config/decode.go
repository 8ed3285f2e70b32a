package config

import (
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/paceline/paceline/internal/errs"
)

// Decode reads one strict YAML document into a pointer to a struct: unknown keys,
// aliases and a second document are errors. name is what the errors call the text.
// Bounding the size of the text is the caller's.
func Decode(name string, text []byte, into any) error {
	var doc yaml.Node
	dec := yaml.NewDecoder(strings.NewReader(string(text)))
	switch err := dec.Decode(&doc); {
	case errors.Is(err, io.EOF):
		return nil // nothing but remarks
	case err != nil:
		return notYAML(name, firstLine(err))
	}
	if dec.Decode(new(yaml.Node)) == nil {
		return notYAML(name, "it holds more than one document")
	}
	c := checker{name: name}
	c.check(&doc, reflect.TypeOf(into).Elem())
	if len(c.wrong) > 0 {
		return errs.New(errs.Invalid, "%s cannot be used", name).WithDetails(c.wrong...)
	}
	var mistyped *yaml.TypeError
	switch err := doc.Decode(into); {
	case errors.As(err, &mistyped):
		e := errs.New(errs.Invalid, "%s cannot be used", name)
		for _, line := range mistyped.Errors {
			e = e.WithDetails(errs.Detail{Place: name, Rule: "type", Message: line})
		}
		return e
	case err != nil:
		return notYAML(name, firstLine(err))
	}
	return nil
}

func notYAML(name, why string) error {
	return errs.New(errs.Invalid, "%s is not a YAML document: %s", name, why)
}

func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return strings.TrimPrefix(line, "yaml: ")
}

// checker walks a document beside the Go type that it is for.
type checker struct {
	name  string
	wrong []errs.Detail
}

const maxWrong = 50

func (c *checker) check(n *yaml.Node, t reflect.Type) {
	for t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch n.Kind {
	case yaml.DocumentNode:
		c.check(n.Content[0], t)
	case yaml.AliasNode:
		c.report(n, "alias", "aliases are not accepted; write the value out")
	case yaml.SequenceNode:
		var elem reflect.Type
		if t != nil && t.Kind() == reflect.Slice {
			elem = t.Elem()
		}
		for _, item := range n.Content {
			c.check(item, elem)
		}
	case yaml.MappingNode:
		c.mapping(n, t)
	}
}

func (c *checker) mapping(n *yaml.Node, t reflect.Type) {
	var known []field
	strict := t != nil && t.Kind() == reflect.Struct
	if strict {
		known = fields(t)
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		var inside reflect.Type
		if at := slices.IndexFunc(known, func(f field) bool { return f.key == key.Value }); at >= 0 {
			inside = t.FieldByIndex(known[at].index).Type
		} else if strict {
			c.report(key, "unknown", fmt.Sprintf("unknown key %q%s", key.Value, suggest(key.Value, known)))
			continue
		} else if t != nil && t.Kind() == reflect.Map {
			inside = t.Elem()
		}
		c.check(value, inside)
	}
}

func (c *checker) report(n *yaml.Node, rule, message string) {
	if len(c.wrong) < maxWrong {
		c.wrong = append(c.wrong, errs.Detail{Place: fmt.Sprintf("%s:%d", c.name, n.Line), Rule: rule, Message: message})
	}
}

// field of a struct as YAML sees it.
type field struct {
	key    string
	index  []int
	secret bool
}

// fields lists the keys of a struct type, those of inlined structs included.
func fields(t reflect.Type) []field {
	var out []field
	for i := range t.NumField() {
		f := t.Field(i)
		key, options, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		switch {
		case !f.IsExported() || key == "-":
		case strings.Contains(options, "inline"):
			for _, inner := range fields(f.Type) {
				inner.index = append([]int{i}, inner.index...)
				out = append(out, inner)
			}
		default:
			if key == "" {
				key = strings.ToLower(f.Name)
			}
			out = append(out, field{key: key, index: f.Index, secret: f.Tag.Get("secret") == "true"})
		}
	}
	return out
}

// suggest names the nearest known key, or all when none is near.
func suggest(key string, known []field) string {
	best, least := "", 3
	all := make([]string, len(known))
	for i, f := range known {
		all[i] = f.key
		if d := distance(key, f.key); d < least {
			best, least = f.key, d
		}
	}
	if best != "" {
		return fmt.Sprintf("; did you mean %q?", best)
	}
	return "; known here: " + strings.Join(all, ", ")
}

// distance is the Levenshtein distance of two keys.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
