package form

import (
	"fmt"
	"maps"
	"slices"

	"github.com/paceline/paceline/internal/feel"
)

// Words are what a form shows people, in its own language, by the key that a
// translation has: the path of a field or the id of a component, then
//
//	label, description, text (text and html), alt (image), options.<value>,
//	columns.<key> (table), dateLabel, timeLabel, nextLabel, backLabel, submitLabel
//
// Components without a path and an id have no key and cannot be translated.
func (f *Form) Words() map[string]string {
	words := map[string]string{}
	f.Walk(func(c *Component) {
		name := c.Path
		if name == "" {
			name = c.ID
		}
		if name == "" {
			return
		}
		for property, key := range wordProperties {
			if s, ok := c.source[property].(string); ok && s != "" {
				words[name+"."+key] = s
			}
		}
		if c.Options != nil {
			for _, option := range c.Options.Values {
				words[name+".options."+feel.String(option.Value)] = option.Label
			}
		}
		columns, _ := c.source["columns"].([]any)
		for _, member := range columns {
			if column, ok := member.(map[string]any); ok {
				label, _ := column["label"].(string)
				words[fmt.Sprintf("%s.columns.%v", name, column["key"])] = label
			}
		}
	})
	return words
}

// wordProperties are the properties that hold words, and how a text key calls them.
var wordProperties = map[string]string{
	"label": "label", "description": "description", "text": "text", "content": "text", "alt": "alt",
	"dateLabel": "dateLabel", "timeLabel": "timeLabel",
	"nextLabel": "nextLabel", "backLabel": "backLabel", "submitLabel": "submitLabel",
}

// Translation finds the text of a key of Form.Words in a reader's language. Nil, and where it finds none:
// the form's own words.
type Translation func(key string) (string, bool)

// source is the JSON of a component in a reader's language. What is shared is not changed.
func (t Translation) source(c *Component) map[string]any {
	name := c.Path
	if name == "" {
		name = c.ID
	}
	if t == nil || name == "" {
		return c.source
	}
	read := maps.Clone(c.source)
	for property, key := range wordProperties {
		if _, there := read[property].(string); !there {
			continue
		}
		if s, ok := t(name + "." + key); ok {
			read[property] = s
		}
	}
	t.labels(read, "values", "value", name+".options.")
	t.labels(read, "columns", "key", name+".columns.")
	return read
}

// labels puts a reader's words for the labels of a list of options or columns, each called by one of its properties.
func (t Translation) labels(read map[string]any, list, called, prefix string) {
	members, ok := read[list].([]any)
	if !ok {
		return
	}
	members = slices.Clone(members)
	for i, m := range members {
		member, ok := m.(map[string]any)
		if !ok {
			continue
		}
		if s, ok := t(prefix + feel.String(feel.From(member[called]))); ok {
			member = maps.Clone(member)
			member["label"] = s
			members[i] = member
		}
	}
	read[list] = members
}
