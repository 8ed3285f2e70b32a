package form

import (
	"fmt"

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
