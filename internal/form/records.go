package form

import (
	"strings"

	"github.com/paceline/paceline/internal/feel"
)

// RecordSource says that a field's choices are the records of a table. The value of a choice
// is one of a record's fields, and its label the record's title. It stands in properties:
//
//	records      the table, "assets", or that of another app, "service-desk/assets"
//	recordValue  path of the field whose value is taken; the table's first unique key where it is left out
type RecordSource struct {
	App   string // empty: the form's own
	Table string
	Value string // path; empty: the first unique key
}

// Choice is a record that a field offers.
type Choice struct {
	Label string `json:"label"`
	Value string `json:"value"`
}

// RecordFields are the fields whose choices are records.
func (f *Form) RecordFields() []*Component {
	var fields []*Component
	for _, c := range f.fields {
		if c.Options != nil && c.Options.Records != nil {
			fields = append(fields, c)
		}
	}
	return fields
}

// Visible takes out of data what the rights hide: what is left are the values of fields that
// a person may see.
func (f *Form) Visible(rights Rights, data feel.Vars) *feel.Context {
	return f.copyFields(rights, nil, feel.NewContext(), record(data))
}

// Hides says whether the rights hide a field.
func (f *Form) Hides(rights Rights, path string) bool {
	c := f.byPath[path]
	return c == nil || rights.of(c) == Hide
}

// recordSource reads the properties that name a table; nil without them.
func (p *parser) recordSource(properties *object) *RecordSource {
	table := properties.str("records")
	value := properties.str("recordValue")
	if table == "" {
		if value != "" {
			p.problem(properties.at("recordValue"), RuleOptions, "recordValue needs the table in records")
		}
		return nil
	}
	app, name, two := strings.Cut(table, "/")
	if !two {
		app, name = "", table
	}
	if name == "" || two && app == "" || strings.Contains(name, "/") {
		p.problem(properties.at("records"), RuleOptions, "records names a table, as in assets or service-desk/assets")
	}
	if value != "" && !pathPattern.MatchString(value) {
		p.problem(properties.at("recordValue"), RuleKey, "%q is no path of a field", value)
	}
	return &RecordSource{App: app, Table: name, Value: value}
}
