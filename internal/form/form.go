// Package form reads form-js JSON forms and decides what data may pass through them:
// which fields a person sees at a step, which may be written, and whether the values
// are right.
//
// What always holds:
//
//   - A parsed Form is immutable and used from any goroutine. Expressions and patterns
//     are compiled once, in Parse, so a wrong one is a problem of the form and not a
//     surprise in a running ticket.
//   - The server decides. Apply trusts nothing a client says about visibility, rights,
//     options or computed values: it works all of them out itself.
//   - Every problem of a form, and every wrong value of a submission, is reported at
//     once, with the place, a stable rule code (see Rule) and a sentence in English.
//     User interfaces translate by rule code.
//   - The package reads no clock; the moment is an argument.
//
// The schema is that of @bpmn-io/form-js up to SchemaVersion.
package form

import (
	"encoding/json"
	"regexp"
	"strings"

	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/feel"
)

// SchemaVersion is the newest form-js schema version that Parse accepts.
const SchemaVersion = 20

// Bounds of one form and of one submission.
const (
	MaxBytes      = 512 << 10 // of the JSON
	MaxDepth      = 8         // containers within containers
	MaxComponents = 1000
	MaxOptions    = 2000
	MaxRows       = 1000  // of one dynamic list in a submission
	MaxText       = 20000 // characters of one text value, unless maxLength says less
	MaxPattern    = 500   // characters of a pattern

	maxProblems = 200 // told at once
)

// Form is one parsed form.
type Form struct {
	ID         string
	Version    int // schemaVersion of the file; 0 when it names none
	Components []*Component
	// Ignored tells of properties that mean nothing here. They do no harm, but are
	// often a slip of the pen.
	Ignored []errs.Detail

	source map[string]any
	fields []*Component // those with a Path, in document order, list members included
	byPath map[string]*Component
	// For each record, keyed by its dynamic list (nil: the form's data): its fields, and
	// the names in it, true for a field and false for an object around fields.
	inFrame map[*Component][]*Component
	names   map[*Component]map[string]bool
}

// Type is the type of a component, as form-js spells it.
type Type string

// The component types of form-js.
const (
	Textfield       Type = "textfield"
	Textarea        Type = "textarea"
	Number          Type = "number"
	Checkbox        Type = "checkbox"
	Radio           Type = "radio"
	Select          Type = "select"
	Checklist       Type = "checklist"
	Taglist         Type = "taglist"
	Datetime        Type = "datetime"
	Filepicker      Type = "filepicker"
	Expression      Type = "expression"
	Group           Type = "group"
	DynamicList     Type = "dynamiclist"
	Multipage       Type = "multipage"
	Page            Type = "page"
	Table           Type = "table"
	Text            Type = "text"
	HTML            Type = "html"
	Image           Type = "image"
	Spacer          Type = "spacer"
	Separator       Type = "separator"
	Button          Type = "button"
	Iframe          Type = "iframe"
	DocumentPreview Type = "documentPreview"
)

// Component is one element of a form: an input, a container or something to look at.
type Component struct {
	Type  Type
	ID    string
	Label string
	// Place in the JSON: components[2].components[0].
	Place string
	// Path of the value in the data, below the rows of an enclosing list:
	// "customer.name", "lines.amount". Empty for components that hold no value.
	Path string

	Parent   *Component // the enclosing container; nil at the top
	Children []*Component
	Hide     *feel.Expr // conditional.hide; nil: never
	ReadOnly Flag       // readonly or disabled
	Rules    Rules
	Options  *Options   // radio, select, checklist, taglist
	Default  feel.Value // in the field's own type; nil: none
	Compute  *feel.Expr // expression field

	Subtype    string // datetime: date, time, datetime
	TimeFormat string // datetime: utc_offset, utc_normalized, no_timezone; else ""
	Multiple   bool   // filepicker
	AsString   bool   // number: the value is carried as a string
	FixedRows  bool   // dynamic list: people may not add or remove rows
	StartRows  int    // dynamic list: rows of a new submission
	Searchable bool   // properties.searchable

	keys   []string // Path relative to the enclosing list or the form
	source map[string]any
}

// Flag is a property that is true, false or a condition.
type Flag struct {
	On   bool
	Expr *feel.Expr // wins over On
}

// Limit is a bound that is a number or an expression.
type Limit struct {
	Number string // decimal digits as written; empty: none
	Expr   *feel.Expr
}

func (l Limit) set() bool { return l.Number != "" || l.Expr != nil }

// Rules is what a value has to hold.
type Rules struct {
	Required             Flag
	Min, Max             Limit // number
	MinLength, MaxLength Limit // textfield, textarea
	Pattern              *regexp.Regexp
	Kind                 string // email, phone or ""
	Digits               int    // number: digits after the point; -1: any
	Step                 Limit  // number: increment
	Interval             int    // datetime: minutes between choices
	NoPast               bool   // datetime: disallowPassedDates
	MinRows, MaxRows     int    // dynamic list; 0: none
	MinItems, MaxItems   int    // checklist, taglist, filepicker; 0: none

	remainder *feel.Expr // of a division by Step
}

// Options are the choices of a component.
type Options struct {
	Values []Option
	Key    string     // valuesKey: path of a list in the data
	Expr   *feel.Expr // valuesExpression
	// Records is the table whose records are the choices; nil: the choices come from elsewhere.
	Records *RecordSource

	known map[string]bool // keys of Values; nil when the choices come from the data
}

// Option is one choice.
type Option struct {
	Label string
	Value feel.Value // string, bool or feel.Number
}

// Field finds the component that holds the value at a path, nil when there is none.
func (f *Form) Field(path string) *Component { return f.byPath[path] }

// Fields are the components that hold values, in document order; those of dynamic
// lists come after their list.
func (f *Form) Fields() []*Component { return f.fields }

// Source is the component as JSON, with what is in it.
func (c *Component) Source() json.RawMessage {
	b, err := json.Marshal(c.source)
	if err != nil {
		return nil // it was decoded from JSON
	}
	return b
}

// index prepares the form for Apply: which names there are in which record.
func (f *Form) index() {
	f.inFrame = map[*Component][]*Component{}
	f.names = map[*Component]map[string]bool{}
	for _, c := range f.fields {
		list := c.list()
		if f.names[list] == nil {
			f.names[list] = map[string]bool{}
		}
		for n := 1; n < len(c.keys); n++ {
			f.names[list][strings.Join(c.keys[:n], ".")] = false
		}
		f.names[list][strings.Join(c.keys, ".")] = true
		if f.byPath[c.Path] == c {
			f.inFrame[list] = append(f.inFrame[list], c)
		}
	}
}

// InRows says whether the component is in the rows of a dynamic list.
func (c *Component) InRows() bool { return c.list() != nil }

// list is the dynamic list whose row holds the component; nil: none.
func (c *Component) list() *Component {
	for p := c.Parent; p != nil; p = p.Parent {
		if p.Type == DynamicList {
			return p
		}
	}
	return nil
}
