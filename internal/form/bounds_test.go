package form

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/feel"
)

// Forms are hostile input: what is too large is refused before it costs anything.
func TestParseIsBounded(t *testing.T) {
	deep := strings.Repeat(`{"type":"group","components":[`, MaxDepth+2) + strings.Repeat("]}", MaxDepth+2)
	many := strings.TrimSuffix(strings.Repeat(`{"type":"separator"},`, MaxComponents+1), ",")
	var options []string
	for i := range MaxOptions + 1 {
		options = append(options, fmt.Sprintf(`{"label":"x","value":%d}`, i))
	}
	for name, src := range map[string]string{
		"bytes":      strings.Repeat(" ", MaxBytes+1),
		"depth":      `{"type":"default","components":[` + deep + `]}`,
		"components": `{"type":"default","components":[` + many + `]}`,
		"options":    `{"type":"default","components":[{"type":"select","key":"a","values":[` + strings.Join(options, ",") + `]}]}`,
		"json depth": strings.Repeat("[", 100000),
		"not json":   `{"type": "default", oops}`,
		"two values": `{"type":"default","components":[]} {}`,
		"null":       `null`,
		"a list":     `[]`,
		"empty":      ``,
	} {
		if _, err := Parse([]byte(src)); !errs.Is(err, errs.Invalid) {
			t.Errorf("%s: error %v; want Invalid", name, err)
		}
	}
}

// A slip in the JSON is told with its line.
func TestParseTellsTheLine(t *testing.T) {
	_, err := Parse([]byte("{\n  \"type\": \"default\",\n  oops\n}"))
	if got := wrongs(t, err); len(got) != 1 || got[0].Place != "line 3" {
		t.Errorf("got %v, want line 3", got)
	}
}

func TestLines(t *testing.T) {
	src := []byte("{\n \"type\": \"default\",\n \"components\": [\n  {\"type\": \"text\"},\n  {\n   \"type\": \"number\",\n   \"validate\": {\n    \"min\": 1\n   }\n  }\n ]\n}")
	lines := LinesOf(src)
	for place, want := range map[string]int{
		"type": 2, "components": 3, "components[0].type": 4, "components[1]": 5, "components[1].validate.min": 8, "components[1].key": 5, "nothing": 1, "": 1,
	} {
		if got := lines.At(place); got != want {
			t.Errorf("%q is in line %d, want %d", place, got, want)
		}
	}
	if got := LinesOf([]byte("oops")).At("a"); got != 0 {
		t.Errorf("line %d of what is no JSON", got)
	}
	if deep := LinesOf([]byte(strings.Repeat("[", 200000))); len(deep) > maxLineDepth+1 {
		t.Errorf("%d places of a text that only nests", len(deep))
	}
}

// Properties that mean nothing are told, not refused: a form drawn elsewhere may have them.
func TestUnknownPropertiesAreTold(t *testing.T) {
	f := parsed(t, []byte(`{"type":"default","components":[{"type":"textfield","key":"a","defaultVaule":"x"}]}`))
	if len(f.Ignored) != 1 || f.Ignored[0].Place != "components[0].defaultVaule" {
		t.Errorf("ignored %v, want components[0].defaultVaule", f.Ignored)
	}
}

// Submissions are hostile input too.
func TestApplyIsBounded(t *testing.T) {
	f := parsed(t, []byte(`{"type":"default","components":[{"type":"textarea","key":"a"},
		{"type":"dynamiclist","path":"rows","components":[{"type":"number","key":"n"}]}]}`))
	rows := make(feel.List, MaxRows+1)
	for i := range rows {
		rows[i] = feel.NewContext()
	}
	for name, values := range map[string]feel.Vars{
		"text": {"a": strings.Repeat("x", MaxText+1)},
		"rows": {"rows": rows},
	} {
		if _, err := f.Apply(Submission{Values: values}); !errs.Is(err, errs.Invalid) {
			t.Errorf("%s: error %v; want Invalid", name, err)
		}
	}
	hostile := feel.Vars{}
	for i := range 1000 {
		hostile[strings.Repeat("x", 500)+fmt.Sprint(i)] = true
	}
	_, err := f.Apply(Submission{Values: hostile})
	if e := wrongs(t, err); len(e) != 200 || len(e[0].Place) > 100 {
		t.Errorf("%d problems, the first at %d characters; want 200 short ones", len(e), len(e[0].Place))
	}
}

// An expression that never comes to an end is a problem of its field, not a hang.
func TestExpressionsAreBounded(t *testing.T) {
	f := parsed(t, []byte(`{"type":"default","components":[{"type":"expression","key":"a",
		"expression":"=count(for x in 1..100000, y in 1..100000 return x + y)"}]}`))
	_, err := f.Apply(Submission{})
	if got := wrongs(t, err); len(got) != 1 || got[0].Place != "a" || got[0].Rule != RuleExpression {
		t.Errorf("got %v, want one problem at a", got)
	}
}

