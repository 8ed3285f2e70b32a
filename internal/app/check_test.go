package app

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/paceline/paceline/internal/feel"
	"github.com/paceline/paceline/internal/form"
)

// edited is the leave app with some texts replaced: file, old, new.
func edited(t *testing.T, edits ...[3]string) *Bundle {
	t.Helper()
	b := sample(t, "leave")
	for _, e := range edits {
		src := string(b.Files[e[0]])
		if e[1] != "" && !strings.Contains(src, e[1]) {
			t.Fatalf("%s has no %q any more", e[0], e[1])
		}
		b.Files[e[0]] = []byte(strings.Replace(src, e[1], e[2], 1))
	}
	return b
}

// Each mistake is one problem, with file, line or element, and nothing that follows from it.
func TestCheckNamesThePlace(t *testing.T) {
	const manifest, model, questions, texts = "app.yaml", "processes/leave.bpmn", "forms/leave.json", "texts/ja.yaml"
	for name, c := range map[string]struct {
		edits [][3]string
		want  string // of the only problem
	}{
		"unknown key":         {[][3]string{{manifest, "icon:", "icno:"}}, `app.yaml:4: error: the key "icno" is not known here`},
		"bad yaml":            {[][3]string{{manifest, "id: leave", "id: [leave"}}, `app.yaml:`},
		"wrong type":          {[][3]string{{manifest, "digits: 5", "digits: five"}}, `app.yaml:20: error: cannot unmarshal`},
		"bad id":              {[][3]string{{manifest, "id: leave\nname", "id: Leave\nname"}}, `app.yaml:1 id: error`},
		"color":               {[][3]string{{manifest, "#389e0d", "green"}}, `app.yaml:5 color: error`},
		"title":               {[][3]string{{manifest, "'=\"Leave \"", "'=\"Leave \" + +"}}, `app.yaml:14 leave.title: error`},
		"no such process":     {[][3]string{{manifest, "process: leave", "process: laeve"}}, `app.yaml:15 leave.process: error: the app has no process "laeve"`},
		"no such form":        {[][3]string{{manifest, "form: leave", "form: laeve"}}, `app.yaml:16 leave.form: error: the app has no form "laeve"`},
		"numbers that repeat": {[][3]string{{manifest, "reset: yearly", "reset: monthly"}}, `app.yaml:19 leave.number: error: numbers that begin again monthly need {yyyy}, {mm} in the prefix`},
		"token":               {[][3]string{{manifest, "LV-{yyyy}-", "LV-{yyyy}{week}-"}}, `app.yaml:19 leave.number: error: the prefix has a token`},
		"start rights":        {[][3]string{{manifest, "rights: {superior: hide", "rights: {superiors: hide"}}, `app.yaml:17 leave.rights: error: field "superiors": the form has no field`},
		"searchable":          {[][3]string{{manifest, "requester:", "searchable: [nothing]\n    requester:"}}, `leave.searchable: error: no form of the app has a field "nothing"`},
		"form of a step":      {[][3]string{{model, `paceline:form="leave"`, `paceline:form="laeve"`}}, `adjust: error: the app has no form "laeve"`},
		"right of a step":     {[][3]string{{model, `key="superior" right="edit"`, `key="superiors" right="edit"`}}, `approve: error: field "superiors": the form has no field`},
		"process":             {[][3]string{{model, `sourceRef="requested"`, `sourceRef="nowhere"`}}, `processes/leave.bpmn:`},
		"form":                {[][3]string{{questions, `"type": "datetime"`, `"type": "datum"`}}, `forms/leave.json:42 components[0].components[1].type: error: "datum" is no component type`},
		"only a timer": {[][3]string{{model, `<bpmn:startEvent id="requested" name="Leave requested">
      <bpmn:outgoing>requested_to_read_record</bpmn:outgoing>`, `<bpmn:startEvent id="requested" name="Leave requested">
      <bpmn:outgoing>requested_to_read_record</bpmn:outgoing>
      <bpmn:timerEventDefinition><bpmn:timeCycle>R/P1D</bpmn:timeCycle></bpmn:timerEventDefinition>`}}, `app.yaml:15 leave.process: error: the process "leave" begins only with`},
		"form is no JSON": {[][3]string{{questions, `"schemaVersion": 20,`, `"schemaVersion": 20;`}}, "forms/leave.json:4: error"},
		"missing text":    {[][3]string{{texts, "label: 証明書\n", "description: 証明書\n"}}, `forms.leave.certificate.label: error: the text for "Certificate" is missing`},
		"empty text":      {[][3]string{{texts, "label: 証明書", "label: \"\""}}, `forms.leave.certificate.label: error: the text for "Certificate" is missing`},
		"text of nothing": {[][3]string{{texts, "certificate:\n", "certificate:\n      lable: x\n"}}, `forms.leave.certificate.lable: warning: nothing in the app shows this text`},
		"text twice":      {[][3]string{{texts, "app:\n", "app:\n  name: x\n"}}, `texts/ja.yaml:`},
		"list of texts":   {[][3]string{{texts, "name: 休暇申請\n", "name: [休暇]\n"}}, `texts/ja.yaml:`},
		"language":        {[][3]string{{"texts/Japanese.yaml", "", "app: {name: x}"}}, `texts/Japanese.yaml: error: "Japanese" is no language tag`},
	} {
		t.Run(name, func(t *testing.T) {
			b := edited(t, c.edits...)
			l, problems := Load(b)
			if len(problems) == 0 {
				t.Fatal("no problem was found")
			}
			if text := problems[0].String(); !strings.Contains(text, c.want) {
				t.Errorf("got %s\nwant %s", text, c.want)
			}
			if (l == nil) != (worst(problems) == Error) {
				t.Errorf("loaded: %v with %v", l != nil, problems)
			}
			if slices.ContainsFunc(problems, func(p Problem) bool { return p.File != problems[0].File }) {
				t.Errorf("one mistake makes problems elsewhere: %v", problems)
			}
		})
	}
}

