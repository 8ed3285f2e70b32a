package form

import (
	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/feel"
)

// run is one pass of data through a form.
type run struct {
	form     *Form
	rights   Rights
	problems []errs.Detail
	chosen   func(*RecordSource, feel.Value) bool
}

func (r *run) problem(place, rule, message string) {
	if len(r.problems) < maxProblems {
		r.problems = append(r.problems, errs.Detail{Place: place, Rule: rule, Message: message})
	}
}

// failure is everything wrong as one error.
func (r *run) failure(message, cure string) error {
	return errs.New(errs.Invalid, "%s", message).WithDetails(r.problems...).WithCure("%s", cure)
}

// eval evaluates an expression of a component. Only a bound can make it fail.
func (r *run) eval(fr *frame, c *Component, x *feel.Expr) feel.Value {
	v, err := x.Eval(fr)
	if err != nil {
		place := c.Place
		if c.Path != "" {
			place = fr.at(c)
		}
		r.problem(place, RuleExpression, "an expression of the field could not be evaluated: "+err.Error())
	}
	return v
}

func (r *run) flag(fr *frame, c *Component, f Flag) bool {
	if f.Expr == nil {
		return f.On
	}
	return feel.Truth(r.eval(fr, c, f.Expr))
}

func (r *run) hidden(fr *frame, c *Component) bool {
	return c.Hide != nil && feel.Truth(r.eval(fr, c, c.Hide))
}
