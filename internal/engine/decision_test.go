package engine_test

import (
	"fmt"
	"html"
	"strings"
	"testing"

	"github.com/paceline/paceline/internal/bpmn"
	"github.com/paceline/paceline/internal/engine"
	"github.com/paceline/paceline/internal/feel"
)

const decisionFile = `<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:d="https://www.omg.org/spec/DMN/20191111/MODEL/" xmlns:zeebe="http://camunda.org/schema/zeebe/1.0" targetNamespace="t">
<d:decision id="rate" name="Rate"><d:decisionTable hitPolicy="%s">
<d:input id="i"><d:inputExpression><d:text>n</d:text></d:inputExpression></d:input>
<d:output id="o" name="r"><d:outputValues><d:text>"high","middle","low",1,2,4</d:text></d:outputValues></d:output>
<d:rule id="r1"><d:inputEntry><d:text>&gt; 0</d:text></d:inputEntry><d:outputEntry><d:text>%s</d:text></d:outputEntry></d:rule>
<d:rule id="r2"><d:inputEntry><d:text>&gt; 10</d:text></d:inputEntry><d:outputEntry><d:text>%s</d:text></d:outputEntry></d:rule>
<d:rule id="r3"><d:inputEntry><d:text>&gt; 100</d:text></d:inputEntry><d:outputEntry><d:text>%s</d:text></d:outputEntry></d:rule>
</d:decisionTable></d:decision>
<process id="main" isExecutable="true"><startEvent id="start"/><businessRuleTask id="b"><extensionElements><zeebe:calledDecision decisionId="rate" resultVariable="result"/></extensionElements></businessRuleTask><userTask id="u"/>
<sequenceFlow id="f1" sourceRef="start" targetRef="b"/><sequenceFlow id="f2" sourceRef="b" targetRef="u"/></process></definitions>`

// TestHitPolicies holds DMN 1.5 section 8.2.8 for each hit policy.
func TestHitPolicies(t *testing.T) {
	words := [3]any{`"low"`, `"high"`, `"middle"`}
	numbers := [3]any{"1", "2", "4"}
	for _, c := range []struct {
		policy string
		thens  [3]any
		n      int64
		want   string // an incident when empty
	}{
		{`UNIQUE`, words, 5, `low`},
		{`UNIQUE`, words, 50, ``},
		{`ANY`, [3]any{`"low"`, `"low"`, `"high"`}, 50, `low`},
		{`ANY`, words, 50, ``},
		{`FIRST`, words, 500, `low`},
		{`PRIORITY`, words, 500, `high`},
		{`PRIORITY`, words, 5, `low`},
		{`RULE ORDER`, words, 500, `[low high middle]`},
		{`OUTPUT ORDER`, words, 500, `[high middle low]`},
		{`COLLECT`, words, 50, `[low high]`},
		{`COLLECT" aggregation="SUM`, numbers, 500, `7`},
		{`COLLECT" aggregation="MIN`, numbers, 500, `1`},
		{`COLLECT" aggregation="MAX`, numbers, 500, `4`},
		{`COLLECT" aggregation="COUNT`, numbers, 50, `2`},
		{`UNIQUE`, words, -1, `<nil>`},
	} {
		src := fmt.Sprintf(decisionFile, c.policy, c.thens[0], c.thens[1], c.thens[2])
		def, err := compileText(src)
		if err != nil {
			t.Fatal(err)
		}
		g := play(t, def, feel.Vars{"n": feel.Int(c.n)})
		if c.want == "" {
			if len(g.state.Incidents()) != 1 {
				t.Errorf("%s of %d: no incident, %v", c.policy, c.n, g.state.Vars())
			}
			continue
		}
		if got := fmt.Sprint(g.state.Vars()["result"]); got != c.want {
			t.Errorf("%s of %d: %s, not %s (%v)", c.policy, c.n, got, c.want, g.state.Incidents())
		}
	}
}

