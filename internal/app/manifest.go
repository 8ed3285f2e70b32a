package app

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Manifest is app.yaml: what an app is and which kinds of tickets it has.
type Manifest struct {
	ID          string `yaml:"id" json:"id"`           // service-desk
	Name        string `yaml:"name" json:"name"`       // in the app's own language
	Version     string `yaml:"version" json:"version"` // a label for people; the number of a version is drawn when it is published
	Icon        string `yaml:"icon" json:"icon,omitempty"`
	Color       string `yaml:"color" json:"color,omitempty"` // #rrggbb
	Description string `yaml:"description" json:"description,omitempty"`
	Language    string `yaml:"language" json:"language"` // of the labels in forms and processes; default en
	// Readers are the roles and groups that see every ticket of the app; empty: only those who take part.
	Readers []string `yaml:"readers" json:"readers,omitempty"`
	// Calendar is the business calendar of its processes where a requester's unit has none; empty: the default.
	Calendar string `yaml:"calendar" json:"calendar,omitempty"`
	Tickets  []Kind `yaml:"tickets" json:"tickets"`
}

// Kind is one kind of ticket that people may open.
type Kind struct {
	App         string `yaml:"-" json:"app"`     // the manifest's id
	ID          string `yaml:"id" json:"id"`     // incident
	Name        string `yaml:"name" json:"name"` // in the app's own language
	Description string `yaml:"description" json:"description,omitempty"`
	Icon        string `yaml:"icon" json:"icon,omitempty"`
	// Title of a ticket: text, or after "=" a FEEL expression over its variables.
	Title   string `yaml:"title" json:"title"`
	Process string `yaml:"process" json:"process"` // id of a process of the bundle
	Form    string `yaml:"form" json:"form"`       // name of the form that opens a ticket
	// Rights of who opens a ticket, by field path, group id or "*", as a step of the
	// process has them. What is not named may be edited.
	Rights map[string]string `yaml:"rights" json:"rights,omitempty"`
	Number Number            `yaml:"number" json:"number"`
	// Starters are the roles and groups that may open one; empty: everybody.
	Starters []string `yaml:"starters" json:"starters,omitempty"`
	// Searchable fields beside those that forms mark so: paths.
	Searchable []string        `yaml:"searchable" json:"searchable,omitempty"`
	Requester  RequesterPolicy `yaml:"requester" json:"requester"`
}

// RequesterPolicy is what the person who opened a ticket may do with it later.
type RequesterPolicy struct {
	Withdraw bool `yaml:"withdraw" json:"withdraw"` // take it back while nobody has acted
	Cancel   bool `yaml:"cancel" json:"cancel"`     // end it at any time
}

const maxManifest = 256 << 10

// parseManifest reads app.yaml. Keys that it does not know are problems.
func parseManifest(src []byte) (*Manifest, *lines, []Problem) {
	m := &Manifest{}
	problems := decodeYAML("app.yaml", src, m)
	if problems != nil {
		return nil, nil, problems
	}
	if m.Language == "" {
		m.Language = "en"
	}
	at := &lines{}
	if err := yaml.Unmarshal(src, &at.root); err != nil {
		return nil, nil, []Problem{{File: "app.yaml", Severity: Error, Rule: "yaml", Message: err.Error()}}
	}
	for i := range m.Tickets {
		m.Tickets[i].App = m.ID
		if m.Tickets[i].Number.Digits == 0 {
			m.Tickets[i].Number.Digits = defaultDigits
		}
	}
	return m, at, nil
}

// decodeYAML reads exactly one strict document.
func decodeYAML(file string, src []byte, into any) []Problem {
	if len(src) > maxManifest {
		return []Problem{{File: file, Severity: Error, Rule: "yaml", Message: fmt.Sprintf("the file has more than %d bytes", maxManifest)}}
	}
	dec := yaml.NewDecoder(bytes.NewReader(src))
	dec.KnownFields(true)
	err := dec.Decode(into)
	if err == nil {
		var more yaml.Node
		if err = dec.Decode(&more); errors.Is(err, io.EOF) {
			return nil
		}
		err = errors.New("the file has more than one document")
	}
	if errors.Is(err, io.EOF) {
		err = errors.New("the file is empty")
	}
	said := []string{err.Error()}
	var typed *yaml.TypeError
	if errors.As(err, &typed) {
		said = typed.Errors
	}
	var problems []Problem
	for _, s := range said {
		problems = append(problems, yamlProblem(file, s))
	}
	return problems
}

var (
	yamlLine    = regexp.MustCompile(`^(?:yaml: )?line (\d+): (.*)$`)
	yamlUnknown = regexp.MustCompile(`^field (.+) not found in type .*$`)
)

// yamlProblem puts what the YAML library says into our words, with the line.
func yamlProblem(file, said string) Problem {
	p := Problem{File: file, Severity: Error, Rule: "yaml", Message: strings.TrimPrefix(said, "yaml: ")}
	if m := yamlLine.FindStringSubmatch(strings.ReplaceAll(said, "\n", " ")); m != nil {
		p.Line, _ = strconv.Atoi(m[1])
		p.Message = m[2]
	}
	if m := yamlUnknown.FindStringSubmatch(p.Message); m != nil {
		p.Message = fmt.Sprintf("the key %q is not known here", clip(m[1]))
		p.Cure = "Correct its spelling and its indentation, or take it out."
	}
	return p
}

// lines finds the line of a value in a YAML file.
type lines struct {
	root yaml.Node
}

// at is the line of the value under keys (names, and numbers for list members), or of
// the nearest value around it that is there.
func (l *lines) at(path ...any) int {
	n := &l.root
	if n.Kind == yaml.DocumentNode && len(n.Content) == 1 {
		n = n.Content[0]
	}
	for _, step := range path {
		next := child(n, step)
		if next == nil {
			break
		}
		n = next
	}
	return n.Line
}

func child(n *yaml.Node, step any) *yaml.Node {
	switch step := step.(type) {
	case int:
		if n.Kind == yaml.SequenceNode && step < len(n.Content) {
			return n.Content[step]
		}
	case string:
		for i := 0; n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
			if n.Content[i].Value == step {
				return n.Content[i+1]
			}
		}
	}
	return nil
}
