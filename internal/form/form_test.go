package form

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/feel"
)

// fixture is a file of testdata: a form and cases, in a shape that other
// implementations of the same rules can read too.
type fixture struct {
	Form  json.RawMessage `json:"form"`
	Now   time.Time       `json:"now"`
	Cases []struct {
		Name    string            `json:"name"`
		Form    json.RawMessage   `json:"form"`    // parse: each case has its own
		Current json.RawMessage   `json:"current"` // variables before
		Values  json.RawMessage   `json:"values"`  // what is sent
		Rights  map[string]string `json:"rights"`

		Changed  json.RawMessage  `json:"changed"`  // apply: the answer
		Errors   []wrong          `json:"errors"`   // apply: or these
		Problems []wrong          `json:"problems"` // parse
		Data     json.RawMessage  `json:"data"`     // view
		Fields   map[string]Right `json:"fields"`   // view: the rights it tells
		Absent   []string         `json:"absent"`   // view: nowhere in the answer
		Defaults json.RawMessage  `json:"defaults"`
	} `json:"cases"`
}

type wrong struct{ Place, Rule string }

func fixtures(t *testing.T, folder string, run func(t *testing.T, f *fixture)) {
	files, err := filepath.Glob("testdata/" + folder + "/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no fixtures in %s: %v", folder, err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".json"), func(t *testing.T) {
			src, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var f fixture
			if err := json.Unmarshal(src, &f); err != nil {
				t.Fatal(err)
			}
			run(t, &f)
		})
	}
}

func vars(t *testing.T, src json.RawMessage) feel.Vars {
	t.Helper()
	v := feel.Vars{}
	if src == nil {
		return v
	}
	value, err := feel.FromJSON(src)
	if err != nil {
		t.Fatal(err)
	}
	c := value.(*feel.Context)
	for i := range c.Len() {
		v[c.At(i).Name] = c.At(i).Value
	}
	return v
}

func parsed(t *testing.T, src []byte) *Form {
	t.Helper()
	f, err := Parse(src)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// wrongs are the places and rules of an error.
func wrongs(t *testing.T, err error) []wrong {
	t.Helper()
	var e *errs.Error
	if !errors.As(err, &e) || e.Kind != errs.Invalid {
		t.Fatalf("error %v; want one of kind Invalid", err)
	}
	var list []wrong
	for _, d := range e.Details {
		if d.Message == "" {
			t.Errorf("%s %s has no message", d.Place, d.Rule)
		}
		list = append(list, wrong{d.Place, d.Rule})
	}
	return list
}

// equal compares records as the package does: null and absent are the same, unless
// the record says null to clear a value.
func equal(t *testing.T, what string, got, want feel.Vars) {
	t.Helper()
	for name := range want {
		if _, there := got[name]; !there {
			t.Errorf("%s has no %s", what, name)
		}
	}
	for name, v := range got {
		if w, there := want[name]; !there || !same(v, w) {
			t.Errorf("%s: %s is %s, want %s", what, name, feel.String(v), feel.String(w))
		}
	}
}

func TestApply(t *testing.T) {
	fixtures(t, "apply", func(t *testing.T, fx *fixture) {
		f := parsed(t, fx.Form)
		for _, c := range fx.Cases {
			t.Run(c.Name, func(t *testing.T) {
				rights, problems := f.CheckRights(c.Rights)
				if problems != nil {
					t.Fatal(problems)
				}
				current := vars(t, c.Current)
				changed, err := f.Apply(Submission{Current: current, Values: vars(t, c.Values), Rights: rights, Now: fx.Now})
				if c.Errors != nil {
					if got := wrongs(t, err); !slices.Equal(got, c.Errors) {
						t.Errorf("got %v, want %v", err, c.Errors)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				equal(t, "changed", changed, vars(t, c.Changed))
			})
		}
	})
}

func TestParse(t *testing.T) {
	fixtures(t, "parse", func(t *testing.T, fx *fixture) {
		for _, c := range fx.Cases {
			t.Run(c.Name, func(t *testing.T) {
				f, err := Parse(c.Form)
				if len(c.Problems) > 0 {
					if got := wrongs(t, err); !slices.Equal(got, c.Problems) {
						t.Errorf("got %v, want %v", got, c.Problems)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				if len(f.Ignored) > 0 {
					t.Errorf("ignored: %v", f.Ignored)
				}
			})
		}
	})
}

func TestView(t *testing.T) {
	fixtures(t, "view", func(t *testing.T, fx *fixture) {
		f := parsed(t, fx.Form)
		for _, c := range fx.Cases {
			t.Run(c.Name, func(t *testing.T) {
				current := vars(t, c.Current)
				if c.Defaults != nil {
					got, err := f.Defaults(current, fx.Now)
					if err != nil {
						t.Fatal(err)
					}
					equal(t, "defaults", got, vars(t, c.Defaults))
					return
				}
				rights, problems := f.CheckRights(c.Rights)
				if problems != nil {
					t.Fatal(problems)
				}
				v := f.View(rights, current, nil)
				sent, err := json.Marshal(v)
				if err != nil {
					t.Fatal(err)
				}
				for _, s := range c.Absent {
					if strings.Contains(string(sent), s) {
						t.Errorf("%s is in the view: %s", s, sent)
					}
				}
				data, _ := json.Marshal(v.Data)
				equal(t, "data", vars(t, data), vars(t, c.Data))
				if len(v.Rights) != len(c.Fields) {
					t.Errorf("rights %v, want %v", v.Rights, c.Fields)
				}
				for path, right := range c.Fields {
					if v.Rights[path] != right {
						t.Errorf("right of %s is %q, want %q", path, v.Rights[path], right)
					}
				}
			})
		}
	})
}
