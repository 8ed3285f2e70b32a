package app

import (
	"fmt"
	"regexp"
	"slices"

	"go.yaml.in/yaml/v3"
	"golang.org/x/text/language"
)

// Texts are the words of an app in one language, by key:
//
//	app.name, app.description
//	tickets.<kind>.name, tickets.<kind>.description
//	records.<table>.name, records.<table>.description
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
	for name := range l.Texts {
		languages = append(languages, name)
	}
	slices.Sort(languages)
	return languages
}

// Language is the one of the app's languages that suits a reader best, who accepts those of a
// list as the Accept-Language header has it (RFC 9110 section 12.5.4); one tag is a list too. Empty: the app's own.
func (l *Loaded) Language(accept string) string {
	if accept == "" || len(l.Texts) == 0 || len(accept) > maxAccept {
		return ""
	}
	if _, exact := l.Texts[accept]; exact {
		return accept
	}
	wanted, _, err := language.ParseAcceptLanguage(accept)
	if err != nil {
		return ""
	}
	_, i, confidence := language.NewMatcher(l.tags).Match(wanted...)
	if i == 0 || confidence == language.No {
		return ""
	}
	return l.Languages()[i-1]
}

// maxAccept bounds what is parsed of a header.
const maxAccept = 500

// Text finds a text in one of the app's languages. False: there is none, and the app's own words are to be shown.
func (l *Loaded) Text(language, key string) (string, bool) {
	s, ok := l.Texts[language][key]
	return s, ok
}
