package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/feel"
)

type feelCmd struct {
	Eval feelEvalCmd `cmd:"" help:"Evaluate an expression, or with --batch one per line of standard input."`
}

type feelEvalCmd struct {
	Expr    string `arg:"" optional:"" help:"FEEL expression (DMN 1.5)."`
	Context string `placeholder:"JSON" help:"Variables: a JSON object, @FILE, or - for standard input."`
	JSON    bool   `name:"json" help:"Print the value as JSON, text in quotes."`
	Batch   bool   `help:"Read lines {\"expr\": TEXT, \"context\": OBJECT}; answer each with a line {\"value\": JSON} or {\"error\": TEXT}."`
}

// Run evaluates and prints.
func (f feelEvalCmd) Run(con *console) error {
	if f.Batch {
		return feel.Batch(con.in, con.out, time.Now())
	}
	if f.Expr == "" {
		return errs.New(errs.Invalid, "no expression is given").WithCure("paceline feel eval '1 + 2'")
	}
	vars, err := f.variables(con)
	if err != nil {
		return err
	}
	value, err := feel.EvalJSON(f.Expr, vars, time.Now())
	if err != nil {
		return err
	}
	line := string(value)
	var text string
	if !f.JSON && json.Unmarshal(value, &text) == nil && line != "null" {
		line = printable(text)
	}
	_, err = fmt.Fprintln(con.out, line)
	return err
}

func (f feelEvalCmd) variables(con *console) (*feel.Context, error) {
	if f.Context == "" {
		return feel.NewContext(), nil
	}
	text, err := argumentText(con, f.Context)
	if err != nil {
		return nil, err
	}
	v, err := feel.FromJSON(text)
	if err != nil {
		return nil, fmt.Errorf("--context: %w", err)
	}
	object, ok := v.(*feel.Context)
	if !ok {
		return nil, errors.New("--context is not a JSON object")
	}
	return object, nil
}
