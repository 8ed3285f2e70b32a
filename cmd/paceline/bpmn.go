package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/paceline/paceline/internal/bpmn"
	"github.com/paceline/paceline/internal/dryrun"
)

type bpmnCmd struct {
	Lint   bpmnLintCmd   `cmd:"" help:"Say what in models cannot be run, and what would be ignored."`
	Run    bpmnRunCmd    `cmd:"" help:"Run a model in memory, with a clock of its own."`
	Export bpmnExportCmd `cmd:"" help:"Write a model as it was understood, in UTF-8, with its diagrams and extensions."`
}

type bpmnExportCmd struct {
	File string `arg:"" help:"A BPMN 2.0 file."`
	Out  string `placeholder:"FILE" help:"Where to; left out: standard output."`
}

// Run writes the file anew. It fails when the file is no XML; other problems do not matter.
func (x bpmnExportCmd) Run(con *console) error {
	src, err := os.ReadFile(x.File)
	if err != nil {
		return err
	}
	model, problem := bpmn.Parse(src)
	var out bytes.Buffer
	if err := model.Write(&out); err != nil {
		return fmt.Errorf("%s: %w", x.File, problem)
	}
	if x.Out != "" {
		return os.WriteFile(x.Out, out.Bytes(), 0o644)
	}
	_, err = con.out.Write(out.Bytes())
	return err
}

type bpmnLintCmd struct {
	Files []string `arg:"" name:"file" help:"BPMN 2.0 files."`
	JSON  bool     `name:"json" help:"One JSON object per problem and line."`
}

// Run prints every problem of every file. It fails when a file cannot be run.
func (l bpmnLintCmd) Run(con *console) error {
	refused := false
	for _, file := range l.Files {
		for _, f := range lint(file) {
			refused = refused || f.Severity == bpmn.Error.String()
			if err := con.finding(f, l.JSON); err != nil {
				return err
			}
		}
	}
	if refused {
		return errSaid
	}
	return nil
}

// lint reads one file; one that cannot be read has that problem.
func lint(file string) []bpmn.Finding {
	src, err := os.ReadFile(file)
	if err != nil {
		var p *os.PathError
		if errors.As(err, &p) {
			err = p.Err
		}
		return []bpmn.Finding{{File: file, Line: 1, Severity: bpmn.Error.String(), Message: "the file cannot be read: " + err.Error()}}
	}
	return bpmn.Lint(file, src)
}

func (c *console) finding(f bpmn.Finding, asJSON bool) error {
	if asJSON {
		enc := json.NewEncoder(c.out)
		enc.SetEscapeHTML(false)
		return enc.Encode(f)
	}
	place := fmt.Sprintf("%s:%d", f.File, f.Line)
	if f.Element != "" {
		place += " " + f.Element
	}
	_, err := fmt.Fprintf(c.out, "%s: %s: %s\n", place, f.Severity, printable(f.Message))
	return err
}

type bpmnRunCmd struct {
	Files   []string `arg:"" name:"file" help:"BPMN 2.0 files; the first process of the first one is started."`
	Process string   `placeholder:"ID" help:"The process to start."`
	Vars    string   `placeholder:"JSON" help:"Its variables: a JSON object, @FILE, or - for standard input."`
	Steps   string   `placeholder:"FILE" help:"What happens to it, one step a line; left out: everything completes by itself."`
	JSON    bool     `name:"json" help:"One JSON object per event and line."`

	Calendar []string `placeholder:"FILE" sep:"none" help:"A business calendar as YAML; the first is the default. Repeatable; left out: all time is work time."`
}

// Run runs the models. It fails when a file is refused, a step cannot be applied or an
// expectation does not hold; what happened has been printed by then.
func (r bpmnRunCmd) Run(con *console) error {
	var vars []byte
	if r.Vars != "" {
		text, err := argumentText(con, r.Vars)
		if err != nil {
			return err
		}
		vars = text
	}
	status, err := dryrun.Load(r.Files...).Run(dryrun.Options{Process: r.Process, Vars: vars, Steps: r.Steps, JSON: r.JSON, Calendars: r.Calendar}, con.out)
	if err == nil && status != exitDone {
		err = errSaid
	}
	return err
}