// All mistakes are told at once.
func TestCheckTellsEverything(t *testing.T) {
	b := edited(t, [3]string{"app.yaml", "#389e0d", "green"}, [3]string{"forms/leave.json", `"type": "datetime"`, `"type": "datum"`},
		[3]string{"processes/leave.bpmn", `key="superior" right="edit"`, `key="superiors" right="edit"`}, [3]string{"texts/ja.yaml", "name: 休暇申請\n", "name: [休暇]\n"})
	var files []string
	for _, p := range Check(b) {
		if p.Severity == Error && !slices.Contains(files, p.File) {
			files = append(files, p.File)
		}
	}
	if fmt.Sprint(files) != "[app.yaml forms/leave.json texts/ja.yaml]" { // rights wait for the form
		t.Errorf("problems in %v", files)
	}
}

// Files that are hostile as YAML are refused, not expanded.
func TestYAMLIsBounded(t *testing.T) {
	bomb := "a: &a [x, x, x, x, x, x, x, x]\n"
	for c := 'b'; c < 'k'; c++ {
		bomb += fmt.Sprintf("%c: &%c [*%c, *%c, *%c, *%c, *%c, *%c, *%c, *%c]\n", c, c, c-1, c-1, c-1, c-1, c-1, c-1, c-1, c-1)
	}
	for name, src := range map[string]string{
		"bomb": bomb, "large": "id: " + strings.Repeat("x", maxManifest), "two": "id: ab\n---\nid: cd", "empty": "", "list": "[a]", "deep": strings.Repeat("[", 20000),
	} {
		for _, file := range []string{"app.yaml", "texts/en.yaml"} {
			b := sample(t, "leave")
			b.Files[file] = []byte(src)
			if worst(Check(b)) != Error {
				t.Errorf("%s as %s: nothing is wrong with it", name, file)
			}
		}
	}
}

