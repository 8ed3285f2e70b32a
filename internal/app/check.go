package app

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/paceline/paceline/internal/bpmn"
	"github.com/paceline/paceline/internal/engine"
	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/feel"
	"github.com/paceline/paceline/internal/form"
)

// checker reads a bundle file by file and notes what is wrong. A file that could not be
// read is marked broken, so that what refers to it is not reported as missing.
type checker struct {
	bundle    *Bundle
	loaded    *Loaded
	problems  []Problem
	broken    broken
	textLines map[string]map[string]int // language -> key -> line
}

// broken is what could not be read.
type broken struct {
	manifest bool
	models   bool            // one or more of processes/
	forms    map[string]bool // by name
}

func (b *broken) any() bool { return b.manifest || b.models || len(b.forms) > 0 }

func (c *checker) inFolder(folder string) []string {
	var names []string
	for _, name := range c.bundle.Names() {
		if strings.HasPrefix(name, folder+"/") {
			names = append(names, name)
		}
	}
	return names
}

func (c *checker) forms() {
	for _, file := range c.inFolder("forms") {
		name := stem(file)
		if !namePattern.MatchString(name) {
			c.problem(Problem{File: file, Rule: "name", Message: "a form's file is named with letters, digits, - and _, beginning with a letter"})
		}
		f, err := form.Parse(c.bundle.Files[file])
		if err != nil {
			c.broken.forms[name] = true
			c.formProblems(file, err)
			continue
		}
		lines := form.LinesOf(c.bundle.Files[file])
		for _, d := range f.Ignored {
			c.problem(Problem{File: file, Element: d.Place, Line: lines.At(d.Place), Severity: Warning, Rule: d.Rule, Message: d.Message})
		}
		if c.loaded.Forms[name] != nil {
			c.problem(Problem{File: file, Rule: "name", Message: fmt.Sprintf("there are two forms named %q", name)})
		}
		c.loaded.Forms[name] = f
		if f.ID != "" {
			c.loaded.formIDs[f.ID] = f
		}
	}
}

func (c *checker) formProblems(file string, err error) {
	var e *errs.Error
	if !errors.As(err, &e) || len(e.Details) == 0 {
		c.problem(Problem{File: file, Rule: "form", Message: err.Error()})
		return
	}
	lines := form.LinesOf(c.bundle.Files[file])
	for _, d := range e.Details {
		p := Problem{File: file, Element: d.Place, Rule: d.Rule, Message: d.Message}
		if _, err := fmt.Sscanf(d.Place, "line %d", &p.Line); err == nil { // no JSON: there are no elements yet
			p.Element = ""
		} else {
			p.Line = lines.At(d.Place)
		}
		c.problem(p)
	}
}

// processes reads the models. Decisions of DMN files are there for every model of the bundle.
func (c *checker) processes() {
	var decisions []*bpmn.Decision
	seen := map[string]string{}
	for _, file := range c.inFolder("processes") {
		d, err := bpmn.Parse(c.bundle.Files[file])
		c.fromModel(file, d.Problems)
		if err != nil {
			c.broken.models = true
			continue
		}
		if strings.HasSuffix(file, ".dmn") {
			decisions = append(decisions, d.Decisions...)
			continue
		}
		for _, p := range d.Processes {
			if other, twice := seen[p.ID]; twice {
				c.problem(Problem{File: file, Element: p.ID, Line: p.Line, Rule: "process", Message: "the process is in " + other + " too", Cure: "Give each process an id of its own."})
			}
			seen[p.ID] = file
		}
		c.loaded.Files[file] = d
	}
	for _, file := range c.modelFiles() {
		d := c.loaded.Files[file]
		d.Decisions = append(d.Decisions, decisions...)
		for _, p := range d.Processes {
			if !p.Executable {
				continue
			}
			def, err := engine.Compile(d, p.ID)
			if err != nil {
				if d.Err() == nil {
					c.problem(Problem{File: file, Element: p.ID, Line: p.Line, Rule: "process", Message: err.Error()})
				}
				continue
			}
			c.loaded.compiled[p.ID] = def
		}
	}
	if len(c.inFolder("processes")) == 0 && len(c.inFolder("records")) == 0 {
		c.problem(Problem{File: "processes/", Rule: "process", Message: "the app has no process and no table", Cure: "Put at least one BPMN file into processes/, or one table into records/."})
	}
}

