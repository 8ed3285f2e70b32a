package form

import (
	"encoding/json"
	"maps"
	"regexp"

	"github.com/paceline/paceline/internal/feel"
)

// View is what a client gets to show a form: nothing in it is hidden from the person.
type View struct {
	Schema json.RawMessage  `json:"schema"` // the form without what is hidden
	Rights map[string]Right `json:"rights"` // of every field that shows: read, edit or required
	Data   map[string]any   `json:"data"`   // as feel.ToGo gives it
}

// View takes out of the form and of the variables what the rights hide. Beside the
// values of its fields a form shows the variables its expressions and option lists name; that
// is how an author hands data to a form. Its words are those of the translation.
func (f *Form) View(rights Rights, vars feel.Vars, words Translation) View {
	v := View{Rights: map[string]Right{}}
	named := map[string]bool{}
	shown := f.visible(rights, f.Components, v.Rights, named, words)
	root := maps.Clone(f.source)
	root["components"] = shown
	schema, err := json.Marshal(root)
	if err == nil { // it was decoded from JSON
		v.Schema = schema
	}
	data, all := feel.NewContext(), record(vars)
	for name := range named {
		if value, ok := all.Get(name); ok {
			data = set(data, []string{name}, value)
		}
	}
	data = f.copyFields(rights, nil, data, all)
	v.Data, _ = feel.ToGo(data).(map[string]any)
	return v
}

// visible gives the JSON of the components that are not hidden, notes the rights of
// their fields and the names their expressions use.
func (f *Form) visible(rights Rights, components []*Component, effective map[string]Right, named map[string]bool, words Translation) []any {
	shown := []any{}
	for _, c := range components {
		right := rights.of(c)
		if right == Hide {
			continue
		}
		if c.Type == Expression || c.ReadOnly.On && right.writes() {
			right = Read
		}
		if c.Path != "" {
			effective[c.Path] = right
		}
		mentions(c.source, named)
		source := words.source(c)
		if c.Children != nil {
			source = maps.Clone(source)
			source["components"] = f.visible(rights, c.Children, effective, named, words)
		}
		shown = append(shown, source)
	}
	return shown
}

var (
	stringPattern   = regexp.MustCompile(`"(?:[^"\\]|\\.)*"`)
	wordPattern     = regexp.MustCompile(`[\pL_][\pL\pN_]*`)
	templatePattern = regexp.MustCompile(`\{\{([^}]*)\}\}`)
)

// mentions collects the words of the expressions in a component's own properties.
func mentions(v any, named map[string]bool) {
	switch v := v.(type) {
	case string:
		if len(v) > 0 && v[0] == '=' {
			addWords(v, named)
		}
		for _, m := range templatePattern.FindAllStringSubmatch(v, -1) {
			addWords(m[1], named)
		}
	case []any:
		for _, member := range v {
			mentions(member, named)
		}
	case map[string]any:
		for key, member := range v {
			switch s, isText := member.(string); {
			case key == "components":
			case isText && (key == "valuesKey" || key == "hide" || key == "expression" || key == "valuesExpression"):
				addWords(s, named) // always expressions, with or without "="
			default:
				mentions(member, named)
			}
		}
	}
}

// addWords collects the names of an expression, without the words of its texts.
func addWords(src string, named map[string]bool) {
	src = stringPattern.ReplaceAllString(src, " ")
	for _, word := range wordPattern.FindAllString(src, -1) {
		named[word] = true
	}
}

// copyFields puts the values of fields that show into data and takes those of hidden ones out.
func (f *Form) copyFields(rights Rights, list *Component, data, all *feel.Context) *feel.Context {
	for _, c := range f.inFrame[list] {
		value, _ := find(all, c.keys)
		switch {
		case rights.of(c) == Hide:
			value = nil
		case c.Type == DynamicList:
			value = f.copyRows(rights, c, all, value)
		}
		data = set(data, c.keys, value)
	}
	return data
}

func (f *Form) copyRows(rights Rights, list *Component, all *feel.Context, value feel.Value) feel.Value {
	if value == nil {
		return nil
	}
	rows := rowsOf(all, list)
	shown := make(feel.List, len(rows))
	for i, row := range rows {
		shown[i] = f.copyFields(rights, list, feel.NewContext(), row)
	}
	return shown
}
