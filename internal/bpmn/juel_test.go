package bpmn

import (
	"fmt"
	"strings"
	"testing"

	"github.com/paceline/paceline/internal/feel"
)

// TestReduce holds what vendor expressions become, and that it has the same value.
func TestReduce(t *testing.T) {
	vars := feel.Vars{
		"name":  "Ann",
		"ok":    true,
		"empty": "",
		"list":  feel.List{"a", "b"},
		"none":  feel.List{},
		"json":  feel.NewContext(feel.Entry{Name: "a", Value: feel.Int(7)}),

		"loopCounter": feel.Int(2),
		"businessKey": "K1",
	}
	for _, c := range []struct{ text, feel, value string }{
		{"${name}", `name`, "Ann"},
		{"#{name}", `name`, "Ann"},
		{"Hello ${name}!", `"Hello " + (if name = null then "" else string(name)) + "!"`, "Hello Ann!"},
		{"Hello ${nobody}", `"Hello " + (if nobody = null then "" else string(nobody))`, "Hello "},
		{"plain \"text\"", `"plain \"text\""`, `plain "text"`},
		{"${ok && name == 'Ann'}", `(ok and (name = "Ann"))`, "true"},
		{"${ok and not (name eq 'Bob')}", `(ok and ((name = "Bob") != true))`, "true"},
		{"${!missing}", `(missing != true)`, "true"},
		{"${empty list}", `(list = null or count(list) = 0 or string(list) = "")`, "false"},
		{"${empty none}", `(none = null or count(none) = 0 or string(none) = "")`, "true"},
		{"${empty missing}", `(missing = null or count(missing) = 0 or string(missing) = "")`, "true"},
		{"${not empty name}", `((name = null or count(name) = 0 or string(name) = "") != true)`, "true"},
		{"${ok ? 'yes' : 'no'}", `(if ok then "yes" else "no")`, "yes"},
		{"${list[0]}", `list[1]`, "a"},
		{"${list.get(1)}", `list[2]`, "b"},
		{"${list.size() > 1}", `(count(list) > 1)`, "true"},
		{"${list.contains('b')}", `(if list instance of string then contains(list, "b") else list contains(list, "b"))`, "true"},
		{"${name.contains('nn')}", `(if name instance of string then contains(name, "nn") else list contains(name, "nn"))`, "true"},
		{"${name.equals(\"Ann\")}", `(name = "Ann")`, "true"},
		{"${execution.getVariable('name')}", `name`, "Ann"},
		{"#{execution.processBusinessKey}", `businessKey`, "K1"},
		{"${loopCounter}", `(loopCounter - 1)`, "1"},
		{"${list[execution.getVariable('loopCounter')]}", `list[(loopCounter - 1) + 1]`, "b"},
		{"${7 mod 4 * 2}", `(modulo(7, 4) * 2)`, "6"},
		{"${1 + 2 lt 4 ? 10 div 4 : 0}", `(if ((1 + 2) < 4) then (10 / 4) else 0)`, "2.5"},
		{"${vars:getOrDefault(missing, 5)}", `(if missing = null then 5 else missing)`, "5"},
		{"${var:eq(name, 'Ann')}", `(name = "Ann")`, "true"},
		{"${name.toUpperCase()}", `upper case(name)`, "ANN"},
		{"${' a b '.trim()}", `replace(" a b ", "^\\s+|\\s+$", "")`, "a b"},
		{"${name.substring(1)}", `substring(name, 1 + 1)`, "nn"},
		{"${name.substring(0, 2)}", `substring(name, 0 + 1, 2 - 0)`, "An"},
		{"${name.indexOf('n')}", `(if contains(name, "n") then string length(substring before(name, "n")) else -1)`, "1"},
		{"${Math.max(1, 2)}", `max(1, 2)`, "2"},
		{"${S(json).prop('a').numberValue()}", `get value(json, "a")`, "7"},
		{"${variables:containsAny(list, 'x', 'b')}", `(some wanted in ["x", "b"] satisfies (if list instance of string then contains(list, wanted) else list contains(list, wanted)))`, "true"},
		{"${variables:contains(list, 'a', 'x')}", `(every wanted in ["a", "x"] satisfies (if list instance of string then contains(list, wanted) else list contains(list, wanted)))`, "false"},
	} {
		got, err := reduceTemplate(c.text)
		if err != nil || got != c.feel {
			t.Errorf("%s\n got %s (%v)\nwant %s", c.text, got, err, c.feel)
			continue
		}
		x, err := feel.Compile(got)
		if err != nil {
			t.Errorf("%s: %v", got, err)
			continue
		}
		if v, err := x.Eval(vars); err != nil || fmt.Sprint(v) != c.value {
			t.Errorf("%s: %v (%v), want %s", got, v, err, c.value)
		}
	}
}

