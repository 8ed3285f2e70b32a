package form

import (
	"fmt"
	"strings"

	"github.com/paceline/paceline/internal/feel"
)

// Choices are the options of a choice component for the data of its record: those
// written in the form, or members of a list in the data, each a plain value or an object with label
// and value.
func (r *run) choices(fr *frame, c *Component) []Option {
	if c.Options.Values != nil {
		return c.Options.Values
	}
	var source feel.Value
	if c.Options.Expr != nil {
		source = r.eval(fr, c, c.Options.Expr)
	} else {
		keys := strings.Split(c.Options.Key, ".")
		root, _ := fr.Lookup(keys[0])
		source, _ = find(root, keys[1:])
	}
	list, _ := source.(feel.List)
	options := make([]Option, 0, min(len(list), MaxOptions))
	for _, member := range list {
		if len(options) == MaxOptions {
			break
		}
		option := Option{Value: member}
		if entry, ok := member.(*feel.Context); ok {
			label, _ := entry.Get("label")
			option.Label, _ = label.(string)
			option.Value, _ = entry.Get("value")
		}
		if _, ok := optionKey(option.Value); ok {
			if option.Label == "" {
				option.Label = feel.String(option.Value)
			}
			options = append(options, option)
		}
	}
	return options
}

// optionRules refuses values that are not among the choices. A value that was there
// before stays good, even when its choice has gone since.
func (r *run) optionRules(fr *frame, c *Component, values feel.List) {
	allowed := map[string]bool{}
	for _, option := range r.choices(fr, c) {
		if key, ok := optionKey(option.Value); ok {
			allowed[key] = true
		}
	}
	before, _ := find(fr.old, c.keys)
	kept, isList := before.(feel.List)
	if !isList {
		kept = feel.List{before}
	}
	for _, v := range kept {
		if key, ok := optionKey(v); ok {
			allowed[key] = true
		}
	}
	for _, v := range values {
		if key, _ := optionKey(v); !allowed[key] {
			r.problem(fr.at(c), RuleOption, fmt.Sprintf("%q is not one of the choices", clip(feel.String(v))))
		}
	}
}