// modelFiles are the BPMN files that could be read, in order.
func (c *checker) modelFiles() []string {
	var files []string
	for file := range c.loaded.Files {
		files = append(files, file)
	}
	slices.Sort(files)
	return files
}

func (c *checker) texts() {
	for _, file := range c.inFolder("texts") {
		language := stem(file)
		if !languagePattern.MatchString(language) {
			c.problem(Problem{File: file, Rule: "language", Message: fmt.Sprintf("%q is no language tag", language), Cure: "Name the file by the language: en.yaml, zh-TW.yaml, zh-CN.yaml, ja.yaml."})
			continue
		}
		texts, at, problems := parseTexts(file, c.bundle.Files[file])
		for _, p := range problems {
			c.problem(p)
		}
		if texts != nil {
			c.loaded.Texts[language], c.textLines[language] = texts, at
		}
	}
}

var (
	idPattern    = regexp.MustCompile(`^[a-z][a-z0-9-]{1,62}$`)
	namePattern  = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]{0,62}$`)
	colorPattern = regexp.MustCompile(`^#[0-9a-fA-F]{6}$`)
)

// manifest checks app.yaml against what the bundle has.
func (c *checker) manifest() {
	m, at, problems := parseManifest(c.bundle.Files["app.yaml"])
	for _, p := range problems {
		c.problem(p)
	}
	if m == nil {
		c.broken.manifest = true
		return
	}
	c.loaded.Manifest, c.loaded.App = *m, m.ID
	wrong := func(line int, element, format string, args ...any) {
		c.problem(Problem{File: "app.yaml", Line: line, Element: element, Rule: "manifest", Message: fmt.Sprintf(format, args...)})
	}
	if !idPattern.MatchString(m.ID) {
		wrong(at.at("id"), "id", "id has to be 2 to 63 small letters, digits and -, beginning with a letter")
	}
	if m.Name == "" || len(m.Name) > 200 {
		wrong(at.at("name"), "name", "the app needs a name of at most 200 bytes")
	}
	if m.Color != "" && !colorPattern.MatchString(m.Color) {
		wrong(at.at("color"), "color", "color is written #rrggbb")
	}
	if !languagePattern.MatchString(m.Language) {
		wrong(at.at("language"), "language", "%q is no language tag", clip(m.Language))
	}
	if !principals(m.Readers) {
		wrong(at.at("readers"), "readers", "roles and groups have names of 1 to 100 bytes")
	}
	if len(m.Tickets) > 100 {
		wrong(at.at("tickets"), "tickets", "there are more than 100 kinds of tickets")
		return
	}
	seen := map[string]bool{}
	for i := range m.Tickets {
		k := &m.Tickets[i]
		if seen[k.ID] {
			wrong(at.at("tickets", i, "id"), k.ID, "there are two kinds of tickets with this id")
		}
		seen[k.ID] = true
		c.kind(k, func(key, format string, args ...any) {
			wrong(at.at("tickets", i, key), k.ID+"."+key, format, args...)
		})
	}
}

// kind checks one kind of ticket.
func (c *checker) kind(k *Kind, wrong func(key, format string, args ...any)) {
	if !idPattern.MatchString(k.ID) {
		wrong("id", "id has to be 2 to 63 small letters, digits and -, beginning with a letter")
	}
	if k.Name == "" || len(k.Name) > 200 {
		wrong("name", "the kind of ticket needs a name of at most 200 bytes")
	}
	c.titleOf(k, wrong)
	switch p, _ := c.loaded.Process(k.Process); {
	case k.Process == "":
		wrong("process", "the kind of ticket needs the id of a process")
	case p == nil && !c.broken.models:
		wrong("process", "the app has no process %q", clip(k.Process))
	case p != nil && !p.Executable:
		wrong("process", "the process %q is marked as not executable", p.ID)
	case p != nil && !startable(p):
		wrong("process", "the process %q begins only with a timer, a message or a signal; give it a plain start event", p.ID)
	}
	switch {
	case k.Form == "":
		wrong("form", "the kind of ticket needs the form that opens it")
	case c.loaded.Form(k.Form) == nil && !c.broken.forms[stem(k.Form)]:
		wrong("form", "the app has no form %q", clip(k.Form))
	}
	if f := c.loaded.Form(k.Form); f != nil {
		_, problems := f.CheckRights(k.Rights)
		for _, d := range problems {
			wrong("rights", "field %q: %s", clip(d.Place), d.Message)
		}
	}
	if why := k.Number.wrong(); why != "" {
		wrong("number", "%s", why)
	}
	if !principals(k.Starters) {
		wrong("starters", "roles and groups have names of 1 to 100 bytes")
	}
	c.searchable(k, wrong)
}