// TestAllowedValues holds that a value outside of a column's allowed values is null, and what no rule gives.
func TestAllowedValues(t *testing.T) {
	for _, c := range []struct {
		name, policy, allowed, output, outputs string
		n                                      int64
		want                                   string
	}{
		{"input is allowed", `UNIQUE`, `1, 2, [10..20]`, ``, `"a","b"`, 15, `b`},
		{"input is not", `UNIQUE`, `1, 2`, ``, `"a","b"`, 15, `none`},
		{"input by a test", `UNIQUE`, `odd(?)`, ``, `"a","b"`, 15, `b`},
		{"input by not()", `UNIQUE`, `not(15)`, ``, `"a","b"`, 15, `none`},
		{"input of any value", `UNIQUE`, `-`, ``, `"a","b"`, 15, `b`},
		{"output is allowed", `UNIQUE`, ``, `"a", "b"`, `"a","b"`, 15, `b`},
		{"output is not", `UNIQUE`, ``, `"a"`, `"a","b"`, 15, `<nil>`},
		{"output by a test", `UNIQUE`, ``, `string length(?) > 1`, `"a","bb"`, 15, `bb`},
		{"output of any value", `PRIORITY`, ``, `-`, `"a","b"`, 15, `b`},
		{"output among others", `COLLECT`, ``, `"a"`, `"a","b"`, 15, `[<nil>]`},
		{"no rule", `UNIQUE`, ``, ``, `"a","b"`, 7, `<nil>`},
		{"no rule to collect", `COLLECT`, ``, ``, `"a","b"`, 7, `[]`},
		{"no rule in order", `RULE ORDER`, ``, ``, `"a","b"`, 7, `[]`},
		{"no rule in order of outputs", `OUTPUT ORDER`, ``, `"b","a"`, `"a","b"`, 7, `[]`},
		{"no rule to count", `COLLECT" aggregation="COUNT`, ``, ``, `"a","b"`, 7, `0`},
		{"no rule to add up", `COLLECT" aggregation="SUM`, ``, ``, `"a","b"`, 7, `<nil>`},
	} {
		one, two, _ := strings.Cut(c.outputs, ",")
		def, err := compileText(fmt.Sprintf(allowedFile, c.policy, html.EscapeString(c.allowed), html.EscapeString(c.output), one, two))
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		g := play(t, def, feel.Vars{"n": feel.Int(c.n)})
		if got := fmt.Sprint(g.state.Vars()["result"]); got != c.want {
			t.Errorf("%s: %s, not %s (%v)", c.name, got, c.want, g.state.Incidents())
		}
	}
}

const allowedFile = `<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:d="https://www.omg.org/spec/DMN/20191111/MODEL/" xmlns:zeebe="http://camunda.org/schema/zeebe/1.0" targetNamespace="t">
<d:decision id="rate" name="Rate"><d:decisionTable hitPolicy="%s">
<d:input id="i"><d:inputExpression><d:text>n</d:text></d:inputExpression><d:inputValues><d:text>%s</d:text></d:inputValues></d:input>
<d:output id="o"><d:outputValues><d:text>%s</d:text></d:outputValues></d:output>
<d:rule id="r1"><d:inputEntry><d:text>1</d:text></d:inputEntry><d:outputEntry><d:text>%s</d:text></d:outputEntry></d:rule>
<d:rule id="r2"><d:inputEntry><d:text>&gt; 10</d:text></d:inputEntry><d:outputEntry><d:text>%s</d:text></d:outputEntry></d:rule>
<d:rule id="r3"><d:inputEntry><d:text>null</d:text></d:inputEntry><d:outputEntry><d:text>"none"</d:text></d:outputEntry></d:rule>
</d:decisionTable></d:decision>
<process id="main" isExecutable="true"><startEvent id="start"/><businessRuleTask id="b"><extensionElements><zeebe:calledDecision decisionId="rate" resultVariable="result"/></extensionElements></businessRuleTask><userTask id="u"/>
<sequenceFlow id="f1" sourceRef="start" targetRef="b"/><sequenceFlow id="f2" sourceRef="b" targetRef="u"/></process></definitions>`

// TestDecisionNames holds that decisions read names with operators and reserved words in them where the file
// declares them, and that a decision without logic is a variable.
func TestDecisionNames(t *testing.T) {
	def, err := compileText(namesFile)
	if err != nil {
		t.Fatal(err)
	}
	order := feel.NewContext(feel.Entry{Name: "cut-off", Value: feel.Int(3)})
	g := play(t, def, feel.Vars{"pre-check": "ok", "days in stock": feel.Int(5), "order": order, "buyer's view": "fine"})
	if got := fmt.Sprint(g.state.Vars()["result"]); got != "ok, stale: fine" {
		t.Errorf("%s (%v)", got, g.state.Incidents())
	}
}

