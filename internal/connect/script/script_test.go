package script

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// The test's own program is the sandbox's process when it is called so.
const serveArg = "serve-a-script"

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == serveArg {
		if err := Serve(os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

func sandbox(t *testing.T, cfg Config) *Sandbox {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cfg.Command = []string{program, serveArg}
	return New(cfg)
}

func TestWhatScriptsBringBack(t *testing.T) {
	s := sandbox(t, Config{Timeout: 30 * time.Second})
	for name, c := range map[string]struct{ source, vars, want string }{
		"last statement":       {`a * 2`, `{"a": 21}`, `{"value":42,"returned":false}`},
		"nothing":              {`var x = a`, `{"a": 21}`, `{"returned":false}`},
		"returned object":      {`if (a > 1) { return {b: a + 1, c: [1, "x"]} }`, `{"a": 2}`, `{"value":{"b":3,"c":[1,"x"]},"returned":true}`},
		"null":                 {`null`, `{}`, `{"value":null,"returned":false}`},
		"not a number":         {`0/0`, `{}`, `{"value":null,"returned":false}`},
		"date":                 {`new Date(0)`, `{}`, `{"value":"1970-01-01T00:00:00.000Z","returned":false}`},
		"set a variable":       {`execution.setVariable("b", {n: execution.getVariable("a").n + 1})`, `{"a": {"n": 1}}`, `{"returned":false,"set":{"b":{"n":2}}}`},
		"variable that is not": {`execution.getVariable("x") === null && !execution.hasVariable("toString")`, `{}`, `{"value":true,"returned":false}`},
		"seen again":           {`execution.setVariable("b", 1); execution.getVariable("b")`, `{}`, `{"value":1,"returned":false,"set":{"b":1}}`},
		"own copy of JSON":     {`JSON.stringify = () => "{]"; ({a: 1})`, `{}`, `{"value":{"a":1},"returned":false}`},
		"a name of the host":   {`typeof require + typeof process + typeof fetch + typeof console`, `{}`, `{"value":"undefinedundefinedundefinedundefined","returned":false}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			res, err := s.Run(t.Context(), c.source, []byte(c.vars))
			if err != nil {
				t.Fatal(err)
			}
			if got, _ := json.Marshal(res); string(got) != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestScriptsThatFail(t *testing.T) {
	s := sandbox(t, Config{Timeout: 20 * time.Second, Memory: 64})
	hasty := sandbox(t, Config{Timeout: 500 * time.Millisecond, Memory: 64})
	for name, c := range map[string]struct{ source, want string }{
		"syntax":              {`a +`, "SyntaxError"},
		"thrown":              {`throw new Error("no such customer")`, "no such customer"},
		"endless loop":        {`for (;;) {}`, "did not end within"},
		"endless in Go":       {`/(?=(a+)+b)/.test("a".repeat(40))`, "did not end within"},
		"huge string":         {`"x".repeat(1e9)`, "memory"},
		"doubled string":      {`let s = "x"; for (;;) s += s`, "memory"},
		"huge array":          {`Array.from({length: 1e9})`, "memory"},
		"many objects":        {`const l = []; for (;;) l.push({})`, "memory"},
		"huge answer":         {`"x".repeat(2e6)`, "larger than"},
		"endless recursion":   {`function f() { f() } f()`, ""},
		"circle":              {`const o = {}; o.o = o; o`, ""},
		"setting what cannot": {`const o = {}; o.o = o; execution.setVariable("o", o)`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			began := time.Now()
			by := s
			if strings.Contains(c.want, "end within") {
				by = hasty
			}
			_, err := by.Run(t.Context(), c.source, []byte("{}"))
			var failure *Failure
			if !errors.As(err, &failure) || !strings.Contains(failure.Message, c.want) || failure.Code != "" {
				t.Errorf("after %v: %v, want %q", time.Since(began), err, c.want)
			}
		})
	}
}

func TestScriptThrowsABpmnError(t *testing.T) {
	_, err := sandbox(t, Config{Timeout: 30 * time.Second}).Run(t.Context(), `throw new BpmnError("TOO_MUCH", "over the limit")`, []byte("{}"))
	var failure *Failure
	if !errors.As(err, &failure) || *failure != (Failure{Code: "TOO_MUCH", Message: "over the limit"}) {
		t.Errorf("got %v", err)
	}
}

// A script that is not waited for any more is no fault of its own.
func TestCallerGoesAway(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err := sandbox(t, Config{Timeout: time.Minute}).Run(ctx, `for (;;) {}`, []byte("{}"))
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}
