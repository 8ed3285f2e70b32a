package app

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/paceline/paceline/internal/feel"
	"github.com/paceline/paceline/internal/form"
)

// Table is a data table of the app, of a file such as records/assets.yaml: the data of one
// form, without a process. Its id is the name of the file.
//
// Read, Create, Change and Delete say who may. Each holds terms:
//
//	everyone                        who is signed in
//	NAME  role:NAME  group:NAME     who is in the group or role; unit:NAME, post:NAME and user:LOGIN likewise
//	own                             who made the record
//	unit                            everybody in the units of who made it
//	=EXPRESSION                     FEEL over the record's data that gives such a term, a list of them, or null
//
// Nobody beside administrators may what has no term.
type Table struct {
	App         string `yaml:"-" json:"app"`
	ID          string `yaml:"-" json:"id"`
	Name        string `yaml:"name" json:"name"` // in the app's own language
	Description string `yaml:"description" json:"description,omitempty"`
	Icon        string `yaml:"icon" json:"icon,omitempty"`
	Form        string `yaml:"form" json:"form"`
	// Title of a record: text, or after "=" a FEEL expression over its data.
	Title string `yaml:"title" json:"title"`
	// Unique keys, each of one or more fields. A key with a field that has no value holds nobody off.
	Unique     [][]string `yaml:"unique" json:"unique,omitempty"`
	Searchable []string   `yaml:"searchable" json:"searchable,omitempty"` // beside the fields that the form marks so

	Read   []string `yaml:"read" json:"read,omitempty"`
	Create []string `yaml:"create" json:"create,omitempty"`
	Change []string `yaml:"change" json:"change,omitempty"`
	Delete []string `yaml:"delete" json:"delete,omitempty"`
	// Rights to fields: the first entry that names a person counts. Without one every
	// field may be edited. Processes may write every field.
	Rights []TableRights `yaml:"rights" json:"rights,omitempty"`
	// Apps whose processes may use the table beside those of its own app.
	Apps []string `yaml:"apps" json:"apps,omitempty"`

	form   *form.Form
	search []form.SearchField
	exprs  map[string]*feel.Expr // by source, of terms and the title
}

// TableRights gives some people rights to fields, as a step of a process does.
type TableRights struct {
	Who    []string          `yaml:"who" json:"who,omitempty"` // names and terms that need no record; empty: everybody
	Fields map[string]string `yaml:"fields" json:"fields"`
}

// Bounds of the tables of an app.
const (
	maxTables     = 50
	maxUniqueKeys = 5
	maxKeyFields  = 5
	maxTerms      = 20
)

// Terms that name nobody in particular.
const (
	TermEveryone = "everyone"
	TermOwn      = "own"
	TermUnit     = "unit"
)

// NeedsRecord tells whether a term means somebody only together with a record.
func NeedsRecord(term string) bool {
	return term == TermOwn || term == TermUnit || strings.HasPrefix(term, "=")
}

// Table finds a table of the app; nil when there is none of that id.
func (l *Loaded) Table(id string) *Table { return l.Tables[id] }

// Schema is the form that the table's data are held to.
func (t *Table) Schema() *form.Form { return t.form }

// SearchFields are the fields that records are filtered and sorted by.
func (t *Table) SearchFields() []form.SearchField { return t.search }

// RecordTitle works out what people call a record. Where its expression gives no text it
// is empty.
func (t *Table) RecordTitle(data feel.Vars, now time.Time) string {
	title := t.Title
	if x := t.exprs[t.Title]; x != nil {
		v, err := x.Eval(clocked{data, now})
		if title = ""; err == nil && v != nil {
			title = feel.String(v)
		}
	}
	title = strings.Join(strings.Fields(title), " ")
	if r := []rune(title); len(r) > maxTitle {
		title = string(r[:maxTitle-1]) + "…"
	}
	return title
}

// Terms are those of a list, with expressions replaced by what they give for the data. What
// gives no text means nobody.
func (t *Table) Terms(list []string, data feel.Vars, now time.Time) []string {
	var terms []string
	for _, term := range list {
		x := t.exprs[term]
		if x == nil {
			terms = append(terms, term)
			continue
		}
		v, err := x.Eval(clocked{data, now})
		if err != nil {
			continue
		}
		members, isList := v.(feel.List)
		if !isList {
			members = feel.List{v}
		}
		for _, m := range members {
			if s, ok := m.(string); ok && s != "" && !strings.HasPrefix(s, "=") {
				terms = append(terms, s)
			}
		}
	}
	return terms
}

// records reads and checks the tables.
func (c *checker) records() {
	files := c.inFolder("records")
	if len(files) > maxTables {
		c.problem(Problem{File: "records/", Rule: "record", Message: fmt.Sprintf("there are more than %d tables", maxTables)})
		return
	}
	for _, file := range files {
		t := &Table{App: c.loaded.App, ID: stem(file), exprs: map[string]*feel.Expr{}}
		if problems := decodeYAML(file, c.bundle.Files[file], t); problems != nil {
			for _, p := range problems {
				c.problem(p)
			}
			continue
		}
		at := &lines{}
		_ = yaml.Unmarshal(c.bundle.Files[file], &at.root) // it was decoded before
		c.table(t, func(key, format string, args ...any) {
			c.problem(Problem{File: file, Element: key, Line: at.at(key), Rule: "record", Message: fmt.Sprintf(format, args...)})
		})
		c.loaded.Tables[t.ID] = t
	}
	c.choices()
}

