package feel

import (
	"bufio"
	"io"
	"strings"
	"testing"
)

func TestBatch(t *testing.T) {
	in := strings.Join([]string{
		`{"expr": "1 + a", "context": {"a": 1.50}}`,
		``,
		`{"expr": "first-name + \" \" + last name", "context": {"first-name": "Ada", "last name": "L"}}`,
		`{"expr": "order.ship-to", "context": {"order": {"ship-to": [1]}}}`,
		`{"expr": "1 +"}`,
		`{"expr": "nope(1)", "context": null}`,
		`{"expr": "1 / 0", "context": {}}`,
		`{"expr": "today()"}`,
		`{"expr": "function(a) a"}`,
		`{"expr": "{f: function(a) a, b: [f, f(1)]}"}`,
		`{"expr": "1", "context": [1]}`,
		`{"context": {}}`,
		`nonsense`,
		`{"expr": "\"<é>\""}`,
	}, "\n")
	want := strings.Join([]string{
		`{"value":2.50}`,
		`{"value":"Ada L"}`,
		`{"value":[1]}`,
		`{"error":"line 1, column 4: expected a value, found the end of the expression"}`,
		`{"error":"line 1, column 1: there is no function \"nope\""}`,
		`{"value":null}`,
		`{"value":"2026-01-01"}`,
		`{"value":null}`,
		`{"value":{"f":null,"b":[null,1]}}`,
		`{"error":"context is not a JSON object"}`,
		`{"error":"the line has no \"expr\""}`,
		`{"error":"the line is no JSON object with expr and context: invalid character 'o' in literal null (expecting 'u')"}`,
		`{"value":"<é>"}`,
	}, "\n") + "\n"
	var out strings.Builder
	if err := Batch(strings.NewReader(in), &out, noon); err != nil {
		t.Fatal(err)
	}
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}

// TestBatchAnswersBeforeReadingOn holds that a caller may wait for each answer.
func TestBatchAnswersBeforeReadingOn(t *testing.T) {
	questions, ask := io.Pipe()
	answer, answers := io.Pipe()
	done := make(chan error, 1)
	go func() { done <- Batch(questions, answers, noon) }()
	lines := bufio.NewReader(answer)
	for range 3 {
		if _, err := io.WriteString(ask, `{"expr": "1"}`+"\n"); err != nil {
			t.Fatal(err)
		}
		if line, err := lines.ReadString('\n'); line != "{\"value\":1}\n" || err != nil {
			t.Fatal(line, err)
		}
	}
	ask.Close()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func TestBatchRefusesEndlessLines(t *testing.T) {
	if err := Batch(strings.NewReader(strings.Repeat("x", maxLine+1)), io.Discard, noon); err == nil {
		t.Error("a line without end was read")
	}
}