func TestNumber(t *testing.T) {
	day := time.Date(2026, 3, 9, 23, 30, 0, 0, time.UTC)
	taipei := time.FixedZone("Taipei", 8*3600)
	for _, c := range []struct {
		n              Number
		t              time.Time
		number, period string
	}{
		{Number{"INC-{yyyy}{mm}-", 4, Monthly}, day, "INC-202603-0007", "2026-03"},
		{Number{"{yy}/{mm}/{dd}-", 3, Daily}, day.In(taipei), "26/03/10-007", "2026-03-10"},
		{Number{"X", 1, Never}, day, "X7", ""},
		{Number{"{yyyy}-", 2, Yearly}, day, "2026-07", "2026"},
	} {
		if why := c.n.wrong(); why != "" {
			t.Errorf("%v is refused: %s", c.n, why)
		}
		if got := c.n.Format(c.t, 7); got != c.number || c.n.Period(c.t) != c.period {
			t.Errorf("%v gives %s in period %q; want %s in %q", c.n, got, c.n.Period(c.t), c.number, c.period)
		}
	}
	if got := (Number{"X", 2, Never}).Format(day, 12345); got != "X12345" {
		t.Errorf("a serial with more digits is written in full, not as %s", got)
	}
}

func TestLoaded(t *testing.T) {
	l, _ := Load(sample(t, "leave"))
	now := time.Date(2026, 3, 9, 0, 0, 0, 0, time.UTC)
	for want, vars := range map[string]feel.Vars{
		"Leave 2026-03-10":               {"from": "2026-03-10", "to": "2026-03-10"},
		"Leave 2026-03-10 to 2026-03-12": {"from": "2026-03-10", "to": "2026-03-12"},
		"Leave request":                  {},
	} {
		if got := l.Title("leave", vars, now); got != want {
			t.Errorf("title %q, want %q", got, want)
		}
	}
	long := l.Title("leave", feel.Vars{"from": strings.Repeat("x ", 500), "to": "y"}, now)
	if n := len([]rune(long)); n != maxTitle {
		t.Errorf("a title of %d characters, want %d", n, maxTitle)
	}
	for _, key := range []string{"leave", "leave.json", "leave.form", "camunda-forms:deployment:leave.form", "forms/leave.json"} {
		if l.Form(key) == nil || l.FormName(key) != "leave" {
			t.Errorf("the key %q does not find the form", key)
		}
	}
	if s, ok := l.Text("zh-TW", "app.name"); !ok || s != "請假" {
		t.Errorf("text %q", s)
	}
	if _, ok := l.Text("fr", "app.name"); ok {
		t.Error("there is no French text")
	}
	want := []form.SearchField{{Path: "kind", Type: form.SearchText}, {Path: "from", Type: form.SearchTime}}
	if got := l.SearchFields("leave"); !slices.Equal(got, want) {
		t.Errorf("searchable: %v, want %v", got, want)
	}
}

func TestCompare(t *testing.T) {
	from := sample(t, "leave")
	to := edited(t,
		[3]string{"forms/leave.json", "\"maxLength\": 100\n", "\"maxLength\": 50\n"},
		[3]string{"forms/leave.json", `"key": "hrComment"`, `"key": "hrRemark"`},
		[3]string{"processes/leave.bpmn", `name="Approve the leave"`, `name="Decide"`},
		[3]string{"processes/leave.bpmn", `=outcome = "reject"`, `=outcome = "no"`},
		[3]string{"processes/leave.bpmn", `P2D`, `P3D`},
		[3]string{"processes/leave.bpmn", `<dc:Bounds x="100"`, `<dc:Bounds x="101"`},
		[3]string{"texts/ja.yaml", "証明書", "証明書類"})
	delete(to.Files, "texts/zh-CN.yaml")
	to.Files["README.md"] = []byte("hello")
	got := Compare(from, to)
	want := `README.md added []
forms/leave.json changed [{deputy changed} {hrComment removed} {hrRemark added}]
processes/leave.bpmn changed [{approve changed} {approved_to_refused changed} {reminder changed}]
texts/ja.yaml changed [{forms.leave.certificate.label changed}]
texts/zh-CN.yaml removed []
`
	var b strings.Builder
	for _, f := range got.Files {
		fmt.Fprintf(&b, "%s %s %v\n", f.File, f.How, f.Parts)
	}
	if b.String() != want {
		t.Errorf("got\n%swant\n%s", b.String(), want)
	}
	if same := Compare(from, from); len(same.Files) != 0 {
		t.Errorf("a bundle differs from itself: %v", same)
	}
}
