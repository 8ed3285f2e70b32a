package feel

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestJSONKeepsAllDigitsAndOrder(t *testing.T) {
	for _, text := range []string{
		`null`, `true`, `"a\"b\u2028é"`, `[]`, `{}`,
		`12345678901234567890123456789012345678901234567890.123456789`,
		`0.1`, `1.50`, `-0.000001`,
		`{"z":1,"a":[1,{"b":null}],"m":"x"}`,
	} {
		v, err := FromJSON([]byte(text))
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		got, err := ToJSON(v)
		if err != nil || string(got) != text {
			t.Errorf("%s came back as %s, %v", text, got, err)
		}
	}
}

func TestFromJSONRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"nothing":      ``,
		"two values":   `1 2`,
		"half":         `{"a":`,
		"huge number":  `1e7000`,
		"long number":  strings.Repeat("1", 2000),
		"deep nesting": strings.Repeat("[", 5000) + strings.Repeat("]", 5000),
	} {
		if v, err := FromJSON([]byte(text)); err == nil {
			t.Errorf("%s: got %s", name, String(v))
		}
	}
}

func TestToJSONWritesTemporalsAsText(t *testing.T) {
	v := mustEval(t, `[@"2026-01-31", @"09:00:00+01:00", @"2026-01-31T09:00:00@Europe/Paris", @"P1DT2H", -@"P3M", [1..2], (<5)]`, NewContext())
	got, err := ToJSON(v)
	want := `["2026-01-31","09:00:00+01:00","2026-01-31T09:00:00@Europe/Paris","P1DT2H","-P3M","[1..2]","(<5)"]`
	if err != nil || string(got) != want {
		t.Errorf("got %s, %v", got, err)
	}
	if _, err := ToJSON(List{mustEval(t, "abs", NewContext())}); err == nil {
		t.Error("a function has JSON")
	}
	if _, err := ToJSON(struct{}{}); err == nil {
		t.Error("a struct has JSON")
	}
}

func TestFromGo(t *testing.T) {
	at := time.Date(2026, 1, 31, 9, 0, 0, 5e8, time.UTC)
	for _, c := range []struct {
		in   any
		want string
	}{
		{nil, "null"}, {true, "true"}, {"x", "x"}, {json.Number("1.50"), "1.50"}, {1.5, "1.5"}, {0.1, "0.1"},
		{float32(0.1), "0.1"}, {7, "7"}, {int32(-7), "-7"}, {int64(7), "7"}, {uint32(7), "7"}, {uint64(1 << 63), "9223372036854775808"},
		{[]any{1, "a"}, `[1, "a"]`}, {[]string{"a"}, `["a"]`}, {map[string]any{"b": 1, "a": nil}, "{a: null, b: 1}"},
		{Vars{"a": 1}, "{a: 1}"}, {at, "2026-01-31T09:00:00.5Z"}, {90 * time.Minute, "PT1H30M"}, {struct{}{}, "null"},
	} {
		if got := String(From(c.in)); got != c.want {
			t.Errorf("From(%#v) is %s, want %s", c.in, got, c.want)
		}
	}
}

func TestToGo(t *testing.T) {
	v := mustEval(t, `{n: 1.50, s: "x", b: true, l: [null, @"P1D"], f: abs}`, NewContext())
	want := map[string]any{"n": json.Number("1.50"), "s": "x", "b": true, "l": []any{nil, "P1D"}, "f": nil}
	if got := ToGo(v); !reflect.DeepEqual(got, want) {
		t.Errorf("got %#v", got)
	}
}

// TestScopeOfGoValues holds that variables may be Go's own values.
func TestScopeOfGoValues(t *testing.T) {
	x, err := Compile("n + 1 > 2 and m.k = \"v\"")
	if err != nil {
		t.Fatal(err)
	}
	v, err := x.Eval(Vars{"n": 1.5, "m": map[string]any{"k": "v"}})
	if v != true || err != nil {
		t.Error(v, err)
	}
}
