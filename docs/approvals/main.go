// Command approvals draws the pictures of docs/approvals.md. Each is made of the model and the steps beside it, so
// it shows what they say: what the model declares stands under its task, what the steps let people do is blue.
//
//	go run ./docs/approvals
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/paceline/paceline/internal/bpmn"
)

func main() {
	if err := drawAll("docs/approvals"); err != nil {
		fmt.Fprintln(os.Stderr, "approvals: "+err.Error())
		os.Exit(1)
	}
}

func drawAll(folder string) error {
	files, err := filepath.Glob(filepath.Join(folder, "*.bpmn"))
	if err != nil {
		return err
	}
	for _, file := range files {
		svg, err := drawFile(file)
		if err != nil {
			return err
		}
		if err := os.WriteFile(with(file, ".svg"), svg, 0o644); err != nil { //nolint:gosec // a picture for everybody
			return err
		}
	}
	return nil
}

// drawFile is the picture of one model.
func drawFile(file string) ([]byte, error) {
	model, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	def, err := bpmn.Parse(model)
	if err == nil {
		err = def.Err()
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	steps, err := os.ReadFile(with(file, ".steps"))
	if err != nil {
		return nil, err
	}
	process := def.Processes[0]
	p := &picture{process: process, boxes: map[*bpmn.Node]box{}, notes: map[*bpmn.Node][]note{}}
	for _, n := range process.Nodes {
		p.notes[n] = declared(n)
	}
	if err := p.follow(steps); err != nil {
		return nil, fmt.Errorf("%s: %w", with(file, ".steps"), err)
	}
	p.layOut()
	return p.svg(), nil
}

func with(file, ending string) string { return strings.TrimSuffix(file, filepath.Ext(file)) + ending }
