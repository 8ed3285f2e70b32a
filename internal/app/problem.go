package app

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/paceline/paceline/internal/bpmn"
	"github.com/paceline/paceline/internal/errs"
)

// Severity of a problem: an app with an Error is not published.
type Severity string

const (
	Warning Severity = "warning"
	Error   Severity = "error"
)

// Problem is one thing wrong in a bundle.
type Problem struct {
	File     string   `json:"file"`
	Element  string   `json:"element,omitempty"` // BPMN element, place in a form, text key
	Line     int      `json:"line,omitempty"`    // 0 when it is about the file as a whole
	Severity Severity `json:"severity" enum:"warning,error"`
	Rule     string   `json:"rule,omitempty"`
	Message  string   `json:"message"`
	Cure     string   `json:"cure,omitempty"`
}

// maxProblems that one bundle is told at once.
const maxProblems = 500

// String is the problem in one line.
func (p Problem) String() string {
	var b strings.Builder
	b.WriteString(p.File)
	if p.Line > 0 {
		fmt.Fprintf(&b, ":%d", p.Line)
	}
	if p.Element != "" {
		fmt.Fprintf(&b, " %s", p.Element)
	}
	fmt.Fprintf(&b, ": %s: %s", p.Severity, p.Message)
	if p.Cure != "" {
		fmt.Fprintf(&b, " %s", p.Cure)
	}
	return b.String()
}

func byPlace(a, b Problem) int {
	return cmp.Or(strings.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), strings.Compare(a.Element, b.Element))
}

// worst is the worst severity among problems; empty without any.
func worst(problems []Problem) Severity {
	var w Severity
	for _, p := range problems {
		if w == "" || p.Severity == Error {
			w = p.Severity
		}
	}
	return w
}

// refusal is the error of a bundle with problems.
func refusal(problems []Problem) error {
	e := errs.New(errs.Invalid, "the app cannot be published").
		WithCure("Correct the places named and publish again.")
	for _, p := range problems {
		if p.Severity != Error {
			continue
		}
		place := p.File
		if p.Line > 0 {
			place = fmt.Sprintf("%s:%d", p.File, p.Line)
		}
		if p.Element != "" {
			place += " " + p.Element
		}
		message := p.Message
		if p.Cure != "" {
			message += " " + p.Cure
		}
		e = e.WithDetails(errs.Detail{Place: place, Rule: p.Rule, Message: message})
	}
	return e
}

func (c *checker) problem(p Problem) {
	if p.Severity == "" {
		p.Severity = Error
	}
	if len(c.problems) < maxProblems {
		c.problems = append(c.problems, p)
	}
}

// fromModel takes over the problems of a BPMN file.
func (c *checker) fromModel(file string, problems []bpmn.Problem) {
	for _, p := range problems {
		severity := Warning
		if p.Severity == bpmn.Error {
			severity = Error
		}
		c.problem(Problem{File: file, Element: p.Element, Line: p.Line, Severity: severity, Rule: p.Rule, Message: p.Message, Cure: p.Cure})
	}
}
