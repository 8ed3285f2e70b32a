package bpmn

import (
	"encoding/json"
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
