package feel

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
)

const (
	docPath   = "../../docs/feel.md"
	docMarker = "<!-- From here on written by: go test ./internal/feel -run TestCoverage -update -->\n"
)

// section is a heading of a golden file with the number of its cases.
type section struct {
	file, title string
	cases       int
}

func sections(t *testing.T) []section {
	t.Helper()
	var all []section
	for _, path := range goldenPaths(t) {
		f := readGolden(t, path)
		for _, line := range f.lines {
			switch {
			case strings.HasPrefix(line.text, "# "):
				all = append(all, section{file: f.name, title: line.text[2:]})
			case line.isCase && len(all) > 0:
				all[len(all)-1].cases++
			}
		}
	}
	return all
}

// TestCoverage holds that every built-in function has cases, and that docs/feel.md says what is covered.
func TestCoverage(t *testing.T) {
	var language strings.Builder
	cases := map[string]int{}
	for _, s := range sections(t) {
		if name, ok := strings.CutPrefix(s.title, "Function: "); ok {
			cases[name] = s.cases
			continue
		}
		fmt.Fprintf(&language, "| %s | `%s` | %d |\n", s.title, s.file, s.cases)
	}
	var functions strings.Builder
	for _, name := range slices.Sorted(maps.Keys(builtins)) {
		if cases[name] < 2 {
			t.Errorf("function %q has %d cases in testdata/functions.feel", name, cases[name])
		}
		fmt.Fprintf(&functions, "| %s | %d |\n", strings.Join(signatures(builtins[name]), "<br>"), cases[name])
		delete(cases, name)
	}
	for name := range cases {
		t.Errorf("testdata/functions.feel has cases for %q, which is no function", name)
	}
	generated := docMarker + `
## The language, and where it is tested

Files are in ` + "`internal/feel/testdata`" + `, one case per line.

| Section of DMN 1.5 | File | Cases |
|---|---|---|
` + language.String() + `
## Built-in functions

A ` + "`?`" + ` follows the kind of an optional parameter, ` + "`...`" + ` that of a repeated one; a *moment* is a date and time.
Their cases are in ` + "`functions.feel`" + `.

| Forms | Cases |
|---|---|
` + functions.String()

	data, err := os.ReadFile(docPath)
	if err != nil {
		t.Fatal(err)
	}
	prose, old, _ := strings.Cut(string(data), docMarker)
	if *update {
		if err := os.WriteFile(docPath, []byte(prose+generated), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if docMarker+old != generated {
		t.Errorf("%s is not up to date: run this test with -update", docPath)
	}
}

// signatures writes the forms of a function as they are declared.
func signatures(b *builtin) []string {
	words := map[kind]string{}
	for word, k := range paramKinds {
		words[k] = word
	}
	var all []string
	for _, f := range b.forms {
		var params []string
		for _, p := range f.params {
			text := p.name + ": " + words[p.kind]
			if p.optional {
				text += "?"
			}
			if f.variadic {
				text += "..."
			}
			params = append(params, text)
		}
		all = append(all, "`"+b.name+"("+strings.Join(params, ", ")+")`")
	}
	return all
}