// Conditions that chase one another are told as such.
func TestConditionsInACircle(t *testing.T) {
	f := parsed(t, []byte(`{"type":"default","components":[{"type":"expression","key":"n","expression":"=if n = null then 1 else n + 1"}]}`))
	_, err := f.Apply(Submission{})
	if got := wrongs(t, err); len(got) != 1 || got[0].Rule != RuleExpression {
		t.Errorf("got %v, want one problem with a circle", got)
	}
}

// Values that a service task wrote may have any type; the form says so and does not fall over.
func TestForeignValues(t *testing.T) {
	f := parsed(t, []byte(`{"type":"default","components":[{"type":"datetime","key":"d","subtype":"time","timeInterval":15},
		{"type":"dynamiclist","path":"rows","components":[{"type":"number","key":"n"}]},{"type":"textfield","key":"a"}]}`))
	current := feel.Vars{"d": feel.Int(3), "rows": feel.List{"x", nil}, "a": feel.NewContext()}
	_, err := f.Apply(Submission{Current: current, Values: feel.Vars{}})
	if got := wrongs(t, err); len(got) != 2 {
		t.Errorf("got %v, want problems at d and a", got)
	}
	f.View(nil, current, nil)
}

func TestSearch(t *testing.T) {
	f := parsed(t, []byte(`{"type":"default","components":[
		{"type":"textfield","key":"name","properties":{"searchable":"true"}},
		{"type":"number","key":"sum","properties":{"searchable":"true"}},
		{"type":"datetime","key":"day","properties":{"searchable":"true"}},
		{"type":"checklist","key":"tags","valuesKey":"x","properties":{"searchable":"true"}},
		{"type":"checkbox","key":"sure","properties":{"searchable":"true"}},
		{"type":"number","key":"none","properties":{"searchable":"true"}},
		{"type":"dynamiclist","path":"rows","components":[{"type":"textfield","key":"item","properties":{"searchable":"true"}}]}]}`))
	got := Search(f.SearchFields(), vars(t, json.RawMessage(`{"name":" Ann ","sum":12.34567,"day":"2026-03-10","tags":["a","b"],"sure":true,
		"rows":[{"item":"x"},{"item":null},{"item":"y"}]}`)))
	want := []SearchValue{
		{SearchField{"name", SearchText}, true, "Ann", 0},
		{SearchField{"sum", SearchNumber}, true, "", 123457},
		{SearchField{"day", SearchTime}, true, "", time.Date(2026, 3, 10, 0, 0, 0, 0, time.UTC).UnixMicro()},
		{SearchField{"tags", SearchText}, true, "a, b", 0},
		{SearchField{"sure", SearchText}, true, "true", 0},
		{SearchField{"none", SearchNumber}, false, "", 0},
		{SearchField{"rows.item", SearchText}, true, "x, y", 0},
	}
	if len(got) != len(want) {
		t.Fatalf("%d values, want %d", len(got), len(want))
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("got %+v, want %+v", got[i], want[i])
		}
	}
	huge, _ := feel.ParseNumber("1e300")
	if TenThousandths(huge) <= 0 {
		t.Error("a number beyond the range has to be the end of the range")
	}
}

func TestCheckRights(t *testing.T) {
	f := parsed(t, []byte(`{"type":"default","components":[{"type":"textfield","key":"a"},{"type":"group","id":"g","components":[]},{"type":"expression","key":"x","expression":"=1"}]}`))
	_, problems := f.CheckRights(map[string]string{"a": "write", "b": "read", "g": "required", "x": "required", "*": "read"})
	if len(problems) != 4 {
		t.Errorf("problems %v; want one each at a, b, g, x", problems)
	}
	if rights := RightsOf(map[string]string{"a": "wirte"}); rights["a"] != Hide {
		t.Error("an unknown right has to mean hide")
	}
}

func FuzzParse(f *testing.F) {
	files, _ := filepath.Glob("testdata/*/*.json")
	for _, file := range files {
		src, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		var fx fixture
		if err := json.Unmarshal(src, &fx); err != nil {
			f.Fatal(err)
		}
		f.Add([]byte(fx.Form), []byte(`{"a":1}`))
		for _, c := range fx.Cases {
			f.Add([]byte(c.Form), []byte(c.Values))
		}
	}
	f.Fuzz(func(t *testing.T, src, sent []byte) {
		form, err := Parse(src)
		if err != nil {
			if !errs.Is(err, errs.Invalid) {
				t.Errorf("%v is not Invalid", err)
			}
			return
		}
		v, err := feel.FromJSON(sent)
		c, ok := v.(*feel.Context)
		if err != nil || !ok {
			return
		}
		values := feel.Vars{}
		for i := range c.Len() {
			values[c.At(i).Name] = c.At(i).Value
		}
		form.Apply(Submission{Values: values})
		form.View(Rights{"*": Read}, values, nil)
		form.Words()
	})
}
