package form

import (
	"fmt"
	"slices"
	"strings"

	"github.com/paceline/paceline/internal/feel"
)

// choices are the keys of the options that a component takes from the data: members of
// a list, each a plain value or an object with label and value.
func (r *run) choices(fr *frame, c *Component) map[string]bool {
	var source feel.Value
	if c.Options.Expr != nil {
		source = r.eval(fr, c, c.Options.Expr)
	} else {
		keys := strings.Split(c.Options.Key, ".")
		root, _ := fr.Lookup(keys[0])
		source, _ = find(root, keys[1:])
	}
	list, _ := source.(feel.List)
	known := make(map[string]bool, min(len(list), MaxOptions))
	for _, member := range list[:min(len(list), MaxOptions)] {
		if entry, ok := member.(*feel.Context); ok {
			member, _ = entry.Get("value")
		}
		if key, ok := optionKey(member); ok {
			known[key] = true
		}
	}
	return known
}

// optionRules refuses values that are not among the choices. A value that was there
// before stays good, even when its choice has gone since.
func (r *run) optionRules(fr *frame, c *Component, values feel.List) {
	allowed := c.Options.known
	if allowed == nil && c.Options.Records == nil {
		allowed = r.choices(fr, c)
	}
	before, _ := find(fr.old, c.keys)
	kept, isList := before.(feel.List)
	if !isList {
		kept = feel.List{before}
	}
	for _, v := range values {
		key, _ := optionKey(v)
		if slices.ContainsFunc(kept, func(old feel.Value) bool { return same(old, v) }) {
			continue
		}
		if from := c.Options.Records; !allowed[key] && (from == nil || r.chosen == nil || !r.chosen(from, v)) {
			r.problem(fr.at(c), RuleOption, fmt.Sprintf("%q is not one of the choices", clip(feel.String(v))))
		}
	}
}
