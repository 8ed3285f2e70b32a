package test

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/paceline/paceline/internal/bpmn"
	"github.com/paceline/paceline/internal/config"
	"github.com/paceline/paceline/internal/gateway"
	"github.com/paceline/paceline/internal/intake"
	"github.com/paceline/paceline/internal/node"
)

// page is one page of the docs.
type page struct {
	name, text string
}

func pages(t *testing.T) (all []page) {
	t.Helper()
	files, err := filepath.Glob("../docs/*.md")
	if err != nil || len(files) < 15 {
		t.Fatalf("%d pages, %v", len(files), err)
	}
	for _, file := range append(files, "../README.md", "../apps/README.md", "../ARCHITECTURE.md", "../CHANGELOG.md") {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, page{file, string(text)})
	}
	return all
}

var fence = regexp.MustCompile("(?ms)^```([a-z]*)\n(.*?)^```$")

// snippets are the page's blocks in a language.
func (p page) snippets(language string) (found []string) {
	for _, m := range fence.FindAllStringSubmatch(p.text, -1) {
		if m[1] == language {
			found = append(found, m[2])
		}
	}
	return found
}

// TestDocsSnippetsAreRead has every piece of JSON, YAML and BPMN in the docs read by what would read it.
func TestDocsSnippetsAreRead(t *testing.T) {
	seen := map[string]int{}
	for _, p := range pages(t) {
		name := filepath.Base(p.name)
		for _, text := range p.snippets("json") {
			seen["json"]++
			if !json.Valid([]byte(text)) {
				t.Errorf("%s: this is no JSON:\n%s", name, text)
			}
		}
		for _, text := range p.snippets("yaml") {
			seen["yaml"]++
			if err := readYAML(name, text); err != nil {
				t.Errorf("%s: %v\n%s", name, err, text)
			}
		}
		for _, text := range p.snippets("xml") {
			seen["xml"]++
			for _, problem := range lintSnippet(text) {
				t.Errorf("%s: %s\n%s", name, problem, text)
			}
		}
	}
	if seen["json"] < 2 || seen["yaml"] < 8 || seen["xml"] < 12 {
		t.Errorf("found only %v", seen)
	}
}

// readYAML reads a snippet as the page says that it is used. What a page says as comments beside the rest, such as the
// other choices of a schedule, is read too.
func readYAML(page, text string) (err error) {
	switch page {
	case "agent.md":
		text = strings.ReplaceAll(text, "6f2c…", "6f2c")
		return config.Decode("host.yaml", []byte(text), new(config.Host))
	case "jobs.md":
		cfg := node.Defaults()
		return config.Decode("paceline.yaml", []byte(text), &cfg)
	case "gateway.md":
		cfg := gateway.Defaults()
		return config.Decode("gateway.yaml", []byte(text), &cfg)
	case "schedules.md":
		if _, err = intake.ParseSchedule([]byte(text)); err == nil {
			_, err = intake.ParseSchedule([]byte(strings.ReplaceAll(dropped(text, "open:"), "# message:", "message:")))
		}
		return err
	case "webhooks.md":
		if _, err = intake.ParseHook([]byte(text)); err == nil {
			_, err = intake.ParseHook([]byte(regexp.MustCompile(`(?m)^# `).ReplaceAllString(dropped(dropped(text, "preset:"), "open:"), "")))
		}
		return err
	}
	return yaml.Unmarshal([]byte(text), new(map[string]any))
}

// dropped is text without the lines that begin so.
func dropped(text, begin string) string {
	lines := slices.DeleteFunc(strings.SplitAfter(text, "\n"), func(line string) bool { return strings.HasPrefix(line, begin) })
	return strings.Join(lines, "")
}

// lintSnippet lints a part of a model inside the smallest model that can hold it.
func lintSnippet(text string) (problems []string) {
	text = strings.TrimSpace(text)
	switch {
	case strings.HasPrefix(text, "<process "):
		if !strings.Contains(text, "</process>") {
			text += "</process>"
		}
	case strings.HasPrefix(text, "<paceline:"):
		text = `<process id="p"><userTask id="t" paceline:outcomes="approve,reject"><extensionElements>` + text + `</extensionElements></userTask></process>`
	default:
		text = `<process id="p">` + text + `</process>`
	}
	for _, f := range bpmn.Lint("snippet", []byte(`<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:paceline="https://paceline.dev/bpmn/1.0"`+
		` xmlns:camunda="http://camunda.org/schema/1.0/bpmn" targetNamespace="docs">`+text+`</definitions>`)) {
		problems = append(problems, f.Severity+": "+f.Message)
	}
	return problems
}

