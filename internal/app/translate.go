package app

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"

	"github.com/paceline/paceline/internal/bpmn"
	"github.com/paceline/paceline/internal/form"
)

// translations holds every language of the bundle against the words the app shows: a
// text that is missing is a problem, one that nothing shows a warning.
func (c *checker) translations() {
	need, may := c.words()
	for _, language := range c.loaded.Languages() {
		file := "texts/" + language + ".yaml"
		texts := c.loaded.Texts[language]
		for _, key := range slices.Sorted(maps.Keys(need)) {
			_, readable := texts[key]
			if line := c.textLines[language][key]; texts[key] == "" && (readable || line == 0) {
				c.problem(Problem{File: file, Element: key, Line: line, Rule: "text",
					Message: fmt.Sprintf("the text for %q is missing", clip(need[key]))})
			}
		}
		if c.broken.any() {
			continue // what could not be read may well show the rest
		}
		for _, key := range slices.Sorted(maps.Keys(texts)) {
			if _, needed := need[key]; !needed && !may[key] {
				c.problem(Problem{File: file, Element: clip(key), Line: c.textLines[language][key], Severity: Warning, Rule: "text",
					Message: "nothing in the app shows this text"})
			}
		}
	}
}

// words are the keys of the texts that a translation needs, with the words in the
// app's own language, and the keys of those it may have beside them.
func (c *checker) words() (need map[string]string, may map[string]bool) {
	w := &words{need: map[string]string{}, may: map[string]bool{}}
	m := &c.loaded.Manifest
	w.add("app.name", m.Name)
	w.add("app.description", m.Description)
	for _, k := range m.Tickets {
		w.add("tickets."+k.ID+".name", k.Name)
		w.add("tickets."+k.ID+".description", k.Description)
	}
	for _, t := range c.loaded.Tables {
		w.add("records."+t.ID+".name", t.Name)
		w.add("records."+t.ID+".description", t.Description)
	}
	for name, f := range c.loaded.Forms {
		w.form("forms."+name, f)
	}
	for _, file := range c.loaded.Files {
		for _, p := range file.Processes {
			w.process(p)
		}
	}
	return w.need, w.may
}

type words struct {
	need map[string]string
	may  map[string]bool
}

// add notes a word to translate. Nothing, expressions and words without a letter are
// the same in every language.
func (w *words) add(key, word string) {
	if strings.HasPrefix(word, "=") || strings.IndexFunc(word, unicode.IsLetter) < 0 {
		w.may[key] = true
		return
	}
	w.need[key] = word
}

func (w *words) form(prefix string, f *form.Form) {
	for key, word := range f.Words() {
		w.add(prefix+"."+key, word)
	}
}

// process notes the words people meet in their work: the process, its user tasks and
// outcomes. Other names are seen in the diagram only and may be translated.
func (w *words) process(p *bpmn.Process) {
	prefix := "processes." + p.ID + "."
	w.add(prefix+"name", p.Name)
	for n := range p.All {
		w.may[prefix+n.ID] = true
		if n.User == nil {
			continue
		}
		w.add(prefix+n.ID, n.Name)
		for _, outcome := range n.User.Outcomes {
			w.add("outcomes."+outcome, outcome)
		}
	}
	for _, lane := range p.Lanes {
		w.may[prefix+lane.ID] = true
	}
}
