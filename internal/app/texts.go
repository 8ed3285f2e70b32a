package app

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Texts are the words of an app in one language, by key:
//
//	app.name, app.description
//	tickets.<kind>.name, tickets.<kind>.description
//	forms.<form>.<field>.label, .description, .text
//	forms.<form>.<field>.options.<value>, forms.<form>.<table>.columns.<key>
//	processes.<process>.name, processes.<process>.<element>
//	outcomes.<outcome>
//
// <field> is the path of a field, else the id of the component. A text that is
// missing is shown in the app's own language.
type Texts map[string]string

var languagePattern = regexp.MustCompile(`^[a-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}$`)

const maxTexts = 10000

// parseTexts reads one file of texts: nested mappings whose leaves are strings. The
// lines of the keys come with it.
func parseTexts(file string, src []byte) (Texts, map[string]int, []Problem) {
	var root yaml.Node
	if problems := decodeYAML(file, src, &root); problems != nil {
		return nil, nil, problems
	}
	r := &textReader{file: file, texts: Texts{}, at: map[string]int{}}
	r.read("", root.Content[0], 0)
	return r.texts, r.at, r.problems
}

type textReader struct {
	file     string
	texts    Texts
	at       map[string]int
	problems []Problem
}

func (r *textReader) problem(line int, format string, args ...any) {
	if len(r.problems) < maxProblems {
		r.problems = append(r.problems, Problem{File: r.file, Line: line, Severity: Error, Rule: "yaml", Message: fmt.Sprintf(format, args...)})
	}
}

func (r *textReader) read(prefix string, n *yaml.Node, depth int) {
	switch {
	case n.Kind == yaml.ScalarNode && prefix != "":
		r.leaf(prefix, n)
	case n.Kind != yaml.MappingNode || depth > 16:
		r.at[prefix] = n.Line
		r.problem(n.Line, "texts are nested names with strings; there are no lists, references or more than 16 levels")
	default:
		for i := 0; i+1 < len(n.Content); i += 2 {
			key := n.Content[i].Value
			if prefix != "" {
				key = prefix + "." + key
			}
			r.read(key, n.Content[i+1], depth+1)
		}
	}
}

func (r *textReader) leaf(key string, n *yaml.Node) {
	_, twice := r.at[key]
	switch {
	case n.Tag == "!!null":
		r.problem(n.Line, "%s has no text", clip(key))
	case twice:
		r.problem(n.Line, "%s is there twice", clip(key))
	case len(r.texts) == maxTexts:
		r.problem(n.Line, "there are more than %d texts", maxTexts)
	default:
		r.texts[key] = n.Value
	}
	r.at[key] = n.Line
}

// Languages are the languages an app has texts in, in order.
func (l *Loaded) Languages() []string {
	var languages []string
	for language := range l.Texts {
		languages = append(languages, language)
	}
	slices.Sort(languages)
	return languages
}

// Text finds a text in a language; without one in "zh-TW" it looks under "zh". False:
// there is none, and the app's own words are to be shown.
func (l *Loaded) Text(language, key string) (string, bool) {
	for {
		if s, ok := l.Texts[language][key]; ok {
			return s, true
		}
		cut := strings.LastIndexByte(language, '-')
		if cut < 0 {
			return "", false
		}
		language = language[:cut]
	}
}
