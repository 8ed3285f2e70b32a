package bpmn

import (
	"encoding/json"
	"strings"
	"testing"
)

// TestLint holds the shape of a line of `paceline bpmn lint --json`.
func TestLint(t *testing.T) {
	findings := Lint("models/x.bpmn", []byte(plain(around("a", "a", `<task id="a" startQuantity="0"/>`))))
	if len(findings) != 1 {
		t.Fatalf("%+v", findings)
	}
	got, err := json.Marshal(findings[0])
	if err != nil {
		t.Fatal(err)
	}
	want := `{"file":"models/x.bpmn","element":"a","line":8,"severity":"error","message":"startQuantity is \"0\"; write a number of 1 or more (BPMN 10.3.1)"}`
	if string(got) != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
}

// TestOwnNames: a slip of the pen in our namespace is told, with the name that was meant.
func TestOwnNames(t *testing.T) {
	for model, want := range map[string]string{
		`<userTask id="a" paceline:asignee="x"/>`: "there is no attribute paceline:asignee; it is ignored; use one of assignee, ",
		`<userTask id="a" paceline:fomr="x"/>`:    "there is no attribute paceline:fomr; it is ignored; write form",
		`<userTask id="a"><extensionElements><paceline:polcy when="nobody"/></extensionElements></userTask>`:                               "there is no paceline:polcy; it is ignored; use one of approval, ",
		`<userTask id="a"><extensionElements><paceline:cc to="x" att="end"/></extensionElements></userTask>`:                               "paceline:cc has no attribute att; it is ignored; write at",
		`<userTask id="a" paceline:assignee="x"><extensionElements><paceline:cc to="x"/></extensionElements></userTask>`:                   "",
		`<userTask id="a" xmlns:other="urn:other" other:asignee="x"><extensionElements><other:cc too="x"/></extensionElements></userTask>`: "",
	} {
		var said string
		for _, f := range Lint("x.bpmn", []byte(strings.Replace(plain(around("a", "a", model)), "<definitions ", `<definitions xmlns:paceline="https://paceline.dev/bpmn/1.0" `, 1))) {
			said += f.Severity + " " + f.Message
		}
		if want == "" && said != "" || !strings.HasPrefix(strings.TrimPrefix(said, "warning "), want) {
			t.Errorf("%s\n got %s\nwant %s", model, said, want)
		}
	}
}
