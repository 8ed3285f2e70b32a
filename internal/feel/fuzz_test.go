package feel

import (
	"errors"
	"os"
	"strings"
	"testing"
)

// seeds are the expressions of the golden files, but for those that use all they may.
func seeds(f *testing.F) []string {
	f.Helper()
	var all []string
	for _, name := range []string{"literals", "operators", "structures", "functions", "properties", "unary"} {
		data, err := os.ReadFile("testdata/" + name + ".feel")
		if err != nil {
			f.Fatal(err)
		}
		for line := range strings.Lines(string(data)) {
			if expr, _, ok := strings.Cut(line, " => "); ok {
				expr, _, _ = strings.Cut(expr, " | ")
				all = append(all, expr)
			}
		}
	}
	return all
}

// FuzzCompile holds that compiling fails only with an *Error whose position is in the text.
func FuzzCompile(f *testing.F) {
	for _, s := range seeds(f) {
		f.Add(s)
	}
	for _, nested := range []string{"(", "[", "{a:", "-", "not(", "1 in (", "if ", "function() ", "x instance of list<", "a[", "f("} {
		f.Add(strings.Repeat(nested, 5000))
	}
	f.Add(strings.Repeat("1+", 20000) + "1")
	f.Add("x" + strings.Repeat(".a", 20000))
	f.Fuzz(func(t *testing.T, src string) {
		for _, compile := range []func(string, ...Option) (*Expr, error){Compile, CompileTests} {
			_, err := compile(src, WithNames("a b", "a-b", "x in y"), WithEntries("b-c"))
			if err == nil {
				continue
			}
			var e *Error
			if !errors.As(err, &e) || e.Message == "" || e.Offset < 0 || e.Offset > len(src) {
				t.Fatalf("%q: %#v", src, err)
			}
		}
	})
}

// FuzzEval holds that evaluating never panics, fails only with an *Error, and that what it gives can be written.
func FuzzEval(f *testing.F) {
	for _, s := range seeds(f) {
		f.Add(s, `{"a": 1, "b": [1, "x", null, {"c": true}]}`)
	}
	f.Fuzz(func(t *testing.T, src, context string) {
		x, err := Compile(src)
		if err != nil {
			return
		}
		in, err := FromJSON([]byte(context))
		if err != nil {
			return
		}
		scope, _ := in.(*Context)
		if scope == nil {
			scope = NewContext()
		}
		v, err := x.Eval(At(scope, noon))
		var e *Error
		if err != nil && !errors.As(err, &e) {
			t.Fatalf("%q: %v", src, err)
		}
		_ = String(v)
		_ = Equal(v, v)
		if _, err := ToJSON(v); err != nil && !strings.Contains(err.Error(), "function") {
			t.Fatalf("%q: %v", src, err)
		}
	})
}