// startable tells whether a person can start the process: it has a start event that waits
// for nothing, or none at all and so begins by itself.
func startable(p *bpmn.Process) bool {
	waits := false
	for _, n := range p.Nodes {
		if n.Kind == bpmn.StartEvent {
			if n.Event == nil {
				return true
			}
			waits = true
		}
	}
	return !waits
}

func principals(names []string) bool {
	return !slices.ContainsFunc(names, func(name string) bool { return name == "" || len(name) > 100 })
}

func (c *checker) titleOf(k *Kind, wrong func(key, format string, args ...any)) {
	src, isExpression := strings.CutPrefix(strings.TrimSpace(k.Title), "=")
	if !isExpression {
		return
	}
	x, err := feel.Compile(src)
	if err != nil {
		wrong("title", "%v", err)
		return
	}
	c.loaded.titles[k.ID] = x
}

// searchable gathers what a kind can be searched by.
func (c *checker) searchable(k *Kind, wrong func(key, format string, args ...any)) {
	var fields []form.SearchField
	known := map[string]bool{}
	add := func(field form.SearchField) {
		if !known[field.Path] {
			known[field.Path] = true
			fields = append(fields, field)
		}
	}
	for _, name := range k.Searchable {
		if field, ok := c.searchField(name); ok {
			add(field)
		} else if len(c.broken.forms) == 0 {
			wrong("searchable", "no form of the app has a field %q that holds a value to search for", clip(name))
		}
	}
	for _, name := range c.formNames() {
		for _, field := range c.loaded.Forms[name].SearchFields() {
			add(field)
		}
	}
	if len(fields) > 20 {
		wrong("searchable", "more than 20 fields are searchable; choose those that people look for")
	}
	c.loaded.search[k.ID] = fields
}

func (c *checker) searchField(path string) (form.SearchField, bool) {
	for _, name := range c.formNames() {
		if f := c.loaded.Forms[name].Field(path); f != nil && f.SearchType() != "" {
			return form.SearchField{Path: path, Type: f.SearchType()}, true
		}
	}
	return form.SearchField{}, false
}

func (c *checker) formNames() []string {
	var names []string
	for name := range c.loaded.Forms {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// steps checks what the steps of the processes say about forms and called processes.
func (c *checker) steps() {
	for _, file := range c.modelFiles() {
		for _, p := range c.loaded.Files[file].Processes {
			for n := range p.All {
				if n.User != nil {
					c.userStep(file, n)
				}
				if n.Call != nil && n.Call.ProcessExpr == nil {
					c.callStep(file, n)
				}
			}
		}
	}
}

func (c *checker) userStep(file string, n *bpmn.Node) {
	problem := func(severity Severity, rule, cure, format string, args ...any) {
		c.problem(Problem{File: file, Element: n.ID, Line: n.Line, Severity: severity, Rule: rule, Message: fmt.Sprintf(format, args...), Cure: cure})
	}
	for _, outcome := range n.User.Outcomes {
		if !namePattern.MatchString(outcome) {
			problem(Error, "outcome", "Use letters, digits, - and _.", "the outcome %q is no name", clip(outcome))
		}
	}
	if n.User.FormKey == "" {
		if len(n.User.FormRights) > 0 {
			problem(Error, "form", "Name the form with paceline:form.", "the step has rights for fields but no form")
		}
		return
	}
	f := c.loaded.Form(n.User.FormKey)
	if f == nil {
		if !c.broken.forms[stem(n.User.FormKey)] {
			problem(Error, "form", "Put it into forms/, or name one that is there.", "the app has no form %q", clip(n.User.FormKey))
		}
		return
	}
	_, wrong := f.CheckRights(n.User.FormRights)
	for _, d := range wrong {
		problem(Error, "right", "Name fields by their path in the form, as in lines.amount.", "field %q: %s", clip(d.Place), d.Message)
	}
}

func (c *checker) callStep(file string, n *bpmn.Node) {
	if p, _ := c.loaded.Process(n.Call.Process); p == nil && !c.broken.models {
		c.problem(Problem{File: file, Element: n.ID, Line: n.Line, Severity: Warning, Rule: "call",
			Message: fmt.Sprintf("the app has no process %q; it will be looked for in the other apps when it is called", clip(n.Call.Process))})
	}
}