// TestUnmarked holds how text without markers is read where an expression is expected.
func TestUnmarked(t *testing.T) {
	for text, want := range map[string]string{
		`a > 3`:                      `a > 3`,
		`=a > 3`:                     `a > 3`,
		`test.contains("a")`:         `(if test instance of string then contains(test, "a") else list contains(test, "a"))`,
		`status == 'done' && !late`:  `((status = "done") and (late != true))`,
		`not late`:                   `(late != true)`,
		`n lt 3`:                     `(n < 3)`,
		`return x == "First";`:       `(x = "First")`,
		`a = "b" and c in [1, 2, 3]`: `a = "b" and c in [1, 2, 3]`,
		`${n} `:                      `n`,

		// Python
		`x is None`:               `(x = null)`,
		`x is not None and done`:  `((x != null) and done)`,
		`done == True`:            `(done = true)`,
		`len(items) > 2`:          `((if items instance of string then string length(items) else count(items)) > 2)`,
		`s.lower() == 'yes'`:      `(lower case(s) = "yes")`,
		`kind not in ['a', "b"]`:  `not(` + membership("kind", `["a", "b"]`) + `)`,
		`getVariable("n") === 1`:  `(n = 1)`,
		`notes == 1 and isOk`:     `((notes = 1) and isOk)`,
		`is(a, b)`:                `is(a, b)`,
		`a in [1, 2] or "x" in b`: `a in [1, 2] or "x" in b`,
	} {
		p := newParser(&Definitions{})
		x := p.expression(&element{line: 1}, text, Error)
		if x == nil || x.Source != want {
			t.Errorf("%s became %+v, want %s; %v", text, x, want, p.problems)
		}
	}
}

// TestNotReducible holds that text whose meaning is not known is an error, and that
// hostile text ends soon.
func TestNotReducible(t *testing.T) {
	for _, text := range []string{
		"${bean.charge(1)}", "${execution.id}", "${a +}", "${'open}", "${a", "${}", "${a b}", "${f(x)}", "${a ? b}", "${a[1}", "${S(json).jsonPath('x')}",
		"${" + strings.Repeat("(", 100) + "a}",
		"${" + strings.Repeat("empty ", 60) + "a}",
		"${a" + strings.Repeat(".contains(1)", 1000) + "}",
		"${" + strings.Repeat("a.contains(", 60) + "1" + strings.Repeat(")", 60) + "}",
		"${" + strings.Repeat("a+", maxText) + "a}",
	} {
		if got, err := reduceTemplate(text); err == nil {
			t.Errorf("%.40s became %.60s", text, got)
		}
	}
}

func TestCheckTimer(t *testing.T) {
	for _, c := range []struct {
		form timerForm
		text string
		ok   bool
	}{
		{timerDuration, "PT1H30M", true}, {timerDuration, "P1Y2M3DT4H", true}, {timerDuration, "P2W", true}, {timerDuration, "PT0.5S", true}, {timerDuration, "-PT1S", true},
		{timerDuration, "P", false}, {timerDuration, "PT", false}, {timerDuration, "P1DT", false}, {timerDuration, "1h", false}, {timerDuration, "", false},
		{timerDate, "2026-01-31", true}, {timerDate, "2026-01-31T09:00:00Z", true}, {timerDate, "2026-01-31T09:00:00+01:00", true}, {timerDate, "2026-01-31T09:00:00@Europe/Paris", true}, {timerDate, "2026-01-31T09:00:00.123", true},
		{timerDate, "2026-02-30", false}, {timerDate, "tomorrow", false},
		{timerCycle, "R3/PT10M", true}, {timerCycle, "R/2026-01-01T00:00:00Z/P1D", true}, {timerCycle, "R5/PT1H/2026-01-01T00:00:00Z", true}, {timerCycle, "PT5M", true},
		{timerCycle, "R3", false}, {timerCycle, "Rx/PT1M", false}, {timerCycle, "R3/nonsense", false},
		{timerCycle, "0 9 * * MON-FRI", true}, {timerCycle, "0 0/5 * * * ?", true}, {timerCycle, "0 0 12 L * ? 2030", true}, {timerCycle, "@daily", true}, {timerCycle, "0 0 9-17 * * MON,WED", true},
		{timerCycle, "* * *", false}, {timerCycle, "every five minutes please now", false}, {timerCycle, "INVALID", false},
	} {
		if err := checkTimer(c.form, c.text); (err == nil) != c.ok {
			t.Errorf("%q: %v", c.text, err)
		}
	}
}
