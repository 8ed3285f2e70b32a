package bpmn

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const rulesDoc = "../../docs/bpmn-rules.md"

// TestRulesDoc holds that docs/bpmn-rules.md is the table of what TestInvalid tests: the section of the standard, what
// is wrong with the model of the test, and what lint says.
func TestRulesDoc(t *testing.T) {
	var rows []ruleRow
	for _, c := range invalid {
		d, _ := Parse([]byte(c.src))
		for _, p := range d.Problems {
			if p.Severity == Error && strings.Contains(p.text(), c.want) {
				rows = append(rows, ruleRow{p.Rule, c.name, p})
				break
			}
		}
	}
	slices.SortStableFunc(rows, func(a, b ruleRow) int { return slices.Compare(sectionKey(a.section), sectionKey(b.section)) })
	var b strings.Builder
	b.WriteString(rulesHead)
	for _, r := range rows {
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", cmp.Or(r.section, "XML"), cell(r.name), cell(r.Message), cell(r.Cure))
	}
	if *update {
		if err := os.WriteFile(rulesDoc, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(rulesDoc)
	if err != nil {
		t.Fatal(err)
	}
	if b.String() != string(want) {
		t.Errorf("%s is not what the tests say; run with -update", rulesDoc)
	}
}

// TestEventPositions goes through table 10.93: every kind of event in every position is taken or refused as the
// table has it.
func TestEventPositions(t *testing.T) {
	definitions := map[string]string{
		"message": `<messageEventDefinition messageRef="msg"><operationRef>op</operationRef></messageEventDefinition>`, "timer": timerOf("timeDuration", "PT1S"),
		"escalation": `<escalationEventDefinition escalationRef="esc"/>`, "error": `<errorEventDefinition errorRef="err"/>`, "cancel": `<cancelEventDefinition/>`,
		"compensation": `<compensateEventDefinition/>`, "conditional": `<conditionalEventDefinition><condition` + formal + `>a</condition></conditionalEventDefinition>`,
		"link": `<linkEventDefinition name="l"/>`, "signal": `<signalEventDefinition signalRef="sig"/>`, "terminate": `<terminateEventDefinition/>`,
	}
	inEvent := func(attr, d string) string {
		return around("a", "a", `<task id="a"/><subProcess id="h" triggeredByEvent="true"><startEvent id="is"`+attr+`>`+d+`</startEvent><sequenceFlow id="i" sourceRef="is" targetRef="ie"/><endEvent id="ie"/></subProcess>`)
	}
	onBorder := func(attr, d string) string {
		return around("a", "a", `<transaction id="a"><task id="in"/></transaction><boundaryEvent id="b" attachedToRef="a"`+attr+`>`+d+`</boundaryEvent><sequenceFlow id="x" sourceRef="b" targetRef="e"/>`)
	}
	for _, position := range []struct {
		name, allowed string
		model         func(definition string) string
	}{
		{"start", "message timer conditional signal", startWith},
		{"start of sub-process", "", func(d string) string {
			return around("a", "a", `<subProcess id="a">`+strings.NewReplacer(`"s"`, `"is"`, `"e"`, `"ie"`, `"f"`, `"if1"`).Replace(startWith(d))+`</subProcess>`)
		}},
		{"start of event sub-process", "message timer escalation error compensation conditional signal", func(d string) string { return inEvent("", d) }},
		{"start of event sub-process beside", "message timer escalation conditional signal", func(d string) string { return inEvent(` isInterrupting="false"`, d) }},
		{"catch", "message timer conditional link signal", func(d string) string {
			return around("c", "c", `<intermediateCatchEvent id="c">`+d+`</intermediateCatchEvent>`)
		}},
		{"boundary", "message timer escalation error cancel compensation conditional signal", func(d string) string { return onBorder("", d) }},
		{"boundary beside", "message timer escalation conditional signal", func(d string) string { return onBorder(` cancelActivity="false"`, d) }},
		{"throw", "message escalation link compensation signal", func(d string) string {
			return around("c", "c", `<intermediateThrowEvent id="c">`+d+`</intermediateThrowEvent>`)
		}},
		{"end", "message escalation error cancel compensation signal terminate", endWith},
	} {
		for kind, definition := range definitions {
			_, err := Parse([]byte(plain(position.model(definition))))
			refused := false
			var all Problems
			if errors.As(err, &all) {
				refused = slices.ContainsFunc(all, func(p Problem) bool {
					return strings.Contains(p.Message, "is not allowed as") || strings.Contains(p.Message, "always interrupts")
				})
			}
			if allowed := slices.Contains(strings.Fields(position.allowed), kind); allowed == refused {
				t.Errorf("%s as %s: allowed %v, refused %v: %v", kind, position.name, allowed, refused, err)
			}
		}
	}
}

const rulesHead = `# BPMN: the rules of lint

What ` + "`paceline bpmn lint`" + ` refuses, by section of BPMN 2.0.2 (formal/2013-12-09) or of DMN. Each row is a test with a model of its
own (` + "`TestInvalid`" + ` in internal/bpmn) and shows what is said about that model; the table is written by ` + "`go test ./internal/bpmn -run TestRulesDoc -update`" + `.
Which of these are only warnings in a file that is written for an engine, [bpmn.md](bpmn.md) says.

| section | model | problem | cure |
|---|---|---|---|
`

type ruleRow struct {
	section, name string
	Problem
}

// sectionKey sorts sections by their numbers; those of DMN and of XML come last.
func sectionKey(section string) []int {
	if section == "" {
		return []int{1000}
	}
	if strings.HasPrefix(section, "DMN") {
		return []int{999}
	}
	var key []int
	for part := range strings.SplitSeq(section, ".") {
		n, _ := strconv.Atoi(part)
		key = append(key, n)
	}
	return key
}

func cell(text string) string {
	return strings.NewReplacer("|", "\\|", "\n", " ", "<", "&lt;").Replace(text)
}
