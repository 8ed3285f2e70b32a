package form

import (
	"maps"
	"slices"

	"github.com/paceline/paceline/internal/errs"
)

// Right is what a person may do with a field at one step.
type Right string

// Rights from less to more. Required is Edit, and a value has to be there.
const (
	Hide     Right = "hide"
	Read     Right = "read"
	Edit     Right = "edit"
	Required Right = "required"
)

// Rights of one step. A key is the path of a field ("amount", "lines.amount"), the id
// of a component or container, or "*" for all fields that nothing else speaks for. What
// holds for a container holds for what is in it, unless that has an entry of its own;
// but nothing inside a hidden container shows. Without any entry a field may be
// edited.
type Rights map[string]Right

// ReadAll are the rights of those who only look.
var ReadAll = Rights{"*": Read}

// CheckRights compares the rights that a step asks for with the form, and gives them
// in the form Apply takes. Each problem names the key.
func (f *Form) CheckRights(asked map[string]string) (Rights, []errs.Detail) {
	rights, ids := Rights{}, map[string]bool{"*": true}
	f.Walk(func(c *Component) { ids[c.ID] = c.ID != "" })
	var problems []errs.Detail
	for _, key := range slices.Sorted(maps.Keys(asked)) {
		right := Right(asked[key])
		field := f.byPath[key]
		switch {
		case right != Hide && right != Read && right != Edit && right != Required:
			problems = append(problems, errs.Detail{Place: key, Rule: "right", Message: "\"" + asked[key] + "\" is not one of hide, read, edit, required"})
		case field == nil && !ids[key]:
			problems = append(problems, errs.Detail{Place: key, Rule: RuleUnknown, Message: "the form has no field and no component of that name"})
		case right == Required && (key == "*" || field == nil || field.Type == Expression):
			problems = append(problems, errs.Detail{Place: key, Rule: "right", Message: "required is for one field that takes a value"})
		}
		rights[key] = right
	}
	return rights, problems
}

// RightsOf takes the rights of a step as its model has them. Words that are no right
// were refused when the app was published; here they mean hide, the careful reading.
func RightsOf(model map[string]string) Rights {
	rights := make(Rights, len(model))
	for key, word := range model {
		right := Right(word)
		if right != Read && right != Edit && right != Required {
			right = Hide
		}
		rights[key] = right
	}
	return rights
}

// of is the right that holds for a component.
func (r Rights) of(c *Component) Right {
	own, found := r.entry(c)
	for p := c.Parent; p != nil; p = p.Parent {
		right, named := r.entry(p)
		switch {
		case !named:
		case right == Hide:
			return Hide
		case !found:
			own, found = right, true
			if right == Required {
				own = Edit // what is required is the list, not each of its columns
			}
		}
	}
	if !found {
		if all, named := r["*"]; named {
			return all
		}
		return Edit
	}
	return own
}

func (r Rights) entry(c *Component) (Right, bool) {
	if right, named := r[c.Path]; named && c.Path != "" {
		return right, true
	}
	right, named := r[c.ID]
	return right, named && c.ID != ""
}

// writes tells whether the right allows a value to be changed.
func (r Right) writes() bool { return r == Edit || r == Required }

// Walk visits every component, containers before what is in them.
func (f *Form) Walk(visit func(*Component)) { walk(f.Components, visit) }

func walk(list []*Component, visit func(*Component)) {
	for _, c := range list {
		visit(c)
		walk(c.Children, visit)
	}
}