// choices checks the tables that fields take their choices from. Those of other apps may
// be published later.
func (c *checker) choices() {
	for _, name := range c.formNames() {
		for _, field := range c.loaded.Forms[name].RecordFields() {
			from := field.Options.Records
			if from.App != "" && from.App != c.loaded.App {
				continue
			}
			t, why := c.loaded.Tables[from.Table], ""
			switch {
			case t == nil:
				why = fmt.Sprintf("the app has no table %q", clip(from.Table))
			case t.form == nil:
			case from.Value == "" && t.KeyField() == "":
				why = fmt.Sprintf("the table %q has no unique key of one field; name one in recordValue", t.ID)
			case from.Value != "" && (t.form.Field(from.Value) == nil || t.form.Field(from.Value).InRows()):
				why = fmt.Sprintf("the table %q has no field %q", t.ID, clip(from.Value))
			}
			if why != "" {
				c.problem(Problem{File: "forms/" + name + ".json", Element: field.Place, Rule: "record", Message: why})
			}
		}
	}
}

// KeyField is the field of the first unique key that has one field only: what other data
// name a record by. Empty when there is none.
func (t *Table) KeyField() string {
	for _, key := range t.Unique {
		if len(key) == 1 {
			return key[0]
		}
	}
	return ""
}

func (c *checker) table(t *Table, wrong func(key, format string, args ...any)) {
	if !idPattern.MatchString(t.ID) {
		wrong("", "a table's file is named with 2 to 63 small letters, digits and -, beginning with a letter")
	}
	if t.Name == "" || len(t.Name) > 200 {
		wrong("name", "the table needs a name of at most 200 bytes")
	}
	if src, isExpression := strings.CutPrefix(strings.TrimSpace(t.Title), "="); isExpression {
		t.compile(t.Title, src, "title", wrong)
	}
	for key, terms := range map[string][]string{"read": t.Read, "create": t.Create, "change": t.Change, "delete": t.Delete} {
		c.terms(t, key, terms, wrong)
	}
	if len(t.Apps) > maxTerms || slices.ContainsFunc(t.Apps, func(name string) bool { return !idPattern.MatchString(name) }) {
		wrong("apps", "apps are named by their ids, at most %d", maxTerms)
	}
	t.form = c.loaded.Form(t.Form)
	switch {
	case t.Form == "":
		wrong("form", "the table needs the form that its data are held to")
	case t.form == nil && !c.broken.forms[stem(t.Form)]:
		wrong("form", "the app has no form %q", clip(t.Form))
	}
	if t.form != nil {
		t.fields(wrong)
	}
}

func (t *Table) compile(term, src, key string, wrong func(key, format string, args ...any)) {
	x, err := feel.Compile(src)
	if err != nil {
		wrong(key, "%v", err)
		return
	}
	t.exprs[term] = x
}

// terms checks one list of who may. What a term means is looked up when it is asked for, since
// people and groups come and go.
func (c *checker) terms(t *Table, key string, terms []string, wrong func(key, format string, args ...any)) {
	if len(terms) > maxTerms {
		wrong(key, "there are more than %d terms", maxTerms)
		return
	}
	for _, term := range terms {
		switch src, isExpression := strings.CutPrefix(term, "="); {
		case key == "create" && NeedsRecord(term):
			wrong(key, "%q needs a record, and there is none yet; name groups, roles, units or everyone", clip(term))
		case isExpression:
			t.compile(term, src, key, wrong)
		case term == "" || len(term) > 150:
			wrong(key, "a term has 1 to 150 bytes")
		}
	}
}

// fields checks what the declaration says about fields of the form.
func (t *Table) fields(wrong func(key, format string, args ...any)) {
	for _, reserved := range []string{"_id", "_version"} {
		if t.form.Field(reserved) != nil {
			wrong("form", "the field %s has a name that tables use themselves", reserved)
		}
	}
	for i, r := range t.Rights {
		if len(r.Who) > maxTerms || slices.ContainsFunc(r.Who, NeedsRecord) {
			wrong("rights", "entry %d: name groups, roles, units or everyone, at most %d", i+1, maxTerms)
		}
		_, problems := t.form.CheckRights(r.Fields)
		for _, d := range problems {
			wrong("rights", "field %q: %s", clip(d.Place), d.Message)
		}
	}
	if len(t.Unique) > maxUniqueKeys {
		wrong("unique", "there are more than %d unique keys", maxUniqueKeys)
	}
	for _, key := range t.Unique {
		if len(key) == 0 || len(key) > maxKeyFields {
			wrong("unique", "a key has 1 to %d fields", maxKeyFields)
		}
		for _, path := range key {
			if f := t.form.Field(path); f == nil || f.InRows() || f.Type == form.DynamicList {
				wrong("unique", "the form has no field %q that a key can be made of", clip(path))
			}
		}
	}
	t.searchable(wrong)
}

func (t *Table) searchable(wrong func(key, format string, args ...any)) {
	found := map[string]form.SearchField{}
	for _, field := range t.form.SearchFields() {
		found[field.Path] = field
	}
	for _, path := range t.Searchable {
		f := t.form.Field(path)
		if f == nil || f.SearchType() == "" {
			wrong("searchable", "the form has no field %q that holds a value to search for", clip(path))
			continue
		}
		found[path] = form.SearchField{Path: path, Type: f.SearchType()}
	}
	if len(found) > 20 {
		wrong("searchable", "more than 20 fields are searchable; choose those that people look for")
	}
	for _, path := range slices.Sorted(maps.Keys(found)) {
		t.search = append(t.search, found[path])
	}
}