// TestTemporalColumns holds that text is read as a date where the column is one of dates.
func TestTemporalColumns(t *testing.T) {
	for _, c := range []struct{ typeRef, due, cell, want string }{
		{"date", "2026-02-01", `> date("2026-01-31")`, "late"},
		{"feel:date", "2026-01-31", `> date("2026-01-31")`, "<nil>"},
		{"date", "2026-02-01T10:00:00Z", `> @"2026-02-01T09:00:00Z"`, "late"},
		{"time", "10:30:00", `[@"10:00:00"..@"11:00:00"]`, "late"},
		{"dayTimeDuration", "PT25H", `> @"P1D"`, "late"},
		{"years and months duration", "P14M", `duration("P1Y2M")`, "late"},
		{"date", "tomorrow", `> date("2026-01-31")`, "<nil>"},
		{"string", "2026-02-01", `"2026-02-01"`, "late"},
	} {
		def, err := compileText(fmt.Sprintf(temporalFile, c.typeRef, html.EscapeString(c.cell)))
		if err != nil {
			t.Fatal(err)
		}
		g := play(t, def, feel.Vars{"due": c.due})
		if got := fmt.Sprint(g.state.Vars()["result"]); got != c.want {
			t.Errorf("%s %s %s: %s, not %s (%v)", c.typeRef, c.due, c.cell, got, c.want, g.state.Incidents())
		}
	}
}

const temporalFile = `<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:d="https://www.omg.org/spec/DMN/20230324/MODEL/" xmlns:zeebe="http://camunda.org/schema/zeebe/1.0" targetNamespace="t">
<d:decision id="when"><d:decisionTable>
<d:input id="i"><d:inputExpression typeRef="%s"><d:text>due</d:text></d:inputExpression></d:input><d:output id="o"/>
<d:rule id="r1"><d:inputEntry><d:text>%s</d:text></d:inputEntry><d:outputEntry><d:text>"late"</d:text></d:outputEntry></d:rule>
</d:decisionTable></d:decision>
<process id="main" isExecutable="true"><startEvent id="start"/><businessRuleTask id="b"><extensionElements><zeebe:calledDecision decisionId="when" resultVariable="result"/></extensionElements></businessRuleTask><userTask id="u"/>
<sequenceFlow id="f1" sourceRef="start" targetRef="b"/><sequenceFlow id="f2" sourceRef="b" targetRef="u"/></process></definitions>`

const namesFile = `<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:d="https://www.omg.org/spec/DMN/20230324/MODEL/" xmlns:zeebe="http://camunda.org/schema/zeebe/1.0" targetNamespace="t">
<d:definitions>
<d:itemDefinition name="tOrder"><d:itemComponent name="cut-off"/></d:itemDefinition>
<d:inputData id="i1" name="pre-check"><d:variable name="pre-check"/></d:inputData>
<d:inputData id="i2" name="days in stock"><d:variable name="days in stock"/></d:inputData>
<d:decision id="view" name="buyer's view"><d:variable name="buyer's view"/></d:decision>
<d:decision id="age" name="stock-age"><d:variable name="stock-age"/><d:decisionTable>
<d:input id="i"><d:inputExpression><d:text>days in stock</d:text></d:inputExpression></d:input><d:output id="o"/>
<d:rule id="r1"><d:inputEntry><d:text>&gt; order.cut-off</d:text></d:inputEntry><d:outputEntry><d:text>"stale"</d:text></d:outputEntry></d:rule>
</d:decisionTable></d:decision>
<d:decision id="all" name="All"><d:informationRequirement><d:requiredDecision href="#age"/></d:informationRequirement><d:informationRequirement><d:requiredDecision href="#view"/></d:informationRequirement>
<d:literalExpression><d:text>pre-check + ", " + stock-age + ": " + buyer's view</d:text></d:literalExpression></d:decision>
</d:definitions>
<process id="main" isExecutable="true"><startEvent id="start"/><businessRuleTask id="b"><extensionElements><zeebe:calledDecision decisionId="all" resultVariable="result"/></extensionElements></businessRuleTask><userTask id="u"/>
<sequenceFlow id="f1" sourceRef="start" targetRef="b"/><sequenceFlow id="f2" sourceRef="b" targetRef="u"/></process></definitions>`

func compileText(src string) (*engine.Definition, error) {
	file, err := bpmn.Parse([]byte(src))
	if err != nil {
		return nil, err
	}
	return engine.Compile(file, "main")
}