// TestDocsPointToWhatThereIs follows every link, and looks up every file, package, make target, test and environment
// variable that the docs name.
func TestDocsPointToWhatThereIs(t *testing.T) {
	makefile, code := read(t, "../Makefile"), sources(t)
	tests := map[*regexp.Regexp]func(name string) bool{
		regexp.MustCompile("`((?:internal|cmd|test|client|apps|docs)/[A-Za-z0-9_/.-]+)`"): func(name string) bool {
			_, err := os.Stat(filepath.Join("..", name))
			return err == nil
		},
		regexp.MustCompile("[^#]\\bmake ([a-z][a-z-]+)`"): func(name string) bool { return strings.Contains(makefile, "\n"+name+":") },
		regexp.MustCompile("`((?:Test|Fuzz)[A-Z]\\w+)`"):  func(name string) bool { return strings.Contains(code, "func "+name+"(") },
		regexp.MustCompile("`(PACELINE_[A-Z_]+)`"):        func(name string) bool { return named(code, name) },
	}
	for _, p := range pages(t) {
		for at, exists := range tests {
			for _, m := range at.FindAllStringSubmatch(p.text, -1) {
				if !exists(m[1]) {
					t.Errorf("%s names %s, which is not there", p.name, m[1])
				}
			}
		}
		for _, m := range regexp.MustCompile(`\]\(([^)\s]+)\)`).FindAllStringSubmatch(p.text, -1) {
			target, anchor, _ := strings.Cut(m[1], "#")
			if strings.Contains(target, "://") {
				continue
			}
			file := p.name
			if target != "" {
				file = filepath.Join(filepath.Dir(p.name), target)
			}
			if _, err := os.Stat(file); err != nil {
				t.Errorf("%s links to %s, which is not there", p.name, target)
			} else if anchor != "" && !slices.Contains(anchors(read(t, file)), anchor) {
				t.Errorf("%s links to %s#%s; there are %v", p.name, target, anchor, anchors(read(t, file)))
			}
		}
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// sources is all Go code of the project.
func sources(t *testing.T) string {
	t.Helper()
	var all strings.Builder
	for _, folder := range []string{"../internal", "../cmd", "../test", "../bench", "../client"} {
		err := filepath.WalkDir(folder, func(path string, _ os.DirEntry, err error) error {
			if err == nil && strings.HasSuffix(path, ".go") {
				all.WriteString(read(t, path))
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return all.String()
}

// named tells whether the code reads a variable of the environment: by its name, or as a field of the configuration.
func named(code, variable string) bool {
	field := strings.ToLower(strings.TrimPrefix(variable, "PACELINE_"))
	_, last, _ := strings.Cut(field, "_")
	return strings.Contains(code, variable) || strings.Contains(code, `yaml:"`+field) || last != "" && strings.Contains(code, `yaml:"`+last)
}

// anchors are the headings of a page, as links name them.
func anchors(text string) (found []string) {
	for _, m := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(text, -1) {
		words := regexp.MustCompile(`[^\pL\pN\s-]`).ReplaceAllString(strings.ToLower(m[1]), "")
		found = append(found, strings.ReplaceAll(words, " ", "-"))
	}
	return found
}

// apiCall is a request that the docs show.
type apiCall struct {
	method, path, query, body string
}

var (
	curlCall   = regexp.MustCompile(`(?m)^curl (?:-X ([A-Z]+) )?"?\$API(/[^\s"?]*)(?:\?([^\s"]*))?"?(?: +--json '([^\n]*?)')?(?: +#.*)?$`)
	inlineCall = regexp.MustCompile("`(GET|POST|PUT|PATCH|DELETE) (/[^`\\s?\\[]*)(?:\\?([^`\\s]*))?`")
)

func (p page) calls() (found []apiCall) {
	for _, m := range curlCall.FindAllStringSubmatch(p.text, -1) {
		method := m[1]
		switch {
		case method == "" && m[4] != "":
			method = "POST"
		case method == "":
			method = "GET"
		}
		found = append(found, apiCall{method, m[2], m[3], m[4]})
	}
	for _, m := range inlineCall.FindAllStringSubmatch(p.text, -1) {
		found = append(found, apiCall{m[1], strings.TrimPrefix(m[2], "/api/v1"), m[3], ""})
	}
	return found
}

// document is what of the OpenAPI document is compared.
type document struct {
	Paths map[string]map[string]struct {
		Parameters  []struct{ Name, In string }
		RequestBody struct {
			Content map[string]struct{ Schema schema }
		}
	}
	Components struct{ Schemas map[string]schema }
}

type schema struct {
	Ref        string `json:"$ref"`
	Properties map[string]json.RawMessage
	Required   []string
}

// TestDocsCallTheAPIThatThereIs compares every request of the docs with the API's own document: address, method,
// parameters, and what the body may and has to have.
func TestDocsCallTheAPIThatThereIs(t *testing.T) {
	var doc document
	if err := json.Unmarshal([]byte(read(t, "../internal/api/testdata/openapi.json")), &doc); err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, p := range pages(t) {
		for _, call := range p.calls() {
			seen++
			if problem := doc.compare(call); problem != "" {
				t.Errorf("%s: %s %s: %s", p.name, call.method, call.path, problem)
			}
		}
	}
	if seen < 60 {
		t.Errorf("only %d requests were found", seen)
	}
}

var placeholder = regexp.MustCompile(`^(\$[A-Z]+|\{[a-z]+\})$`)

func (d document) compare(call apiCall) string {
	if strings.HasPrefix(call.path, "/hooks/") && call.method == "POST" && strings.Count(call.path, "/") == 2 {
		return "" // where other systems deliver, beside the API
	}
	for path, methods := range d.Paths {
		if !samePath(strings.TrimPrefix(path, "/api/v1"), call.path) {
			continue
		}
		op, ok := methods[strings.ToLower(call.method)]
		if !ok {
			continue
		}
		for _, pair := range strings.FieldsFunc(call.query, func(r rune) bool { return r == '&' }) {
			name, _, _ := strings.Cut(pair, "=")
			if !slices.ContainsFunc(op.Parameters, func(p struct{ Name, In string }) bool { return p.In == "query" && p.Name == name }) {
				return "there is no parameter " + name
			}
		}
		if call.body == "" {
			return ""
		}
		var body map[string]json.RawMessage
		if err := json.Unmarshal([]byte(call.body), &body); err != nil {
			return err.Error()
		}
		s := op.RequestBody.Content["application/json"].Schema
		if s.Ref != "" {
			s = d.Components.Schemas[strings.TrimPrefix(s.Ref, "#/components/schemas/")]
		}
		for name := range maps.Keys(body) {
			if _, ok := s.Properties[name]; !ok {
				return "the body has no property " + name
			}
		}
		for _, name := range s.Required {
			if _, ok := body[name]; !ok {
				return "the body lacks " + name
			}
		}
		return ""
	}
	return "there is no such operation"
}

// samePath compares a path of the API's document with one of the docs, where a name stands for what is left open.
func samePath(template, path string) bool {
	want, got := strings.Split(template, "/"), strings.Split(path, "/")
	return slices.EqualFunc(want, got, func(a, b string) bool {
		return a == b || strings.HasPrefix(a, "{") && placeholder.MatchString(b)
	})
}

// TestDocsTestsSeeMistakes: what the tests above are for would not go past them.
func TestDocsTestsSeeMistakes(t *testing.T) {
	for _, text := range []string{`<userTask id="a" paceline:fomr="x"/>`, `<paceline:sla due="PT1H"><paceline:level do="wran"/></paceline:sla>`, `<userTask`} {
		if len(lintSnippet(text)) == 0 {
			t.Errorf("nothing is wrong with %s", text)
		}
	}
	for page, text := range map[string]string{"agent.md": "nmae: a\n", "jobs.md": "connect: {allwo: []}\n", "gateway.md": "lsiten: x\n", "schedules.md": "name: a\ncycle: 99 9 * * *\n", "webhooks.md": "name: a\npreset: b\n"} {
		if readYAML(page, text) == nil {
			t.Errorf("%s: nothing is wrong with %s", page, text)
		}
	}
	var doc document
	if err := json.Unmarshal([]byte(read(t, "../internal/api/testdata/openapi.json")), &doc); err != nil {
		t.Fatal(err)
	}
	for _, call := range []apiCall{{"GET", "/nothing", "", ""}, {"PATCH", "/tickets/$ID", "", ""}, {"GET", "/incidents", "colour=red", ""},
		{"POST", "/tasks/$TASK/transfer", "", `{"too": "x"}`}, {"POST", "/tasks/$TASK/transfer", "", `{}`}} {
		if doc.compare(call) == "" {
			t.Errorf("nothing is wrong with %v", call)
		}
	}
}
