package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/paceline/paceline/internal/bpmn"
	"github.com/paceline/paceline/internal/dryrun"
)

// TestPicturesShowWhatRuns plays every model with its steps, and holds picture and page to the model.
func TestPicturesShowWhatRuns(t *testing.T) {
	page, err := os.ReadFile("../approvals.md")
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("*.bpmn")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d models, %v", len(files), err)
	}
	var models strings.Builder
	for _, file := range files {
		model, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		models.WriteString(words(string(model)))
		if found := bpmn.Lint(file, model); len(found) > 0 {
			t.Errorf("%s: %v", file, found)
		}
		var said bytes.Buffer
		if status, err := dryrun.Load(file).Run(dryrun.Options{Steps: with(file, ".steps")}, &said); status != 0 || err != nil {
			t.Errorf("%s: %v\n%s", with(file, ".steps"), err, said.String())
		}
		want, err := drawFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(with(file, ".svg")); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is not what the model shows (%v); run: go run ./docs/approvals", with(file, ".svg"), err)
		}
		if !strings.Contains(string(page), "](approvals/"+with(file, ".svg")+")") {
			t.Errorf("the page does not show %s", with(file, ".svg"))
		}
	}
	for _, part := range strings.Split(string(page), "```xml\n")[1:] {
		snippet, _, _ := strings.Cut(part, "```")
		if !strings.Contains(models.String(), words(snippet)) {
			t.Errorf("no model has this snippet of the page:\n%s", snippet)
		}
	}
}

// words is text without its line breaks and indents.
func words(s string) string {
	return strings.ReplaceAll(strings.Join(strings.Fields(s), " "), "> <", "><")
}
