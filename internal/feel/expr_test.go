package feel

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
)

func TestNamesAreTheFreeOnes(t *testing.T) {
	for expr, want := range map[string]string{
		"1":                              "",
		"a + b.c * a":                    "a,b",
		"full name = x":                  "full name,x",
		"for x in xs return x + y":       "xs,y",
		"some x in xs satisfies x = y":   "xs,y",
		"{a: 1, b: a, c: d}":             "d",
		"(function(p) p + q)(r)":         "q,r",
		"count(xs)":                      "xs",
		"xs[price > limit]":              "limit,price,xs",
		"xs[item > 1]":                   "xs",
		"sort(xs, function(a, b) a < b)": "xs",
		"x in (? > 1, y)":                "x,y",
		"for i in 1..2 return partial":   "",
		"if a then b else null":          "a,b",
		"date":                           "",
		"substring(string: s, start position: 1)": "s",
	} {
		x, err := Compile(expr)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		if want != "" {
			names = strings.Split(want, ",")
		}
		if got := x.Names(); !slices.Equal(got, names) {
			t.Errorf("%s: got %q, want %q", expr, got, names)
		}
	}
	x, err := CompileTests("> limit")
	if err != nil || !slices.Equal(x.Names(), []string{"?", "limit"}) {
		t.Error(x.Names(), err)
	}
}

func TestErrorsHaveAPlace(t *testing.T) {
	for _, c := range []struct {
		src          string
		line, column int
		offset       int
		message      string
	}{
		{"1 +\n  (2 * ", 2, 8, 11, "expected a value, found the end of the expression"},
		{"é + )", 1, 5, 5, `expected a value, found ")"`},
		{"{a: 1,\n b: nope(2)}", 2, 5, 11, `there is no function "nope"`},
		{"if a then b", 1, 12, 11, `expected "else", found the end of the expression`},
		{"\"a\nb", 1, 1, 0, `string is not closed: " is missing`},
		{"x instance of thing", 1, 15, 14, `unknown type "thing"`},
	} {
		_, err := Compile(c.src)
		var e *Error
		if !errors.As(err, &e) || *e != (Error{c.line, c.column, c.offset, c.message}) {
			t.Errorf("%q: got %#v", c.src, err)
		}
	}
}

func TestCompileIsBounded(t *testing.T) {
	for name, src := range map[string]string{
		"long":           strings.Repeat(" ", maxSource) + "1",
		"deep":           strings.Repeat("(", 300) + "1" + strings.Repeat(")", 300),
		"minus":          strings.Repeat("-", 300) + "x",
		"chain":          strings.Repeat("1+", 5000) + "1",
		"path":           "x" + strings.Repeat(".a", 5000),
		"tests in tests": strings.Repeat("1 in (", 150) + "1" + strings.Repeat("..2)", 150),
		"not UTF-8":      "\"\xff\"",
	} {
		_, err := Compile(src)
		var e *Error
		if !errors.As(err, &e) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestExprIsSharable holds that one Expr serves many goroutines (run with -race).
func TestExprIsSharable(t *testing.T) {
	x, err := Compile(`{f: function(n) for i in 1..n return i * k, r: sum(f(10)), m: matches("abc", "b")}.r`)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for k := range int64(8) {
		wg.Go(func() {
			for range 20 {
				if v, err := x.Eval(Vars{"k": Int(k)}); err != nil || !Equal(v, Int(55*k)) {
					t.Errorf("k = %d: %s, %v", k, String(v), err)
				}
			}
		})
	}
	wg.Wait()
}

func TestVariablesHideFunctionsOnlyAsValues(t *testing.T) {
	x, err := Compile("count([1, 2]) + count")
	if err != nil {
		t.Fatal(err)
	}
	if v, err := x.Eval(Vars{"count": Int(40)}); !Equal(v, Int(42)) || err != nil {
		t.Error(String(v), err)
	}
}

func TestKnownFunctions(t *testing.T) {
	f := mustEval(t, "function(a) a * 2", NewContext())
	x, err := Compile("double it(21)", WithNames("double it"))
	if err != nil {
		t.Fatal(err)
	}
	if v, err := x.Eval(Vars{"double it": f}); !Equal(v, Int(42)) || err != nil {
		t.Error(String(v), err)
	}
}

func TestWithoutAClockNowIsNull(t *testing.T) {
	x, err := Compile("[now(), today()]")
	if err != nil {
		t.Fatal(err)
	}
	if v, err := x.Eval(nil); String(v) != "[null, null]" || err != nil {
		t.Error(String(v), err)
	}
}
